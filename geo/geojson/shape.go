package geojson

import (
	"fmt"
	"math"

	"github.com/paulmach/orb"
)

// MaxVertices is how many positions one shape may have. Coastlines at 1:10,000 stay below it; more makes
// maps and warnings unusable and is nearly always a mistake.
const MaxVertices = 200_000

// ring is a ring as read, with the line of each position for messages.
type ring struct {
	name   string // "ring 1"
	line   int
	points orb.Ring
	lines  []int
}

// reader reads the geometry of one feature.
type reader struct {
	feature  Feature
	faults   *Faults
	vertices int
	found    int // faults of this feature
}

func (r *reader) fault(line int, format string, args ...any) {
	r.found++
	r.faults.Add(line, "%s: %s", r.feature.Name, fmt.Sprintf(format, args...))
}

// Shape reads the feature's Polygon or MultiPolygon, or a GeometryCollection of such. Every fault is
// noted with its ring, the place and what would be right; ok is false where there was one. Rings are
// wound as RFC 7946 section 3.1.6 asks, and what crosses 180 degrees is split (section 3.1.9).
//
// A ring that crosses itself, and a hole that is not inside its shell, is a fault where it leaves in doubt
// what is inside. Official borders do so all the time by a metre, from rounding: that is a warning.
func Shape(feature Feature, faults *Faults) (shape orb.MultiPolygon, ok bool) {
	r := &reader{feature: feature, faults: faults}
	if feature.Geometry == nil {
		r.fault(feature.Line, "no geometry: a Polygon or MultiPolygon is wanted")
		return nil, false
	}
	shape = r.geometry(feature.Geometry, "")
	if r.found == 0 && len(shape) == 0 {
		r.fault(feature.Geometry.Line, "the geometry has no surface: a Polygon or MultiPolygon is wanted whose positions do not lie on one line")
	}
	return shape, r.found == 0
}

func (r *reader) geometry(v *Value, prefix string) orb.MultiPolygon {
	switch kind := typeOf(v); kind {
	case "Polygon":
		return r.polygon(v.Get("coordinates"), v, prefix)
	case "MultiPolygon":
		list := v.Get("coordinates")
		if !r.isList(list, v, prefix+"coordinates", "polygons") {
			return nil
		}
		var shape orb.MultiPolygon
		for i := range list.Items {
			shape = append(shape, r.polygon(&list.Items[i], v, fmt.Sprintf("%spolygon %d, ", prefix, i+1))...)
		}
		return shape
	case "GeometryCollection":
		list := v.Get("geometries")
		if !r.isList(list, v, prefix+"geometries", "geometries") {
			return nil
		}
		var shape orb.MultiPolygon
		for i := range list.Items {
			shape = append(shape, r.geometry(&list.Items[i], fmt.Sprintf("%sgeometry %d, ", prefix, i+1))...)
		}
		return shape
	case "Point", "MultiPoint", "LineString", "MultiLineString":
		r.fault(v.Line, "%sa %s has no surface: a Polygon or MultiPolygon is wanted", prefix, kind)
	default:
		r.fault(v.Line, "%sgeometry \"type\" is %s: Polygon or MultiPolygon is wanted", prefix, quoted(kind))
	}
	return nil
}

// isList notes a fault where list is no list of lists.
func (r *reader) isList(list, parent *Value, what, of string) bool {
	line := parent.Line
	if list != nil {
		line = list.Line
	}
	if list == nil || list.Kind != Array || len(list.Numbers) > 0 || len(list.Items) == 0 {
		r.fault(line, "%s: a list of %s is wanted", what, of)
		return false
	}
	return true
}

// polygon reads one polygon, which may become several at 180 degrees.
func (r *reader) polygon(list, parent *Value, prefix string) orb.MultiPolygon {
	if !r.isList(list, parent, prefix+"coordinates", "rings") {
		return nil
	}
	before := r.found
	rings := make([]ring, 0, len(list.Items))
	for i := range list.Items {
		rings = append(rings, r.ring(&list.Items[i], fmt.Sprintf("%sring %d", prefix, i+1)))
	}
	if r.vertices > MaxVertices {
		r.fault(list.Line, "more than %d positions: simplify the shape (a metre's tolerance is plenty)", MaxVertices)
	}
	if r.found > before {
		return nil
	}
	return r.assemble(rings)
}

func (r *reader) ring(list *Value, name string) ring {
	out := ring{name: name, line: list.Line}
	if list.Kind != Array || len(list.Numbers) > 0 {
		r.fault(list.Line, "%s: a list of positions is wanted, like [[89.9, 27.5], [89.9, 27.6], [89.8, 27.6], [89.9, 27.5]]", name)
		return out
	}
	before := r.found
	for i := range list.Items {
		if p, ok := r.position(&list.Items[i], fmt.Sprintf("%s, position %d", name, i+1)); ok {
			out.points = append(out.points, p)
			out.lines = append(out.lines, list.Items[i].Line)
		}
	}
	r.vertices += len(out.points)
	if r.found > before {
		return out
	}
	n := len(out.points)
	switch {
	case n < 4:
		r.fault(list.Line, "%s: %d positions: a ring needs at least 4, the last equal to the first", name, n)
	case out.points[0] != out.points[n-1]:
		r.fault(out.lines[n-1], "%s: not closed: it ends at %s and must end where it begins, at %s",
			name, place(out.points[n-1]), place(out.points[0]))
	}
	return out
}

func (r *reader) position(v *Value, name string) (orb.Point, bool) {
	if v.Kind != Array || len(v.Numbers) < 2 || len(v.Items) > 0 {
		r.fault(v.Line, "%s: a position is [longitude, latitude], two numbers", name)
		return orb.Point{}, false
	}
	lon, lat := v.Numbers[0], v.Numbers[1]
	switch {
	case math.Abs(lon) <= 90 && math.Abs(lat) > 90 && math.Abs(lat) <= 180:
		r.fault(v.Line, "%s: latitude %v is not on Earth: longitude and latitude are probably swapped, [%v, %v] would be right", name, lat, lat, lon)
	case math.Abs(lat) > 90:
		r.fault(v.Line, "%s: latitude %v is not on Earth (-90 to 90); projected coordinates must be turned into WGS 84 degrees", name, lat)
	case math.Abs(lon) > 360:
		r.fault(v.Line, "%s: longitude %v is not on Earth (-180 to 180); projected coordinates must be turned into WGS 84 degrees", name, lon)
	default:
		return orb.Point{lon, lat}, true
	}
	return orb.Point{}, false
}

func place(p orb.Point) string { return fmt.Sprintf("[%v, %v]", p[0], p[1]) }

// Position reads the feature's Point; ok is false, and the fault noted, where it is none.
func Position(feature Feature, faults *Faults) (p orb.Point, ok bool) {
	r := &reader{feature: feature, faults: faults}
	g := feature.Geometry
	if g == nil || typeOf(g) != "Point" {
		line, kind := feature.Line, ""
		if g != nil {
			line, kind = g.Line, typeOf(g)
		}
		r.fault(line, "geometry \"type\" is %s: a Point is wanted", quoted(kind))
		return p, false
	}
	coordinates := g.Get("coordinates")
	if coordinates == nil {
		r.fault(g.Line, "the Point has no coordinates: [longitude, latitude] is wanted")
		return p, false
	}
	if p, ok = r.position(coordinates, "the Point"); ok && math.Abs(p[0]) > 180 {
		p[0] = math.Remainder(p[0], 360)
	}
	return p, ok
}
