package rule

import (
	"math"
	"slices"
	"time"

	"tocsin/alerting"
)

// dwell is how long (event time) a doubtful level stands after its last evidence before a good reading
// may take it back, so that a person has time to look and a flapping sensor does not ring again and again.
const dwell = int64(time.Hour / time.Millisecond)

// why says what makes a level doubtful.
type why uint8

const (
	sound why = iota
	byJump
	byAssumedTime
	byFailing
	bySilence
)

func (w why) String() string {
	switch w {
	case sound:
		return ""
	case byJump:
		return "a sudden jump that no neighbouring gauge contradicts"
	case byAssumedTime:
		return "the device gave no usable time; the time of receipt is assumed"
	case byFailing:
		return "the gauge sends failing values at a place where the fault itself may be the disaster"
	case bySilence:
		return "the gauge fell silent after a rise or in a fall at a place where the fault itself may be the disaster"
	}
	return "unknown"
}

// stageState is where one level of a rule stands. Times are Unix ms of event time, 0 for none.
type stageState struct {
	Raised    bool  `json:"r,omitempty"`
	Since     int64 `json:"s,omitempty"` // when the condition that raised it began to hold
	Doubt     why   `json:"d,omitempty"` // not sound: raised for a person to look
	DoubtFrom int64 `json:"f,omitempty"`
	DoubtLast int64 `json:"l,omitempty"` // last evidence for it
	Run       int64 `json:"u,omitempty"` // since when good readings hold the condition
	RunLast   int64 `json:"v,omitempty"`
	Mix       int64 `json:"m,omitempty"` // the same with those that may only propose
	MixLast   int64 `json:"n,omitempty"`
}

// state is where a rule stands after all events up to T. It is a value: copying it is keeping it.
type state struct {
	T int64 `json:"t"`
	// Safe says that the last event was a good reading by which the rule's clearing condition holds: only
	// then may what stands be lowered. A lake gauge that comes back after a gap shows no fall, and yet
	// the lake may have gone in between.
	Safe   bool                          `json:"k,omitempty"`
	Stages [alerting.MaxLevel]stageState `json:"g"`
}

// event is one reading as a rule meets it: of the sensor at place `of` among the rule's.
type event struct {
	*sample
	of       int
	outburst bool
}

// verdict is what the states say.
type verdict struct {
	level alerting.Level // sound
	since int64
	doubt alerting.Level // 0 where it is not above level
	why   why
	from  int64
}

func (c *compiled) verdict(s *state) verdict {
	var v verdict
	for i, stage := range c.stages {
		if st := &s.Stages[i]; st.Raised {
			v.level, v.since = stage.level, st.Since
			v.doubt, v.why, v.from = 0, sound, 0
		} else if st.Doubt != sound {
			v.doubt, v.why, v.from = stage.level, st.Doubt, st.DoubtFrom
		}
	}
	return v
}

// step moves the rule's state over one event. It is the whole of the judgement; all else is keeping
// and ordering. Events come in order of time.
func (c *compiled) step(s *state, f *frame, e event, gap int64) {
	s.T, s.Safe = e.t, false
	switch e.class {
	case mute:
		return
	case faulty:
		if e.outburst {
			s.Stages[len(c.stages)-1].propose(byFailing, e.t, e.t)
		}
		return
	case good, assumed, jump:
	}
	for i := range c.stages {
		raise, clear := c.judge(&c.stages[i], f, e)
		st := &s.Stages[i]
		if e.class == good {
			s.Safe = c.when == nil || raise != yes && clear == yes
			st.good(e.t, raise, clear, c.For.ms(), gap)
		} else {
			st.proposing(e.t, e.class, raise, c.For.ms(), gap)
		}
	}
}

// judge says whether the raising and the clearing condition of a stage hold at an event.
func (c *compiled) judge(st *stage, f *frame, e event) (raise, clear tri) {
	if c.when == nil {
		v := c.sign() * e.v
		return truth(v >= st.raise), truth(v < st.clear)
	}
	f.t, f.mixed, f.strict = e.t, e.class != good, false
	raise = c.when.holds(f)
	f.strict = true
	if c.until != nil {
		return raise, c.until.holds(f)
	}
	return raise, -c.when.holds(f)
}

func (d Duration) ms() int64 { return time.Duration(d).Milliseconds() }

