package rule

import (
	"fmt"
	"math"
	"time"

	"tocsin/alerting"
	"tocsin/ingest"
)

// mostAhead is how far a reading's time may lie ahead of its receipt and still be judged.
const mostAhead = time.Hour

// Verdict is what one rule says of a set of readings.
type Verdict struct {
	Level alerting.Level // by sound evidence
	Since time.Time      // when the condition of Level began to hold; zero at level 0
	// Doubt is a higher level that a person should look at, 0 where there is none, and Doubtful why.
	Doubt    alerting.Level
	Doubtful string
}

// Verdict judges the readings received by now by one rule: a pure function of the set of readings,
// whatever their order and however often each is there. Engine does the same incrementally.
func (s *Set) Verdict(now time.Time, readings []ingest.Reading, rule string) (Verdict, error) {
	i, ok := s.byID[rule]
	if !ok {
		return Verdict{}, fmt.Errorf("verdict: there is no rule %q", rule)
	}
	all := s.emptySeries()
	for _, r := range readings {
		at, known := s.bySensor[source{r.Station, r.Sensor}]
		if !known || r.Received.After(now) || !s.judged(r) {
			continue
		}
		x := sampleOf(r)
		all[at].put(x, r.Marks)
		all[at].heard = max(all[at].heard, x.received)
	}
	track := newTrack(s, s.rules[i], all)
	track.walk()
	v := s.rules[i].verdict(&track.now)
	for _, at := range s.rules[i].sources {
		w := &s.sensors[at]
		if w.outburst && now.UnixMilli()-all[at].heard > w.silence().Milliseconds() && all[at].moved(w) {
			v.silence(s.rules[i].highest(), all[at].newest())
		}
	}
	return v.public(), nil
}

// judged says whether a reading is young enough at its receipt, and not from the future.
func (s *Set) judged(r ingest.Reading) bool {
	age := r.Received.Sub(r.Time)
	return age <= s.lateness && age >= -mostAhead && finite(r.Value)
}

func (s *Set) emptySeries() []*series {
	all := make([]*series, len(s.sensors))
	for i := range s.sensors {
		all[i] = &series{gap: s.sensors[i].gap().Milliseconds(), heard: math.MinInt64 / 2}
	}
	return all
}

// silence adds the doubt of a silent outburst gauge.
func (v *verdict) silence(highest alerting.Level, since int64) {
	if v.level < highest && v.doubt < highest {
		v.doubt, v.why, v.from = highest, bySilence, since
	}
}

func (v verdict) public() Verdict {
	out := Verdict{Level: v.level, Doubt: v.doubt, Doubtful: v.why.String()}
	if v.level > 0 {
		out.Since = time.UnixMilli(v.since).UTC()
	}
	return out
}
