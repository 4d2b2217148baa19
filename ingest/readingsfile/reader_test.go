package readingsfile

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/ingest"
)

const header = "time,station,quantity,value,unit\n"

func readAll(t *testing.T, name, text string) (rows []Row, faults []string) {
	t.Helper()
	r, err := Open(name, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for {
		row, err := r.Next()
		var fault *Fault
		switch {
		case errors.Is(err, io.EOF):
			return rows, faults
		case errors.As(err, &fault):
			faults = append(faults, err.Error())
		case err != nil:
			t.Fatal(err)
		default:
			rows = append(rows, row)
		}
	}
}

func TestRows(t *testing.T) {
	text := "\ufeffreceived,unit,time,station,quantity,value,sensor,note\n" +
		"2016-02-12T10:03:19.187Z,cm,2016-02-12T06:45:00+06:00,E1, water_level ,-3.5e1,stage,\"a, b\"\n" +
		",,2016-02-12T07:00:00Z,E1,precipitation,0,,\n"
	rows, faults := readAll(t, "r.csv", text)
	if len(faults) > 0 || len(rows) != 2 {
		t.Fatalf("rows %v, faults %q", rows, faults)
	}
	want := Row{
		Time:     time.Date(2016, 2, 12, 0, 45, 0, 0, time.UTC),
		Received: time.Date(2016, 2, 12, 10, 3, 19, 187e6, time.UTC),
		Station:  "E1", Sensor: "stage", Quantity: ingest.WaterLevel, Value: -35, Unit: "cm", File: "r.csv", Line: 2,
	}
	if rows[0] != want {
		t.Errorf("got %+v, want %+v", rows[0], want)
	}
	if !rows[1].Received.IsZero() || rows[1].Sensor != "" || rows[1].Line != 3 {
		t.Errorf("got %+v, want no received, no sensor, line 3", rows[1])
	}
}

func TestFaultsNameTheLineAndGoOn(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{"2016-02-12T06:45:00Z,E1,water_level,NaN,m", `r.csv:2: value "NaN" is not a finite number`},
		{"2016-02-12T06:45:00Z,E1,water_level,inf,m", `is not a finite number`},
		{"2016-02-12T06:45:00Z,E1,water_level,0x1p3,m", `is not a finite number`},
		{"2016-02-12T06:45:00Z,E1,water_level,1e999,m", `is not a finite number`},
		{`2016-02-12T06:45:00Z,E1,water_level,"3,21",m`, `write 3.21 if the comma is a decimal one`},
		{"2016-02-12T06:45:00Z,E1,water_level,,m", `no value`},
		{"2016-02-12T06:45:00Z,,water_level,1,m", `no station`},
		{"2016-02-12T06:45:00Z,E1,Stage,1,m", `unknown quantity "Stage": it must be one of [air_pressure`},
		{"2016-02-12 06:45,E1,water_level,1,m", `write 2016-02-12T06:45:00Z if it is UTC`},
		{"12/02/2016,E1,water_level,1,m", `"12/02/2016" is no time`},
		{"2016-02-12T06:45:00Z,E1,water_level,1", `4 cells where the header has 5`},
		{`2016-02-12T06:45:00Z,E"1,water_level,1,m`, `r.csv:2: column`},
	} {
		rows, faults := readAll(t, "r.csv", header+tc.line+"\n2016-02-12T07:00:00Z,E1,water_level,2,m\n")
		if len(faults) != 1 || !strings.Contains(faults[0], tc.want) || !strings.HasPrefix(faults[0], "r.csv:2: ") {
			t.Errorf("%s: faults %q, want one with %q", tc.line, faults, tc.want)
		}
		if len(rows) != 1 || rows[0].Value != 2 || rows[0].Line != 3 {
			t.Errorf("%s: the next line gave %+v", tc.line, rows)
		}
	}
}

func TestHeaders(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", "r.csv:1: the file is empty"},
		{"time;station;quantity;value;unit\n", "no column time, station, quantity, value, unit"},
		{"time,station,quantity,value\n", "no column unit"},
		{"time,station,quantity,value,unit,recieved\n", `unknown column "recieved": did you mean received?`}, //nolint:misspell // on purpose
		{"time,station,quantity,value,unit,time\n", "the column time stands twice"},
		{"\x1f\x8bno gzip at all", "it begins like a gzip file and is none"},
	} {
		if _, err := Open("r.csv", strings.NewReader(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want %q", tc.text, err, tc.want)
		}
	}
}

