package scenario

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"

	"tocsin/ingest"
)

// Measure is what a sensor looks at.
type Measure string

// What sensors can look at, and what their field Of names.
const (
	RiverLevel     Measure = "river_level"     // a node with a rating; m
	RiverDischarge Measure = "river_discharge" // a node; m3/s
	LakeLevel      Measure = "lake_level"      // a lake; m
	Rain           Measure = "rain"            // a catchment; mm over the interval
	Temperature    Measure = "temperature"     // a catchment; Cel
	SoilMoisture   Measure = "soil_moisture"   // a catchment; % of what the soil can hold
	Battery        Measure = "battery"         // nothing; V, charged by day
)

// Measures lists all of them.
func Measures() []Measure {
	return []Measure{RiverLevel, RiverDischarge, LakeLevel, Rain, Temperature, SoilMoisture, Battery}
}

// quantity is what a measure is reported as.
func (m Measure) quantity() ingest.Quantity {
	switch m {
	case RiverLevel, LakeLevel:
		return ingest.WaterLevel
	case RiverDischarge:
		return ingest.Discharge
	case Rain:
		return ingest.Precipitation
	case Temperature:
		return ingest.AirTemperature
	case SoilMoisture:
		return ingest.SoilMoisture
	case Battery:
		return ingest.BatteryVoltage
	}
	return ""
}

// Sensor is one series of a station and how truthfully it tells.
type Sensor struct {
	Station    string        `yaml:"station"`
	Sensor     string        `yaml:"sensor"`
	Measures   Measure       `yaml:"measures"`
	Of         string        `yaml:"of"`
	Interval   time.Duration `yaml:"interval"`
	Noise      float64       `yaml:"noise"`      // standard deviation, in the unit of the quantity
	Resolution float64       `yaml:"resolution"` // the smallest step it reports; 0: none
}

func (s Sensor) key() string { return s.Station + "/" + s.Sensor }

// FaultKind is a way in which sensors fail.
type FaultKind string

// The faults, all of them met in real telemetry.
const (
	Spike   FaultKind = "spike"   // Value is added
	Stuck   FaultKind = "stuck"   // the last value before the fault again and again
	Dropout FaultKind = "dropout" // nothing is sent, and nothing is sent later
	Ceiling FaultKind = "ceiling" // 32.767, what a full int16 of millimetres says
	Late    FaultKind = "late"    // held back and sent in one batch when the fault ends
)

// Fault is a sensor failing from From until To, counted from the start of the story.
type Fault struct {
	Station string        `yaml:"station"`
	Sensor  string        `yaml:"sensor"`
	Kind    FaultKind     `yaml:"kind"`
	From    time.Duration `yaml:"from"`
	To      time.Duration `yaml:"to"`
	Value   float64       `yaml:"value"`
}

// ceiling is the largest signed 16 bit number read as millimetres, in m.
const ceiling = 32.767

func (f Fault) validate() error {
	if f.To <= f.From {
		return fmt.Errorf("to %v does not lie after from %v", f.To, f.From)
	}
	switch f.Kind {
	case Spike, Stuck, Dropout, Ceiling, Late:
		return nil
	}
	return fmt.Errorf("kind %q is not one of spike, stuck, dropout, ceiling, late", f.Kind)
}

// Output is one value that a sensor sends.
type Output struct {
	Station, Sensor string
	Value           float64
	Unit            string    // UCUM code of the canonical unit of its quantity
	Time            time.Time // of the measurement; earlier than the time of sending for a late one
}

// instrument is the state of a sensor.
type instrument struct {
	Sensor
	random *rand.Rand
	faults []Fault
	held   []Output // by a Late fault
	last   float64  // sent before
	sent   bool     // whether last is one
	rain   float64  // mm not yet reported: the bucket
}

// newInstrument gives every sensor a random stream of its own, named by the seed and its key.
func newInstrument(s Sensor, faults []Fault, seed uint64) *instrument {
	name := fnv.New64a()
	name.Write([]byte(s.key())) // never fails
	in := &instrument{Sensor: s, random: rand.New(rand.NewPCG(seed, name.Sum64()))}
	for _, fault := range faults {
		if fault.Station == s.Station && fault.Sensor == s.Sensor {
			in.faults = append(in.faults, fault)
		}
	}
	return in
}

// read appends what the sensor sends at t (since the start, at the clock's time now) for a true value.
func (in *instrument) read(to []Output, t time.Duration, now time.Time, truth float64) []Output {
	value := in.distort(truth)
	out := Output{Station: in.Station, Sensor: in.Sensor.Sensor, Value: value, Unit: in.Measures.quantity().Unit(), Time: now}
	for _, fault := range in.faults {
		if t < fault.From || t >= fault.To {
			continue
		}
		switch fault.Kind {
		case Dropout:
			return to
		case Late:
			in.held = append(in.held, out)
			return to
		case Spike:
			out.Value = round(value+fault.Value, in.Resolution)
		case Ceiling:
			out.Value = ceiling
		case Stuck:
			if in.sent {
				out.Value = in.last
			}
		}
	}
	to = append(to, in.held...)
	in.held = in.held[:0]
	in.last, in.sent = out.Value, true
	return append(to, out)
}

// distort makes a reading of a truth: noise, then resolution. A rain gauge tips in whole steps and keeps
// the rest; it makes no rain out of noise.
func (in *instrument) distort(truth float64) float64 {
	if in.Measures == Rain {
		if in.Resolution == 0 {
			return truth
		}
		in.rain += truth
		tipped := math.Floor(in.rain/in.Resolution+1e-9) * in.Resolution
		in.rain -= tipped
		return round(tipped, in.Resolution)
	}
	return round(truth+in.Noise*in.random.NormFloat64(), in.Resolution)
}

// round is the nearest multiple of step, written with no more decimals than a step of that size needs.
func round(value, step float64) float64 {
	if step <= 0 {
		return value
	}
	decimals := math.Pow(10, math.Ceil(-math.Log10(step))+2)
	return math.Round(math.Round(value/step)*step*decimals) / decimals
}
