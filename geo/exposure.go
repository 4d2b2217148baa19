package geo

import "github.com/paulmach/orb"

// Place is a settlement or building known as a point.
type Place struct {
	ID       string
	Name     string
	Position orb.Point // longitude, latitude
	People   int
	Source   string // who counted: "Population and Housing Census of Bhutan 2017"
	Year     int    // of the count; 0 where it is not known
}

// CensusArea is an administrative unit with a head count.
type CensusArea struct {
	ID         string
	Name       string
	Shape      orb.MultiPolygon // longitude, latitude
	People     int
	Households int // 0 where it is not known
	Source     string
	Year       int
}

// Exposure says who is inside an area: a best estimate with its range, and where it comes from.
type Exposure struct {
	People  int             `json:"people"` // best estimate
	Low     int             `json:"low"`    // people known to live inside
	High    int             `json:"high"`   // everybody counted in any unit the area touches
	AreaKM2 float64         `json:"area_km2"`
	Places  []PlaceExposure `json:"places"`  // settlements inside, largest first
	Units   []UnitExposure  `json:"units"`   // census areas touched, largest share first
	Methods []string        `json:"methods"` // how the numbers were made, in words
	Sources []string        `json:"sources"`
}

// PlaceExposure is a settlement inside the area.
type PlaceExposure struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	People int    `json:"people"`
}

// UnitExposure is the share of a census area inside the area.
type UnitExposure struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	People   int     `json:"people"`   // of the unit, taken to be inside
	Of       int     `json:"of"`       // of the unit in all
	Fraction float64 `json:"fraction"` // of the unit's land inside, 0 to 1
}
