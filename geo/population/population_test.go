package population

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/paulmach/orb"

	"tocsin/geo"
	"tocsin/geo/geotest"
)

func TestReadPlaces(t *testing.T) {
	places, err := ReadPlaces("places.csv", []byte("\ufeffyear,id,lon,lat,people,source,name,feature\n2017,thanza,90.2,28.1,\"300\",Census,\"Thanza, Lunana\",x\n,b,-1,-2,0,,,\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := geo.Place{ID: "thanza", Name: "Thanza, Lunana", Position: orb.Point{90.2, 28.1}, People: 300, Source: "Census", Year: 2017}
	if len(places) != 2 || places[0] != want {
		t.Errorf("got %+v, want %+v", places, want)
	}
}

func TestPlacesThatAreWrong(t *testing.T) {
	const header = "id,name,lon,lat,people\n"
	for _, tc := range []struct{ text, want string }{
		{"", "p.csv:1: no header"},
		{"id,name,lon,lat\n", "p.csv:1: no column people"},
		{"id,name,lon,lat,People\n", `unknown column "People": did you mean people?`},
		{"id,id,name,lon,lat,people\n", "the column id stands twice"},
		{header + ",a,1,2,3\n", "p.csv:2: no id"},
		{header + "a,a,27,91,3\n", "p.csv:2: lat is 91 and must be from -90 to 90: lon and lat are probably swapped"},
		{header + "a,a,385000,3050000,3\n", "lon is 385000: it must be from -180 to 180"},
		{header + "a,a,NaN,2,3\n", `lon is "NaN": a number of degrees`},
		{header + "a,a,1,2,-3\n", `people is "-3": a whole number from 0`},
		{header + "a,a,1,2,1 300\n", `people is "1 300"`},
		{header + "a,a,1,2\n", "p.csv:2: wrong number of fields: 5 columns are wanted"},
		{header + "a,a,1,2,3\na,b,1,2,3\n", `p.csv:3: the id "a" is taken by line 2`},
		{header + "a,\xff,1,2,3\n", "not in UTF-8"},
	} {
		if places, err := ReadPlaces("p.csv", []byte(tc.text)); err == nil || places != nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want %q", tc.text, err, tc.want)
		}
	}
}

func TestReadCensus(t *testing.T) {
	const shape = `"geometry": {"type": "Polygon", "coordinates": [[[0,0],[1,0],[1,1],[0,0]]]}}`
	good := "{\"type\": \"FeatureCollection\", \"features\": [\n" +
		`{"type": "Feature", "id": 12, "properties": {"name": "Lunana", "people": 699.0, "households": 150, "year": 2017, "fid": 3}, ` + shape + "]}"
	areas, err := ReadCensus("c.geojson", []byte(good))
	if err != nil || len(areas) != 1 || areas[0].ID != "12" || areas[0].People != 699 || areas[0].Households != 150 || areas[0].Year != 2017 {
		t.Errorf("%+v, %v", areas, err)
	}
	for from, want := range map[string]string{
		`"people": 699.0`: `c.geojson:2: feature 1 (12): no property "people"`,
		`"households"`:    `unknown name "householdz": did you mean "households"?`,
		`699.0`:           `"people" is 69.9: a whole number from 0`,
	} {
		to := map[string]string{`"people": 699.0`: `"x": 1`, `"households"`: `"householdz"`, `699.0`: "69.9"}[from]
		if _, err := ReadCensus("c.geojson", []byte(strings.Replace(good, from, to, 1))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", from, err, want)
		}
	}
}

// TestBhutan reads the real census, whose properties have other names, after renaming them as docs/site.md
// tells a site's author to.
func TestBhutan(t *testing.T) {
	for _, file := range []string{"btn_adm1.json", "btn_adm2.json"} {
		data, err := os.ReadFile(filepath.Join(geotest.DataDir(t), "bhutan", "gewogs", file))
		if err != nil {
			t.Skip("no shared data: ", err)
		}
		text := strings.ReplaceAll(string(data), `"TotPop"`, `"people"`)
		text = regexp.MustCompile(`"fid": (\d+)\.0`).ReplaceAllString(text, `"id": "$1"`)
		areas, err := ReadCensus(file, []byte(text))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		p, err := geo.NewPopulation(nil, areas)
		if err != nil {
			t.Fatal(err)
		}
		all := orb.MultiPolygon{orb.Bound{Min: orb.Point{88, 26}, Max: orb.Point{93, 29}}.ToPolygon()}
		if e, err := p.Exposure(all); err != nil || e.People != 727145 {
			t.Errorf("%s: %d people, %v, want 727145", file, e.People, err)
		}
	}
}

func FuzzReadPlaces(f *testing.F) {
	f.Add([]byte("id,name,lon,lat,people\na,a,1,2,3\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		places, err := ReadPlaces("f", data)
		if err != nil {
			return
		}
		if _, err := geo.NewPopulation(places, nil); err != nil {
			t.Fatalf("what was read cannot be used: %v", err)
		}
	})
}
