package zonefile

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paulmach/orb"

	"tocsin/geo"
	"tocsin/geo/geotest"
)

// one wraps coordinates of a Polygon into a zone file, the geometry on line 4.
func one(coordinates string) string {
	return "{\"type\": \"FeatureCollection\", \"features\": [\n{\"type\": \"Feature\",\n" +
		"\"properties\": {\"id\": \"z\", \"names\": {\"en\": \"Z\"}, \"hazard\": \"flood\"},\n" +
		"\"geometry\": {\"type\": \"Polygon\", \"coordinates\": " + coordinates + "}}]}"
}

func TestRead(t *testing.T) {
	// Clockwise, with a counter-clockwise hole: both are turned.
	zones, err := Read("zones.geojson", []byte(one("[[[0,0],[0,10],[10,10],[10,0],[0,0]],[[4,4],[6,4],[6,6],[4,6],[4,4]]]")))
	if err != nil {
		t.Fatal(err)
	}
	z := zones[0]
	if z.ID != "z" || z.Hazard != "flood" || z.From != 1 || z.Name("en") != "Z" {
		t.Errorf("got %+v", z)
	}
	if z.Shape[0][0].Orientation() != orb.CCW || z.Shape[0][1].Orientation() != orb.CW {
		t.Errorf("rings are wound %v and %v, want counter-clockwise and clockwise", z.Shape[0][0].Orientation(), z.Shape[0][1].Orientation())
	}
	if !geo.Contains(z.Shape, orb.Point{4, 5}) || geo.Contains(z.Shape, orb.Point{5, 5}) {
		t.Error("the hole is not where it was drawn")
	}
}

func TestShapesThatAreWrong(t *testing.T) {
	for _, tc := range []struct{ name, coordinates, want string }{
		{"crossing", "[[[0,0],[2,2],[2,0],[0,2],[0,0]]]", "ring 1: crosses or runs along itself at [1, 1], between positions 1 and 2 and positions 3 and 4"},
		{"unclosed", "[[[0,0],[1,0],[1,1],[0,1]]]", "ring 1: not closed: it ends at [0, 1] and must end where it begins, at [0, 0]"},
		{"few", "[[[0,0],[1,0],[0,0]]]", "ring 1: 3 positions: a ring needs at least 4"},
		{"flat", "[[[0,0],[1,0],[2,0],[0,0]]]", "the geometry has no surface"},
		{"swapped", "[[[27,91],[28,91],[28,92],[27,91]]]", "position 1: latitude 91 is not on Earth: longitude and latitude are probably swapped, [91, 27] would be right"},
		{"projected", "[[[385000,3050000],[1,0],[1,1],[385000,3050000]]]", "projected coordinates must be turned into WGS 84"},
		{"far", "[[[400,0],[401,0],[401,1],[400,0]]]", "longitude 400 is not on Earth"},
		{"text", `[[["0","0"],[1,0],[1,1],[0,0]]]`, "a position is [longitude, latitude], two numbers"},
		{"null", "null", "coordinates: a list of rings is wanted"},
		{"bare ring", "[[0,0],[1,0],[1,1],[0,0]]", "ring 1: a list of positions is wanted"},
		{"number", "[1,2]", "a list of rings is wanted"},
		{"hole outside", "[[[0,0],[1,0],[1,1],[0,1],[0,0]],[[5,5],[6,5],[6,6],[5,5]]]", "ring 2: a hole that leaves its shell at [5, 5]"},
		{"hole across", "[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[3,1],[5,1],[5,2],[3,2],[3,1]]]", "ring 1 crosses or runs along ring 2 at [4, 1]"},
		{"hole in hole", "[[[0,0],[9,0],[9,9],[0,9],[0,0]],[[1,1],[8,1],[8,8],[1,1]],[[5,3],[6,3],[6,4],[5,3]]]", "ring 3 lies in another hole, ring 2"},
		{"round the Earth", "[[[0,5],[120,-5],[-120,5],[0,5]]]", "goes round the Earth on both sides of the equator"},
	} {
		_, err := Read("z.geojson", []byte(one(tc.coordinates)))
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "z.geojson:4: feature 1 (z): ") {
			t.Errorf("%s: %v\nwant %q", tc.name, err, tc.want)
		}
	}
}

