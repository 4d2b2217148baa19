package geo

import (
	"math"

	"github.com/paulmach/orb"
)

// earthRadius is the radius in m of the sphere with the surface of the WGS 84 ellipsoid (authalic).
const earthRadius = 6371007.2

// Area is the surface of a shape on the sphere in m2: shells less their holes, rings wound either way.
//
// Edges are straight in longitude and latitude, as RFC 7946 draws them and Contains judges them, so
// that the areas of the pieces of a shape add up to that of the whole. Parts that overlap count twice.
func Area(shape orb.MultiPolygon) float64 {
	total := 0.0
	for _, polygon := range shape {
		for i, ring := range polygon {
			area := math.Abs(ringArea(ring))
			if i > 0 {
				area = -area
			}
			total += area
		}
	}
	return total
}

// ringArea integrates sin(latitude) over longitude along the ring (Green's theorem on the cylinder of
// Lambert); positive for rings wound counter-clockwise. For an edge from f1 to f2 the mean of the sine
// is sin((f1+f2)/2) * sin(d)/d with d = (f2-f1)/2. The sine of the first latitude is taken off each
// term, which changes nothing in a closed ring and keeps small ones exact.
func ringArea(ring orb.Ring) float64 {
	if len(ring) < 3 {
		return 0
	}
	const rad = math.Pi / 180
	base := math.Sin(ring[0][1] * rad)
	sum := 0.0
	a := ring[len(ring)-1]
	for _, b := range ring {
		d := (b[1] - a[1]) / 2 * rad
		mean := math.Sin((a[1] + b[1]) / 2 * rad)
		if math.Abs(d) > 1e-12 {
			mean *= math.Sin(d) / d
		}
		sum -= (b[0] - a[0]) * rad * (mean - base)
		a = b
	}
	return sum * earthRadius * earthRadius
}
