package desk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tocsin/alerting"
	"tocsin/alerting/cap"
)

// TestRandomWalks lets rules, people of every role, the clock and restarts do anything in any order on
// two desks of different modes over one store, and checks after each step what must always hold.
func TestRandomWalks(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWalk(t, r)
		for range rapid.IntRange(5, 60).Draw(r, "steps") {
			w.step(r)
			w.check(r)
		}
	})
}

type walk struct {
	benches [2]*bench // Exercise, Actual: one store, one clock
	at      time.Time
	seen    map[string][]byte // CAP bytes by identifier
	audit   int
	status  map[string]alerting.Status
	modes   map[string]alerting.Mode
}

func newWalk(t *testing.T, r *rapid.T) *walk {
	w := &walk{at: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), seen: map[string][]byte{}, status: map[string]alerting.Status{}, modes: map[string]alerting.Mode{}}
	policy := map[alerting.Level]int{}
	for level := alerting.Level(1); level <= 4; level++ {
		policy[level] = rapid.IntRange(0, 2).Draw(r, "policy")
	}
	store := newMemory()
	for i, mode := range []alerting.Mode{alerting.Exercise, alerting.Actual} {
		w.benches[i] = newBench(t, func(c *Config) { c.Mode, c.Policy = mode, policy })
		w.benches[i].store = store
		w.benches[i].open(w.benches[i].config)
	}
	return w
}

func (w *walk) step(r *rapid.T) {
	ctx := context.Background()
	b := w.benches[rapid.IntRange(0, 1).Draw(r, "mode")]
	w.at = w.at.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 60, 3600, 11*3600 + 1800, 13 * 3600}).Draw(r, "seconds")) * time.Second)
	w.benches[0].at, w.benches[1].at = w.at, w.at
	operator := rapid.SampledFrom([]alerting.Operator{asha, dorji, karma, pema, viewer}).Draw(r, "operator")
	id, version := "none", int64(0)
	if n := len(b.store.order); n > 0 { // of any mode
		id = b.store.order[rapid.IntRange(max(0, n-3), n-1).Draw(r, "warning")]
		stored, _ := b.store.Warning(ctx, id)
		version = stored.Version - int64(rapid.SampledFrom([]int{0, 0, 0, 0, 1}).Draw(r, "stale"))
	}
	level := alerting.Level(rapid.IntRange(0, 4).Draw(r, "level"))
	var err error
	switch what := rapid.SampledFrom([]string{"hazard", "hazard", "hazard", "approve", "approve", "reject", "end", "propose", "tick", "resume"}).Draw(r, "what"); what {
	case "hazard":
		err = b.Handle(ctx, b.hazard(level, rapid.SampledFrom([]string{"", "", "silent"}).Draw(r, "doubtful")))
		if err != nil {
			r.Fatalf("Handle: %v", err)
		}
	case "approve":
		before, _ := b.store.Warning(ctx, id)
		_, err = b.Approve(ctx, id, version, operator)
		w.mayHaveApproved(r, before, operator, err)
	case "reject":
		_, err = b.Reject(ctx, id, version, operator, "note")
	case "end":
		_, err = b.End(ctx, id, version, operator, rapid.SampledFrom([]alerting.Action{alerting.ActionAllClear, alerting.ActionCancel, alerting.ActionExpire}).Draw(r, "end"), "note")
	case "propose":
		_, err = b.Propose(ctx, alerting.ManualProposal{Kind: "outburst", Zone: "lunana", Level: level, Words: "seen"}, operator)
	case "tick":
		if err = b.Tick(ctx); err != nil {
			r.Fatalf("Tick: %v", err)
		}
	case "resume":
		b.open(b.config)
		if err = b.Resume(ctx); err != nil {
			r.Fatalf("Resume: %v", err)
		}
	}
	w.known(r, err)
}

