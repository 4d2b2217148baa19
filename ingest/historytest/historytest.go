// Package historytest is what every driver of the history must pass: a driver's test calls Run.
package historytest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/ingest"
)

// Driver is a history that follows the journal.
type Driver interface {
	ingest.History
	ingest.Sink
	Close() error
}

// Start is the time the tests' readings begin.
var Start = time.Date(2016, 2, 8, 6, 0, 0, 0, time.UTC)

// Run runs every test. open opens the driver's data in dir, or goes on with what is there.
func Run(t *testing.T, open func(t *testing.T, dir string) Driver) {
	for name, test := range map[string]func(*testing.T, *bench){
		"Empty": empty, "ReadingsComeBackWhole": whole, "Selection": selection, "Paging": paging,
		"OneBatchOnce": once, "CursorSurvives": survives, "Revisions": revisions, "LateCorrection": lateCorrection,
		"Volatile": volatile, "Latest": latest, "Steps": steps, "StepsOfOthers": stepsOfOthers, "StepPaging": stepPaging,
		"ReadersBeside": readersBeside, "BadQueries": badQueries,
	} {
		t.Run(name, func(t *testing.T) {
			b := &bench{t: t, dir: t.TempDir(), open: open}
			b.Driver = open(t, b.dir)
			defer func() {
				if err := b.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			}()
			test(t, b)
		})
	}
}

// bench is a driver under test.
type bench struct {
	Driver
	t        *testing.T
	dir      string
	open     func(*testing.T, string) Driver
	position uint64
}

// Level makes a reading of station s, sensor water_level.
func Level(minute int, value float64) ingest.Reading {
	at := Start.Add(time.Duration(minute) * time.Minute)
	return ingest.Reading{
		Key: ingest.Key{Station: "s", Sensor: "water_level", Time: at}, Quantity: ingest.WaterLevel,
		Value: value, Received: at.Add(90 * time.Second), Flag: ingest.Pass,
	}
}

func of(sensor string, q ingest.Quantity, minute int, value float64) ingest.Reading {
	r := Level(minute, value)
	r.Sensor, r.Quantity = sensor, q
	return r
}

func flagged(r ingest.Reading, f ingest.Flag) ingest.Reading {
	r.Flag = f
	return r
}

// apply applies readings as the next batch of one message; a zero Position becomes that message's.
func (b *bench) apply(readings ...ingest.Reading) ingest.Batch {
	b.t.Helper()
	b.position++
	batch := ingest.Batch{First: b.position, Last: b.position, Now: Start}
	for i, r := range readings {
		if r.Position == 0 {
			r.Position, r.Part = b.position, i
		}
		batch.Readings = append(batch.Readings, r)
	}
	if err := b.Apply(b.t.Context(), batch); err != nil {
		b.t.Fatalf("apply: %v", err)
	}
	return batch
}

func (b *bench) ask(q ingest.Query) ([]ingest.Reading, string) {
	b.t.Helper()
	if q.Station == "" {
		q.Station = "s"
	}
	readings, next, err := b.Readings(b.t.Context(), q)
	if err != nil {
		b.t.Fatalf("readings: %v", err)
	}
	return readings, next
}

// expect asks and compares with "minute sensor value flag" words, one reading each.
func (b *bench) expect(q ingest.Query, want ...string) {
	b.t.Helper()
	got, _ := b.ask(q)
	if words := Words(got); !slices.Equal(words, want) {
		b.t.Errorf("%+v:\ngot  %q\nwant %q", q, words, want)
	}
}

func (b *bench) cursorIs(want uint64) {
	b.t.Helper()
	if got, err := b.Cursor(b.t.Context()); err != nil || got != want {
		b.t.Errorf("cursor: got %d, %v, want %d", got, err, want)
	}
}

// Words writes readings as "minute sensor value flag".
func Words(readings []ingest.Reading) []string {
	var words []string
	for _, r := range readings {
		words = append(words, fmt.Sprintf("%d %s %v %d", int(r.Time.Sub(Start).Minutes()), r.Sensor, r.Value, r.Flag))
	}
	return words
}

func empty(t *testing.T, b *bench) {
	b.cursorIs(0)
	b.expect(ingest.Query{})
	if latest, err := b.Latest(t.Context()); err != nil || len(latest) != 0 {
		t.Errorf("latest: got %v, %v", latest, err)
	}
}

func whole(t *testing.T, b *bench) {
	full := Level(0, 3.217)
	full.Time = full.Time.Add(7 * time.Millisecond)
	full.Flag, full.TimeAssumed, full.Revision = ingest.Suspect, true, 2
	full.Marks = []ingest.Mark{{Test: "step", Flag: ingest.Suspect, Detail: "rose 1.20 m in 15m"}, {Test: "stuck", Flag: ingest.Suspect, Detail: "ü"}}
	batch := b.apply(Level(-5, -0.25), full)
	got, next := b.ask(ingest.Query{})
	if next != "" || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", batch.Readings) {
		t.Errorf("next %q\ngot  %+v\nwant %+v", next, got, batch.Readings)
	}
	b.cursorIs(1)
}

