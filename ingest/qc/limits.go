package qc

import (
	"math"
	"time"

	"tocsin/ingest"
)

// Constants of the tests.
const (
	// Lateness is how long after its time a reading may arrive and still be judged among the others.
	Lateness = 24 * time.Hour
	// Confirmations is how many further readings at the new level make a step believable.
	Confirmations = 3

	// shortest is the least time over which a change counts: waves and the last digit of a sensor that
	// reports every few seconds are no steps.
	shortest = 5 * time.Minute
	// usualGap is how old the reading before may be to be compared with, where the interval is not known
	// or short; longestGap bounds it for slow sensors.
	usualGap, longestGap = 6 * time.Hour, 12 * time.Hour
	// ahead is how far a device's clock may run before the site's.
	ahead = 24 * time.Hour
	// window is how long readings are kept: as long as one may come late, and the context it needs.
	window = Lateness + longestGap
	// mostKept bounds the memory of one sensor.
	mostKept = 4096
)

func ptr(v float64) *float64 { return &v }

// Defaults are the limits of a quantity where a sensor gives none, in its canonical unit. They are wide:
// they catch what cannot be anywhere (WMO world records), the site's own limits what cannot be here.
// A nil Rate means no step test; a negative Stuck no stuck test.
func Defaults(q ingest.Quantity) ingest.Limits {
	switch q {
	case ingest.WaterLevel: // datums differ: metres above the sea are levels too. Low water stands still for days.
		return ingest.Limits{Min: ptr(-500), Max: ptr(9000), Rate: ptr(4), Stuck: 48 * time.Hour}
	case ingest.Discharge: // negative where the tide turns a river; the Amazon reaches 300,000 m3/s
		return ingest.Limits{Min: ptr(-50_000), Max: ptr(400_000), Stuck: 48 * time.Hour}
	case ingest.Precipitation: // 1,825 mm in a day (Foc-Foc, 1966)
		return ingest.Limits{Min: ptr(0), Max: ptr(2000), Stuck: 12 * time.Hour}
	case ingest.AirTemperature: // -89.2 Cel (Vostok), 56.7 Cel (Furnace Creek)
		return ingest.Limits{Min: ptr(-95), Max: ptr(60), Rate: ptr(30), Stuck: 12 * time.Hour}
	case ingest.SnowDepth: // 11.82 m (Mount Ibuki, 1927); bare ground reads a little below zero
		return ingest.Limits{Min: ptr(-0.3), Max: ptr(25), Rate: ptr(1), Stuck: 10 * 24 * time.Hour}
	case ingest.SnowWaterEquivalent:
		return ingest.Limits{Min: ptr(-30), Max: ptr(10_000), Rate: ptr(200), Stuck: 10 * 24 * time.Hour}
	case ingest.WindSpeed: // 113 m/s (Barrow Island, 1996)
		return ingest.Limits{Min: ptr(0), Max: ptr(120), Stuck: 12 * time.Hour}
	case ingest.WindFromDirection:
		return ingest.Limits{Min: ptr(0), Max: ptr(360), Stuck: -1}
	case ingest.RelativeHumidity:
		return ingest.Limits{Min: ptr(0), Max: ptr(105), Stuck: 48 * time.Hour}
	case ingest.AirPressure: // as measured, from Everest to the Dead Sea
		return ingest.Limits{Min: ptr(300), Max: ptr(1100), Rate: ptr(30), Stuck: 12 * time.Hour}
	case ingest.SoilMoisture:
		return ingest.Limits{Min: ptr(0), Max: ptr(100), Stuck: -1}
	case ingest.BatteryVoltage:
		return ingest.Limits{Min: ptr(0), Max: ptr(60), Stuck: -1}
	}
	return ingest.Limits{Stuck: -1}
}

// limits are the parameters of one sensor, resolved.
type limits struct {
	min, max float64
	rate     float64       // per hour; +Inf for none
	stuck    time.Duration // 0 for none
	gap      time.Duration
}

func resolve(sensor ingest.Sensor) limits {
	defaults := Defaults(sensor.Quantity)
	l := limits{
		min:  or(sensor.Limits.Min, defaults.Min, math.Inf(-1)),
		max:  or(sensor.Limits.Max, defaults.Max, math.Inf(1)),
		rate: or(sensor.Limits.Rate, defaults.Rate, math.Inf(1)),
		gap:  min(max(usualGap, 3*sensor.Interval), longestGap),
	}
	l.stuck = sensor.Limits.Stuck
	if l.stuck == 0 {
		l.stuck = defaults.Stuck
	}
	l.stuck = max(l.stuck, 0)
	return l
}

func or(own, fallback *float64, none float64) float64 {
	if own != nil {
		return *own
	}
	if fallback != nil {
		return *fallback
	}
	return none
}

// allowed is the largest believable change over dt.
func (l limits) allowed(dt time.Duration) float64 { return l.rate * max(dt, shortest).Hours() }

// mayRest says whether a value may stay as it is for ever: no rain, no snow, no wind, full saturation.
func mayRest(q ingest.Quantity, v float64) bool {
	switch q {
	case ingest.Precipitation, ingest.SnowDepth, ingest.SnowWaterEquivalent, ingest.WindSpeed:
		return v == 0
	case ingest.RelativeHumidity:
		return v >= 100
	case ingest.WaterLevel, ingest.Discharge, ingest.AirTemperature, ingest.WindFromDirection,
		ingest.AirPressure, ingest.SoilMoisture, ingest.BatteryVoltage:
	}
	return false
}

// perCanonical says how many of a unit make one canonical unit, for units that are no power of ten of it.
// For the others a full register shows as the same digits in the canonical unit.
var perCanonical = map[string]float64{
	"[ft_i]": 1 / 0.3048, "[in_i]": 1 / 0.0254, "[cft_i]/s": 1 / 0.028316846592, "[ft_i]3/s": 1 / 0.028316846592,
	"ML/d": 86.4, "Ml/d": 86.4, "km/h": 3.6, "[kn_i]": 3600.0 / 1852, "[mi_i]/h": 1 / 0.44704,
	"cm": 100, "dm": 10, "mm": 1000, "L/s": 1000, "l/s": 1000, "mV": 1000, "Pa": 100, "kPa": 0.1,
}

// onWire gives v as the sensor's register had it.
func onWire(v float64, sensor ingest.Sensor) float64 {
	switch {
	case sensor.Unit == sensor.Quantity.Unit() || sensor.Unit == "":
		return v
	case sensor.Unit == "[degF]":
		return v*9/5 + 32
	case sensor.Unit == "K":
		return v + 273.15
	case sensor.Quantity.Unit() == "mm" && (sensor.Unit == "cm" || sensor.Unit == "m" || sensor.Unit == "[in_i]"):
		return v / map[string]float64{"cm": 10, "m": 1000, "[in_i]": 25.4}[sensor.Unit]
	}
	if f, ok := perCanonical[sensor.Unit]; ok {
		return v * f
	}
	return v
}

// isCeiling says whether v is a full 16-bit register with up to three decimals: 32767, 3276.7, 327.67,
// 32.767, 65535 and so on, and -32768.
func isCeiling(v float64) bool {
	for _, scale := range [...]float64{1, 10, 100, 1000} {
		n := v * scale
		for _, full := range [...]float64{32767, 65535, -32768, -32767} {
			if math.Abs(n-full) < 1e-6 {
				return true
			}
		}
	}
	return false
}
