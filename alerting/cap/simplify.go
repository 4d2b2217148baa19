package cap

import (
	"math"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/clip"
	"github.com/paulmach/orb/planar"
	"github.com/tidwall/rtree"

	"tocsin/geo"
)

const (
	// maxVertices is how many pairs a polygon should have at most: readers choke on more (Google's and
	// WMO's advice to CAP publishers).
	maxVertices = 100
	// maxGrowth is the part of its area by which simplification may widen a polygon, never more.
	maxGrowth = 0.02
)

// tolerances are the distances, in metres, by which the outline may move outwards, tried in turn.
var tolerances = [...]float64{1, 5, 20, 50, 100}

// Polygons gives the outlines of a zone as CAP can hold them: closed, at most about 100 pairs each
// where that is possible, and never leaving out anybody who is inside the zone:
//
//   - CAP has no holes, so people in a hole are warned too;
//   - an outline with more than 100 pairs is simplified outwards only; where its bends do not allow
//     that within 100 m and 2 % of its area, the pairs are kept, however many;
//   - an outline that reaches beyond the 180th meridian is cut there, as polygons may not cross it.
//
// Rings that are no area (fewer than three different points, not a number, latitude out of range) are
// left out and counted in unusable; areaDesc still names the place.
func Polygons(zone geo.Zone) (polygons []Polygon, unusable int) {
	for _, shape := range zone.Shape {
		if len(shape) == 0 {
			unusable++
			continue
		}
		ring, ok := cleanRing(shape[0])
		if !ok {
			unusable++
			continue
		}
		for _, part := range cutAtAntimeridian(simplify(ring)) {
			polygons = append(polygons, Polygon(part))
		}
	}
	return polygons, unusable
}

// cleanRing copies a ring closed, without doubled neighbours, counter-clockwise.
func cleanRing(ring orb.Ring) (orb.Ring, bool) {
	clean := make(orb.Ring, 0, len(ring)+1)
	for _, p := range ring {
		if !(math.Abs(p.Lat()) <= 90) || !(math.Abs(p.Lon()) <= 540) {
			return nil, false
		}
		if len(clean) == 0 || clean[len(clean)-1] != p {
			clean = append(clean, p)
		}
	}
	if len(clean) > 0 && clean[0] != clean[len(clean)-1] {
		clean = append(clean, clean[0])
	}
	if len(clean) < 4 || planar.Area(clean) == 0 {
		return nil, false
	}
	if clean.Orientation() == orb.CW {
		clean.Reverse()
	}
	return clean, true
}

// outline is a ring being simplified: a doubly linked list over its points, with an index of those
// that are left.
type outline struct {
	points     []orb.Point
	next, prev []int
	index      rtree.RTreeG[int] // of the points that are left
	edges      rtree.RTreeG[int] // of the bounds of the edges that are left, each by its first point
	left       int
	scale      orb.Point // metres per degree of longitude and latitude, at the middle of the ring
	budget     float64   // square degrees that may still be added
}

// simplify removes points of a counter-clockwise closed ring outwards only, until 100 are left or no
// more can go. Each step adds a triangle that holds no other point of the ring, so the result stays a
// simple ring and covers all of the original. That holds for a ring that does not cross itself, so the
// result is looked at again, and where it leaves a corner out the ring stays as it was.
func simplify(ring orb.Ring) orb.Ring {
	if len(ring) <= maxVertices {
		return ring
	}
	o := newOutline(ring)
	for _, tolerance := range tolerances {
		for o.left >= maxVertices && o.pass(tolerance) {
			continue
		}
	}
	if result := o.ring(); covers(result, ring) {
		return result
	}
	return ring
}

// maxComparisons bounds the second look; a ring too long for it is not simplified.
const maxComparisons = 50_000_000

// covers says whether every corner of ring is inside outline, or so near its edge that arithmetic
// cannot tell (a tenth of a millimetre).
func covers(outline, ring orb.Ring) bool {
	if len(outline)*len(ring) > maxComparisons {
		return false
	}
	for _, p := range ring {
		if !planar.RingContains(outline, p) && planar.DistanceFrom(orb.LineString(outline), p) > 1e-9 {
			return false
		}
	}
	return true
}

