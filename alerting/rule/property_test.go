package rule

import (
	"context"
	"flag"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tocsin/alerting"
	"tocsin/ingest"
)

// checks runs a property often: 2,000 times, 300 under the race detector, 100,000 with TOCSIN_LONG=1.
func checks(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	n := "2000"
	if raced {
		n = "300"
	}
	if os.Getenv("TOCSIN_LONG") != "" {
		n = "100000"
	}
	if testing.Short() {
		n = "300"
	}
	before := flag.Lookup("rapid.checks").Value.String()
	if err := flag.Set("rapid.checks", n); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = flag.Set("rapid.checks", before) }()
	rapid.Check(t, property)
}

func propertyRules() []Rule {
	held := levelRule()
	held.ID, held.For, held.Station = "saxon-held", Duration(30*time.Minute), "saxon"
	return []Rule{
		levelRule(), held,
		{ID: "lake-falls", Hazard: "outburst", Zone: "lunana", Station: "lake", Sensor: "water_level", Level: 4, When: `fall("30m") > 1.0`, Until: `fall("1h") < 0.1`},
		{ID: "lake-high", Hazard: "outburst", Zone: "lunana", Station: "lake", Sensor: "water_level", Raise: map[alerting.Level]float64{2: 4}},
		{ID: "both", Hazard: "flood", Zone: "tewkesbury", Station: "mythe", Sensor: "water_level", Level: 3, For: Duration(10 * time.Minute), When: `level() > 3.4 && rise("1h", "saxon/water_level") > 0.2 || at("lake/water_level") < 2.8`},
	}
}

// drawArrivals makes readings of three gauges over a day as they might arrive: late, in any order,
// doubled, corrected, flagged. They stand in order of receipt.
func drawArrivals(t *rapid.T) []ingest.Reading {
	stations := []string{"mythe", "saxon", "lake"}
	n := rapid.IntRange(1, 120).Draw(t, "n")
	all := make([]ingest.Reading, 0, n)
	for range n {
		at := day.Add(time.Duration(rapid.IntRange(0, 288).Draw(t, "time")) * 5 * time.Minute)
		late := rapid.SampledFrom([]int{0, 0, 0, 1, 5, 20, 61, 130, 359, 360, 361, 500}).Draw(t, "late")
		r := ingest.Reading{
			Key:      ingest.Key{Station: rapid.SampledFrom(stations).Draw(t, "station"), Sensor: "water_level", Time: at},
			Quantity: ingest.WaterLevel, Value: float64(rapid.IntRange(25, 45).Draw(t, "value")) / 10,
			Received: at.Add(time.Duration(late) * time.Minute), Flag: ingest.Pass,
		}
		drawQuality(t, &r)
		all = append(all, r)
	}
	slices.SortStableFunc(all, func(a, b ingest.Reading) int { return a.Received.Compare(b.Received) })
	revisions := make(map[ingest.Key]int)
	for i := range all {
		all[i].Position = uint64(i + 1)
		all[i].Revision = revisions[all[i].Key]
		revisions[all[i].Key]++
	}
	return all
}

func drawQuality(t *rapid.T, r *ingest.Reading) {
	switch rapid.SampledFrom([]string{"", "", "", "", "jump", "fail", "stuck", "assumed", "unevaluated"}).Draw(t, "quality") {
	case "jump":
		r.Flag, r.Marks = ingest.Suspect, []ingest.Mark{{Test: "step", Flag: ingest.Suspect, Detail: "3 m in 5 minutes"}}
	case "fail":
		r.Flag, r.Marks = ingest.Fail, []ingest.Mark{{Test: "range", Flag: ingest.Fail, Detail: "below the ground"}}
	case "stuck":
		r.Flag, r.Marks = ingest.Suspect, []ingest.Mark{{Test: "stuck", Flag: ingest.Suspect, Detail: "for a day"}}
	case "assumed":
		r.TimeAssumed = true
	case "unevaluated":
		r.Flag = ingest.NotEvaluated
	}
}

