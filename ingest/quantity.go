package ingest

import "slices"

// Quantity is what a sensor measures, named after the CF and WMO vocabularies.
type Quantity string

// The quantities Tocsin knows. Each has one canonical unit, see Unit.
const (
	WaterLevel          Quantity = "water_level"           // m, in the sensor's datum
	Discharge           Quantity = "discharge"             // m3/s
	Precipitation       Quantity = "precipitation"         // mm over the reading's interval
	AirTemperature      Quantity = "air_temperature"       // Cel
	SnowDepth           Quantity = "snow_depth"            // m
	SnowWaterEquivalent Quantity = "snow_water_equivalent" // mm
	WindSpeed           Quantity = "wind_speed"            // m/s
	WindFromDirection   Quantity = "wind_from_direction"   // deg
	RelativeHumidity    Quantity = "relative_humidity"     // %
	AirPressure         Quantity = "air_pressure"          // hPa
	SoilMoisture        Quantity = "soil_moisture"         // %
	BatteryVoltage      Quantity = "battery_voltage"       // V
)

var canonicalUnits = map[Quantity]string{
	WaterLevel: "m", Discharge: "m3/s", Precipitation: "mm", AirTemperature: "Cel",
	SnowDepth: "m", SnowWaterEquivalent: "mm", WindSpeed: "m/s", WindFromDirection: "deg",
	RelativeHumidity: "%", AirPressure: "hPa", SoilMoisture: "%", BatteryVoltage: "V",
}

// Unit is the UCUM code of the quantity's canonical unit, or "" for a quantity Tocsin does not know.
func (q Quantity) Unit() string { return canonicalUnits[q] }

// Known says whether q is one of the quantities above.
func (q Quantity) Known() bool { return canonicalUnits[q] != "" }

// Quantities lists every known quantity in alphabetical order.
func Quantities() []Quantity {
	all := make([]Quantity, 0, len(canonicalUnits))
	for q := range canonicalUnits {
		all = append(all, q)
	}
	slices.Sort(all)
	return all
}