func newOutline(ring orb.Ring) *outline {
	n := len(ring) - 1
	middle := ring.Bound().Center().Lat() * math.Pi / 180
	o := &outline{
		points: make([]orb.Point, n), next: make([]int, n), prev: make([]int, n), left: n,
		scale:  orb.Point{111320 * math.Cos(middle), 110574},
		budget: math.Abs(planar.Area(ring)) * maxGrowth,
	}
	for i := range n {
		o.points[i], o.next[i], o.prev[i] = ring[i], (i+1)%n, (i+n-1)%n
		o.index.Insert(ring[i], ring[i], i)
	}
	for i := range n {
		o.putEdge(i)
	}
	return o
}

func (o *outline) putEdge(i int)  { b := o.edge(i); o.edges.Insert(b.Min, b.Max, i) }
func (o *outline) dropEdge(i int) { b := o.edge(i); o.edges.Delete(b.Min, b.Max, i) }

func (o *outline) edge(i int) orb.Bound {
	return orb.MultiPoint{o.points[i], o.points[o.next[i]]}.Bound()
}

// pass goes round once and says whether a point was removed.
func (o *outline) pass(tolerance float64) (changed bool) {
	start := o.first()
	for i, steps := start, o.left; steps > 0 && o.left >= maxVertices; steps-- {
		following := o.next[i]
		if o.fillBay(i, tolerance) || o.cutCorner(i, tolerance) {
			changed = true
		}
		i = following
		if o.next[i] < 0 { // following was removed by cutCorner
			i = o.first()
		}
	}
	return changed
}

func (o *outline) first() int {
	for i := range o.points {
		if o.next[i] >= 0 {
			return i
		}
	}
	return 0
}

// fillBay removes a point where the outline bends inwards: the straight line outside it adds a triangle.
func (o *outline) fillBay(b int, tolerance float64) bool {
	a, c := o.prev[b], o.next[b]
	pa, pb, pc := o.points[a], o.points[b], o.points[c]
	added := -cross(pa, pb, pc) / 2
	if added < 0 || added > o.budget || o.distance(pb, pa, pc) > tolerance || !o.empty(pa, pb, pc, a, b, c) {
		return false
	}
	o.budget -= added
	o.dropEdge(a)
	o.dropEdge(b)
	o.remove(b)
	o.putEdge(a)
	return true
}

// cutCorner replaces two neighbouring corners b, c that bend outwards by the point where the lines
// before and after them meet, which adds a triangle outside. Nothing is in it where no edge crosses its two
// new sides: the third is an edge itself.
func (o *outline) cutCorner(b int, tolerance float64) bool {
	a, c := o.prev[b], o.next[b]
	d := o.next[c]
	if a == d || o.next[d] == a {
		return false
	}
	pa, pb, pc, pd := o.points[a], o.points[b], o.points[c], o.points[d]
	if cross(pa, pb, pc) <= 0 || cross(pb, pc, pd) <= 0 {
		return false
	}
	meet, ok := meeting(pa, pb, pd, pc)
	if !ok || math.Abs(meet.Lat()) > 90 {
		return false
	}
	added := math.Abs(cross(pb, meet, pc)) / 2
	if added > o.budget || o.distance(meet, pb, pc) > tolerance ||
		o.crossed(pb, meet, a, b, c) || o.crossed(meet, pc, a, b, c) {
		return false
	}
	o.budget -= added
	o.dropEdge(a)
	o.dropEdge(b)
	o.dropEdge(c)
	o.index.Delete(pb, pb, b)
	o.points[b] = meet
	o.index.Insert(meet, meet, b)
	o.remove(c)
	o.putEdge(a)
	o.putEdge(b)
	return true
}

func (o *outline) remove(i int) {
	o.index.Delete(o.points[i], o.points[i], i)
	o.next[o.prev[i]], o.prev[o.next[i]] = o.next[i], o.prev[i]
	o.next[i] = -1
	o.left--
}

