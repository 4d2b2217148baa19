package site

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tocsin/alerting"
)

func TestInit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "valley")
	if err := Init(dir); err != nil {
		t.Fatal(err)
	}
	s, err := Load(os.DirFS(dir), "valley")
	if err != nil {
		t.Fatal(err)
	}
	c := s.Config
	if c.Mode != alerting.Exercise || !c.MQTT.Embedded.Anonymous || c.Clock != "machine" || time.Duration(c.Expiry) != 12*time.Hour {
		t.Errorf("got %+v", c)
	}
	if len(s.Network.Stations()) != 1 || len(s.Zones) != 1 || len(s.Rules) != 1 || s.Rules[0].Line != 4 || s.Set == nil || len(s.Phones) != 2 {
		t.Errorf("got %+v", s)
	}
	if s.Policy()[4] != 1 || s.Messages["en"].Texts["flood"]["4"].SMS == "" || s.Location != time.UTC {
		t.Errorf("policy %v, location %v", s.Policy(), s.Location)
	}
	if p := s.Phones[1]; p.Address.Reveal() != "+447700900456" || p.Language != "en" || !p.Consent || p.Channel != "sms" || p.Mode != alerting.Exercise {
		t.Errorf("phone %+v", p)
	}
	var warnings []string
	for _, w := range s.Warnings {
		warnings = append(warnings, w.String())
	}
	if got := strings.Join(warnings, "\n"); len(warnings) != 2 ||
		!strings.Contains(got, "valley/messages/en.yaml:3: the texts are not reviewed") ||
		!strings.Contains(got, "valley/tocsin.yaml:29: any program on this machine can send readings without a password") {
		t.Errorf("warnings:\n%s", got)
	}
	if err := Init(dir); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("a second Init: %v", err)
	}
}

