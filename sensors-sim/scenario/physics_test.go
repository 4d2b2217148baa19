package scenario

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestReachTravelTimeAttenuationAndMass(t *testing.T) {
	ch, err := newChannel(Reach{LengthKM: 60, Celerity: 4, WidthM: 60, Slope: 0.02, Reference: 1000}, time.Minute, 50)
	if err != nil {
		t.Fatal(err)
	}
	const dt = 60.0
	stored := ch.stored()
	var inSum, outSum, inMoment, outMoment, inPeak, outPeak float64
	lastIn, lastOut := 50.0, 50.0
	for k := range 24 * 60 {
		in := 50 + 1000*math.Exp(-math.Pow((float64(k)-180)/40, 2))
		out := ch.step(in)
		if out < 49.999 || out > 1050.001 {
			t.Fatalf("step %d: %v m3/s leaves the range of what came in", k, out)
		}
		inSum += (in + lastIn) / 2 * dt
		outSum += (out + lastOut) / 2 * dt
		inMoment += (in - 50) * float64(k)
		outMoment += (out - 50) * float64(k)
		inPeak, outPeak = max(inPeak, in), max(outPeak, out)
		lastIn, lastOut = in, out
	}
	if lost := inSum - outSum - (ch.stored() - stored); math.Abs(lost) > 1e-6*inSum {
		t.Errorf("%v m3 of %v were lost", lost, inSum)
	}
	total := (inSum - 50*24*3600) / dt
	lag := (outMoment - inMoment) / total
	if want := 60_000 / 4.0 / 60; math.Abs(lag-want) > 0.01*want {
		t.Errorf("the wave took %.1f min, want %.1f", lag, want)
	}
	// A crest is flattened by the variance the river adds: 2 D L / c^3, with D = Q / (2 B S).
	variance := 40*40/2.0 + 2*(1000/(2*60*0.02))*60_000/math.Pow(4, 3)/3600
	want := 50 + 1000*math.Sqrt(40*40/2.0/variance)
	if math.Abs(outPeak-want) > 0.01*want || outPeak >= inPeak {
		t.Errorf("crest %.1f m3/s became %.1f, theory says %.1f", inPeak, outPeak, want)
	}
}

func TestReachCoefficientsAreNeverNegative(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Reach{
			LengthKM: rapid.Float64Range(0.01, 300).Draw(t, "length"), Celerity: rapid.Float64Range(0.2, 12).Draw(t, "celerity"),
			WidthM: rapid.Float64Range(2, 500).Draw(t, "width"), Slope: rapid.Float64Range(1e-4, 0.2).Draw(t, "slope"),
			Reference: rapid.Float64Range(1, 5000).Draw(t, "reference"),
		}
		step := time.Duration(rapid.IntRange(1, 60).Draw(t, "step")) * time.Minute
		ch, err := newChannel(r, step, 1)
		if err != nil {
			return // said to be too short for the step
		}
		if ch.c0 < -1e-12 || ch.c1 < -1e-12 || ch.c2 < -1e-12 || math.Abs(ch.c0+ch.c1+ch.c2-1) > 1e-9 {
			t.Fatalf("%+v at %v: coefficients %v %v %v", r, step, ch.c0, ch.c1, ch.c2)
		}
	})
}

func TestReachRefusesWhatCannotBeRouted(t *testing.T) {
	good := Reach{LengthKM: 10, Celerity: 4, WidthM: 60, Slope: 0.02, Reference: 1000}
	for name, spoil := range map[string]func(*Reach){
		"length": func(r *Reach) { r.LengthKM = 0 }, "celerity": func(r *Reach) { r.Celerity = -1 },
		"slope": func(r *Reach) { r.Slope = math.NaN() }, "width": func(r *Reach) { r.WidthM = math.Inf(1) },
		"short": func(r *Reach) { r.LengthKM = 0.005 }, "long": func(r *Reach) { r.LengthKM = 1e9 },
	} {
		r := good
		spoil(&r)
		if _, err := newChannel(r, time.Minute, 0); err == nil {
			t.Errorf("%s: %+v was taken", name, r)
		}
	}
}

