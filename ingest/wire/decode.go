package wire

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"tocsin/ingest"
)

// Limits of a message. What goes beyond them is refused with the reason "size".
const (
	MaxPayload = 1 << 20 // bytes
	MaxDepth   = 4       // nesting: array, record, value with unit, and one to spare
	MaxParts   = 10_000  // values and refusals of one message
)

// knownShown is how many of a station's sensors a refusal names.
const knownShown = 12

// Decode reads a native message. Readings come in the order in which they stand in the message, with
// Position, Part, Received and Volatile set and the flag NotEvaluated; whatever could not become one
// comes as a Reject.
func Decode(m ingest.Message, n *ingest.Network) ([]ingest.Reading, []ingest.Reject) {
	d := decoder{message: m, received: m.Received.UTC().Truncate(time.Millisecond)}
	id, ok := stationOf(m.Topic, "readings")
	if !ok {
		d.refuseAll(ingest.ReasonTopic, "topic %q is not read: want stations/{station}/readings", clip(m.Topic, 80))
		return nil, d.rejects
	}
	d.station.ID = id
	if len(m.Payload) > MaxPayload {
		// How many it had is not said: the intake keeps no more than the limit and a byte.
		d.refuseAll(ingest.ReasonSize, "the message has more than %d bytes, the most that is read of one", MaxPayload)
		return nil, d.rejects
	}
	if d.station, ok = n.Station(id); !ok {
		d.station.ID = id
		d.refuseAll(ingest.ReasonUnknownStation, "station %q is not one of the site's", clip(id, 80))
		return nil, d.rejects
	}
	d.decode()
	return d.readings, d.rejects
}

// stationOf gives the station of topic stations/{station}/<leaf>.
func stationOf(topic, leaf string) (string, bool) {
	rest, ok := strings.CutPrefix(topic, "stations/")
	if !ok {
		return "", false
	}
	station, ok := strings.CutSuffix(rest, "/"+leaf)
	return station, ok && station != "" && !strings.Contains(station, "/")
}

// decoder is the state of reading one message.
type decoder struct {
	message  ingest.Message
	received time.Time
	station  ingest.Station

	readings []ingest.Reading
	rejects  []ingest.Reject
	parts    int  // the number of the next part
	full     bool // MaxParts is reached, and that is said
	usable   bool // a record had a usable time, or none at all
	reset    resetClock

	members []member // of the record being read, kept between records
	seen    []seen   // per sensor, what this record said of it so far
}

// seen is what a record says of one sensor: its first member, and whether another contradicts it.
type seen struct {
	text     []byte
	conflict bool
}

// resetClock is the newest record whose time lies before any use: what a device with a reset clock says.
type resetClock struct {
	time     time.Time
	readings []ingest.Reading
}

// mark says of a reading that its own time was unusable.
func (r resetClock) mark() ingest.Mark {
	return ingest.Mark{Test: "time", Flag: ingest.NotEvaluated, Detail: "the device's clock said " + r.time.Format(time.RFC3339) + ": taken at its time of receipt"}
}

func (d *decoder) decode() {
	text := d.message.Payload
	s := &scanner{text: text}
	if strings.HasPrefix(string(text[:min(3, len(text))]), "\ufeff") {
		s.at = 3 // RFC 8259, section 8.1: a parser may ignore a byte order mark
	}
	var err *scanError
	switch s.peek() {
	case '{':
		err = d.record(s, 1)
	case '[':
		err = s.elements(1, func() *scanError { return d.record(s, 2) })
	default:
		err = s.fail("an object or an array of objects")
	}
	if err == nil && s.peek() != 0 {
		err = s.fail("the end of the message (several records stand in an array)")
	}
	if err != nil {
		d.broken(err)
	}
	d.live()
}

// broken refuses the rest of the message after a place where it stops being JSON.
func (d *decoder) broken(err *scanError) {
	excerpt := d.message.Payload[min(len(d.message.Payload), max(0, err.at-100)):]
	if d.parts == 0 {
		d.refuseAll(err.reason, "%s", err.Error())
		return
	}
	d.refuse(ingest.Reject{Reason: err.reason, Detail: err.Error() + "; the complete records before it are kept"}, excerpt)
}

