package geo

import (
	"math"
	"testing"

	"github.com/paulmach/orb"
)

func box(west, south, east, north float64) orb.Ring {
	return orb.Ring{{west, south}, {east, south}, {east, north}, {west, north}, {west, south}}
}

func TestContains(t *testing.T) {
	holed := orb.MultiPolygon{{box(0, 0, 10, 10), box(4, 4, 6, 6)}}
	split := orb.MultiPolygon{{box(179, -1, 180, 1)}, {box(-180, -1, -179, 1)}}
	eastern := orb.MultiPolygon{{box(179, -1, 180, 1)}}
	cap := orb.MultiPolygon{{box(-180, 80, 180, 90)}}
	slanted := orb.MultiPolygon{{{{0, 0}, {3, 1}, {0, 7}, {0, 0}}}}
	for _, tc := range []struct {
		name  string
		shape orb.MultiPolygon
		p     orb.Point
		want  bool
	}{
		{"inside", holed, orb.Point{1, 1}, true},
		{"outside", holed, orb.Point{11, 1}, false},
		{"level with a corner, outside", holed, orb.Point{-1, 10}, false},
		{"corner", holed, orb.Point{10, 10}, true},
		{"edge", holed, orb.Point{10, 3}, true},
		{"in the hole", holed, orb.Point{5, 5}, false},
		{"edge of the hole", holed, orb.Point{4, 5}, true},
		{"corner of the hole", holed, orb.Point{6, 6}, true},
		{"level with the corner of the hole", holed, orb.Point{2, 6}, true},
		{"on a slanted edge", slanted, orb.Point{0.3, 0.1}, true},
		{"a metre off the slanted edge", slanted, orb.Point{0.3, 0.1 - 1e-5}, false},
		{"nowhere", nil, orb.Point{0, 0}, false},
		{"empty polygon", orb.MultiPolygon{{}}, orb.Point{0, 0}, false},
		{"empty ring", orb.MultiPolygon{{{}}}, orb.Point{0, 0}, false},
		{"not a number", holed, orb.Point{math.NaN(), 1}, false},
		{"no latitude on Earth", holed, orb.Point{1, 91}, false},
		{"infinite", holed, orb.Point{math.Inf(1), 1}, false},
		{"east of the antimeridian", split, orb.Point{-179.5, 0}, true},
		{"west of the antimeridian", split, orb.Point{179.5, 0}, true},
		{"on it, +180", split, orb.Point{180, 0}, true},
		{"on it, -180", split, orb.Point{-180, 0}, true},
		{"on it written as -180, shape in the east only", eastern, orb.Point{-180, 0}, true},
		{"beyond it, not normalised", split, orb.Point{180.5, 0}, true},
		{"beyond it and out", split, orb.Point{181.5, 0}, false},
		{"the pole", cap, orb.Point{17, 90}, true},
		{"the other pole", cap, orb.Point{17, -90}, false},
		{"a pole far from the shape", holed, orb.Point{5, 90}, false},
	} {
		if got := Contains(tc.shape, tc.p); got != tc.want {
			t.Errorf("%s: Contains(%v) = %v, want %v", tc.name, tc.p, got, tc.want)
		}
	}
}
