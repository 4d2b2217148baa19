package rule

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"tocsin/alerting"
)

func TestCompileFaults(t *testing.T) {
	nothing := func(*Rule) {}
	for name, test := range map[string]struct {
		change func(*Rule)
		want   []string // parts of the error, in order; none: accepted
	}{
		"sound":            {nothing, nil},
		"no id":            {func(r *Rule) { r.ID = "" }, []string{"rule #1: id: is missing"}},
		"unknown zone":     {func(r *Rule) { r.Zone = "tewksbury" }, []string{`zone: "tewksbury" is not in zones.geojson, which has hill, lunana, tewkesbury`}},
		"other hazard":     {func(r *Rule) { r.Hazard = "floood" }, []string{`hazard: "floood" is not what zone "tewkesbury" is drawn for; right would be "flood"`}},
		"unknown station":  {func(r *Rule) { r.Station = "myth" }, []string{`station: "myth" is not in stations.geojson, which has lake, mythe, rain, saxon`}},
		"unknown sensor":   {func(r *Rule) { r.Sensor = "level" }, []string{`sensor: "level" is not a sensor of station "mythe", which has water_level`}},
		"neither":          {func(r *Rule) { r.Raise = nil }, []string{"raise: is missing"}},
		"both":             {func(r *Rule) { r.When = "level() > 1" }, []string{"when: stands beside raise"}},
		"level 5":          {func(r *Rule) { r.Raise[5] = 9 }, []string{"raise: level 5 is not one of 1, 2, 3, 4"}},
		"levels upside":    {func(r *Rule) { r.Raise[2] = 3.6 }, []string{"raise: level 2 (3.6) must be more dangerous than level 1 (3.6); direction is rising"}},
		"clear above":      {func(r *Rule) { r.Clear[1] = 3.7 }, []string{"clear: level 1: 3.7 is on the dangerous side of its raise value 3.6"}},
		"clear of nothing": {func(r *Rule) { r.Clear[3] = 3.7 }, []string{"clear: level 3 has no value in raise"}},
		"direction":        {func(r *Rule) { r.Direction = "up" }, []string{`direction: "up" is not one of rising, falling`}},
		"falling order": {func(r *Rule) { r.Direction = Falling }, []string{
			"clear: level 1: 3.4 is on the dangerous side", "level 2 (4.1) must be more dangerous than level 1 (3.6); direction is falling",
		}},
		"negative for":     {func(r *Rule) { r.For = -1 }, []string{"for: -1ns is not between 0s and"}},
		"level with raise": {func(r *Rule) { r.Level = 2 }, []string{"level: level and until belong to an expression"}},
		"several at once":  {func(r *Rule) { r.Zone, r.Station, r.For = "x", "y", -1 }, []string{"zone:", "station:", "for:"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := levelRule()
			test.change(&r)
			_, err := Compile([]Rule{r}, testNetwork(t), testZones(), time.Hour)
			checkFaults(t, err, test.want)
		})
	}
}

