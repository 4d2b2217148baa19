package qc

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"tocsin/ingest"
)

var start = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// site is a river running north to south with gauges a (north), b, c (each about 5.5 km on), a lake, and weather.
func site(t testing.TB) *ingest.Network {
	t.Helper()
	level := func(id string, lat float64, outburst bool) ingest.Station {
		return ingest.Station{
			ID: id, River: "Mo Chhu", Position: orb.Point{89.9, lat}, Outburst: outburst,
			Sensors: []ingest.Sensor{{ID: "water_level", Quantity: ingest.WaterLevel, Limits: ingest.Limits{Max: ptr(50)}}},
		}
	}
	stations := []ingest.Station{level("a", 27.60, false), level("b", 27.55, false), level("c", 27.50, false), level("lone", 28.5, false), level("lake", 27.5501, true)}
	stations = append(stations, ingest.Station{ID: "twin", River: "Elsewhere", Position: orb.Point{80, 20}, Sensors: []ingest.Sensor{
		{ID: "one", Quantity: ingest.WaterLevel},
		{ID: "two", Quantity: ingest.WaterLevel},
		{ID: "rain", Quantity: ingest.Precipitation},
		{ID: "temp", Quantity: ingest.AirTemperature, Unit: "[degF]"},
		{ID: "feet", Quantity: ingest.WaterLevel, Unit: "[ft_i]", Limits: ingest.Limits{Stuck: time.Hour, Rate: ptr(0.5)}},
	}})
	n, err := ingest.NewNetwork(stations)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// reading is one reading that is a message of its own, received a minute later.
func reading(position uint64, station, sensor string, minute int, value float64) ingest.Reading {
	at := start.Add(time.Duration(minute) * time.Minute)
	return ingest.Reading{
		Key: ingest.Key{Station: station, Sensor: sensor, Time: at}, Quantity: quantityOf(sensor), Value: value,
		Received: at.Add(time.Minute), Flag: ingest.NotEvaluated, Position: position,
	}
}

func quantityOf(sensor string) ingest.Quantity {
	switch sensor {
	case "rain":
		return ingest.Precipitation
	case "temp":
		return ingest.AirTemperature
	}
	return ingest.WaterLevel
}

// every gives values a quarter of an hour apart, one message each.
func every(station, sensor string, values ...float64) []ingest.Reading {
	var out []ingest.Reading
	for i, v := range values {
		out = append(out, reading(uint64(i+1), station, sensor, 15*i, v))
	}
	return out
}

// final folds revisions into the flags at the end, and checks that revisions only grow.
func final(t testing.TB, given []ingest.Reading) map[ingest.Key]ingest.Reading {
	t.Helper()
	last := map[ingest.Key]ingest.Reading{}
	for _, r := range given {
		if old, ok := last[r.Key]; ok && r.Revision != old.Revision+1 {
			t.Fatalf("%v: revision %d follows %d", r.Key, r.Revision, old.Revision)
		} else if !ok && r.Revision != 0 {
			t.Fatalf("%v: first revision is %d", r.Key, r.Revision)
		}
		last[r.Key] = r
	}
	return last
}

// verdictOf writes flag and marks: "4 step:4 neighbours:4".
func verdictOf(r ingest.Reading) string {
	words := []string{fmt.Sprint(uint8(r.Flag))}
	for _, m := range r.Marks {
		words = append(words, fmt.Sprintf("%s:%d", m.Test, m.Flag))
	}
	return strings.Join(words, " ")
}

func verdicts(t testing.TB, given, asked []ingest.Reading) []string {
	t.Helper()
	last := final(t, given)
	var out []string
	for _, r := range asked {
		out = append(out, verdictOf(last[r.Key]))
	}
	return out
}

func TestTests(t *testing.T) {
	const ok, fast, full = "1", "3 step:3", "4 ceiling:4"
	for _, test := range []struct {
		name     string
		readings []ingest.Reading
		want     []string
	}{
		{"quiet", every("lone", "water_level", 1, 1.1, 1.2), []string{ok, ok, ok}},
		{"range", every("lone", "water_level", 1, 51, 1.2), []string{ok, "4 range:4", ok}},
		{"ceiling", every("lone", "water_level", 1, 32.767, 1.2), []string{ok, "4 ceiling:4", ok}},
		{
			"a register that stays full until the water could have risen so far",
			every("lone", "water_level", 29, 32.767, 32.767, 32.767, 32.767, 32.767, 32.767, 29.1),
			[]string{ok, full, full, full, full, full, full, ok},
		},
		{"a level that is really there", every("twin", "one", 65.1, 65.4, 65.535, 65.6), []string{ok, ok, ok, ok}},
		{"register in the sensor's unit", every("twin", "feet", 1, 327.67*0.3048), []string{ok, "4 ceiling:4"}},
		{"register in degrees Fahrenheit", every("twin", "temp", 1, (65.535-32)*5/9), []string{ok, "4 ceiling:4"}},
		{"a step is suspect", every("lone", "water_level", 1, 5), []string{ok, fast}},
		{"and so is what follows, until it is confirmed", every("lone", "water_level", 1, 5, 5, 5), []string{ok, fast, fast, fast}},
		{"a step confirmed", every("lone", "water_level", 1, 5, 5.1, 5.2, 5.1, 5), []string{ok, ok, ok, ok, ok, ok}},
		{"a wave that rises on and on", every("lone", "water_level", 1, 3, 5, 7, 9), []string{ok, ok, ok, ok, ok}},
		{"a spike", every("lone", "water_level", 1, 5, 1.1), []string{ok, "4 step:4", ok}},
		{"a wide spike", every("lone", "water_level", 1, 5, 5, 1.1), []string{ok, "4 step:4", "4 step:4", ok}},
		{"a spike downwards", every("lone", "water_level", 3, 0, 3), []string{ok, "4 step:4", ok}},
		{"garbage is never confirmed", every("lone", "water_level", 1, 9, 4, 20, 12, 30, 15), []string{ok, fast, fast, fast, fast, fast, fast}},
		{"rain may stand still at zero", every("twin", "rain", make([]float64, 100)...), slices.Repeat([]string{ok}, 100)},
		{"stuck", every("twin", "feet", 1, 1, 1, 1, 1, 1, 1.01), []string{ok, ok, ok, ok, ok, "3 stuck:3", ok}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := verdicts(t, New(site(t)).Check(test.readings), test.readings)
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestWordsHaveNumbers(t *testing.T) {
	for _, test := range []struct {
		readings []ingest.Reading
		at       int
		want     string
	}{
		{every("lone", "water_level", 1, 51), 1, "51.00 m is 1.00 m above the limit of 50.00 m"},
		{every("lone", "water_level", 1, 5.1), 1, "rose 4.10 m in 15m to 5.10 m, where the limit of 4.00 m/h allows 1.00 m"},
		{every("lone", "water_level", 1, 5.1, 1), 1, "rose 4.10 m in 15m to 5.10 m, where the limit of 4.00 m/h allows 1.00 m; back after 30m"},
		{every("twin", "feet", 1, 1, 1, 1, 1, 1), 5, "unchanged at 1.00 m for longer than 1h"},
		{every("lone", "water_level", 1, 32.767), 1, "32.767 m is the end of a 16-bit register, not a measurement, and nothing before it leads there"},
	} {
		r := final(t, New(site(t)).Check(test.readings))[test.readings[test.at].Key]
		if len(r.Marks) != 1 || r.Marks[0].Detail != test.want {
			t.Errorf("got %+v, want %q", r.Marks, test.want)
		}
	}
}

// along gives the readings of gauges a, b and c, interleaved.
func along(a, b, c []float64) []ingest.Reading {
	var out []ingest.Reading
	for i := range max(len(a), len(b), len(c)) {
		for j, v := range [][]float64{a, b, c} {
			if i < len(v) {
				out = append(out, reading(uint64(10*i+j+1), string(rune('a'+j)), "water_level", 15*i, v[i]))
			}
		}
	}
	return out
}

func TestNeighbours(t *testing.T) {
	flat := []float64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
	for _, test := range []struct {
		name    string
		a, b, c []float64
		station string
		want    []string
	}{
		{"between two that stand still", flat[:2], []float64{1, 5}, flat[:2], "b", []string{"1", "4 step:3 neighbours:4"}},
		{"and it stays", flat[:5], []float64{1, 5, 5, 5, 5}, flat[:5], "b", []string{"1", "3 step:3 neighbours:3", "3 step:3 neighbours:3", "3 step:3 neighbours:3", "3 step:3 neighbours:3"}},
		{"one side is not enough: the wave may just have come", []float64{1, 5}, flat[:2], flat[:2], "a", []string{"1", "3 step:3"}},
		{"those above moved too", []float64{1, 4}, []float64{1, 5}, flat[:2], "b", []string{"1", "1 neighbours:1"}},
		{"a spike that both saw", []float64{1, 4, 1}, []float64{1, 5, 1}, nil, "b", []string{"1", "1 neighbours:1", "1"}},
		{"neighbours that are silent say nothing", flat[:1], []float64{1, 5}, flat[:1], "b", []string{"1", "3 step:3"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := along(test.a, test.b, test.c)
			given := New(site(t)).Check(all)
			asked := slices.DeleteFunc(slices.Clone(all), func(r ingest.Reading) bool { return r.Station != test.station })
			if got := verdicts(t, given, asked); !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// At an outburst station the water moves first: its neighbours never contradict it.
func TestOutburstIsNotContradicted(t *testing.T) {
	all := along([]float64{1, 1}, []float64{1, 1}, []float64{1, 1})
	all = append(all, reading(90, "lake", "water_level", 0, 9), reading(91, "lake", "water_level", 15, 3))
	last := final(t, New(site(t)).Check(all))
	if got := verdictOf(last[all[len(all)-1].Key]); got != "3 step:3" {
		t.Errorf("got %q, want a suspect step and no more", got)
	}
}

func TestTwoSensorsOfOneStation(t *testing.T) {
	all := []ingest.Reading{
		reading(1, "twin", "one", 0, 1), reading(2, "twin", "two", 0, 7), reading(3, "twin", "one", 15, 5), reading(4, "twin", "two", 15, 7),
	}
	last := final(t, New(site(t)).Check(all))
	r := last[all[2].Key]
	if got := verdictOf(r); got != "4 step:3 neighbours:4" {
		t.Fatalf("got %q, want the other sensor to contradict", got)
	}
	if want := "rose 4.00 m while two moved by less than a tenth of it"; r.Marks[1].Detail != want {
		t.Errorf("got %q, want %q", r.Marks[1].Detail, want)
	}
}

func TestRevisions(t *testing.T) {
	c := New(site(t))
	r := every("lone", "water_level", 1, 5, 1)
	c.Check(r[:1])
	if got := c.Check(r[1:2]); len(got) != 1 || got[0].Flag != ingest.Suspect || got[0].Revision != 0 {
		t.Fatalf("a step: got %+v", got)
	}
	got := c.Check(r[2:])
	if len(got) != 2 || got[0].Flag != ingest.Pass || got[1].Key != r[1].Key || got[1].Flag != ingest.Fail || got[1].Revision != 1 {
		t.Fatalf("back again: got %+v, want the new reading and a revision of the spike", got)
	}
	if got[1].Position != 2 || !got[1].Received.Equal(r[1].Received) || got[1].Quantity != ingest.WaterLevel {
		t.Errorf("the revision lost what the reading said of itself: %+v", got[1])
	}
}

func TestDuplicatesAndCorrections(t *testing.T) {
	c := New(site(t))
	first := reading(1, "lone", "water_level", 0, 1)
	c.Check([]ingest.Reading{first})
	again := first
	again.Position = 2
	if got := c.Check([]ingest.Reading{again}); len(got) != 0 {
		t.Errorf("a duplicate came back: %+v", got)
	}
	correction := first
	correction.Position, correction.Value = 3, 1.5
	got := c.Check([]ingest.Reading{correction})
	if len(got) != 1 || got[0].Revision != 1 || got[0].Value != 1.5 || got[0].Position != 3 {
		t.Errorf("a correction: got %+v", got)
	}
	if got := c.Check([]ingest.Reading{again}); len(got) != 0 {
		t.Errorf("a superseded value came back: %+v", got)
	}
	both := []ingest.Reading{reading(4, "lone", "water_level", 15, 1), reading(4, "lone", "water_level", 15, 1.1)}
	both[1].Part = 1
	if got := c.Check(both); len(got) != 1 || got[0].Value != 1.1 || got[0].Revision != 0 {
		t.Errorf("two values in one message: got %+v, want the later one", got)
	}
}

func TestMarksOfTheDecoderStay(t *testing.T) {
	c := New(site(t))
	r := every("lone", "water_level", 1, 5, 1)
	r[1].TimeAssumed, r[1].Marks = true, []ingest.Mark{{Test: "time", Flag: ingest.NotEvaluated, Detail: "x"}}
	got := c.Check(r)
	if last := got[len(got)-1]; verdictOf(last) != "4 time:2 step:4" || !last.TimeAssumed {
		t.Errorf("got %q of %+v", verdictOf(last), last)
	}
}

func TestTooLateIsJudgedAlone(t *testing.T) {
	c := New(site(t))
	r := every("lone", "water_level", 1, 5, 99)
	for i := range r {
		r[i].Received = r[i].Time.Add(Lateness + time.Minute)
	}
	if got := verdicts(t, c.Check(r), r); !slices.Equal(got, []string{"1", "1", "4 range:4"}) {
		t.Errorf("got %q", got)
	}
}

func TestUnknownSensorPassesUnjudged(t *testing.T) {
	r := reading(1, "nowhere", "water_level", 0, 1)
	if got := New(site(t)).Check([]ingest.Reading{r}); len(got) != 1 || got[0].Flag != ingest.NotEvaluated {
		t.Errorf("got %+v", got)
	}
}

// scene draws readings of all sensors with steps, spikes, registers, doubles and corrections among them.
func scene(t *rapid.T) []ingest.Reading {
	var all []ingest.Reading
	position := uint64(0)
	for _, id := range []struct{ station, sensor string }{{"a", "water_level"}, {"b", "water_level"}, {"c", "water_level"}, {"twin", "one"}, {"twin", "feet"}} {
		value := 1.0
		for minute := 0; minute < 60*rapid.IntRange(1, 8).Draw(t, "hours"); minute += rapid.SampledFrom([]int{5, 15, 15, 60, 400}).Draw(t, "pause") {
			shown := value
			switch rapid.IntRange(0, 12).Draw(t, "what") {
			case 0:
				value += float64(rapid.IntRange(-3, 5).Draw(t, "step"))
				shown = value
			case 1:
				shown += float64(rapid.IntRange(-3, 9).Draw(t, "spike"))
			case 2:
				shown = rapid.SampledFrom([]float64{32.767, 99, 327.67 * 0.3048}).Draw(t, "fault")
			case 3:
				value += 0.1
				shown = value
			}
			position++
			all = append(all, reading(position, id.station, id.sensor, minute, shown))
			if rapid.IntRange(0, 8).Draw(t, "double") == 0 {
				position++
				all = append(all, reading(position, id.station, id.sensor, minute, shown+float64(rapid.IntRange(0, 1).Draw(t, "corrected"))))
			}
		}
	}
	for i := range all {
		all[i].Received = start.Add(12 * time.Hour)
	}
	return all
}

// Whatever the order in which messages arrive, the flags and marks are the same in the end.
func TestOrderOfArrivalDoesNotMatter(t *testing.T) {
	n := site(t)
	rapid.Check(t, func(t *rapid.T) {
		all := scene(t)
		slices.SortStableFunc(all, func(a, b ingest.Reading) int { return a.Time.Compare(b.Time) })
		want := lastVerdicts(New(n).Check(all))
		shuffled := rapid.Permutation(all).Draw(t, "order")
		got := lastVerdicts(New(n).Check(shuffled))
		for key, w := range want {
			if got[key] != w {
				t.Fatalf("%v: %q out of order, %q in order", key, got[key], w)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%d readings out of order, %d in order", len(got), len(want))
		}
	})
}

func lastVerdicts(given []ingest.Reading) map[ingest.Key]string {
	last := map[ingest.Key]string{}
	for _, r := range given {
		last[r.Key] = fmt.Sprint(r.Value, " ", verdictOf(r))
	}
	return last
}

// However the journal is cut into batches, the answer is the same, revision by revision.
func TestBatchesDoNotMatter(t *testing.T) {
	n := site(t)
	rapid.Check(t, func(t *rapid.T) {
		all := scene(t)
		want := New(n).Check(all)
		c := New(n)
		var got []ingest.Reading
		for rest := all; len(rest) > 0; {
			k := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			got = append(got, c.Check(rest[:k])...)
			rest = rest[k:]
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatal("cut into batches the answer differs")
		}
	})
}

// A checker that has read the horizon judges as one that has read everything.
func TestHorizon(t *testing.T) {
	n := site(t)
	c := New(n)
	var all []ingest.Reading
	value, value2 := 1.0, 2.0
	for i := range 15 * 24 * 4 {
		switch {
		case i%97 == 5:
			value += 3
		case i%97 == 60:
			value -= 3
		case i%7 == 0 && i%1000 > 300:
			value += 0.01
		}
		shown := value
		if i%113 == 50 {
			shown += 7
		}
		all = append(all, reading(uint64(2*i+1), "b", "water_level", 15*i, shown))
		if i > 10*24*4 {
			value2 = 7 // stands still for the last five days
		} else {
			value2 += 0.01
		}
		all = append(all, reading(uint64(2*i+2), "lone", "water_level", 15*i, value2))
	}
	end := all[len(all)-1].Received
	since := slices.IndexFunc(all, func(r ingest.Reading) bool { return !r.Received.Before(end.Add(-24*time.Hour - c.Horizon())) })
	if since <= 0 {
		t.Fatal("the horizon covers everything: nothing is tested")
	}
	tail := func(given []ingest.Reading) string {
		var b strings.Builder
		for _, r := range given {
			if r.Received.After(end.Add(-24 * time.Hour)) {
				fmt.Fprintln(&b, r)
			}
		}
		return b.String()
	}
	whole, part := tail(c.Check(all)), tail(New(n).Check(all[since:]))
	if whole != part {
		t.Error("with the horizon read the answer differs from that with everything read")
	}
	if len(c.series[seriesKey{"b", "water_level"}].entries) > 2*int(window/(15*time.Minute)) {
		t.Error("the window does not let go of what it no longer needs")
	}
}

func BenchmarkCheck(b *testing.B) {
	n := site(b)
	c := New(n)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		r := reading(uint64(i+1), "b", "water_level", i, 1+float64(i%10)/100)
		if len(c.Check([]ingest.Reading{r})) != 1 {
			b.Fatal("nothing came back")
		}
		i++
	}
}
