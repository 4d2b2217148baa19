package qc

import (
	"math"
	"time"

	"tocsin/ingest"
)

// signature holds the finding of each test, two bits each: 0 nothing to say, else one of the verdicts.
type signature uint16

const (
	passed signature = 0

	saysPass    signature = 1
	saysSuspect signature = 2
	saysFail    signature = 3

	rangeTest     = 0
	ceilingTest   = 2
	stepTest      = 4
	stuckTest     = 6
	neighbourTest = 8
)

func (s signature) of(test int) signature                   { return s >> test & 3 }
func (s signature) with(test int, says signature) signature { return s&^(3<<test) | says<<test }

// flag is the worst that any test says.
func (s signature) flag() ingest.Flag {
	worst := saysPass
	for test := rangeTest; test <= neighbourTest; test += 2 {
		worst = max(worst, s.of(test))
	}
	return verdictFlag(worst)
}

func verdictFlag(says signature) ingest.Flag {
	switch says {
	case saysSuspect:
		return ingest.Suspect
	case saysFail:
		return ingest.Fail
	default: // passed, or not asked
		return ingest.Pass
	}
}

// finding is what a scan has to say of one entry; the times and values are for the words.
type finding struct {
	sig  signature
	base point // of a step: where it came from
	back int64 // of a spike: when the values were back, ms
	word *word // what the neighbours say
}

// point is a value at a time.
type point struct {
	time  int64 // ms
	value float64
}

func (e *entry) point() point { return point{e.time, e.value} }

func span(from, to int64) time.Duration { return time.Duration(to-from) * time.Millisecond }

// grossTests are range and ceiling. far says that no believable change leads to the value.
func (s *series) grossTests(e *entry, far bool) signature {
	sig := passed
	if e.value < s.limits.min || e.value > s.limits.max {
		sig = sig.with(rangeTest, saysFail)
	}
	if far && (isCeiling(e.value) || isCeiling(onWire(e.value, s.sensor))) {
		sig = sig.with(ceilingTest, saysFail)
	}
	return sig
}

// scanner walks over a series from left to right. Its state is the last reading taken and, after a step,
// the readings that wait for it to be confirmed or taken back.
type scanner struct {
	*series
	base      int   // place of the last reading taken, -1 for none
	last      point // the last reading that was not gross
	run       int64 // since when its value is unchanged
	running   bool  // last and run hold
	full      bool  // the entry before this one was a full register, with the value fullAt
	fullAt    float64
	pending   []int // places of the readings since a step
	confirmed int   // how many of the last pending ones bear the step out
}

// scan judges the entries from the last anchor before the first dirty one.
func (s *series) scan() {
	w := scanner{series: s, base: -1}
	start := 0
	for i := min(s.dirty, len(s.entries)) - 1; i >= 0; i-- {
		if s.entries[i].has(anchor) {
			w.base, start = i, i+1
			break
		}
	}
	switch {
	case w.base >= 0:
		w.last, w.run, w.running = s.entries[w.base].point(), s.entries[w.base].run, true
	case s.before.time != 0:
		w.last, w.run, w.running = s.before.point(), s.before.run, true
	}
	s.scanned = start
	if n := len(s.entries) - start; cap(s.results) < n {
		s.results = make([]finding, n, n+n/2)
	} else {
		s.results = s.results[:n]
		clear(s.results)
	}
	for i := start; i < len(s.entries); i++ {
		w.entry(i)
	}
	w.resolve(outcomeOpen, 0)
	s.dirty = len(s.entries)
}

func (w *scanner) at(i int) *finding { return &w.results[i-w.scanned] }

// entry judges entry i.
func (w *scanner) entry(i int) {
	e := &w.entries[i]
	e.set(anchor|jumped, false)
	// A register that was full a moment ago and says the same is still full, however long that goes on: only
	// the way up to it, reading by reading, makes it water.
	sig := w.grossTests(e, w.far(e) || w.full && e.value == w.fullAt)
	w.full, w.fullAt = sig.of(ceilingTest) == saysFail, e.value
	e.set(gross, sig != passed)
	if sig != passed {
		w.at(i).sig = sig
		return
	}
	w.stuck(i)
	w.step(i)
}