func checkFaults(t *testing.T, err error, want []string) {
	t.Helper()
	if len(want) == 0 {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	var one *RuleError
	if !errors.As(err, &one) {
		t.Fatalf("error %v is no *RuleError", err)
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d faults where %d stand:\n%v", len(lines), len(want), err)
	}
	for i, part := range want {
		if !strings.Contains(lines[i], part) {
			t.Errorf("fault %q lacks %q", lines[i], part)
		}
	}
}

func TestCompileFaultsOfExpressions(t *testing.T) {
	for when, want := range map[string]string{
		`fall("30m") > 1.0 && level() > -2.5 * 3 / (1 + at("lake/water_level")) - 1`: "",
		`not (rise("1d", "saxon/water_level") >= 1) or true`:                         "",
		`level()`:                        "expected bool, but got float64",
		`"high"`:                         "when: ",
		`leve() > 1`:                     "when: column 1: unknown name leve",
		`rise() > 1`:                     "not enough arguments",
		`rise("1h", "a/b", "c") > 1`:     "too many arguments",
		`rise(3) > 1`:                    "cannot use",
		`rise("soon") > 1`:               `when: column 1: rise("soon"): the window must be a duration`,
		`rise("1" + "h") > 1`:            "must be written out in quotes",
		`rise("-1h") > 1`:                "the window must be a duration",
		`rise("9000h") > 1`:              "the window must be a duration",
		`at("mythe") > 1`:                `right would be "station/sensor"`,
		`at("myth/water_level") > 1`:     `when: "myth" is not in stations.geojson`,
		`at("mythe/level") > 1`:          `when: "level" is not a sensor of station "mythe"`,
		`level() == 3`:                   `"==" is not one of`,
		`level() > 1 ? true : false`:     "is not a condition",
		`all([1, 2], {# > 0})`:           "is not a condition",
		`sum([1, 2]) > 0`:                "cannot use",
		`len(filter(1..9, {# > 0})) > 1`: "when: ",
		`let x = 1; x > 0`:               "is not a condition",
		`level( > 1`:                     "when: column",
		`level() > 1` + strings.Repeat(" && level() > 1", 80): "exceeds maximum",
	} {
		r := Rule{ID: "x", Hazard: "flood", Zone: "tewkesbury", Station: "mythe", Sensor: "water_level", Level: 1, When: when}
		_, err := Compile([]Rule{r}, testNetwork(t), testZones(), time.Hour)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: refused: %v", when, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: error %v lacks %q", when, err, want)
		case err != nil && strings.Contains(err.Error(), "\n"):
			t.Errorf("%s: more than one line: %q", when, err)
		}
	}
}

func TestDoubledID(t *testing.T) {
	_, err := Compile([]Rule{levelRule(), levelRule()}, testNetwork(t), testZones(), 0)
	checkFaults(t, err, []string{`rule mythe-level: id: "mythe-level" stands twice`})
}

func TestThresholdsAndHash(t *testing.T) {
	set := compileSet(t, levelRule())
	clear := 3.4
	want := []alerting.Threshold{
		{Rule: "mythe-level", Zone: "tewkesbury", Level: 1, Raise: 3.6, Clear: &clear},
		{Rule: "mythe-level", Zone: "tewkesbury", Level: 2, Raise: 4.1},
	}
	if diff := cmp.Diff(want, set.Thresholds("mythe", "water_level")); diff != "" {
		t.Error(diff)
	}
	if got := set.Thresholds("nowhere", "water_level"); got != nil {
		t.Errorf("unknown sensor: %v", got)
	}
	other := levelRule()
	other.Raise[2] = 4.2
	a, b := set.Hash("mythe-level"), compileSet(t, other).Hash("mythe-level")
	if len(a) != 16 || a == b || a != compileSet(t, levelRule()).Hash("mythe-level") || set.Hash("no") != "" {
		t.Errorf("hashes %q and %q of different rules", a, b)
	}
}

func TestDurationInYAML(t *testing.T) {
	var r Rule
	if err := yaml.Unmarshal([]byte("for: 30m"), &r); err != nil || r.For.ms() != 1_800_000 {
		t.Errorf("30m: %v, %v", r.For, err)
	}
	if err := yaml.Unmarshal([]byte("for: 2d"), &r); err != nil || r.For.ms() != 172_800_000 {
		t.Errorf("2d: %v, %v", r.For, err)
	}
	err := yaml.Unmarshal([]byte("id: x\nfor: soon\nlevel: [1]"), &r)
	for _, part := range []string{`line 2: "soon" is not a duration`, "line 3:"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v lacks %q", err, part)
		}
	}
}

// FuzzExpression: whatever an expression says, it is refused with a sentence or judged without a crash,
// and gives the same answer twice.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{`fall("30m") > 1.0`, `!(at("lake/water_level") > 2) || sum("1d") / 0 > 1`, `all([1], {# > 0})`, `level() > (`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseExpression(text)
		if err != nil {
			if err.Error() == "" {
				t.Error("refused without a word")
			}
			return
		}
		places := []source{{"mythe", "water_level"}}
		judge := p.bind(func(s source) int { places = append(places, s); return len(places) - 1 })
		frame := &frame{t: 100}
		for range places {
			frame.series = append(frame.series, &series{gap: 1000, samples: []sample{{t: 50, v: 1, class: good}, {t: 90, v: 2, class: good}}})
		}
		if first, second := judge.holds(frame), judge.holds(frame); first != second {
			t.Errorf("%q is not a pure function", text)
		}
	})
}
