package wire

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tocsin/ingest"
)

// What a key of a record is, where it is not the index of a sensor.
const (
	reserved = -1 // time, seq
	unknown  = -2
	repeated = -3 // the same sensor with the same text again
)

// values turns the sensors' members into readings of the given time.
func (d *decoder) values(t time.Time, assumed bool) {
	d.resolve()
	for i := range d.members {
		m := &d.members[i]
		switch m.sensor {
		case reserved, repeated:
		case unknown:
			d.refuse(ingest.Reject{Sensor: clip(m.name(), 80), Reason: ingest.ReasonUnknownSensor, Detail: d.unknownSensor(m.name())}, m.value.raw)
		default:
			d.value(m, &d.station.Sensors[m.sensor], t, assumed)
		}
	}
}

// resolve finds the sensor of every member. RFC 8259, section 4, leaves open what a name that stands
// twice means: with the same text it is read once, with another none of them is believed.
func (d *decoder) resolve() {
	if cap(d.seen) < len(d.station.Sensors) {
		d.seen = make([]seen, len(d.station.Sensors))
	}
	d.seen = d.seen[:len(d.station.Sensors)]
	clear(d.seen)
	for i := range d.members {
		m := &d.members[i]
		m.sensor = d.sensor(m)
		if m.sensor < 0 {
			continue
		}
		first := &d.seen[m.sensor]
		switch {
		case first.text == nil:
			first.text = m.value.raw
		case bytes.Equal(first.text, m.value.raw):
			m.sensor = repeated
		default:
			first.conflict = true
		}
	}
}

// sensor gives the index of the sensor a member names.
func (d *decoder) sensor(m *member) int {
	key := m.key
	if m.escaped {
		key = []byte(m.name())
	}
	if string(key) == "time" || string(key) == "seq" {
		return reserved
	}
	for i := range d.station.Sensors {
		if d.station.Sensors[i].ID == string(key) {
			return i
		}
	}
	return unknown
}

func (d *decoder) unknownSensor(name string) string {
	ids := make([]string, 0, knownShown+1)
	for i, sensor := range d.station.Sensors {
		if i == knownShown {
			ids = append(ids, fmt.Sprintf("and %d more", len(d.station.Sensors)-i))
			break
		}
		ids = append(ids, sensor.ID)
	}
	known := strings.Join(ids, ", ")
	if known == "" {
		known = "no sensor"
	}
	return fmt.Sprintf("station %q has no sensor %q: it has %s", clip(d.station.ID, 80), clip(name, 80), known)
}

// value turns one member into a reading or a refusal.
func (d *decoder) value(m *member, sensor *ingest.Sensor, t time.Time, assumed bool) {
	number, unit, fault := m.value, sensor.Unit, (*valueFault)(nil)
	if d.seen[m.sensor].conflict {
		fault = &valueFault{ingest.ReasonSyntax, "the sensor stands twice in the record, with different values"}
	} else if m.value.kind == kindObject {
		number, unit, fault = withUnit(m.value.raw, sensor.Unit)
	}
	if fault == nil && number.kind == kindNull {
		return // nothing was measured
	}
	v := 0.0
	if fault == nil {
		v, fault = read(number, unit, sensor.Quantity)
	}
	if fault != nil {
		d.refuse(ingest.Reject{Sensor: sensor.ID, Reason: fault.reason, Detail: fault.detail}, m.value.raw)
		return
	}
	part, ok := d.part()
	if !ok {
		return
	}
	d.readings = append(d.readings, ingest.Reading{
		Key:      ingest.Key{Station: d.station.ID, Sensor: sensor.ID, Time: t},
		Quantity: sensor.Quantity, Value: v, Received: d.received, TimeAssumed: assumed,
		Volatile: d.message.Volatile, Flag: ingest.NotEvaluated, Position: d.message.Seq, Part: part,
	})
}

// valueFault is why a value cannot be read.
type valueFault struct {
	reason ingest.Reason
	detail string
}

// withUnit reads {"value": 321, "unit": "cm"}. Any other key is refused, for it may be a unit misspelt,
// and a wrong unit is a wrong level.
func withUnit(raw []byte, unit string) (number value, code string, fault *valueFault) {
	code = unit
	refuse := func(reason ingest.Reason, format string, args ...any) {
		if fault == nil {
			fault = &valueFault{reason, fmt.Sprintf(format, args...)}
		}
	}
	units := 0
	_ = (&scanner{text: raw}).members(1, func(m member) { // raw was read before: it is sound
		switch name := m.name(); {
		case name == "value" && number.kind == 0:
			number = m.value
		case name == "unit" && m.value.kind == kindString && units == 0:
			code = unquote(m.value.raw)
			units++
		case name == "unit" && m.value.kind == kindNull && units == 0:
		case name == "unit" && units == 0:
			refuse(ingest.ReasonUnit, "unit %s is not text: write a UCUM code like \"cm\"", printable(m.value.raw, 40))
		case name == "value" || name == "unit":
			refuse(ingest.ReasonSyntax, "%s stands twice", name)
		default:
			refuse(ingest.ReasonSyntax, "key %q is not known here: want {\"value\": 321, \"unit\": \"cm\"}", clip(name, 40))
		}
	})
	if number.kind == 0 {
		refuse(ingest.ReasonSyntax, "there is no \"value\": want {\"value\": 321, \"unit\": \"cm\"}")
	}
	return number, code, fault
}

// read gives the number in the canonical unit of q.
func read(v value, unit string, q ingest.Quantity) (float64, *valueFault) {
	switch v.kind {
	case kindNumber:
	case kindNaN:
		return 0, &valueFault{ingest.ReasonValue, fmt.Sprintf("%s is not a number, and not JSON (RFC 8259, section 6): leave the key out or send null", printable(v.raw, 20))}
	case kindDeep:
		return 0, &valueFault{ingest.ReasonSize, fmt.Sprintf("nested more than %d deep", MaxDepth)}
	case kindString:
		return 0, &valueFault{ingest.ReasonValue, fmt.Sprintf("%s is text: send a number without quotes", printable(v.raw, 40))}
	case kindObject, kindArray, kindBool, kindNull, kindWord:
		return 0, &valueFault{ingest.ReasonValue, fmt.Sprintf("%s is not a number", printable(v.raw, 40))}
	}
	number, err := strconv.ParseFloat(string(v.raw), 64)
	if err != nil {
		return 0, &valueFault{ingest.ReasonValue, fmt.Sprintf("%s is too large for a number", printable(v.raw, 40))}
	}
	if !UnitFits(unit, q) {
		return 0, &valueFault{ingest.ReasonUnit, unitError(unit, q).Error()}
	}
	number, err = Convert(number, unit, q)
	if err != nil {
		return 0, &valueFault{ingest.ReasonValue, err.Error()}
	}
	return number, nil
}