// empty says that no other point of the outline lies in or on the triangle. As two sides of
// it are edges of the outline, no edge can cross it then: it would have to cross the third side twice.
func (o *outline) empty(p, q, r orb.Point, but1, but2, but3 int) bool {
	bound := orb.MultiPoint{p, q, r}.Bound()
	free := true
	o.index.Search(bound.Min, bound.Max, func(_, _ [2]float64, i int) bool {
		if i != but1 && i != but2 && i != but3 && inTriangle(o.points[i], p, q, r) {
			free = false
		}
		return free
	})
	return free
}

// crossed says whether an edge of the outline, but those three, meets the segment from p to q.
func (o *outline) crossed(p, q orb.Point, but1, but2, but3 int) bool {
	bound := orb.MultiPoint{p, q}.Bound()
	found := false
	o.edges.Search(bound.Min, bound.Max, func(_, _ [2]float64, i int) bool {
		if i != but1 && i != but2 && i != but3 {
			r, s := o.points[i], o.points[o.next[i]]
			found = cross(p, q, r)*cross(p, q, s) <= 0 && cross(r, s, p)*cross(r, s, q) <= 0
		}
		return !found
	})
	return found
}

func (o *outline) ring() orb.Ring {
	start := o.first()
	ring := orb.Ring{o.points[start]}
	for i := o.next[start]; i != start; i = o.next[i] {
		ring = append(ring, o.points[i])
	}
	return append(ring, ring[0])
}

// distance of p from the line through a and b, in metres (flat, good enough at 100 m).
func (o *outline) distance(p, a, b orb.Point) float64 {
	abx, aby := (b[0]-a[0])*o.scale[0], (b[1]-a[1])*o.scale[1]
	apx, apy := (p[0]-a[0])*o.scale[0], (p[1]-a[1])*o.scale[1]
	length := math.Hypot(abx, aby)
	if length == 0 {
		return math.Hypot(apx, apy)
	}
	return math.Abs(abx*apy-aby*apx) / length
}

// cross is positive where a, b, c turn left.
func cross(a, b, c orb.Point) float64 {
	return (b[0]-a[0])*(c[1]-a[1]) - (b[1]-a[1])*(c[0]-a[0])
}

func inTriangle(p, a, b, c orb.Point) bool {
	u, v, w := cross(a, b, p), cross(b, c, p), cross(c, a, p)
	return (u >= 0 && v >= 0 && w >= 0) || (u <= 0 && v <= 0 && w <= 0)
}

// meeting is where the ray from a through b meets the ray from d through c, beyond b and c.
func meeting(a, b, d, c orb.Point) (orb.Point, bool) {
	ux, uy, vx, vy := b[0]-a[0], b[1]-a[1], c[0]-d[0], c[1]-d[1]
	det := vx*uy - ux*vy
	if math.Abs(det) < 1e-18 {
		return orb.Point{}, false
	}
	wx, wy := d[0]-a[0], d[1]-a[1]
	s, t := (vx*wy-vy*wx)/det, (ux*wy-uy*wx)/det
	if !(s > 1) || !(t > 1) {
		return orb.Point{}, false
	}
	return orb.Point{a[0] + s*ux, a[1] + s*uy}, true
}

// cutAtAntimeridian gives the parts of a ring, whose longitudes may run on beyond ±180, between -180 and 180.
func cutAtAntimeridian(ring orb.Ring) []orb.Ring {
	bound := ring.Bound()
	if bound.Min.Lon() >= -180 && bound.Max.Lon() <= 180 {
		return []orb.Ring{ring}
	}
	var parts []orb.Ring
	for _, shift := range []float64{0, 360, -360} {
		window := orb.Bound{Min: orb.Point{-180 + shift, -90}, Max: orb.Point{180 + shift, 90}}
		part := clip.Ring(window, ring.Clone())
		if len(part) < 3 {
			continue
		}
		for i := range part {
			part[i][0] -= shift
		}
		if clean, ok := cleanRing(part); ok {
			parts = append(parts, clean)
		}
	}
	return parts
}
