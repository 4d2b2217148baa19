package geojson

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/paulmach/orb"
)

// side is one straight piece of a ring.
type side struct {
	a, b        orb.Point
	south, top  float64
	ring, place int // which ring of the polygon, and which of its sides, from 0
}

// findCrossing looks for two sides of the rings that cross or run along each other, going from south to
// north. Rings may touch in a point: what is inside stays clear.
func findCrossing(rings []ring) (s, t side, at orb.Point, found bool) {
	var sides []side
	for i, r := range rings {
		for j := 1; j < len(r.points); j++ {
			a, b := r.points[j-1], r.points[j]
			if a != b {
				sides = append(sides, side{a, b, min(a[1], b[1]), max(a[1], b[1]), i, j - 1})
			}
		}
	}
	slices.SortFunc(sides, func(s, t side) int { return cmp.Compare(s.south, t.south) })
	var active []side
	for _, s := range sides {
		active = slices.DeleteFunc(active, func(t side) bool { return t.top < s.south })
		for _, t := range active {
			if at, crosses := meet(s, t); crosses {
				return s, t, at, true
			}
		}
		active = append(active, s)
	}
	return s, t, at, false
}

// meet says whether s and t cross, or share more than a point, and where.
func meet(s, t side) (orb.Point, bool) {
	if max(s.a[0], s.b[0]) < min(t.a[0], t.b[0]) || max(t.a[0], t.b[0]) < min(s.a[0], s.b[0]) {
		return orb.Point{}, false
	}
	ta, tb := turn(s.a, s.b, t.a), turn(s.a, s.b, t.b)
	sa, sb := turn(t.a, t.b, s.a), turn(t.a, t.b, s.b)
	if ta*tb < 0 && sa*sb < 0 {
		f := sa / (sa - sb)
		return orb.Point{s.a[0] + f*(s.b[0]-s.a[0]), s.a[1] + f*(s.b[1]-s.a[1])}, true
	}
	if ta == 0 && tb == 0 && sa == 0 && sb == 0 {
		return along(s, t)
	}
	return orb.Point{}, false
}

// turn is positive where c lies to the left of the way from a to b, 0 on its line.
func turn(a, b, c orb.Point) float64 {
	return (b[0]-a[0])*(c[1]-a[1]) - (b[1]-a[1])*(c[0]-a[0])
}

// along says whether two pieces of one line overlap by more than a point, and where that begins.
func along(s, t side) (orb.Point, bool) {
	axis := 0
	if s.a[0] == s.b[0] {
		axis = 1
	}
	low := func(s side) orb.Point {
		if s.a[axis] < s.b[axis] {
			return s.a
		}
		return s.b
	}
	start := low(s)
	if low(t)[axis] > start[axis] {
		start = low(t)
	}
	end := min(max(s.a[axis], s.b[axis]), max(t.a[axis], t.b[axis]))
	return start, start[axis] < end
}

// crossingText says where the polygon's rings first cross, and in which line; "" where they do not.
func crossingText(rings []ring) (line int, text string) {
	s, t, at, found := findCrossing(rings)
	if !found {
		return 0, ""
	}
	if s.ring > t.ring || s.ring == t.ring && s.place > t.place {
		s, t = t, s
	}
	first, second := rings[s.ring], rings[t.ring]
	where := fmt.Sprintf("at %s, between positions %d and %d and positions %d and %d (line %d)",
		place(at), s.place+1, s.place+2, t.place+1, t.place+2, second.lines[t.place])
	line = first.lines[s.place]
	if s.ring == t.ring {
		return line, fmt.Sprintf("%s: crosses or runs along itself %s: put the positions in order along the border", first.name, where)
	}
	return line, fmt.Sprintf("%s crosses or runs along %s %s: holes must lie inside and apart", first.name, second.name, where)
}
