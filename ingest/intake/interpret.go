package intake

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"time"

	"tocsin/ingest"
)

// interpreter turns messages into what they say: a decoder, and quality tests with their state.
type interpreter struct {
	in      *Intake
	checker Checker
}

// add appends what m says to the batch. Messages are checked one by one, so that the result does not
// depend on where one batch ends and the next begins.
func (p *interpreter) add(b *ingest.Batch, m *ingest.Message) {
	b.Now = p.in.after(m)
	if m.Topic == ClockTopic {
		b.Rejects = append(b.Rejects, p.in.judgeClock(m)...)
		return
	}
	if status, ok := p.in.status(m); ok {
		b.Statuses = append(b.Statuses, status)
		return
	}
	readings, rejects := p.in.decode(m)
	b.Rejects = append(b.Rejects, rejects...)
	if len(readings) > 0 {
		b.Readings = append(b.Readings, p.check(readings)...)
	}
}

// check runs the quality tests. A fault in them must not stop the readings: they go on unjudged.
func (p *interpreter) check(readings []ingest.Reading) (checked []ingest.Reading) {
	defer func() {
		if cause := recover(); cause != nil {
			p.in.log.Error("the quality tests panicked; readings go on not evaluated",
				"cause", fmt.Sprint(cause), "position", readings[0].Position, "station", readings[0].Station)
			checked = readings
			for i := range checked {
				checked[i].Flag, checked[i].Marks = ingest.NotEvaluated, nil
			}
		}
	}()
	return p.checker.Check(readings)
}

// decode turns a panic of the decoder into a reject: one bad message never stops the rest.
func (in *Intake) decode(m *ingest.Message) (readings []ingest.Reading, rejects []ingest.Reject) {
	defer func() {
		if cause := recover(); cause != nil {
			in.log.Error("the decoder panicked", "cause", fmt.Sprint(cause), "position", m.Seq, "topic", m.Topic)
			readings, rejects = nil, []ingest.Reject{reject(m, ingest.ReasonSyntax, fmt.Sprintf("the decoder failed on it: %v", cause))}
		}
	}()
	return in.config.Decoder.Decode(*m)
}

func (in *Intake) status(m *ingest.Message) (status ingest.Status, ok bool) {
	defer func() {
		if cause := recover(); cause != nil {
			in.log.Error("the decoder panicked on a status", "cause", fmt.Sprint(cause), "position", m.Seq, "topic", m.Topic)
			ok = false
		}
	}()
	return in.config.Decoder.Status(*m)
}

func (in *Intake) readClock(payload []byte) (t time.Time, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the decoder failed on it: %v", cause)
		}
	}()
	return in.config.Decoder.Clock(payload)
}

func (in *Intake) judgeClock(m *ingest.Message) []ingest.Reject {
	if !in.config.MQTTClock {
		return []ingest.Reject{reject(m, ingest.ReasonTopic, "this site goes by the machine's clock; "+ClockTopic+" is heard only where the clock is set to mqtt")}
	}
	told, err := in.readClock(m.Payload)
	if err != nil {
		return []ingest.Reject{reject(m, ingest.ReasonSyntax, err.Error())}
	}
	if told.Truncate(time.Millisecond).Before(m.Received) {
		return []ingest.Reject{reject(m, ingest.ReasonTime, fmt.Sprintf("the clock stands at %s and never goes back to %s",
			m.Received.Format(time.RFC3339Nano), told.UTC().Format(time.RFC3339Nano)))}
	}
	return nil
}

func reject(m *ingest.Message, reason ingest.Reason, detail string) ingest.Reject {
	excerpt := strconv.QuoteToASCII(string(m.Payload[:min(len(m.Payload), 200)]))
	return ingest.Reject{
		Position: m.Seq, Part: -1, Received: m.Received, Topic: m.Topic, Reason: reason, Detail: detail,
		Excerpt: excerpt[1:min(len(excerpt)-1, 201)],
	}
}

// read interprets up to limit messages after a position into one batch; First is 0 where there are none.
func (p *interpreter) read(ctx context.Context, after uint64, limit int) (ingest.Batch, error) {
	messages, err := p.in.config.Journal.Read(ctx, after, limit)
	if err != nil || len(messages) == 0 {
		return ingest.Batch{}, err
	}
	b := ingest.Batch{First: messages[0].Seq, Last: messages[len(messages)-1].Seq}
	if b.First != after+1 {
		return ingest.Batch{}, fmt.Errorf("the journal goes on with message %d after %d", b.First, after)
	}
	for i := range messages {
		p.add(&b, &messages[i])
	}
	return b, nil
}

// warm builds an interpreter whose quality tests know what they would know had they followed the
// journal up to position. Where the journal cannot be read they begin with less: an alarm, no stop.
func (in *Intake) warm(ctx context.Context, position uint64) *interpreter {
	p := &interpreter{in: in, checker: in.config.NewChecker()}
	if position == 0 {
		return p
	}
	at, err := in.startOfMemory(ctx, position, p.checker.Horizon())
	for err == nil && at < position && ctx.Err() == nil {
		var b ingest.Batch
		b, err = p.read(ctx, at, int(min(uint64(in.config.Stretch), position-at)))
		if err == nil && b.First == 0 {
			err = errors.New("the journal ends before this position")
		}
		at = b.Last
	}
	if err != nil && ctx.Err() == nil {
		in.log.Error("the quality tests begin without all of their memory", "position", position, "err", err)
	}
	return p
}

// startOfMemory finds the position after which messages were received within horizon of the one at position.
func (in *Intake) startOfMemory(ctx context.Context, position uint64, horizon time.Duration) (uint64, error) {
	received := func(seq uint64) (time.Time, error) {
		messages, err := in.config.Journal.Read(ctx, seq-1, 1)
		if err != nil {
			return time.Time{}, err
		}
		if len(messages) == 0 {
			return time.Time{}, fmt.Errorf("message %d is not in the journal", seq)
		}
		return messages[0].Received, nil
	}
	end, err := received(position)
	if err != nil {
		return 0, err
	}
	from := end.Add(-horizon)
	found := sort.Search(int(position), func(i int) bool {
		at, readErr := received(uint64(i) + 1)
		err = errors.Join(err, readErr)
		return !at.Before(from)
	})
	return uint64(found), err
}
