package rule

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"tocsin/alerting"
	"tocsin/ingest"
)

func sortReadings(all []ingest.Reading) {
	slices.SortFunc(all, func(a, b ingest.Reading) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Station, b.Station), cmp.Compare(a.Sensor, b.Sensor))
	})
}

// doubtWords is why a rule's doubtful level is doubtful, with the finding of the quality test where there is one.
func (e *Engine) doubtWords(rule int) string {
	h := &e.holds[rule]
	for _, at := range e.set.rules[rule].sources {
		s := e.series[at]
		for _, m := range s.marks[h.From] {
			if h.Why == byJump && m.Test == "step" || h.Why == byFailing && m.Flag == ingest.Fail {
				return h.Why.String() + ": " + m.Detail
			}
		}
	}
	return h.Why.String()
}

// words says what was seen: "Mythe Bridge 4.07 m at 11:15, above 3.60 m since 09:45, rising 0.06 m/h".
func (e *Engine) words(rule int, level alerting.Level, doubtful bool) string {
	r := e.set.rules[rule]
	at := r.sources[0]
	s, w := e.series[at], &e.set.sensors[at]
	x, ok := s.last(math.MaxInt64, doubtful)
	if !ok {
		return w.name + " has no reading that can be judged"
	}
	when := time.UnixMilli(x.t)
	parts := []string{fmt.Sprintf("%s %s at %s", w.name, quantity(x.v, w.unit), e.clockTime(when, when))}
	h := &e.holds[rule]
	switch {
	case doubtful && h.Why == byFailing:
		since := e.clockTime(time.UnixMilli(h.From), when)
		parts = []string{fmt.Sprintf("%s sends failing values since %s, last %s at %s", w.name, since, quantity(x.v, w.unit), e.clockTime(when, when))}
	case doubtful && h.Why == bySilence:
		parts = []string{fmt.Sprintf("%s silent since %s, last %s", w.name, e.clockTime(when, when), quantity(x.v, w.unit))}
	default:
		if phrase := e.limit(rule, level, doubtful, when); phrase != "" {
			parts = append(parts, phrase)
		}
	}
	if phrase := trend(s, x, doubtful, w.unit); phrase != "" && w.quantity != ingest.Precipitation {
		parts = append(parts, phrase)
	}
	return strings.Join(parts, ", ")
}

// limit is the phrase on the value or expression that decides at a level.
func (e *Engine) limit(rule int, level alerting.Level, doubtful bool, when time.Time) string {
	r, h := e.set.rules[rule], &e.holds[rule]
	over, under := "above", "below"
	if r.Direction == Falling {
		over, under = under, over
	}
	unit := e.set.sensors[r.sources[0]].unit
	if h.Level == 0 && !doubtful {
		if r.when != nil {
			if r.Until != "" {
				return "now " + r.Until
			}
			return "no longer " + r.When
		}
		return under + " " + quantity(r.sign()*r.stages[0].clear, unit)
	}
	since := h.Since
	if doubtful {
		since = h.From
	}
	for _, st := range r.stages {
		switch {
		case st.level != level:
		case r.when != nil:
			return r.When
		default:
			return fmt.Sprintf("%s %s since %s", over, quantity(r.sign()*st.raise, unit), e.clockTime(time.UnixMilli(since), when))
		}
	}
	return ""
}

// trend is how fast a sensor moves over the last hour before x, or over its last two readings.
func trend(s *series, x sample, mixed bool, unit string) string {
	first := x
	for i := s.upper(x.t) - 1; i >= 0; i-- {
		o := s.samples[i]
		if !usable(o.class, mixed) || o.t == x.t {
			continue
		}
		if x.t-o.t > time.Hour.Milliseconds() && (first.t != x.t || x.t-o.t > s.gap) {
			break
		}
		first = o
	}
	if first.t == x.t {
		return ""
	}
	rate := (x.v - first.v) / (float64(x.t-first.t) / float64(time.Hour.Milliseconds()))
	switch text := quantity(math.Abs(rate), unit); {
	case text == quantity(0, unit):
		return "steady"
	case rate > 0:
		return "rising " + text + "/h"
	default:
		return "falling " + text + "/h"
	}
}

// quantity writes a value with its unit: two decimals for metres, one for others.
func quantity(v float64, unit string) string {
	if unit == "m" {
		return fmt.Sprintf("%.2f m", v)
	}
	return strings.TrimSpace(fmt.Sprintf("%.1f %s", v, unit))
}

// clockTime writes t in the site's time zone, with its date where that is not the day of beside.
func (e *Engine) clockTime(t, beside time.Time) string {
	t, beside = t.In(e.cfg.Location), beside.In(e.cfg.Location)
	if t.YearDay() == beside.YearDay() && t.Year() == beside.Year() {
		return t.Format("15:04")
	}
	return t.Format("2 Jan 15:04")
}
