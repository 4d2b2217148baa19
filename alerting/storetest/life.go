package storetest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"tocsin/alerting"
	"tocsin/ingest"
)

func statuses() []alerting.Status {
	return []alerting.Status{alerting.Proposed, alerting.Approved, alerting.Issued, alerting.Updated, alerting.Ended, alerting.Rejected}
}

func actions() []alerting.Action {
	var all []alerting.Action
	for _, transition := range alerting.Transitions() {
		all = append(all, transition.Action)
	}
	return all
}

func testLife(t *testing.T, open Opener) {
	store, again := open(t)
	w := bring(t, store, alerting.Exercise, "w1", "lunana", alerting.Updated)
	if w.Version != 4 || w.Edition != 2 || w.Status != alerting.Updated {
		t.Fatalf("after four steps: version %d, edition %d, status %s", w.Version, w.Edition, w.Status)
	}
	if w.IssuedAt == nil || !w.IssuedAt.Equal(at(2)) || w.Expires == nil || !w.Expires.Equal(at(723)) || w.EndedAt != nil {
		t.Errorf("times: issued %v, expires %v, ended %v", w.IssuedAt, w.Expires, w.EndedAt)
	}
	w = must(t, store, next(w, alerting.ActionAllClear, 9))
	if w.Status != alerting.Ended || w.EndedAt == nil || !w.EndedAt.Equal(at(9)) {
		t.Errorf("all-clear: %s, ended %v", w.Status, w.EndedAt)
	}
	store = again()
	got, err := store.Warning(t.Context(), "w1")
	if err != nil || !reflect.DeepEqual(got, w) {
		t.Errorf("after a restart\n%+v, want\n%+v (%v)", got, w, err)
	}
	if _, err := store.Warning(t.Context(), "w2"); !errors.Is(err, alerting.ErrNotFound) {
		t.Errorf("unknown warning: %v", err)
	}
}

// testIllegal takes every action from every status and from nothing; the table alone says which may pass.
func testIllegal(t *testing.T, open Opener) {
	store, _ := open(t)
	for i, status := range append(statuses(), "") {
		for j, action := range actions() {
			id := fmt.Sprintf("w%d-%d", i, j)
			w := alerting.Warning{ID: id, Mode: alerting.Test, Kind: "outburst", Zone: id, Level: 3}
			if status != "" {
				w = bring(t, store, alerting.Test, id, id, status)
			}
			before := len(audit(t, store, id))
			to, legal := alerting.Next(status, action)
			got, err := store.Apply(t.Context(), next(w, action, 10))
			switch {
			case legal && (err != nil || got.Status != to):
				t.Errorf("%s from %q: status %q, %v; want %q", action, status, got.Status, err, to)
			case !legal && !errors.Is(err, alerting.ErrIllegal):
				t.Errorf("%s from %q: %v, want ErrIllegal", action, status, err)
			case !legal && len(audit(t, store, id)) != before:
				t.Errorf("%s from %q was refused and left an audit row", action, status)
			}
		}
	}
}

