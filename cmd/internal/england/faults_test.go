package england

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	judging "tocsin/alerting/rule"
	"tocsin/alerting/skill"
	"tocsin/cmd/internal/rehearsal"
	"tocsin/cmd/internal/site"
)

// What England's gauges did not do in that week, but gauges do: the record is played again with faults put
// into gauges that were quiet, and with rules that are wrong. Rehearsals judge as the program does live
// (the tests across rooms hold the two against each other).

// played is a converted site with its readings, to be played again and again.
type played struct {
	dir      string
	site     *site.Site
	rows     []reading
	expected []skill.Expected
}

// reading is a line of readings.csv.
type reading struct {
	time                            time.Time
	station, sensor, quantity, unit string
	value                           float64
	received                        time.Time
}

func newPlayed(t *testing.T) *played {
	t.Helper()
	p := &played{dir: t.TempDir()}
	if err := record(t).Convert(p.dir, Options{MQTT: "mqtt: {embedded: {listen: 127.0.0.1:0, anonymous: true}}"}); err != nil {
		t.Fatal(err)
	}
	var err error
	if p.site, err = site.Load(os.DirFS(p.dir), ""); err != nil {
		t.Fatal(err)
	}
	file, err := expected.Open("expected.csv")
	if err != nil {
		t.Fatal(err)
	}
	if p.expected, err = skill.ReadExpected("expected.csv", file); err != nil {
		t.Fatal(err)
	}
	p.rows = readRows(t, filepath.Join(p.dir, "readings.csv"))
	return p
}

func readRows(t *testing.T, name string) []reading {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []reading
	for _, line := range lines[1:] {
		at, err1 := time.Parse(time.RFC3339, line[0])
		value, err2 := strconv.ParseFloat(line[4], 64)
		received, err3 := time.Parse(time.RFC3339, line[6])
		if err := cmp.Or(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, reading{at, line[1], line[2], line[3], line[5], value, received})
	}
	return rows
}

