package scenario

import (
	"math"
	"time"
)

// Catchment is a piece of land that turns rain and melt into flow: a soil store whose runoff grows with
// its wetness, and a fast and a slow linear reservoir (the scheme of HBV, Bergström 1992, made small).
type Catchment struct {
	ID               string        `yaml:"id"`
	AreaKM2          float64       `yaml:"area_km2"`
	SoilMM           float64       `yaml:"soil_mm"`            // what the soil can hold
	Wetness          float64       `yaml:"wetness"`            // of the soil at the beginning, 0 to 1
	Fast             time.Duration `yaml:"fast"`               // time constant of surface and interflow
	Slow             time.Duration `yaml:"slow"`               // time constant of ground water
	BaseMMDay        float64       `yaml:"base_mm_day"`        // flow from the ground water at the beginning
	PercolationMMDay float64       `yaml:"percolation_mm_day"` // from a full soil to the ground water
	EvaporationMMDay float64       `yaml:"evaporation_mm_day"` // from a full soil
	IceFraction      float64       `yaml:"ice_fraction"`       // share of the land that is glacier
	Air              Air           `yaml:"air"`
}

// Air is the temperature over a catchment: a daily wave, warmest at three in the afternoon.
type Air struct {
	Mean      float64 `yaml:"mean"`      // Cel
	Amplitude float64 `yaml:"amplitude"` // Cel, half of the daily range
}

// at is the temperature in Cel at an hour of the sun's day.
func (a Air) at(hour float64) float64 {
	return a.Mean + a.Amplitude*math.Cos((hour-15)/24*2*math.Pi)
}

// degreeDay is the melt of ice in mm a day for each degree above freezing, in the middle of what Hock
// (2003, Journal of Hydrology 282) gathered for glaciers of the Himalaya.
const degreeDay = 7.0

// soilExponent is HBV's beta: how sharply runoff grows with the wetness of the soil.
const soilExponent = 2.0

// land is the state of a catchment; stores are mm over its area.
type land struct {
	Catchment
	soil, fast, slow float64
	rain             float64 // mm of the last step
	flow             float64 // m3/s, mean of the last step
	evaporated       float64 // mm in all
	received         float64 // mm of rain and melt in all
	released         float64 // mm of flow in all
}

func newLand(c Catchment) *land {
	return &land{Catchment: c, soil: c.Wetness * c.SoilMM, slow: c.BaseMMDay * c.Slow.Hours() / 24}
}

// step moves the catchment on by dt under rain (mm) at an hour of the sun's day.
func (l *land) step(dt time.Duration, rain, hour float64) {
	days := dt.Hours() / 24
	melt := l.IceFraction * degreeDay * max(0, l.Air.at(hour)) * days
	l.rain = rain
	l.received += rain + melt

	wetness := l.soil / l.SoilMM
	runoff := rain * math.Pow(wetness, soilExponent)
	l.soil += rain - runoff
	if over := l.soil - l.SoilMM; over > 0 { // a full soil takes no more
		l.soil, runoff = l.SoilMM, runoff+over
	}
	evaporation := min(l.soil, l.EvaporationMMDay*wetness*days)
	l.soil -= evaporation
	l.evaporated += evaporation
	percolation := min(l.soil, l.PercolationMMDay*wetness*days)
	l.soil -= percolation

	out := drain(&l.fast, runoff+melt, dt, l.Fast) + drain(&l.slow, percolation, dt, l.Slow)
	l.released += out
	l.flow = out * l.cubicMetresPerMM() / dt.Seconds()
}

// cubicMetresPerMM is the volume of 1 mm over the catchment.
func (l *land) cubicMetresPerMM() float64 { return l.AreaKM2 * 1000 }

// stored is the water in all stores, mm.
func (l *land) stored() float64 { return l.soil + l.fast + l.slow }

// drain is the exact outflow within dt of a linear reservoir with time constant k, fed evenly with in.
func drain(store *float64, in float64, dt, k time.Duration) float64 {
	x := dt.Seconds() / k.Seconds()
	decay := math.Exp(-x)
	after := *store*decay + in*(1-decay)/x
	out := *store + in - after
	*store = after
	return out
}