// far says that e lies further from the reading before it than is believable.
func (w *scanner) far(e *entry) bool {
	from := w.base
	if n := len(w.pending); n > 0 {
		from = w.pending[n-1]
	}
	if from < 0 {
		return true
	}
	p := w.entries[from].point()
	dt := span(p.time, e.time)
	if math.IsInf(w.limits.rate, 1) {
		return dt > w.limits.gap || math.Abs(e.value-p.value) > 0.05*math.Abs(e.value)
	}
	return dt > w.limits.gap || !w.within(p, e.point())
}

func (w *scanner) within(a, b point) bool {
	return math.Abs(b.value-a.value) <= w.limits.allowed(span(a.time, b.time))
}

// stuck is QARTOD's flat line test. A silence longer than the gap ends a run.
func (w *scanner) stuck(i int) {
	e := &w.entries[i]
	if !w.running || w.last.value != e.value || span(w.last.time, e.time) > w.limits.gap {
		w.run = e.time
	}
	e.run = w.run
	w.last, w.running = e.point(), true
	if w.limits.stuck > 0 && span(e.run, e.time) > w.limits.stuck && !mayRest(w.sensor.Quantity, e.value) {
		w.at(i).sig = w.at(i).sig.with(stuckTest, saysSuspect)
	}
}

// step is QARTOD's rate of change and spike tests.
func (w *scanner) step(i int) {
	e := &w.entries[i]
	if math.IsInf(w.limits.rate, 1) || w.base < 0 || span(w.entries[w.base].time, e.time) > w.limits.gap {
		w.resolve(outcomeOpen, 0)
		w.take(i)
		return
	}
	base := w.entries[w.base].point()
	if len(w.pending) == 0 {
		if w.within(base, e.point()) {
			w.take(i)
			return
		}
		w.pending, w.confirmed = append(w.pending, i), 0
		return
	}
	last := w.entries[w.pending[len(w.pending)-1]].point()
	if w.within(base, e.point()) && math.Abs(e.value-base.value) < math.Abs(e.value-last.value) {
		w.resolve(outcomeSpike, e.time)
		w.take(i)
		return
	}
	w.pending = append(w.pending, i)
	onwards := (last.value-base.value)*(e.value-last.value) > 0
	if onwards || w.within(last, e.point()) {
		w.confirmed++
	} else {
		w.confirmed = 0
	}
	if w.confirmed >= Confirmations {
		w.confirm(i)
	}
}

// take accepts entry i as the reading to compare with.
func (w *scanner) take(i int) {
	w.base = i
	w.entries[i].set(anchor, true)
}

// confirm ends a step that has stayed, unless the neighbours still contradict it.
func (w *scanner) confirm(i int) {
	if word := w.ask(); word.says == saysFail {
		return
	}
	w.resolve(outcomeConfirmed, 0)
	w.take(i)
}

// outcome is what became of a step.
type outcome uint8

const (
	outcomeOpen outcome = iota // nothing more is known yet, or ever will be
	outcomeSpike
	outcomeConfirmed
)

// resolve gives the pending readings their finding; back is when a spike was over.
func (w *scanner) resolve(o outcome, back int64) {
	if len(w.pending) == 0 {
		return
	}
	word := w.ask()
	step, near := verdict(o, word.says, w.confirmed >= Confirmations)
	for _, i := range w.pending {
		w.entries[i].set(jumped, true)
		w.newestJump = max(w.newestJump, w.entries[i].time)
		f := w.at(i)
		f.sig = f.sig.with(stepTest, step).with(neighbourTest, near)
		f.base, f.back, f.word = w.entries[w.base].point(), back, word
	}
	w.pending, w.confirmed = w.pending[:0], 0
}

// verdict says what the tests step and neighbours make of a step.
func verdict(o outcome, near signature, stays bool) (step, neighbours signature) {
	switch {
	case near == saysPass:
		return 0, saysPass
	case o == outcomeSpike:
		return saysFail, near
	case o == outcomeConfirmed:
		return 0, 0
	case near == saysFail && stays:
		return saysSuspect, saysSuspect
	}
	return saysSuspect, near
}