// play rehearses rows in their order of arrival and scores them.
func (p *played) play(t *testing.T, s *site.Site, rows []reading) rehearsal.Report {
	t.Helper()
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b reading) int { return a.received.Compare(b.received) })
	var text bytes.Buffer
	err := fillCSV(&text, []string{"time", "station", "sensor", "quantity", "value", "unit", "received"}, func(write func(...string) error) error {
		for _, r := range rows {
			if err := write(r.time.Format(time.RFC3339), r.station, r.sensor, r.quantity, strconv.FormatFloat(r.value, 'f', -1, 64), r.unit,
				r.received.Format(time.RFC3339Nano)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	report, err := rehearsal.Play(t.Context(), s, "readings.csv", &text, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	report.Score(p.expected)
	return report
}

func (p *played) demand(t *testing.T, report rehearsal.Report, hits, misses, falseAlarms int) {
	t.Helper()
	k := report.Skill
	if k.Hits != hits || k.Misses != misses || k.FalseAlarms != falseAlarms {
		t.Errorf("hits %d, misses %d, false alarms %d; want %d, %d, %d", k.Hits, k.Misses, k.FalseAlarms, hits, misses, falseAlarms)
		for _, row := range k.Rows {
			if row.Outcome == skill.Miss || row.Outcome == skill.FalseAlarm {
				t.Errorf("%s: zone %s level %d at %v", row.Outcome, row.Zone, row.Level, row.Raised)
			}
		}
	}
}

// TestPlayedAgain plays the record with errors and faults. Loading the site takes most of the time, so it is
// loaded once.
func TestPlayedAgain(t *testing.T) {
	p := newPlayed(t)
	t.Run("wrong rules show", p.wrongRules)
	t.Run("faults of quiet gauges do not warn", p.quietFaults)
	t.Run("any order means the same floods", p.otherOrders)
}

// wrongRules: a score that cannot get worse proves nothing.
func (p *played) wrongRules(t *testing.T) {
	p.demand(t, p.play(t, p.site, p.rows), 31, 0, 0)
	t.Run("a threshold raised by 2 m misses a flood", func(t *testing.T) {
		s := p.withRules(t, func(r *judging.Rule, sensors []string) {
			if r.Zone == "031FWFSE435" {
				r.Raise[3] += 2
			}
		})
		p.demand(t, p.play(t, s, p.rows), 30, 1, 0)
	})
	t.Run("a threshold held against metres above the sea alarms falsely", func(t *testing.T) {
		s := p.withRules(t, func(r *judging.Rule, sensors []string) {
			// Longley Road sends its level twice, the second time in mAOD.
			if r.Station == "4189TH" && slices.Contains(sensors, "water_level_1") {
				r.Sensor = "water_level_1"
			}
		})
		p.demand(t, p.play(t, s, p.rows), 31, 0, 2)
	})
	t.Run("a threshold held against the downstream series misses floods", func(t *testing.T) {
		s := p.withRules(t, func(r *judging.Rule, sensors []string) {
			if slices.Contains(sensors, "water_level_downstream_stage") {
				r.Sensor = "water_level_downstream_stage"
			}
		})
		p.demand(t, p.play(t, s, p.rows), 29, 2, 0)
	})
}

// withRules is the site with every rule changed.
func (p *played) withRules(t *testing.T, change func(r *judging.Rule, sensors []string)) *site.Site {
	t.Helper()
	var rules []judging.Rule
	for _, e := range p.site.Rules {
		r := e.Rule
		r.Raise = maps.Clone(r.Raise)
		var sensors []string
		station, _ := p.site.Network.Station(r.Station)
		for _, sensor := range station.Sensors {
			sensors = append(sensors, sensor.ID)
		}
		change(&r, sensors)
		rules = append(rules, r)
	}
	changed := *p.site
	var err error
	changed.Set, err = judging.Compile(rules, changed.Network, changed.Zones, time.Duration(changed.Config.Lateness))
	if err != nil {
		t.Fatal(err)
	}
	return &changed
}

// quiet is a gauge that no zone was warned by, with room for a fault.
type quiet struct {
	station string
	at      []int   // its readings in rows, by time
	lowest  float64 // threshold
	highest float64
}

// quietGauges are gauges of zones that had to stay quiet, so far apart that one cannot speak for another.
// Each turn gives others.
func (p *played) quietGauges(apart float64, turn int) []quiet {
	verdicts := map[string]skill.Verdict{}
	for _, e := range p.expected {
		if e.Verdict != skill.No {
			verdicts[e.Zone] = e.Verdict
		}
	}
	found := map[string]*quiet{}
	spoilt := map[string]bool{}
	for _, e := range p.site.Rules {
		q := found[e.Station]
		if q == nil {
			q = &quiet{station: e.Station, lowest: math.Inf(1), highest: math.Inf(-1)}
			found[e.Station] = q
		}
		for _, v := range e.Raise {
			q.lowest, q.highest = min(q.lowest, v), max(q.highest, v)
		}
		if verdicts[e.Zone] != "" {
			spoilt[e.Station] = true
		}
	}
	for i, r := range p.rows {
		if q := found[r.station]; q != nil && r.sensor == "water_level" {
			q.at = append(q.at, i)
		}
	}
	var all []quiet
	for _, q := range found {
		if !spoilt[q.station] && len(q.at) >= 12 {
			slices.SortStableFunc(q.at, func(a, b int) int { return p.rows[a].time.Compare(p.rows[b].time) })
			all = append(all, *q)
		}
	}
	slices.SortFunc(all, func(a, b quiet) int { return cmp.Compare(a.station, b.station) })
	shuffle := rand.New(rand.NewPCG(1, uint64(turn)))
	shuffle.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var chosen []quiet
	for _, q := range all {
		if !slices.ContainsFunc(chosen, func(o quiet) bool { return p.km(q.station, o.station) < apart }) {
			chosen = append(chosen, q)
		}
	}
	return chosen
}

func (p *played) km(a, b string) float64 {
	s, _ := p.site.Network.Station(a)
	o, _ := p.site.Network.Station(b)
	const degree = 111.2 // km of latitude
	dx := (s.Position.Lon() - o.Position.Lon()) * degree * math.Cos(52*math.Pi/180)
	return math.Hypot(dx, (s.Position.Lat()-o.Position.Lat())*degree)
}

// above is a value that lies further above every threshold than water rises in a quarter of an hour.
func (q quiet) above() float64 { return q.highest + 5 }

// just is a value barely above the lowest threshold: believable as a change in most gauges.
func (q quiet) just() float64 { return q.lowest + 0.02 }

// fault changes the readings of one gauge, rows[q.at[...]], in place, and returns rows with any added.
type fault struct {
	name   string
	inject func(rows []reading, q quiet) []reading
}

// setting is a fault that writes a value over the readings from one place to before another.
func setting(name string, from, to func(n int) int, value func(q quiet, r reading) reading) fault {
	return fault{name, func(rows []reading, q quiet) []reading {
		for _, i := range q.at[from(len(q.at)):to(len(q.at))] {
			rows[i] = value(q, rows[i])
		}
		return rows
	}}
}

func first(int) int     { return 0 }
func second(int) int    { return 1 }
func middle(n int) int  { return n / 2 }
func next(n int) int    { return n/2 + 1 }
func sixth(n int) int   { return n/2 + 6 }
func last(n int) int    { return n - 1 }
func behind(n int) int  { return n }
func quarter(n int) int { return n / 4 }

func withValue(value func(q quiet) float64) func(quiet, reading) reading {
	return func(q quiet, r reading) reading { r.value = value(q); return r }
}

func constant(v float64) func(quiet) float64 { return func(quiet) float64 { return v } }

func withClock(at time.Time, value func(q quiet) float64) func(quiet, reading) reading {
	return func(q quiet, r reading) reading {
		at = at.Add(15 * time.Minute)
		r.time, r.value = at, value(q)
		return r
	}
}

// twice adds to the middle reading another of the same time: before or after it, later or in the same message.
func twice(name string, value func(quiet) float64, before bool, later time.Duration) fault {
	return fault{name, func(rows []reading, q quiet) []reading {
		good := rows[q.at[len(q.at)/2]]
		bad := good
		bad.value = value(q)
		if before {
			rows[q.at[len(q.at)/2]], bad = bad, good
		}
		bad.received = bad.received.Add(later)
		return append(rows, bad)
	}}
}

func faults() []fault {
	y1970, y2099 := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC)
	const ceiling = 32.767
	full := withValue(constant(ceiling))
	return []fault{
		setting("one reading at the ceiling", middle, next, full),
		setting("the first reading at the ceiling", first, second, full),
		setting("the last reading at the ceiling", last, behind, full),
		setting("a run at the ceiling", middle, sixth, full),
		setting("at the ceiling from the middle on", middle, behind, full),
		setting("at the ceiling all the time", first, behind, full),
		setting("a run at the floor", middle, sixth, withValue(constant(-32.768))),
		setting("one spike far above", middle, next, withValue(quiet.above)),
		setting("one spike just above", middle, next, withValue(quiet.just)),
		setting("the first reading far above", first, second, withValue(quiet.above)),
		setting("the last reading far above", last, behind, withValue(quiet.above)),
		{"two spikes with good readings between", func(rows []reading, q quiet) []reading {
			rows[q.at[len(q.at)/2]].value, rows[q.at[len(q.at)/2+2]].value = q.above(), q.above()
			return rows
		}},
		{"frozen", func(rows []reading, q quiet) []reading {
			for _, i := range q.at[quarter(len(q.at)):] {
				rows[i].value = rows[q.at[quarter(len(q.at))]].value
			}
			return rows
		}},
		{"everything twice", func(rows []reading, q quiet) []reading {
			for _, i := range q.at {
				rows = append(rows, rows[i])
			}
			return rows
		}},
		twice("far above, then right, in one message", quiet.above, true, 0),
		twice("right, then far above, in one message", quiet.above, false, 0),
		twice("just above, then right, later", quiet.just, true, 10*time.Minute),
		twice("far above, then right, later", quiet.above, true, 10*time.Minute),
		twice("right, then far above, later", quiet.above, false, 10*time.Minute),
		twice("right, then just above, later", quiet.just, false, 10*time.Minute),
		setting("a clock of 2099", middle, sixth, withClock(y2099, quiet.just)),
		setting("a clock of 1970", middle, sixth, withClock(y1970, quiet.just)),
		{"a file 11 hours late", func(rows []reading, q quiet) []reading {
			for _, i := range q.at {
				rows[i].received = rows[i].received.Add(11 * time.Hour)
			}
			return rows
		}},
	}
}

// quietFaults puts faults into gauges all over the country at once, another into each,
// and in each turn others.
func (p *played) quietFaults(t *testing.T) {
	kinds := faults()
	turns := 4
	if os.Getenv("TOCSIN_LONG") != "" {
		turns = 4 * len(kinds)
	}
	tried := map[string]int{}
	for turn := range turns {
		gauges := p.quietGauges(40, turn)
		if len(gauges) < len(kinds) {
			t.Fatalf("only %d gauges are quiet and far apart, for %d faults", len(gauges), len(kinds))
		}
		faulty := map[string]string{} // by station
		rows := slices.Clone(p.rows)
		for i, q := range gauges {
			f := kinds[(i+turn)%len(kinds)]
			rows = f.inject(rows, q)
			faulty[q.station] = f.name
			tried[f.name]++
		}
		report := p.play(t, p.site, rows)
		p.demand(t, report, 31, 0, 0)
		for _, w := range report.Warnings {
			if name := faulty[w.Station]; name != "" {
				t.Errorf("%s: zone %s was warned at level %d: %s", name, w.Zone, w.Level, w.Words)
			}
		}
	}
	for _, f := range kinds {
		if tried[f.name] < turns {
			t.Errorf("%s was tried %d times in %d turns", f.name, tried[f.name], turns)
		}
	}
}

// otherOrders: the same readings in another order, or late, mean the same floods.
func (p *played) otherOrders(t *testing.T) {
	t.Run("any order within two hours", func(t *testing.T) {
		chance := rand.New(rand.NewPCG(1, 2))
		rows := slices.Clone(p.rows)
		for i := range rows {
			rows[i].received = rows[i].received.Add(time.Duration(chance.Int64N(int64(2 * time.Hour))))
		}
		p.demand(t, p.play(t, p.site, rows), 31, 0, 0)
	})
	t.Run("fresh files 11 hours late", func(t *testing.T) {
		rows, late := slices.Clone(p.rows), 0
		for i, r := range rows {
			if r.received.Sub(r.time) < time.Hour {
				rows[i].received = r.received.Add(11 * time.Hour)
				late++
			}
		}
		if late < 1000 {
			t.Fatalf("only %d readings are late", late)
		}
		p.demand(t, p.play(t, p.site, rows), 31, 0, 0)
	})
	t.Run("a clock of 2099 in a gauge that floods hides nothing", func(t *testing.T) {
		rows, wrong := slices.Clone(p.rows), 0
		for _, r := range p.rows {
			if r.sensor == "water_level" && r.value > 3 && wrong < 500 {
				r.time = time.Date(2099, 1, 1, 0, wrong, 0, 0, time.UTC)
				r.received = r.received.Add(-time.Minute)
				rows = append(rows, r)
				wrong++
			}
		}
		p.demand(t, p.play(t, p.site, rows), 31, 0, 0)
	})
}