// live takes the newest record of a reset clock at its time of receipt, where the message is live and
// says nothing better.
func (d *decoder) live() {
	if d.usable || d.kept() {
		return
	}
	for _, r := range d.reset.readings {
		r.Marks = []ingest.Mark{d.reset.mark()}
		d.readings = append(d.readings, r)
	}
}

// kept says that the broker had kept the message for whoever subscribes later. On the own broker Retained
// is only the publisher's wish to have it kept: the message itself is live.
func (d *decoder) kept() bool { return d.message.Retained && d.message.Source != "embedded" }

// record reads one record, whose members lie at the given depth.
func (d *decoder) record(s *scanner, depth int) *scanError {
	start := s.at
	if s.peek() != '{' {
		v, err := s.value(depth - 1)
		if err == nil {
			d.refuse(ingest.Reject{Reason: ingest.ReasonSyntax, Detail: "a record is an object like {\"water_level\": 3.21}"}, v.raw)
		}
		return err
	}
	d.members = d.members[:0]
	if err := s.members(depth, func(m member) { d.members = append(d.members, m) }); err != nil {
		return err
	}
	d.take(s.text[start:s.at])
	return nil
}

// take turns the members of a record into readings and refusals.
func (d *decoder) take(raw []byte) {
	d.checkSeq()
	t, assumed, err := d.recordTime()
	if err != nil {
		d.refuse(ingest.Reject{Reason: ingest.ReasonTime, Detail: err.Error()}, raw)
		return
	}
	oldest := d.received.Add(-MaxAge)
	switch {
	case t.After(d.received.Add(MaxAhead)):
		d.refuse(ingest.Reject{Reason: ingest.ReasonTime, Detail: fmt.Sprintf("time %s lies %s after receipt, more than the limit of %s",
			t.Format(time.RFC3339), t.Sub(d.received).Round(time.Minute), MaxAhead)}, raw)
	case t.Before(oldest):
		d.refuse(ingest.Reject{Reason: ingest.ReasonTime, Detail: fmt.Sprintf("time %s lies more than ten years before receipt: the device's clock was reset",
			t.Format(time.RFC3339))}, raw)
		before := len(d.readings)
		d.values(d.received, true)
		if d.reset.readings == nil || !t.Before(d.reset.time) {
			d.reset = resetClock{t, append(d.reset.readings[:0], d.readings[before:]...)}
		}
		d.readings = d.readings[:before]
	default:
		d.usable = true
		d.values(t, assumed)
	}
}

// checkSeq refuses a sequence number that is none; the values of its record live.
func (d *decoder) checkSeq() {
	for i := range d.members {
		m := &d.members[i]
		if m.name() != "seq" || m.value.kind == kindNull {
			continue
		}
		if _, err := strconv.ParseUint(string(m.value.raw), 10, 53); m.value.kind != kindNumber || err != nil {
			d.refuse(ingest.Reject{Reason: ingest.ReasonValue, Detail: "seq is a whole number from 0 to 2^53-1"}, m.value.raw)
		}
	}
}

// recordTime is the time of the record; assumed says that it has none of its own.
func (d *decoder) recordTime() (t time.Time, assumed bool, err error) {
	assumed = true
	for i := range d.members {
		m := &d.members[i]
		if m.name() != "time" || m.value.kind == kindNull {
			continue
		}
		read, err := memberTime(m.value)
		if err != nil {
			return read, false, err
		}
		if !assumed && !read.Equal(t) {
			return read, false, errors.New("the record has two times that differ")
		}
		t, assumed = read, false
	}
	if !assumed {
		return t, false, nil
	}
	if d.kept() {
		return t, true, errors.New("a retained message without a time: how old it is cannot be told")
	}
	return d.received, true, nil
}

func memberTime(v value) (time.Time, error) {
	switch v.kind {
	case kindString:
		return parseTime(unquote(v.raw))
	case kindNumber:
		n, err := strconv.ParseFloat(string(v.raw), 64)
		if err != nil {
			n = math.NaN()
		}
		t, err := unixTime(n)
		if err != nil {
			return t, fmt.Errorf("time %s: %w", printable(v.raw, 40), err)
		}
		return t, nil
	default:
		return time.Time{}, fmt.Errorf("time %s is neither RFC 3339 text nor a Unix time in seconds or milliseconds", printable(v.raw, 40))
	}
}
