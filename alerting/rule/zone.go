package rule

import (
	"time"

	"tocsin/alerting"
	"tocsin/ingest"
)

// zoneState is what was said last of a (kind, zone).
type zoneState struct {
	key     zoneKey
	ordinal uint64         // hazards emitted
	level   alerting.Level // sound, as last said
	doubt   alerting.Level // above level, as last said; 0: none
}

// statement is the last word on a zone: the doubtful level where one stands above the sound one.
func (z *zoneState) statement() (level alerting.Level, doubtful bool) {
	if z.doubt > 0 {
		return z.doubt, true
	}
	return z.level, false
}

// most evidence readings in a hazard.
const mostEvidence = 20

// combine takes the highest level that any rule of the zone holds, so that a zone is over only when all
// its rules are, and emits what is new in it. A sound level that rises below a standing doubt is said
// first, then the doubt again; one that falls below a standing doubt is not said, since a person has
// still to look. cause is the rule that changed; because, where not empty, makes a fall doubtful.
func (e *Engine) combine(zone, cause int, because string) {
	z := &e.zones[zone]
	level, doubt, byLevel, byDoubt := alerting.Level(0), alerting.Level(0), cause, cause
	for _, i := range e.byZone[zone] {
		if e.holds[i].Level > level {
			level, byLevel = e.holds[i].Level, i
		}
		if e.holds[i].Doubt > doubt {
			doubt, byDoubt = e.holds[i].Doubt, i
		}
	}
	if doubt <= level {
		doubt = 0
	}
	before, wasDoubtful := z.statement()
	rose := level > z.level
	z.level, z.doubt = level, doubt
	if rose && doubt > 0 {
		e.emit(z, byLevel, level, "")
		e.emit(z, byDoubt, doubt, e.doubtWords(byDoubt))
		return
	}
	now, doubtful := z.statement()
	switch {
	case now == before && doubtful == wasDoubtful:
	case doubtful:
		e.emit(z, byDoubt, now, e.doubtWords(byDoubt))
	default:
		e.emit(z, byLevel, now, because)
	}
}

// emit queues a hazard with its words and evidence. rule is -1 where no rule decides any more.
func (e *Engine) emit(z *zoneState, rule int, level alerting.Level, doubtful string) {
	z.ordinal++
	h := alerting.Hazard{
		Kind: z.key.kind, Zone: z.key.zone, Level: level, Doubtful: doubtful,
		Judged: time.UnixMilli(e.judged).UTC(), Position: e.position, Ordinal: z.ordinal,
	}
	if rule < 0 {
		h.Words = doubtful
		h.Onset = h.Judged
		e.pending = append(e.pending, h)
		return
	}
	r := e.set.rules[rule]
	h.Rule, h.RuleHash, h.Station, h.Sensor = r.ID, r.hash, r.Station, r.Sensor
	held := &e.holds[rule]
	onset := held.Since
	if level > held.Level && held.Doubt > 0 {
		onset = held.From
	}
	if level == 0 {
		onset = e.tracks[rule].now.T
	}
	h.Onset = time.UnixMilli(onset).UTC()
	h.Words = e.words(rule, level, level > held.Level && held.Doubt > 0)
	h.Evidence = e.evidence(rule)
	e.pending = append(e.pending, h)
}

// evidence is the newest readings of the rule's sensors that say something, in order of time.
func (e *Engine) evidence(rule int) []ingest.Reading {
	r := e.set.rules[rule]
	each := max(mostEvidence/len(r.sources), 1)
	var all []ingest.Reading
	for _, at := range r.sources[:min(len(r.sources), mostEvidence)] {
		s, w := e.series[at], &e.set.sensors[at]
		n := 0
		for i := len(s.samples) - 1; i >= 0 && n < each; i-- {
			x := s.samples[i]
			if x.class == mute || x.class == faulty && !w.outburst {
				continue
			}
			all = append(all, s.reading(w, x))
			n++
		}
	}
	sortReadings(all)
	return all
}
