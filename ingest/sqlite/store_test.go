package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/ingest"
	"tocsin/ingest/historytest"
)

func open(t testing.TB, config Config) *Store {
	t.Helper()
	if config.Path == "" {
		config.Path = filepath.Join(t.TempDir(), "history.db")
	}
	s, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestHistory(t *testing.T) {
	historytest.Run(t, func(t *testing.T, dir string) historytest.Driver {
		s, err := Open(t.Context(), Config{Path: filepath.Join(dir, "a file?with #odd%20name.db")})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestTheFileIsWhereItWasAskedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a file?with #odd%20name.db")
	open(t, Config{Path: path})
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestValidate(t *testing.T) {
	for _, bad := range []Config{{}, {Path: "x", MaxRejects: -1}, {Path: "x", RejectAge: -1}} {
		if bad.Validate() == nil {
			t.Errorf("%+v passes", bad)
		}
	}
	if err := (Config{Path: "x"}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesANewerFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	s := open(t, Config{Path: path})
	if _, err := s.write.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Path: path}); err == nil || !strings.Contains(err.Error(), "schema 99") {
		t.Errorf("got %v, want an error that names the schema", err)
	}
}

func apply(t testing.TB, s *Store, batch ingest.Batch) {
	t.Helper()
	if err := s.Apply(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

func TestRevisionsAreKept(t *testing.T) {
	s := open(t, Config{})
	first := historytest.Level(0, 9)
	first.Position = 1
	apply(t, s, ingest.Batch{First: 1, Last: 1, Readings: []ingest.Reading{first}})
	second := first
	second.Flag, second.Revision, second.Marks = ingest.Fail, 1, []ingest.Mark{{Test: "step", Flag: ingest.Fail, Detail: "a spike"}}
	late := historytest.Level(0, 8)
	late.Position = 3
	apply(t, s, ingest.Batch{First: 2, Last: 3, Readings: []ingest.Reading{second, late}})
	got, err := s.Revisions(t.Context(), first.Key)
	if err != nil {
		t.Fatal(err)
	}
	late.Revision = 2
	if want := []ingest.Reading{first, second, late}; fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func reject(position uint64, part int, reason ingest.Reason, received time.Time) ingest.Reject {
	return ingest.Reject{
		Position: position, Part: part, Received: received, Topic: "stations/s/readings", Station: "s", Sensor: "x",
		Reason: reason, Detail: "what is wrong", Excerpt: "{",
	}
}

func TestQuarantine(t *testing.T) {
	s := open(t, Config{})
	at := historytest.Start
	want := reject(1, 2, ingest.ReasonUnit, at)
	other := reject(2, -1, ingest.ReasonSyntax, at)
	other.Station = "other"
	batch := ingest.Batch{First: 1, Last: 2, Now: at, Rejects: []ingest.Reject{want, reject(1, 3, ingest.ReasonValue, at), other}}
	apply(t, s, batch)
	apply(t, s, batch)
	got, err := s.Rejects(t.Context(), RejectQuery{})
	if err != nil || len(got) != 3 || got[2].Reject != want || got[0].Reason != ingest.ReasonSyntax {
		t.Fatalf("got %+v, %v", got, err)
	}
	for _, test := range []struct {
		query RejectQuery
		want  int
	}{{RejectQuery{Reason: ingest.ReasonUnit}, 1}, {RejectQuery{Station: "other"}, 1}, {RejectQuery{Limit: 2}, 2}, {RejectQuery{Before: got[0].ID}, 2}} {
		if got, err := s.Rejects(t.Context(), test.query); err != nil || len(got) != test.want {
			t.Errorf("%+v: got %d, %v, want %d", test.query, len(got), err, test.want)
		}
	}
	counts, err := s.RejectCounts(t.Context())
	if err != nil || fmt.Sprint(counts) != "map[syntax:1 unit:1 value:1]" {
		t.Errorf("counts: got %v, %v", counts, err)
	}
}

func TestQuarantineIsBounded(t *testing.T) {
	s := open(t, Config{MaxRejects: 10, RejectAge: time.Hour})
	at := historytest.Start
	for i := range uint64(8) {
		batch := ingest.Batch{First: i + 1, Last: i + 1, Now: at}
		for part := range 30 {
			batch.Rejects = append(batch.Rejects, reject(i+1, part, ingest.ReasonValue, at))
		}
		apply(t, s, batch)
	}
	got, err := s.Rejects(t.Context(), RejectQuery{Limit: 1000})
	if err != nil || len(got) != 10 || got[0].Part != 29 || got[0].Position != 8 {
		t.Errorf("got %d rows, %v, want the newest 10", len(got), err)
	}
	if counts, _ := s.RejectCounts(t.Context()); counts[ingest.ReasonValue] != 240 {
		t.Errorf("counted %d, want all 240", counts[ingest.ReasonValue])
	}
	apply(t, s, ingest.Batch{First: 9, Last: 9, Now: at.Add(time.Hour + time.Second)})
	if got, err := s.Rejects(t.Context(), RejectQuery{}); err != nil || len(got) != 0 {
		t.Errorf("after the age: got %d rows, %v", len(got), err)
	}
	// Refused before an exercise told its first time: as old as its clock can say, and yet new.
	batch := ingest.Batch{First: 10, Last: 10, Rejects: []ingest.Reject{reject(10, 0, ingest.ReasonSyntax, time.Unix(0, 0))}}
	apply(t, s, batch)
	apply(t, s, ingest.Batch{First: 11, Last: 11, Now: at.Add(2 * time.Hour)})
	if got, err := s.Rejects(t.Context(), RejectQuery{}); err != nil || len(got) != 1 {
		t.Errorf("what came before the clock: got %d rows, %v", len(got), err)
	}
}

func TestStatuses(t *testing.T) {
	s := open(t, Config{})
	at := historytest.Start
	apply(t, s, ingest.Batch{First: 1, Last: 1, Statuses: []ingest.Status{
		{Station: "b", Online: true, Time: at, Detail: "online"},
		{Station: "a", Time: at},
		{Station: "b", Time: at.Add(time.Second), Detail: "offline"},
		{Station: "b", Online: true, Time: at.Add(-time.Second)},
	}})
	got, err := s.Statuses(t.Context())
	want := []ingest.Status{{Station: "a", Time: at}, {Station: "b", Time: at.Add(time.Second), Detail: "offline"}}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

// A batch that fails halfway leaves nothing of itself, and can be applied again.
func TestApplyIsAllOrNothing(t *testing.T) {
	s := open(t, Config{})
	if _, err := s.write.Exec("CREATE TRIGGER broken BEFORE INSERT ON statuses BEGIN SELECT RAISE(ABORT, 'no room'); END"); err != nil {
		t.Fatal(err)
	}
	batch := ingest.Batch{First: 1, Last: 1, Readings: []ingest.Reading{historytest.Level(0, 1)}, Statuses: []ingest.Status{{Station: "s"}}}
	if err := s.Apply(t.Context(), batch); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Fatalf("got %v, want the failure", err)
	}
	if got, err := s.Latest(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("half a batch is there: %v, %v", got, err)
	}
	if _, err := s.write.Exec("DROP TRIGGER broken"); err != nil {
		t.Fatal(err)
	}
	apply(t, s, batch)
	if got, err := s.Latest(t.Context()); err != nil || len(got) != 1 {
		t.Errorf("got %v, %v, want the reading", got, err)
	}
}

func BenchmarkApply(b *testing.B) {
	s := open(b, Config{})
	const size, stations = 10_000, 500
	batches, minute := uint64(0), 0
	readings := make([]ingest.Reading, size)
	b.ReportAllocs()
	for b.Loop() {
		for i := range readings {
			readings[i] = historytest.Level(minute+i/stations, float64(i%100)/100)
			readings[i].Station, readings[i].Position = stationName(i%stations), batches+1
		}
		minute += size / stations
		batches++
		apply(b, s, ingest.Batch{First: batches, Last: batches, Now: historytest.Start, Readings: readings})
	}
	b.ReportMetric(float64(batches)*size/b.Elapsed().Seconds(), "rows/s")
}

func stationName(i int) string { return fmt.Sprintf("station-%04d", i) }
