package influx

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/ingest"
)

var start = time.Date(2016, 2, 8, 6, 0, 0, 0, time.UTC)

func level(minute int, value float64) ingest.Reading {
	return ingest.Reading{
		Key:      ingest.Key{Station: "2057", Sensor: "water_level", Time: start.Add(time.Duration(minute) * time.Minute)},
		Quantity: ingest.WaterLevel, Value: value, Flag: ingest.Pass,
	}
}

func flow(minute int, value float64) ingest.Reading {
	r := level(minute, value)
	r.Sensor, r.Quantity = "discharge", ingest.Discharge
	return r
}

func batch(position uint64, readings ...ingest.Reading) ingest.Batch {
	return ingest.Batch{First: position, Last: position, Now: start, Readings: readings}
}

func (s *server) config() Config {
	return Config{URL: s.url(), Org: "-", Bucket: s.database + "/rp", Token: "user:pass", Path: filepath.Join(s.t.TempDir(), "cursor.db")}
}

func open(t *testing.T, config Config) *Writer {
	t.Helper()
	w, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func apply(t *testing.T, w *Writer, b ingest.Batch) {
	t.Helper()
	if err := w.Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func cursorIs(t *testing.T, w *Writer, want uint64) {
	t.Helper()
	if got, err := w.Cursor(t.Context()); err != nil || got != want {
		t.Errorf("cursor: got %d, %v, want %d", got, err, want)
	}
}

func (s *server) expect(q string, want ...string) {
	s.t.Helper()
	if got := s.query(s.database, q); !slices.Equal(got, want) {
		s.t.Errorf("%s:\ngot  %q\nwant %q", q, got, want)
	}
}

func TestLine(t *testing.T) {
	r := level(0, 3.5)
	r.Station, r.Sensor, r.Revision, r.Flag = `a b,c=d\`, "e\nf", 2, ingest.Fail
	want := `water_level,sensor=e\ f,station=a\ b\,c\=d/ value=3.5,flag=4i,revision=2i 1454911200000`
	if got := string(appendLine(nil, &r)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Of two revisions in one batch only the later one is written.
func TestLines(t *testing.T) {
	revised := level(0, 9)
	revised.Revision = 1
	got := lines([]ingest.Reading{level(0, 9), level(15, 2), revised})
	if len(got) != 2 || !strings.Contains(got[0], "value=2,") || !strings.Contains(got[1], "revision=1i") {
		t.Errorf("got %q", got)
	}
}

func TestSchema(t *testing.T) {
	s := newServer(t)
	w := open(t, s.config())
	odd := flow(0, 1e21)
	odd.Station, odd.Flag = `Pont, the=old one`, ingest.Suspect
	revised := level(15, 2.5)
	revised.Revision, revised.Flag = 1, ingest.Fail
	apply(t, w, batch(1, level(0, 3), level(15, 9), odd, revised))
	s.expect("SELECT * FROM water_level",
		`water_level: time=1454911200000 flag=1 revision=0 sensor="water_level" station="2057" value=3`,
		`water_level: time=1454912100000 flag=4 revision=1 sensor="water_level" station="2057" value=2.5`)
	s.expect("SELECT * FROM discharge", `discharge: time=1454911200000 flag=3 revision=0 sensor="discharge" station="Pont, the=old one" value=1e+21`)
	s.expect("SHOW FIELD KEYS FROM water_level", `water_level: fieldKey="flag" fieldType="integer"`, `water_level: fieldKey="revision" fieldType="integer"`, `water_level: fieldKey="value" fieldType="float"`)
	correction := level(0, 4)
	correction.Revision = 1
	apply(t, w, batch(2, correction))
	s.expect("SELECT value FROM water_level WHERE time = 1454911200000ms", "water_level: time=1454911200000 value=4")
	cursorIs(t, w, 2)
}

// The server goes away and comes back, politely and not: nothing is missing, nothing there twice.
func TestOutage(t *testing.T) {
	s := newServer(t)
	config := s.config()
	config.Points = 700
	w := open(t, config)
	const size = 2000
	at := func(i int) ingest.Batch {
		b := ingest.Batch{First: uint64(i + 1), Last: uint64(i + 1), Now: start}
		for j := range size {
			b.Readings = append(b.Readings, level(i*size+j, float64(i*size+j)))
		}
		return b
	}
	for i, signal := range []os.Signal{os.Interrupt, os.Kill} {
		s.stop(signal)
		if err := w.Apply(t.Context(), at(i)); err == nil {
			t.Fatal("no error while the server is away")
		} else if strings.Contains(err.Error(), "pass") {
			t.Errorf("the error shows the token: %v", err)
		}
		cursorIs(t, w, uint64(i))
		s.start()
		apply(t, w, at(i))
		cursorIs(t, w, uint64(i+1))
		apply(t, w, at(i))
	}
	sum := 2 * size * (2*size - 1) / 2
	want := fmt.Sprintf("water_level: time=0 count=%d sum=%d", 2*size, sum)
	s.expect("SELECT count(value), sum(value) FROM water_level", want)

	// With the cursor's file lost everything is written again, to the same end.
	config.Path = filepath.Join(t.TempDir(), "new.db")
	again := open(t, config)
	for i := range 2 {
		apply(t, again, at(i))
	}
	s.expect("SELECT count(value), sum(value) FROM water_level", want)
}

// Points of another field type can never be written: they are set aside, the rest goes on.
func TestRefusedPointsAreSetAside(t *testing.T) {
	s := newServer(t)
	s.write("discharge,station=2057,sensor=discharge value=1i 1454911200000")
	w := open(t, s.config())
	var readings []ingest.Reading
	for i := range 300 {
		readings = append(readings, level(i, float64(i)))
		if i%100 == 50 {
			readings = append(readings, flow(i, float64(i)))
		}
	}
	apply(t, w, batch(1, readings...))
	s.expect("SELECT count(value) FROM water_level", "water_level: time=0 count=300")
	cursorIs(t, w, 1)
	aside, err := w.Aside(t.Context(), 100)
	if err != nil || len(aside) != 3 || !strings.HasPrefix(aside[0].Line, "discharge,") || !strings.Contains(aside[0].Reason, "field type conflict") || !aside[0].Time.Equal(start) {
		t.Errorf("got %+v, %v, want the three discharges with the server's reason", aside, err)
	}
	if total, err := w.AsideTotal(t.Context()); err != nil || total != 3 {
		t.Errorf("total: got %d, %v, want 3", total, err)
	}
}

// Where everything is refused the server is not asked for each point.
func TestRefusingEverythingStaysCheap(t *testing.T) {
	requests := 0
	config := fake(t, func(w http.ResponseWriter, _ *http.Request) {
		requests++
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"code":"invalid","message":"partial write: points beyond retention policy dropped=9"}`))
	})
	w := open(t, config)
	b := batch(1)
	for i := range 5000 {
		b.Readings = append(b.Readings, level(i, 1))
	}
	apply(t, w, b)
	if total, err := w.AsideTotal(t.Context()); err != nil || total != 5000 || requests > 2*asideBudget {
		t.Errorf("%d set aside with %d requests, %v", total, requests, err)
	}
}

