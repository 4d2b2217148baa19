package demo

import (
	"math"
	"testing"
	"time"

	"tocsin/sensors-sim/scenario"
)

func story(t *testing.T, name string, seed uint64) *scenario.Valley {
	t.Helper()
	v, err := Story(name, seed)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// crest is the highest flow at a place, and when it and the wave's front passed.
type crest struct {
	base, peak  float64       // m3/s
	front, when time.Duration // since the start: base + a tenth of the rise; the peak
}

// watch follows a story for a while and returns the crest at each node.
func watch(v *scenario.Valley, nodes []string, until time.Duration) map[string]crest {
	flows := map[string][]float64{}
	for v.Now().Before(Start.Add(until)) {
		v.Next()
		for _, node := range nodes {
			flows[node] = append(flows[node], v.Discharge(node))
		}
	}
	crests := map[string]crest{}
	for node, series := range flows {
		c := crest{base: series[0]}
		for i, q := range series {
			if q > c.peak {
				c.peak, c.when = q, time.Duration(i)*time.Minute
			}
		}
		for i, q := range series {
			if q > c.base+0.1*(c.peak-c.base) {
				c.front = time.Duration(i) * time.Minute
				break
			}
		}
		crests[node] = c
	}
	return crests
}

func near(t *testing.T, what string, got, want, share float64) {
	t.Helper()
	if math.Abs(got-want) > share*want {
		t.Errorf("%s is %.4g, want %.4g within %.0f %%", what, got, want, 100*share)
	}
}

func TestStartIsThatOfTheSimulation(t *testing.T) {
	d, err := Description()
	if err != nil {
		t.Fatal(err)
	}
	if !d.Start.Equal(Start) {
		t.Errorf("simulation.yaml begins at %v, the package says %v", d.Start, Start)
	}
}

func TestTheOutburstIsThatOf1994(t *testing.T) {
	v := story(t, Outburst, Seed)
	level := v.LakeLevel("luggye")
	released, top := 0.0, level
	nodes := []string{"luggye-outlet", "thanza", "lhedi", "gorge", "samdingkha", "punakha", "wangdi-rapid"}
	flood := story(t, Outburst, Seed)
	crests := watch(flood, nodes, 24*time.Hour)
	for v.Now().Before(Start.Add(24 * time.Hour)) {
		v.Next()
		top = max(top, v.LakeLevel("luggye"))
		released += (v.Outflow("luggye") - crests["luggye-outlet"].base) * 60
	}
	near(t, "the peak out of the lake, m3/s", crests["luggye-outlet"].peak, 2500, 0.10)
	near(t, "the volume released, m3", released, 18e6, 0.05)
	near(t, "the fall of the lake, m", top-v.LakeLevel("luggye"), 19, 0.05)
	near(t, "the peak at Wangdi Rapid, m3/s", crests["wangdi-rapid"].peak, 2539, 0.10)
	for what, took := range map[string]time.Duration{
		"front": crests["punakha"].front - crests["luggye-outlet"].front, "crest": crests["punakha"].when - crests["luggye-outlet"].when,
	} {
		if took < 5*time.Hour || took > 6*time.Hour {
			t.Errorf("the %s took %v from the lake to Punakha, want 5 to 6 h", what, took)
		}
	}
	if seconds := crests["punakha"].front.Seconds() / Speed; seconds < 60 || seconds > 90 {
		t.Errorf("at %dx the wave reaches Punakha after %.0f s, want 60 to 90", Speed, seconds)
	}
	for i := 1; i < len(nodes); i++ {
		if a, b := crests[nodes[i-1]], crests[nodes[i]]; b.front <= a.front || b.when <= a.when {
			t.Errorf("the wave passes %s at %v and %s at %v", nodes[i-1], a.front, nodes[i], b.front)
		}
	}
}

func TestNoStoryLosesWater(t *testing.T) {
	for _, name := range []string{Outburst, Quiet, "monsoon"} {
		v := story(t, name, Seed)
		for v.Now().Before(Start.Add(72 * time.Hour)) {
			v.Next()
		}
		if l := v.Ledger(); math.Abs(l.Error()) > 1e-9 {
			t.Errorf("%s: out by %g of %+v", name, l.Error(), l)
		}
	}
}

func TestTheDamHoldsInAnyOtherWeather(t *testing.T) {
	for _, name := range []string{Quiet, "monsoon"} {
		for seed := range uint64(2) {
			v := story(t, name, seed)
			for v.Now().Before(Start.Add(5 * 24 * time.Hour)) {
				v.Next()
			}
			if v.Breached("luggye") {
				t.Errorf("%s, seed %d: the dam failed", name, seed)
			}
		}
	}
}
