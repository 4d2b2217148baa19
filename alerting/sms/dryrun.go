package sms

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"tocsin/alerting"
)

// phones is how many different phones a dry run keeps messages of.
const phones = 10_000

// Message is what a phone of a dry run shows.
type Message struct {
	Key      string         `json:"key"`
	Mode     alerting.Mode  `json:"mode"`
	Language string         `json:"language"`
	Text     string         `json:"text"`
	Level    alerting.Level `json:"level"`
	At       time.Time      `json:"at"`
	Segmentation
}

// DryRun is a channel that reaches nobody: it keeps the last messages of each phone for a screen.
type DryRun struct {
	keep int
	now  func() time.Time

	mu       sync.Mutex
	messages map[alerting.Address][]Message
}

// NewDryRun makes a dry run that keeps the last messages of each phone, in memory.
func NewDryRun(keep int, now func() time.Time) *DryRun {
	return &DryRun{keep: max(keep, 1), now: now, messages: map[alerting.Address][]Message{}}
}

// Name is the channel's name as recipients have it.
func (d *DryRun) Name() string { return "sms" }

// Send keeps the message. The same key again, as after a restart of the outbox, is shown once.
func (d *DryRun) Send(ctx context.Context, message alerting.Outgoing) (alerting.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return alerting.Receipt{}, fmt.Errorf("dry run: %w", err)
	}
	now := d.now()
	if !now.Before(message.Expires) {
		return alerting.Receipt{}, fmt.Errorf("dry run: the message expired at %s: %w", message.Expires.Format(time.RFC3339), alerting.ErrPermanent)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	shown, known := d.messages[message.To]
	if known || len(d.messages) < phones {
		shown = slices.DeleteFunc(shown, func(m Message) bool { return m.Key == message.Key })
		shown = append(shown, Message{
			Key: message.Key, Mode: message.Mode, Language: message.Language, Text: message.Text, Level: message.Level,
			At: now, Segmentation: Segments(message.Text),
		})
		d.messages[message.To] = slices.Clone(shown[max(0, len(shown)-d.keep):])
	}
	return alerting.Receipt{ProviderID: "dry-run/" + message.Key, State: alerting.StateDelivered, Detail: "dry run: shown on the screen, sent to nobody"}, nil
}

// Messages are the last messages of a phone, oldest first.
func (d *DryRun) Messages(to alerting.Address) []Message {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.messages[to])
}

// String names the channel without its phones.
func (d *DryRun) String() string { return "sms dry run" }

// GoString names the channel without its phones.
func (d *DryRun) GoString() string { return d.String() }
