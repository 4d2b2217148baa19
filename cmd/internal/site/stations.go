package site

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/alerting/rule"
	"tocsin/geo/geojson"
	"tocsin/ingest"
	"tocsin/ingest/wire"
)

var (
	stationNames = []string{"id", "name", "river", "outburst", "invented", "note", "sensors"}
	sensorNames  = []string{"id", "quantity", "unit", "datum", "interval", "limits"}
	limitNames   = []string{"min", "max", "rate", "stuck"}
)

// readStations reads stations.geojson; stationLines says in which line each station begins. The network is
// nil where there was a fault.
func readStations(data []byte, r reporter) (network *ingest.Network, stationLines map[string]int) {
	faults := &geojson.Faults{File: r.file}
	features := geojson.Features(data, faults)
	geojson.Doubled(features, faults)
	stationLines = make(map[string]int, len(features))
	stations := make([]ingest.Station, 0, len(features))
	for _, f := range features {
		s := station(f, faults)
		stations = append(stations, s)
		stationLines[s.ID] = f.Line
		if len(s.Sensors) == 0 {
			r.warn(f.Line, "station %q has no sensors: nothing it sends is kept", s.ID)
		}
	}
	if len(features) == 0 && faults.Err() == nil {
		faults.Add(1, "no stations: at least one feature is wanted")
	}
	r.takeWarnings(faults.Warnings)
	if err := faults.Err(); err != nil {
		r.take(err)
		return nil, stationLines
	}
	network, err := ingest.NewNetwork(stations)
	if err != nil {
		r.fault(1, "%v", err)
		return nil, stationLines
	}
	return network, stationLines
}

func station(f geojson.Feature, faults *geojson.Faults) ingest.Station {
	f.NeedID("thanza-lake", faults)
	geojson.Known(f.Properties, f.Name, stationNames, false, faults)
	s := ingest.Station{
		ID: f.ID, Name: f.Text("name", faults), River: f.Text("river", faults), Note: f.Text("note", faults),
		Outburst: f.Flag("outburst", faults), Invented: f.Flag("invented", faults),
	}
	if s.Name == "" {
		s.Name = s.ID
	}
	s.Position, _ = geojson.Position(f, faults)
	list := f.Properties.Get("sensors")
	switch {
	case list == nil || list.Kind == geojson.Null:
		return s
	case list.Kind != geojson.Array || len(list.Numbers) > 0:
		faults.Add(list.Line, "%s: \"sensors\": a list is wanted, like [{\"quantity\": \"water_level\"}]", f.Name)
		return s
	}
	for i := range list.Items {
		v := sensorReader{v: &list.Items[i], name: fmt.Sprintf("%s, sensor %d", f.Name, i+1), faults: faults}
		sensor := v.sensor()
		if slices.ContainsFunc(s.Sensors, func(other ingest.Sensor) bool { return other.ID == sensor.ID }) {
			faults.Add(v.v.Line, "%s: the id %q stands twice: give each sensor of a station its own", v.name, sensor.ID)
			continue
		}
		s.Sensors = append(s.Sensors, sensor)
	}
	return s
}

// sensorReader reads one object of the list of sensors.
type sensorReader struct {
	v      *geojson.Value
	name   string
	faults *geojson.Faults
}

func (s sensorReader) fault(line int, format string, args ...any) {
	s.faults.Add(line, "%s: %s", s.name, fmt.Sprintf(format, args...))
}

