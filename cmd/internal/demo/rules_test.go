package demo

import (
	"fmt"
	"iter"
	"regexp"
	"strconv"
	"testing"
	"time"

	"tocsin/alerting"
	"tocsin/alerting/rule"
	"tocsin/ingest"
	"tocsin/ingest/qc"
	"tocsin/sensors-sim/scenario"
)

// batches are the readings of a story as they would leave intake: checked for quality, minute by minute.
func batches(t *testing.T, v *scenario.Valley, until time.Duration) iter.Seq2[ingest.Batch, error] {
	t.Helper()
	n := network(t)
	checker := qc.New(n)
	return func(yield func(ingest.Batch, error) bool) {
		position := uint64(0)
		for v.Now().Before(Start.Add(until)) {
			now, outputs, _ := v.Next()
			position++
			batch := ingest.Batch{First: position, Last: position, Now: now}
			for i, o := range outputs {
				sensor, ok := n.Sensor(o.Station, o.Sensor)
				if !ok {
					t.Fatalf("no sensor %s/%s", o.Station, o.Sensor)
				}
				batch.Readings = append(batch.Readings, ingest.Reading{
					Key:      ingest.Key{Station: o.Station, Sensor: o.Sensor, Time: o.Time},
					Quantity: sensor.Quantity, Value: o.Value, Received: now, Flag: ingest.NotEvaluated, Position: position, Part: i,
				})
			}
			batch.Readings = checker.Check(batch.Readings)
			if !yield(batch, nil) {
				return
			}
		}
	}
}

func rehearse(t *testing.T, rules []rule.Rule, v *scenario.Valley, until time.Duration) []rule.Episode {
	t.Helper()
	set, err := rule.Compile(rules, network(t), zones(t), 6*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	episodes, err := rule.Rehearse(t.Context(), set, batches(t, v, until), time.FixedZone("Bhutan", 6*3600))
	if err != nil {
		t.Fatal(err)
	}
	return episodes
}

func describe(e rule.Episode) string {
	cleared := "never"
	if e.Cleared != nil {
		cleared = e.Cleared.Sub(Start).String()
	}
	return fmt.Sprintf("%s %s %d from %v until %s by %s (%s) %s", e.Hazard, e.Zone, e.Level, e.Raised.Sub(Start), cleared, e.Rule, e.Doubtful, e.Words)
}

func TestTheOutburstIsWarnedOfInTime(t *testing.T) {
	crests := watch(story(t, Outburst, Seed), []string{"thanza", "punakha", "wangdi-rapid"}, 24*time.Hour)
	first := map[string]time.Duration{}
	for _, e := range rehearse(t, rules(t), story(t, Outburst, Seed), 2*24*time.Hour) {
		t.Log(describe(e))
		key := fmt.Sprintf("%s %d", e.Zone, e.Level)
		if _, again := first[key]; again || e.Doubtful != "" || e.Hazard != "outburst" {
			t.Errorf("more than the one warning: %s", describe(e))
			continue
		}
		first[key] = e.Raised.Sub(Start)
		if e.Cleared == nil || e.Cleared.Sub(Start) > 18*time.Hour {
			t.Errorf("no all-clear within 18 h: %s", describe(e))
		}
	}
	for key, latest := range map[string]time.Duration{
		// The lake's signals come within 20 s of the page opening, told at 300 times real speed.
		"lunana 2": 10 * Speed * time.Second, "lunana 4": 20 * Speed * time.Second,
		// Punakha and Wangdue have hours before the wave.
		"punakha 3": crests["punakha"].front - 4*time.Hour, "punakha 4": crests["punakha"].front - 4*time.Hour,
		"wangdue 2": crests["wangdi-rapid"].front - 5*time.Hour, "wangdue 3": crests["wangdi-rapid"].front - 9*time.Hour/2,
		"wangdue 4": crests["wangdi-rapid"].front - time.Hour,
	} {
		if at, ok := first[key]; !ok || at > latest {
			t.Errorf("%s is raised at %v (%v), want by %v", key, at, ok, latest)
		}
	}
	if crests["thanza"].front < first["lunana 4"] {
		t.Errorf("the wave is at Thanza at %v, Lunana's emergency at %v", crests["thanza"].front, first["lunana 4"])
	}
}

// thresholds finds the numbers that a change is compared with.
var thresholds = regexp.MustCompile(`((?:rise|fall)\("[^"]*"\) > )([0-9.]+)`)

// touchier makes rules that raise at half the change, and at 70 % of the level.
func touchier(t *testing.T, rules []rule.Rule) []rule.Rule {
	t.Helper()
	for i := range rules {
		raise := map[alerting.Level]float64{}
		for level, value := range rules[i].Raise {
			raise[level] = 0.7 * value
		}
		if rules[i].When == "" {
			rules[i].Raise, rules[i].Clear = raise, nil
			continue
		}
		rules[i].Until = ""
		rules[i].When = thresholds.ReplaceAllStringFunc(rules[i].When, func(s string) string {
			parts := thresholds.FindStringSubmatch(s)
			return parts[1] + strconv.FormatFloat(number(t, parts[2])/2, 'g', -1, 64)
		})
	}
	return rules
}

func TestQuietWarnsOfNothingWithMargin(t *testing.T) {
	for _, e := range rehearse(t, rules(t), story(t, Quiet, Seed), 3*24*time.Hour) {
		t.Errorf("the rules of the site: %s", describe(e))
	}
	for seed := range uint64(2) {
		for _, e := range rehearse(t, touchier(t, rules(t)), story(t, Quiet, seed), 48*time.Hour) {
			t.Errorf("touchier rules, seed %d: %s", seed, describe(e))
		}
	}
}

func TestRainIsAFloodAndNoOutburst(t *testing.T) {
	raised := map[string]bool{}
	for _, e := range rehearse(t, rules(t), story(t, "monsoon", Seed), 4*24*time.Hour) {
		t.Log(describe(e))
		if e.Hazard != "flood" || e.Doubtful != "" {
			t.Errorf("%s", describe(e))
		}
		raised[e.Zone] = true
	}
	if !raised["wangdue-river"] || !raised["punakha-river"] {
		t.Errorf("warned: %v", raised)
	}
}
