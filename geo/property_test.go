package geo

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/paulmach/orb"
	"github.com/peterstace/simplefeatures/geom"
	"pgregory.net/rapid"
)

// star draws a polygon round a centre, its corners in order of their direction, so that it never
// crosses itself; sometimes with a hole of the same form.
func star(t *rapid.T, size float64) orb.Polygon {
	x := rapid.Float64Range(-3, 3).Draw(t, "x")
	y := rapid.Float64Range(-3, 3).Draw(t, "y")
	n := rapid.IntRange(3, 12).Draw(t, "corners")
	shell, hole := make(orb.Ring, 0, n+1), make(orb.Ring, 0, n+1)
	for i := range n {
		r := rapid.Float64Range(0.1, 1).Draw(t, "radius") * size
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(n))
		shell = append(shell, orb.Point{x + r*cos, y + r*sin})
		hole = append(hole, orb.Point{x + r*cos/2, y + r*sin/2})
	}
	shell, hole = append(shell, shell[0]), append(hole, hole[0])
	if rapid.Bool().Draw(t, "hole") {
		return orb.Polygon{shell, hole}
	}
	return orb.Polygon{shell}
}

// turns is how often the ring goes round p, by adding up angles: slow, and shares nothing with Contains.
func turns(ring orb.Ring, p orb.Point) float64 {
	sum := 0.0
	for i := 1; i < len(ring); i++ {
		ax, ay := ring[i-1][0]-p[0], ring[i-1][1]-p[1]
		bx, by := ring[i][0]-p[0], ring[i][1]-p[1]
		sum += math.Atan2(ax*by-ay*bx, ax*bx+ay*by)
	}
	return math.Abs(sum) / (2 * math.Pi)
}

func TestContainsAgreesWithTurningRound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		polygon := star(t, 2)
		p := orb.Point{rapid.Float64Range(-5, 5).Draw(t, "px"), rapid.Float64Range(-5, 5).Draw(t, "py")}
		want := turns(polygon[0], p) > 0.5
		for _, hole := range polygon[1:] {
			want = want && turns(hole, p) < 0.5
		}
		for _, ring := range polygon {
			for i := 1; i < len(ring); i++ {
				want = want || onSegment(ring[i-1], ring[i], p)
			}
		}
		if got := Contains(orb.MultiPolygon{polygon}, p); got != want {
			t.Fatalf("Contains(%v, %v) = %v, want %v", polygon, p, got, want)
		}
	})
}

func TestPointsOnEdgesAreInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		polygon := star(t, 2)
		ring := polygon[rapid.IntRange(0, len(polygon)-1).Draw(t, "ring")]
		i := rapid.IntRange(1, len(ring)-1).Draw(t, "edge")
		f := rapid.Float64Range(0, 1).Draw(t, "along")
		a, b := ring[i-1], ring[i]
		p := orb.Point{a[0] + f*(b[0]-a[0]), a[1] + f*(b[1]-a[1])}
		if !Contains(orb.MultiPolygon{polygon}, p) {
			t.Fatalf("%v on edge %v-%v is outside", p, a, b)
		}
	})
}

