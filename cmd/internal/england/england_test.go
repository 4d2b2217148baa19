package england

import (
	"embed"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

//go:embed expected.csv
var expected embed.FS

// record reads the shared data, or skips the test where they are absent.
func record(t *testing.T) *Data {
	t.Helper()
	folder, ok := Folder()
	if !ok {
		t.Skip("the England record is not here: " + folder)
	}
	d, err := Read(folder)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

type row struct{ zone, level, first, verdict, judged, reason string }

func expectedRows(t *testing.T) map[[2]string]row {
	t.Helper()
	file, err := expected.Open("expected.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	found := map[[2]string]row{}
	for _, r := range records[1:] {
		found[[2]string{r[0], r[1]}] = row{r[0], r[1], r[2], r[3], r[4], r[5]}
	}
	if len(found) != len(records)-1 {
		t.Fatalf("expected.csv has %d rows for %d areas and levels", len(records)-1, len(found))
	}
	return found
}

// TestExpectedStandsOnTheRecord holds the judgement against the record: what was found quiet by looking
// is judged "no", whatever stood above a threshold was judged by hand with a reason, and the first time
// of a "yes" is that of the first reading at or above.
func TestExpectedStandsOnTheRecord(t *testing.T) {
	rows := expectedRows(t)
	findings := record(t).Look()
	if len(findings) != len(rows) {
		t.Errorf("the record speaks of %d areas and levels, expected.csv of %d", len(findings), len(rows))
	}
	for _, f := range findings {
		r, ok := rows[[2]string{f.Area, fmt.Sprint(f.Level)}]
		if !ok {
			t.Errorf("expected.csv has no row for %s level %d", f.Area, f.Level)
			continue
		}
		if fault := disagreement(f, r); fault != "" {
			t.Errorf("%s level %d: %s (found %+v, judged %+v)", f.Area, f.Level, fault, f, r)
		}
	}
}

func disagreement(f Finding, r row) string {
	quiet := !f.Reached && f.Elsewhere == ""
	switch {
	case r.reason == "":
		return "a verdict needs a reason"
	case quiet && r.verdict != "no":
		return "the record is quiet"
	case !quiet && r.judged != "hand":
		return "something stood above a threshold: this needs a person's judgement"
	case r.verdict == "yes" && !f.Reached:
		return "nothing reached a threshold"
	case r.verdict == "yes" && r.first != f.First.Format(time.RFC3339):
		return "the first time is not that of the first reading at or above"
	case r.verdict == "no" && f.Reached:
		return "a main series stood above its threshold"
	}
	return ""
}

// TestTheRecordHasItsFaults keeps the judgement honest: should the data ever come cleaned, it must be
// made anew.
func TestTheRecordHasItsFaults(t *testing.T) {
	d := record(t)
	several, datums := 0, map[string]bool{}
	for station := range d.series {
		levels := map[string]bool{}
		for _, s := range d.series[station] {
			if s.Parameter == "Water Level" {
				levels[s.Qualifier] = true
				datums[s.Unit] = true
			}
		}
		if len(levels) > 1 {
			several++
		}
	}
	if several != 93 || len(datums) != 3 {
		t.Errorf("%d stations have several level series in %d datums, want 93 in 3", several, len(datums))
	}
	if ids := d.sensors("E6120"); len(ids) != 2 {
		t.Errorf("E6120 is used by two regions for two gauges, got sensors %v", ids)
	}
}

func TestConvertWritesASite(t *testing.T) {
	site := t.TempDir()
	if err := record(t).Convert(site, Options{MQTT: "mqtt: {embedded: {listen: 127.0.0.1:0, anonymous: true}}"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tocsin.yaml", "stations.geojson", "zones.geojson", "rules.yaml", "population/places.csv", "readings.csv"} {
		if info, err := os.Stat(filepath.Join(site, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
