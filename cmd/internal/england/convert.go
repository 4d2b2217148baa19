package england

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Options are the parts of the site that differ from test to test, as YAML for tocsin.yaml.
type Options struct {
	MQTT   string // the mqtt block
	Influx string // the influx block, empty for none
}

// Convert writes a site folder for the record, and beside it readings.csv in order of arrival.
func (d *Data) Convert(site string, options Options) error {
	for _, folder := range []string{"population", "messages"} {
		if err := os.MkdirAll(filepath.Join(site, folder), 0o755); err != nil {
			return err
		}
	}
	outlines, err := d.outlines()
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(site, "tocsin.yaml"), []byte(d.config(options)), 0o600),
		os.WriteFile(filepath.Join(site, "messages", "en.yaml"), []byte(messages), 0o600),
		writeJSON(filepath.Join(site, "stations.geojson"), d.stations()),
		writeJSON(filepath.Join(site, "zones.geojson"), d.zones(outlines)),
		writeYAML(filepath.Join(site, "rules.yaml"), d.rules()),
		d.writePlaces(filepath.Join(site, "population", "places.csv")),
		d.writePhones(filepath.Join(site, "phones.csv")),
		d.WriteReadings(filepath.Join(site, "readings.csv")),
	)
}

func (d *Data) config(o Options) string {
	return `name: England, 8-12 February 2016
mode: Exercise
timezone: Europe/London
languages: [en]
lateness: 12h   # whole files come up to 11 hours late
expiry: 24h
http: {listen: 127.0.0.1:0, public_url: "http://127.0.0.1:8080"}
` + o.MQTT + "\n" + o.Influx + `
agencies: [{name: Environment Agency (replay), sender: replay@example.org, contact: none}]
approval: automatic
`
}

const messages = `language: en
reviewed: true
events: {flood: Flood}
levels: {1: advisory, 2: flood alert, 3: flood warning, 4: severe flood warning}
texts:
  flood:
    2:
      headline: "Flood alert for {zone}"
      description: "The river at {station} stood at {value} at {time}. Flooding is possible."
      instruction: "Be prepared. Keep away from the river."
      sms: "Flood alert: {zone}. {station} {value} at {time}. Be prepared, keep away from the river."
    3:
      headline: "Flood warning for {zone}"
      description: "The river at {station} stood at {value} at {time}. Flooding is expected."
      instruction: "Act now. Move to high ground. Keep away from the river."
      sms: "Flood warning: {zone}. {station} {value} at {time}. Act now, move to high ground."
    all_clear: {headline: "No more flooding expected: {zone}", description: "Levels have fallen.", instruction: "Take care.", sms: "All clear: {zone}."}
    cancel: {headline: "Cancelled: {zone}", description: "The message was sent in error.", instruction: "None.", sms: "Cancelled: {zone}."}
`

type feature struct {
	Type       string         `json:"type"`
	Properties map[string]any `json:"properties"`
	Geometry   any            `json:"geometry"`
}

type collection struct {
	Type     string    `json:"type"`
	Features []feature `json:"features"`
}

func (d *Data) stations() collection {
	c := collection{Type: "FeatureCollection"}
	for _, id := range slices.Sorted(maps.Keys(d.series)) {
		g := d.Gauges[id]
		c.Features = append(c.Features, feature{
			Type: "Feature",
			Properties: map[string]any{
				"id": id, "name": strings.Join(strings.Fields(g.Name), " "), "river": g.River, "sensors": d.sensorList(id),
			},
			Geometry: map[string]any{"type": "Point", "coordinates": []float64{g.Lon, g.Lat}},
		})
	}
	return c
}

func (d *Data) sensorList(station string) []map[string]any {
	ids := d.sensors(station)
	var list []map[string]any
	for _, s := range d.series[station] {
		quantity, unit, err := s.quantity()
		if err != nil {
			continue // told by WriteReadings
		}
		sensor := map[string]any{"id": ids[s], "quantity": quantity, "unit": unit, "interval": d.interval(s)}
		if quantity == "water_level" {
			sensor["datum"] = s.datum()
		}
		list = append(list, sensor)
	}
	return list
}

func (d *Data) interval(s Series) string {
	for _, v := range d.Values {
		if v.Series == s {
			return strings.ReplaceAll(v.Period, " min", "m")
		}
	}
	return ""
}

// outlines reads areas.geojson by area code.
func (d *Data) outlines() (map[string]feature, error) {
	data, err := os.ReadFile(filepath.Join(d.Folder, "areas.geojson"))
	if err != nil {
		return nil, err
	}
	var c collection
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("areas.geojson: %w", err)
	}
	found := map[string]feature{}
	for _, f := range c.Features {
		code, isText := f.Properties["code"].(string)
		if !isText {
			return nil, errors.New("areas.geojson: a feature has no code")
		}
		found[code] = f
	}
	return found, nil
}

func (d *Data) zones(outlines map[string]feature) collection {
	gauges := map[string][]string{}
	from := map[string]int{}
	for _, t := range d.Thresholds {
		if len(d.series[t.Station]) > 0 {
			if !slices.Contains(gauges[t.Area], t.Station) {
				gauges[t.Area] = append(gauges[t.Area], t.Station)
			}
			from[t.Area] = t.Level
		}
	}
	c := collection{Type: "FeatureCollection"}
	for _, area := range slices.Sorted(maps.Keys(gauges)) {
		f := feature{Type: "Feature"}
		name := area + " (squares around its gauges)"
		if outline, known := outlines[area]; known {
			f.Geometry = outline.Geometry
			name = fmt.Sprint(outline.Properties["name"])
		} else {
			f.Geometry = d.squares(gauges[area])
		}
		f.Properties = map[string]any{"id": area, "names": map[string]string{"en": name}, "hazard": "flood", "from": from[area]}
		c.Features = append(c.Features, f)
	}
	return c
}

