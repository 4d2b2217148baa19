package rule

import (
	"math"
	"testing"
	"time"

	"tocsin/ingest"
)

// minutes makes a series of good readings, one every step from midnight of the day on.
func minutes(step time.Duration, values ...float64) *series {
	s := &series{gap: time.Hour.Milliseconds()}
	for i, v := range values {
		at := day.Add(time.Duration(i) * step).UnixMilli()
		s.put(sample{t: at, received: at, v: v, class: good}, nil)
	}
	return s
}

// TestDecidedWords: each function, relation and shape of an expression in words, with the numbers of the
// readings: at the end 0.95 m risen in half an hour at Mythe, 0.6 m fallen at the lake, 24 mm of rain.
func TestDecidedWords(t *testing.T) {
	readings := map[string]*series{
		"mythe": minutes(15*time.Minute, 2.80, 2.78, 2.78, 3.40, 3.73),
		"lake":  minutes(15*time.Minute, 5.00, 5.10, 5.00, 4.803, 4.50),
		"rain":  minutes(15*time.Minute, 0, 6, 6, 6, 6),
	}
	for when, want := range map[string]struct {
		as   tri
		text string
	}{
		`rise("30m") > 0.8 && level() > 3.5`:             {yes, "rose 0.95 m in 30 minutes (limit 0.8 m) and at 3.73 m (limit 3.5 m)"},
		`rise("30m") >= 0.95 - 1`:                        {yes, "rose 0.95 m in 30 minutes (limit -0.05 m)"},
		`0.8 < rise("1800s")`:                            {yes, "rose 0.95 m in 30 minutes (limit 0.8 m)"},
		`fall("1h", "lake/water_level") > 0.4`:           {yes, "Thanza Lake fell 0.60 m in 1 hour (limit 0.4 m)"},
		`fall("15m") < 0.1`:                              {yes, "did not fall in 15 minutes (below 0.1 m)"},
		`rise("15m", "lake/water_level") <= 0`:           {yes, "Thanza Lake did not rise in 15 minutes (not above 0 m)"},
		`delta("45m", "lake/water_level") < -0.5`:        {yes, "Thanza Lake changed by -0.60 m in 45 minutes (below -0.5 m)"},
		`delta("90m") > 0.5`:                             {yes, "changed by +0.93 m in 90 minutes (limit 0.5 m)"},
		`max("1d", "lake/water_level") > 5`:              {yes, "Thanza Lake highest 5.10 m in 24 hours (limit 5 m)"},
		`min("3d") < 3`:                                  {yes, "lowest 2.78 m in 3 days (below 3 m)"},
		`mean("30m") > 3.5`:                              {yes, "mean 3.56 m over 30 minutes (limit 3.5 m)"},
		`sum("30m") > 7`:                                 {yes, "sum 7.13 m over 30 minutes (limit 7 m)"},
		`sum("1h", "rain/precipitation") > 20`:           {yes, "Hilltop precipitation 24.0 mm in 1 hour (limit 20 mm)"},
		`at("rain/precipitation") > 5`:                   {yes, "Hilltop precipitation at 6.0 mm (limit 5 mm)"},
		`at("mythe/water_level") > 3.7`:                  {yes, "at 3.73 m (limit 3.7 m)"},
		`level() > 3.729`:                                {yes, "at 3.730 m (limit 3.729 m)"},
		`level() > 9 || level() > 3 or rise("1h") > 0.5`: {yes, "at 3.73 m (limit 3 m) and rose 0.95 m in 1 hour (limit 0.5 m)"},
		`level() > 9 || level() > 3`:                     {yes, "at 3.73 m (limit 3 m)"},
		`level() > 3 && level() > 3`:                     {yes, "at 3.73 m (limit 3 m)"},
		`!(level() > 5) and level() > 3`:                 {yes, "at 3.73 m (not above 5 m) and at 3.73 m (limit 3 m)"},
		`not (level() < 3 || rise("1h") < 0.5)`:          {yes, "at 3.73 m (not below 3 m) and rose 0.95 m in 1 hour (not below 0.5 m)"},
		`level() > at("lake/water_level") - 2`:           {yes, `condition "level() > at('lake/water_level') - 2" holds (value 3.73 against 2.50)`},
		`rise("30m") * 2 > 1.5`:                          {yes, `condition "rise('30m') * 2 > 1.5" holds (value 1.90)`},
		`1 < 2`:                                          {yes, `condition "1 < 2" holds`},
		`true`:                                           {yes, ""},
		`level() > 4 && rise("30m") > 0.8`:               {no, "at 3.73 m (not above 4 m)"},
		`level() > 4 || fall("30m") >= 0.2`:              {no, "at 3.73 m (not above 4 m) and did not fall in 30 minutes (below 0.2 m)"},
		`level() < 3.5`:                                  {no, "at 3.73 m (not below 3.5 m)"},
		`level() <= 3.5`:                                 {no, "at 3.73 m (above 3.5 m)"},
		`rise("30m") * 2 > 3`:                            {no, `condition "rise('30m') * 2 > 3" does not hold (value 1.90)`},
	} {
		t.Run(when, func(t *testing.T) {
			set := compileSet(t, Rule{ID: "x", Hazard: "flood", Zone: "tewkesbury", Station: "mythe", Sensor: "water_level", Level: 1, When: when})
			e := newEngine(t, set, &memory{}, &desk{})
			for i, at := range set.rules[0].sources {
				e.tracks[0].frame.series[i] = readings[set.sensors[at].station]
			}
			if got := e.decided(0, set.rules[0].when, want.as, math.MinInt64, true, false, day); got != want.text {
				t.Errorf("says %q, right would be %q", got, want.text)
			}
		})
	}
}

