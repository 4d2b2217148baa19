package qc

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"tocsin/ingest"
)

// data finds the shared test data: $TOCSIN_DATA, or ../shared/data beside the repository.
func data(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("TOCSIN_DATA")
	if root == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for dir != filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			dir = filepath.Dir(dir)
		}
		root = filepath.Join(dir, "..", "shared", "data")
	}
	path := filepath.Join(root, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the shared test data is not here: %v", err)
	}
	return path
}

func table(t *testing.T, path string) []map[string]string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	reader := csv.NewReader(file)
	if filepath.Ext(path) == ".gz" {
		zipped, err := gzip.NewReader(file)
		if err != nil {
			t.Fatal(err)
		}
		reader = csv.NewReader(zipped)
	}
	rows, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		named := map[string]string{}
		for i, name := range rows[0] {
			named[name] = row[i]
		}
		out = append(out, named)
	}
	return out
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// england gives the telemetry of February 2016: each file is a message that arrives in the order of the
// table, some minutes after its newest reading.
func england(t *testing.T) (*ingest.Network, []ingest.Reading) {
	rows := table(t, data(t, "england-feb-2016/readings.csv.gz"))
	byStation := map[string]*ingest.Station{}
	var order []string
	for _, row := range table(t, data(t, "england-feb-2016/stations.csv")) {
		byStation[row["station"]] = &ingest.Station{ID: row["station"], River: row["river"], Position: orb.Point{number(t, row["lon"]), number(t, row["lat"])}}
		order = append(order, row["station"])
	}
	sensors := map[ingest.Key]bool{}
	var readings []ingest.Reading
	position, file, newest := uint64(0), "", time.Time{}
	first := 0
	finish := func() {
		for i := first; i < len(readings); i++ {
			readings[i].Received = newest.Add(10 * time.Minute)
		}
		first = len(readings)
	}
	for _, row := range rows {
		if row["unit"] == "Ml/d" {
			continue // converted on the wire, not here
		}
		at, err := time.Parse(time.RFC3339, row["time"])
		if err != nil {
			t.Fatal(err)
		}
		if row["file"] != file {
			finish()
			position, file = position+1, row["file"]
		}
		if at.After(newest) {
			newest = at
		}
		q := ingest.WaterLevel
		if row["parameter"] == "Flow" {
			q = ingest.Discharge
		}
		key := ingest.Key{Station: row["station"], Sensor: row["parameter"] + row["qualifier"] + row["unit"]}
		if !sensors[key] {
			sensors[key] = true
			s := byStation[row["station"]]
			s.Sensors = append(s.Sensors, ingest.Sensor{ID: key.Sensor, Quantity: q, Interval: 15 * time.Minute})
		}
		key.Time = at
		readings = append(readings, ingest.Reading{Key: key, Quantity: q, Value: number(t, row["value"]), Flag: ingest.NotEvaluated, Position: position, Part: len(readings) - first})
	}
	finish()
	var stations []ingest.Station
	for _, id := range order {
		stations = append(stations, *byStation[id])
	}
	n, err := ingest.NewNetwork(stations)
	if err != nil {
		t.Fatal(err)
	}
	return n, readings
}

// On real telemetry of a week of floods the tests find the fault that is there (E6120 sends 53 m above the
// sea and 0.9 m above its bed by turns) and leave the floods alone. The bore of the Severn (2102, 2153,
// 2195) rises faster than is believable, and its gauges bear each other out.
func TestEngland(t *testing.T) {
	n, readings := england(t)
	last := final(t, New(n).Check(readings))
	failed, borneOut := map[string]int{}, map[string]int{}
	for _, r := range last {
		switch {
		case r.Flag != ingest.Pass:
			failed[verdictOf(r)+" "+r.Station]++
		case len(r.Marks) > 0:
			borneOut[r.Station]++
		}
	}
	if got, want := fmt.Sprint(failed), "map[4 step:4 E6120:28]"; got != want {
		t.Errorf("of %d readings did not pass: %s, want %s", len(last), got, want)
	}
	if got, want := fmt.Sprint(borneOut), "map[2102:4 2153:4 2195:8]"; got != want {
		t.Errorf("borne out by neighbours: %s, want %s", got, want)
	}
}
