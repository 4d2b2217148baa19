package geo

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/paulmach/orb"
)

// sliver is the share of both shapes below which what they have in common is the noise of digitising a
// border twice, not an overlap.
const sliver = 1e-6

// sparse is the density in people per km2 below which spreading a census area's people evenly over its
// land says little: mountain villages lie in the valley, where the flood comes.
const sparse = 20.0

// share is what a shape takes of one unit.
type share struct {
	unit     *unit
	fraction float64 // of the unit's surface, 0 to 1
	inside   int     // people of the unit's places inside
	rest     float64 // fraction of the people in no place
	people   int     // inside + rest, rounded so that the sum over units is right
}

// Exposure says who lives inside shape (longitude, latitude, rings closed).
//
// Settlements come first: the people of a place inside count whole. Of a census area only those who live
// in none of its places are spread over its land, by the exact share of its surface inside (on the
// sphere, see Area). Low is the people of the places inside and of the units wholly inside; High is
// everybody of every unit touched and of the places inside that lie in no unit. Nobody counts twice, a
// unit wholly inside gives exactly its total, and People is the sum of the units' People and of the
// places in no unit. Where polygons of the shape overlap, people count once. It fails on a shape without
// a surface.
func (p *Population) Exposure(shape orb.MultiPolygon) (Exposure, error) {
	area := CommonArea(shape, shape)
	if !(area > 0) || math.IsInf(area, 0) {
		return Exposure{}, errors.New("the area has no surface: a polygon of finite positions is wanted")
	}
	e := Exposure{AreaKM2: area / 1e6, Places: []PlaceExposure{}, Units: []UnitExposure{}}
	inside := p.placesIn(shape)
	shares := map[int]*share{}
	for _, i := range search(&p.unitTree, bounds(shape)) {
		u := &p.units[i]
		shared := CommonArea(u.Shape, shape)
		if shared > sliver*min(u.area, area) {
			shares[i] = &share{unit: u, fraction: snap(shared / u.area)}
		}
	}
	loose := p.addInside(&e, inside, shares)
	ordered := apportion(shares)
	e.sum(ordered, loose)
	e.explain(p, ordered, inside, loose)
	return e, nil
}

// snap makes a fraction exact that only rounding keeps from being all.
func snap(fraction float64) float64 {
	if fraction > 1-1e-9 {
		return 1
	}
	return fraction
}

// addInside notes the places inside and gives their people to their units; it returns the people of
// those that lie in no unit.
func (p *Population) addInside(e *Exposure, inside []int, shares map[int]*share) (loose int) {
	for _, i := range inside {
		place := p.places[i]
		e.Places = append(e.Places, PlaceExposure{ID: place.ID, Name: place.Name, People: place.People})
		at := p.unitOf[i]
		if at < 0 {
			loose += place.People
			continue
		}
		if shares[at] == nil { // the place stands on an edge that the unit only touches
			shares[at] = &share{unit: &p.units[at]}
		}
		shares[at].inside += place.People
	}
	slices.SortStableFunc(e.Places, func(a, b PlaceExposure) int {
		return cmp.Or(cmp.Compare(b.People, a.People), strings.Compare(a.ID, b.ID))
	})
	return loose
}

// apportion rounds the shares to whole people by the largest remainder (Hamilton), so that they add up
// to the rounded sum, and puts the largest first.
func apportion(shares map[int]*share) []*share {
	ordered := make([]*share, 0, len(shares))
	exact, given := 0.0, 0
	for _, s := range shares {
		s.rest = s.fraction * float64(s.unit.rest())
		ordered = append(ordered, s)
	}
	slices.SortFunc(ordered, func(a, b *share) int {
		return cmp.Or(cmp.Compare(remainder(b.rest), remainder(a.rest)), strings.Compare(a.unit.ID, b.unit.ID))
	})
	for _, s := range ordered {
		s.people = s.inside + int(s.rest)
		exact += s.rest
		given += int(s.rest)
	}
	for i := range int(math.Round(exact)) - given {
		ordered[i].people++
	}
	slices.SortFunc(ordered, func(a, b *share) int {
		return cmp.Or(cmp.Compare(b.people, a.people), cmp.Compare(b.fraction, a.fraction), strings.Compare(a.unit.ID, b.unit.ID))
	})
	return ordered
}

func remainder(x float64) float64 { return x - math.Floor(x) }

// sum fills in the totals and the units.
func (e *Exposure) sum(shares []*share, loose int) {
	e.People, e.Low, e.High = loose, loose, loose
	for _, s := range shares {
		e.People += s.people
		e.High += s.unit.whole()
		if s.fraction == 1 {
			e.Low += s.inside + s.unit.rest()
		} else {
			e.Low += s.inside
		}
		e.Units = append(e.Units, UnitExposure{
			ID: s.unit.ID, Name: s.unit.Name, People: s.people, Of: s.unit.whole(), Fraction: s.fraction,
		})
	}
}