// testMismatch hands over changes whose parts belong to different warnings, modes or editions.
func testMismatch(t *testing.T, open Opener) {
	store, _ := open(t)
	w := bring(t, store, alerting.Exercise, "w1", "lunana", alerting.Approved)
	for name, spoil := range map[string]func(*alerting.Change){
		"warning to another mode":  func(c *alerting.Change) { c.Warning.Mode = alerting.Actual },
		"warning to another zone":  func(c *alerting.Change) { c.Warning.Zone = "punakha" },
		"everything to Actual":     func(c *alerting.Change) { c.Warning.Mode, c.Edition.Mode, c.Send.Mode = "Actual", "Actual", "Actual" },
		"edition of another mode":  func(c *alerting.Change) { c.Edition.Mode = alerting.Actual },
		"edition of another":       func(c *alerting.Change) { c.Edition.Warning = "w2" },
		"edition skipped":          func(c *alerting.Change) { c.Edition.Number, c.Send.Edition = 2, 2 },
		"edition without name":     func(c *alerting.Change) { c.Edition.Identifier = "" },
		"no edition":               func(c *alerting.Change) { c.Edition, c.Send = nil, nil },
		"send job of another mode": func(c *alerting.Change) { c.Send.Mode = alerting.Actual },
		"send job of nothing":      func(c *alerting.Change) { c.Send.Edition = 7 },
		"no actor":                 func(c *alerting.Change) { c.Actor = "" },
		"hazard of another zone":   func(c *alerting.Change) { c.Hazard = &alerting.Hazard{Kind: "outburst", Zone: "punakha"} },
		"mode that is none":        func(c *alerting.Change) { c.Warning.Mode = "Real" },
	} {
		change := next(w, alerting.ActionIssue, 5)
		spoil(&change)
		if _, err := store.Apply(t.Context(), change); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	extra := next(bring(t, store, alerting.Exercise, "w3", "punakha", alerting.Proposed), alerting.ActionApprove, 5)
	extra.Edition = edition(extra.Warning, 4, 5)
	if _, err := store.Apply(t.Context(), extra); !errors.Is(err, alerting.ErrIllegal) {
		t.Errorf("an edition with a step that publishes nothing: %v", err)
	}
	must(t, store, next(w, alerting.ActionIssue, 5))
}

// testConflict lets many goroutines take the same step from the same version: one does.
func testConflict(t *testing.T, open Opener) {
	store, _ := open(t)
	w := bring(t, store, alerting.Exercise, "w1", "lunana", alerting.Issued)
	const rivals = 8
	errs := make([]error, rivals)
	var wait sync.WaitGroup
	for i := range rivals {
		wait.Go(func() {
			action := []alerting.Action{alerting.ActionUpdate, alerting.ActionCancel}[i%2]
			_, errs[i] = store.Apply(t.Context(), next(w, action, 5))
		})
	}
	wait.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, alerting.ErrConflict):
			t.Errorf("loser: %v, want ErrConflict", err)
		}
	}
	if won != 1 || len(audit(t, store, "w1")) != 4 {
		t.Errorf("%d won and %d audit rows, want 1 and 4", won, len(audit(t, store, "w1")))
	}
	if _, err := store.Apply(t.Context(), next(alerting.Warning{
		ID: "w9", Mode: alerting.Exercise, Kind: "outburst", Zone: "x", Version: 3,
	}, alerting.ActionApprove, 5)); !errors.Is(err, alerting.ErrNotFound) {
		t.Errorf("a warning that does not exist: %v, want ErrNotFound", err)
	}
}

func testOneOpen(t *testing.T, open Opener) {
	store, _ := open(t)
	const rivals = 8
	errs := make([]error, rivals)
	var wait sync.WaitGroup
	for i := range rivals {
		wait.Go(func() {
			_, errs[i] = store.Apply(t.Context(), propose(alerting.Exercise, fmt.Sprintf("w%d", i), "lunana"))
		})
	}
	wait.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, alerting.ErrOpen) {
			t.Errorf("loser: %v, want ErrOpen", err)
		}
	}
	if won != 1 {
		t.Fatalf("%d warnings are open for one hazard and zone", won)
	}
	must(t, store, propose(alerting.Test, "other-mode", "lunana"))
	must(t, store, propose(alerting.Exercise, "other-zone", "punakha"))
	w, err := store.Open(t.Context(), alerting.Exercise, "outburst", "lunana")
	if err != nil {
		t.Fatal(err)
	}
	must(t, store, next(w, alerting.ActionReject, 1))
	if _, err := store.Open(t.Context(), alerting.Exercise, "outburst", "lunana"); !errors.Is(err, alerting.ErrNotFound) {
		t.Errorf("after the rejection: %v, want ErrNotFound", err)
	}
	must(t, store, propose(alerting.Exercise, "again", "lunana"))
}

