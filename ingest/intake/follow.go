package intake

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/ingest"
)

// Bounds of the pause between two tries.
const (
	firstPause = 100 * time.Millisecond
	longPause  = 30 * time.Second
)

// volatileKept is how many batches that the journal could not keep wait for one sink; the oldest goes first.
const volatileKept = 256

// volatileTries is how often a volatile batch is offered to a sink before it is given up.
const volatileTries = 3

// followers are the sinks being followed, by name.
type followers struct {
	mu     sync.Mutex
	byName map[string]*follower
}

// follower is the reader of one sink.
type follower struct {
	in       *Intake
	sink     ingest.Sink
	cursor   atomic.Uint64
	known    atomic.Bool // the cursor was read
	failures atomic.Uint64
	failing  atomic.Bool
	dropped  atomic.Uint64
	volatile chan ingest.Batch
	own      *interpreter // nil while the ring is followed
	ownAt    uint64       // how far own has read
}

// Follow reads the journal for a sink until ctx ends or the intake is closed, which is no error. It
// starts at the sink's cursor, and tries a batch that the sink refuses again until it is taken. The
// batches must not be changed by the sink: others may be given the same ones.
//
// It is an error to follow two sinks of one name, or one whose cursor lies beyond the journal (ErrAhead).
func (in *Intake) Follow(ctx context.Context, sink ingest.Sink) error {
	f := &follower{in: in, sink: sink, volatile: make(chan ingest.Batch, volatileKept)}
	if err := in.enter(f); err != nil {
		return fmt.Errorf("follow the journal for %s: %w", sink.Name(), err)
	}
	defer in.work.Done()
	defer in.followers.remove(f)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(in.stopping, cancel)()
	if err := f.run(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("follow the journal for %s: %w", sink.Name(), err)
	}
	return nil
}

// enter registers a follower unless the intake is closed.
func (in *Intake) enter(f *follower) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.ended {
		return ErrClosed
	}
	if err := in.followers.add(f); err != nil {
		return err
	}
	in.work.Add(1)
	return nil
}

func (s *followers) add(f *follower) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := f.sink.Name()
	if s.byName[name] != nil {
		return errors.New("a sink of this name is followed already")
	}
	if s.byName == nil {
		s.byName = make(map[string]*follower)
	}
	s.byName[name] = f
	return nil
}

func (s *followers) remove(f *follower) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byName, f.sink.Name())
}

// give hands a volatile batch to every sink; where one has too many, its oldest goes.
func (s *followers) give(b ingest.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.byName {
		for {
			select {
			case f.volatile <- b:
			default:
				select {
				case <-f.volatile:
					f.dropped.Add(1)
				default:
				}
				continue
			}
			break
		}
	}
}

func (f *follower) run(ctx context.Context) error {
	if err := f.findCursor(ctx); err != nil {
		return err
	}
	retry := backoff{}
	for ctx.Err() == nil {
		f.drainVolatile(ctx)
		batch, changed, err := f.next(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			f.in.log.Error("the journal cannot be read", "sink", f.sink.Name(), "after", f.cursor.Load(), "err", err)
			retry.wait(ctx, f.takeVolatile)
		case batch.First != 0:
			retry.reset()
			f.apply(ctx, batch)
		default:
			f.idle(ctx, changed)
		}
	}
	return nil
}

// findCursor asks the sink where it is, again and again where it cannot say.
func (f *follower) findCursor(ctx context.Context) error {
	retry := backoff{}
	for {
		cursor, err := f.sink.Cursor(ctx)
		if err == nil {
			if last := f.in.config.Journal.Last(); cursor > last {
				return fmt.Errorf("%w: %d where the journal ends at %d", ErrAhead, cursor, last)
			}
			f.cursor.Store(cursor)
			f.known.Store(true)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f.in.log.Error("a sink cannot say where it is", "sink", f.sink.Name(), "err", err)
		retry.wait(ctx, f.takeVolatile)
	}
}

// next is the batch after the cursor: from the ring where it has it, else read by the follower itself.
func (f *follower) next(ctx context.Context) (ingest.Batch, <-chan struct{}, error) {
	after := f.cursor.Load()
	batch, boundary, changed := f.in.live.from(after, f.in.config.Stretch)
	if batch.First != 0 {
		f.own = nil
		return batch, changed, nil
	}
	if after >= boundary {
		return ingest.Batch{}, changed, nil
	}
	if f.own == nil || f.ownAt != after {
		f.own = f.in.warm(ctx, after)
	}
	batch, err := f.own.read(ctx, after, int(min(uint64(f.in.config.Stretch), boundary-after)))
	f.ownAt = batch.Last
	return batch, changed, err
}

// apply gives a batch to the sink until it is taken. Meanwhile volatile batches go on: they are what
// keeps people warned while a disk is full.
func (f *follower) apply(ctx context.Context, batch ingest.Batch) {
	retry := backoff{}
	for ctx.Err() == nil {
		err := f.safely(ctx, batch)
		if err == nil {
			if f.failing.Swap(false) {
				f.in.log.Warn("a sink takes readings again", "sink", f.sink.Name(), "position", batch.Last)
			}
			f.cursor.Store(batch.Last)
			return
		}
		if ctx.Err() != nil {
			return
		}
		f.failures.Add(1)
		f.failing.Store(true)
		f.in.log.Error("a sink refuses readings, will try again", "sink", f.sink.Name(), "first", batch.First, "last", batch.Last, "err", err)
		retry.wait(ctx, f.takeVolatile)
	}
}

// safely turns a panic of the sink into an error: it holds up nobody else.
func (f *follower) safely(ctx context.Context, batch ingest.Batch) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the sink panicked: %v", cause)
		}
	}()
	return f.sink.Apply(ctx, batch)
}

// idle waits for news.
func (f *follower) idle(ctx context.Context, changed <-chan struct{}) {
	select {
	case <-changed:
	case b := <-f.volatile:
		f.applyVolatile(ctx, b)
	case <-ctx.Done():
	}
}

func (f *follower) drainVolatile(ctx context.Context) {
	for {
		select {
		case b := <-f.volatile:
			f.applyVolatile(ctx, b)
		default:
			return
		}
	}
}

func (f *follower) takeVolatile(ctx context.Context, until <-chan time.Time) {
	for {
		select {
		case b := <-f.volatile:
			f.applyVolatile(ctx, b)
		case <-until:
			return
		case <-ctx.Done():
			return
		}
	}
}

// applyVolatile gives a batch that is not in the journal to the sink, a few times at most.
func (f *follower) applyVolatile(ctx context.Context, b ingest.Batch) {
	retry := backoff{}
	for try := 1; ctx.Err() == nil; try++ {
		err := f.safely(ctx, b)
		if err == nil {
			return
		}
		if try == volatileTries {
			f.dropped.Add(1)
			f.in.log.Error("a sink refused readings that the journal could not keep; they are lost to it", "sink", f.sink.Name(), "err", err)
			return
		}
		retry.wait(ctx, nil)
	}
}

// backoff is a pause that doubles, with jitter so that many do not try at once.
type backoff struct{ pause time.Duration }

func (b *backoff) reset() { b.pause = 0 }

// wait pauses; meanwhile, where given, is called to do something else until the pause is over.
func (b *backoff) wait(ctx context.Context, meanwhile func(context.Context, <-chan time.Time)) {
	b.pause = min(max(2*b.pause, firstPause), longPause)
	timer := time.NewTimer(b.pause/2 + rand.N(b.pause/2))
	defer timer.Stop()
	if meanwhile != nil {
		meanwhile(ctx, timer.C)
		return
	}
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
