package scenario

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func testDescription() Description {
	return Description{
		Start: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), Step: time.Minute, Warmup: 6 * time.Hour, UTCOffset: 6 * time.Hour,
		Catchments: []Catchment{
			{ID: "ice", AreaKM2: 50, SoilMM: 60, Wetness: 0.5, Fast: 6 * time.Hour, Slow: 900 * time.Hour, BaseMMDay: 4, PercolationMMDay: 5, EvaporationMMDay: 1, IceFraction: 0.4, Air: Air{1, 5}},
			{ID: "wood", AreaKM2: 400, SoilMM: 150, Wetness: 0.4, Fast: 9 * time.Hour, Slow: 900 * time.Hour, BaseMMDay: 3, PercolationMMDay: 5, EvaporationMMDay: 3, Air: Air{12, 5}},
		},
		Lakes: []Lake{{
			ID: "lake", Catchments: []string{"ice"}, Storage: [][2]float64{{0, 1e6}, {30, 31e6}}, Sill: 20, WidthM: 12, Level: 20.2,
			Breach: &Breach{At: 21, Floor: 3, WidthM: 25, Side: 1, Growth: 2 * time.Hour},
		}},
		Nodes: []Node{
			{ID: "outlet", Lakes: []string{"lake"}},
			{ID: "town", Catchments: []string{"wood"}, Reaches: []Reach{{From: "outlet", LengthKM: 30, Celerity: 4, WidthM: 60, Slope: 0.02, Reference: 1000}}, Rating: Rating{0, 0.2, 0.45}},
		},
		Sensors: []Sensor{
			{Station: "lake", Sensor: "water_level", Measures: LakeLevel, Of: "lake", Interval: time.Minute, Noise: 0.01, Resolution: 0.01},
			{Station: "town", Sensor: "water_level", Measures: RiverLevel, Of: "town", Interval: 5 * time.Minute, Noise: 0.01, Resolution: 0.01},
			{Station: "town", Sensor: "rain", Measures: Rain, Of: "wood", Interval: 15 * time.Minute, Resolution: 0.2},
		},
		Stories: map[string]Story{
			"quiet": {Showers: Showers{PerDay: 2, MM: 5, Duration: 3 * time.Hour}},
			"storm": {Storms: []Storm{{At: time.Hour, Duration: 6 * time.Hour, MM: 80}}},
			"burst": {Surges: []Surge{{Lake: "lake", At: time.Hour, Duration: time.Hour, VolumeM3: 1.5e6}}},
		},
	}
}