func (s sensorReader) sensor() ingest.Sensor {
	if s.v.Kind != geojson.Object {
		s.fault(s.v.Line, "%v stands where an object is wanted, like {\"quantity\": \"water_level\"}", s.v.Kind)
		return ingest.Sensor{}
	}
	geojson.Known(s.v, s.name, sensorNames, true, s.faults)
	out := ingest.Sensor{
		ID: s.text(s.v, "id"), Quantity: ingest.Quantity(s.text(s.v, "quantity")),
		Unit: s.text(s.v, "unit"), Datum: s.text(s.v, "datum"),
	}
	if out.ID == "" {
		out.ID = string(out.Quantity)
	}
	if strings.ContainsAny(out.ID, "/+#\"\n\t") || out.ID == "time" || out.ID == "seq" {
		s.fault(s.v.Line, "the id %q must hold none of / + # \" and not be time or seq, which payloads use themselves", out.ID)
	}
	s.quantity(&out)
	out.Interval = s.duration(s.v, "interval", false)
	if limits := s.v.Get("limits"); limits != nil && limits.Kind != geojson.Null {
		out.Limits = s.limits(limits)
	}
	return out
}

func (s sensorReader) quantity(out *ingest.Sensor) {
	if !out.Quantity.Known() {
		known := make([]string, 0, 12)
		for _, q := range ingest.Quantities() {
			known = append(known, string(q))
		}
		line := s.line("quantity")
		if meant := geojson.Nearest(string(out.Quantity), known); meant != "" {
			s.fault(line, "unknown quantity %q: did you mean %q?", out.Quantity, meant)
		} else {
			s.fault(line, "unknown quantity %q: it must be one of %s", out.Quantity, strings.Join(known, ", "))
		}
		return
	}
	if out.Unit == "" {
		out.Unit = out.Quantity.Unit()
	}
	if !wire.UnitFits(out.Unit, out.Quantity) {
		s.fault(s.line("unit"), "unit %q does not measure %s: it must be one of %s", out.Unit, out.Quantity, strings.Join(wire.Units(out.Quantity), ", "))
	}
}

func (s sensorReader) line(name string) int {
	if v := s.v.Get(name); v != nil {
		return v.Line
	}
	return s.v.Line
}

func (s sensorReader) text(object *geojson.Value, name string) string {
	v := object.Get(name)
	if v == nil || v.Kind == geojson.Null {
		return ""
	}
	if v.Kind != geojson.String {
		s.fault(v.Line, "%q is %v: a text is wanted", name, v.Kind)
		return ""
	}
	return strings.TrimSpace(v.Text)
}

// duration reads "15m"; "off", where that is allowed, is -1.
func (s sensorReader) duration(object *geojson.Value, name string, orOff bool) time.Duration {
	text := s.text(object, name)
	if text == "" {
		return 0
	}
	if orOff && text == "off" {
		return -1
	}
	d, err := rule.ParseDuration(text)
	if err != nil || d <= 0 {
		s.fault(object.Get(name).Line, "%q is %q: a duration above 0 is wanted, like 15m, 1h30m or 3d", name, text)
		return 0
	}
	return d
}

func (s sensorReader) limits(object *geojson.Value) ingest.Limits {
	if object.Kind != geojson.Object {
		s.fault(object.Line, "\"limits\" is %v: an object is wanted, like {\"min\": 0, \"max\": 12}", object.Kind)
		return ingest.Limits{}
	}
	geojson.Known(object, s.name+", limits", limitNames, true, s.faults)
	limits := ingest.Limits{
		Min: s.number(object, "min"), Max: s.number(object, "max"), Rate: s.number(object, "rate"),
		Stuck: s.duration(object, "stuck", true),
	}
	if limits.Min != nil && limits.Max != nil && *limits.Min >= *limits.Max {
		s.fault(object.Line, "min %g is not below max %g", *limits.Min, *limits.Max)
	}
	if limits.Rate != nil && *limits.Rate <= 0 {
		s.fault(object.Get("rate").Line, "rate %g: the largest believable change per hour is above 0", *limits.Rate)
	}
	return limits
}

func (s sensorReader) number(object *geojson.Value, name string) *float64 {
	v := object.Get(name)
	if v == nil || v.Kind == geojson.Null {
		return nil
	}
	x, ok := v.Float()
	if !ok {
		s.fault(v.Line, "%q is %v: a number is wanted, without quotes, in the canonical unit of the quantity", name, v.Kind)
		return nil
	}
	return &x
}
