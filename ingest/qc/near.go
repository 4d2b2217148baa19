package qc

import (
	"cmp"
	"math"
	"slices"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"

	"tocsin/ingest"
)

const (
	nearest  = 8      // neighbours heard at most
	reach    = 20_000 // m within which a sensor is a neighbour
	sameSpot = 1_000  // m within which two gauges see the same water
	halfway  = 10_000 // m at which a neighbour's word counts half
)

// neighbour is a sensor of the same quantity near by.
type neighbour struct {
	series   *series
	distance float64 // m
	bearing  float64 // degrees from north, as seen from the sensor judged
	weight   float64
}

// neighbours finds, for each series, those of the same quantity within reach, the nearest first. Two
// stations on rivers are neighbours only where it is the same river: what another valley does says nothing.
func neighbours(all []*series) {
	byQuantity := map[ingest.Quantity][]*series{}
	for _, s := range all {
		byQuantity[s.sensor.Quantity] = append(byQuantity[s.sensor.Quantity], s)
	}
	for _, group := range byQuantity {
		slices.SortStableFunc(group, func(a, b *series) int { return cmp.Compare(a.position.Lat(), b.position.Lat()) })
		for i, s := range group {
			s.near = nearOf(s, group, i)
			for _, n := range s.near {
				n.series.nearTo = append(n.series.nearTo, s)
			}
		}
	}
}

// nearOf walks outwards from place i of a group sorted by latitude.
func nearOf(s *series, group []*series, i int) []neighbour {
	const degree = 110_500.0 // m of latitude, at the least
	var found []neighbour
	try := func(j int) bool {
		o := group[j]
		if math.Abs(o.position.Lat()-s.position.Lat())*degree > reach {
			return false
		}
		if d := geo.DistanceHaversine(s.position, o.position); d <= reach && sameWater(s, o) {
			found = append(found, neighbour{o, d, bearing(s.position, o.position), 1 / (1 + (d/halfway)*(d/halfway))})
		}
		return true
	}
	for j := i - 1; j >= 0 && try(j); j-- {
	}
	for j := i + 1; j < len(group) && try(j); j++ {
	}
	slices.SortFunc(found, func(a, b neighbour) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.series.index, b.series.index))
	})
	return found[:min(len(found), nearest)]
}

func bearing(from, to orb.Point) float64 { return geo.Bearing(from, to) }

func sameWater(a, b *series) bool {
	if !flows(a.sensor.Quantity) || a.station == b.station {
		return true
	}
	return a.river == b.river
}

// flows says of a quantity that it travels down a river, so that neighbours see it at other times.
func flows(q ingest.Quantity) bool { return q == ingest.WaterLevel || q == ingest.Discharge }