func selection(_ *testing.T, b *bench) {
	other := Level(0, 9)
	other.Station = "other"
	b.apply(Level(0, 1), Level(15, 2), Level(30, 3), of("rain", ingest.Precipitation, 15, 0.2), other)
	b.expect(ingest.Query{}, "0 water_level 1 1", "15 rain 0.2 1", "15 water_level 2 1", "30 water_level 3 1")
	b.expect(ingest.Query{Sensor: "rain"}, "15 rain 0.2 1")
	b.expect(ingest.Query{Quantity: ingest.Precipitation}, "15 rain 0.2 1")
	b.expect(ingest.Query{Sensor: "rain", Quantity: ingest.WaterLevel})
	b.expect(ingest.Query{Sensor: "water_level", From: Start.Add(15 * time.Minute)}, "15 water_level 2 1", "30 water_level 3 1")
	b.expect(ingest.Query{Sensor: "water_level", From: Start.Add(15*time.Minute + 1)}, "30 water_level 3 1")
	b.expect(ingest.Query{Sensor: "water_level", To: Start.Add(15 * time.Minute)}, "0 water_level 1 1")
	b.expect(ingest.Query{Station: "nowhere"})
}

func paging(t *testing.T, b *bench) {
	var all []ingest.Reading
	for i := range 25 {
		all = append(all, Level(i, float64(i)), of("rain", ingest.Precipitation, i, 1))
	}
	b.apply(all...)
	for _, limit := range []int{1, 2, 3, 7, 49, 50, 51} {
		if got := b.pages(ingest.Query{Limit: limit}); len(got) != 50 || !slices.IsSorted(minutes(got)) || len(unique(got)) != 50 {
			t.Errorf("pages of %d: got %d readings", limit, len(got))
		}
	}
}

// pages follows next to the end.
func (b *bench) pages(q ingest.Query) []ingest.Reading {
	b.t.Helper()
	var all []ingest.Reading
	for range 1000 {
		got, next := b.ask(q)
		if len(got) > q.Limit {
			b.t.Fatalf("%d readings where the limit is %d", len(got), q.Limit)
		}
		all = append(all, got...)
		if next == "" {
			return all
		}
		q.After = next
	}
	b.t.Fatal("the pages never end")
	return nil
}

func minutes(readings []ingest.Reading) []int {
	var out []int
	for _, r := range readings {
		out = append(out, int(r.Time.Sub(Start).Minutes()))
	}
	return out
}

func unique(readings []ingest.Reading) map[ingest.Key]bool {
	keys := map[ingest.Key]bool{}
	for _, r := range readings {
		keys[r.Key] = true
	}
	return keys
}

func once(t *testing.T, b *bench) {
	batch := b.apply(Level(0, 1))
	changed := batch
	changed.Readings = []ingest.Reading{Level(15, 7)}
	for _, again := range []ingest.Batch{batch, changed} {
		if err := b.Apply(t.Context(), again); err != nil {
			t.Fatal(err)
		}
	}
	b.expect(ingest.Query{}, "0 water_level 1 1")
	b.cursorIs(1)
}

func survives(t *testing.T, b *bench) {
	b.apply(Level(0, 1))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b.Driver = b.open(t, b.dir)
	b.cursorIs(1)
	b.expect(ingest.Query{}, "0 water_level 1 1")
	b.apply(Level(15, 2))
	b.expect(ingest.Query{}, "0 water_level 1 1", "15 water_level 2 1")
}

func revisions(_ *testing.T, b *bench) {
	first := Level(0, 9)
	first.Flag = ingest.Suspect
	batch := b.apply(first)
	spike := batch.Readings[0]
	spike.Flag, spike.Revision = ingest.Fail, 1
	b.apply(spike)
	b.expect(ingest.Query{}, "0 water_level 9 4")
	correction := Level(0, 1.5)
	correction.Revision = 2
	b.apply(correction)
	b.expect(ingest.Query{}, "0 water_level 1.5 1")
	b.apply(spike) // an older revision says nothing new
	b.expect(ingest.Query{}, "0 water_level 1.5 1")
	got, _ := b.ask(ingest.Query{})
	if got[0].Revision != 2 {
		b.t.Errorf("revision %d is served, want 2", got[0].Revision)
	}
}

