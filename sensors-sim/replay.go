package sensorsim

import (
	"errors"
	"io"
	"log/slog"
	"time"

	"tocsin/ingest"
	"tocsin/ingest/readingsfile"
	"tocsin/sensors-sim/scenario"
)

// mostRows bounds how many rows of one moment are held and sent together.
const mostRows = 2000

// longestJump is how far the clock of a file without arrival times follows one reading ahead. A logger
// whose clock says 2099 must not take the whole file with it.
const longestJump = 7 * 24 * time.Hour

// jumpWitnesses is how many rows in a row must lie that far ahead before the gap is taken for true.
const jumpWitnesses = 20

// Replay is a readings file sent in its order of arrival. It implements scenario.Source and holds no more
// than one moment of the file in memory.
//
// The clock is the column received where there is one. Where a row has none the order of the file is the
// order of arrival, and the clock is the latest time any reading so far was taken; a row more than seven
// days ahead of it moves it only after twenty such rows in sequence. The clock never runs backwards: rows
// received earlier than one before them are sent at once. Rows of one clock make one moment.
type Replay struct {
	file    *readingsfile.Reader
	network *ingest.Network
	log     *slog.Logger
	clock   time.Time
	ahead   int // rows in sequence that lie too far ahead to be believed
	pending *scenario.Output
	next    time.Time // the clock of pending
	end     error
	faults  int
}

// NewReplay reads a file, plain or gzip, whose rows name stations of the network; name stands in messages.
// The network may be nil: then a row without a sensor means the one named like its quantity.
func NewReplay(name string, r io.Reader, network *ingest.Network, log *slog.Logger) (*Replay, error) {
	file, err := readingsfile.Open(name, r)
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = discard()
	}
	return &Replay{file: file, network: network, log: log}, nil
}

// Err is what ended the file before its end, nil for a clean end.
func (r *Replay) Err() error {
	if errors.Is(r.end, io.EOF) {
		return nil
	}
	return r.end
}

// Faults counts the rows that could not be sent; each is logged with file:line.
func (r *Replay) Faults() int { return r.faults }

// Next returns the rows of the next moment.
func (r *Replay) Next() (time.Time, []scenario.Output, bool) {
	if r.pending == nil && !r.read() {
		return time.Time{}, nil, false
	}
	now := r.next
	var outputs []scenario.Output
	for r.pending != nil && r.next.Equal(now) && len(outputs) < mostRows {
		outputs = append(outputs, *r.pending)
		r.pending = nil
		r.read()
	}
	return now, outputs, true
}

// read takes the next good row into pending; false at the end.
func (r *Replay) read() bool {
	for r.end == nil {
		row, err := r.file.Next()
		if err == nil {
			var output scenario.Output
			if output, err = r.output(row); err == nil {
				r.advance(row)
				r.pending, r.next = &output, r.clock
				return true
			}
		}
		var fault *readingsfile.Fault
		if !errors.As(err, &fault) {
			r.end = err
			break
		}
		r.faults++
		r.log.Warn("row left out", "fault", fault)
	}
	return false
}

func (r *Replay) output(row readingsfile.Row) (scenario.Output, error) {
	o := scenario.Output{Station: row.Station, Sensor: row.Sensor, Value: row.Value, Unit: row.Unit, Time: row.Time}
	if r.network != nil {
		sensor, err := row.Resolve(r.network)
		if err != nil {
			return o, err
		}
		o.Sensor = sensor.ID
	} else if o.Sensor == "" {
		o.Sensor = string(row.Quantity)
	}
	return o, nil
}

// advance moves the clock to the row's arrival, never back.
func (r *Replay) advance(row readingsfile.Row) {
	at := row.Received
	if at.IsZero() {
		at = row.Time
		if !r.clock.IsZero() && at.Sub(r.clock) > longestJump {
			if r.ahead++; r.ahead < jumpWitnesses {
				return
			}
		}
		r.ahead = 0
	}
	if at.After(r.clock) {
		r.clock = at
	}
}
