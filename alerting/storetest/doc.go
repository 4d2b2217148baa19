// Package storetest holds the tests that every driver of the alerting contracts must pass: the life
// of a warning, the outbox, the directory and the accounts.
//
// A driver's test calls Run with a function that opens a fresh, empty store. The suite uses nothing
// but the contracts.
package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"tocsin/alerting"
	"tocsin/geo"
)

// Everything is what one driver keeps.
type Everything interface {
	alerting.Store
	alerting.Outbox
	alerting.Directory
	alerting.Accounts
}

// Opener opens the store of one test. Every call of again closes the store and opens it on the same
// data, as after a restart.
type Opener func(t *testing.T) (store Everything, again func() Everything)

// Run tests a driver. Every test gets a store of its own.
func Run(t *testing.T, open Opener) {
	for _, part := range []struct {
		name string
		test func(*testing.T, Opener)
	}{
		{"life", testLife},
		{"every illegal step", testIllegal},
		{"parts that do not belong", testMismatch},
		{"conflict", testConflict},
		{"one open", testOneOpen},
		{"handled", testHandled},
		{"nothing of a refused change stays", testAtomic},
		{"immutable", testReadBack},
		{"audit", testAudit},
		{"current", testCurrent},
		{"snapshot", testSnapshot},
		{"random walks", testWalks},
		{"outbox order", testOutboxOrder},
		{"outbox states", testOutboxStates},
		{"directory", testDirectory},
		{"accounts", testAccounts},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, open) })
	}
}

// start is the clock of the tests.
var start = time.Date(2026, 10, 7, 1, 30, 0, 123e6, time.UTC)

func at(minute int) time.Time { return start.Add(time.Duration(minute) * time.Minute) }

// propose is the change that begins a warning.
func propose(mode alerting.Mode, id, zone string) alerting.Change {
	return alerting.Change{
		Action: alerting.ActionPropose, Actor: "rule:lake-falls", At: start,
		Warning: alerting.Warning{
			ID: id, Mode: mode, Kind: "outburst", Zone: zone, Level: 4,
			Proposal: &alerting.Proposal{Action: alerting.ActionIssue, Level: 4, Submitter: "rule:lake-falls", At: start, Words: "the lake falls", Needs: 1},
		},
	}
}

// next is the change that takes a warning as it was read one step on, with all that the step needs.
func next(w alerting.Warning, action alerting.Action, minute int) alerting.Change {
	c := alerting.Change{Action: action, Actor: "tashi", At: at(minute), Warning: w}
	switch action {
	case alerting.ActionIssue, alerting.ActionUpdate:
		c.Edition = edition(w, w.Level, minute)
	case alerting.ActionAllClear, alerting.ActionCancel:
		c.Edition = edition(w, 0, minute)
	case alerting.ActionPropose, alerting.ActionRevise, alerting.ActionApprove, alerting.ActionReject,
		alerting.ActionWithdraw, alerting.ActionSuggest, alerting.ActionDismiss, alerting.ActionExpire:
	}
	if e := c.Edition; e != nil {
		c.Send = &alerting.SendJob{
			ID: fmt.Sprintf("%s/%d", w.ID, e.Number), Mode: w.Mode, Warning: w.ID, Edition: e.Number,
			Level: e.Level, Urgency: w.Level, Expires: e.Expires, At: c.At,
		}
	}
	return c
}

func edition(w alerting.Warning, level alerting.Level, minute int) *alerting.Edition {
	number := w.Edition + 1
	kind := "Alert"
	if number > 1 {
		kind = "Update"
	}
	return &alerting.Edition{
		Warning: w.ID, Number: number, Identifier: fmt.Sprintf("tocsin.%s.%s.%d", w.Mode, w.ID, number), Mode: w.Mode,
		MsgType: kind, Kind: w.Kind, Zone: w.Zone, Level: level, Sent: at(minute), Expires: at(minute + 720), People: 2733,
		Texts: []alerting.Text{{Language: "en", Event: "Flood", Headline: "EXERCISE: flood", SMS: "EXERCISE: go up"}, {Language: "dz", SMS: "འགྱོ།"}},
		Area: geo.Zone{
			ID: w.Zone, Hazard: w.Kind, From: 1,
			Shape: orb.MultiPolygon{{{{89.8, 27.5}, {89.9, 27.5}, {89.9, 27.6}, {89.8, 27.5}}}},
		},
		CAP: []byte("<?xml version=\"1.0\"?>\r\n<alert>\xc2\xa0</alert>\n"),
	}
}

// must applies a change that has to go through.
func must(t *testing.T, store alerting.Store, change alerting.Change) alerting.Warning {
	t.Helper()
	w, err := store.Apply(t.Context(), change)
	if err != nil {
		t.Fatalf("apply %s: %v", change.Action, err)
	}
	return w
}

// path is the shortest way to a status.
func path(status alerting.Status) []alerting.Action {
	switch status {
	case alerting.Proposed:
		return []alerting.Action{alerting.ActionPropose}
	case alerting.Approved:
		return []alerting.Action{alerting.ActionPropose, alerting.ActionApprove}
	case alerting.Issued:
		return []alerting.Action{alerting.ActionPropose, alerting.ActionApprove, alerting.ActionIssue}
	case alerting.Updated:
		return append(path(alerting.Issued), alerting.ActionUpdate)
	case alerting.Ended:
		return append(path(alerting.Issued), alerting.ActionAllClear)
	case alerting.Rejected:
		return append(path(alerting.Proposed), alerting.ActionReject)
	}
	return nil
}

// bring makes a warning and takes it to a status.
func bring(t *testing.T, store alerting.Store, mode alerting.Mode, id, zone string, status alerting.Status) alerting.Warning {
	t.Helper()
	var w alerting.Warning
	for i, action := range path(status) {
		if i == 0 {
			w = must(t, store, propose(mode, id, zone))
			continue
		}
		w = must(t, store, next(w, action, i))
	}
	return w
}

func issued(t *testing.T, store Everything, mode alerting.Mode, id, zone string) alerting.Warning {
	t.Helper()
	return bring(t, store, mode, id, zone, alerting.Issued)
}

func audit(t *testing.T, store alerting.Store, warning string) []alerting.AuditRow {
	t.Helper()
	rows, err := store.Audit(context.WithoutCancel(t.Context()), warning, 0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
