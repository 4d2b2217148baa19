// Package dispatch runs the outbox: it expands send jobs into one delivery for each recipient
// concerned and hands the deliveries to channels, the most urgent first, honestly about what became
// of each.
//
// Conventions: clocks of messages (expiry, next try) are the injected now; rates, polls and timeouts
// of the network are the machine's. One Runner speaks for one outbox: its rule that an end goes to
// exactly those who were told rests on knowing every hand-over that is under way. Run is called once;
// Wake may be called from any goroutine.
//
// What is promised: a delivery is marked as being handed over, durably, before the channel sees it.
// After a crash such a delivery is unknown and is never sent again. Consent, expiry and supersession
// are checked after that mark and directly before the hand-over. A channel sees messages of its own
// mode only.
package dispatch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/paulmach/orb"

	"tocsin/alerting"
)

// Warnings is what dispatch reads of the store.
type Warnings interface {
	Warning(ctx context.Context, id string) (alerting.Warning, error)
	Editions(ctx context.Context, warning string) ([]alerting.Edition, error)
}

// Concerned selects the recipients of a mode, with consent, whose home lies in a shape (longitude,
// latitude); recipient.Concerned is the one the program uses.
type Concerned func(ctx context.Context, directory alerting.Directory, mode alerting.Mode, shape orb.MultiPolygon) iter.Seq2[alerting.Recipient, error]

// Channels are the channels of each mode by their name. A mode without channels sends nothing.
type Channels map[alerting.Mode]map[string]alerting.Channel

// Config says how dispatch works. Start from Defaults.
type Config struct {
	Concerned Concerned
	// Rates are messages per second by the name of a channel; a channel without one is not limited.
	Rates   map[string]float64
	Workers int // hand-overs of one channel at once
	Chunk   int // deliveries written in one transaction
	// Poll is how often the outbox is looked at without being woken, and the pause after an error.
	Poll        time.Duration
	SendTimeout time.Duration // of one hand-over
	// RetryMin is the pause after the first failure; it doubles up to RetryMax. A provider's own word
	// (alerting.RetryAfter) goes before.
	RetryMin, RetryMax time.Duration
	// Grace is how long hand-overs under way may take once Run was told to stop.
	Grace time.Duration
}

// Defaults are settings for one provider of text messages; Concerned remains to be set.
func Defaults() Config {
	return Config{
		Workers: 8, Chunk: 1000, Poll: time.Second, SendTimeout: 30 * time.Second,
		RetryMin: 2 * time.Second, RetryMax: 2 * time.Minute, Grace: 3 * time.Second,
	}
}

// Validate says what is wrong with the settings.
func (c Config) Validate() error {
	var errs []error
	if c.Concerned == nil {
		errs = append(errs, errors.New("dispatch: Concerned is not set; recipient.Concerned would be right"))
	}
	if c.Workers < 1 || c.Chunk < 1 {
		errs = append(errs, fmt.Errorf("dispatch: %d workers and chunks of %d: both must be 1 or more", c.Workers, c.Chunk))
	}
	if c.Poll <= 0 || c.SendTimeout <= 0 || c.RetryMin <= 0 || c.RetryMax < c.RetryMin || c.Grace < 0 {
		errs = append(errs, fmt.Errorf("dispatch: poll %v, timeout %v, retry %v to %v, grace %v: must be positive, and the longest retry no shorter than the first",
			c.Poll, c.SendTimeout, c.RetryMin, c.RetryMax, c.Grace))
	}
	for name, rate := range c.Rates {
		if rate <= 0 {
			errs = append(errs, fmt.Errorf("dispatch: rate of channel %s is %v messages per second, must be more than 0", name, rate))
		}
	}
	return errors.Join(errs...)
}

// Runner runs one outbox.
type Runner struct {
	cfg       Config
	outbox    alerting.Outbox
	directory alerting.Directory
	warnings  Warnings
	lanes     map[alerting.Mode]map[string]*lane
	nowhere   *lane // of deliveries whose mode has no such channel
	now       func() time.Time
	log       *slog.Logger
	changed   func(alerting.Delivery)

	expansions           map[string]*expansion // of the expanding loop alone, by the job's id
	wakeExpand, wakeSend chan struct{}
	mu                   sync.Mutex
	flying               map[string]flight // hand-overs under way, by the delivery's key
}