func TestIndexAgreesWithLookingAtEveryZone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zones := make([]Zone, rapid.IntRange(0, 12).Draw(t, "zones"))
		for i := range zones {
			zones[i] = Zone{ID: fmt.Sprint("z", i), Shape: orb.MultiPolygon{star(t, 1), star(t, 1)}}
		}
		index, err := NewIndex(zones)
		if err != nil {
			t.Fatal(err)
		}
		p := orb.Point{rapid.Float64Range(-4, 4).Draw(t, "px"), rapid.Float64Range(-4, 4).Draw(t, "py")}
		var want []string
		for _, z := range zones {
			if Contains(z.Shape, p) {
				want = append(want, z.ID)
			}
		}
		if got := zoneIDs(index.At(p)); !slices.Equal(got, want) {
			t.Fatalf("At(%v) = %v, want %v", p, got, want)
		}
		// Every zone at a point of a window meets the window.
		w := orb.Bound{Min: orb.Point{p[0] - 0.1, p[1] - 0.2}, Max: orb.Point{p[0] + 0.3, p[1] + 0.1}}
		meeting := zoneIDs(index.Intersecting(w))
		for _, z := range zones {
			if shared := unionOverlaid(t, z.Shape[0], z.Shape[1], w.ToPolygon()); shared > 1 && !slices.Contains(meeting, z.ID) {
				t.Fatalf("Intersecting(%v) = %v misses %s, which shares %v m2", w, meeting, z.ID, shared)
			}
			// What only touches the window shares something with a window a little larger.
			wider := w.Pad(1e-4).ToPolygon()
			if slices.Contains(meeting, z.ID) && unionOverlaid(t, z.Shape[0], z.Shape[1], wider) < 1e-3 {
				t.Fatalf("Intersecting(%v) = %v has %s, which is not there", w, meeting, z.ID)
			}
		}
	})
}

// overlaid is the area in m2 that all polygons share by simplefeatures, whose overlay shares nothing with
// CommonArea. Its union is not used: it loses what fills the hole of another part.
func overlaid(t *rapid.T, polygons ...orb.Polygon) float64 {
	var shared geom.Geometry
	for i, polygon := range polygons {
		next := toGeom(polygon)
		if i == 0 {
			shared = next
			continue
		}
		both, err := geom.Intersection(shared, next)
		if err != nil {
			t.Fatal(err)
		}
		shared = both
	}
	var shape orb.MultiPolygon
	for _, part := range shared.Dump() {
		if polygon, ok := part.AsPolygon(); ok {
			shape = append(shape, fromGeom(polygon))
		}
	}
	return Area(shape)
}

func toGeom(polygon orb.Polygon) geom.Geometry {
	rings := make([]geom.LineString, len(polygon))
	for i, ring := range polygon {
		var floats []float64
		for _, v := range ring {
			floats = append(floats, v[0], v[1])
		}
		rings[i] = geom.NewLineString(geom.NewSequence(floats, geom.DimXY))
	}
	return geom.NewPolygon(rings).AsGeometry()
}

func fromGeom(polygon geom.Polygon) orb.Polygon {
	var rings orb.Polygon
	for _, sequence := range polygon.Coordinates() {
		ring := make(orb.Ring, sequence.Length())
		for i := range ring {
			v := sequence.GetXY(i)
			ring[i] = orb.Point{v.X, v.Y}
		}
		rings = append(rings, ring)
	}
	return rings
}

// unionOverlaid is what p or q share with b, by inclusion and exclusion.
func unionOverlaid(t *rapid.T, p, q, b orb.Polygon) float64 {
	return overlaid(t, p, b) + overlaid(t, q, b) - overlaid(t, p, q, b)
}

func TestCommonAreaAgreesWithOverlay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q, b := star(t, 2), star(t, 1), star(t, 3) // p and q may overlap: what both cover counts once
		shape, other := orb.MultiPolygon{p, q}, orb.MultiPolygon{b}
		got, want := CommonArea(shape, other), unionOverlaid(t, p, q, b)
		if math.Abs(got-want) > 1e-9*Area(other)+1 {
			t.Fatalf("%v and %v share %v m2, the overlay says %v", shape, b, got, want)
		}
		if back := CommonArea(other, shape); math.Abs(got-back) > 1e-9*Area(other) {
			t.Fatalf("shared area %v one way, %v the other", got, back)
		}
	})
}

func zoneIDs(zones []Zone) []string {
	var ids []string
	for _, z := range zones {
		ids = append(ids, z.ID)
	}
	return ids
}

