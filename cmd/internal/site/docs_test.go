package site

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"tocsin/alerting/desk"
	"tocsin/alerting/rule"
)

const docs = "../../../docs"

// schemaFor is the schema of a file of a site folder, "" for what has none.
func schemaFor(file string) string {
	dir, base := path.Split(file)
	switch {
	case dir == "messages/":
		return "messages"
	case dir == "population/" && path.Ext(base) == ".geojson":
		return "census"
	case dir == "population/":
		return "places"
	case file == "simulation.yaml" || path.Ext(file) == ".md":
		return ""
	}
	return strings.TrimSuffix(base, path.Ext(base))
}

func compileSchema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(docs, "schema", name+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// instances are the values of a file that its schema describes: the whole of it, or each line of a CSV file.
func instances(t *testing.T, file string, data []byte) []any {
	t.Helper()
	switch path.Ext(file) {
	case ".yaml":
		var v any
		if err := yaml.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		return []any{jsonable(v)}
	case ".csv":
		records, err := csv.NewReader(strings.NewReader(string(data))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var lines []any
		for _, record := range records[1:] {
			line := map[string]any{}
			for i, cell := range record {
				line[records[0][i]] = cell
			}
			lines = append(lines, line)
		}
		return lines
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	return []any{v}
}

// jsonable turns the keys of YAML maps into text, as JSON has them.
func jsonable(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = jsonable(value)
		}
		return v
	case map[any]any:
		out := map[string]any{}
		for key, value := range v {
			out[fmt.Sprint(key)] = jsonable(value)
		}
		return out
	case []any:
		for i := range v {
			v[i] = jsonable(v[i])
		}
		return v
	}
	return v
}

// TestSitesFitTheirSchemas holds the example, the site of Init and the demo against the schemas and Load.
func TestSitesFitTheirSchemas(t *testing.T) {
	sites := map[string]fs.FS{"init": Initial(), "example": os.DirFS(filepath.Join(docs, "examples", "site"))}
	if _, err := os.Stat("../demo/site"); err == nil {
		sites["demo"] = os.DirFS("../demo/site")
	}
	for name, fsys := range sites {
		if _, err := Load(fsys, name); err != nil {
			t.Errorf("%s does not load:\n%v", name, err)
		}
		err := fs.WalkDir(fsys, ".", func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || schemaFor(file) == "" {
				return err
			}
			data, err := fs.ReadFile(fsys, file)
			if err != nil {
				return err
			}
			schema := compileSchema(t, schemaFor(file))
			for i, v := range instances(t, file, data) {
				if err := schema.Validate(v); err != nil {
					t.Errorf("%s/%s, value %d: %v", name, file, i+1, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestExampleWarnsOfWhatItShould(t *testing.T) {
	s, err := Load(os.DirFS(filepath.Join(docs, "examples", "site")), "site")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range s.Warnings {
		if !strings.Contains(w.Text, "not reviewed") {
			t.Errorf("the example is risky: %v", w)
		}
	}
	if p := s.Policy(); p[1] != 0 || p[3] != 2 || p[4] != 2 {
		t.Errorf("policy %v", p)
	}
	if n := s.Config.LevelNames(); len(n) != 3 || n[2].Colour != "#d9480f" {
		t.Errorf("levels %v", n)
	}
	upstream, ok := s.Network.Sensor("weir", "upstream")
	if !ok || *upstream.Limits.Max != 7 || upstream.Unit != "m" {
		t.Errorf("sensor %+v", upstream)
	}
	lake, _ := s.Network.Sensor("reservoir", "water_level")
	if lake.Limits.Stuck >= 0 || lake.Unit != "cm" {
		t.Errorf("sensor %+v", lake)
	}
}

// TestSchemasRefuse breaks the example in each file and wants its schema to notice.
func TestSchemasRefuse(t *testing.T) {
	for file, change := range map[string][2]string{
		"tocsin.yaml":               {"approval:", "aproval:"}, //nolint:misspell // on purpose
		"stations.geojson":          {`"quantity": "precipitation"`, `"quantity": "rain"`},
		"zones.geojson":             {`"hazard"`, `"hazzard"`},
		"rules.yaml":                {"direction: rising", "direction: up"},
		"messages/en.yaml":          {"cancel:", "canceled:"},
		"phones.csv":                {"+1", "1"},
		"population/places.csv":     {"2400", "2,400"},
		"population/census.geojson": {"3100", `"3100"`},
		"readings.csv":              {"2026-03-01T06:00:00Z", "01/03/2026"},
		"expected.csv":              {"yes", "maybe"},
	} {
		data, err := os.ReadFile(filepath.Join(docs, "examples", "site", file))
		if err != nil {
			t.Fatal(err)
		}
		to := change[1]
		if strings.Contains(to, ",") {
			to = `"` + to + `"`
		}
		text := strings.Replace(string(data), change[0], to, 1)
		if text == string(data) {
			t.Fatalf("%s does not hold %q", file, change[0])
		}
		schema := compileSchema(t, schemaFor(file))
		refused := false
		for _, v := range instances(t, file, []byte(text)) {
			refused = refused || schema.Validate(v) != nil
		}
		if !refused {
			t.Errorf("the schema of %s takes %q", file, to)
		}
	}
}

// TestEveryFieldIsDescribed wants each name that a site file may hold in its schema and in docs/site.md.
func TestEveryFieldIsDescribed(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(docs, "site.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string][]string{
		"tocsin":   fieldNames(reflect.TypeFor[Config]()),
		"rules":    fieldNames(reflect.TypeFor[rule.Rule]()),
		"messages": fieldNames(reflect.TypeFor[desk.Messages]()),
		"phones":   phoneColumns,
		"places":   {"id", "name", "lon", "lat", "people", "source", "year"},
		"census":   {"id", "name", "people", "households", "source", "year"},
		"zones":    {"id", "names", "hazard", "from"},
		"stations": append(append(append([]string{}, stationNames...), sensorNames...), limitNames...),
		"readings": {"time", "received", "station", "sensor", "quantity", "value", "unit"},
		"expected": {"zone", "level", "first_time", "verdict"},
	}
	for name, fields := range names {
		data, err := os.ReadFile(filepath.Join(docs, "schema", name+".schema.json"))
		if err != nil {
			t.Fatal(err)
		}
		var schema any
		if err := json.Unmarshal(data, &schema); err != nil {
			t.Fatal(err)
		}
		described := map[string]bool{}
		properties(schema, described)
		for _, field := range fields {
			if !described[field] {
				t.Errorf("%s.schema.json has no property %q", name, field)
			}
			if !regexp.MustCompile("`" + regexp.QuoteMeta(field) + "[`:]").Match(page) {
				t.Errorf("docs/site.md does not describe `%s` of %s", field, name)
			}
		}
	}
}

// fieldNames are the YAML names of a struct and of the structs in it.
func fieldNames(t reflect.Type) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var names []string
	for name, inner := range yamlFields(t) {
		names = append(append(names, name), fieldNames(inner)...)
	}
	return names
}

// properties gathers the names of all properties of a schema.
func properties(v any, names map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		if named, ok := v["properties"].(map[string]any); ok {
			for name := range named {
				names[name] = true
			}
		}
		for _, inner := range v {
			properties(inner, names)
		}
	case []any:
		for _, inner := range v {
			properties(inner, names)
		}
	}
}
