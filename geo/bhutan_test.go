package geo

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geojson"

	"tocsin/geo/geotest"
)

// bhutan reads one level of the census of Bhutan (2017), or skips.
func bhutan(t *testing.T, file string) []CensusArea {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(geotest.DataDir(t), "bhutan", "gewogs", file))
	if err != nil {
		t.Skip("no shared data: ", err)
	}
	collection, err := geojson.UnmarshalFeatureCollection(data)
	if err != nil {
		t.Fatal(err)
	}
	areas := make([]CensusArea, len(collection.Features))
	for i, f := range collection.Features {
		areas[i] = CensusArea{ID: fmt.Sprint(i), People: int(f.Properties.MustFloat64("TotPop"))}
		switch g := f.Geometry.(type) {
		case orb.Polygon:
			areas[i].Shape = orb.MultiPolygon{g}
		case orb.MultiPolygon:
			areas[i].Shape = g
		default:
			t.Fatalf("%s: feature %d is a %s", file, i, f.Geometry.GeoJSONType())
		}
	}
	return areas
}

// The people of Bhutan at the census of 2017, institutions included.
const bhutanese = 727145

func TestBhutan(t *testing.T) {
	for file, units := range map[string]int{"btn_adm1.json": 20, "btn_adm2.json": 205} {
		areas := bhutan(t, file)
		p := mustPopulation(t, nil, areas)
		if len(areas) != units {
			t.Errorf("%s: %d units, want %d", file, len(areas), units)
		}
		if e := mustExposure(t, p, square(88, 26, 5)); e.People != bhutanese || e.Low != bhutanese || e.High != bhutanese {
			t.Errorf("%s: all of Bhutan has %d (%d to %d) people, want %d", file, e.People, e.Low, e.High, bhutanese)
		}
		for i, a := range areas {
			if e := mustExposure(t, p, a.Shape); e.People != a.People || e.Low != a.People {
				t.Errorf("%s: unit %d gives back %d (from %d) of its %d people: %+v", file, i, e.People, e.Low, a.People, e.Units)
			}
		}
	}
}

func TestBhutanChiwogs(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(geotest.DataDir(t), "bhutan", "gewogs", "btn_adm3_level_data.json"))
	if err != nil {
		t.Skip("no shared data: ", err)
	}
	var table struct{ DataList []struct{ TotPop int } }
	if err := json.Unmarshal(data, &table); err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, row := range table.DataList {
		sum += row.TotPop
	}
	if sum != bhutanese {
		t.Errorf("%d chiwogs sum to %d, want %d", len(table.DataList), sum, bhutanese)
	}
}
