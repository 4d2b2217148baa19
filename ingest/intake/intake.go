package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"tocsin/ingest"
)

// Errors of the intake.
var (
	// ErrClosed says that the intake takes nothing any more.
	ErrClosed = errors.New("the intake is closed")
	// ErrAhead says that a sink claims to have seen more than the journal holds: one of the two was
	// replaced by an older copy, and following would silently skip messages.
	ErrAhead = errors.New("the sink's position lies beyond the end of the journal")
)

// closeTimeout bounds Close, so that the whole program stops within 5 s.
const closeTimeout = 4500 * time.Millisecond

// Intake is the one door. See the package comment.
type Intake struct {
	config Config
	log    *slog.Logger
	clock  siteClock

	room  *semaphore.Weighted // bytes free in the queue
	mu    sync.Mutex
	queue []offered
	ended bool          // under mu: nothing is accepted any more
	wake  chan struct{} // of the commit loop
	spare []offered     // the queue's other half, owned by the commit loop

	batch     []ingest.Message // of the commit under way
	broken    bool             // the last commit failed
	emergency *emergency       // what judges messages that could not be kept

	live      *live
	followers followers
	counters  counters
	marks     marks

	loopDone chan struct{}
	stop     context.CancelFunc // of live and all followers
	stopping context.Context
	work     sync.WaitGroup
}

type offered struct {
	message ingest.Message
	done    func(error)
	weight  int64
}

// New starts the intake on a journal. The site's clock goes on where the journal left it.
func New(ctx context.Context, config Config) (*Intake, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	in := &Intake{
		config: config, log: config.Log,
		room: semaphore.NewWeighted(config.QueueBytes), wake: make(chan struct{}, 1), loopDone: make(chan struct{}),
	}
	in.clock.machine, in.clock.byMessage = config.Now, config.MQTTClock
	if err := in.restoreClock(ctx); err != nil {
		return nil, fmt.Errorf("intake: read the last message of the journal: %w", err)
	}
	in.stopping, in.stop = context.WithCancel(context.WithoutCancel(ctx))
	in.marks.add(time.Time{}, config.Journal.Last())
	in.live = newLive(in)
	in.work.Go(func() { in.live.run(in.stopping) })
	go in.commitLoop()
	return in, nil
}

// Now is the site's clock.
func (in *Intake) Now() time.Time { return in.clock.now() }

// Offer gives a message to be kept. It waits while the queue is full, and returns an error where the
// message was not taken: ErrClosed, or that of ctx. Otherwise done is called exactly once, in the order
// of the offers: with nil once the message is on the disk and may be acknowledged, or with an error
// where it could not be kept and must not be. done must not block; it may be nil.
//
// The payload must not be changed afterwards. Seq, Received and Volatile are set by the intake.
func (in *Intake) Offer(ctx context.Context, m ingest.Message, done func(error)) error {
	if len(m.Payload) > in.config.MaxPayload {
		// The rest is of no use to anybody: the decoder refuses by the length.
		m.Payload = bytes.Clone(m.Payload[:in.config.MaxPayload+1])
		in.counters.oversize.Add(1)
	}
	weight := min(int64(256+len(m.Payload)+len(m.Topic)), in.config.QueueBytes)
	if err := in.room.Acquire(ctx, weight); err != nil {
		return fmt.Errorf("wait for room in the intake: %w", err)
	}
	in.mu.Lock()
	if in.ended {
		in.mu.Unlock()
		in.room.Release(weight)
		return ErrClosed
	}
	in.queue = append(in.queue, offered{m, done, weight})
	in.mu.Unlock()
	in.signal()
	return nil
}

func (in *Intake) signal() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// Close takes no more messages, commits and acknowledges those it has, and stops the followers. It
// returns within 5 s, with an error where the disk or a sink hangs for longer.
func (in *Intake) Close() error {
	in.mu.Lock()
	in.ended = true
	in.mu.Unlock()
	in.signal()
	timeout := time.NewTimer(closeTimeout)
	defer timeout.Stop()
	select {
	case <-in.loopDone:
	case <-timeout.C:
		in.stop()
		return fmt.Errorf("intake: the journal did not commit within %v; what was not acknowledged may be lost", closeTimeout)
	}
	in.stop()
	idle := make(chan struct{})
	go func() { in.work.Wait(); close(idle) }()
	select {
	case <-idle:
		return nil
	case <-timeout.C:
		return fmt.Errorf("intake: a sink did not stop within %v", closeTimeout)
	}
}
