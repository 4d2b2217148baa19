package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"tocsin/alerting"
)

// walkers and steps are how long the random walks are: enough that every legal step is met from every
// status many times.
const steps = 600

// model is what the walk itself knows of one warning, from the table of transitions alone.
type model struct {
	warning alerting.Warning
	status  alerting.Status
}

// testWalks takes random actions on a few warnings of two modes that share hazards and zones. After
// every step the store must agree with the table, and at the end every history read from the audit
// must be a walk through the table, with the modes apart.
func testWalks(t *testing.T, open Opener) {
	store, again := open(t)
	random := rand.New(rand.NewPCG(1994, 10))
	modes := []alerting.Mode{alerting.Exercise, alerting.Test}
	known := map[string]*model{}
	for n := range steps {
		mode, zone := modes[random.IntN(2)], fmt.Sprintf("zone-%d", random.IntN(3))
		action := actions()[random.IntN(len(actions()))]
		m := openOf(known, mode, zone)
		if m == nil || action == alerting.ActionPropose {
			walkPropose(t, store, known, propose(mode, fmt.Sprintf("w%03d", n), zone))
			continue
		}
		walkStep(t, store, m, next(m.warning, action, n), random.IntN(10) == 0)
	}
	store = again()
	for id, m := range known {
		got, err := store.Warning(t.Context(), id)
		if err != nil || got.Status != m.status || got.Mode != m.warning.Mode {
			t.Errorf("warning %s is %s %s (%v), want %s %s", id, got.Mode, got.Status, err, m.warning.Mode, m.status)
		}
		checkHistory(t, store, m)
	}
}

func openOf(known map[string]*model, mode alerting.Mode, zone string) *model {
	for _, m := range known {
		if m.warning.Mode == mode && m.warning.Zone == zone && m.status.Open() {
			return m
		}
	}
	return nil
}

func walkPropose(t *testing.T, store Everything, known map[string]*model, change alerting.Change) {
	t.Helper()
	w, err := store.Apply(t.Context(), change)
	if openOf(known, change.Warning.Mode, change.Warning.Zone) != nil {
		if !errors.Is(err, alerting.ErrOpen) {
			t.Fatalf("a second open warning: %v, want ErrOpen", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	known[w.ID] = &model{w, w.Status}
}

// walkStep applies a change, now and then with a version that is not the stored one.
func walkStep(t *testing.T, store Everything, m *model, change alerting.Change, stale bool) {
	t.Helper()
	to, legal := alerting.Next(m.status, change.Action)
	if stale {
		change.Warning.Version++
	}
	w, err := store.Apply(t.Context(), change)
	switch {
	case stale:
		if !errors.Is(err, alerting.ErrConflict) {
			t.Fatalf("%s with a version never stored: %v, want ErrConflict", change.Action, err)
		}
	case !legal:
		if !errors.Is(err, alerting.ErrIllegal) {
			t.Fatalf("%s from %s: %v, want ErrIllegal", change.Action, m.status, err)
		}
	case err != nil || w.Status != to || w.Version != m.warning.Version+1:
		t.Fatalf("%s from %s: %s version %d, %v", change.Action, m.status, w.Status, w.Version, err)
	default:
		m.warning, m.status = w, to
	}
}

// checkHistory follows the audit of a warning through the table.
func checkHistory(t *testing.T, store Everything, m *model) {
	t.Helper()
	id := m.warning.ID
	var status alerting.Status
	published := 0
	for _, row := range audit(t, store, id) {
		to, legal := alerting.Next(status, row.Action)
		if !legal || row.Mode != m.warning.Mode {
			t.Errorf("history of %s (%s): %s %s from %q", id, m.warning.Mode, row.Mode, row.Action, status)
		}
		status = to
		switch row.Action {
		case alerting.ActionIssue, alerting.ActionUpdate, alerting.ActionAllClear, alerting.ActionCancel:
			published++
		case alerting.ActionPropose, alerting.ActionRevise, alerting.ActionApprove, alerting.ActionReject,
			alerting.ActionWithdraw, alerting.ActionSuggest, alerting.ActionDismiss, alerting.ActionExpire:
		}
	}
	editions, err := store.Editions(context.WithoutCancel(t.Context()), id)
	if err != nil || len(editions) != published || m.warning.Edition != published {
		t.Errorf("%s has %d editions (%v), published %d times", id, len(editions), err, published)
	}
	for i, e := range editions {
		if e.Number != i+1 || e.Mode != m.warning.Mode {
			t.Errorf("edition %d of %s is number %d of mode %s", i+1, id, e.Number, e.Mode)
		}
	}
	if status != m.status {
		t.Errorf("the audit of %s ends in %q, want %q", id, status, m.status)
	}
}
