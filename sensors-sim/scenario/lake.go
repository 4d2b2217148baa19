package scenario

import (
	"errors"
	"fmt"
	"math"
	"sort"
	"time"
)

// Lake fills from catchments and surges and empties over its outlet. Levels are m in the datum of its
// gauge. Once its level reaches Breach.At the dam fails: a trapezoidal gap wears down and widens until it
// has its final shape, and the lake pours through it.
type Lake struct {
	ID         string       `yaml:"id"`
	Catchments []string     `yaml:"catchments"` // that drain into it
	Storage    [][2]float64 `yaml:"storage"`    // level m, volume m3, both rising
	Sill       float64      `yaml:"sill"`       // level of the outlet's bed
	WidthM     float64      `yaml:"width_m"`    // of the outlet
	Level      float64      `yaml:"level"`      // at the beginning of the warm-up
	Breach     *Breach      `yaml:"breach"`     // nil: the dam holds, whatever comes
}

// Breach is how a dam fails.
type Breach struct {
	At     float64       `yaml:"at"`      // lake level that starts it
	Floor  float64       `yaml:"floor"`   // level of the bed of the finished gap
	WidthM float64       `yaml:"width_m"` // of that bed
	Side   float64       `yaml:"side"`    // of its sides: horizontal for 1 vertical
	Growth time.Duration `yaml:"growth"`  // from the start to the final shape
}

// The coefficients of flow over a trapezoidal broad crest, m3/s for metres: Fread, DAMBRK (1988),
// 3.1 b h^1.5 + 2.45 z h^2.5 in feet.
const (
	weirBed  = 1.71
	weirSide = 1.35
)

func (l Lake) validate() error {
	var faults []error
	if len(l.Storage) < 2 {
		faults = append(faults, errors.New("storage needs two or more [level, volume] pairs"))
	}
	for i := 1; i < len(l.Storage); i++ {
		if l.Storage[i][0] <= l.Storage[i-1][0] || l.Storage[i][1] <= l.Storage[i-1][1] {
			faults = append(faults, fmt.Errorf("storage: pair %d does not lie above the one before it", i+1))
		}
	}
	if !(l.WidthM > 0) {
		faults = append(faults, fmt.Errorf("width_m %v must be above 0", l.WidthM))
	}
	if n := len(l.Storage); n > 0 && (l.Level < l.Storage[0][0] || l.Level > l.Storage[n-1][0]) {
		faults = append(faults, fmt.Errorf("level %v lies outside of the storage curve", l.Level))
	}
	if b := l.Breach; b != nil && (b.Growth <= 0 || !(b.WidthM > 0) || b.Side < 0 || b.Floor >= l.Sill || b.At <= l.Sill) {
		faults = append(faults, fmt.Errorf("breach: growth and width_m must be above 0, side not below 0, floor %v below and at %v above the sill %v", b.Floor, b.At, l.Sill))
	}
	return errors.Join(faults...)
}

// basin is the state of a lake.
type basin struct {
	Lake
	volume   float64       // m3
	breached bool          //
	age      time.Duration // since the breach began
	outflow  float64       // m3/s, mean of the last step
	outlet   float64       // m3/s through the outlet and the gap at the end of the last step
	received float64       // m3 in all
	released float64       // m3 in all
}

func newBasin(l Lake) *basin {
	b := &basin{Lake: l, volume: interpolate(l.Storage, 0, 1, l.Level)}
	b.outlet = b.discharge(l.Level)
	b.outflow = b.outlet
	return b
}

// level is the lake's level, m.
func (b *basin) level() float64 { return interpolate(b.Storage, 1, 0, b.volume) }

// substeps divide a step, so that the level hardly changes within one.
const substeps = 12

// step moves the lake on by dt under an even inflow of m3/s. Only volumes are added and taken: nothing
// can get lost.
func (b *basin) step(dt time.Duration, inflow float64) {
	h := dt.Seconds() / substeps
	sum := 0.0
	for range substeps {
		level := b.level()
		if b.Breach != nil && !b.breached && level >= b.Breach.At {
			b.breached = true
		}
		if b.breached {
			b.age += dt / substeps
		}
		out := min(b.discharge(level)*h, b.volume+inflow*h)
		b.volume += inflow*h - out
		sum += out
	}
	b.received += inflow * dt.Seconds()
	b.released += sum
	b.outflow = sum / dt.Seconds()
	b.outlet = b.discharge(b.level())
}

// discharge is what leaves at a level: over the old outlet, or through the gap once that is the larger.
func (b *basin) discharge(level float64) float64 {
	out := crest(level-b.Sill, b.WidthM, 0)
	if !b.breached {
		return out
	}
	// The gap grows as half a cosine: slowly at first while the crest wears, fastest in the middle.
	grown := (1 - math.Cos(math.Pi*min(1, b.age.Seconds()/b.Breach.Growth.Seconds()))) / 2
	floor := b.Sill + (b.Breach.Floor-b.Sill)*grown
	return max(out, crest(level-floor, b.Breach.WidthM*grown, b.Breach.Side))
}

// crest is the flow over a broad crest of a width under a head, m.
func crest(head, width, side float64) float64 {
	if head <= 0 {
		return 0
	}
	return weirBed*width*math.Pow(head, 1.5) + weirSide*side*math.Pow(head, 2.5)
}

// interpolate reads a table of rising pairs from its column from into its column to. Beyond its ends the
// table goes on as its first or last stretch does.
func interpolate(table [][2]float64, from, to int, value float64) float64 {
	i := sort.Search(len(table)-2, func(i int) bool { return value < table[i+1][from] })
	low, high := table[i], table[i+1]
	return low[to] + (value-low[from])/(high[from]-low[from])*(high[to]-low[to])
}
