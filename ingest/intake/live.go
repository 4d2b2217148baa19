package intake

import (
	"context"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/ingest"
)

// ringReadings bounds what the ring of recent batches holds (readings and messages together).
const ringReadings = 50_000

// live follows the end of the journal and keeps what the newest messages say in a ring, so that they
// are decoded and checked once for all sinks that keep up. A sink further behind decodes for itself.
type live struct {
	in       *Intake
	position atomic.Uint64 // interpreted up to here

	mu      sync.Mutex
	ring    []ingest.Batch // consecutive, oldest first
	size    int
	changed chan struct{} // closed and replaced when the ring grows

	awake chan struct{}
}

func newLive(in *Intake) *live {
	l := &live{in: in, changed: make(chan struct{}), awake: make(chan struct{}, 1)}
	l.position.Store(in.config.Journal.Last())
	return l
}

func (l *live) wake() {
	select {
	case l.awake <- struct{}{}:
	default:
	}
}

func (l *live) run(ctx context.Context) {
	p := l.in.warm(ctx, l.position.Load())
	retry := backoff{}
	for ctx.Err() == nil {
		b, err := p.read(ctx, l.position.Load(), l.in.config.Stretch)
		if err != nil && ctx.Err() == nil {
			l.in.log.Error("the journal cannot be read", "after", l.position.Load(), "err", err)
			retry.wait(ctx, nil)
			continue
		}
		retry.reset()
		if b.First != 0 {
			l.add(b)
			continue
		}
		select {
		case <-l.awake:
		case <-ctx.Done():
		}
	}
}

func (l *live) add(b ingest.Batch) {
	l.in.counters.interpreted(&b)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring = append(l.ring, b)
	l.size += sizeOf(&b)
	drop := 0
	for l.size > ringReadings && drop < len(l.ring)-1 {
		l.size -= sizeOf(&l.ring[drop])
		l.ring[drop] = ingest.Batch{}
		drop++
	}
	l.ring = l.ring[drop:]
	l.position.Store(b.Last)
	close(l.changed)
	l.changed = make(chan struct{})
}

func sizeOf(b *ingest.Batch) int { return int(b.Last-b.First+1) + len(b.Readings) + len(b.Rejects) }

// from joins the batches of the ring that begin right after a position, as far as they fit into limit
// messages. Where the ring has none, boundary is the last position that a reader may interpret for
// itself before the ring goes on, and changed tells of news.
func (l *live) from(after uint64, limit int) (b ingest.Batch, boundary uint64, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := sort.Search(len(l.ring), func(i int) bool { return l.ring[i].First > after })
	if i == len(l.ring) {
		return ingest.Batch{}, l.position.Load(), l.changed
	}
	if l.ring[i].First != after+1 {
		return ingest.Batch{}, l.ring[i].First - 1, l.changed
	}
	end := i + 1
	for end < len(l.ring) && l.ring[end].Last-after <= uint64(limit) {
		end++
	}
	return join(l.ring[i:end]), 0, l.changed
}

// join makes one batch of consecutive ones, which stay as they are.
func join(parts []ingest.Batch) ingest.Batch {
	if len(parts) == 1 {
		return parts[0]
	}
	last := parts[len(parts)-1]
	b := ingest.Batch{First: parts[0].First, Last: last.Last, Now: last.Now}
	readings := 0
	for i := range parts {
		readings += len(parts[i].Readings)
	}
	b.Readings = make([]ingest.Reading, 0, readings)
	for i := range parts {
		b.Readings = append(b.Readings, parts[i].Readings...)
		b.Rejects = append(b.Rejects, parts[i].Rejects...)
		b.Statuses = append(b.Statuses, parts[i].Statuses...)
	}
	return b
}

// marks remember where the journal's end was, to tell a sink that keeps up from one that does not.
type marks struct {
	mu   sync.Mutex
	list []mark // oldest first, a second apart or more
}

type mark struct {
	at   time.Time
	last uint64
}

// keepUp is how far behind a sink may be and still count as caught up.
const keepUp = 30 * time.Second

func (k *marks) add(at time.Time, last uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if n := len(k.list); n > 0 && at.Sub(k.list[n-1].at) < time.Second {
		return
	}
	k.list = append(k.list, mark{at, last})
	if len(k.list) > 64 {
		k.list = append(k.list[:0], k.list[1:]...)
	}
}

// due is the position that a sink must have reached by now.
func (k *marks) due(now time.Time) (last uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, m := range k.list {
		if m.at.IsZero() || now.Sub(m.at) >= keepUp {
			last = max(last, m.last)
		}
	}
	return last
}