// edited is the initial site with one file changed: from replaced by to, or the whole of it where from is "".
func edited(t *testing.T, file, from, to string) fstest.MapFS {
	t.Helper()
	fsys := fstest.MapFS{}
	err := fs.WalkDir(Initial(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(Initial(), path)
		fsys[path] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	text := to
	if from != "" {
		if fsys[file] == nil || !strings.Contains(string(fsys[file].Data), from) {
			t.Fatalf("%s does not hold %q", file, from)
		}
		text = strings.Replace(string(fsys[file].Data), from, to, 1)
	}
	fsys[file] = &fstest.MapFile{Data: []byte(text)}
	return fsys
}

func TestFaults(t *testing.T) {
	for _, tc := range []struct{ file, from, to, want string }{
		{"tocsin.yaml", "", "", "tocsin.yaml:1: the file is empty"},
		{"tocsin.yaml", "name: My valley", "name: [", "tocsin.yaml:"},
		{"tocsin.yaml", "name: My valley", "nmae: My valley", `tocsin.yaml:2: unknown name "nmae": did you mean "name"?`}, //nolint:misspell // on purpose
		{"tocsin.yaml", "name: My valley", "name: \"\"", "tocsin.yaml:2: no name"},
		{"tocsin.yaml", "name: My valley", "name: [a]", `tocsin.yaml:2: "" stands where a text is wanted`},
		{"tocsin.yaml", "name: My valley", "name: My valley\nname: Again", "already defined"},
		{"tocsin.yaml", "mode: Exercise", "mode: exercise", `tocsin.yaml:6: mode "exercise" is not one of Actual, Exercise, System, Test`},
		{"tocsin.yaml", "mode: Exercise", "", "no mode"},
		{"tocsin.yaml", "mode: Exercise", "mode: Actual", "phones.csv:1: test phones are for exercises"},
		{"tocsin.yaml", "mode: Exercise", "mode: Actual\nclock: mqtt", "tocsin.yaml:7: a clock that comes over MQTT"},
		{"tocsin.yaml", "mode: Exercise", "mode: Test\nclock: sun", `clock "sun" is not one of`},
		{"tocsin.yaml", "timezone: UTC", "timezone: Asia/Thimpu", `tocsin.yaml:7: timezone "Asia/Thimpu" is not known`},
		{"tocsin.yaml", "languages: [en]", "languages: [en, dz]", "messages/dz.yaml:1: the file is missing"},
		{"tocsin.yaml", "languages: [en]", "languages: [en, en]", `language "en" stands twice`},
		{"tocsin.yaml", "languages: [en]", "languages: []", "no languages"},
		{"tocsin.yaml", "lateness: 6h", "lateness: 6 hours", `tocsin.yaml:10: "6 hours" is not a duration`},
		{"tocsin.yaml", "expiry: 12h", "expiry: 1m", "tocsin.yaml:11: expiry 1m0s is not between"},
		{"tocsin.yaml", "  3: {name: warning, colour: red}\n", "", "tocsin.yaml:16: level 4 is named and level 3 is not"},
		{"tocsin.yaml", "  3: {name: warning, colour: red}\n  4: {name: emergency, colour: violet}\n", "", "rules.yaml:9: rule bridge-level: level 3 is above the site's highest, 2"},
		{"tocsin.yaml", "colour: red", "colour: Red!", `tocsin.yaml:16: colour "Red!"`},
		{"tocsin.yaml", "  3: {", "  5: {", "tocsin.yaml:16: level 5 is not one of 1 to 4"},
		{"tocsin.yaml", "127.0.0.1:8080    #", "8080    #", `tocsin.yaml:20: listen "8080" is no host:port`},
		{"tocsin.yaml", "public_url: http://127.0.0.1:8080", "public_url: valley", "public_url \"valley\" is no address"},
		{"tocsin.yaml", "  embedded:\n    listen: 127.0.0.1:1883  # this machine only", "  other:\n    listen: 127.0.0.1:1883", `unknown name "other" in mqtt: it must be one of brokers, embedded`},
		{"tocsin.yaml", "  embedded:", "  brokers: [{name: f, url: \"tcp://u:p@h:1883\", topics: [a+/b]}]\n  embedded:", "the url holds a login"},
		{"tocsin.yaml", "  embedded:", "  brokers: [{name: f, url: h, password: x}]\n  embedded:", "secrets do not belong in a site folder"},
		{"tocsin.yaml", "approval: one", "approval: three", `approval "three" is not one of automatic, one, two`},
		{"tocsin.yaml", "approval: one", "approval: {1: one, 2: two, 3: one}", "approval says nothing of level 4"},
		{"tocsin.yaml", "approval: one", "", "no approval"},
		{"tocsin.yaml", "floods@valley.example", "flood office", `sender "flood office" holds a space`},
		{"tocsin.yaml", "approval: one", "approval: one\nsms: {twilio: {account_sid: 7, from: 0123}}", "account_sid is not AC"},
		{"tocsin.yaml", "approval: one", "approval: one\ninflux: {url: h}", "no bucket"},
		{"stations.geojson", `"water_level", "unit"`, `"waterlevel", "unit"`, `stations.geojson:10: feature 1 (bridge), sensor 1: unknown quantity "waterlevel": did you mean "water_level"?`},
		{"stations.geojson", `"unit": "m"`, `"unit": "mm/h"`, `unit "mm/h" does not measure water_level: it must be one of m, `},
		{"stations.geojson", `"15m"`, `"15 min"`, `"interval" is "15 min": a duration`},
		{"stations.geojson", `"limits"`, `"limit"`, `unknown name "limit": did you mean "limits"?`},
		{"stations.geojson", `"min": -1`, `"min": 9`, "min 9 is not below max 8"},
		{"stations.geojson", `"invented": true`, `"invented": "yes"`, "stations.geojson:7: feature 1 (bridge): \"invented\" is a text: true or false"},
		{"stations.geojson", `[10.05, 45.12]`, `[45.12, 100.05]`, "longitude and latitude are probably swapped"},
		{"stations.geojson", `"Point", "coordinates": [10.05, 45.12]`, `"LineString", "coordinates": []`, "a Point is wanted"},
		{"zones.geojson", `"id": "lower-town", `, ``, `zones.geojson:2: feature 1: no property "id"`},
		{"zones.geojson", `[10.06, 45.11], [10.04, 45.11]`, `[10.04, 45.11], [10.06, 45.11]`, "zones.geojson:5: feature 1 (lower-town): ring 1: crosses or runs along itself"},
		{"rules.yaml", "zone: lower-town", "zone: lowertown", `rules.yaml:6: rule bridge-level: zone: "lowertown" is not in zones.geojson, which has lower-town`},
		{"rules.yaml", "station: bridge", "station: brigde", `rules.yaml:7: rule bridge-level: station: "brigde" is not in stations.geojson`},
		{"rules.yaml", "raise: {1: 3.0,", "raise: {1: high,", `rules.yaml:9: "high" stands where a number is wanted`},
		{"rules.yaml", "raise:", "raises:", `rules.yaml:9: unknown name "raises" in [0]: did you mean "raise"?`},
		{"rules.yaml", "clear: {1: 2.8", "clear: {1: 3.8", "rules.yaml:10: rule bridge-level: clear: level 1"},
		{"rules.yaml", "", "rules: []", "rules.yaml:1: a list of rules is wanted"},
		{"rules.yaml", "", "[]", "no rules"},
		{"messages/en.yaml", "{station} {value} at {time}. Stay", "{staton} {value} at {time}. Stay", "messages/en.yaml:14: texts.flood.1.sms: placeholder {staton} is not known"},
		{"messages/en.yaml", "    cancel:", "    canceled:", "texts.flood.cancel is missing"},
		{"messages/en.yaml", "    4:\n", "    5:\n", "messages/en.yaml:9: language en: missing texts.flood.4: rule bridge-level can warn of flood at level 4"},
		{"messages/en.yaml", "language: en", "language: dz", `language "dz" stands in the file of "en"`},
		{"messages/en.yaml", "      headline: \"High water: advisory", "      headlin: \"High water: advisory", `unknown name "headlin" in texts.flood.1: did you mean "headline"?`},
		{"phones.csv", "+12025550123", "2025550123", "phones.csv:2: phone: the phone number does not begin with +"},
		{"phones.csv", "+12025550123", "+1", "phones.csv:2: phone: no phone number"},
		{"phones.csv", "+12025550123,en", "+12025550123,fr", `phones.csv:2: language "fr" is not one of the site's: en`},
		{"phones.csv", "+12025550123", "+44 7700 900456", "phones.csv:3: the phone number is that of line 2"},
		{"phones.csv", "id,name", "name,id", "phones.csv:1: the header is not"},
		{"population/places.csv", "45.10", "145.10", "population/places.csv:2: lat is 145.1"},
		{"population/grid.tif", "", "II", "population/grid.tif:1: a .tif file is not read"},
	} {
		_, err := Load(edited(t, tc.file, tc.from, tc.to), "")
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s, %q for %q:\n%v\nwant %q", tc.file, tc.to, tc.from, err, tc.want)
		}
		var faults Faults
		if err != nil && !errors.As(err, &faults) {
			t.Errorf("%T is no Faults", err)
		}
	}
}

func TestDemo(t *testing.T) {
	dir := filepath.Join("..", "demo", "site")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no demo site here: ", err)
	}
	s, err := Load(os.DirFS(dir), "demo")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range s.Warnings {
		t.Log(w)
	}
}