// TestIncrementalIsPure: after any arrival, what the engine's rules say is what the pure function says of
// the same readings shuffled and doubled; and no rule holds less than its readings say.
func TestIncrementalIsPure(t *testing.T) {
	set := compileSet(t, propertyRules()...)
	checks(t, func(t *rapid.T) {
		arrivals := drawArrivals(t)
		e, err := New(context.Background(), Config{Set: set, Store: &memory{}, Emit: (&desk{}).handle})
		if err != nil {
			t.Fatal(err)
		}
		cut := rapid.IntRange(1, len(arrivals)).Draw(t, "cut")
		for i := range arrivals[:cut] {
			e.receive(&arrivals[i])
			for at := range e.series {
				e.forget(at) // what it may forget at any time, it may forget at all times
			}
		}
		shuffled := rapid.Permutation(append(slices.Clone(arrivals[:cut]), arrivals[:cut/2]...)).Draw(t, "shuffled")
		for i, r := range set.rules {
			got := r.verdict(&e.tracks[i].now).public()
			want, err := set.Verdict(arrivals[cut-1].Received, shuffled, r.ID)
			if err != nil {
				t.Fatal(err)
			}
			if h := e.holds[i]; h.Level < want.Level || max(h.Level, h.Doubt) < want.Doubt {
				t.Fatalf("%s holds %+v, below its verdict %+v", r.ID, h, want)
			}
			if want.Doubtful == bySilence.String() {
				want.Doubt, want.Doubtful = got.Doubt, got.Doubtful // held, not in the walk
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s, pure and incremental:\n%s", r.ID, diff)
			}
		}
	})
}

// TestRestartsChangeNothing: any split into batches and by crashes, with batches told twice, gives the
// same hazards, words and evidence included, as one run message by message.
func TestRestartsChangeNothing(t *testing.T) {
	set := compileSet(t, propertyRules()...)
	checks(t, func(t *rapid.T) {
		arrivals := drawArrivals(t)
		want := playOnce(t, set, arrivals)
		var store memory
		var told desk
		e := process(t, set, &store, &told)
		for from := 0; from < len(arrivals); {
			to := rapid.IntRange(from+1, min(from+12, len(arrivals))).Draw(t, "to")
			batch := batchOf(arrivals, from, to)
			fails := rapid.Bool().Draw(t, "desk fails")
			if fails {
				told.fail = context.DeadlineExceeded
			}
			err := e.Apply(context.Background(), batch)
			told.fail = nil
			if err == nil {
				from = to
			} else if !fails {
				t.Fatal(err)
			}
			if rapid.IntRange(0, 3).Draw(t, "crash") == 0 {
				e = process(t, set, &store, &told)
				cursor, _ := e.Cursor(context.Background())
				from = int(cursor)
			} else if rapid.Bool().Draw(t, "again") {
				if err := e.Apply(context.Background(), batch); err != nil {
					t.Fatal(err)
				}
				from = to
			}
		}
		if err := e.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, told.hazards); diff != "" {
			t.Fatalf("one run, many runs:\n%s", diff)
		}
	})
}

func playOnce(t *rapid.T, set *Set, arrivals []ingest.Reading) []alerting.Hazard {
	var told desk
	e := process(t, set, &memory{}, &told)
	for i := range arrivals {
		if err := e.Apply(context.Background(), batchOf(arrivals, i, i+1)); err != nil {
			t.Fatal(err)
		}
	}
	return told.hazards
}

func process(t *rapid.T, set *Set, store *memory, told *desk) *Engine {
	e, err := New(context.Background(), Config{Set: set, Store: store, Emit: told.handle, SnapshotEvery: 40 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func batchOf(arrivals []ingest.Reading, from, to int) ingest.Batch {
	return ingest.Batch{First: uint64(from + 1), Last: uint64(to), Now: arrivals[to-1].Received, Readings: arrivals[from:to]}
}