// testHandled: a hazard that was written with its warning is not handled twice, also after a restart.
func testHandled(t *testing.T, open Opener) {
	store, again := open(t)
	hazard := func(position, ordinal uint64) *alerting.Hazard {
		return &alerting.Hazard{
			Kind: "outburst", Zone: "lunana", Level: 4, Rule: "r", Position: position, Ordinal: ordinal, Judged: start,
			Evidence: []ingest.Reading{{Key: ingest.Key{Station: "s", Sensor: "water_level", Time: start}, Value: 3.1, Flag: ingest.Pass}},
		}
	}
	change := propose(alerting.Exercise, "w1", "lunana")
	change.Hazard = hazard(10, 2)
	must(t, store, change)
	store = again()
	if _, err := store.Apply(t.Context(), change); !errors.Is(err, alerting.ErrHandled) {
		t.Errorf("the same again: %v, want ErrHandled", err)
	}
	for _, old := range []*alerting.Hazard{hazard(10, 2), hazard(10, 1), hazard(9, 3)} {
		if err := store.Handled(t.Context(), alerting.Exercise, *old); !errors.Is(err, alerting.ErrHandled) {
			t.Errorf("position %d ordinal %d: %v, want ErrHandled", old.Position, old.Ordinal, err)
		}
	}
	for _, fresh := range []*alerting.Hazard{hazard(10, 3), hazard(11, 4), hazard(12, 1)} {
		if err := store.Handled(t.Context(), alerting.Exercise, *fresh); err != nil {
			t.Errorf("position %d ordinal %d: %v", fresh.Position, fresh.Ordinal, err)
		}
	}
	if err := store.Handled(t.Context(), alerting.Test, *hazard(10, 2)); err != nil {
		t.Errorf("another mode: %v", err)
	}
}

// testAtomic: a change that is refused late (a second edition with the same identifier) leaves nothing,
// not even its hazard.
func testAtomic(t *testing.T, open Opener) {
	store, _ := open(t)
	issued(t, store, alerting.Exercise, "w1", "lunana")
	w := bring(t, store, alerting.Exercise, "w2", "punakha", alerting.Approved)
	change := next(w, alerting.ActionIssue, 5)
	good := change.Edition.Identifier
	change.Edition.Identifier = "tocsin.Exercise.w1.1"
	change.Hazard = &alerting.Hazard{Kind: "outburst", Zone: "punakha", Position: 5, Ordinal: 1}
	if _, err := store.Apply(t.Context(), change); err == nil {
		t.Fatal("two editions have the same identifier")
	}
	if got, err := store.Warning(t.Context(), "w2"); err != nil || !reflect.DeepEqual(got, w) {
		t.Errorf("the refused change left %+v (%v)", got, err)
	}
	if rows := audit(t, store, "w2"); len(rows) != 2 {
		t.Errorf("%d audit rows, want 2", len(rows))
	}
	change.Edition.Identifier = good
	must(t, store, change)
}

// testReadBack: what was published comes back to the byte.
func testReadBack(t *testing.T, open Opener) {
	store, again := open(t)
	w := bring(t, store, alerting.Exercise, "w1", "lunana", alerting.Approved)
	change := next(w, alerting.ActionIssue, 2)
	change.Edition.References = []string{"dhms@example.bt,x,2026-10-07T07:30:00+06:00"}
	change.Edition.Cause = &alerting.Cause{Rule: "lake-falls", Station: "thanza", Sensor: "water_level", Level: 4, Onset: at(-10), Judged: at(-1), Words: "Thanza fell"}
	must(t, store, change)
	store = again()
	got, err := store.Edition(t.Context(), change.Edition.Identifier)
	if err != nil || !reflect.DeepEqual(got, *change.Edition) {
		t.Errorf("edition\n%+v, want\n%+v (%v)", got, *change.Edition, err)
	}
	list, err := store.Editions(t.Context(), "w1")
	if err != nil || len(list) != 1 || !reflect.DeepEqual(list[0], got) {
		t.Errorf("editions %+v (%v)", list, err)
	}
	if _, err := store.Edition(t.Context(), "nothing"); !errors.Is(err, alerting.ErrNotFound) {
		t.Errorf("unknown edition: %v", err)
	}
}