func valley(t *testing.T, d Description, story string, seed uint64) *Valley {
	t.Helper()
	v, err := New(d, story, seed)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// tell writes everything a story sends until an elapsed time.
func tell(v *Valley, until time.Duration) string {
	var b strings.Builder
	end := v.Now().Add(until)
	for {
		now, outputs, ok := v.Next()
		if !ok || now.After(end) {
			return b.String()
		}
		for _, o := range outputs {
			fmt.Fprintf(&b, "%s %s/%s %v %s\n", o.Time.Format(time.RFC3339), o.Station, o.Sensor, o.Value, o.Unit)
		}
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	a := tell(valley(t, testDescription(), "quiet", 7), 48*time.Hour)
	if b := tell(valley(t, testDescription(), "quiet", 7), 48*time.Hour); a != b {
		t.Error("two tellings under one seed differ")
	}
	if b := tell(valley(t, testDescription(), "quiet", 8), 48*time.Hour); a == b {
		t.Error("another seed changes nothing")
	}
	if n := strings.Count(a, "\n"); n < 48*60 {
		t.Errorf("only %d readings in 48 h", n)
	}
}

func TestASensorMoreChangesNoOther(t *testing.T) {
	d := testDescription()
	d.Sensors = append([]Sensor{{Station: "new", Sensor: "flow", Measures: RiverDischarge, Of: "town", Interval: time.Minute, Noise: 3}}, d.Sensors...)
	more := tell(valley(t, d, "quiet", 7), 6*time.Hour)
	var kept []string
	for line := range strings.Lines(more) {
		if !strings.Contains(line, "new/flow") {
			kept = append(kept, line)
		}
	}
	if strings.Join(kept, "") != tell(valley(t, testDescription(), "quiet", 7), 6*time.Hour) {
		t.Error("the other sensors tell something else")
	}
}

func TestWaterIsConserved(t *testing.T) {
	for _, story := range []string{"quiet", "storm", "burst"} {
		v := valley(t, testDescription(), story, 3)
		for range 72 * 60 {
			v.advance()
		}
		if l := v.Ledger(); math.Abs(l.Error()) > 1e-9 || l.Received <= 0 || l.Left <= 0 {
			t.Errorf("%s: out by %g of %+v", story, l.Error(), l)
		}
	}
}

func TestWaterIsConservedInAnyValley(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := testDescription()
		d.Step = time.Duration(rapid.SampledFrom([]int{1, 5, 15}).Draw(t, "step")) * time.Minute
		d.Sensors = nil
		d.Catchments[1].SoilMM = rapid.Float64Range(5, 400).Draw(t, "soil")
		d.Catchments[1].Wetness = rapid.Float64Range(0, 1).Draw(t, "wetness")
		d.Catchments[0].IceFraction = rapid.Float64Range(0, 1).Draw(t, "ice")
		d.Nodes[1].Reaches[0].LengthKM = rapid.Float64Range(10, 200).Draw(t, "length")
		d.Nodes[1].Reaches[0].Celerity = rapid.Float64Range(1, 8).Draw(t, "celerity")
		d.Stories["any"] = Story{
			Storms: []Storm{{At: time.Duration(rapid.IntRange(0, 20).Draw(t, "at")) * time.Hour, Duration: 5 * time.Hour, MM: rapid.Float64Range(0, 300).Draw(t, "mm")}},
			Surges: []Surge{{Lake: "lake", At: 2 * time.Hour, Duration: time.Hour, VolumeM3: rapid.Float64Range(0, 3e6).Draw(t, "surge")}},
		}
		v, err := New(d, "any", rapid.Uint64().Draw(t, "seed"))
		if err != nil {
			return // a reach too short for its step
		}
		for range int(30 * time.Hour / d.Step) {
			v.advance()
			for _, n := range v.rivers {
				if !(n.flow >= 0) {
					t.Fatalf("%v m3/s at %s", n.flow, n.ID)
				}
			}
		}
		if l := v.Ledger(); math.Abs(l.Error()) > 1e-9 {
			t.Fatalf("out by %g of %+v", l.Error(), l)
		}
	})
}

func TestRainGaugeKeepsWhatHasNotTipped(t *testing.T) {
	v := valley(t, testDescription(), "storm", 1)
	end, sum := v.Now().Add(12*time.Hour), 0.0
	for {
		now, outputs, _ := v.Next()
		if now.After(end) {
			break
		}
		for _, o := range outputs {
			if o.Sensor != "rain" {
				continue
			}
			if tips := o.Value / 0.2; math.Abs(tips-math.Round(tips)) > 1e-9 {
				t.Fatalf("%v mm is not a whole number of tips", o.Value)
			}
			sum += o.Value
		}
	}
	if math.Abs(sum-80) > 0.2 {
		t.Errorf("the gauge counted %v mm of 80", sum)
	}
}

func TestStormRaisesTheRiverLaterAndQuietDoesNot(t *testing.T) {
	peak := func(story string) (float64, time.Duration) {
		v := valley(t, testDescription(), story, 1)
		most, at := 0.0, time.Duration(0)
		for range 48 * 60 {
			v.advance()
			if q := v.Discharge("town"); q > most {
				most, at = q, v.elapsed
			}
		}
		return most, at
	}
	storm, at := peak("storm")
	quiet, _ := peak("quiet")
	if storm < 2*quiet || at < 4*time.Hour {
		t.Errorf("storm %.0f m3/s at %v, quiet %.0f", storm, at, quiet)
	}
}