// known: every error is one that the interfaces can answer.
func (w *walk) known(r *rapid.T, err error) {
	for _, known := range []error{nil, alerting.ErrForbidden, alerting.ErrConflict, alerting.ErrNotFound, alerting.ErrIllegal, alerting.ErrInvalid, alerting.ErrOpen} {
		if errors.Is(err, known) {
			return
		}
	}
	r.Fatalf("an error of no class: %v", err)
}

func (w *walk) mayHaveApproved(r *rapid.T, before alerting.Warning, operator alerting.Operator, err error) {
	if err != nil {
		return
	}
	p := before.Proposal
	if p == nil || p.Submitter == operator.ID || slices.Contains(p.Approvals, operator.ID) || !operator.Role.AtLeast(alerting.Approver) {
		r.Fatalf("%s approved %s", operator.ID, state(before))
	}
}

func (w *walk) check(r *rapid.T) {
	ctx, store := context.Background(), w.benches[0].store
	rows, _ := store.Audit(ctx, "", 0, 1<<30)
	for _, row := range rows[w.audit:] {
		w.legal(r, row)
	}
	w.audit = len(rows)
	open := map[string]int{}
	for _, id := range store.order {
		v, _ := store.Warning(ctx, id)
		if v.Status != w.status[id] {
			r.Fatalf("%s is %s, its audit leads to %s", id, v.Status, w.status[id])
		}
		if mode, ok := w.modes[id]; ok && mode != v.Mode {
			r.Fatalf("%s went from %s to %s", id, mode, v.Mode)
		}
		w.modes[id] = v.Mode
		if v.Status.Open() {
			if open[string(v.Mode)]++; open[string(v.Mode)] > 1 {
				r.Fatalf("two open warnings in mode %s", v.Mode)
			}
		}
		w.editions(r, v)
	}
	if len(store.jobs) != len(w.seen) {
		r.Fatalf("%d send jobs for %d editions", len(store.jobs), len(w.seen))
	}
}

// legal replays the audit by the table.
func (w *walk) legal(r *rapid.T, row alerting.AuditRow) {
	to, ok := alerting.Next(w.status[row.Warning], row.Action)
	if !ok {
		r.Fatalf("%s of %s from %q", row.Action, row.Warning, w.status[row.Warning])
	}
	if slices.Contains([]alerting.Action{alerting.ActionReject, alerting.ActionCancel}, row.Action) && !isPerson(row.Actor) {
		r.Fatalf("%s by %s", row.Action, row.Actor)
	}
	w.status[row.Warning] = to
}

// editions never change, are of the warning's mode, follow one another and are sound CAP.
func (w *walk) editions(r *rapid.T, v alerting.Warning) {
	editions, _ := w.benches[0].store.Editions(context.Background(), v.ID)
	if len(editions) != v.Edition {
		r.Fatalf("%s has edition %d and %d of them", v.ID, v.Edition, len(editions))
	}
	for i, e := range editions {
		if e.Mode != v.Mode || e.Number != i+1 || e.Identifier != fmt.Sprintf("dhms@example.bt-%s-%d", v.ID, i+1) {
			r.Fatalf("edition %+v of %s", e, v.ID)
		}
		before, ok := w.seen[e.Identifier]
		if ok && !bytes.Equal(before, e.CAP) {
			r.Fatalf("edition %s changed", e.Identifier)
		}
		if ok {
			continue
		}
		w.seen[e.Identifier] = bytes.Clone(e.CAP)
		if findings := cap.Check(e.CAP); len(findings) > 0 {
			r.Fatalf("edition %s: %v", e.Identifier, findings)
		}
		if (v.Mode == alerting.Actual) == bytes.Contains(e.CAP, []byte("EXERCISE")) || !bytes.Contains(e.CAP, []byte("<status>"+string(v.Mode)+"</status>")) {
			r.Fatalf("edition %s of mode %s: %s", e.Identifier, v.Mode, e.CAP)
		}
		if i > 0 && !e.Sent.After(editions[i-1].Sent) {
			r.Fatalf("edition %s sent %v, the one before %v", e.Identifier, e.Sent, editions[i-1].Sent)
		}
	}
}
