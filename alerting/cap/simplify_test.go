package cap_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"

	"tocsin/alerting/cap"
	"tocsin/geo"
)

// shore is a ragged star-shaped ring of n points round a centre, as surveyed outlines are.
func shore(random *rand.Rand, n int, radius, roughness float64) orb.Ring {
	ring := make(orb.Ring, 0, n+1)
	for i := range n {
		a := 2 * math.Pi * float64(i) / float64(n)
		r := radius * (1 + 0.2*math.Sin(3*a) + roughness*(random.Float64()-0.5))
		ring = append(ring, orb.Point{89.8 + r*math.Cos(a), 27.5 + r*math.Sin(a)})
	}
	return append(ring, ring[0])
}

// hooks is a wide land whose upper shore is cut by narrow bays with headlands that hook into them: where
// filling a bay carelessly would run over its headland. One unit is about a metre.
func hooks(random *rand.Rand, n int) orb.Ring {
	const metre = 1e-5
	var ring orb.Ring
	for i := range n {
		for _, p := range [][2]float64{{0, 0}, {0, -80}, {60, -80}, {10, -40}, {70, -35}, {70, 0}} {
			x, y := 100*float64(i)+p[0]+3*random.Float64(), p[1]+3*random.Float64()
			ring = append(ring, orb.Point{89 + x*metre, 27 + y*metre})
		}
	}
	end := 89 + 100*float64(n)*metre
	return append(ring, orb.Point{end, 27}, orb.Point{end, 26.9}, orb.Point{88.999, 26.9}, orb.Point{88.999, 27}, ring[0])
}

// channel is land round a narrow water with blunt headlands on one bank: their sides, drawn out to a point,
// would reach over the other bank, which is straight or has many corners.
func channel(random *rand.Rand, n int, straight bool) orb.Ring {
	const metre = 1e-5
	at := func(x, y float64) orb.Point { return orb.Point{89 + x*metre, 27 + y*metre} }
	ring := orb.Ring{at(-3000, -8000), at(100*float64(n)+50, -8000), at(100*float64(n)+50, 0)}
	for i := n - 1; i >= 0; i-- {
		for _, p := range [][2]float64{{80, 0}, {65, 40}, {35, 40}, {20, 0}} {
			ring = append(ring, at(100*float64(i)+p[0]+random.Float64(), p[1]+random.Float64()))
		}
	}
	ring = append(ring, at(-50, 0), at(-50, 55))
	for x := 0.0; x < 100*float64(n) && !straight; x += 7 {
		ring = append(ring, at(x, 55+random.Float64()))
	}
	return append(ring, at(100*float64(n)+50, 55), at(100*float64(n)+50, 8000), at(-3000, 8000), ring[0])
}

// TestCrossedOutlineStaysAsItIs: what crosses itself is no outline; nobody is lost over it.
func TestCrossedOutlineStaysAsItIs(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for round := range 20 {
		ring := shore(random, 400, 0.01, 0.02)
		for range 10 {
			i, j := 1+random.IntN(398), 1+random.IntN(398)
			ring[i], ring[j] = ring[j], ring[i]
		}
		polygons, _ := cap.Polygons(geo.Zone{Shape: orb.MultiPolygon{{ring}}})
		for _, p := range ring {
			if !nearlyInside(orb.Ring(polygons[0]), p) {
				t.Fatalf("round %d: corner %v is outside", round, p)
			}
		}
	}
}

// TestNobodyIsLeftOut wants every person inside a zone inside its CAP polygon too, the zone hardly
// wider, and the outline simple.
func TestNobodyIsLeftOut(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	simplified := 0
	for round := range 40 {
		n := 4 + random.IntN(700)
		ring := shore(random, n, 0.01+0.3*random.Float64(), 0.02*random.Float64())
		switch round % 4 {
		case 2:
			ring = channel(random, 40+random.IntN(60), round%8 == 2)
		case 3:
			ring = hooks(random, 20+random.IntN(60))
		}
		n = len(ring) - 1
		polygons, unusable := cap.Polygons(geo.Zone{Shape: orb.MultiPolygon{{ring}}})
		if len(polygons) != 1 || unusable != 0 {
			t.Fatalf("round %d: %d polygons, %d unusable", round, len(polygons), unusable)
		}
		got := orb.Ring(polygons[0])
		if got[0] != got[len(got)-1] || len(got) > len(ring) {
			t.Fatalf("round %d: %d pairs made of %d, closed %v", round, len(got), len(ring), got[0] == got[len(got)-1])
		}
		if n > 100 && len(got) <= 100 {
			simplified++
		}
		if growth := math.Abs(planar.Area(got)) / math.Abs(planar.Area(ring)); growth < 1-1e-12 || growth > 1.021 {
			t.Errorf("round %d: the area became %.4f times as large", round, growth)
		}
		for _, p := range inside(random, ring, 400) {
			if !planar.RingContains(got, p) {
				t.Fatalf("round %d: %v is inside the zone and outside its CAP polygon", round, p)
			}
		}
		for _, p := range ring {
			if !nearlyInside(got, p) {
				t.Fatalf("round %d: corner %v of the zone is outside", round, p)
			}
		}
		if crossing(got) {
			t.Fatalf("round %d: the outline crosses itself", round)
		}
	}
	if simplified < 10 {
		t.Errorf("only %d of 40 outlines came down to 100 pairs: the test proves little", simplified)
	}
}