// TestDecidedEarlier: what held at an earlier reading is said with its time, and nothing where it held
// only before the level was raised.
func TestDecidedEarlier(t *testing.T) {
	set := compileSet(t, Rule{ID: "x", Hazard: "flood", Zone: "tewkesbury", Station: "mythe", Sensor: "water_level", Level: 1, When: `rise("15m") > 0.5`})
	e := newEngine(t, set, &memory{}, &desk{})
	e.tracks[0].frame.series[0] = minutes(15*time.Minute, 2.8, 3.4, 3.4, 3.3)
	says := func(since time.Time) string {
		return e.decided(0, set.rules[0].when, yes, since.UnixMilli(), true, false, day)
	}
	if got, want := says(day.Add(15*time.Minute)), "by 00:15 rose 0.60 m in 15 minutes (limit 0.5 m)"; got != want {
		t.Errorf("says %q, right would be %q", got, want)
	}
	if got := says(day.Add(30 * time.Minute)); got != "" {
		t.Errorf("says %q of a condition that did not hold", got)
	}
}

func TestTrend(t *testing.T) {
	quarter, minute := 15*time.Minute, time.Minute
	for name, test := range map[string]struct {
		interval time.Duration
		series   *series
		want     string
	}{
		"one reading":            {quarter, minutes(quarter, 3), ""},
		"two":                    {quarter, minutes(quarter, 3, 3.2), "rising"},
		"two alike":              {quarter, minutes(quarter, 3, 3), "steady"},
		"two far apart":          {quarter, minutes(time.Hour, 3, 3.2), ""},
		"even":                   {quarter, minutes(quarter, 3, 3.1, 3.2, 3.3), "rising 0.40 m/h"},
		"even fall":              {quarter, minutes(quarter, 3.3, 3.2, 3.1, 3.0), "falling 0.40 m/h"},
		"level":                  {quarter, minutes(quarter, 3, 3, 3, 3), "steady"},
		"by hundredths":          {quarter, minutes(quarter, 3.60, 3.61, 3.61, 3.62), "rising 0.02 m/h"},
		"an older rise":          {quarter, minutes(quarter, 1, 2, 3, 3, 3, 3), "steady"},
		"a rise that has halted": {quarter, minutes(quarter, 1, 3, 3, 3), ""},
		"turning":                {quarter, minutes(quarter, 1, 2, 3, 2.5), ""},
		"a fall that has halted": {10 * minute, minutes(10*minute, 21.35, 20.90, 20.10, 20.10), ""},
		"a fall soon at its end": {quarter, minutes(quarter, 3.5, 3.4, 3.3, 3.28), ""},
		"a front arriving":       {quarter, minutes(quarter, 2, 2, 2, 3.5), "rising"},
		"one wrong reading":      {quarter, minutes(quarter, 3.0, 3.1, 2.0, 3.3), "rising"},
		"after the peak":         {minute, minutes(minute, 20.0, 20.6, 21.2, 21.8, 21.9, 21.8, 21.7, 21.5, 21.4, 21.3, 21.2, 21.1, 21.0, 20.9, 20.8, 20.7), "falling 6.00 m/h"},
		"the peak just passed":   {minute, minutes(minute, 20.0, 20.6, 21.2, 21.8, 22.4, 23.0, 22.7, 22.5), ""},
		"a wave at last":         {minute, minutes(minute, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3.5), ""},
		"half of it flat":        {minute, minutes(minute, 2, 2, 2, 2, 2, 2, 2.12, 2.24, 2.36, 2.48, 2.51), "rising"},
		"no interval known":      {0, minutes(20*minute, 9, 3, 3.1, 3.2, 3.3), "rising 0.30 m/h"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &watched{interval: test.interval, unit: "m", quantity: ingest.WaterLevel}
			last, _ := test.series.last(math.MaxInt64, false)
			if got := test.series.trend(last, false, w); got != test.want {
				t.Errorf("says %q, right would be %q", got, test.want)
			}
		})
	}
	s := minutes(quarter, 3, 3.1, 3.2, 3.3)
	last, _ := s.last(math.MaxInt64, false)
	if got := s.trend(last, false, &watched{interval: quarter, unit: "mm", quantity: ingest.Precipitation}); got != "" {
		t.Errorf("rain is %q, though sums have no trend", got)
	}
	last.class = jump
	if got := s.trend(last, true, &watched{interval: quarter, unit: "m"}); got != "" {
		t.Errorf("a jump in doubt is %q", got)
	}
}

func TestUnitsInWords(t *testing.T) {
	for unit, want := range map[string]string{"m": "1.25 m", "Cel": "1.2 °C", "m3/s": "1.2 m³/s", "deg": "1.2°", "mm": "1.2 mm", "": "1.2"} {
		if got := quantity(1.25, unit); got != want {
			t.Errorf("1.25 of %q is %q, right would be %q", unit, got, want)
		}
	}
	if got := quantity(-0.001, "m"); got != "0.00 m" {
		t.Errorf("next to nothing is %q", got)
	}
	if got := exactly(3.605, "m") + ", " + exactly(3.6, "m"); got != "3.605 m, 3.60 m" {
		t.Errorf("limits are %q", got)
	}
	for d, want := range map[time.Duration]string{
		45 * time.Second: "45 seconds", time.Minute: "1 minute", 90 * time.Minute: "90 minutes", time.Hour: "1 hour",
		24 * time.Hour: "24 hours", 72 * time.Hour: "3 days", 1500 * time.Millisecond: "1.5s",
	} {
		if got := inWords(d); got != want {
			t.Errorf("%v is %q, right would be %q", d, got, want)
		}
	}
}
