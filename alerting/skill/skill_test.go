package skill

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/alerting"
)

var noon = time.Date(2016, 2, 5, 12, 0, 0, 0, time.UTC)

func after(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

func episode(zone string, level alerting.Level, from, to int) Episode {
	e := Episode{Zone: zone, Level: level, Raised: after(from)}
	if to != 0 {
		cleared := after(to)
		e.Cleared = &cleared
	}
	return e
}

func TestScore(t *testing.T) {
	yes := Expected{Zone: "a", Level: 2, FirstTime: noon, Verdict: Yes}
	no := Expected{Zone: "b", Level: 1, Verdict: No}
	doubtful := Expected{Zone: "c", Level: 1, Verdict: Doubtful}
	looked := episode("a", 2, 0, 0)
	looked.Doubtful = true
	for name, test := range map[string]struct {
		rows                               []Expected
		episodes                           []Episode
		hits, misses, falseAlarms, correct int
	}{
		"nothing at all":              {nil, nil, 0, 0, 0, 0},
		"on time":                     {[]Expected{yes}, []Episode{episode("a", 2, 0, 0)}, 1, 0, 0, 0},
		"early and standing":          {[]Expected{yes}, []Episode{episode("a", 2, -300, 60)}, 1, 0, 0, 0},
		"at the edge of tolerance":    {[]Expected{yes}, []Episode{episode("a", 2, 30, 0)}, 1, 0, 0, 0},
		"a minute too late":           {[]Expected{yes}, []Episode{episode("a", 2, 31, 0)}, 0, 1, 0, 0},
		"began and ended before":      {[]Expected{yes}, []Episode{episode("a", 2, -300, -200)}, 0, 1, 1, 0},
		"twice before":                {[]Expected{yes}, []Episode{episode("a", 2, -300, -200), episode("a", 2, -100, -90), episode("a", 2, 0, 0)}, 1, 0, 1, 0},
		"a second wave":               {[]Expected{yes}, []Episode{episode("a", 2, 0, 60), episode("a", 2, 120, 0)}, 1, 0, 0, 0},
		"level too low":               {[]Expected{yes}, []Episode{episode("a", 1, 0, 0)}, 0, 1, 0, 0},
		"lower levels on the way":     {[]Expected{yes}, []Episode{episode("a", 1, -60, 0), episode("a", 2, 0, 60)}, 1, 0, 0, 0},
		"a level higher than any row": {[]Expected{yes}, []Episode{episode("a", 2, 0, 0), episode("a", 3, 5, 0)}, 1, 0, 1, 0},
		"doubtful is no warning":      {[]Expected{yes}, []Episode{looked}, 0, 1, 0, 0},
		"quiet stays quiet":           {[]Expected{no}, nil, 0, 0, 0, 1},
		"quiet raised":                {[]Expected{no}, []Episode{episode("b", 1, 0, 0), episode("b", 2, 5, 0)}, 0, 0, 1, 0},
		"doubtful row not scored":     {[]Expected{doubtful}, []Episode{episode("c", 1, 0, 0)}, 0, 0, 0, 0},
		"beyond a doubtful row":       {[]Expected{doubtful}, []Episode{episode("c", 2, 0, 0)}, 0, 0, 1, 0},
		"zone in no row":              {[]Expected{yes}, []Episode{episode("a", 2, 0, 0), episode("x", 1, 0, 10), episode("x", 1, 20, 0)}, 1, 0, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := Score(test.rows, test.episodes, Options{})
			got := []int{s.Hits, s.Misses, s.FalseAlarms, s.CorrectNegatives}
			want := []int{test.hits, test.misses, test.falseAlarms, test.correct}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("hits, misses, false alarms, correct negatives:\n%s%+v", diff, s.Rows)
			}
		})
	}
}

func TestScoreNumbers(t *testing.T) {
	rows := []Expected{
		{Zone: "a", Level: 1, FirstTime: noon, Verdict: Yes},
		{Zone: "b", Level: 1, FirstTime: noon, Verdict: Yes},
		{Zone: "c", Level: 1, FirstTime: noon, Verdict: Yes},
		{Zone: "d", Level: 1, Verdict: No},
	}
	s := Score(rows, []Episode{episode("a", 1, -60, 0), episode("b", 1, 20, 0), episode("d", 1, 0, 0)}, Options{})
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"hits":2,"misses":1,"false_alarms":1,"correct_negatives":0,"pod":0.6667,"far":0.3333,"csi":0.5,"lead_time_minutes":20,`
	if !strings.HasPrefix(string(text), want) {
		t.Errorf("got %s\nwant %s…", text, want)
	}
	text, err = json.Marshal(Score(nil, nil, Options{}))
	if err != nil {
		t.Fatal(err)
	}
	want = `{"hits":0,"misses":0,"false_alarms":0,"correct_negatives":0,"pod":null,"far":null,"csi":null,"lead_time_minutes":null,"rows":[]}`
	if string(text) != want {
		t.Errorf("of nothing: got %s\nwant %s", text, want)
	}
}

func TestReadExpected(t *testing.T) {
	rows, err := ReadExpected("expected.csv", strings.NewReader(
		"\ufeffzone,station,level,first_time,verdict,reason\nmythe,2057,1,2016-02-05T09:45:00Z,yes,crest\nwye,1,2,,no,\"quiet, all along\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Expected{
		{Zone: "mythe", Level: 1, FirstTime: time.Date(2016, 2, 5, 9, 45, 0, 0, time.UTC), Verdict: Yes, Line: 2},
		{Zone: "wye", Level: 2, Verdict: No, Line: 3},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
}

func TestReadExpectedFaults(t *testing.T) {
	for text, want := range map[string][]string{
		"":                              {"e.csv:1: no header"},
		"zone,level,verdict\na,1,yes\n": {`e.csv:1: the header has no column "first_time"`},
		"zone,level,first_time,verdict\na,7,noon,maybe\n,1,,yes\nb,1,,no\nb,1,,no\nb,1\nc,2,,\"no\n": {
			`e.csv:2: level "7" is not one of`, `e.csv:2: verdict "maybe" is not one of`, `e.csv:2: first_time "noon" is not a time`,
			"e.csv:3: zone is empty", "e.csv:3: first_time is empty", "e.csv:5: b level 1 stands in line 4 already", "e.csv:6: 2 fields", "e.csv:7: ",
		},
	} {
		rows, err := ReadExpected("e.csv", strings.NewReader(text))
		if err == nil || rows != nil {
			t.Errorf("%q: rows %v, error %v", text, rows, err)
			continue
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q: error lacks %q:\n%v", text, part, err)
			}
		}
	}
}

func FuzzReadExpected(f *testing.F) {
	f.Add("zone,level,first_time,verdict\na,1,2016-02-05T09:45:00Z,yes\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := ReadExpected("f", strings.NewReader(text))
		if err != nil {
			return
		}
		for _, r := range rows {
			if r.Zone == "" || r.Level < 1 || r.Level > alerting.MaxLevel || r.Verdict == Yes && r.FirstTime.IsZero() {
				t.Errorf("accepted %+v", r)
			}
		}
	})
}