// word is what the neighbours say of a step: saysPass where they moved alike, saysFail where they did
// not, 0 where they cannot tell.
type word struct {
	says  signature
	moved []string // sensors that moved alike
	still []string // sensors that stood still
}

const (
	// margin is how long before and after a step a neighbour's change still counts for it.
	margin = 30 * time.Minute
	// hearing is how old a neighbour's reading before the step may be.
	hearing = 2 * time.Hour
	// alike and quiet are shares of the step: from alike on a neighbour moved with it, below quiet it
	// stood still.
	alike, quiet = 0.25, 0.1
)

// ask hears the neighbours on the pending step.
func (w *scanner) ask() *word {
	answer := &word{}
	base := w.entries[w.base].point()
	peak := base
	for _, i := range w.pending {
		if p := w.entries[i].point(); math.Abs(p.value-base.value) > math.Abs(peak.value-base.value) {
			peak = p
		}
	}
	until := w.entries[w.pending[len(w.pending)-1]].time
	var moved, still float64
	var quietOnes []neighbour
	for _, n := range w.near {
		change, spoke := n.series.change(base.time, w.entries[w.pending[0]].time, until, peak.value > base.value)
		share := change / (peak.value - base.value)
		switch {
		case !spoke:
		case share >= alike:
			moved += n.weight
			answer.moved = append(answer.moved, w.call(n.series))
		case share < quiet:
			still += n.weight
			quietOnes = append(quietOnes, n)
			answer.still = append(answer.still, w.call(n.series))
		}
	}
	switch {
	case moved > 0 && moved >= still:
		answer.says = saysPass
	case still >= 2*moved && !w.outburst && w.mayContradict(quietOnes):
		answer.says = saysFail
	}
	return answer
}

// call names a neighbour: its station, or its sensor where the station is our own.
func (s *series) call(n *series) string {
	if n.station == s.station {
		return n.sensor.ID
	}
	return n.station
}

// change is the largest change, in the direction asked for, since shortly before the base and up to a
// margin after until. spoke is false where there is no reading to compare with, or none since the step.
func (s *series) change(base, step, until int64, up bool) (change float64, spoke bool) {
	from := s.reference(base)
	if from < 0 {
		return 0, false
	}
	for j := from + 1; j < len(s.entries) && s.entries[j].time <= until+margin.Milliseconds(); j++ {
		if s.isGross(j) {
			continue
		}
		spoke = spoke || s.entries[j].time >= step
		if d := s.entries[j].value - s.entries[from].value; up == (d > change) {
			change = d
		}
	}
	return change, spoke
}

// reference is the place of the reading a neighbour's change is counted from: the last one a margin
// before the base, else the first one after that; -1 where it was silent.
func (s *series) reference(base int64) int {
	from := -1
	i, _ := s.find(base + 1)
	for j := i - 1; j >= 0 && span(s.entries[j].time, base) <= hearing; j-- {
		if s.isGross(j) {
			continue
		}
		from = j
		if span(s.entries[j].time, base) >= margin {
			break
		}
	}
	return from
}

// isGross says whether a neighbour's entry is unusable on the face of it. It asks the stateless tests only, so
// that two series never wait for each other's findings.
func (s *series) isGross(i int) bool { return s.grossTests(&s.entries[i], true) != passed }

// mayContradict says whether those that stood still would have seen what happened. Water takes its time:
// gauges that all lie downstream have not seen the wave yet, and which way is down is not known here. So
// a flowing quantity needs one at the same spot, or two that lie to different sides.
func (w *scanner) mayContradict(still []neighbour) bool {
	if !flows(w.sensor.Quantity) {
		return len(still) > 0
	}
	for i, a := range still {
		if a.distance <= sameSpot {
			return true
		}
		for _, b := range still[:i] {
			turn := math.Abs(math.Mod(a.bearing-b.bearing+540, 360) - 180)
			if turn >= 90 && b.distance > sameSpot {
				return true
			}
		}
	}
	return false
}