func TestMissingFiles(t *testing.T) {
	_, err := Load(fstest.MapFS{}, "valley")
	for _, file := range []string{"tocsin.yaml", "stations.geojson", "zones.geojson", "rules.yaml"} {
		if err == nil || !strings.Contains(err.Error(), "valley/"+file+":1: the file is missing") {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestFaultsOfAllFilesAtOnce(t *testing.T) {
	fsys := edited(t, "tocsin.yaml", "mode: Exercise", "mode: Excercise") //nolint:misspell // on purpose
	for file, change := range map[string][2]string{
		"stations.geojson": {`"15m"`, `"x"`}, "zones.geojson": {`"hazard": "flood", `, ""},
		"rules.yaml": {"clear: {1", "clear: {x"}, "messages/en.yaml": {"cancel:", "x:"},
		"phones.csv": {"+1", "1"}, "population/places.csv": {"850", "many"},
	} {
		fsys[file].Data = []byte(strings.Replace(string(fsys[file].Data), change[0], change[1], 1))
	}
	_, err := Load(fsys, "")
	var faults Faults
	if !errors.As(err, &faults) {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, f := range faults {
		seen[f.File] = true
		if i > 0 && (f.File < faults[i-1].File || f.File == faults[i-1].File && f.Line < faults[i-1].Line) {
			t.Errorf("%v comes after %v", f, faults[i-1])
		}
	}
	if len(seen) != 7 {
		t.Errorf("faults in %d files, want 7:\n%v", len(seen), err)
	}
}

// A region has hundreds of zones: what is said of each must not hide what is said of one.
func TestManyAlikeAreToldInOneLine(t *testing.T) {
	count := func(extra int) (alone, together int) {
		feature := func(i int) string {
			return fmt.Sprintf(`,{"type": "Feature", "properties": {"id": "far-%d", "names": {"en": "Far"}, "hazard": "flood"},
				"geometry": {"type": "Polygon", "coordinates": [[[20, 50], [20.1, 50], [20.1, 50.1], [20, 50]]]}}`, i)
		}
		var more strings.Builder
		for i := range extra {
			more.WriteString(feature(i))
		}
		s, err := Load(edited(t, "zones.geojson", "\n]}", more.String()+"\n]}"), "")
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range s.Warnings {
			if strings.Contains(w.Text, "nobody watches over the people there") {
				alone++
				if strings.Contains(w.Text, fmt.Sprintf("%d zones that no rule warns: far-0, far-1, far-2, far-3, far-4 and %d more", extra, extra-5)) {
					together++
				}
			}
		}
		return alone, together
	}
	if alone, together := count(5); alone != 5 || together != 0 {
		t.Errorf("five alike: %d warnings, %d of them for all", alone, together)
	}
	if alone, together := count(6); alone != 1 || together != 1 {
		t.Errorf("six alike: %d warnings, %d of them for all", alone, together)
	}
}

func TestWarnings(t *testing.T) {
	for _, tc := range []struct{ file, from, to, want string }{
		{"tocsin.yaml", "listen: 127.0.0.1:1883", "listen: 0.0.0.0:1883", "tocsin.yaml:29: anybody who reaches 0.0.0.0:1883"},
		{"stations.geojson", `{"type": "FeatureCollection", "features": [`, `{"type": "FeatureCollection", "features": [
{"type": "Feature", "properties": {"id": "other", "sensors": [{"quantity": "precipitation"}]}, "geometry": {"type": "Point", "coordinates": [10, 45]}},`, `stations.geojson:2: no rule reads station "other"`},
		{"zones.geojson", `{"type": "FeatureCollection", "features": [`, `{"type": "FeatureCollection", "features": [
{"type": "Feature", "properties": {"id": "other", "names": {"fr": "Autre"}, "hazard": "flood"}, "geometry": {"type": "Polygon", "coordinates": [[[1,1],[2,1],[2,2],[1,1]]]}},`, `zones.geojson:2: no rule warns zone "other"`},
		{"zones.geojson", `{"en": "Lower town"}`, `{"fr": "Ville basse"}`, `zone "lower-town" has no name in "en"`},
		{"population/places.csv", "10.05,45.10", "20.05,45.10", `zones.geojson:2: zone "lower-town": no people are known there`},
		{"stations.geojson", "[10.05, 45.12]", "[45.12, 10.05]", "km from zone"},
		{"stations.geojson", `"max": 8`, `"max": 4.5`, "rules.yaml:4: rule bridge-level: level 4 raises at 4.8, outside the limits"},
		{"phones.csv", "10.05,45.10", "11.05,45.10", `phones.csv:2: phone "test-1" lies in no zone`},
		{"rule.yaml", "", "x", "rule.yaml:1: nothing reads this file: is it meant to be rules.yaml?"},
		{"messages/dz.yaml", "", "x", "messages/dz.yaml:1: nothing reads this file"},
	} {
		s, err := Load(edited(t, tc.file, tc.from, tc.to), "")
		if err != nil {
			t.Errorf("%s: %v", tc.file, err)
			continue
		}
		if got := Faults(s.Warnings).Error(); !strings.Contains(got, tc.want) {
			t.Errorf("%s: no %q in\n%s", tc.file, tc.want, got)
		}
	}
	without := edited(t, "x", "", "")
	delete(without, "phones.csv")
	if s, err := Load(without, ""); err != nil || !strings.Contains(Faults(s.Warnings).Error(), "no test phones") {
		t.Errorf("without phones: %v", err)
	}
}

func TestSecrets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Config{
		MQTT:   MQTT{Brokers: []Broker{{Name: "field-1", Username: "x"}, {Name: "open"}}},
		Influx: &Influx{}, SMS: SMS{Twilio: &Twilio{}},
	}
	env := map[string]string{"TOCSIN_MQTT_FIELD_1_PASSWORD": "p", "TOCSIN_INFLUX_TOKEN_FILE": file}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	s, err := c.Secrets(lookup)
	if err == nil || !strings.Contains(err.Error(), "TOCSIN_TWILIO_AUTH_TOKEN is not set") || strings.Contains(err.Error(), "MQTT") {
		t.Errorf("got %v, want only the missing token", err)
	}
	if s.MQTT["field-1"].Reveal() != "p" || s.Influx.Reveal() != "from-file" || len(s.MQTT) != 1 {
		t.Error("the secrets are not those of the environment")
	}
	if strings.Contains(s.Influx.String(), "from") {
		t.Error("a secret prints itself")
	}
}

func TestCheckClock(t *testing.T) {
	if err := (Config{Mode: alerting.Exercise}).CheckClock("mqtt"); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		mode  alerting.Mode
		clock string
	}{{alerting.Actual, "mqtt"}, {alerting.Exercise, "sun"}} {
		if err := (Config{Mode: c.mode}).CheckClock(c.clock); err == nil {
			t.Errorf("%v accepted", c)
		}
	}
}
