package geo

import (
	"fmt"
	"math"
	"slices"

	"github.com/paulmach/orb"
	"github.com/tidwall/rtree"
)

// Index finds the zones at a point or in a window. It is fixed once built and safe for concurrent use.
type Index struct {
	zones []Zone
	byID  map[string]int
	tree  rtree.RTreeG[int] // bound of one polygon of a shape → position of its zone
}

// NewIndex indexes zones in the order given. It fails on an empty or doubled id and on a zone without a
// shape: a zone that nothing finds would be a silent one.
func NewIndex(zones []Zone) (*Index, error) {
	x := &Index{zones: zones, byID: make(map[string]int, len(zones))}
	for i, z := range zones {
		if z.ID == "" {
			return nil, fmt.Errorf("zone %d has no id", i+1)
		}
		if _, taken := x.byID[z.ID]; taken {
			return nil, fmt.Errorf("zone %q stands twice", z.ID)
		}
		x.byID[z.ID] = i
		if isEmpty(z.Shape) {
			return nil, fmt.Errorf("zone %q has no shape: at least one ring of 4 positions is needed", z.ID)
		}
		for _, polygon := range z.Shape {
			if len(polygon) > 0 && len(polygon[0]) > 0 {
				b := polygon.Bound()
				x.tree.Insert(b.Min, b.Max, i)
			}
		}
	}
	return x, nil
}

func isEmpty(shape orb.MultiPolygon) bool {
	for _, polygon := range shape {
		if len(polygon) > 0 && len(polygon[0]) > 0 {
			return false
		}
	}
	return true
}

// Zones lists all zones in the order they were given. The slice must not be changed.
func (x *Index) Zones() []Zone { return x.zones }

// Zone finds a zone by its id.
func (x *Index) Zone(id string) (Zone, bool) {
	i, ok := x.byID[id]
	if !ok {
		return Zone{}, false
	}
	return x.zones[i], true
}

// At lists the zones in which p (longitude, latitude) lies by the rule of Contains, in the order they
// were given.
func (x *Index) At(p orb.Point) []Zone {
	var windows [2]orb.Bound
	return x.pick(windowsAt(p, windows[:0]), func(z Zone) bool { return Contains(z.Shape, p) })
}

// Intersecting lists the zones that have a point in common with window, edges included, in the order
// they were given. A window whose western edge is east of its eastern one crosses 180 degrees.
func (x *Index) Intersecting(window orb.Bound) []Zone {
	windows := splitWindow(window)
	return x.pick(windows, func(z Zone) bool {
		return slices.ContainsFunc(windows, func(w orb.Bound) bool { return touches(z.Shape, w) })
	})
}

// pick lists, in order and once each, the zones whose bounds meet one of the windows and that keep.
func (x *Index) pick(windows []orb.Bound, keep func(Zone) bool) []Zone {
	found := search(&x.tree, windows)
	var zones []Zone
	for _, i := range found {
		if keep(x.zones[i]) {
			zones = append(zones, x.zones[i])
		}
	}
	return zones
}

// windowsAt appends to windows where the bounds of shapes that Contain p may be: around p, on the
// other side of 180 degrees too, and the whole parallel at a pole.
func windowsAt(p orb.Point, windows []orb.Bound) []orb.Bound {
	p, ok := normalise(p)
	if !ok {
		return windows
	}
	if 90-math.Abs(p[1]) <= edgeTolerance {
		return append(windows, around(orb.Point{-180, p[1]}, orb.Point{180, p[1]}))
	}
	windows = append(windows, around(p, p))
	if 180-math.Abs(p[0]) <= edgeTolerance {
		other := orb.Point{-p[0], p[1]}
		windows = append(windows, around(other, other))
	}
	return windows
}

func around(low, high orb.Point) orb.Bound {
	return orb.Bound{
		Min: orb.Point{low[0] - edgeTolerance, low[1] - edgeTolerance},
		Max: orb.Point{high[0] + edgeTolerance, high[1] + edgeTolerance},
	}
}

// splitWindow cuts a window that crosses 180 degrees into its two halves.
func splitWindow(w orb.Bound) []orb.Bound {
	if w.Min[0] <= w.Max[0] {
		return []orb.Bound{w}
	}
	return []orb.Bound{
		{Min: w.Min, Max: orb.Point{180, w.Max[1]}},
		{Min: orb.Point{-180, w.Min[1]}, Max: w.Max},
	}
}

// touches says whether the shape has a point in the window: one of its edges does, or it holds the
// whole window, and then its corner.
func touches(shape orb.MultiPolygon, w orb.Bound) bool {
	for _, polygon := range shape {
		for _, ring := range polygon {
			for i := range ring {
				if edgeTouches(ring[max(i-1, 0)], ring[i], w) {
					return true
				}
			}
		}
	}
	return Contains(shape, w.Min)
}

// edgeTouches clips the segment from a to b by the window after Liang and Barsky (1984) and says
// whether anything is left.
func edgeTouches(a, b orb.Point, w orb.Bound) bool {
	enter, leave := 0.0, 1.0
	for axis := range 2 {
		d := b[axis] - a[axis]
		low, high := w.Min[axis]-a[axis], w.Max[axis]-a[axis]
		if d == 0 {
			if low > 0 || high < 0 {
				return false
			}
			continue
		}
		t0, t1 := low/d, high/d
		enter = max(enter, min(t0, t1))
		leave = min(leave, max(t0, t1))
	}
	return enter <= leave
}
