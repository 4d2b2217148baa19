// Package zonefile reads zones.geojson, the areas for which a site warns, and areas drawn by a person.
//
// Conventions: see package geojson, which reads the shapes. A zone that cannot be read is a fault, never
// left out, widened or mended in silence. The functions are pure and may be called from any goroutine.
package zonefile

import (
	"errors"
	"fmt"
	"strings"

	"github.com/paulmach/orb"

	"tocsin/geo"
	"tocsin/geo/geojson"
)

var known = []string{"id", "names", "hazard", "from"}

// Read reads zones from a GeoJSON FeatureCollection of Polygons and MultiPolygons with the properties id,
// names (an object, text by language), hazard and from (the lowest level at which the zone applies, 1
// where it is not given). The error is every fault at once, joined, each a *geojson.Fault.
func Read(name string, data []byte) ([]geo.Zone, error) {
	f, err := Load(name, data)
	if err != nil {
		return nil, err
	}
	return f.Zones, nil
}

// File is a zone file as read.
type File struct {
	Zones    []geo.Zone
	Lines    map[string]int   // in which each zone begins, by its id
	Warnings []*geojson.Fault // what is legal but looks wrong
}

// Load is Read with lines and warnings.
func Load(name string, data []byte) (*File, error) {
	faults := &geojson.Faults{File: name}
	features := geojson.Features(data, faults)
	geojson.Doubled(features, faults)
	file := &File{Lines: make(map[string]int, len(features))}
	for _, f := range features {
		file.Zones = append(file.Zones, zone(f, faults))
		file.Lines[f.ID] = f.Line
	}
	if len(features) == 0 && faults.Err() == nil {
		faults.Add(1, "no zones: at least one feature is wanted")
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	file.Warnings = faults.Warnings
	return file, nil
}

func zone(f geojson.Feature, faults *geojson.Faults) geo.Zone {
	f.NeedID("lower-valley", faults)
	geojson.Known(f.Properties, f.Name, known, false, faults)
	z := geo.Zone{ID: f.ID, Hazard: f.Text("hazard", faults), Names: names(f, faults), From: 1}
	if z.Hazard == "" && usable(f.Properties.Get("hazard")) {
		faults.Add(f.Line, "%s: no property \"hazard\": the kind of hazard is wanted, as rules.yaml names it, like \"flood\"", f.Name)
	}
	if from, ok := f.Whole("from", faults); ok {
		z.From = from
		if from < 1 || from > 4 {
			faults.Add(f.Properties.Get("from").Line, "%s: \"from\" is %d: a level from 1 to 4 is wanted", f.Name, from)
		}
	}
	z.Shape, _ = geojson.Shape(f, faults)
	return z
}

// usable says that no other fault has been noted for a missing text.
func usable(v *geojson.Value) bool {
	return v == nil || v.Kind == geojson.Null || v.Kind == geojson.String
}

func names(f geojson.Feature, faults *geojson.Faults) map[string]string {
	v := f.Properties.Get("names")
	if v == nil || v.Kind != geojson.Object || len(v.Members) == 0 {
		line := f.Line
		if v != nil {
			line = v.Line
		}
		faults.Add(line, "%s: no \"names\": an object of names by language is wanted, like {\"en\": \"Lower valley\"}", f.Name)
		return nil
	}
	all := make(map[string]string, len(v.Members))
	for _, m := range v.Members {
		if m.Value.Kind != geojson.String || strings.TrimSpace(m.Value.Text) == "" {
			faults.Add(m.Line, "%s: the name in language %q is empty or no text", f.Name, m.Name)
			continue
		}
		all[m.Name] = strings.TrimSpace(m.Value.Text)
	}
	return all
}

// Area reads one area from a bare geometry, a feature or a collection of them, whose polygons together are
// the area. The error is every fault at once, joined, each a *geojson.Fault.
func Area(name string, data []byte) (orb.MultiPolygon, error) {
	faults := &geojson.Faults{File: name}
	var area orb.MultiPolygon
	for _, f := range geojson.Features(data, faults) {
		shape, _ := geojson.Shape(f, faults)
		area = append(area, shape...)
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	if len(area) == 0 {
		return nil, fmt.Errorf("%s: %w", name, errNoArea)
	}
	return area, nil
}

var errNoArea = errors.New("no area: at least one Polygon or MultiPolygon is wanted")
