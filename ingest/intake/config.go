package intake

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tocsin/ingest"
)

// ClockTopic is where a site whose clock comes by MQTT is told the time: {"now": RFC 3339}.
const ClockTopic = "tocsin/clock"

// Decoder says what a raw message means. It must be a pure function of the message.
type Decoder interface {
	Decode(m ingest.Message) ([]ingest.Reading, []ingest.Reject)
	// Status reads the birth message or last will of a station; ok is false for every other topic.
	Status(m ingest.Message) (status ingest.Status, ok bool)
	// Clock reads the payload of ClockTopic.
	Clock(payload []byte) (time.Time, error)
}

// Checker runs the quality tests over readings in order of arrival. It returns the same readings with
// their flags, and appended to them higher revisions of earlier readings whose flag changed.
// It has a state, for one goroutine at a time.
type Checker interface {
	Check(readings []ingest.Reading) []ingest.Reading
	// Horizon is how long, by time of receipt, a reading can have a say in what Check returns.
	Horizon() time.Duration
}

// Config is what the intake needs.
type Config struct {
	Journal    ingest.Journal
	Decoder    Decoder
	NewChecker func() Checker // a fresh one for each reader
	Log        *slog.Logger
	Now        func() time.Time // the machine's clock
	// MQTTClock says that the site's clock is what ClockTopic last said. Before the first such message
	// it stands at 1970-01-01, so that it never goes backwards. Otherwise messages on that topic are refused.
	MQTTClock bool

	QueueBytes int64 // waiting for the commit, overhead included; 0 means 64 MiB
	MaxPayload int   // bytes; of a longer payload one byte more than this is kept, for the decoder to refuse; 0 means 1 MiB
	Stretch    int   // messages of one batch at most; 0 means 2,000
}

// Validate says what is missing.
func (c Config) Validate() error {
	if c.Journal == nil || c.Decoder == nil || c.NewChecker == nil || c.Log == nil || c.Now == nil {
		return errors.New("intake: needs a journal, a decoder, a checker, a log and a clock")
	}
	if c.QueueBytes < 0 || c.MaxPayload < 0 || c.Stretch < 0 {
		return fmt.Errorf("intake: the limits must not be negative: queue %d, payload %d, stretch %d", c.QueueBytes, c.MaxPayload, c.Stretch)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.QueueBytes == 0 {
		c.QueueBytes = 64 << 20
	}
	if c.MaxPayload == 0 {
		c.MaxPayload = 1 << 20
	}
	if c.Stretch == 0 {
		c.Stretch = 2000
	}
	return c
}