// good moves a stage over a good reading. Unknown conditions (no data) leave it as it is.
func (s *stageState) good(t int64, raise, clear tri, hold, gap int64) {
	switch raise {
	case yes:
		s.Run, s.RunLast = run(s.Run, s.RunLast, t, gap)
		s.Mix, s.MixLast = run(s.Mix, s.MixLast, t, gap)
		switch {
		case s.Raised:
		case t-s.Run >= hold:
			s.Raised, s.Since = true, s.Run
			s.Doubt, s.DoubtFrom, s.DoubtLast = sound, 0, 0
		case t-s.Mix >= hold:
			s.propose(byAssumedTime, s.Mix, t)
		}
	case no:
		s.Run, s.RunLast, s.Mix, s.MixLast = 0, 0, 0, 0
	case unknown:
	}
	if clear != yes || raise == yes {
		return
	}
	s.Raised, s.Since = false, 0
	if s.Doubt != sound && t-s.DoubtLast >= dwell {
		s.Doubt, s.DoubtFrom, s.DoubtLast = sound, 0, 0
	}
}

// proposing moves a stage over a reading that may only propose.
func (s *stageState) proposing(t int64, c class, raise tri, hold, gap int64) {
	if raise != yes {
		return
	}
	s.Mix, s.MixLast = run(s.Mix, s.MixLast, t, gap)
	switch {
	case s.Raised:
	case c == jump:
		s.propose(byJump, t, t) // a person's look stands in for the time it should have held
	case t-s.Mix >= hold:
		s.propose(byAssumedTime, s.Mix, t)
	}
}

func (s *stageState) propose(w why, from, t int64) {
	if s.Raised {
		return
	}
	if s.Doubt == sound {
		s.Doubt, s.DoubtFrom = w, from
	}
	s.DoubtLast = t
}

// run prolongs a run of readings that hold a condition, or begins one where the last is too long ago.
func run(since, last, t, gap int64) (newSince, newLast int64) {
	if since == 0 || t-last > gap {
		return t, t
	}
	return since, t
}

// checkEvery is how many events lie between two kept states.
const checkEvery = 16

// track is the incremental side of one rule: its state after all events known, and earlier states from
// which a late reading is judged again.
type track struct {
	rule     *compiled
	frame    frame
	outburst []bool
	gaps     []int64
	checks   []state // in order of T; the first is the base, before which nothing is judged any more
	now      state
	fresh    int // events since the last check
}

func newTrack(s *Set, r *compiled, all []*series) *track {
	t := &track{rule: r, checks: []state{{T: math.MinInt64}}, now: state{T: math.MinInt64}}
	for _, at := range r.sources {
		t.frame.series = append(t.frame.series, all[at])
		t.outburst = append(t.outburst, s.sensors[at].outburst)
		t.gaps = append(t.gaps, s.sensors[at].gap().Milliseconds())
	}
	return t
}

// meet judges the sample at t that was just put into the series of place `of`. It does what walking all
// events again would do: the newest is stepped over, an earlier one makes the walk go back.
func (k *track) meet(of int, t int64, how change) {
	if how == appended && t > k.now.T {
		s := k.frame.series[of]
		k.advance(event{&s.samples[len(s.samples)-1], of, k.outburst[of]})
		return
	}
	k.back(t)
	k.walk()
}

func (k *track) advance(e event) {
	k.rule.step(&k.now, &k.frame, e, k.gaps[e.of])
	k.fresh++
	if k.fresh >= checkEvery {
		k.checks = append(k.checks, k.now)
		k.fresh = 0
	}
}

// back returns to the last kept state before t.
func (k *track) back(t int64) {
	n := len(k.checks)
	for n > 1 && k.checks[n-1].T >= t {
		n--
	}
	k.checks = k.checks[:n]
	k.now, k.fresh = k.checks[n-1], 0
}

// walk steps over every event after the state, in order of time, then of the rule's sensors.
func (k *track) walk() {
	next := make([]int, len(k.frame.series))
	for i, s := range k.frame.series {
		next[i] = s.upper(k.now.T)
	}
	for {
		first := -1
		for i, s := range k.frame.series {
			if next[i] < len(s.samples) && (first < 0 || s.samples[next[i]].t < k.frame.series[first].samples[next[first]].t) {
				first = i
			}
		}
		if first < 0 {
			return
		}
		x := &k.frame.series[first].samples[next[first]]
		next[first]++
		e := event{x, first, k.outburst[first]}
		k.rule.step(&k.now, &k.frame, e, k.gaps[first])
		if k.fresh++; k.fresh >= checkEvery && !k.same(next, x.t) {
			k.checks, k.fresh = append(k.checks, k.now), 0
		}
	}
}

// same says whether another event of the same time follows: a state may not be kept between the two.
func (k *track) same(next []int, t int64) bool {
	for i, s := range k.frame.series {
		if next[i] < len(s.samples) && s.samples[next[i]].t == t {
			return true
		}
	}
	return false
}

// base is the time before which nothing is judged any more.
func (k *track) base() int64 { return k.checks[0].T }

// forget moves the base up to the last kept state at or before t.
func (k *track) forget(t int64) {
	n := 0
	for n+1 < len(k.checks) && k.checks[n+1].T <= t {
		n++
	}
	if n > 0 {
		k.checks = slices.Delete(k.checks, 0, n)
	}
}