func TestGzip(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, header+"2016-02-12T06:45:00Z,E1,water_level,1,m\n"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if rows, _ := readAll(t, "r.csv.gz", packed.String()); len(rows) != 1 {
		t.Errorf("rows %v, want one", rows)
	}
	// A file cut short must say so, not end quietly.
	cut := packed.Bytes()[:packed.Len()-12]
	r, err := Open("r.csv.gz", bytes.NewReader(cut))
	for err == nil {
		_, err = r.Next()
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a cut gzip file ends with %v, want unexpected EOF", err)
	}
}

func TestResolve(t *testing.T) {
	level := func(id string) ingest.Sensor { return ingest.Sensor{ID: id, Quantity: ingest.WaterLevel} }
	network, err := ingest.NewNetwork([]ingest.Station{
		{ID: "one", Sensors: []ingest.Sensor{level("stage"), {ID: "rain", Quantity: ingest.Precipitation}}},
		{ID: "two", Sensors: []ingest.Sensor{level("stage"), level("downstream")}},
		{ID: "named", Sensors: []ingest.Sensor{level("water_level"), level("downstream")}},
		{ID: "bare"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ station, sensor, want, fault string }{
		{"one", "", "stage", ""},
		{"one", "stage", "stage", ""},
		{"two", "downstream", "downstream", ""},
		{"named", "", "water_level", ""},
		{"two", "", "", `r.csv:7: station "two" has several sensors that measure water_level (stage, downstream)`},
		{"one", "rain", "", `sensor "rain" of station "one" measures precipitation, not water_level`},
		{"one", "stag", "", `station "one" has no sensor "stag": it has stage, rain`},
		{"bare", "", "", `station "bare" has no sensor that measures water_level: it has none`},
		{"nowhere", "", "", `unknown station "nowhere"`},
	} {
		row := Row{Station: tc.station, Sensor: tc.sensor, Quantity: ingest.WaterLevel, File: "r.csv", Line: 7}
		got, err := row.Resolve(network)
		if tc.fault == "" && (err != nil || got.ID != tc.want) {
			t.Errorf("%s/%s: %q, %v, want %q", tc.station, tc.sensor, got.ID, err, tc.want)
		}
		if tc.fault != "" && (err == nil || !strings.Contains(err.Error(), tc.fault)) {
			t.Errorf("%s/%s: %v, want %q", tc.station, tc.sensor, err, tc.fault)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(header + "2016-02-12T06:45:00Z,E1,water_level,1,m\n"))
	f.Add([]byte("received,sensor," + header + "\"\n\n"))
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Open("f", bytes.NewReader(data))
		for lines := 0; err == nil; lines++ {
			if lines > len(data) {
				t.Fatal("more rows than bytes")
			}
			var row Row
			row, err = r.Next()
			var fault *Fault
			if errors.As(err, &fault) {
				if fault.Line < 2 {
					t.Fatalf("fault at line %d", fault.Line)
				}
				err = nil
			} else if err == nil && (row.Station == "" || row.Value-row.Value != 0) {
				t.Fatalf("row %+v", row)
			}
		}
	})
}

// FuzzReader's corpus is small on purpose; this reads a real file of another shape, which must be
// refused for its header and not half read.
func TestRealFileOfAnotherShape(t *testing.T) {
	f, err := os.Open(filepath.Join(dataDir(t), "england-feb-2016", "readings.csv.gz"))
	if err != nil {
		t.Skip("no shared data: ", err)
	}
	defer f.Close()
	_, err = Open("readings.csv.gz", f)
	if err == nil || !strings.Contains(err.Error(), "no column quantity") {
		t.Errorf("got %v, want the missing column quantity", err)
	}
}

func dataDir(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("TOCSIN_DATA"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(filepath.Dir(dir), "shared", "data")
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Skip("no shared data: no go.mod above the package")
		}
		dir = parent
	}
}
