package sensorsim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/ingest"
)

func TestPacerScalesEventTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pacer{pace: Constant(300)}
		start := time.Now()
		for range 20 {
			if err := p.wait(t.Context(), time.Minute, nil); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took < 3990*time.Millisecond || took > 4010*time.Millisecond {
			t.Errorf("20 min at 300 took %v, want 4s", took)
		}
	})
}

func TestPacerFeelsAChangeAtOnceAndStandsStillAtZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := &pacer{pace: func() float64 {
			switch since := time.Since(start); {
			case since < 10*time.Second:
				return 1
			case since < 20*time.Second:
				return 0
			}
			return 600
		}}
		if err := p.wait(t.Context(), 10*time.Minute, nil); err != nil {
			t.Fatal(err)
		}
		// 10 s pass at speed 1, none at 0, the remaining 590 s at 600 take 0.983 s.
		if took := time.Since(start); took < 20900*time.Millisecond || took > 21200*time.Millisecond {
			t.Errorf("it took %v, want about 21s", took)
		}
	})
}

func TestPacerCountsTheWorkAndForgivesDebts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pacer{pace: Constant(60)}
		_ = p.wait(t.Context(), time.Minute, nil)
		start := time.Now()
		<-time.After(400 * time.Millisecond) // the broker is slow
		_ = p.wait(t.Context(), time.Minute, nil)
		if took := time.Since(start); took > 1010*time.Millisecond {
			t.Errorf("work and wait took %v, want 1s", took)
		}
		<-time.After(10 * time.Second) // the broker was away
		_ = p.wait(t.Context(), time.Minute, nil)
		start = time.Now()
		_ = p.wait(t.Context(), time.Minute, nil)
		if took := time.Since(start); took < 990*time.Millisecond {
			t.Errorf("after a debt a minute took %v, want 1s", took)
		}
	})
}

func TestPacerTellsWhatHasPassedAndEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		p := &pacer{pace: Constant(1)}
		most := time.Duration(0)
		err := p.wait(ctx, time.Hour, func(gone time.Duration) error {
			if gone < most {
				t.Fatalf("%v after %v", gone, most)
			}
			most = gone
			return nil
		})
		if !errors.Is(err, context.DeadlineExceeded) || most < 4*time.Second || most > 5*time.Second {
			t.Errorf("ended with %v after %v", err, most)
		}
		p.pace = Constant(math.Inf(1))
		if err := p.wait(ctx, time.Hour, nil); err == nil {
			t.Error("no waiting must still end with the context")
		}
	})
}

func replayed(t *testing.T, text string, network *ingest.Network) (moments []string, r *Replay) {
	t.Helper()
	r, err := NewReplay("r.csv", strings.NewReader(text), network, nil)
	if err != nil {
		t.Fatal(err)
	}
	for {
		now, outputs, ok := r.Next()
		if !ok {
			return moments, r
		}
		moment := now.Format("02T15:04")
		for _, o := range outputs {
			moment += fmt.Sprintf(" %s/%s=%v@%s", o.Station, o.Sensor, o.Value, o.Time.Format("15:04"))
		}
		moments = append(moments, moment)
	}
}

func TestReplayGroupsByArrival(t *testing.T) {
	got, r := replayed(t, `time,station,quantity,value,unit,received,sensor
2016-02-08T10:00:00Z,a,water_level,1,m,2016-02-08T10:05:00Z,stage
2016-02-08T09:00:00Z,b,water_level,2,m,2016-02-08T10:05:00Z,
2016-02-08T10:10:00Z,a,water_level,x,m,2016-02-08T10:12:00Z,stage
2016-02-08T10:15:00Z,a,water_level,3,m,2016-02-08T10:20:00Z,stage
2016-02-08T08:00:00Z,b,water_level,4,m,2016-02-08T10:19:00Z,
`, nil)
	want := []string{
		"08T10:05 a/stage=1@10:00 b/water_level=2@09:00",
		"08T10:20 a/stage=3@10:15 b/water_level=4@08:00", // received before its forerunner: at once, the clock stays
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if r.Faults() != 1 || r.Err() != nil {
		t.Errorf("%d faults, %v", r.Faults(), r.Err())
	}
}

func TestReplayWithoutArrivalTimesFollowsTheFile(t *testing.T) {
	got, _ := replayed(t, `time,station,quantity,value,unit
2016-02-08T10:00:00Z,a,water_level,1,m
2016-02-08T10:15:00Z,a,water_level,2,m
2016-02-08T09:00:00Z,b,water_level,3,m
2099-01-01T00:00:00Z,c,water_level,4,m
2016-02-08T10:30:00Z,a,water_level,5,m
`, nil)
	want := []string{
		"08T10:00 a/water_level=1@10:00",
		"08T10:15 a/water_level=2@10:15 b/water_level=3@09:00 c/water_level=4@00:00", // a clock of 2099 is not followed
		"08T10:30 a/water_level=5@10:30",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestReplayFollowsATrueGap(t *testing.T) {
	text := "time,station,quantity,value,unit\n2016-02-08T10:00:00Z,a,water_level,1,m\n"
	for i := range jumpWitnesses + 3 {
		text += fmt.Sprintf("2016-06-01T%02d:00:00Z,a,water_level,2,m\n", i)
	}
	got, _ := replayed(t, text, nil)
	if final := got[len(got)-1]; !strings.HasPrefix(final, "01T22:00") {
		t.Errorf("the clock stayed at %s", final)
	}
}

func TestReplayNamesTheSensorByTheNetwork(t *testing.T) {
	network, err := ingest.NewNetwork([]ingest.Station{{ID: "a", Sensors: []ingest.Sensor{{ID: "stage", Quantity: ingest.WaterLevel}}}})
	if err != nil {
		t.Fatal(err)
	}
	got, r := replayed(t, "time,station,quantity,value,unit\n2016-02-08T10:00:00Z,a,water_level,1,m\n2016-02-08T10:00:00Z,b,water_level,1,m\n", network)
	if len(got) != 1 || got[0] != "08T10:00 a/stage=1@10:00" || r.Faults() != 1 {
		t.Errorf("%v, %d faults", got, r.Faults())
	}
}

func TestReplayHoldsNoMoreThanItMust(t *testing.T) {
	text := "time,station,quantity,value,unit\n" + strings.Repeat("2016-02-08T10:00:00Z,a,water_level,1,m\n", mostRows*3+1)
	r, err := NewReplay("r.csv", strings.NewReader(text), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for {
		_, outputs, ok := r.Next()
		if !ok {
			break
		}
		if n += len(outputs); len(outputs) > mostRows {
			t.Fatalf("%d rows at once", len(outputs))
		}
	}
	if n != mostRows*3+1 {
		t.Errorf("%d rows of %d", n, mostRows*3+1)
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	err := Config{Broker: "127.0.0.1"}.Validate()
	if err == nil || !strings.Contains(err.Error(), "tcp://127.0.0.1:1883") || !strings.Contains(err.Error(), "nothing to send") {
		t.Errorf("%v", err)
	}
	for speed, want := range map[string]float64{"max": math.Inf(1), "300": 300, "0.5": 0.5} {
		if got, err := ParseSpeed(speed); err != nil || got != want {
			t.Errorf("%s: %v %v", speed, got, err)
		}
	}
	for _, bad := range []string{"", "0", "-1", "fast", "NaN", "Inf"} {
		if _, err := ParseSpeed(bad); err == nil {
			t.Errorf("speed %q was taken", bad)
		}
	}
}
