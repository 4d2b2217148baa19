package intake

import (
	"context"
	"time"
)

// Bounds of one group commit.
const (
	commitMessages = 16384
	commitBytes    = 8 << 20
)

// commitLoop takes what is in the queue, commits it and answers, until the intake is closed and empty.
func (in *Intake) commitLoop() {
	defer close(in.loopDone)
	for {
		taken, ended := in.take()
		if len(taken) == 0 {
			if ended {
				return
			}
			<-in.wake
			continue
		}
		for len(taken) > 0 {
			n := groupOf(taken)
			in.commit(taken[:n])
			taken = taken[n:]
		}
	}
}

// take swaps the two halves of the queue.
func (in *Intake) take() (taken []offered, ended bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	taken, in.queue = in.queue, in.spare[:0]
	in.spare = taken
	return taken, in.ended
}

// groupOf is how many of the messages waiting fit into one commit, at least one.
func groupOf(waiting []offered) int {
	size := 0
	for i := range waiting {
		size += len(waiting[i].message.Payload)
		if i == commitMessages || (i > 0 && size > commitBytes) {
			return i
		}
	}
	return len(waiting)
}

// commit stamps a group with the site's clock, keeps it, and answers for each message in order. A
// clock message counts for those behind it in the group as well, because all are kept together.
func (in *Intake) commit(group []offered) {
	now := in.clock.now()
	in.batch = in.batch[:0]
	weight := int64(0)
	for i := range group {
		m := group[i].message
		m.Seq, m.Volatile, m.Received = 0, false, now
		now = in.after(&m)
		weight += group[i].weight
		in.batch = append(in.batch, m)
	}
	began := time.Now()
	err := in.config.Journal.Append(context.Background(), in.batch)
	in.counters.commit(time.Since(began), len(group), err)
	if err == nil {
		in.clock.set(now)
		in.kept()
	} else {
		in.notKept(err)
	}
	for i := range group {
		if group[i].done != nil {
			group[i].done(err)
		}
		group[i] = offered{} // let go of the payload
	}
	clear(in.batch)
	in.room.Release(weight)
}

func (in *Intake) kept() {
	if in.broken {
		in.broken, in.emergency = false, nil
		in.log.Warn("the journal keeps messages again", "last", in.config.Journal.Last())
	}
	in.marks.add(in.config.Now(), in.config.Journal.Last())
	in.live.wake()
}

// notKept passes the messages of a failed commit on from memory.
func (in *Intake) notKept(err error) {
	if !in.broken {
		in.broken = true
		in.log.Error("the journal cannot keep messages; nothing is acknowledged, readings go on from memory only", "err", err)
	}
	if in.emergency == nil {
		in.emergency = newEmergency(in)
	}
	in.emergency.pass(in.batch)
}
