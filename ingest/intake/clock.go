package intake

import (
	"context"
	"sync/atomic"
	"time"

	"tocsin/ingest"
)

// siteClock is the machine's clock, or what the clock messages say.
type siteClock struct {
	machine   func() time.Time
	byMessage bool
	told      atomic.Int64 // Unix ms of the last clock message
}

func (c *siteClock) now() time.Time {
	if c.byMessage {
		return time.UnixMilli(c.told.Load()).UTC()
	}
	return c.machine().UTC().Truncate(time.Millisecond)
}

// set moves a clock by messages forward, never backwards.
func (c *siteClock) set(t time.Time) {
	if ms := t.UnixMilli(); c.byMessage && ms > c.told.Load() {
		c.told.Store(ms)
	}
}

// restoreClock takes up the time where the journal left it: every message bears the clock of its
// receipt, so the last one tells it, or is itself the last clock message.
func (in *Intake) restoreClock(ctx context.Context) error {
	last := in.config.Journal.Last()
	if !in.config.MQTTClock || last == 0 {
		return nil
	}
	messages, err := in.config.Journal.Read(ctx, last-1, 1)
	if err != nil {
		return err
	}
	for i := range messages {
		in.clock.set(in.after(&messages[i]))
	}
	return nil
}

// after is the site's clock once m is taken in.
func (in *Intake) after(m *ingest.Message) time.Time {
	if !in.config.MQTTClock || m.Topic != ClockTopic {
		return m.Received
	}
	told, err := in.readClock(m.Payload)
	if err != nil || told.Before(m.Received) {
		return m.Received
	}
	return told.UTC().Truncate(time.Millisecond)
}
