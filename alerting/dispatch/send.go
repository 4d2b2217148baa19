package dispatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"tocsin/alerting"
)

// lookahead is how many deliveries are read beyond those being handed over, so that one channel at its
// limit does not hide the others.
const lookahead = 64

// sendRound hands over what is due as far as channels have room, and says how long to wait for more.
func (r *Runner) sendRound(ctx, sending context.Context, flights *sync.WaitGroup) (time.Duration, error) {
	r.mu.Lock()
	busy := len(r.flying)
	r.mu.Unlock()
	due, err := r.outbox.Due(ctx, r.now(), busy+lookahead)
	if err != nil {
		return 0, err
	}
	wait, launched := r.cfg.Poll, false
	for _, d := range due {
		if r.isFlying(d.Key) {
			continue
		}
		l := r.laneOf(d)
		if room, later := l.take(time.Now()); !room {
			wait = min(wait, later)
			continue
		}
		launched = true
		landed := r.takeOff(d)
		flights.Go(func() { r.fly(sending, l, d, landed) })
	}
	if launched {
		return 0, nil
	}
	return wait, nil
}

// laneOf is the channel of the delivery's own mode.
func (r *Runner) laneOf(d alerting.Delivery) *lane {
	if l := r.lanes[d.Mode][d.Channel]; l != nil {
		return l
	}
	return r.nowhere
}

func (r *Runner) isFlying(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, flying := r.flying[key]
	return flying
}

func (r *Runner) takeOff(d alerting.Delivery) chan struct{} {
	landed := make(chan struct{})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flying[d.Key] = flight{warning: d.Warning, edition: d.Edition, landed: landed}
	return landed
}

// fly takes one delivery through its hand-over and frees its place.
func (r *Runner) fly(ctx context.Context, l *lane, d alerting.Delivery, landed chan struct{}) {
	err := r.handOver(ctx, l, d)
	if err != nil {
		r.log.ErrorContext(ctx, "dispatch: cannot hand over a delivery", "delivery", d.Key, "error", err)
		r.pause(ctx, nil, r.cfg.Poll)
	}
	l.release()
	r.mu.Lock()
	delete(r.flying, d.Key)
	r.mu.Unlock()
	close(landed)
	poke(r.wakeSend)
}

// handOver marks the delivery, checks that it is still wanted, hands it to the channel and records
// the outcome. An error means that the store failed before anything was sent.
func (r *Runner) handOver(ctx context.Context, l *lane, d alerting.Delivery) error {
	d.Handing, d.Attempts = true, d.Attempts+1
	if err := r.record(ctx, d); err != nil {
		return fmt.Errorf("mark before the hand-over: %w", err)
	}
	to, state, reason, err := r.wanted(ctx, d)
	switch {
	case err != nil:
		d.Attempts-- // nothing was tried
		d.NotBefore = r.now().Add(r.cfg.RetryMin)
	case reason != "":
		d.State, d.Detail = state, reason
	case l.channel == nil:
		d.State, d.Detail = alerting.StateFailed, fmt.Sprintf("mode %s has no channel %q", d.Mode, d.Channel)
	default:
		d = r.send(ctx, l, d, to)
	}
	d.Handing = false
	r.settleRecord(ctx, d)
	return err
}

// wanted reads whether a delivery may still go out: not after its expiry, not once a later edition was
// issued, not to somebody who said STOP or was erased. It returns the address, or the state and the reason.
func (r *Runner) wanted(ctx context.Context, d alerting.Delivery) (to alerting.Address, state alerting.DeliveryState, reason string, err error) {
	w, err := r.warnings.Warning(ctx, d.Warning)
	if err != nil {
		return to, "", "", fmt.Errorf("check before the hand-over: %w", err)
	}
	if w.Mode != d.Mode {
		return to, alerting.StateFailed, fmt.Sprintf("the warning is of mode %s", w.Mode), nil
	}
	if w.Edition > d.Edition {
		return to, alerting.StateSuppressed, fmt.Sprintf("superseded by edition %d", w.Edition), nil
	}
	p, err := r.directory.Recipient(ctx, d.Mode, d.Recipient)
	switch {
	case errors.Is(err, alerting.ErrNotFound):
		return to, alerting.StateSuppressed, "the recipient is not registered any more", nil
	case err != nil:
		return to, "", "", fmt.Errorf("check before the hand-over: %w", err)
	case !p.Consent:
		return to, alerting.StateSuppressed, "the recipient has opted out", nil
	case p.Channel != d.Channel:
		return to, alerting.StateSuppressed, "the recipient uses another channel now", nil
	case !r.now().Before(d.Expires):
		return to, alerting.StateExpired, "not handed over before its expiry", nil
	}
	return p.Address, "", "", nil
}

