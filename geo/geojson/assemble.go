package geojson

import (
	"fmt"
	"math"
	"slices"

	"github.com/paulmach/orb"
	"github.com/peterstace/simplefeatures/geom"

	"tocsin/geo"
)

// assemble makes the polygon of closed rings, shell first: unwound at 180 degrees, checked, wound and
// split.
func (r *reader) assemble(rings []ring) orb.MultiPolygon {
	before := r.found
	for i := range rings {
		r.unwind(&rings[i])
	}
	if r.found > before {
		return nil
	}
	polygon := orb.Polygon{rings[0].points}
	for _, hole := range rings[1:] {
		bringNear(hole.points, rings[0].points)
		polygon = append(polygon, hole.points)
	}
	polygon = r.check(polygon, rings)
	if r.found > before || polygon == nil {
		return nil
	}
	for i, ring := range polygon {
		wind(ring, i > 0)
	}
	return r.split(polygon, rings[0])
}

// What may be in doubt about a polygon before it is a fault: less than either.
const (
	doubtShare = 1e-3 // of what it covers
	doubtArea  = 100  // m2
)

// flat is the surface in m2 below which a ring has none: rounding leaves 1e-5.
const flat = 1e-3

// check notes what makes the polygon doubtful and returns it without the holes that have no surface.
//
// Doubt is the surface of which two ways of reading rings disagree: shell less holes by their own areas,
// and what an odd number of borders surround. They agree for sound polygons only.
func (r *reader) check(polygon orb.Polygon, rings []ring) orb.Polygon {
	sound := orb.Polygon{polygon[0]}
	for i, ring := range polygon[1:] {
		if geo.Area(orb.MultiPolygon{centred(orb.Polygon{ring})}) < flat {
			r.faults.Warn(rings[i+1].line, "%s: %s: a hole without a surface is left out", r.feature.Name, rings[i+1].name)
			continue
		}
		sound = append(sound, ring)
	}
	line, text := crossingText(rings)
	if text == "" {
		line, text = holeText(rings)
	}
	shape := orb.MultiPolygon{centred(sound)}
	covered := geo.Area(shape)
	if text != "" {
		covered = geo.CommonArea(shape, shape)
	}
	doubt := math.Abs(covered - geo.Area(shape))
	switch {
	case text != "" && doubt > doubtArea && doubt > doubtShare*covered:
		r.fault(line, "%s", text)
	case covered < flat:
		r.faults.Warn(rings[0].line, "%s: %s: has no surface and is left out: its positions lie on one line", r.feature.Name, rings[0].name)
		return nil
	case text != "":
		r.faults.Warn(line, "%s: %s (taken as it is: only %.0f m2 are in doubt)", r.feature.Name, text, doubt)
	}
	return sound
}

// centred is a copy of the polygon moved along its parallels to the middle of the map, where unwound
// longitudes are in range.
func centred(polygon orb.Polygon) orb.Polygon {
	bound := polygon.Bound()
	if bound.Min[0] >= -180 && bound.Max[0] <= 180 {
		return polygon
	}
	shift := (bound.Min[0] + bound.Max[0]) / 2
	moved := polygon.Clone()
	for _, ring := range moved {
		for i := range ring {
			ring[i][0] -= shift
		}
	}
	return moved
}

// unwind makes the longitudes of a ring run on beyond 180 degrees where it crosses that meridian: a step
// of more than half the Earth is taken for the short way round, but for one from -180 to 180 exactly, which
// goes along a parallel. A ring round a pole is closed over it, where all of it lies in one hemisphere.
func (r *reader) unwind(ring *ring) {
	shift := 0.0
	previous := ring.points[0][0]
	for i := range ring.points {
		lon := ring.points[i][0]
		if step := lon - previous; math.Abs(step) > 180 && math.Abs(step) < 360 {
			shift -= math.Copysign(360, step)
		}
		previous = lon
		ring.points[i][0] += shift
	}
	if shift == 0 {
		return
	}
	bound := ring.points.Bound()
	pole := math.Copysign(90, bound.Min[1])
	first, last := ring.points[0], ring.points[len(ring.points)-1]
	switch {
	case first[0] == last[0]: // there and back again
	case bound.Min[1]*bound.Max[1] > 0:
		// A cut at 180 degrees would be between two positions; over the pole it may be anywhere.
		ring.points = append(ring.points, orb.Point{last[0], pole}, orb.Point{first[0], pole}, first)
		end := ring.lines[len(ring.lines)-1]
		ring.lines = append(ring.lines, end, end, end)
	default:
		r.fault(ring.line, "%s: goes round the Earth on both sides of the equator, so that inside and outside cannot be told: split it at 180 degrees (RFC 7946, section 3.1.9)", ring.name)
	}
}

// bringNear moves a hole by whole turns so that it lies where its shell was unwound to.
func bringNear(hole, shell orb.Ring) {
	s, h := shell.Bound(), hole.Bound()
	turns := 360.0
	switch {
	case h.Max[0] > s.Max[0] && h.Min[0]-turns >= s.Min[0]:
		turns = -turns
	case h.Min[0] < s.Min[0] && h.Max[0]+turns <= s.Max[0]:
	default:
		return
	}
	for i := range hole {
		hole[i][0] += turns
	}
}