// squares are about 200 m wide, one a distinct place so that none overlap.
func (d *Data) squares(stations []string) map[string]any {
	const north, east = 0.0009, 0.0014 // degrees for about 100 m at 51-53° N
	var polygons [][][][2]float64
	var placed []Gauge
	for _, id := range stations {
		g := d.Gauges[id]
		if slices.ContainsFunc(placed, func(o Gauge) bool {
			return max(o.Lat-g.Lat, g.Lat-o.Lat) < 3*north && max(o.Lon-g.Lon, g.Lon-o.Lon) < 3*east
		}) {
			continue
		}
		placed = append(placed, g)
		polygons = append(polygons, [][][2]float64{{
			{g.Lon - east, g.Lat - north},
			{g.Lon + east, g.Lat - north},
			{g.Lon + east, g.Lat + north},
			{g.Lon - east, g.Lat + north},
			{g.Lon - east, g.Lat - north},
		}})
	}
	return map[string]any{"type": "MultiPolygon", "coordinates": polygons}
}

type rule struct {
	ID      string          `yaml:"id"`
	Hazard  string          `yaml:"hazard"`
	Zone    string          `yaml:"zone"`
	Station string          `yaml:"station"`
	Sensor  string          `yaml:"sensor"`
	Raise   map[int]float64 `yaml:"raise"`
	Clear   map[int]float64 `yaml:"clear"`
	For     string          `yaml:"for"`
}

// margin is how far below its threshold, in metres, a level is cleared: the list says nothing of ends.
const margin = 0.1

// holds is how long a level must be reached before it is warned of, one interval of most gauges: so that
// a single odd value warns nobody.
const holds = "15m"

// rules makes one rule for each area and gauge with a rising threshold.
func (d *Data) rules() []rule {
	byKey := map[[2]string]*rule{}
	for _, t := range d.Thresholds {
		if _, measured := d.mainSeries(t.Station); !measured || !t.Rising {
			continue
		}
		key := [2]string{t.Area, t.Station}
		r := byKey[key]
		if r == nil {
			r = &rule{
				ID: t.Area + "-" + t.Station, Hazard: "flood", Zone: t.Area,
				Station: t.Station, Sensor: "water_level", Raise: map[int]float64{}, Clear: map[int]float64{}, For: holds,
			}
			byKey[key] = r
		}
		if raise, known := r.Raise[t.Level]; !known || t.Metres < raise {
			r.Raise[t.Level], r.Clear[t.Level] = t.Metres, math.Round((t.Metres-margin)*1000)/1000
		}
	}
	var list []rule
	for _, r := range byKey {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b rule) int { return strings.Compare(a.ID, b.ID) })
	return list
}

func (d *Data) writePlaces(name string) error {
	return writeCSV(name, []string{"id", "name", "lon", "lat", "people", "source", "year"}, func(write func(...string) error) error {
		return rows(filepath.Join(d.Folder, "places.csv"), func(row map[string]string) error {
			return write(row["geonameid"], row["name"], row["lon"], row["lat"], row["population"], "GeoNames, CC BY 4.0", "")
		})
	})
}

// writePhones puts one fictional phone (a number reserved for drama by Ofcom) at Tewkesbury.
func (d *Data) writePhones(name string) error {
	return writeCSV(name, []string{"id", "name", "phone", "language", "lon", "lat"}, func(write func(...string) error) error {
		return write("tewkesbury", "Phone at Severn Ham", "+447700900123", "en", "-2.165", "51.992")
	})
}

// WriteReadings writes the record in order of arrival in the form that every replay reads.
func (d *Data) WriteReadings(name string) error {
	ids := map[string]map[Series]string{}
	for station := range d.series {
		ids[station] = d.sensors(station)
	}
	return writeCSV(name, []string{"time", "station", "sensor", "quantity", "value", "unit", "received"}, func(write func(...string) error) error {
		for _, v := range d.Values {
			quantity, unit, err := v.Series.quantity()
			if err != nil {
				return err
			}
			if err := write(v.Time.Format(time.RFC3339), v.Series.Station, ids[v.Series.Station][v.Series],
				quantity, v.Value, unit, v.Received.Format("2006-01-02T15:04:05.000Z07:00")); err != nil {
				return err
			}
		}
		return nil
	})
}

func writeCSV(name string, header []string, fill func(write func(...string) error) error) (err error) {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return fillCSV(file, header, fill)
}

func fillCSV(out io.Writer, header []string, fill func(write func(...string) error) error) error {
	w := csv.NewWriter(out)
	if err := w.Write(header); err != nil {
		return err
	}
	if err := fill(func(fields ...string) error { return w.Write(fields) }); err != nil {
		return err
	}
	w.Flush()
	return w.Error()
}

func writeJSON(name string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o600)
}

func writeYAML(name string, value any) error {
	data, err := yaml.Marshal(value)
	if err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o600)
}
