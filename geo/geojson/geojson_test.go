package geojson

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/geo/geotest"
)

// TestCheckGeoJSON holds the valid and invalid files of check-geojson against Features and Shape: whatever
// is invalid is a fault with a line, and the valid polygons are read.
func TestCheckGeoJSON(t *testing.T) {
	dir := filepath.Join(geotest.DataDir(t), "geo", "check-geojson")
	bad, err := filepath.Glob(filepath.Join(dir, "bad", "*.geojson"))
	if err != nil || len(bad) == 0 {
		t.Skip("no shared data in ", dir)
	}
	for _, file := range bad {
		if filepath.Base(file) == "different-first-size.geojson" {
			continue // its positions differ in their altitude only, which nothing here reads
		}
		if _, err := shapes(t, file); err == nil {
			t.Errorf("%s is taken", filepath.Base(file))
		}
	}
	for name, polygons := range map[string]int{"good-polygon": 1, "multipolygon": 2, "good-feature": 0} {
		n, err := shapes(t, filepath.Join(dir, "good", name+".geojson"))
		if polygons > 0 && (err != nil || n < 1) {
			t.Errorf("%s: %d polygons, %v", name, n, err)
		}
	}
}

func shapes(t *testing.T, file string) (polygons int, err error) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	faults := &Faults{File: "f"}
	for _, f := range Features(data, faults) {
		shape, _ := Shape(f, faults)
		polygons += len(shape)
	}
	return polygons, faults.Err()
}

func TestLines(t *testing.T) {
	faults := &Faults{File: "f"}
	v, ok := parse([]byte("\xef\xbb\xbf{\n\"a\": [1,\n2],\n\"b\": {\"c\":\n\"x\", \"c\": 1}, \"d\": [1, \"e\"]\n}"), faults)
	if !ok || v.Get("a").Line != 2 || len(v.Get("a").Numbers) != 2 || v.Get("b").Get("c").Line != 5 || len(v.Get("d").Items) != 2 {
		t.Errorf("got %+v", v)
	}
	if err := faults.Err(); err == nil || err.Error() != `f:5: "c" stands twice in one object (first in line 4): keep one` {
		t.Errorf("got %v", err)
	}
}

func TestTooManyFaultsAreCut(t *testing.T) {
	faults := &Faults{File: "f"}
	for i := range 1000 {
		faults.Add(i+1, "wrong")
	}
	var joined interface{ Unwrap() []error }
	if !errors.As(faults.Err(), &joined) || len(joined.Unwrap()) != maxFaults+1 {
		t.Errorf("got %d faults", len(joined.Unwrap()))
	}
}

func TestTooManyPositions(t *testing.T) {
	text := `{"type": "Polygon", "coordinates": [[[0,0]` + strings.Repeat(",[1,0]", MaxVertices) + `,[1,1],[0,0]]]}`
	faults := &Faults{File: "f"}
	for _, f := range Features([]byte(text), faults) {
		Shape(f, faults)
	}
	if err := faults.Err(); err == nil || !strings.Contains(err.Error(), "more than 200000 positions: simplify") {
		t.Errorf("got %v", err)
	}
}

func TestNearest(t *testing.T) {
	words := []string{"name", "mode", "quantity"}
	for name, want := range map[string]string{"nmae": "name", "Name": "name", "quantty": "quantity", "x": "", "moods": "", strings.Repeat("n", 1<<20): ""} { //nolint:misspell // on purpose
		if got := Nearest(name, words); got != want {
			t.Errorf("Nearest(%.10s) = %q, want %q", name, got, want)
		}
	}
}