// testAudit checks the chain over several warnings and what a row holds.
func testAudit(t *testing.T, open Opener) {
	store, again := open(t)
	issued(t, store, alerting.Exercise, "w1", "lunana")
	w := issued(t, store, alerting.Test, "w2", "punakha")
	end := next(w, alerting.ActionCancel, 5)
	end.Note = "wrong valley"
	must(t, again(), end)
	rows := audit(t, again(), "")
	if len(rows) != 7 {
		t.Fatalf("%d rows, want 7", len(rows))
	}
	prev := ""
	for i, row := range rows {
		if row.Seq != int64(i+1) || row.Prev != prev || row.Hash != row.Sum(prev) {
			t.Errorf("row %d (seq %d) is not linked to the one before", i, row.Seq)
		}
		prev = row.Hash
	}
	last := rows[6]
	var body alerting.AuditBody
	if err := json.Unmarshal(last.Body, &body); err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(end.Edition.CAP)
	if body.Note != "wrong valley" || body.CAPSHA256 != hex.EncodeToString(hash[:]) || body.Warning.Status != alerting.Ended || body.Send != "w2/2" {
		t.Errorf("body %+v", body)
	}
	if some, err := again().Audit(t.Context(), "w1", rows[0].Seq, 1); err != nil || len(some) != 1 || some[0].Action != alerting.ActionApprove {
		t.Errorf("one row of w1 after the first: %+v (%v)", some, err)
	}
}

func testCurrent(t *testing.T, open Opener) {
	store, _ := open(t)
	bring(t, store, alerting.Exercise, "proposed", "a", alerting.Proposed)
	bring(t, store, alerting.Exercise, "rejected", "b", alerting.Rejected)
	bring(t, store, alerting.Exercise, "issued", "c", alerting.Issued)   // sent at 2
	bring(t, store, alerting.Exercise, "updated", "d", alerting.Updated) // sent at 3
	bring(t, store, alerting.Exercise, "ended", "e", alerting.Ended)     // sent and ended at 3
	late := bring(t, store, alerting.Exercise, "late", "f", alerting.Issued)
	must(t, store, next(late, alerting.ActionAllClear, 60))
	gone := bring(t, store, alerting.Exercise, "expired", "g", alerting.Issued)
	must(t, store, next(gone, alerting.ActionExpire, 61))
	bring(t, store, alerting.Test, "test", "c", alerting.Issued)
	for _, c := range []struct {
		mode   alerting.Mode
		minute int
		want   []string
	}{
		{alerting.Exercise, 0, []string{"late/2", "updated/2", "ended/2", "issued/1", "expired/1"}},
		{alerting.Exercise, 3, []string{"late/2", "updated/2", "issued/1", "expired/1"}},
		{alerting.Exercise, 61, []string{"updated/2", "issued/1"}},
		{alerting.Test, 61, []string{"test/1"}},
		{alerting.Actual, 0, nil},
	} {
		editions, err := store.Current(t.Context(), c.mode, at(c.minute))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range editions {
			got = append(got, fmt.Sprintf("%s/%d", e.Warning, e.Number))
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s since minute %d: %v, want %v", c.mode, c.minute, got, c.want)
		}
	}
	testList(t, store)
}

func testList(t *testing.T, store Everything) {
	t.Helper()
	list, err := store.Warnings(t.Context(), alerting.WarningFilter{Mode: alerting.Exercise, Statuses: []alerting.Status{alerting.Issued, alerting.Updated}})
	if err != nil || len(list) != 2 {
		t.Errorf("issued and updated: %d (%v), want 2", len(list), err)
	}
	list, err = store.Warnings(t.Context(), alerting.WarningFilter{Limit: 3})
	if err != nil || len(list) != 3 {
		t.Errorf("three of all: %d (%v)", len(list), err)
	}
}

func testSnapshot(t *testing.T, open Opener) {
	store, again := open(t)
	if position, state, err := store.Restore(t.Context(), "rules"); err != nil || position != 0 || state != nil {
		t.Errorf("at first: %d, %q, %v", position, state, err)
	}
	for _, state := range []string{"one", "\x00\xff not text"} {
		if err := store.Snapshot(t.Context(), "rules", 77, []byte(state)); err != nil {
			t.Fatal(err)
		}
	}
	if position, state, err := again().Restore(t.Context(), "rules"); err != nil || position != 77 || string(state) != "\x00\xff not text" {
		t.Errorf("restored %d, %q, %v", position, state, err)
	}
}
