package desk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/paulmach/orb"
	"go.yaml.in/yaml/v3"

	"tocsin/alerting"
	"tocsin/geo"
	"tocsin/ingest"
)

var (
	asha   = alerting.Operator{ID: "asha", Role: alerting.Approver}
	dorji  = alerting.Operator{ID: "dorji", Role: alerting.Approver}
	karma  = alerting.Operator{ID: "karma", Role: alerting.Administrator}
	pema   = alerting.Operator{ID: "pema", Role: alerting.Forecaster}
	viewer = alerting.Operator{ID: "tashi", Role: alerting.Viewer}
)

// bench is a desk at work on a store in memory, with a clock that the test turns.
type bench struct {
	*Desk
	t       *testing.T
	store   *memory
	at      time.Time
	ordinal uint64
	changes []alerting.Warning
	logged  bytes.Buffer
}

func messages(t testing.TB, language string) Messages {
	t.Helper()
	source, err := os.ReadFile("testdata/" + language + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var m Messages
	decoder := yaml.NewDecoder(bytes.NewReader(source))
	decoder.KnownFields(true)
	if err := decoder.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

func config(t testing.TB) Config {
	return Config{
		Mode: alerting.Exercise, Policy: map[alerting.Level]int{1: 0, 2: 1, 3: 1, 4: 2}, Languages: []string{"en", "dz"},
		Texts: map[string]Messages{"en": messages(t, "en"), "dz": messages(t, "dz")},
		Zones: []geo.Zone{{
			ID: "lunana", Names: map[string]string{"en": "Lunana", "dz": "ལུང་ནག་ན"}, Hazard: "outburst", From: 1,
			Shape: orb.MultiPolygon{{{{90, 28}, {90.5, 28}, {90.5, 28.5}, {90, 28}}}},
		}},
		Sender: "dhms@example.bt", SenderName: "DHMS", Contact: "duty officer", PublicURL: "https://warn.example.bt/",
		Location: time.FixedZone("", 6*3600), Expiry: 12 * time.Hour,
	}
}

func newBench(t *testing.T, change func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, store: newMemory(), at: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
	c := config(t)
	network, err := ingest.NewNetwork([]ingest.Station{{ID: "thanza-lake", Name: "Thanza Lake", Outburst: true}, {ID: "river", Name: "River"}})
	if err != nil {
		t.Fatal(err)
	}
	c.Network = network
	if change != nil {
		change(&c)
	}
	b.open(c)
	return b
}

// open starts a desk on the store, as after a restart.
func (b *bench) open(c Config) {
	b.t.Helper()
	d, err := New(c, b.store, func(z geo.Zone) geo.Exposure { return geo.Exposure{People: 699} }, func() time.Time { return b.at },
		slog.New(slog.NewTextHandler(&b.logged, nil)), func(w alerting.Warning) { b.changes = append(b.changes, w) })
	if err != nil {
		b.t.Fatal(err)
	}
	count := 0
	d.newID = func(time.Time) string { count++; return fmt.Sprintf("w%d", len(b.store.order)+1) }
	b.Desk = d
}

// hazard is the next word of the rules.
func (b *bench) hazard(level alerting.Level, doubtful string) alerting.Hazard {
	b.ordinal++
	return alerting.Hazard{
		Kind: "outburst", Zone: "lunana", Level: level, Doubtful: doubtful, Rule: "lake-falls", Station: "river", Sensor: "water_level",
		Onset: b.at.Add(-10 * time.Minute), Judged: b.at, Words: fmt.Sprintf("level %d", level), Position: 100 + b.ordinal, Ordinal: b.ordinal,
		Evidence: []ingest.Reading{{Key: ingest.Key{Station: "river", Sensor: "water_level", Time: b.at.Add(-time.Minute)}, Quantity: "water_level", Value: 3.1, Flag: ingest.Pass}},
	}
}

func (b *bench) handle(level alerting.Level, doubtful string) {
	b.t.Helper()
	if err := b.Handle(context.Background(), b.hazard(level, doubtful)); err != nil {
		b.t.Fatal(err)
	}
}

// last is the newest warning.
func (b *bench) last() alerting.Warning {
	b.t.Helper()
	if len(b.store.order) == 0 {
		return alerting.Warning{}
	}
	w, err := b.store.Warning(context.Background(), b.store.order[len(b.store.order)-1])
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

// state is a warning in short: "issued 3 e1 | update 4 needs 2 by rule:x".
func state(w alerting.Warning) string {
	if w.ID == "" {
		return "none"
	}
	s := fmt.Sprintf("%s %d e%d", w.Status, w.Level, w.Edition)
	if p := w.Proposal; p != nil {
		s += fmt.Sprintf(" | %s %d %d/%d by %s", p.Action, p.Level, len(p.Approvals), p.Needs, p.Submitter)
		if p.Doubtful != "" {
			s += " doubtful"
		}
	}
	return s
}

func (b *bench) want(want string) {
	b.t.Helper()
	if got := state(b.last()); got != want {
		b.t.Errorf("got  %s\nwant %s", got, want)
	}
}

func (b *bench) approve(operator alerting.Operator) {
	b.t.Helper()
	w := b.last()
	if _, err := b.Approve(context.Background(), w.ID, w.Version, operator); err != nil {
		b.t.Fatal(err)
	}
}

// issued is a bench with a warning in force at the level.
func issued(t *testing.T, level alerting.Level, change func(*Config)) *bench {
	b := newBench(t, change)
	b.handle(level, "")
	for _, operator := range []alerting.Operator{asha, dorji} {
		if !b.last().Status.Public() {
			b.approve(operator)
		}
	}
	b.want(fmt.Sprintf("issued %d e1", level))
	return b
}

// TestWhatHazardsDo is the whole table of Handle: the state before, the hazards, the state after.
func TestWhatHazardsDo(t *testing.T) {
	const rule = " by rule:lake-falls"
	type word struct {
		level    alerting.Level
		doubtful string
	}
	for _, c := range []struct {
		name   string
		start  alerting.Level // of a warning in force; 0: none
		words  []word
		policy map[alerting.Level]int
		want   string
	}{
		{"nothing of nothing", 0, []word{{0, ""}}, nil, "none"},
		{"doubtful nothing", 0, []word{{0, "silent"}}, nil, "none"},
		{"automatic", 0, []word{{1, ""}}, nil, "issued 1 e1"},
		{"automatic but doubtful", 0, []word{{1, "jump"}}, nil, "proposed 1 e0 | issue 1 0/1" + rule + " doubtful"},
		{"one person", 0, []word{{2, ""}}, nil, "proposed 2 e0 | issue 2 0/1" + rule},
		{"two people", 0, []word{{4, ""}}, nil, "proposed 4 e0 | issue 4 0/2" + rule},
		{"two people, doubtful", 0, []word{{4, "jump"}}, nil, "proposed 4 e0 | issue 4 0/2" + rule + " doubtful"},
		{"proposal rises", 0, []word{{2, ""}, {4, ""}}, nil, "proposed 4 e0 | issue 4 0/2" + rule},
		{"proposal falls", 0, []word{{4, ""}, {2, ""}}, nil, "proposed 2 e0 | issue 2 0/1" + rule},
		{"proposal falls to automatic", 0, []word{{4, ""}, {1, ""}}, nil, "issued 1 e1"},
		{"doubt does not lower", 0, []word{{4, ""}, {2, "silent"}}, nil, "proposed 4 e0 | issue 4 0/2" + rule},
		{"doubt raises", 0, []word{{2, ""}, {4, "jump"}}, nil, "proposed 4 e0 | issue 4 0/2" + rule + " doubtful"},
		{"doubt goes", 0, []word{{1, "jump"}, {1, ""}}, nil, "issued 1 e1"},
		{"doubt comes", 0, []word{{2, ""}, {2, "jump"}}, nil, "proposed 2 e0 | issue 2 0/1" + rule},
		{"withdrawn", 0, []word{{2, ""}, {0, ""}}, nil, "rejected 2 e0"},
		{"not withdrawn by silence", 0, []word{{2, ""}, {0, "silent"}}, nil, "proposed 2 e0 | issue 2 0/1" + rule},
		{"again after withdrawal", 0, []word{{2, ""}, {0, ""}, {3, ""}}, nil, "proposed 3 e0 | issue 3 0/1" + rule},
		{"up", 2, []word{{3, ""}}, nil, "issued 2 e1 | update 3 0/1" + rule},
		{"up, automatic", 1, []word{{2, ""}}, map[alerting.Level]int{1: 0, 2: 0, 3: 0, 4: 0}, "updated 2 e2"},
		{"up, automatic but doubtful", 1, []word{{2, "jump"}}, map[alerting.Level]int{1: 0, 2: 0, 3: 0, 4: 0}, "issued 1 e1 | update 2 0/1" + rule + " doubtful"},
		{"up and further up", 2, []word{{3, ""}, {4, ""}}, nil, "issued 2 e1 | update 4 0/2" + rule},
		{"up and half back", 2, []word{{4, ""}, {3, ""}}, nil, "issued 2 e1 | update 3 0/1" + rule},
		{"up and doubtfully half back", 2, []word{{4, ""}, {3, "silent"}}, nil, "issued 2 e1 | update 4 0/2" + rule},
		{"up and back", 2, []word{{3, ""}, {2, ""}}, nil, "issued 2 e1"},
		{"up and doubtfully back", 2, []word{{3, ""}, {2, "silent"}}, nil, "issued 2 e1 | update 3 0/1" + rule},
		{"up and over", 2, []word{{3, ""}, {0, ""}}, nil, "issued 2 e1 | all_clear 0 0/1" + rule},
		{"up and doubtfully over", 2, []word{{3, ""}, {0, "silent"}}, nil, "issued 2 e1 | update 3 0/1" + rule},
		{"up and below", 2, []word{{3, ""}, {1, ""}}, nil, "issued 2 e1 | update 1 0/1" + rule},
		{"up and doubtfully below", 2, []word{{3, ""}, {1, "silent"}}, nil, "issued 2 e1 | update 3 0/1" + rule},
		{"same", 2, []word{{2, ""}}, nil, "issued 2 e1"},
		{"down needs the policy of what is in force", 4, []word{{1, ""}}, nil, "issued 4 e1 | update 1 0/2" + rule},
		{"down doubtfully", 4, []word{{1, "silent"}}, nil, "issued 4 e1"},
		{"down and back", 4, []word{{1, ""}, {4, "jump"}}, nil, "issued 4 e1"},
		{"down and over", 4, []word{{1, ""}, {0, ""}}, nil, "issued 4 e1 | all_clear 0 0/2" + rule},
		{"over", 2, []word{{0, ""}}, nil, "issued 2 e1 | all_clear 0 0/1" + rule},
		{"over, automatic", 1, []word{{0, ""}}, nil, "ended 0 e2"},
		{"over doubtfully, never automatic", 1, []word{{0, "silent"}}, nil, "issued 1 e1 | all_clear 0 0/1" + rule + " doubtful"},
		{"over doubtfully, then surely", 1, []word{{0, "silent"}, {0, ""}}, nil, "ended 0 e2"},
		{"over and back", 2, []word{{0, ""}, {2, "jump"}}, nil, "issued 2 e1"},
		{"over and doubtfully back at less", 2, []word{{0, ""}, {1, "jump"}}, nil, "issued 2 e1"},
		{"over and more", 2, []word{{0, ""}, {3, ""}}, nil, "issued 2 e1 | update 3 0/1" + rule},
		{"a new one after the end", 1, []word{{0, ""}, {1, ""}}, nil, "issued 1 e1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			policy := func(config *Config) {
				if c.policy != nil {
					config.Policy = c.policy
				}
			}
			b := newBench(t, policy)
			if c.start > 0 {
				b = issued(t, c.start, policy)
			}
			for _, w := range c.words {
				b.at = b.at.Add(time.Minute)
				h := b.hazard(w.level, w.doubtful)
				if err := b.Handle(t.Context(), h); err != nil {
					t.Fatal(err)
				}
				before := len(b.store.audit)
				if err := b.Handle(t.Context(), h); err != nil || len(b.store.audit) != before {
					t.Errorf("the same hazard again: %v, %d more steps", err, len(b.store.audit)-before)
				}
			}
			b.want(c.want)
		})
	}
}

// TestOutburstEndsByAPerson: where silence may be the disaster the all-clear is never automatic.
// Each edition keeps what the rules had seen when it was decided; one that people alone decided has none.
func TestEditionsKeepTheirCause(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Policy = map[alerting.Level]int{1: 0, 2: 0, 3: 0, 4: 0} })
	b.handle(1, "")
	b.at = b.at.Add(time.Hour)
	b.handle(3, "")
	w := b.last()
	if _, err := b.End(context.Background(), w.ID, w.Version, asha, alerting.ActionCancel, "a test"); err != nil {
		t.Fatal(err)
	}
	editions, err := b.store.Editions(context.Background(), w.ID)
	if err != nil || len(editions) != 3 {
		t.Fatalf("%d editions, %v", len(editions), err)
	}
	for i, level := range []alerting.Level{1, 3} {
		onset := b.at.Add(time.Duration(i-1)*time.Hour - 10*time.Minute)
		if c := editions[i].Cause; c == nil || c.Rule != "lake-falls" || c.Station != "river" || c.Level != level || !c.Onset.Equal(onset) {
			t.Errorf("edition %d rests on %+v, want lake-falls at level %d from %s", i+1, c, level, onset)
		}
	}
	if editions[2].Cause != nil {
		t.Errorf("a person's cancellation rests on %+v", editions[2].Cause)
	}
}

