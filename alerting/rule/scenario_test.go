package rule

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"

	"tocsin/ingest"
)

var update = flag.Bool("update", false, "write what the scenarios give into their files")

// TestScenarios plays testdata/*.txtar: rules.yaml and input in, hazards out. A line of input is
//
//	11:15 mythe 3.95                 a reading, received when it was taken
//	11:15 mythe 3.95 got=13:00 suspect step rev=1 assumed volatile
//	tick 12:00 · restart 12:00       the clock; a new process that began to listen then
//
// and each line is a batch of its own.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { playScenario(t, file) })
	}
}

func playScenario(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parts := make(map[string]*txtar.File)
	for i := range archive.Files {
		parts[archive.Files[i].Name] = &archive.Files[i]
	}
	var rules []Rule
	decoder := yaml.NewDecoder(bytes.NewReader(parts["rules.yaml"].Data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&rules); err != nil {
		t.Fatal(err)
	}
	p := player{t: t, set: compileSet(t, rules...)}
	p.start(time.Time{})
	for line := range strings.Lines(string(parts["input"].Data)) {
		p.line(strings.Fields(line))
	}
	got := p.transcript()
	if *update {
		parts["hazards"].Data = []byte(got)
		if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := string(parts["hazards"].Data); got != want {
		t.Errorf("hazards:\n%s\nwant:\n%s", got, want)
	}
}

type player struct {
	t       *testing.T
	set     *Set
	store   memory
	desk    desk
	engine  *Engine
	seq     uint64
	journal []ingest.Batch
}

// start begins a process, which reads on in the journal where the last snapshot ends.
func (p *player) start(started time.Time) {
	p.engine = newEngine(p.t, p.set, &p.store, &p.desk, func(c *Config) {
		c.Started, c.Location, c.SnapshotEvery = started, time.UTC, 20*time.Minute
	})
	cursor, err := p.engine.Cursor(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	for _, batch := range p.journal[cursor:] {
		if err := p.engine.Apply(context.Background(), batch); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *player) line(words []string) {
	ctx := context.Background()
	switch {
	case len(words) == 0 || words[0] == "#":
	case words[0] == "tick":
		if err := p.engine.Tick(ctx, clockTime(p.t, words[1])); err != nil {
			p.t.Fatal(err)
		}
	case words[0] == "restart":
		p.start(clockTime(p.t, words[1]))
	default:
		r := p.reading(words)
		batch := ingest.Batch{First: p.seq, Last: p.seq, Now: r.Received, Readings: []ingest.Reading{r}}
		if r.Volatile {
			batch.First, batch.Last = 0, 0
		} else {
			p.journal = append(p.journal, batch)
		}
		if err := p.engine.Apply(ctx, batch); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *player) reading(words []string) ingest.Reading {
	p.t.Helper()
	at := clockTime(p.t, words[0])
	value, err := strconv.ParseFloat(words[2], 64)
	if err != nil {
		p.t.Fatal(err)
	}
	station, _ := testNetwork(p.t).Station(words[1])
	r := ingest.Reading{
		Key:      ingest.Key{Station: words[1], Sensor: station.Sensors[0].ID, Time: at},
		Quantity: station.Sensors[0].Quantity, Value: value, Received: at, Flag: ingest.Pass,
	}
	for _, word := range words[3:] {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "got":
			r.Received = clockTime(p.t, value)
		case "suspect", "fail":
			r.Flag = map[string]ingest.Flag{"suspect": ingest.Suspect, "fail": ingest.Fail}[name]
		case "step", "stuck", "range":
			r.Marks = append(r.Marks, ingest.Mark{Test: name, Flag: r.Flag, Detail: name + " says so"})
		case "contradicted":
			r.Marks = append(r.Marks, ingest.Mark{Test: "neighbours", Flag: ingest.Fail, Detail: "neighbours say no"})
		case "rev":
			r.Revision, _ = strconv.Atoi(value)
		case "assumed":
			r.TimeAssumed = true
		case "volatile":
			r.Volatile = true
		default:
			p.t.Fatalf("unknown word %q", word)
		}
	}
	if !r.Volatile {
		p.seq++
		r.Position = p.seq
	}
	return r
}

// transcript writes the hazards, a line each.
func (p *player) transcript() string {
	var b strings.Builder
	for _, h := range p.desk.hazards {
		fmt.Fprintf(&b, "%s %s/%s level %d onset %s #%d@%d", short(h.Judged), h.Kind, h.Zone, h.Level, short(h.Onset), h.Ordinal, h.Position)
		if h.Doubtful != "" {
			fmt.Fprintf(&b, " DOUBTFUL (%s)", h.Doubtful)
		}
		fmt.Fprintf(&b, " by %s: %s [%d]\n", h.Rule, h.Words, len(h.Evidence))
	}
	fmt.Fprintf(&b, "map %v\n", fmt.Sprint(p.engine.Levels()))
	p.agree(&b)
	return b.String()
}

// agree adds where the pure verdicts differ from what the engine holds, so that a scenario shows it.
func (p *player) agree(b *strings.Builder) {
	for i, r := range p.set.rules {
		v := r.verdict(&p.engine.tracks[i].now)
		if h := p.engine.holds[i]; v.level != h.Level || v.doubt != h.Doubt {
			fmt.Fprintf(b, "%s holds %d and doubts %d, though its readings say %d and %d\n", r.ID, h.Level, h.Doubt, v.level, v.doubt)
		}
	}
}

func short(t time.Time) string {
	if d := t.Sub(day) / (24 * time.Hour); d > 0 {
		return fmt.Sprintf("%dd%s", d, t.Format("15:04"))
	}
	return t.Format("15:04")
}

var _ ingest.Sink = (*Engine)(nil)
