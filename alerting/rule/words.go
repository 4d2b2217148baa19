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

// words says what was seen: "Mythe Bridge 4.07 m at 11:15, at or above 3.60 m since 09:45, rising 0.06 m/h".
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
	if phrase := s.trend(x, doubtful, w); phrase != "" {
		parts = append(parts, phrase)
	}
	return strings.Join(parts, ", ")
}

// limit is the phrase on the value or expression that decides at a level.
func (e *Engine) limit(rule int, level alerting.Level, doubtful bool, when time.Time) string {
	r, h := e.set.rules[rule], &e.holds[rule]
	since := h.Since
	if doubtful {
		since = h.From
	}
	switch cleared := h.Level == 0 && !doubtful; {
	case r.when == nil && cleared:
		return e.past(r, "below", "above", r.stages[0].clear)
	case r.when == nil:
		for _, st := range r.stages {
			if st.level == level {
				return e.past(r, "at or above", "at or below", st.raise) + " since " + e.clockTime(time.UnixMilli(since), when)
			}
		}
		return ""
	case cleared && r.until != nil:
		return cmp.Or(e.decided(rule, r.until, yes, math.MinInt64, false, false, when), "condition "+quoted(r.Until)+" holds")
	case cleared:
		return cmp.Or(e.decided(rule, r.when, no, math.MinInt64, false, false, when), "condition "+quoted(r.When)+" no longer holds")
	}
	return cmp.Or(e.decided(rule, r.when, yes, since, true, doubtful, when),
		"condition "+quoted(r.When)+" held since "+e.clockTime(time.UnixMilli(since), when))
}

// past is the phrase on a value of a threshold rule, for one that rises to danger and one that falls to it.
func (e *Engine) past(r *compiled, rising, falling string, value float64) string {
	unit := e.set.sensors[r.sources[0]].unit
	if r.Direction == Falling {
		return falling + " " + exactly(r.sign()*value, unit)
	}
	return rising + " " + exactly(value, unit)
}

// quoted is an expression as it is written, in quotes that stand out from its own.
func quoted(expression string) string { return `"` + strings.ReplaceAll(expression, `"`, `'`) + `"` }

// clockTime writes t in the site's time zone, with its date where that is not the day of beside.
func (e *Engine) clockTime(t, beside time.Time) string {
	t, beside = t.In(e.cfg.Location), beside.In(e.cfg.Location)
	if t.YearDay() == beside.YearDay() && t.Year() == beside.Year() {
		return t.Format("15:04")
	}
	return t.Format("2 Jan 15:04")
}