func TestOutburstEndsByAPerson(t *testing.T) {
	b := issued(t, 1, nil)
	h := b.hazard(0, "")
	h.Station = "thanza-lake"
	if err := b.Handle(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	b.want("issued 1 e1 | all_clear 0 0/1 by rule:lake-falls")
}

// TestUnknownZone: a hazard for a zone that the site does not know is put before a person.
func TestUnknownZone(t *testing.T) {
	b := newBench(t, nil)
	h := b.hazard(1, "")
	h.Zone = "nowhere"
	if err := b.Handle(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	b.want("proposed 1 e0 | issue 1 0/1 by rule:lake-falls doubtful")
	b.approve(asha)
	b.want("issued 1 e1")
	h = b.hazard(5, "")
	if err := b.Handle(t.Context(), h); !errors.Is(err, alerting.ErrInvalid) {
		t.Errorf("level 5: %v", err)
	}
}

func TestTwoPeople(t *testing.T) {
	b := newBench(t, nil)
	b.handle(4, "")
	b.approve(asha)
	b.want("proposed 4 e0 | issue 4 1/2 by rule:lake-falls")
	w := b.last()
	if _, err := b.Approve(t.Context(), w.ID, w.Version, asha); !errors.Is(err, alerting.ErrForbidden) {
		t.Errorf("the same person twice: %v", err)
	}
	if _, err := b.Approve(t.Context(), w.ID, w.Version-1, dorji); !errors.Is(err, alerting.ErrConflict) {
		t.Errorf("an old version: %v", err)
	}
	b.handle(3, "") // another level: what asha agreed to is gone
	b.handle(4, "")
	b.want("proposed 4 e0 | issue 4 0/2 by rule:lake-falls")
	b.approve(dorji)
	b.approve(asha)
	b.want("issued 4 e1")
	b.handle(0, "")
	b.approve(asha)
	b.want("issued 4 e1 | all_clear 0 1/2 by rule:lake-falls")
	b.approve(karma)
	b.want("ended 0 e2")
	if w := b.last(); w.Reason != "all_clear: approved by asha, karma" || w.EndedAt == nil || w.IssuedAt == nil {
		t.Errorf("got %+v", w)
	}
}

// TestWhoMay asks every step of every role.
func TestWhoMay(t *testing.T) {
	ctx := context.Background()
	manual := alerting.ManualProposal{Kind: "outburst", Zone: "lunana", Level: 3, Words: "seen from the bridge"}
	for _, c := range []struct {
		operator              alerting.Operator
		propose, approve, end bool
	}{
		{viewer, false, false, false},
		{pema, true, false, false},
		{asha, true, true, true},
		{karma, true, true, true},
		{alerting.Operator{ID: "x", Role: "king"}, false, false, false},
		{alerting.Operator{ID: "", Role: alerting.Administrator}, false, false, false},
		{alerting.Operator{ID: "policy", Role: alerting.Administrator}, false, false, false},
		{alerting.Operator{ID: "clock", Role: alerting.Administrator}, false, false, false},
		{alerting.Operator{ID: "rule:lake-falls", Role: alerting.Administrator}, false, false, false},
	} {
		try := func(what string, may bool, err error) {
			t.Helper()
			if may && err != nil || !may && !errors.Is(err, alerting.ErrForbidden) {
				t.Errorf("%s (%s) %s: %v, allowed %v", c.operator.ID, c.operator.Role, what, err, may)
			}
		}
		_, err := newBench(t, nil).Propose(ctx, manual, c.operator)
		try("propose", c.propose, err)
		b := newBench(t, nil)
		b.handle(2, "")
		_, err = b.Approve(ctx, "w1", 1, c.operator)
		try("approve", c.approve, err)
		b = newBench(t, nil)
		b.handle(2, "")
		_, err = b.Reject(ctx, "w1", 1, c.operator, "")
		try("reject", c.approve, err)
		b = issued(t, 2, nil)
		_, err = b.End(ctx, "w1", b.last().Version, c.operator, alerting.ActionCancel, "")
		try("end", c.end, err)
	}
}

// TestSubmitterCannotApprove: not as administrator, not after a rule has raised what was submitted, and
// not where the policy is automatic.
func TestSubmitterCannotApprove(t *testing.T) {
	ctx := context.Background()
	for level := alerting.Level(1); level <= 4; level++ {
		b := newBench(t, nil)
		w, err := b.Propose(ctx, alerting.ManualProposal{Kind: "outburst", Zone: "lunana", Level: level}, karma)
		if err != nil || w.Status != alerting.Proposed {
			t.Fatalf("level %d: %v, %v", level, w.Status, err)
		}
		if _, err := b.Approve(ctx, w.ID, w.Version, karma); !errors.Is(err, alerting.ErrForbidden) {
			t.Errorf("level %d: %v", level, err)
		}
		if level < 3 {
			b.handle(3, "")
			b.want("proposed 3 e0 | issue 3 0/1 by karma")
			w = b.last()
			if _, err := b.Approve(ctx, w.ID, w.Version, karma); !errors.Is(err, alerting.ErrForbidden) {
				t.Errorf("level %d raised: %v", level, err)
			}
		}
		if w, err = b.Reject(ctx, w.ID, w.Version, karma, "no"); err != nil || w.Status != alerting.Rejected || w.Reason != "reject: no" {
			t.Errorf("level %d: taking back gave %v, %v", level, w.Status, err)
		}
	}
	b := newBench(t, nil)
	w, err := b.Propose(ctx, alerting.ManualProposal{Kind: "outburst", Zone: "lunana", Level: 3}, pema)
	if err != nil {
		t.Fatal(err)
	}
	if w, err = b.Reject(ctx, w.ID, w.Version, pema, "mistake"); err != nil || w.Status != alerting.Rejected {
		t.Errorf("a forecaster may take back what is hers: %v, %v", w.Status, err)
	}
}

func TestPropose(t *testing.T) {
	ctx := context.Background()
	manual := func(level alerting.Level) alerting.ManualProposal {
		return alerting.ManualProposal{Kind: "outburst", Zone: "lunana", Level: level, Words: " seen "}
	}
	b := newBench(t, nil)
	for _, bad := range []alerting.ManualProposal{{Kind: "outburst", Zone: "lunana"}, {Kind: "outburst", Zone: "lunana", Level: 5}, {Kind: "outburst", Zone: "x", Level: 1}, {Kind: "fog", Zone: "lunana", Level: 1}} {
		if _, err := b.Propose(ctx, bad, pema); !errors.Is(err, alerting.ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	b.handle(2, "")
	if _, err := b.Propose(ctx, manual(2), pema); !errors.Is(err, alerting.ErrOpen) {
		t.Errorf("the rule proposes as much: %v", err)
	}
	if _, err := b.Propose(ctx, manual(3), pema); err != nil {
		t.Fatal(err)
	}
	b.want("proposed 3 e0 | issue 3 0/1 by pema")
	if _, err := b.Propose(ctx, manual(4), asha); !errors.Is(err, alerting.ErrOpen) {
		t.Errorf("another person's: %v", err)
	}
	b.handle(0, "")
	b.want("proposed 3 e0 | issue 3 0/1 by pema")
	b.approve(asha)
	b.want("issued 3 e1")
	if _, err := b.Propose(ctx, manual(2), pema); err != nil {
		t.Fatal(err)
	}
	b.want("issued 3 e1 | update 2 0/1 by pema")
	b.handle(0, "")
	b.want("issued 3 e1 | update 2 0/1 by pema")
	w := b.last()
	if _, err := b.Reject(ctx, w.ID, w.Version, asha, "not yet"); err != nil {
		t.Fatal(err)
	}
	b.want("issued 3 e1")
}

// TestAPersonHoldsUpNothing: what would have gone out by policy goes out, and the person's higher
// proposal waits behind it as an update.
func TestAPersonHoldsUpNothing(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Policy = map[alerting.Level]int{1: 0, 2: 0, 3: 1, 4: 1} })
	if _, err := b.Propose(t.Context(), alerting.ManualProposal{Kind: "outburst", Zone: "lunana", Level: 3}, pema); err != nil {
		t.Fatal(err)
	}
	b.handle(1, "")
	b.want("issued 1 e1 | update 3 0/1 by pema")
	b.handle(2, "")
	b.want("updated 2 e2 | update 3 0/1 by pema")
	b.handle(3, "")
	b.want("updated 2 e2 | update 3 0/1 by pema")
	b.approve(asha)
	b.want("updated 3 e3")
}

func TestEndAndIllegalSteps(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, nil)
	b.handle(2, "")
	w := b.last()
	if _, err := b.End(ctx, w.ID, w.Version, asha, alerting.ActionCancel, ""); !errors.Is(err, alerting.ErrIllegal) {
		t.Errorf("end of a proposal: %v", err)
	}
	b.approve(asha)
	w = b.last()
	if _, err := b.Approve(ctx, w.ID, w.Version, dorji); !errors.Is(err, alerting.ErrIllegal) {
		t.Errorf("approve where nothing waits: %v", err)
	}
	if _, err := b.Reject(ctx, w.ID, w.Version, dorji, ""); !errors.Is(err, alerting.ErrIllegal) {
		t.Errorf("reject where nothing waits: %v", err)
	}
	if _, err := b.Preview(ctx, w.ID); !errors.Is(err, alerting.ErrIllegal) {
		t.Errorf("preview where nothing waits: %v", err)
	}
	if _, err := b.End(ctx, w.ID, w.Version, asha, alerting.ActionExpire, ""); !errors.Is(err, alerting.ErrInvalid) {
		t.Errorf("end by expiry: %v", err)
	}
	if _, err := b.End(ctx, "nobody", 1, asha, alerting.ActionCancel, ""); !errors.Is(err, alerting.ErrNotFound) {
		t.Errorf("end of nothing: %v", err)
	}
	if _, err := b.End(ctx, w.ID, w.Version, asha, alerting.ActionCancel, "gauge was cleaned"); err != nil {
		t.Fatal(err)
	}
	b.want("ended 0 e2")
	w = b.last()
	if w.Reason != "cancel: gauge was cleaned" {
		t.Errorf("reason %q", w.Reason)
	}
	if _, err := b.End(ctx, w.ID, w.Version, asha, alerting.ActionCancel, ""); !errors.Is(err, alerting.ErrIllegal) {
		t.Errorf("end twice: %v", err)
	}
	job := b.store.jobs[len(b.store.jobs)-1]
	if len(b.store.jobs) != 2 || job.ID != "w1/2" || job.Level != 0 || job.Urgency != 2 || job.Mode != alerting.Exercise {
		t.Errorf("jobs %+v", b.store.jobs)
	}
}

// TestOtherModes: a desk touches no warning of another mode.
func TestOtherModes(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, nil)
	b.handle(2, "")
	actual := config(t)
	actual.Mode = alerting.Actual
	b.open(actual)
	w := b.last()
	_, approve := b.Approve(ctx, w.ID, w.Version, asha)
	_, reject := b.Reject(ctx, w.ID, w.Version, asha, "")
	_, end := b.End(ctx, w.ID, w.Version, asha, alerting.ActionCancel, "")
	_, preview := b.Preview(ctx, w.ID)
	for _, err := range []error{approve, reject, end, preview} {
		if !errors.Is(err, alerting.ErrNotFound) {
			t.Errorf("a desk in mode Actual on a warning of an exercise: %v", err)
		}
	}
	b.handle(2, "")
	if len(b.store.order) != 2 || b.last().Mode != alerting.Actual {
		t.Errorf("the hazard did not open a warning of its own: %v", b.last())
	}
}
