package wire

import (
	"math"
	"testing"

	"tocsin/ingest"
)

func TestConvert(t *testing.T) {
	for _, test := range []struct {
		value float64
		unit  string
		q     ingest.Quantity
		want  float64
	}{
		{321, "cm", ingest.WaterLevel, 3.21},
		{3215, "mm", ingest.WaterLevel, 3.215},
		{10, "[ft_i]", ingest.WaterLevel, 3.048},
		{100, "[in_i]", ingest.SnowDepth, 2.54},
		{1, "[in_i]", ingest.Precipitation, 25.4},
		{1.5, "cm", ingest.SnowWaterEquivalent, 15},
		{840, "L/s", ingest.Discharge, 0.84},
		{86.4, "ML/d", ingest.Discharge, 1},
		{86.4, "Ml/d", ingest.Discharge, 1},
		{1000, "[cft_i]/s", ingest.Discharge, 28.316846592},
		{32, "[degF]", ingest.AirTemperature, 0},
		{212, "[degF]", ingest.AirTemperature, 100},
		{-40, "[degF]", ingest.AirTemperature, -40},
		{273.15, "K", ingest.AirTemperature, 0},
		{36, "km/h", ingest.WindSpeed, 10},
		{3600, "[kn_i]", ingest.WindSpeed, 1852},
		{1000, "[mi_i]/h", ingest.WindSpeed, 447.04},
		{101325, "Pa", ingest.AirPressure, 1013.25},
		{101.325, "kPa", ingest.AirPressure, 1013.25},
		{1013, "mbar", ingest.AirPressure, 1013},
		{12400, "mV", ingest.BatteryVoltage, 12.4},
		{0.35, "m3/m3", ingest.SoilMoisture, 35},
		{45, "%", ingest.RelativeHumidity, 45},
		{180, "deg", ingest.WindFromDirection, 180},
		{3.21, "", ingest.WaterLevel, 3.21},
	} {
		got, err := Convert(test.value, test.unit, test.q)
		if err != nil || math.Abs(got-test.want) > 1e-12*max(1, math.Abs(test.want)) {
			t.Errorf("%v %s of %s: got %v, %v, want %v", test.value, test.unit, test.q, got, err, test.want)
		}
	}
}

func TestConvertRefuses(t *testing.T) {
	for _, test := range []struct {
		value float64
		unit  string
		q     ingest.Quantity
	}{
		{1, "Cel", ingest.WaterLevel},
		{1, "furlong", ingest.WaterLevel},
		{1, "M", ingest.WaterLevel},
		{1, "m", "depth"},
		{1, "m", ingest.Discharge},
		{math.NaN(), "m", ingest.WaterLevel},
		{math.Inf(1), "cm", ingest.WaterLevel},
		{1e308, "[in_i]", ingest.Precipitation},
	} {
		if got, err := Convert(test.value, test.unit, test.q); err == nil {
			t.Errorf("%v %s of %s: got %v, want an error", test.value, test.unit, test.q, got)
		}
	}
}

func TestEveryQuantityHasUnits(t *testing.T) {
	for _, q := range ingest.Quantities() {
		list := Units(q)
		if len(list) == 0 || list[0] != q.Unit() || units[q.Unit()].dim == 0 || units[q.Unit()].shift != 0 {
			t.Errorf("%s: units %v, canonical %q", q, list, q.Unit())
		}
		for _, code := range list {
			if !UnitFits(code, q) {
				t.Errorf("%s: %q is listed and does not fit", q, code)
			}
		}
	}
	if UnitFits("m", "depth") || UnitFits("", "depth") || UnitFits("Cel", ingest.WaterLevel) {
		t.Error("a unit fits what it does not measure")
	}
}

func TestHabitsAreNoCodes(t *testing.T) {
	for habit := range habits {
		if _, ok := units[habit]; ok {
			t.Errorf("%q is a code and cannot be a bad habit", habit)
		}
	}
}