func TestFaults(t *testing.T) {
	const (
		from = 60 * time.Minute
		to   = 120 * time.Minute
	)
	clean := readings(t, nil)
	for kind, check := range map[FaultKind]func(i int, inside bool, got, want reading) bool{
		Spike: func(_ int, inside bool, got, want reading) bool {
			return !inside || math.Abs(got.value-want.value-2) < 1e-9
		},
		Ceiling: func(_ int, inside bool, got, _ reading) bool { return !inside || got.value == 32.767 },
		Stuck:   func(_ int, inside bool, got, _ reading) bool { return !inside || got.value == clean[59].value },
		Late: func(_ int, inside bool, got, want reading) bool {
			return got.value == want.value && (!inside || got.sent == to)
		},
		Dropout: func(_ int, inside bool, _, _ reading) bool { return !inside },
	} {
		got := readings(t, []Fault{{Station: "lake", Sensor: "water_level", Kind: kind, From: from, To: to, Value: 2}})
		if n := len(clean) - len(got); (kind == Dropout) != (n == 60) || kind != Dropout && n != 0 {
			t.Errorf("%s: %d readings are missing", kind, n)
		}
		for i, r := range got {
			inside := r.at >= from && r.at < to
			if want := clean[int(r.at/time.Minute)]; !check(i, inside, r, want) || !inside && (r.value != want.value || r.sent != r.at) {
				t.Fatalf("%s: %+v, without the fault %+v", kind, r, want)
			}
		}
	}
}

type reading struct {
	at, sent time.Duration
	value    float64
}

func readings(t *testing.T, faults []Fault) []reading {
	t.Helper()
	d := testDescription()
	d.Stories["quiet"] = Story{Faults: faults}
	v := valley(t, d, "quiet", 5)
	var all []reading
	for {
		now, outputs, _ := v.Next()
		sent := now.Sub(d.Start)
		if sent >= 4*time.Hour {
			return all
		}
		for _, o := range outputs {
			if o.Station == "lake" {
				all = append(all, reading{o.Time.Sub(d.Start), sent, o.Value})
			}
		}
	}
}

func TestParseNamesEveryFault(t *testing.T) {
	_, err := Parse(strings.NewReader(`
start: 2026-01-01T00:00:00Z
catchments:
  - {id: a, area_km2: 0, soil_mm: 10, fast: 1h, slow: 10h}
  - {id: a, area_km2: 1, soil_mm: 10, fast: 1h, slow: 10h}
nodes:
  - {id: n, catchments: [b], reaches: [{from: m, length_km: 1, celerity: 0, width_m: 1, slope: 1, reference: 1}]}
sensors:
  - {station: s, sensor: x, measures: depth, of: n, interval: 90s}
  - {station: s, sensor: y, measures: river_level, of: n, interval: 1m}
stories:
  x: {storms: [{at: 1h, duration: 0s, mm: 1}], faults: [{station: q, sensor: q, kind: lazy, from: 1h, to: 0h}]}
`))
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, want := range []string{"area_km2 0", `catchment id "a" is empty or stands twice`, `no catchment "b"`, `comes from "m"`, "celerity 0", "measures \"depth\"", "interval 1m30s", `no node "n" with a rating`, "a storm needs a duration", "which is no sensor", "does not lie after", "drains into 0"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing says %q in:\n%v", want, err)
		}
	}
	if _, err := Parse(strings.NewReader("strat: 2026-01-01T00:00:00Z")); err == nil || !strings.Contains(err.Error(), "strat") { //nolint:misspell // on purpose
		t.Errorf("a misspelt key gives %v", err)
	}
	if _, err := New(testDescription(), "flood", 1); err == nil || !strings.Contains(err.Error(), "burst, quiet, storm") {
		t.Errorf("an unknown story gives %v", err)
	}
}

func TestTwoSensorsOfOneTruthHaveTheirOwnNoise(t *testing.T) {
	d := testDescription()
	d.Sensors = []Sensor{
		{Station: "a", Sensor: "level", Measures: RiverLevel, Of: "town", Interval: time.Minute, Noise: 0.1},
		{Station: "b", Sensor: "level", Measures: RiverLevel, Of: "town", Interval: time.Minute, Noise: 0.1},
	}
	v := valley(t, d, "quiet", 1)
	for range 10 {
		if _, outputs, _ := v.Next(); outputs[0].Value == outputs[1].Value {
			t.Fatalf("both say %v", outputs[0].Value)
		}
	}
}
