package intake

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/ingest"
)

// Stats is a snapshot of what went through since the start.
type Stats struct {
	Last       uint64 // newest position of the journal
	Messages   uint64 // kept
	Refused    uint64 // messages that the journal could not keep
	Volatile   uint64 // of those, passed on from memory
	Oversize   uint64 // cut because their payload was too long
	Readings   uint64 // revisions of earlier readings not counted
	Revisions  uint64
	Rejects    map[ingest.Reason]uint64
	Statuses   uint64
	Commits    uint64
	CommitTime time.Duration // of all commits together
	CommitMax  time.Duration
	Queue      int  // messages that wait for the commit
	Failing    bool // the last commit failed
	Sinks      map[string]SinkStats
}

// SinkStats is how far one sink has come.
type SinkStats struct {
	Cursor          uint64
	Lag             uint64 // messages of the journal not applied yet
	Failures        uint64 // refused batches
	Failing         bool
	VolatileDropped uint64 // volatile batches the sink never took
}

type counters struct {
	messages, refused, volatile, oversize atomic.Uint64
	readings, revisions, statuses         atomic.Uint64
	commits, commitTime, commitMax        atomic.Uint64
	failing                               atomic.Bool

	mu      sync.Mutex
	rejects map[ingest.Reason]uint64
}

func (c *counters) commit(took time.Duration, messages int, err error) {
	c.failing.Store(err != nil)
	if err != nil {
		c.refused.Add(uint64(messages))
		return
	}
	c.messages.Add(uint64(messages))
	c.commits.Add(1)
	c.commitTime.Add(uint64(took))
	if uint64(took) > c.commitMax.Load() { // one goroutine commits
		c.commitMax.Store(uint64(took))
	}
}

func (c *counters) interpreted(b *ingest.Batch) {
	fresh := uint64(0)
	for i := range b.Readings {
		if b.Readings[i].Revision == 0 {
			fresh++
		}
	}
	c.readings.Add(fresh)
	c.revisions.Add(uint64(len(b.Readings)) - fresh)
	c.statuses.Add(uint64(len(b.Statuses)))
	if len(b.Rejects) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rejects == nil {
		c.rejects = make(map[ingest.Reason]uint64)
	}
	for i := range b.Rejects {
		c.rejects[b.Rejects[i].Reason]++
	}
}

// Stats counts what went through.
func (in *Intake) Stats() Stats {
	c := &in.counters
	in.mu.Lock()
	queue := len(in.queue)
	in.mu.Unlock()
	c.mu.Lock()
	rejects := maps.Clone(c.rejects)
	c.mu.Unlock()
	last := in.config.Journal.Last()
	return Stats{
		Last: last, Messages: c.messages.Load(), Refused: c.refused.Load(), Volatile: c.volatile.Load(), Oversize: c.oversize.Load(),
		Readings: c.readings.Load(), Revisions: c.revisions.Load(), Rejects: rejects, Statuses: c.statuses.Load(),
		Commits: c.commits.Load(), CommitTime: time.Duration(c.commitTime.Load()), CommitMax: time.Duration(c.commitMax.Load()),
		Queue: queue, Failing: c.failing.Load(), Sinks: in.followers.stats(last),
	}
}

func (s *followers) stats(last uint64) map[string]SinkStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]SinkStats, len(s.byName))
	for name, f := range s.byName {
		cursor := f.cursor.Load()
		all[name] = SinkStats{
			Cursor: cursor, Lag: last - min(cursor, last), Failures: f.failures.Load(), Failing: f.failing.Load(),
			VolatileDropped: f.dropped.Load(),
		}
	}
	return all
}

// CaughtUp says whether the sink of this name is followed and has applied everything that was in the
// journal at the start and everything received more than 30 s ago.
func (in *Intake) CaughtUp(sink string) bool {
	in.followers.mu.Lock()
	f := in.followers.byName[sink]
	in.followers.mu.Unlock()
	return f != nil && f.known.Load() && f.cursor.Load() >= in.marks.due(in.config.Now())
}