func testLake() Lake {
	return Lake{
		ID: "lake", Storage: [][2]float64{{0, 1e6}, {10, 8e6}, {30, 30e6}}, Sill: 20, WidthM: 12, Level: 20.2,
		Breach: &Breach{At: 21, Floor: 3, WidthM: 25, Side: 1, Growth: 2 * time.Hour},
	}
}

func TestLakeHoldsUntilItsLevelAndKeepsItsMass(t *testing.T) {
	b := newBasin(testLake())
	start, breachedAt, peak := b.volume, -1, 0.0
	for minute := range 24 * 60 {
		inflow := 5.0
		if minute >= 60 && minute < 120 {
			inflow = 600
		}
		before := b.level()
		b.step(time.Minute, inflow)
		if b.breached && breachedAt < 0 {
			breachedAt = minute
			if before > 21.1 || b.level() < 20.9 {
				t.Errorf("it failed at %.2f m, want 21", before)
			}
		}
		peak = max(peak, b.outflow)
	}
	if breachedAt < 60 {
		t.Errorf("it failed at minute %d, before the surge or never", breachedAt)
	}
	if lost := start + b.received - b.released - b.volume; math.Abs(lost) > 1e-6*start {
		t.Errorf("%v m3 were lost", lost)
	}
	if peak < 500 || b.level() > 5 {
		t.Errorf("peak %.0f m3/s, level %.2f m in the end: that was no outburst", peak, b.level())
	}
}

func TestLakeWithoutBreachOnlySpills(t *testing.T) {
	l := testLake()
	l.Breach = nil
	b := newBasin(l)
	for range 7 * 24 * 60 {
		b.step(time.Minute, 50)
	}
	// In equilibrium the outlet carries the inflow.
	if want := 20 + math.Pow(50/(weirBed*12), 2.0/3); math.Abs(b.level()-want) > 0.01 || math.Abs(b.outflow-50) > 0.5 {
		t.Errorf("level %.3f m outflow %.2f, want %.3f and 50", b.level(), b.outflow, want)
	}
}

func TestLinearReservoirIsExact(t *testing.T) {
	one, many := 100.0, 100.0
	out := drain(&one, 24, 24*time.Hour, 10*time.Hour)
	sum := 0.0
	for range 24 * 60 {
		sum += drain(&many, 24.0/(24*60), time.Minute, 10*time.Hour)
	}
	if math.Abs(out-sum) > 1e-9 || math.Abs(one-many) > 1e-9 {
		t.Errorf("one step gives %v and leaves %v, many give %v and leave %v", out, one, sum, many)
	}
}

func TestHyetographAddsUp(t *testing.T) {
	s := Storm{At: time.Hour, Duration: 7 * time.Hour, MM: 40, Over: map[string]float64{"a": 0.5}}
	a, b, most := 0.0, 0.0, 0.0
	for m := range 10 * 60 {
		from := time.Duration(m) * time.Minute
		depth := s.depth("a", from, from+time.Minute)
		a += depth
		b += s.depth("b", from, from+time.Minute)
		if depth > most {
			most = depth
		}
	}
	if math.Abs(a-20) > 1e-3 || b != 0 || most*60 < 20.0/7*1.9 {
		t.Errorf("%v mm on a, %v on b, at most %v mm/h", a, b, most*60)
	}
}

func TestRatingIsItsOwnInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rating{Zero: rapid.Float64Range(-5, 300).Draw(t, "zero"), A: rapid.Float64Range(0.05, 1).Draw(t, "a"), B: rapid.Float64Range(0.3, 0.7).Draw(t, "b")}
		q := rapid.Float64Range(0, 10_000).Draw(t, "q")
		if got := r.Discharge(r.Level(q)); math.Abs(got-q) > 1e-4*(q+1) {
			t.Fatalf("%v m3/s came back as %v", q, got)
		}
	})
}
