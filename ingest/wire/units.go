package wire

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"tocsin/ingest"
)

// dimension is what a unit measures.
type dimension uint8

const (
	length dimension = iota + 1
	flow
	temperature
	speed
	angle
	fraction
	pressure
	voltage
)

// unit says how a value becomes one of the base unit of its dimension: value*num/den + shift. A ratio of
// whole numbers keeps decimal inputs exact: 321 cm is 3.21 m, not 3.2100000000000004.
type unit struct {
	dim      dimension
	num, den float64
	shift    float64
}

// units by UCUM code (ucum.org, case sensitive). Factors are exact by definition: the international foot
// is 0.3048 m, the inch 25.4 mm, the mile 1609.344 m, the nautical mile 1852 m.
var units = map[string]unit{
	"m": {length, 1, 1, 0}, "dm": {length, 1, 10, 0}, "cm": {length, 1, 100, 0}, "mm": {length, 1, 1000, 0},
	"[ft_i]": {length, 3048, 10000, 0}, "[in_i]": {length, 254, 10000, 0},

	"m3/s": {flow, 1, 1, 0}, "m3/h": {flow, 1, 3600, 0}, "m3/d": {flow, 1, 86400, 0},
	"L/s": {flow, 1, 1000, 0}, "l/s": {flow, 1, 1000, 0},
	"ML/d": {flow, 1000, 86400, 0}, "Ml/d": {flow, 1000, 86400, 0},
	"[cft_i]/s": {flow, 28316846592, 1e12, 0}, "[ft_i]3/s": {flow, 28316846592, 1e12, 0},

	"Cel": {temperature, 1, 1, 0}, "K": {temperature, 1, 1, -273.15}, "[degF]": {temperature, 5, 9, -160.0 / 9},

	"m/s": {speed, 1, 1, 0}, "cm/s": {speed, 1, 100, 0}, "km/h": {speed, 10, 36, 0},
	"[kn_i]": {speed, 1852, 3600, 0}, "[mi_i]/h": {speed, 1609344, 3600000, 0}, "[ft_i]/s": {speed, 3048, 10000, 0},

	"deg": {angle, 1, 1, 0}, "rad": {angle, 180, math.Pi, 0},

	"%": {fraction, 1, 1, 0}, "1": {fraction, 100, 1, 0}, "m3/m3": {fraction, 100, 1, 0},

	"hPa": {pressure, 1, 1, 0}, "mbar": {pressure, 1, 1, 0}, "Pa": {pressure, 1, 100, 0},
	"kPa": {pressure, 10, 1, 0}, "bar": {pressure, 1000, 1, 0},

	"V": {voltage, 1, 1, 0}, "mV": {voltage, 1, 1000, 0},
}

// habits are what people write instead of the code, to name the right one in the refusal.
var habits = map[string]string{
	"C": "Cel", "°C": "Cel", "degC": "Cel", "F": "[degF]", "°F": "[degF]", "degF": "[degF]",
	"ft": "[ft_i]", "feet": "[ft_i]", "in": "[in_i]", "inch": "[in_i]",
	"m³/s": "m3/s", "cumecs": "m3/s", "m^3/s": "m3/s", "l/sec": "L/s", "cfs": "[cft_i]/s", "ft3/s": "[cft_i]/s",
	"kn": "[kn_i]", "kt": "[kn_i]", "knots": "[kn_i]", "mph": "[mi_i]/h", "kph": "km/h",
	"°": "deg", "percent": "%", "volt": "V", "mb": "mbar",
	"mAOD": "m, with the datum in the sensor", "mASD": "m, with the datum in the sensor",
	"mm/h": "mm, the depth over the reading's interval",
}

// Convert gives value, measured in unit (a UCUM code, "" for the canonical one), in the canonical unit
// of q. It fails on a quantity or a unit it does not know, on a unit that does not measure q, and on a
// value that is not finite before or after.
func Convert(value float64, unit string, q ingest.Quantity) (float64, error) {
	canonical := q.Unit()
	if canonical == "" {
		return 0, fmt.Errorf("quantity %q is not known", q)
	}
	if unit == "" || unit == canonical {
		return finite(value, unit)
	}
	from, to := units[unit], units[canonical]
	if from.dim != to.dim {
		return 0, unitError(unit, q)
	}
	// Canonical units have no shift.
	return finite((value*(from.num*to.den))/(from.den*to.num)+from.shift, unit)
}

// UnitFits says whether unit (a UCUM code, "" for the canonical one) measures q.
func UnitFits(unit string, q ingest.Quantity) bool {
	canonical := q.Unit()
	return canonical != "" && (unit == "" || units[unit].dim == units[canonical].dim)
}

// Units lists the UCUM codes that measure q, the canonical one first.
func Units(q ingest.Quantity) []string {
	codes := make([]string, 0, 8)
	for code := range units {
		if code != q.Unit() && UnitFits(code, q) {
			codes = append(codes, code)
		}
	}
	slices.Sort(codes)
	if q.Known() {
		codes = slices.Insert(codes, 0, q.Unit())
	}
	return codes
}

func unitError(unit string, q ingest.Quantity) error {
	if right, ok := habits[unit]; ok {
		return fmt.Errorf("unit %q is not a UCUM code for %s: write %s", clip(unit, 40), q, right)
	}
	return fmt.Errorf("unit %q does not measure %s: write one of %s", clip(unit, 40), q, strings.Join(Units(q), ", "))
}

func finite(value float64, unit string) (float64, error) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return 0, fmt.Errorf("value in %q is not a finite number", unit)
	}
	return value + 0, nil // -0 becomes 0
}