func inside(random *rand.Rand, ring orb.Ring, n int) []orb.Point {
	b := ring.Bound()
	var points []orb.Point
	for range n {
		p := orb.Point{b.Min[0] + random.Float64()*(b.Max[0]-b.Min[0]), b.Min[1] + random.Float64()*(b.Max[1]-b.Min[1])}
		if planar.RingContains(ring, p) {
			points = append(points, p)
		}
	}
	return points
}

// nearlyInside forgives what floating point cannot tell: a tenth of a millimetre.
func nearlyInside(ring orb.Ring, p orb.Point) bool {
	return planar.RingContains(ring, p) || planar.DistanceFrom(orb.LineString(ring), p) < 1e-9
}

func crossing(ring orb.Ring) bool {
	side := func(a, b, c orb.Point) float64 { return (b[0]-a[0])*(c[1]-a[1]) - (b[1]-a[1])*(c[0]-a[0]) }
	for i := range len(ring) - 1 {
		for j := i + 2; j < len(ring)-1; j++ {
			a, b, c, d := ring[i], ring[i+1], ring[j], ring[j+1]
			if side(a, b, c)*side(a, b, d) < 0 && side(c, d, a)*side(c, d, b) < 0 {
				return true
			}
		}
	}
	return false
}

func TestPolygonsOfOddZones(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]struct {
		shape          orb.MultiPolygon
		want, unusable int
	}{
		"nothing":           {nil, 0, 0},
		"empty polygon":     {orb.MultiPolygon{{}}, 0, 1},
		"line":              {orb.MultiPolygon{{{{1, 1}, {2, 2}, {1, 1}}}}, 0, 1},
		"flat":              {orb.MultiPolygon{{{{1, 1}, {2, 2}, {3, 3}, {1, 1}}}}, 0, 1},
		"not a number":      {orb.MultiPolygon{{{{1, 1}, {2, nan}, {3, 1}, {1, 1}}}}, 0, 1},
		"beyond the pole":   {orb.MultiPolygon{{{{1, 80}, {2, 91}, {3, 80}, {1, 80}}}}, 0, 1},
		"open":              {orb.MultiPolygon{{{{1, 1}, {2, 1}, {2, 2}}}}, 1, 0},
		"clockwise":         {orb.MultiPolygon{{{{1, 1}, {1, 2}, {2, 2}, {2, 1}, {1, 1}}}}, 1, 0},
		"across the 180th":  {orb.MultiPolygon{{{{179, 1}, {181, 1}, {181, 2}, {179, 2}, {179, 1}}}}, 2, 0},
		"beyond the 180th":  {orb.MultiPolygon{{{{181, 1}, {182, 1}, {182, 2}, {181, 2}, {181, 1}}}}, 1, 0},
		"one good, one bad": {orb.MultiPolygon{{{{1, 1}, {2, 1}, {2, 2}, {1, 1}}}, {{{1, 1}}}}, 1, 1},
	} {
		polygons, unusable := cap.Polygons(geo.Zone{Shape: c.shape})
		if len(polygons) != c.want || unusable != c.unusable {
			t.Errorf("%s: %d polygons, %d unusable; want %d, %d", name, len(polygons), unusable, c.want, c.unusable)
		}
		for _, p := range polygons {
			for _, at := range p {
				if math.Abs(at.Lon()) > 180 {
					t.Errorf("%s: longitude %v", name, at.Lon())
				}
			}
		}
	}
}