// flight is one hand-over under way.
type flight struct {
	warning string
	edition int
	landed  chan struct{} // closed when its outcome is recorded
}

// New makes a Runner. changed is told of every delivery whose state changed one by one; it must not block.
func New(cfg Config, outbox alerting.Outbox, directory alerting.Directory, warnings Warnings, channels Channels,
	now func() time.Time, log *slog.Logger, changed func(alerting.Delivery),
) (*Runner, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	r := &Runner{
		cfg: cfg, outbox: outbox, directory: directory, warnings: warnings, now: now, log: log, changed: changed,
		lanes:      map[alerting.Mode]map[string]*lane{},
		nowhere:    newLane(nil, 1, 0),
		wakeExpand: make(chan struct{}, 1), wakeSend: make(chan struct{}, 1),
		flying: map[string]flight{}, expansions: map[string]*expansion{},
	}
	for mode, named := range channels {
		r.lanes[mode] = map[string]*lane{}
		for name, channel := range named {
			r.lanes[mode][name] = newLane(channel, cfg.Workers, cfg.Rates[name])
		}
	}
	return r, nil
}

// Wake makes the Runner look at the outbox at once; call it after a transition that wrote a send job.
func (r *Runner) Wake() {
	poke(r.wakeExpand)
	poke(r.wakeSend)
}

func poke(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends, then waits for hand-overs under way, Grace at most. Errors of the store
// are logged and tried again: a warning service does not stop because a disk was full for a minute.
func (r *Runner) Run(ctx context.Context) error {
	for err := r.recover(ctx); err != nil; err = r.recover(ctx) {
		r.log.ErrorContext(ctx, "cannot settle what was being handed over; sending waits for it", "error", err)
		if !r.pause(ctx, nil, r.cfg.Poll) {
			return nil
		}
	}
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var loops, flights sync.WaitGroup
	loops.Go(func() {
		defer r.forgetAll()
		r.loop(ctx, r.wakeExpand, "expand send jobs", r.expandRound)
	})
	loops.Go(func() {
		r.loop(ctx, r.wakeSend, "hand over what is due", func(ctx context.Context) (time.Duration, error) {
			return r.sendRound(ctx, sending, &flights)
		})
	})
	loops.Wait()
	r.land(&flights, stop)
	return nil
}

// land waits for the hand-overs under way; after Grace their contexts are cancelled and they get a
// moment to write down that the outcome is unknown. One that does not even heed that is left behind:
// its delivery stays marked and is unknown at the next start.
func (r *Runner) land(flights *sync.WaitGroup, stop func()) {
	done := make(chan struct{})
	go func() {
		flights.Wait()
		close(done)
	}()
	for range 2 {
		timer := time.NewTimer(r.cfg.Grace)
		select {
		case <-done:
			timer.Stop()
			return
		case <-timer.C:
			stop()
		}
	}
}

// loop runs round until ctx ends. A round returns how long to wait for the next one at most: 0 means at once.
func (r *Runner) loop(ctx context.Context, wake chan struct{}, what string, round func(context.Context) (time.Duration, error)) {
	for ctx.Err() == nil {
		wait, err := round(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			r.log.ErrorContext(ctx, "dispatch: a round failed and is tried again", "round", what, "error", err)
			r.pause(ctx, nil, r.cfg.Poll)
		case wait > 0:
			r.pause(ctx, wake, wait)
		}
	}
}

// pause waits for wake or the time, and says whether ctx still goes on.
func (r *Runner) pause(ctx context.Context, wake <-chan struct{}, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-timer.C:
	}
	return ctx.Err() == nil
}

// recover settles what was being handed over when the process ended: nobody knows whether it went.
func (r *Runner) recover(ctx context.Context) error {
	left, err := r.outbox.Handing(ctx)
	if err != nil {
		return err
	}
	for _, d := range left {
		d.State, d.Handing, d.Detail = alerting.StateUnknown, false, "the program ended during the hand-over"
		if err := r.record(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// record writes a delivery and tells of it.
func (r *Runner) record(ctx context.Context, d alerting.Delivery) error {
	d.ChangedAt = r.now()
	if err := r.outbox.Record(ctx, d); err != nil {
		return err
	}
	if !d.Handing {
		r.changed(d)
	}
	return nil
}
