package rule

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tocsin/alerting"
	"tocsin/geo"
	"tocsin/ingest"
)

// day is the day of every test, 5 February 2016 UTC.
var day = time.Date(2016, 2, 5, 0, 0, 0, 0, time.UTC)

// clockTime reads "11:15" or, for later days, "1d11:15".
func clockTime(t testing.TB, text string) time.Time {
	t.Helper()
	base := day
	if days, rest, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil {
			t.Fatalf("time %q: %v", text, err)
		}
		base, text = day.AddDate(0, 0, n), rest
	}
	at, err := time.Parse("15:04", text)
	if err != nil {
		t.Fatalf("time %q: %v", text, err)
	}
	return base.Add(time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute)
}

// testNetwork has a river gauge, an outburst lake, a rain gauge, one every 15, 10 and 15 minutes.
func testNetwork(t testing.TB) *ingest.Network {
	t.Helper()
	n, err := ingest.NewNetwork([]ingest.Station{
		{ID: "mythe", Name: "Mythe Bridge", Sensors: []ingest.Sensor{{ID: "water_level", Quantity: ingest.WaterLevel, Interval: 15 * time.Minute}}},
		{ID: "saxon", Name: "Saxons Lode", Sensors: []ingest.Sensor{{ID: "water_level", Quantity: ingest.WaterLevel, Interval: 15 * time.Minute}}},
		{ID: "lake", Name: "Thanza Lake", Outburst: true, Sensors: []ingest.Sensor{{ID: "water_level", Quantity: ingest.WaterLevel, Interval: 10 * time.Minute}}},
		{ID: "rain", Name: "Hilltop", Sensors: []ingest.Sensor{{ID: "precipitation", Quantity: ingest.Precipitation, Interval: 15 * time.Minute}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func testZones() []geo.Zone {
	return []geo.Zone{{ID: "tewkesbury", Hazard: "flood"}, {ID: "lunana", Hazard: "outburst"}, {ID: "hill", Hazard: "landslide"}}
}

func compileSet(t testing.TB, rules ...Rule) *Set {
	t.Helper()
	set, err := Compile(rules, testNetwork(t), testZones(), 6*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func levelRule() Rule {
	return Rule{
		ID: "mythe-level", Hazard: "flood", Zone: "tewkesbury", Station: "mythe", Sensor: "water_level",
		Raise: map[alerting.Level]float64{1: 3.6, 2: 4.1}, Clear: map[alerting.Level]float64{1: 3.4},
	}
}

// memory is a snapshot store.
type memory struct {
	position uint64
	state    []byte
	fail     error
}

func (m *memory) Snapshot(_ context.Context, _ string, position uint64, state []byte) error {
	if m.fail != nil {
		return m.fail
	}
	m.position, m.state = position, slices.Clone(state)
	return nil
}

func (m *memory) Restore(context.Context, string) (position uint64, state []byte, err error) {
	return m.position, m.state, m.fail
}

// desk takes hazards as the real one does: each ordinal of a zone once.
type desk struct {
	seen    map[string]bool
	hazards []alerting.Hazard
	fail    error
}

func (d *desk) handle(_ context.Context, h alerting.Hazard) error {
	if d.fail != nil {
		return d.fail
	}
	if d.seen == nil {
		d.seen = make(map[string]bool)
	}
	key := fmt.Sprintf("%s/%s/%d", h.Kind, h.Zone, h.Ordinal)
	if d.seen[key] {
		return nil
	}
	d.seen[key] = true
	d.hazards = append(d.hazards, h)
	return nil
}

func newEngine(t testing.TB, set *Set, store *memory, d *desk, change ...func(*Config)) *Engine {
	t.Helper()
	cfg := Config{Set: set, Store: store, Emit: d.handle}
	for _, f := range change {
		f(&cfg)
	}
	e, err := New(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
