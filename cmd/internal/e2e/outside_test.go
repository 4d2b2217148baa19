package e2e

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tocsin/cmd/internal/england"
)

// TestEnglandOutside plays the record through a Mosquitto of its own, with an InfluxDB beside the local
// history: the warnings are those of a rehearsal (and so those of the embedded broker), and the database
// holds every reading, of a corrected one the last value.
func TestEnglandOutside(t *testing.T) {
	const database = "england"
	broker, db := startMosquitto(t), startInfluxd(t, database)
	site := convertEngland(t, england.Options{
		MQTT:   fmt.Sprintf("mqtt: {brokers: [{name: field, url: %q}]}", broker),
		Influx: fmt.Sprintf("influx: {url: %q, org: none, bucket: %s/rp}", db.url, database),
	})
	sent, fresh := correct(t, filepath.Join(site, "readings.csv"))
	cmd := exec.Command(filepath.Join(binaries, "tocsin"), "serve", site, "--clock", "mqtt", "--data", t.TempDir(), "--http", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "TOCSIN_INFLUX_TOKEN="+db.user+":"+db.key)
	s := serveReplay(t, cmd)
	s.wait(`connected to an outside broker`)
	replay(t, site, broker, sent)
	heard(t, s, fresh, "history", "rules", "influx")

	warnings := issued(t, visit(t, "http://"+s.http))
	t.Run("skill", func(t *testing.T) { scored(t, warnings) })
	t.Run("rehearsal", func(t *testing.T) { sameAsRehearsed(t, site, warnings, sent) })
	t.Run("InfluxDB", func(t *testing.T) { everyReading(t, db, database, filepath.Join(site, "readings.csv")) })
	if code := s.stop(); code != 0 {
		t.Errorf("the program ended with code %d after SIGTERM", code)
	}
}

// correct sends a hundred readings of the file again at its end, 1 mm higher: the record itself corrects
// none. After them comes one more new reading, so that once it is heard all of them are. It returns how
// many readings the file holds now, and how many of them are no corrections.
func correct(t *testing.T, name string) (all, fresh int) {
	t.Helper()
	const every, most = 200, 100
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	last := lines[len(lines)-1]
	moment, err := time.Parse(time.RFC3339, last[strings.LastIndex(last, ",")+1:])
	if err != nil {
		t.Fatal(err)
	}
	moment = moment.Add(time.Second)
	added := 0
	for i := len(lines) - 1; i > 0 && added < most; i -= every {
		fields := strings.Split(lines[i], ",")
		if at, err := time.Parse(time.RFC3339, fields[0]); err != nil || moment.Sub(at) > 23*time.Hour {
			continue // what comes later than a day is judged by itself: there is no saying what it corrects
		}
		value, err := strconv.ParseFloat(fields[4], 64)
		if err != nil {
			t.Fatalf("%s: %v", lines[i], err)
		}
		fields[4] = strconv.FormatFloat(value+0.001, 'f', 3, 64)
		fields[6] = moment.Format(time.RFC3339)
		text = append(text, strings.Join(fields, ",")+"\n"...)
		added++
	}
	fields := strings.Split(last, ",")
	fields[0], fields[6] = moment.Format(time.RFC3339), moment.Add(time.Second).Format(time.RFC3339)
	text = append(text, strings.Join(fields, ",")+"\n"...)
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return englandReadings + added + 1, englandReadings + 1
}

// point names a reading.
type point struct {
	station, sensor string
	at              int64 // ms
}

// everyReading compares what the database holds with the file, point by point.
func everyReading(t *testing.T, db *influxd, database, readings string) {
	want, corrected := lastValues(t, readings)
	for quantity, points := range want {
		rows := db.query(database, "SELECT value, revision, station, sensor FROM "+quantity)
		if len(rows) != len(points) {
			t.Errorf("%s: %d points, want %d", quantity, len(rows), len(points))
		}
		for _, row := range rows {
			at, err := strconv.ParseInt(row["time"], 10, 64)
			if err != nil {
				t.Fatalf("%v: %v", row, err)
			}
			p := point{row["station"], row["sensor"], at}
			value, err := strconv.ParseFloat(row["value"], 64)
			if err != nil {
				t.Fatalf("%v: %v", row, err)
			}
			wanted, known := points[p]
			if !known || math.Abs(value-wanted) > 1e-9*math.Max(1, math.Abs(wanted)) {
				t.Errorf("%s %v is %g, want %g (known %v)", quantity, p, value, wanted, known)
			}
			if corrected[p] && row["revision"] == "0" {
				t.Errorf("%s %v was corrected, but stands as the first value", quantity, p)
			}
		}
	}
	if len(want) < 2 || len(corrected) == 0 {
		t.Errorf("%d quantities, %d corrections: this shows nothing", len(want), len(corrected))
	}
}

// lastValues reads the file: by quantity the value of each reading that arrived last, in the canonical
// unit, and which readings were ever corrected.
func lastValues(t *testing.T, name string) (values map[string]map[point]float64, corrected map[point]bool) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	values, corrected = map[string]map[point]float64{}, map[point]bool{}
	for _, row := range rows[1:] { // time, station, sensor, quantity, value, unit, received
		at, err1 := time.Parse(time.RFC3339, row[0])
		value, err2 := strconv.ParseFloat(row[4], 64)
		if err1 != nil || err2 != nil {
			t.Fatalf("%v: %v %v", row, err1, err2)
		}
		if row[5] == "ML/d" {
			value *= 1000. / 86400
		}
		p := point{row[1], row[2], at.UnixMilli()}
		if values[row[3]] == nil {
			values[row[3]] = map[point]float64{}
		}
		if before, known := values[row[3]][p]; known && before != value {
			corrected[p] = true
		}
		values[row[3]][p] = value
	}
	return values, corrected
}