// rowLength is how many degrees of the parallel y between west and east lie in the polygon.
func rowLength(polygon orb.Polygon, y, west, east float64) float64 {
	var cuts []float64
	for _, ring := range polygon {
		for i := 1; i < len(ring); i++ {
			a, b := ring[i-1], ring[i]
			if (a[1] > y) != (b[1] > y) {
				cuts = append(cuts, a[0]+(y-a[1])/(b[1]-a[1])*(b[0]-a[0]))
			}
		}
	}
	slices.Sort(cuts)
	length := 0.0
	for i := 0; i+1 < len(cuts); i += 2 {
		length += max(0, min(cuts[i+1], east)-max(cuts[i], west))
	}
	return length
}

// TestExposureAgreesWithScanning compares the shares of a grid of census squares with a slow method:
// adding up thin rows.
func TestExposureAgreesWithScanning(t *testing.T) {
	var areas []CensusArea
	for x := -6.0; x < 6; x += 2 {
		for y := -6.0; y < 6; y += 2 {
			areas = append(areas, CensusArea{ID: fmt.Sprint(x, "/", y), Shape: square(x, y, 2), People: 1e6})
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		places := make([]Place, rapid.IntRange(0, 5).Draw(rt, "places"))
		for i := range places {
			at := orb.Point{rapid.Float64Range(-8, 8).Draw(rt, "x"), rapid.Float64Range(-8, 8).Draw(rt, "y")}
			places[i] = Place{ID: fmt.Sprint(i), Position: at, People: rapid.IntRange(0, 1500000).Draw(rt, "people")}
		}
		p, err := NewPopulation(places, areas)
		if err != nil {
			rt.Fatal(err)
		}
		shape := orb.MultiPolygon{star(rt, 3)}
		e, err := p.Exposure(shape)
		if err != nil {
			rt.Fatal(err)
		}
		checkSums(rt, p, shape, e)
		fractions := map[string]float64{}
		for _, u := range e.Units {
			fractions[u.ID] = u.Fraction
		}
		for _, a := range areas {
			if want := scanned(shape[0], a.Shape.Bound()); math.Abs(fractions[a.ID]-want) > 2e-3 {
				rt.Fatalf("fraction of %s is %v, scanning says %v", a.ID, fractions[a.ID], want)
			}
		}
	})
}

// scanned is the share of the square inside the polygon, by 2,000 rows weighted with the cosine.
func scanned(polygon orb.Polygon, b orb.Bound) float64 {
	const rows = 2000
	in, all := 0.0, 0.0
	for i := range rows {
		y := b.Min[1] + (float64(i)+0.5)/rows*(b.Max[1]-b.Min[1])
		weight := math.Cos(y * math.Pi / 180)
		in += weight * rowLength(polygon, y, b.Min[0], b.Max[0])
		all += weight * (b.Max[0] - b.Min[0])
	}
	return in / all
}

// checkSums holds what must be true of every exposure.
func checkSums(t *rapid.T, p *Population, shape orb.MultiPolygon, e Exposure) {
	if e.Low > e.People || e.People > e.High {
		t.Fatalf("%d is not between %d and %d", e.People, e.Low, e.High)
	}
	units, surface := 0, 0.0
	for _, u := range e.Units {
		units += u.People
		if u.People > u.Of || u.Fraction < 0 || u.Fraction > 1 {
			t.Fatalf("unit %+v takes more than all", u)
		}
		for i := range p.units {
			if p.units[i].ID == u.ID {
				surface += u.Fraction * p.units[i].area
			}
		}
	}
	for i, place := range p.places {
		if p.unitOf[i] < 0 && Contains(shape, place.Position) {
			units += place.People
		}
	}
	if units != e.People {
		t.Fatalf("units and loose places add up to %d, the total is %d", units, e.People)
	}
	if math.Abs(surface-e.AreaKM2*1e6) > 1e-5*e.AreaKM2*1e6 {
		t.Fatalf("the pieces have %v m2, the shape %v", surface, e.AreaKM2*1e6)
	}
}
