package rule

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/alerting"
	"tocsin/ingest"
)

// level is a batch with one reading of one gauge, received as it was taken.
func level(t testing.TB, seq uint64, at, station string, value float64) ingest.Batch {
	when := clockTime(t, at)
	return ingest.Batch{First: seq, Last: seq, Now: when, Readings: []ingest.Reading{{
		Key:      ingest.Key{Station: station, Sensor: "water_level", Time: when},
		Quantity: ingest.WaterLevel, Value: value, Received: when, Flag: ingest.Pass, Position: seq,
	}}}
}

func apply(t testing.TB, e *Engine, batches ...ingest.Batch) {
	t.Helper()
	for _, b := range batches {
		if err := e.Apply(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
}

func lakeRule() Rule {
	return Rule{ID: "lake-falls", Hazard: "outburst", Zone: "lunana", Station: "lake", Sensor: "water_level", Level: 4, When: `fall("30m") > 1.0`}
}

func said(hazards []alerting.Hazard) []string {
	var all []string
	for _, h := range hazards {
		doubt := ""
		if h.Doubtful != "" {
			doubt = "?"
		}
		all = append(all, fmt.Sprintf("%s %d%s", h.Zone, h.Level, doubt))
	}
	return all
}

// A desk that fails keeps the hazard pending; the batch is not judged twice.
func TestDeskFails(t *testing.T) {
	var told desk
	e := newEngine(t, compileSet(t, levelRule()), &memory{}, &told)
	told.fail = errors.New("disk full")
	batch := level(t, 1, "10:00", "mythe", 3.7)
	for range 3 {
		if err := e.Apply(context.Background(), batch); err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Fatalf("error %v", err)
		}
	}
	told.fail = nil
	apply(t, e, batch, batch, level(t, 2, "10:15", "mythe", 4.2))
	if diff := cmp.Diff([]string{"tewkesbury 1", "tewkesbury 2"}, said(told.hazards)); diff != "" {
		t.Error(diff)
	}
}

// A store that fails holds up no judgement; the cursor stays where it is.
func TestStoreFails(t *testing.T) {
	var told desk
	var store memory
	e := newEngine(t, compileSet(t, levelRule()), &store, &told)
	store.fail = errors.New("disk full")
	apply(t, e, level(t, 1, "10:00", "mythe", 3.7))
	if cursor, _ := e.Cursor(context.Background()); cursor != 0 || len(told.hazards) != 1 {
		t.Errorf("cursor %d, hazards %v", cursor, said(told.hazards))
	}
	if err := e.Flush(context.Background()); err == nil {
		t.Error("Flush hides that nothing is kept")
	}
	store.fail = nil
	if err := e.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	if cursor, _ := e.Cursor(context.Background()); cursor != 1 {
		t.Errorf("cursor %d after the store came back", cursor)
	}
	store.fail = errors.New("no database")
	if _, err := New(context.Background(), Config{Set: compileSet(t, levelRule()), Store: &store, Emit: told.handle}); err == nil {
		t.Error("New goes on without its state")
	}
	store.fail, store.state = nil, []byte(`{"format": 99}`)
	if _, err := New(context.Background(), Config{Set: compileSet(t, levelRule()), Store: &store, Emit: told.handle}); err == nil {
		t.Error("New takes a state it cannot read")
	}
}

// What a tick decides is kept before it is told: a crash in between tells it again under its number, and
// the reading that follows gets the next one.
func TestTickSurvivesCrash(t *testing.T) {
	var told desk
	var store memory
	set := compileSet(t, lakeRule())
	e := newEngine(t, set, &store, &told)
	apply(t, e, level(t, 1, "08:00", "lake", 5), level(t, 2, "08:10", "lake", 4.8))
	told.fail = errors.New("killed")
	if err := e.Tick(context.Background(), clockTime(t, "09:00")); err == nil {
		t.Fatal("the desk failed and Tick did not say so")
	}
	told.fail = nil
	e = newEngine(t, set, &store, &told)
	if cursor, _ := e.Cursor(context.Background()); cursor != 2 {
		t.Fatalf("cursor %d", cursor)
	}
	late := level(t, 3, "09:05", "lake", 3.5)
	late.Readings[0].Time = clockTime(t, "08:20")
	apply(t, e, late)
	if diff := cmp.Diff([]string{"lunana 4?", "lunana 4"}, said(told.hazards)); diff != "" {
		t.Error(diff)
	}
	if h := told.hazards[0]; !h.Judged.Equal(clockTime(t, "08:40")) || h.Ordinal != 1 || told.hazards[1].Ordinal != 2 {
		t.Errorf("judged %v, ordinals %d and %d", h.Judged, h.Ordinal, told.hazards[1].Ordinal)
	}
}

// A reading that was received before a tick but reaches the rules after it, and after a crash, does not
// take the number of what the tick decided: the desk would drop it.
func TestTickIsWrittenAhead(t *testing.T) {
	var told desk
	var store memory
	set := compileSet(t, lakeRule())
	e := newEngine(t, set, &store, &told)
	apply(t, e, level(t, 1, "08:00", "lake", 5), level(t, 2, "08:10", "lake", 4.8))
	if err := e.Tick(context.Background(), clockTime(t, "08:41")); err != nil {
		t.Fatal(err)
	}
	e = newEngine(t, set, &store, &told)
	apply(t, e, level(t, 3, "08:20", "lake", 3.5))
	if diff := cmp.Diff([]string{"lunana 4?", "lunana 4"}, said(told.hazards)); diff != "" {
		t.Error(diff)
	}
}

// No silence is judged while messages wait unread in the journal.
func TestTickWaitsForReaders(t *testing.T) {
	var told desk
	last := uint64(3)
	e := newEngine(t, compileSet(t, lakeRule()), &memory{}, &told, func(c *Config) { c.Last = func() uint64 { return last } })
	apply(t, e, level(t, 1, "08:00", "lake", 5), level(t, 2, "08:10", "lake", 4.8))
	if err := e.Tick(context.Background(), clockTime(t, "09:00")); err != nil || len(told.hazards) != 0 {
		t.Fatalf("hazards %v, error %v", said(told.hazards), err)
	}
	last = 2
	if err := e.Tick(context.Background(), clockTime(t, "09:00")); err != nil || len(told.hazards) != 1 {
		t.Fatalf("hazards %v, error %v", said(told.hazards), err)
	}
}

// A changed rule takes over the level of its old text; a level whose rule is gone ends doubtfully.
func TestSiteChangesBeneathALevel(t *testing.T) {
	var told desk
	var store memory
	ctx := context.Background()
	saxon := levelRule()
	saxon.ID, saxon.Station = "saxon-level", "saxon"
	e := newEngine(t, compileSet(t, levelRule(), lakeRule()), &store, &told)
	apply(t, e, level(t, 1, "10:00", "mythe", 4.2), level(t, 2, "10:01", "lake", 5), level(t, 3, "10:11", "lake", 3.5))
	if err := e.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	changed := levelRule()
	changed.Raise = map[alerting.Level]float64{1: 5, 2: 6}
	changed.Clear = nil
	e = newEngine(t, compileSet(t, changed, lakeRule()), &store, &told)
	if err := e.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(said(told.hazards)); got != "[tewkesbury 2 lunana 4]" || e.Levels()["mythe"] != 2 {
		t.Fatalf("after the change: %s, map %v", got, e.Levels())
	}
	e = newEngine(t, compileSet(t, saxon), &store, &told)
	apply(t, e, level(t, 4, "10:20", "saxon", 4.2))
	want := "[tewkesbury 2 lunana 4 tewkesbury 0? lunana 0? tewkesbury 2]"
	if got := fmt.Sprint(said(told.hazards)); got != want {
		t.Errorf("after the rules went: %s, want %s", got, want)
	}
	if err := e.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	e = newEngine(t, compileSet(t, saxon, lakeRule()), &store, &told)
	apply(t, e, level(t, 5, "10:30", "lake", 5), level(t, 6, "10:40", "lake", 3.5))
	if h := told.hazards[len(told.hazards)-1]; h.Zone != "lunana" || h.Ordinal != 3 {
		t.Errorf("the ordinals of a zone that came back do not go on: %+v", h)
	}
}

// However long it runs, a sensor takes bounded memory, and readings within lateness are still judged.
func TestBoundedMemory(t *testing.T) {
	var told desk
	e := newEngine(t, compileSet(t, levelRule()), &memory{}, &told)
	at, seq := day, uint64(0)
	for range 20_000 {
		seq++
		at = at.Add(15 * time.Minute)
		apply(t, e, ingest.Batch{First: seq, Last: seq, Now: at, Readings: []ingest.Reading{{
			Key:   ingest.Key{Station: "mythe", Sensor: "water_level", Time: at},
			Value: 3, Received: at, Flag: ingest.Pass, Position: seq,
		}}})
	}
	if n, c := len(e.series[0].samples), len(e.tracks[0].checks); n > 200 || c > 20 {
		t.Errorf("%d samples and %d states kept", n, c)
	}
	for i := range 23 { // the newest of the six hours rewritten, one after the other
		seq++
		corrected := at.Add(-time.Duration(22-i) * 15 * time.Minute)
		apply(t, e, ingest.Batch{First: seq, Last: seq, Now: at, Readings: []ingest.Reading{{
			Key:   ingest.Key{Station: "mythe", Sensor: "water_level", Time: corrected},
			Value: 3.9, Received: at, Flag: ingest.Pass, Position: seq, Revision: 1,
		}}})
	}
	if got := fmt.Sprint(said(told.hazards)); got != "[tewkesbury 1]" {
		t.Errorf("corrections within lateness: %s", got)
	}
}

// Rehearse says what an engine says, as episodes, and twice the same.
func TestRehearse(t *testing.T) {
	set := compileSet(t, levelRule())
	jump := level(t, 6, "11:00", "mythe", 5)
	jump.Readings[0].Flag, jump.Readings[0].Marks = ingest.Suspect, []ingest.Mark{{Test: "step", Flag: ingest.Suspect}}
	batches := []ingest.Batch{
		level(t, 1, "09:00", "mythe", 3.0), level(t, 2, "09:15", "mythe", 4.2), level(t, 3, "09:30", "mythe", 3.8),
		level(t, 4, "09:45", "mythe", 3.0), level(t, 5, "10:00", "mythe", 3.7), jump,
	}
	read := func(yield func(ingest.Batch, error) bool) {
		for _, b := range batches {
			if !yield(b, nil) {
				return
			}
		}
	}
	episodes, err := Rehearse(context.Background(), set, read, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range episodes {
		cleared := "-"
		if e.Cleared != nil {
			cleared = short(*e.Cleared)
		}
		got = append(got, fmt.Sprintf("%s %d %s %s %t", e.Zone, e.Level, short(e.Raised), cleared, e.Doubtful != ""))
	}
	want := []string{
		"tewkesbury 1 09:15 09:45 false", "tewkesbury 2 09:15 09:30 false",
		"tewkesbury 1 10:00 - false", "tewkesbury 2 11:00 - true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	again, err := Rehearse(context.Background(), set, read, time.UTC)
	if diff := cmp.Diff(episodes, again); diff != "" || err != nil {
		t.Errorf("twice is not the same: %v\n%s", err, diff)
	}
	broken := errors.New("line 7")
	_, err = Rehearse(context.Background(), set, func(yield func(ingest.Batch, error) bool) { yield(ingest.Batch{}, broken) }, nil)
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

// Readings that come later than those after them do not undo what was said, but say better since when.
func TestRehearseFindsTheOnsetInLateReadings(t *testing.T) {
	set := compileSet(t, levelRule())
	late := func(seq uint64, arrival, at string, value float64) ingest.Batch {
		b := level(t, seq, at, "mythe", value)
		b.Now = clockTime(t, arrival)
		b.Readings[0].Received = b.Now
		return b
	}
	episodes, err := Rehearse(context.Background(), set, func(yield func(ingest.Batch, error) bool) {
		for _, b := range []ingest.Batch{
			level(t, 1, "09:00", "mythe", 3.0), level(t, 2, "10:00", "mythe", 3.7),
			late(3, "10:05", "09:45", 3.7), late(4, "10:10", "09:30", 3.65), late(5, "10:15", "09:15", 3.0),
		} {
			if !yield(b, nil) {
				return
			}
		}
	}, time.UTC)
	if err != nil || len(episodes) != 1 {
		t.Fatalf("%+v, %v", episodes, err)
	}
	if e := episodes[0]; short(e.Onset) != "10:00" || short(e.Began) != "09:30" || short(e.Raised) != "10:00" || e.Cleared != nil {
		t.Errorf("onset %s, began %s, raised %s, cleared %v; want 10:00, 09:30, 10:00 and never", short(e.Onset), short(e.Began), short(e.Raised), e.Cleared)
	}
}

// The path of a reading that changes nothing allocates nothing.
func TestNoAllocations(t *testing.T) {
	e, read := benchEngine(t, 1, levelRule())
	for range 2000 {
		read()
	}
	if n := testing.AllocsPerRun(2000, read); n != 0 {
		t.Errorf("%v allocations a reading", n)
	}
	_ = e
}

// benchEngine has n gauges with a rule each; read lets the next gauge send.
func benchEngine(t testing.TB, n int, like Rule) (*Engine, func()) {
	stations := make([]ingest.Station, n)
	rules := make([]Rule, n)
	for i := range n {
		id := fmt.Sprintf("g%05d", i)
		stations[i] = ingest.Station{ID: id, Sensors: []ingest.Sensor{{ID: "water_level", Quantity: ingest.WaterLevel, Interval: time.Minute}}}
		rules[i] = like
		rules[i].ID, rules[i].Station = id, id
	}
	network, err := ingest.NewNetwork(stations)
	if err != nil {
		t.Fatal(err)
	}
	set, err := Compile(rules, network, testZones(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(context.Background(), Config{Set: set, Store: &memory{}, Emit: (&desk{}).handle})
	if err != nil {
		t.Fatal(err)
	}
	at, i := day, 0
	r := ingest.Reading{Key: ingest.Key{Sensor: "water_level"}, Value: 3, Flag: ingest.Pass}
	return e, func() {
		r.Station, r.Time, r.Received, r.Value = stations[i].ID, at, at, 2.5+float64(at.Unix()/60%100)/100
		r.Position++
		e.receive(&r)
		if i++; i == n {
			i, at = 0, at.Add(time.Minute)
		}
	}
}

func BenchmarkThreshold(b *testing.B) {
	for _, n := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("gauges=%d", n), func(b *testing.B) {
			_, read := benchEngine(b, n, levelRule())
			b.ReportAllocs()
			for b.Loop() {
				read()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "readings/s")
		})
	}
}

func BenchmarkExpression(b *testing.B) {
	like := levelRule()
	like.Raise, like.Clear, like.Level, like.When = nil, nil, 3, `rise("1h") > 1.5 && level() > 3`
	_, read := benchEngine(b, 1000, like)
	b.ReportAllocs()
	for b.Loop() {
		read()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "readings/s")
}
