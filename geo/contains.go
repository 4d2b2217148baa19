package geo

import (
	"math"

	"github.com/paulmach/orb"
)

// edgeTolerance is how far from an edge a point still lies on it, in degrees: 1e-9 degrees are 0.1 mm,
// far below any survey, and above the rounding of coordinates near 180 (3e-14). Without it a point
// computed to lie on an edge would be inside or outside by the luck of its last bit.
const edgeTolerance = 1e-9

// Contains says whether p lies in shape. Longitude, latitude, degrees.
//
// A point on an edge, or within 0.1 mm of it, is inside, also on the edge of a hole: when in doubt a
// person is warned. Edges are straight in longitude and latitude (RFC 7946 section 3.1.1). Shapes that
// cross 180 degrees are held split there (RFC 7946 section 3.1.9); a point on that meridian is looked
// for on both sides of it, and longitudes beyond ±180 are brought back into range. At a pole all
// longitudes are one point, which is inside any shape that reaches the pole. Rings may be wound either
// way. A position that is not finite, or whose latitude is not on Earth, is in no shape.
func Contains(shape orb.MultiPolygon, p orb.Point) bool {
	p, ok := normalise(p)
	if !ok {
		return false
	}
	if 90-math.Abs(p[1]) <= edgeTolerance {
		return reachesPole(shape, p[1])
	}
	if anyContains(shape, p) {
		return true
	}
	if 180-math.Abs(p[0]) > edgeTolerance {
		return false
	}
	return anyContains(shape, orb.Point{-p[0], p[1]})
}

// normalise brings the longitude into [-180, 180]; ok is false for what is no position on Earth.
func normalise(p orb.Point) (orb.Point, bool) {
	if math.IsNaN(p[0]) || math.IsInf(p[0], 0) || !(math.Abs(p[1]) <= 90) {
		return p, false
	}
	if math.Abs(p[0]) > 180 {
		p[0] = math.Remainder(p[0], 360)
	}
	return p, true
}

func reachesPole(shape orb.MultiPolygon, lat float64) bool {
	for _, polygon := range shape {
		if len(polygon) == 0 {
			continue
		}
		for _, vertex := range polygon[0] {
			if math.Abs(vertex[1]-lat) <= edgeTolerance {
				return true
			}
		}
	}
	return false
}

func anyContains(shape orb.MultiPolygon, p orb.Point) bool {
	for _, polygon := range shape {
		if polygonContains(polygon, p) {
			return true
		}
	}
	return false
}

func polygonContains(polygon orb.Polygon, p orb.Point) bool {
	if len(polygon) == 0 {
		return false
	}
	inside, edge := locate(polygon[0], p)
	if edge {
		return true
	}
	if !inside {
		return false
	}
	for _, hole := range polygon[1:] {
		if inHole, _ := locate(hole, p); inHole { // strictly: its edge belongs to the polygon
			return false
		}
	}
	return true
}

// locate says whether p is strictly inside the ring by counting crossings of the ray to the east, and
// whether it lies on an edge. The ring may be closed or not.
func locate(ring orb.Ring, p orb.Point) (inside, edge bool) {
	if len(ring) == 0 {
		return false, false
	}
	a := ring[len(ring)-1]
	for _, b := range ring {
		if onSegment(a, b, p) {
			return false, true
		}
		if (a[1] > p[1]) != (b[1] > p[1]) &&
			p[0] < a[0]+(p[1]-a[1])/(b[1]-a[1])*(b[0]-a[0]) {
			inside = !inside
		}
		a = b
	}
	return inside, false
}

// onSegment says whether p is within edgeTolerance of the segment from a to b.
func onSegment(a, b, p orb.Point) bool {
	if p[1] < min(a[1], b[1])-edgeTolerance || p[1] > max(a[1], b[1])+edgeTolerance ||
		p[0] < min(a[0], b[0])-edgeTolerance || p[0] > max(a[0], b[0])+edgeTolerance {
		return false
	}
	dx, dy := b[0]-a[0], b[1]-a[1]
	px, py := p[0]-a[0], p[1]-a[1]
	length2 := dx*dx + dy*dy
	t := 0.0
	if length2 > 0 {
		t = max(0, min(1, (px*dx+py*dy)/length2))
	}
	ex, ey := px-t*dx, py-t*dy
	return ex*ex+ey*ey <= edgeTolerance*edgeTolerance
}
