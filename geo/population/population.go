// Package population reads where people live: settlements and buildings from CSV, census areas from
// GeoJSON.
//
// Conventions: positions are longitude, latitude in degrees, WGS 84; people are whole numbers. Every fault
// is found at once and names file:line. The functions are pure and may be called from any goroutine.
package population

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/paulmach/orb"

	"tocsin/geo"
	"tocsin/geo/geojson"
)

// placeColumns are the columns of places.csv; the first five must be there.
var placeColumns = []string{"id", "name", "lon", "lat", "people", "source", "year"}

const needed = 5

// ReadPlaces reads settlements or buildings from CSV with the header id,name,lon,lat,people and optionally
// source and year, in any order; further columns are left alone. The error is every fault at once, joined,
// each a *geojson.Fault.
func ReadPlaces(name string, data []byte) ([]geo.Place, error) {
	faults := &geojson.Faults{File: name}
	if !utf8.Valid(data) {
		faults.Add(1, "the file is not in UTF-8: save it as UTF-8")
		return nil, faults.Err()
	}
	reader := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	header, err := reader.Read()
	if err != nil {
		faults.Add(1, "no header: the first line must be %s", strings.Join(placeColumns, ","))
		return nil, faults.Err()
	}
	column, ok := columns(header, faults)
	if !ok {
		return nil, faults.Err()
	}
	var places []geo.Place
	first := map[string]int{}
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var syntax *csv.ParseError
		if errors.As(err, &syntax) {
			faults.Add(syntax.StartLine, "%v: %d columns are wanted, as in the header; a text that holds a comma stands in quotes", syntax.Err, len(header))
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := reader.FieldPos(0)
		row := row{record, column, line, faults}
		place := row.place()
		if taken, doubled := first[place.ID]; doubled && place.ID != "" {
			faults.Add(line, "the id %q is taken by line %d: give each place its own", place.ID, taken)
		}
		first[place.ID] = line
		places = append(places, place)
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return places, nil
}

// columns finds the columns by name; ok is false where one is missing, doubled or misspelt.
func columns(header []string, faults *geojson.Faults) (column map[string]int, ok bool) {
	column = map[string]int{}
	ok = true
	for i, cell := range header {
		name := strings.TrimSpace(cell)
		_, doubled := column[name]
		meant := geojson.Nearest(name, placeColumns)
		switch {
		case doubled:
			faults.Add(1, "the column %s stands twice: keep one", name)
			ok = false
		case meant != "" && meant != name:
			faults.Add(1, "unknown column %q: did you mean %s?", name, meant)
			ok = false
		default:
			column[name] = i
		}
	}
	var missing []string
	for _, name := range placeColumns[:needed] {
		if _, there := column[name]; !there {
			missing = append(missing, name)
		}
	}
	if ok && len(missing) > 0 {
		faults.Add(1, "no column %s: the header must be %s", strings.Join(missing, ", "), strings.Join(placeColumns, ","))
	}
	return column, ok && len(missing) == 0
}

// row reads the cells of one line.
type row struct {
	record []string
	column map[string]int
	line   int
	faults *geojson.Faults
}

func (r row) cell(name string) string {
	i, ok := r.column[name]
	if !ok {
		return ""
	}
	return strings.TrimSpace(r.record[i])
}

func (r row) place() geo.Place {
	p := geo.Place{ID: r.cell("id"), Name: r.cell("name"), Source: r.cell("source")}
	if p.ID == "" {
		r.faults.Add(r.line, "no id: a short name that never changes is wanted")
	}
	p.Position = orb.Point{r.degrees("lon", 180), r.degrees("lat", 90)}
	p.People = r.whole("people", true)
	p.Year = r.whole("year", false)
	return p
}

func (r row) degrees(name string, limit float64) float64 {
	text := r.cell(name)
	x, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || math.IsNaN(x):
		r.faults.Add(r.line, "%s is %q: a number of degrees is wanted, like 89.9", name, text)
	case math.Abs(x) <= limit:
		return x
	case name == "lat" && math.Abs(x) <= 180:
		r.faults.Add(r.line, "lat is %v and must be from -90 to 90: lon and lat are probably swapped", x)
	default:
		r.faults.Add(r.line, "%s is %v: it must be from %v to %v; projected coordinates must be turned into WGS 84 degrees", name, x, -limit, limit)
	}
	return 0
}

func (r row) whole(name string, must bool) int {
	text := r.cell(name)
	if text == "" && !must {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 1e10 {
		r.faults.Add(r.line, "%s is %q: a whole number from 0 is wanted, without spaces or commas", name, text)
		return 0
	}
	return n
}

var censusNames = []string{"id", "name", "people", "households", "source", "year"}

// ReadCensus reads census areas from a GeoJSON FeatureCollection of Polygons and MultiPolygons with the
// properties id, name, people and optionally households, source and year. The error is every fault at
// once, joined, each a *geojson.Fault.
func ReadCensus(name string, data []byte) ([]geo.CensusArea, error) {
	faults := &geojson.Faults{File: name}
	features := geojson.Features(data, faults)
	geojson.Doubled(features, faults)
	areas := make([]geo.CensusArea, 0, len(features))
	for _, f := range features {
		areas = append(areas, censusArea(f, faults))
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return areas, nil
}

func censusArea(f geojson.Feature, faults *geojson.Faults) geo.CensusArea {
	f.NeedID("gewog-12", faults)
	geojson.Known(f.Properties, f.Name, censusNames, false, faults)
	a := geo.CensusArea{ID: f.ID, Name: f.Text("name", faults), Source: f.Text("source", faults)}
	people := f.Properties.Get("people")
	if people == nil || people.Kind == geojson.Null {
		faults.Add(f.Line, "%s: no property \"people\": the number of people counted is wanted", f.Name)
	}
	a.People, _ = f.Whole("people", faults)
	a.Households, _ = f.Whole("households", faults)
	a.Year, _ = f.Whole("year", faults)
	a.Shape, _ = geojson.Shape(f, faults)
	return a
}
