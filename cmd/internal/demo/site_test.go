package demo

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/nyaruka/phonenumbers"
	"github.com/paulmach/orb"
	"github.com/peterstace/simplefeatures/geom"
	"go.yaml.in/yaml/v3"

	"tocsin/alerting"
	"tocsin/alerting/rule"
	"tocsin/geo"
	"tocsin/geo/zonefile"
	"tocsin/ingest"
)

func text(t *testing.T, name string) []byte {
	t.Helper()
	data, err := fs.ReadFile(Site(), name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// strict reads YAML without a key that is not known.
func strict(t *testing.T, name string, into any) {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewReader(text(t, name)))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func zones(t *testing.T) []geo.Zone {
	t.Helper()
	all, err := zonefile.Read("zones.geojson", text(t, "zones.geojson"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func rules(t *testing.T) []rule.Rule {
	t.Helper()
	var all []rule.Rule
	strict(t, "rules.yaml", &all)
	return all
}

func network(t *testing.T) *ingest.Network {
	t.Helper()
	var file struct {
		Features []struct {
			Geometry   struct{ Coordinates orb.Point }
			Properties struct {
				ID, Name, River, Note string
				Outburst, Invented    bool
				Sensors               []struct {
					ID, Unit, Datum, Interval string
					Quantity                  ingest.Quantity
					Limits                    struct {
						Min, Max, Rate *float64
						Stuck          string
					}
				}
			}
		}
	}
	if err := json.Unmarshal(text(t, "stations.geojson"), &file); err != nil {
		t.Fatal(err)
	}
	var all []ingest.Station
	for _, f := range file.Features {
		p := f.Properties
		s := ingest.Station{ID: p.ID, Name: p.Name, River: p.River, Position: f.Geometry.Coordinates, Outburst: p.Outburst, Invented: p.Invented, Note: p.Note}
		for _, sensor := range p.Sensors {
			made := ingest.Sensor{ID: sensor.ID, Quantity: sensor.Quantity, Unit: sensor.Unit, Datum: sensor.Datum, Interval: duration(t, sensor.Interval)}
			made.Limits = ingest.Limits{Min: sensor.Limits.Min, Max: sensor.Limits.Max, Rate: sensor.Limits.Rate, Stuck: duration(t, sensor.Limits.Stuck)}
			s.Sensors = append(s.Sensors, made)
		}
		all = append(all, s)
	}
	n, err := ingest.NewNetwork(all)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	if s == "" {
		return 0
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEverySimulatedSensorStandsInTheSite(t *testing.T) {
	d, err := Description()
	if err != nil {
		t.Fatal(err)
	}
	n, simulated := network(t), map[string]bool{}
	for _, s := range d.Sensors {
		simulated[s.Station+"/"+s.Sensor] = true
		if known, ok := n.Sensor(s.Station, s.Sensor); !ok || known.Interval != s.Interval {
			t.Errorf("%s/%s every %v: the site says %v, %+v", s.Station, s.Sensor, s.Interval, ok, known)
		}
	}
	for _, station := range n.Stations() {
		if station.Note == "" || !strings.Contains(station.Note, "1994") && !strings.Contains(station.Note, "simulated") && !strings.Contains(station.Note, "invented") {
			t.Errorf("station %s does not say what is invented about it: %q", station.ID, station.Note)
		}
		if station.Invented != strings.Contains(station.Note, "invented") {
			t.Errorf("station %s: invented %v, note %q", station.ID, station.Invented, station.Note)
		}
		for _, sensor := range station.Sensors {
			if !sensor.Quantity.Known() || !simulated[station.ID+"/"+sensor.ID] {
				t.Errorf("%s/%s: nothing simulates %q", station.ID, sensor.ID, sensor.Quantity)
			}
		}
	}
}

func TestZonesAreValidAndHoldTheirPeopleAndPhones(t *testing.T) {
	all := zones(t)
	var file struct {
		Features []struct{ Geometry json.RawMessage }
	}
	if err := json.Unmarshal(text(t, "zones.geojson"), &file); err != nil {
		t.Fatal(err)
	}
	for i, f := range file.Features {
		if _, err := geom.UnmarshalGeoJSON(f.Geometry); err != nil { // checks validity
			t.Errorf("zone %d: %v", i+1, err)
		}
	}
	within := func(what string, lon, lat float64) {
		t.Helper()
		if !slices.ContainsFunc(all, func(z geo.Zone) bool { return geo.Contains(z.Shape, orb.Point{lon, lat}) }) {
			t.Errorf("%s at %v %v lies in no zone", what, lon, lat)
		}
	}
	for _, row := range table(t, "population/places.csv") {
		within(row["name"], number(t, row["lon"]), number(t, row["lat"]))
	}
	languages := map[string]int{}
	for _, row := range table(t, "phones.csv") {
		within(row["name"], number(t, row["lon"]), number(t, row["lat"]))
		languages[row["language"]]++
		parsed, err := phonenumbers.Parse(row["phone"], "")
		if err != nil || !phonenumbers.IsPossibleNumber(parsed) || !strings.HasPrefix(row["phone"], "+1202555010") {
			t.Errorf("%s: %s is not one of the numbers kept for fiction (%v)", row["id"], row["phone"], err)
		}
	}
	if languages["en"] == 0 || languages["dz"] == 0 {
		t.Errorf("phones by language: %v", languages)
	}
	for _, station := range network(t).Stations() { // the corridors follow the gauges
		if station.ID != "luggye-tsho" && station.ID != "pho-chhu-gorge" {
			within(station.Name, station.Position[0], station.Position[1])
		}
	}
}

func table(t *testing.T, name string) []map[string]string {
	t.Helper()
	records, err := csv.NewReader(bytes.NewReader(text(t, name))).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var rows []map[string]string
	for _, record := range records[1:] {
		row := map[string]string{}
		for i, cell := range record {
			row[records[0][i]] = cell
		}
		rows = append(rows, row)
	}
	return rows
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// shared is the folder of real data beside the repository, or a skip.
func shared(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("TOCSIN_DATA"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			data := filepath.Join(dir, "..", "shared", "data")
			if _, err := os.Stat(data); err != nil {
				t.Skipf("no shared data at ../shared/data (or TOCSIN_DATA): %v", err)
			}
			return data
		}
	}
	t.Skip("no go.mod above this package, so no ../shared/data")
	return ""
}

func TestPeopleAreThoseOfTheCensus(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(shared(t), "bhutan", "gewogs", "btn_adm2.json"))
	if err != nil {
		t.Fatal(err)
	}
	var census struct {
		Features []struct {
			Properties struct {
				Name   string  `json:"Adm2_En"`
				People float64 `json:"TotPop"`
			}
		}
	}
	if err := json.Unmarshal(data, &census); err != nil {
		t.Fatal(err)
	}
	counted := map[string]float64{}
	for _, f := range census.Features {
		counted[f.Properties.Name] = f.Properties.People
	}
	names := map[string]string{
		"lunana": "Lunana", "toedwang": "Toedwang", "chhubu": "Chhubu", "guma": "Guma", "dzomi": "Dzomi", "wangdue": "Wangdue Phodrang Town",
	}
	for _, row := range table(t, "population/places.csv") {
		if want, ok := counted[names[row["id"]]]; !ok || number(t, row["people"]) != want {
			t.Errorf("%s: %s people, the census says %v", row["id"], row["people"], want)
		}
		if row["year"] != "2017" || !strings.Contains(row["source"], "Census of Bhutan 2017") {
			t.Errorf("%s: year %s, source %q", row["id"], row["year"], row["source"])
		}
	}
}

type messages struct {
	Language string
	Reviewed *bool
	Prefix   string `yaml:"exercise_prefix"`
	Events   map[string]string
	Levels   map[alerting.Level]string
	Texts    map[string]map[string]struct{ Headline, Description, Instruction, SMS string }
}

// longest are values as long as the site's own can be.
func longest(t *testing.T, language string) *strings.Replacer {
	t.Helper()
	zone, station := "", ""
	for _, z := range zones(t) {
		if name := z.Name(language); len([]rune(name)) > len([]rune(zone)) {
			zone = name
		}
	}
	for _, s := range network(t).Stations() {
		if len(s.Name) > len(station) {
			station = s.Name
		}
	}
	return strings.NewReplacer("{zone}", zone, "{station}", station, "{time}", "23:50 (UTC+06:00)", "{value}", "12.34 m")
}

var placeholder = regexp.MustCompile(`\{[a-z]*\}`)

func TestMessagesSayEverythingAndFitTheirSegments(t *testing.T) {
	reachable := map[string]map[alerting.Level]bool{}
	for _, r := range rules(t) {
		if reachable[r.Hazard] == nil {
			reachable[r.Hazard] = map[alerting.Level]bool{}
		}
		reachable[r.Hazard][r.Level] = r.When != ""
		for level := range r.Raise {
			reachable[r.Hazard][level] = true
		}
	}
	for language, units := range map[string]func(string) int{"en": gsm, "dz": ucs2} {
		var m messages
		strict(t, "messages/"+language+".yaml", &m)
		if m.Language != language || m.Reviewed == nil || *m.Reviewed || m.Prefix == "" {
			t.Errorf("%s: language %q reviewed %v prefix %q", language, m.Language, m.Reviewed, m.Prefix)
		}
		fill := longest(t, language)
		for hazard, levels := range reachable {
			if m.Events[hazard] == "" {
				t.Errorf("%s: no event %q", language, hazard)
			}
			needed := []string{"all_clear", "cancel"}
			for level, on := range levels {
				if on {
					needed = append(needed, strconv.Itoa(int(level)))
				}
			}
			for _, key := range needed {
				text := m.Texts[hazard][key]
				for name, part := range map[string]string{"headline": text.Headline, "description": text.Description, "instruction": text.Instruction, "sms": text.SMS} {
					if part == "" {
						t.Errorf("%s: %s %s has no %s", language, hazard, key, name)
					}
					if left := placeholder.FindAllString(fill.Replace(part), -1); left != nil {
						t.Errorf("%s: %s %s %s: placeholders %v", language, hazard, key, name, left)
					}
				}
				limit := map[string]int{"en": 2 * 153, "dz": 3 * 67}[language]
				if n := units(m.Prefix + fill.Replace(text.SMS)); n > limit {
					t.Errorf("%s: the SMS of %s %s has %d units, %d at most", language, hazard, key, n, limit)
				}
			}
		}
	}
}

// gsmBasic is the basic character set of GSM 03.38 as far as these texts may use it.
const gsmBasic = "@£$¥èéùìòÇ\nØø\rÅå_ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"

// gsm counts septets; a character outside of the set makes a text too long at once.
func gsm(s string) int {
	for _, r := range s {
		if !strings.ContainsRune(gsmBasic, r) {
			return 1 << 20
		}
	}
	return len([]rune(s))
}

func ucs2(s string) int { return len(utf16.Encode([]rune(s))) }

func TestTheSiteIsAnExercise(t *testing.T) {
	var site struct {
		Name      string
		Mode      alerting.Mode
		Timezone  string
		Languages []string
		Approval  string
	}
	if err := yaml.Unmarshal(text(t, "tocsin.yaml"), &site); err != nil {
		t.Fatal(err)
	}
	if site.Mode != alerting.Exercise || site.Approval != "one" || site.Timezone != "Asia/Thimphu" || !slices.Equal(site.Languages, []string{"en", "dz"}) {
		t.Errorf("%+v", site)
	}
}