// holeText names the first hole that is outside its shell or within another hole, and its line; "" where
// all are sound.
func holeText(rings []ring) (line int, text string) {
	inShell := within(rings[0].points)
	for i, hole := range rings {
		if i == 0 {
			continue
		}
		for j, p := range hole.points {
			if !inShell(p) {
				return hole.lines[j], fmt.Sprintf("%s: a hole that leaves its shell at %s: make it a polygon of its own or leave it out", hole.name, place(p))
			}
		}
		for _, other := range rings[1:i] {
			if nested(other.points, hole.points) || nested(hole.points, other.points) {
				return hole.line, fmt.Sprintf("%s lies in another hole, %s: make the inner one a polygon of its own", hole.name, other.name)
			}
		}
	}
	return 0, ""
}

// within is geo.Contains for a ring whose longitudes may run beyond 180 degrees, ready for many points.
func within(ring orb.Ring) func(orb.Point) bool {
	bound := ring.Bound()
	shift := 0.0
	if bound.Min[0] < -180 || bound.Max[0] > 180 {
		shift = (bound.Min[0] + bound.Max[0]) / 2
	}
	shape := orb.MultiPolygon{centred(orb.Polygon{ring})}
	return func(p orb.Point) bool { return geo.Contains(shape, orb.Point{p[0] - shift, p[1]}) }
}

// nested says whether every position of inner lies in outer.
func nested(outer, inner orb.Ring) bool {
	if !outer.Bound().Intersects(inner.Bound()) {
		return false
	}
	inside := within(outer)
	return !slices.ContainsFunc(inner, func(p orb.Point) bool { return !inside(p) })
}

// wind turns a ring counter-clockwise, a hole clockwise.
func wind(ring orb.Ring, hole bool) {
	if clockwise := ring.Orientation() == orb.CW; clockwise != hole {
		ring.Reverse()
	}
}

// split cuts a polygon at the meridians of 180 degrees and brings the pieces back into range.
func (r *reader) split(polygon orb.Polygon, shell ring) orb.MultiPolygon {
	snapToLimit(polygon)
	bound := polygon.Bound()
	if bound.Min[0] >= -180 && bound.Max[0] <= 180 {
		return orb.MultiPolygon{polygon}
	}
	var pieces orb.MultiPolygon
	for turn := math.Floor((bound.Min[0] + 180) / 360); turn*360-180 < bound.Max[0]; turn++ {
		window := orb.Bound{Min: orb.Point{turn*360 - 180, -90}, Max: orb.Point{turn*360 + 180, 90}}
		part, err := intersect(polygon, window)
		if err != nil {
			r.fault(shell.line, "%s: cannot be split at 180 degrees (%v): draw it as one polygon on each side (RFC 7946, section 3.1.9)", shell.name, err)
			return nil
		}
		for _, piece := range part {
			for i, ring := range piece {
				for j := range ring {
					ring[j][0] -= turn * 360
				}
				wind(ring, i > 0)
			}
			pieces = append(pieces, piece)
		}
	}
	return pieces
}

// snapToLimit brings back what is beyond 180 degrees by rounding only.
func snapToLimit(polygon orb.Polygon) {
	for _, ring := range polygon {
		for i, p := range ring {
			if over := math.Abs(p[0]) - 180; over > 0 && over < 1e-9 {
				ring[i][0] = math.Copysign(180, p[0])
			}
		}
	}
}

func intersect(polygon orb.Polygon, window orb.Bound) (orb.MultiPolygon, error) {
	whole := toGeom(polygon)
	if err := whole.Validate(); err != nil {
		return nil, fmt.Errorf("checking the shape: %w", err)
	}
	part, err := geom.Intersection(whole.AsGeometry(), toGeom(window.ToPolygon()).AsGeometry())
	if err != nil {
		return nil, fmt.Errorf("cutting: %w", err)
	}
	var shape orb.MultiPolygon
	for _, g := range part.Dump() {
		if p, ok := g.AsPolygon(); ok && !p.IsEmpty() {
			shape = append(shape, fromGeom(p))
		}
	}
	return shape, nil
}

func toGeom(p orb.Polygon) geom.Polygon {
	rings := make([]geom.LineString, len(p))
	for i, ring := range p {
		floats := make([]float64, 0, 2*len(ring))
		for _, v := range ring {
			floats = append(floats, v[0], v[1])
		}
		rings[i] = geom.NewLineString(geom.NewSequence(floats, geom.DimXY))
	}
	return geom.NewPolygon(rings)
}

func fromGeom(p geom.Polygon) orb.Polygon {
	var polygon orb.Polygon
	for _, sequence := range p.Coordinates() {
		ring := make(orb.Ring, sequence.Length())
		for i := range ring {
			v := sequence.GetXY(i)
			ring[i] = orb.Point{v.X, v.Y}
		}
		polygon = append(polygon, ring)
	}
	return polygon
}
