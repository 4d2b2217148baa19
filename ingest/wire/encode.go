package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Sample is one value to be sent.
type Sample struct {
	Sensor string
	Value  float64   // in Unit
	Unit   string    // UCUM code; empty for the sensor's own unit
	Time   time.Time // zero for none: the reader takes the time of receipt
}

// Encode writes samples of one station as a native payload, in their order: neighbours of the same time
// share a record, a sensor that comes again begins a new one. It fails where there is nothing to send,
// and on a sensor or a value that no reader could take.
func Encode(samples []Sample) ([]byte, error) {
	if len(samples) == 0 {
		return nil, errors.New("no samples to encode")
	}
	records := 0
	text := append(make([]byte, 0, 64+48*len(samples)), '[')
	var here map[string]bool
	for i, sample := range samples {
		if err := sample.check(); err != nil {
			return nil, fmt.Errorf("sample %d: %w", i+1, err)
		}
		if i == 0 || !sample.Time.Equal(samples[i-1].Time) || here[sample.Sensor] {
			if i > 0 {
				text = append(text, "},"...)
			}
			records++
			here = map[string]bool{}
			text = openRecord(text, sample.Time)
		}
		if text[len(text)-1] != '{' {
			text = append(text, ',')
		}
		here[sample.Sensor] = true
		text = sample.append(text)
	}
	if records == 1 {
		return append(text[1:], '}'), nil
	}
	return append(text, "}]"...), nil
}

func openRecord(text []byte, t time.Time) []byte {
	text = append(text, '{')
	if t.IsZero() {
		return text
	}
	text = append(text, `"time":"`...)
	return append(t.UTC().AppendFormat(text, "2006-01-02T15:04:05.999Z"), '"')
}

func (s Sample) check() error {
	if s.Sensor == "" || s.Sensor == "time" || s.Sensor == "seq" {
		return fmt.Errorf("sensor id %q cannot be a key of the payload", s.Sensor)
	}
	if math.IsNaN(s.Value) || math.IsInf(s.Value, 0) {
		return fmt.Errorf("sensor %q: %v is not a finite number", s.Sensor, s.Value)
	}
	return nil
}

func (s Sample) append(text []byte) []byte {
	text = append(quote(text, s.Sensor), ':')
	if s.Unit == "" {
		return strconv.AppendFloat(text, s.Value, 'g', -1, 64)
	}
	text = strconv.AppendFloat(append(text, `{"value":`...), s.Value, 'g', -1, 64)
	return append(quote(append(text, `,"unit":`...), s.Unit), '}')
}

func quote(text []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil { // json.Marshal never fails on a string
		return append(text, `""`...)
	}
	return append(text, quoted...)
}