// fake is a server for answers that a real one gives only when it is set up wrongly.
func fake(t *testing.T, answer http.HandlerFunc) Config {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return Config{URL: s.URL, Bucket: "field/rp", Path: filepath.Join(t.TempDir(), "cursor.db")}
}

func TestOtherAnswersAreErrors(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 429, 500, 503} {
		w := open(t, fake(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		if err := w.Apply(t.Context(), batch(1, level(0, 1))); err == nil {
			t.Errorf("%d: no error", status)
		}
		cursorIs(t, w, 0)
		if total, err := w.AsideTotal(t.Context()); err != nil || total != 0 {
			t.Errorf("%d: %d points set aside, %v", status, total, err)
		}
	}
}

func TestMissingDatabaseIsAnError(t *testing.T) {
	s := newServer(t)
	config := s.config()
	config.Bucket = "nowhere/rp"
	w := open(t, config)
	if err := w.Apply(t.Context(), batch(1, level(0, 1))); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("got %v, want the server's words", err)
	}
	cursorIs(t, w, 0)
}

func TestVolatileBatchLeavesTheCursor(t *testing.T) {
	s := newServer(t)
	w := open(t, s.config())
	apply(t, w, batch(3))
	apply(t, w, batch(0, level(0, 1)))
	cursorIs(t, w, 3)
	apply(t, w, batch(2, level(0, 2))) // long applied
	cursorIs(t, w, 3)
	s.expect("SELECT value FROM water_level", "water_level: time=1454911200000 value=1")
}

func TestRequestsAreZipped(t *testing.T) {
	encoding, precision := "", ""
	w := open(t, fake(t, func(w http.ResponseWriter, r *http.Request) {
		encoding, precision = r.Header.Get("Content-Encoding"), r.URL.Query().Get("precision")
		w.WriteHeader(http.StatusNoContent)
	}))
	apply(t, w, batch(1, level(0, 1)))
	if encoding != "gzip" || precision != "ms" {
		t.Errorf("encoding %q, precision %q", encoding, precision)
	}
}

func TestValidate(t *testing.T) {
	good := Config{URL: "http://127.0.0.1:8086", Bucket: "b", Path: "p"}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for _, change := range []func(*Config){
		func(c *Config) { c.URL = "" }, func(c *Config) { c.URL = "127.0.0.1:8086" }, func(c *Config) { c.URL = "http://u:p@h" },
		func(c *Config) { c.Bucket = "" }, func(c *Config) { c.Path = "" }, func(c *Config) { c.Points = -1 },
	} {
		bad := good
		change(&bad)
		if err := bad.Validate(); err == nil {
			t.Errorf("%+v passes", bad)
		}
	}
}
