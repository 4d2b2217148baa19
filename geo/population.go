package geo

import (
	"fmt"
	"math"
	"slices"

	"github.com/paulmach/orb"
	"github.com/tidwall/rtree"
)

// Population is where people live, as far as it is known: settlements as points and census areas as
// head counts of a polygon. It is fixed once built and safe for concurrent use.
type Population struct {
	places    []Place
	unitOf    []int             // of each place: the census area it lies in, -1 for none
	placeTree rtree.RTreeG[int] // position → place
	units     []unit            //
	unitTree  rtree.RTreeG[int] // bound of one polygon → unit
}

// unit is a census area with what is known of it once all places are.
type unit struct {
	CensusArea
	area   float64 // m2
	placed int     // people of the places inside it
}

// rest is the people of the unit who live in none of its places.
func (u *unit) rest() int { return max(0, u.People-u.placed) }

// whole is everybody of the unit: its head count, or its places' where they are known to be more.
func (u *unit) whole() int { return max(u.People, u.placed) }

// NewPopulation indexes places and census areas. It fails on an empty or doubled id, a negative head
// count, a position or shape that is none, and where the middle of a census area lies in another with
// which it shares more than a hundredth: two administrative levels at once would count everybody twice.
func NewPopulation(places []Place, areas []CensusArea) (*Population, error) {
	p := &Population{places: places, unitOf: make([]int, len(places)), units: make([]unit, 0, len(areas))}
	if err := p.addUnits(areas); err != nil {
		return nil, err
	}
	if err := p.addPlaces(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Population) addUnits(areas []CensusArea) error {
	seen := make(map[string]bool, len(areas))
	for i, a := range areas {
		if a.ID == "" || seen[a.ID] {
			return fmt.Errorf("census area %d: id %q is empty or stands twice", i+1, a.ID)
		}
		seen[a.ID] = true
		if a.People < 0 || a.Households < 0 {
			return fmt.Errorf("census area %q: %d people in %d households: neither can be negative", a.ID, a.People, a.Households)
		}
		u := unit{CensusArea: a, area: CommonArea(a.Shape, a.Shape)}
		if !(u.area > 0) || math.IsInf(u.area, 0) {
			return fmt.Errorf("census area %q has no surface: a polygon is wanted", a.ID)
		}
		p.units = append(p.units, u)
		for _, b := range bounds(a.Shape) {
			p.unitTree.Insert(b.Min, b.Max, i)
		}
	}
	return p.checkOverlaps()
}

// checkOverlaps looks at a point inside each unit; only where that lies in another unit too are the two
// cut, so that the check stays cheap for thousands of neighbours.
func (p *Population) checkOverlaps() error {
	for i := range p.units {
		for _, j := range p.unitsAt(pointInside(p.units[i].Shape)) {
			if i == j {
				continue
			}
			a, b := &p.units[i], &p.units[j]
			if share := CommonArea(a.Shape, b.Shape) / min(a.area, b.area); share > 0.01 {
				return fmt.Errorf("census areas %q and %q overlap by %.0f %% of the smaller: give one administrative level only, else people count twice",
					a.ID, b.ID, 100*share)
			}
		}
	}
	return nil
}

// pointInside is the middle of the widest stretch of shape on the middle parallel of its tallest polygon.
func pointInside(shape orb.MultiPolygon) orb.Point {
	var tallest orb.Polygon
	height := 0.0
	for _, polygon := range shape {
		if len(polygon) == 0 {
			continue
		}
		if b := polygon[0].Bound(); b.Max[1]-b.Min[1] > height {
			tallest, height = polygon, b.Max[1]-b.Min[1]
		}
	}
	if tallest == nil {
		return orb.Point{math.NaN(), math.NaN()}
	}
	y := tallest[0].Bound().Min[1] + height/2
	var cuts []float64
	for _, e := range appendEdges(nil, orb.MultiPolygon{tallest}, 0, tallest.Bound()) {
		if e.low[1] <= y && y < e.high[1] {
			cuts = append(cuts, e.at(y))
		}
	}
	slices.Sort(cuts)
	best, widest := orb.Point{math.NaN(), math.NaN()}, 0.0
	for i := 1; i < len(cuts); i += 2 {
		if width := cuts[i] - cuts[i-1]; width > widest {
			best, widest = orb.Point{cuts[i-1] + width/2, y}, width
		}
	}
	return best
}

// unitsAt lists the units in which point lies, in order.
func (p *Population) unitsAt(point orb.Point) []int {
	var buffer [2]orb.Bound
	found := search(&p.unitTree, windowsAt(point, buffer[:0]))
	return slices.DeleteFunc(found, func(i int) bool { return !Contains(p.units[i].Shape, point) })
}

func (p *Population) addPlaces() error {
	seen := make(map[string]bool, len(p.places))
	for i, place := range p.places {
		if place.ID == "" || seen[place.ID] {
			return fmt.Errorf("place %d: id %q is empty or stands twice", i+1, place.ID)
		}
		seen[place.ID] = true
		if place.People < 0 {
			return fmt.Errorf("place %q: %d people: the number cannot be negative", place.ID, place.People)
		}
		var buffer [2]orb.Bound
		windows := windowsAt(place.Position, buffer[:0])
		if len(windows) == 0 {
			return fmt.Errorf("place %q: longitude %v, latitude %v is not on Earth", place.ID, place.Position[0], place.Position[1])
		}
		for _, w := range windows {
			p.placeTree.Insert(w.Min, w.Max, i)
		}
		p.unitOf[i] = -1
		// A place on the border of two units belongs to the first, never to both.
		if at := p.unitsAt(place.Position); len(at) > 0 {
			p.unitOf[i] = at[0]
			p.units[at[0]].placed += place.People
		}
	}
	return nil
}

// Empty says whether nothing at all is known of where people live.
func (p *Population) Empty() bool { return len(p.places) == 0 && len(p.units) == 0 }

// Loose lists the places that lie in no census area although there are some: their people are counted
// beside those of the areas.
func (p *Population) Loose() []Place {
	var loose []Place
	for i, place := range p.places {
		if p.unitOf[i] < 0 && len(p.units) > 0 {
			loose = append(loose, place)
		}
	}
	return loose
}

// placesIn lists the places inside shape, in order.
func (p *Population) placesIn(shape orb.MultiPolygon) []int {
	found := search(&p.placeTree, bounds(shape))
	return slices.DeleteFunc(found, func(i int) bool { return !Contains(shape, p.places[i].Position) })
}

// bounds lists the bound of each polygon of shape.
func bounds(shape orb.MultiPolygon) []orb.Bound {
	windows := make([]orb.Bound, 0, len(shape))
	for _, polygon := range shape {
		if len(polygon) > 0 && len(polygon[0]) > 0 {
			windows = append(windows, polygon.Bound())
		}
	}
	return windows
}

// search lists what the tree holds in any of the windows, in order and once each.
func search(tree *rtree.RTreeG[int], windows []orb.Bound) []int {
	var found []int
	for _, w := range windows {
		tree.Search(w.Min, w.Max, func(_, _ [2]float64, i int) bool {
			found = append(found, i)
			return true
		})
	}
	slices.Sort(found)
	return slices.Compact(found)
}
