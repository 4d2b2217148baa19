package geo

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/paulmach/orb"
)

func square(west, south, size float64) orb.MultiPolygon {
	return orb.MultiPolygon{{box(west, south, west+size, south+size)}}
}

func mustPopulation(t *testing.T, places []Place, areas []CensusArea) *Population {
	t.Helper()
	p, err := NewPopulation(places, areas)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustExposure(t *testing.T, p *Population, shape orb.MultiPolygon) Exposure {
	t.Helper()
	e, err := p.Exposure(shape)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// One unit of a degree square on the equator with 1,000 people, 600 of them in a village in its west;
// a hamlet lies outside every unit.
func TestExposureCounts(t *testing.T) {
	unit := CensusArea{ID: "u", Name: "Unit", Shape: square(0, 0, 1), People: 1000, Source: "Census", Year: 2017}
	village := Place{ID: "v", Name: "Village", Position: orb.Point{0.25, 0.5}, People: 600, Source: "Census 2017", Year: 2017}
	hamlet := Place{ID: "h", Name: "Hamlet", Position: orb.Point{2, 0.5}, People: 7}
	p := mustPopulation(t, []Place{village, hamlet}, []CensusArea{unit})
	for _, tc := range []struct {
		name              string
		shape             orb.MultiPolygon
		people, low, high int
	}{
		{"all of the unit", square(0, 0, 1), 1000, 1000, 1000},
		{"more than the unit", square(-1, -1, 2.5), 1000, 1000, 1000},
		{"west half with the village", orb.MultiPolygon{{box(0, 0, 0.5, 1)}}, 800, 600, 1000},
		{"east half without it", orb.MultiPolygon{{box(0.5, 0, 1, 1)}}, 200, 0, 1000},
		{"the village on the edge", orb.MultiPolygon{{box(0.25, 0, 0.5, 1)}}, 700, 600, 1000},
		{"the same half drawn twice", orb.MultiPolygon{{box(0, 0, 0.5, 1)}, {box(0, 0, 0.5, 1)}}, 800, 600, 1000},
		{"round the village, which lies in a hole", orb.MultiPolygon{{box(0, 0, 0.5, 1), box(0.2, 0.2, 0.3, 0.8)}}, 176, 0, 1000},
		{"hamlet only", square(1.9, 0.4, 0.2), 7, 7, 7},
		{"a neighbour that touches the unit", square(1, 0, 0.5), 0, 0, 0},
		{"nowhere", square(10, 10, 1), 0, 0, 0},
		{"all", square(-1, -1, 5), 1007, 1007, 1007},
	} {
		e := mustExposure(t, p, tc.shape)
		if e.People != tc.people || e.Low != tc.low || e.High != tc.high {
			t.Errorf("%s: %d (%d to %d), want %d (%d to %d)", tc.name, e.People, e.Low, e.High, tc.people, tc.low, tc.high)
		}
	}
}

func TestSettlementsMayCountMoreThanTheCensus(t *testing.T) {
	p := mustPopulation(t,
		[]Place{{ID: "a", Position: orb.Point{0.2, 0.5}, People: 900}, {ID: "b", Position: orb.Point{0.8, 0.5}, People: 300}},
		[]CensusArea{{ID: "u", Shape: square(0, 0, 1), People: 1000}})
	e := mustExposure(t, p, orb.MultiPolygon{{box(0, 0, 0.5, 1)}})
	if e.People != 900 || e.Low != 900 || e.High != 1200 {
		t.Errorf("got %d (%d to %d), want 900 (900 to 1200)", e.People, e.Low, e.High)
	}
	if !strings.Contains(strings.Join(e.Methods, " "), "The settlements of u count 1200 people, its census 1000") {
		t.Errorf("the methods do not say that settlements count more: %q", e.Methods)
	}
}

func TestMethodsAndSources(t *testing.T) {
	p := mustPopulation(t, []Place{{ID: "v", Position: orb.Point{0.1, 0.1}, People: 1, Source: "Count", Year: 2017}},
		[]CensusArea{{ID: "u", Name: "Lunana", Shape: square(0, 0, 1), People: 700, Source: "Census 2017", Year: 2017}})
	e := mustExposure(t, p, square(0, 0, 0.5))
	if want := []string{"Census 2017", "Count, 2017"}; !slices.Equal(e.Sources, want) {
		t.Errorf("sources %q, want %q", e.Sources, want)
	}
	if !strings.Contains(strings.Join(e.Methods, "\n"), "Lunana has 0.1 people per km2: an even spread says little") {
		t.Errorf("methods %q do not warn of the low density", e.Methods)
	}
	empty := mustExposure(t, mustPopulation(t, nil, nil), square(0, 0, 1))
	if !strings.Contains(strings.Join(empty.Methods, ""), "not nobody") {
		t.Errorf("methods %q do not say that nothing is known", empty.Methods)
	}
	if text, err := json.Marshal(empty); err != nil || strings.Contains(string(text), "null") {
		t.Errorf("%s, %v: want lists, not null", text, err)
	}
}

func TestExposureRefuses(t *testing.T) {
	p := mustPopulation(t, nil, nil)
	for name, shape := range map[string]orb.MultiPolygon{
		"nothing":       nil,
		"empty polygon": {{}},
		"a line":        {{{{0, 0}, {1, 0}, {0, 0}}}},
		"not a number":  {{{{0, 0}, {math.NaN(), 0}, {1, 1}, {0, 0}}}},
	} {
		if e, err := p.Exposure(shape); err == nil {
			t.Errorf("%s: %+v, want an error", name, e)
		}
	}
}

func TestNewPopulationRefuses(t *testing.T) {
	unit := func(id string, shape orb.MultiPolygon) CensusArea { return CensusArea{ID: id, Shape: shape} }
	for _, tc := range []struct {
		name   string
		places []Place
		areas  []CensusArea
		want   string
	}{
		{"doubled place", []Place{{ID: "a"}, {ID: "a"}}, nil, `place 2: id "a"`},
		{"negative place", []Place{{ID: "a", People: -1}}, nil, "cannot be negative"},
		{"place off Earth", []Place{{ID: "a", Position: orb.Point{0, 95}}}, nil, "not on Earth"},
		{"doubled area", nil, []CensusArea{unit("u", square(0, 0, 1)), unit("u", square(5, 0, 1))}, `census area 2: id "u"`},
		{"no surface", nil, []CensusArea{unit("u", nil)}, "no surface"},
		{"two levels", nil, []CensusArea{unit("district", square(0, 0, 10)), unit("village", square(3, 3, 1))}, "give one administrative level only"},
	} {
		if _, err := NewPopulation(tc.places, tc.areas); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
	// Borders digitised twice overlap by slivers; that is no fault.
	if _, err := NewPopulation(nil, []CensusArea{unit("a", square(0, 0, 1)), unit("b", square(0.9999, 0, 1))}); err != nil {
		t.Errorf("slivers: %v", err)
	}
}

func TestArea(t *testing.T) {
	const sphere = 4 * math.Pi * earthRadius * earthRadius
	for _, tc := range []struct {
		name  string
		shape orb.MultiPolygon
		want  float64
	}{
		{"the world", orb.MultiPolygon{{box(-180, -90, 180, 90)}}, sphere},
		{"a quarter of the northern half", orb.MultiPolygon{{box(0, 0, 90, 90)}}, sphere / 8},
		{"its upper half, north of 30 degrees", orb.MultiPolygon{{box(0, 30, 90, 90)}}, sphere / 16},
		{"with a hole", orb.MultiPolygon{{box(0, 0, 90, 90), box(0, 30, 90, 90)}}, sphere / 16},
		{"a square metre at 60 degrees", orb.MultiPolygon{{box(10, 60, 10+2*degree, 60+degree)}}, 1},
	} {
		if got := Area(tc.shape); math.Abs(got-tc.want) > 1e-6*tc.want {
			t.Errorf("%s: %v m2, want %v", tc.name, got, tc.want)
		}
	}
}

// degree is how many degrees of latitude are a metre.
const degree = 180 / (math.Pi * earthRadius)