func TestFilesThatAreWrong(t *testing.T) {
	const shape = `"geometry": {"type": "Polygon", "coordinates": [[[0,0],[1,0],[1,1],[0,0]]]}`
	feature := func(properties string) string {
		return "{\"type\": \"FeatureCollection\", \"features\": [\n{\"type\": \"Feature\", \"properties\": {\n" + properties + "},\n" + shape + "}]}"
	}
	for _, tc := range []struct{ name, text, want string }{
		{"syntax", "{\n\"type\": \"FeatureCollection\",,\n}", "z.geojson:2: no JSON: "},
		{"short", "{\n\"type\": ", "z.geojson:2: no JSON: the file ends too early"},
		{"empty", "", "z.geojson:1: no JSON: the file ends too early"},
		{"two", "{}\n{}", "z.geojson:2: no JSON: more follows"},
		{"list", "[]", "z.geojson:1: a list stands where"},
		{"type", `{"type": "Topology"}`, `"type" is "Topology": a FeatureCollection is wanted`},
		{"no zones", `{"type": "FeatureCollection", "features": []}`, "no zones"},
		{"no features", `{"type": "FeatureCollection"}`, `no list "features"`},
		{"crs", `{"type": "FeatureCollection", "crs": {"type": "name", "properties": {"name": "EPSG:27700"}}, "features": []}`, "coordinates are in EPSG:27700: save the file in WGS 84"},
		{"no id", feature(`"names": {"en": "A"}, "hazard": "flood"`), `z.geojson:2: feature 1: no property "id"`},
		{"bad id", feature(`"id": "a/b", "names": {"en": "A"}, "hazard": "flood"`), "the id must hold none of / + #"},
		{"no names", feature(`"id": "a", "hazard": "flood"`), `no "names"`},
		{"name is no object", feature(`"id": "a", "names": "A", "hazard": "flood"`), `z.geojson:3: feature 1 (a): no "names"`},
		{"no hazard", feature(`"id": "a", "names": {"en": "A"}`), `no property "hazard"`},
		{"level", feature(`"id": "a", "names": {"en": "A"}, "hazard": "flood", "from": 5`), `"from" is 5: a level from 1 to 4`},
		{"misspelt", feature(`"id": "a", "names": {"en": "A"}, "hazzard": "flood"`), `unknown name "hazzard": did you mean "hazard"?`},
		{"doubled name", feature(`"id": "a", "names": {"en": "A"}, "hazard": "flood", "id": "b"`), `"id" stands twice in one object`},
		{"point", strings.Replace(feature(`"id": "a", "names": {"en": "A"}, "hazard": "flood"`), shape, `"geometry": {"type": "Point", "coordinates": [0, 0]}`, 1), "a Point has no surface"},
		{"no geometry", strings.Replace(feature(`"id": "a", "names": {"en": "A"}, "hazard": "flood"`), shape, `"geometry": null`, 1), "no geometry"},
		{"deep", strings.Repeat("[", 100000), "nested deeper than 64"},
	} {
		if _, err := Read("z.geojson", []byte(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v\nwant %q", tc.name, err, tc.want)
		}
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	text := `{"type": "FeatureCollection", "features": [
{"type": "Feature", "properties": {"id": "a", "names": {"en": "A"}, "hazard": "flood"}, "geometry": {"type": "Polygon", "coordinates": [[[0,0],[1,0],[1,1]]]}},
{"type": "Feature", "properties": {"id": "a"}, "geometry": null},
{"type": "Feature", "properties": {"id": "c", "names": {}, "hazard": 3, "from": "x"},
 "geometry": {"type": "MultiPolygon", "coordinates": [[[[0,0],[1,0],[1,1],[0,0]]], [[[0,0],[1,0],
 [1,100],[0,0]]]]}}]}`
	_, err := Read("z.geojson", []byte(text))
	for _, want := range []string{
		"z.geojson:2: feature 1 (a): ring 1: 3 positions",
		`z.geojson:3: feature 2 (a): the id "a" is taken by the feature of line 2`,
		`z.geojson:3: feature 2 (a): no "names"`,
		`z.geojson:3: feature 2 (a): no property "hazard"`,
		"z.geojson:3: feature 2 (a): no geometry",
		`z.geojson:4: feature 3 (c): no "names"`,
		`z.geojson:4: feature 3 (c): "from" is x`,
		"z.geojson:6: feature 3 (c): polygon 2, ring 1, position 3: latitude 100",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}

func TestSmallFlawsAreWarnings(t *testing.T) {
	for _, tc := range []struct{ name, coordinates, want string }{
		{"spike", "[[[0,0],[4,0],[4,4],[4,6],[4,4],[0,4],[0,0]]]", "runs along itself at [4, 4]"},
		{"a crossing of a metre", "[[[0,0],[4,0],[4,4],[2.00001,4],[2,4.00001],[2.00001,4.00001],[2,4],[0,4],[0,0]]]", "ring 1: crosses"},
		{"an empty hole", "[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[1,1],[2,2],[3,3],[1,1]]]", "a hole without a surface is left out"},
	} {
		f, err := Load("z.geojson", []byte(one(tc.coordinates)))
		if err != nil || len(f.Warnings) == 0 || !strings.Contains(f.Warnings[0].Error(), tc.want) {
			t.Errorf("%s: %+v, %v, want a warning %q", tc.name, f, err, tc.want)
			continue
		}
		if !geo.Contains(f.Zones[0].Shape, orb.Point{3, 1}) {
			t.Errorf("%s: the shape is lost: %v", tc.name, f.Zones[0].Shape)
		}
	}
}

func TestArea(t *testing.T) {
	for name, text := range map[string]string{
		"geometry":   `{"type": "Polygon", "coordinates": [[[0,0],[1,0],[1,1],[0,0]]]}`,
		"feature":    `{"type": "Feature", "properties": null, "geometry": {"type": "Polygon", "coordinates": [[[0,0],[1,0],[1,1],[0,0]]]}}`,
		"collection": one("[[[0,0],[1,0],[1,1],[0,0]]]"),
		"geometries": `{"type": "GeometryCollection", "geometries": [{"type": "Polygon", "coordinates": [[[0,0],[1,0],[1,1],[0,0]]]}]}`,
	} {
		if area, err := Area("a", []byte(text)); err != nil || len(area) != 1 || len(area[0][0]) != 4 {
			t.Errorf("%s: %v, %v", name, area, err)
		}
	}
	for _, text := range []string{`{"type": "FeatureCollection", "features": []}`, `{"type": "Point", "coordinates": [0, 0]}`, "x"} {
		if area, err := Area("a", []byte(text)); err == nil {
			t.Errorf("%s: %v, want an error", text, area)
		}
	}
}

// TestAntimeridian holds the shapes of the antimeridian package against what it makes of them.
func TestAntimeridian(t *testing.T) {
	dir := filepath.Join(geotest.DataDir(t), "geo", "antimeridian")
	files, err := filepath.Glob(filepath.Join(dir, "output", "flat", "*.json"))
	if err != nil || len(files) == 0 {
		t.Skip("no shared data in ", dir)
	}
	compared := 0
	for _, file := range files {
		base := filepath.Base(file)
		input, err := os.ReadFile(filepath.Join(dir, "input", base))
		if err != nil {
			continue // an output for another option
		}
		if base == "both-poles.json" || base == "issues-171.json" {
			// Whether the first holds the poles or all the rest is told by its winding only, which is not
			// trusted here; in the second one the vector has lost one of the two holes.
			continue
		}
		want := readArea(t, file)
		if want == nil {
			continue // lines
		}
		got, err := Area(base, input)
		if err != nil {
			t.Logf("%s is refused: %v", base, err)
			continue
		}
		for _, p := range got {
			if b := p.Bound(); b.Min[0] < -180 || b.Max[0] > 180 {
				t.Errorf("%s: a piece lies beyond 180 degrees: %v", base, b)
			}
		}
		if a, b := geo.Area(got), geo.Area(want); math.Abs(a-b) > 1e-6*b {
			t.Errorf("%s: %v km2, the vector has %v", base, a/1e6, b/1e6)
			continue
		}
		compared++
	}
	if compared < 15 {
		t.Errorf("only %d shapes could be compared", compared)
	}
}

func readArea(t *testing.T, file string) orb.MultiPolygon {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Type        string
		Coordinates json.RawMessage
	}
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	var shape orb.MultiPolygon
	switch g.Type {
	case "MultiPolygon":
		err = json.Unmarshal(g.Coordinates, &shape)
	case "Polygon":
		shape = orb.MultiPolygon{nil}
		err = json.Unmarshal(g.Coordinates, &shape[0])
	default:
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return shape
}

func TestEnglishAreas(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(geotest.DataDir(t), "england-feb-2016", "areas.geojson"))
	if err != nil {
		t.Skip("no shared data: ", err)
	}
	if area, err := Area("areas.geojson", data); err != nil || len(area) < 40 {
		t.Errorf("%d polygons, %v", len(area), err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(one("[[[0,0],[1,0],[1,1],[0,0]]]")))
	f.Add([]byte(one("[[[170,40],[190,40],[190,50],[170,50],[170,40]],[[175,42],[-175,42],[-175,44],[175,42]]]")))
	f.Add([]byte(one("[[[45,40],[135,40],[-135,40],[-45,40],[45,40]]]")))
	f.Fuzz(func(t *testing.T, data []byte) {
		zones, err := Read("f", data)
		if err != nil {
			if zones != nil || !strings.HasPrefix(err.Error(), "f:") {
				t.Fatalf("%v beside %v", zones, err)
			}
			return
		}
		if _, err := geo.NewIndex(zones); err != nil {
			t.Fatalf("what was read cannot be indexed: %v", err)
		}
		for _, z := range zones {
			if b := z.Shape.Bound(); b.Min[0] < -180 || b.Max[0] > 180 || !geo.Contains(z.Shape, z.Shape[0][0][0]) {
				t.Fatalf("zone %+v", z)
			}
		}
	})
}
