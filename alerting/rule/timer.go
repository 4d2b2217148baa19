package rule

import (
	"slices"
	"time"
)

// moveTo moves the clock forward and judges, in order, what was due on the way.
func (e *Engine) moveTo(t int64) {
	if t <= e.clock {
		return
	}
	if started := e.cfg.Started.UnixMilli(); !e.cfg.Started.IsZero() && e.clock < started && t >= started {
		e.wakeUp(started)
	}
	for {
		next, ok := e.timers.next(t)
		if !ok {
			break
		}
		e.clock, e.judged = max(e.clock, next.due), max(e.judged, next.due)
		e.due(next)
	}
	e.clock = t
}

// wakeUp takes the time during which this process did not listen out of every silence: the whole silence
// so far where it was longer than a sensor's interval, so that a long downtime raises no storm.
func (e *Engine) wakeUp(started int64) {
	deaf := started - e.clock
	if e.clock == 0 || deaf <= 0 {
		return
	}
	for i, s := range e.series {
		if s.heard < 0 {
			continue
		}
		if s.heard += deaf; deaf > e.set.sensors[i].interval.Milliseconds() {
			s.heard = started
		}
	}
	for i := range e.holds {
		if h := &e.holds[i]; h.Settle != 0 {
			h.Settle += deaf
		}
	}
	e.timers = e.allTimers()
}

// setBack follows a site's clock that was ahead for a while (a machine's before the site's own is known)
// and has been set right: what counted from then counts from now.
func (e *Engine) setBack(now int64) {
	for _, s := range e.series {
		if s.heard > now {
			s.heard = now
		}
	}
	for i := range e.holds {
		e.holds[i].Settle = min(e.holds[i].Settle, now+settleAtMost)
	}
	e.timers = e.allTimers()
}

// settleAtMost is the longest that a lowering by old readings waits, in ms; see Engine.judge.
const settleAtMost = int64(6 * time.Hour / time.Millisecond)

func (e *Engine) due(t timer) {
	switch t.kind {
	case silenceOf:
		e.silenceDue(t)
	case settleOf:
		e.settleDue(t)
	}
}

func (e *Engine) silenceDue(t timer) {
	s, w := e.series[t.of], &e.set.sensors[t.of]
	if due := s.heard + w.silence().Milliseconds(); due > t.due {
		e.timers.push(timer{due, silenceOf, t.of})
		return
	}
	s.silent = true
	for _, k := range e.readers[t.of] {
		e.refold(k.rule, lowerNever)
	}
}

// refold folds a rule's verdict anew where time alone changed it.
func (e *Engine) refold(rule int, lower lowering) {
	h := &e.holds[rule]
	before := *h
	h.fold(e.verdict(rule), lower)
	if h.Level != before.Level || h.Doubt != before.Doubt {
		e.changed(rule)
	}
}

func (e *Engine) settleDue(t timer) {
	h := &e.holds[t.of]
	if h.Settle == 0 {
		return
	}
	if h.Settle > t.due {
		e.timers.push(timer{h.Settle, settleOf, t.of})
		return
	}
	h.Settle = 0
	e.refold(t.of, lowerNow)
}

// allTimers are those that stand now, after a restore or a waking up.
func (e *Engine) allTimers() timers {
	var all timers
	for i, s := range e.series {
		if w := &e.set.sensors[i]; w.outburst && s.heard >= 0 && !s.silent {
			all.push(timer{s.heard + w.silence().Milliseconds(), silenceOf, i})
		}
	}
	for i, h := range e.holds {
		if h.Settle != 0 {
			all.push(timer{h.Settle, settleOf, i})
		}
	}
	return all
}

// timer is something that falls due by the mere passing of time.
type timer struct {
	due  int64 // Unix ms; due when the clock is past it
	kind timerKind
	of   int // sensor or rule
}

type timerKind uint8

const (
	silenceOf timerKind = iota // of a sensor
	settleOf                   // of a rule
)

// timers stand in order of due, kind and of, the next one last.
type timers []timer

func (t *timers) push(x timer) {
	at, there := slices.BinarySearchFunc(*t, x, timer.compare)
	if !there {
		*t = slices.Insert(*t, at, x)
	}
}

// next takes the first timer that is due before now.
func (t *timers) next(now int64) (timer, bool) {
	n := len(*t)
	if n == 0 || (*t)[n-1].due >= now {
		return timer{}, false
	}
	x := (*t)[n-1]
	*t = (*t)[:n-1]
	return x, true
}

// compare orders the later timer first.
func (t timer) compare(o timer) int {
	switch {
	case t.due != o.due:
		return sign(o.due - t.due)
	case t.kind != o.kind:
		return int(o.kind) - int(t.kind)
	}
	return o.of - t.of
}

func sign(d int64) int {
	if d < 0 {
		return -1
	}
	return 1
}