// send hands a delivery to its channel and reads the outcome into it.
func (r *Runner) send(ctx context.Context, l *lane, d alerting.Delivery, to alerting.Address) alerting.Delivery {
	limited, cancel := context.WithTimeout(ctx, r.cfg.SendTimeout)
	defer cancel()
	receipt, err := call(limited, l.channel, alerting.Outgoing{
		Key: d.Key, Mode: d.Mode, To: to, Language: d.Language, Text: d.Text, Level: d.Urgency, Expires: d.Expires,
	})
	if receipt.ProviderID != "" {
		d.ProviderID = receipt.ProviderID
	}
	d.Detail = receipt.Detail
	if err != nil {
		d.Detail = redact(err.Error(), to)
	}
	switch {
	case err == nil:
		d.State = taken(receipt.State)
	case errors.Is(err, alerting.ErrOptedOut):
		d.State = alerting.StateSuppressed
		if err := r.directory.SetConsent(ctx, d.Channel, to, false); err != nil {
			r.log.ErrorContext(ctx, "dispatch: cannot record that a recipient opted out", "recipient", d.Recipient, "error", err)
		}
	case errors.Is(err, alerting.ErrUncertain):
		d.State = alerting.StateUnknown
	case errors.Is(err, alerting.ErrPermanent):
		d.State = alerting.StateFailed
	default:
		d.NotBefore = r.nextTry(d, err)
	}
	return d
}

// call is Send of a channel. A channel that panics may have handed over or not.
func call(ctx context.Context, channel alerting.Channel, message alerting.Outgoing) (receipt alerting.Receipt, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("channel %s failed with %v: %w", channel.Name(), fault, alerting.ErrUncertain)
		}
	}()
	return channel.Send(ctx, message)
}

// taken is the state after a hand-over without an error; what a channel may not say counts as accepted.
func taken(state alerting.DeliveryState) alerting.DeliveryState {
	if state == alerting.StateSent || state == alerting.StateDelivered {
		return state
	}
	return alerting.StateAccepted
}

// nextTry is when a delivery is tried again: at the provider's word, else after a pause that doubles
// with each attempt; at its expiry at the latest, to be recorded as expired then.
func (r *Runner) nextTry(d alerting.Delivery, err error) time.Time {
	pause := r.cfg.RetryMin
	for range d.Attempts - 1 {
		pause = min(2*pause, r.cfg.RetryMax)
	}
	var told alerting.RetryAfter
	if errors.As(err, &told) && told.After > 0 {
		pause = told.After
	}
	next := r.now().Add(pause)
	if next.After(d.Expires) {
		return d.Expires
	}
	return next
}

// settleRecord writes the outcome, and goes on trying: the message went, and only a process that ends
// before the store works again has to call it unknown.
func (r *Runner) settleRecord(ctx context.Context, d alerting.Delivery) {
	for {
		err := r.record(context.WithoutCancel(ctx), d)
		if err == nil {
			return
		}
		r.log.ErrorContext(ctx, "dispatch: cannot record the outcome of a hand-over", "delivery", d.Key, "state", d.State, "error", err)
		if !r.pause(ctx, nil, r.cfg.Poll) {
			return
		}
	}
}

// redact removes an address from a provider's words. Channels do so too; this is the second lock.
func redact(words string, address alerting.Address) string {
	value := address.Reveal()
	for _, form := range []string{value, strings.TrimPrefix(value, "+")} {
		if len(form) > 3 {
			words = strings.ReplaceAll(words, form, "…")
		}
	}
	return words
}

// lane is one channel with its room: so many hand-overs at once, so many a second.
type lane struct {
	channel alerting.Channel
	every   time.Duration // between two hand-overs; 0 where there is no limit
	workers int

	mu   sync.Mutex
	busy int
	next time.Time // of the machine's clock
}

func newLane(channel alerting.Channel, workers int, perSecond float64) *lane {
	l := &lane{channel: channel, workers: workers}
	if perSecond > 0 {
		l.every = time.Duration(float64(time.Second) / perSecond)
	}
	return l
}

// take takes a place at time now of the machine's clock; where there is none it says when to ask again.
func (l *lane) take(now time.Time) (room bool, later time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy >= l.workers {
		return false, time.Hour // release wakes
	}
	if now.Before(l.next) {
		return false, l.next.Sub(now)
	}
	l.busy++
	l.next = now.Add(l.every)
	return true, 0
}

func (l *lane) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy--
}