// A correction that comes too late for the quality tests has revision 0 as well. The same value again,
// judged alone, does not undo what is known of the first.
func lateCorrection(_ *testing.T, b *bench) {
	b.apply(flagged(Level(0, 9), ingest.Fail))
	b.apply(Level(0, 9))
	b.expect(ingest.Query{}, "0 water_level 9 4")
	b.apply(Level(0, 8))
	b.expect(ingest.Query{}, "0 water_level 8 1")
}

func volatile(t *testing.T, b *bench) {
	b.apply(Level(0, 1))
	r := Level(15, 2)
	r.Volatile = true
	if err := b.Apply(t.Context(), ingest.Batch{Now: Start, Readings: []ingest.Reading{r}}); err != nil {
		t.Fatal(err)
	}
	got, _ := b.ask(ingest.Query{})
	if len(got) != 2 || !got[1].Volatile || got[0].Volatile {
		t.Errorf("got %+v, want the second one volatile", got)
	}
	b.cursorIs(1)
}

func latest(t *testing.T, b *bench) {
	other := Level(5, 4)
	other.Station = "a"
	b.apply(Level(0, 1), Level(30, 3), of("rain", ingest.Precipitation, 15, 0.2), other)
	b.apply(Level(15, 2))
	got, err := b.Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, func(x, y ingest.Reading) int {
		return strings.Compare(x.Station+x.Sensor, y.Station+y.Sensor)
	})
	if want := []string{"5 water_level 4 1", "15 rain 0.2 1", "30 water_level 3 1"}; !slices.Equal(Words(got), want) {
		t.Errorf("got %q, want %q", Words(got), want)
	}
}

func steps(_ *testing.T, b *bench) {
	b.apply(
		Level(0, 1), Level(15, 3), Level(30, 2), flagged(Level(45, 32.767), ingest.Fail),
		flagged(Level(60, 32.767), ingest.Fail), Level(130, 5), flagged(Level(131, 5.5), ingest.Suspect),
		of("rain", ingest.Precipitation, 0, 0.25), of("rain", ingest.Precipitation, 30, 0.5), flagged(of("rain", ingest.Precipitation, 45, 900), ingest.Fail),
		of("rain", ingest.Precipitation, 60, 1),
	)
	b.expect(ingest.Query{Sensor: "water_level", Step: time.Hour}, "15 water_level 3 1", "60 water_level 32.767 4", "131 water_level 5.5 3")
	b.expect(ingest.Query{Sensor: "rain", Step: time.Hour}, "30 rain 0.75 1", "60 rain 1 1")
	b.expect(ingest.Query{Step: time.Hour, To: Start.Add(15 * time.Minute)}, "0 rain 0.25 1", "0 water_level 1 1")
}

func stepsOfOthers(_ *testing.T, b *bench) {
	b.apply(of("t", ingest.AirTemperature, 0, 9), of("t", ingest.AirTemperature, 15, 7), of("q", ingest.Discharge, 0, 9), of("q", ingest.Discharge, 15, 7))
	b.expect(ingest.Query{Step: time.Hour}, "0 q 9 1", "15 t 7 1")
}

func stepPaging(t *testing.T, b *bench) {
	var all []ingest.Reading
	for i := range 600 {
		all = append(all, Level(i, float64((i*37)%101)), of("rain", ingest.Precipitation, i, 1))
	}
	b.apply(all...)
	want, next := b.ask(ingest.Query{Step: time.Hour, From: Start.Add(7 * time.Minute)})
	if next != "" || len(want) != 20 {
		t.Fatalf("got %d readings and next %q, want 20 and none", len(want), next)
	}
	for limit := 1; limit < 22; limit++ {
		got := b.pages(ingest.Query{Step: time.Hour, From: Start.Add(7 * time.Minute), Limit: limit})
		if !slices.Equal(Words(got), Words(want)) {
			t.Fatalf("pages of %d:\ngot  %q\nwant %q", limit, Words(got), Words(want))
		}
	}
}

// Readers beside the writer see whole batches: two readings of one batch are there together.
func readersBeside(t *testing.T, b *bench) {
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			for ctx.Err() == nil {
				got, _, err := b.Readings(t.Context(), ingest.Query{Station: "s", Limit: 10_000})
				if err != nil || len(got)%2 != 0 {
					t.Errorf("got %d readings, %v: want an even number", len(got), err)
					return
				}
			}
		})
	}
	for i := range 100 {
		b.apply(Level(2*i, 1), Level(2*i+1, 1))
	}
	stop()
	group.Wait()
}

func badQueries(t *testing.T, b *bench) {
	for _, q := range []ingest.Query{{Station: "s", After: "x"}, {Station: "s", After: "x:y"}, {Station: "s", Step: -1}} {
		if _, _, err := b.Readings(t.Context(), q); err == nil {
			t.Errorf("%+v: no error", q)
		}
	}
}
