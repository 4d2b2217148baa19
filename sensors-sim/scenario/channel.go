package scenario

import (
	"fmt"
	"math"
	"time"
)

// Reach is a length of river between two nodes. A wave runs down it with its celerity, and is flattened
// by the diffusion of its reference discharge.
type Reach struct {
	From      string  `yaml:"from"`
	LengthKM  float64 `yaml:"length_km"`
	Celerity  float64 `yaml:"celerity"`  // m/s, of a wave (not of the water)
	WidthM    float64 `yaml:"width_m"`   // at the reference discharge
	Slope     float64 `yaml:"slope"`     // m/m
	Reference float64 `yaml:"reference"` // m3/s, the discharge for which the diffusion is right
}

// channel routes by Muskingum-Cunge with constant parameters (Cunge 1969, Journal of Hydraulic Research 7:
// the numerical diffusion of the Muskingum scheme is set equal to that of the river), in equal parts.
//
// With c the celerity, a = Q/(B S c) and dx the length of a part, the coefficients are all at or above 0,
// so that no flow is ever negative or overshoots, when |c dt - a| <= dx <= c dt + a (Ponce and Theurer
// 1982). The fewest parts that keep the right-hand bound are taken; the left-hand one is checked.
type channel struct {
	k          float64 // s, travel time of one part
	x          float64
	c0, c1, c2 float64
	in, out    []float64 // m3/s of each part at the end of the last step
	dt         float64
}

func newChannel(r Reach, step time.Duration, initial float64) (*channel, error) {
	for name, value := range map[string]float64{
		"length_km": r.LengthKM, "celerity": r.Celerity, "width_m": r.WidthM, "slope": r.Slope, "reference": r.Reference,
	} {
		if !(value > 0) || math.IsInf(value, 0) {
			return nil, fmt.Errorf("%s %v must be a number above 0", name, value)
		}
	}
	dt, length := step.Seconds(), r.LengthKM*1000
	a := r.Reference / (r.WidthM * r.Slope * r.Celerity)
	parts := max(1, int(math.Ceil(length/(r.Celerity*dt+a))))
	if parts > 100_000 {
		return nil, fmt.Errorf("%v km would need %d parts; take a longer step", r.LengthKM, parts)
	}
	dx := length / float64(parts)
	if least := math.Abs(r.Celerity*dt - a); dx < least {
		return nil, fmt.Errorf("%.0f m is too short to be routed at a step of %v: %.0f m at least", dx, step, least)
	}
	ch := &channel{k: dx / r.Celerity, x: (1 - a/dx) / 2, dt: dt, in: make([]float64, parts), out: make([]float64, parts)}
	divisor := 2*ch.k*(1-ch.x) + dt
	ch.c0 = (dt - 2*ch.k*ch.x) / divisor
	ch.c1 = (dt + 2*ch.k*ch.x) / divisor
	ch.c2 = (2*ch.k*(1-ch.x) - dt) / divisor
	for i := range ch.in {
		ch.in[i], ch.out[i] = initial, initial
	}
	return ch, nil
}

// step takes the discharge at the upper end at the end of the step and returns that at the lower end.
func (ch *channel) step(inflow float64) float64 {
	for i := range ch.in {
		out := ch.c0*inflow + ch.c1*ch.in[i] + ch.c2*ch.out[i]
		ch.in[i], ch.out[i] = inflow, out
		inflow = out
	}
	return inflow
}

// stored is the water in the channel, m3: the Muskingum storage K (x I + (1-x) O) of its parts.
func (ch *channel) stored() float64 {
	sum := 0.0
	for i := range ch.in {
		sum += ch.k * (ch.x*ch.in[i] + (1-ch.x)*ch.out[i])
	}
	return sum
}

// Rating turns discharge into stage: level = Zero + A Q^B. A power law with B between a third and one is
// what gauged rivers show; Zero is the level at no flow, in the datum of the gauge.
type Rating struct {
	Zero float64 `yaml:"zero"` // m
	A    float64 `yaml:"a"`
	B    float64 `yaml:"b"`
}

// Level is the stage in m for a discharge in m3/s; at or below no flow it is Zero.
func (r Rating) Level(discharge float64) float64 {
	return r.Zero + r.A*math.Pow(max(0, discharge), r.B)
}

// Discharge is the inverse of Level.
func (r Rating) Discharge(level float64) float64 {
	return math.Pow(max(0, level-r.Zero)/r.A, 1/r.B)
}

func (r Rating) validate() error {
	if !(r.A > 0) || !(r.B > 0) || r.B > 1 || math.IsNaN(r.Zero) {
		return fmt.Errorf("rating zero %v a %v b %v: a must be above 0 and b above 0, 1 at most", r.Zero, r.A, r.B)
	}
	return nil
}
