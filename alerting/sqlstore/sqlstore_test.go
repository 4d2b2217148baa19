package sqlstore

import (
	"path/filepath"
	"testing"
	"time"

	"tocsin/alerting"
	"tocsin/alerting/storetest"
)

func opener(t *testing.T) (storetest.Everything, func() storetest.Everything) {
	path := filepath.Join(t.TempDir(), "alerting 100%?.db")
	var db *DB
	open := func() storetest.Everything {
		if db != nil {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if db, err = Open(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		return db
	}
	open()
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, open
}

func TestConformance(t *testing.T) { storetest.Run(t, opener) }

// TestImmutable tries to change and remove what was published, behind the store's back.
func TestImmutable(t *testing.T) {
	store, _ := opener(t)
	db := store.(*DB)
	seed(t, db)
	for _, statement := range []string{
		"UPDATE editions SET cap = 'x'", "DELETE FROM editions", "UPDATE audit SET actor = 'nobody'", "DELETE FROM audit",
		"INSERT OR REPLACE INTO audit SELECT * FROM audit", "DELETE FROM warnings",
		"UPDATE warnings SET mode = 'Actual'", // the editions hold on to it
	} {
		if _, err := db.writer.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("%s was done", statement)
		}
	}
	if _, err := db.reader.ExecContext(t.Context(), "DELETE FROM recipients"); err == nil {
		t.Error("a reader wrote")
	}
}

// seed issues one warning with everything that hangs on it.
func seed(t *testing.T, db *DB) {
	t.Helper()
	now := time.Date(2026, 10, 7, 1, 30, 0, 0, time.UTC)
	w := alerting.Warning{ID: "w", Mode: alerting.Exercise, Kind: "flood", Zone: "z", Level: 3}
	for _, action := range []alerting.Action{alerting.ActionPropose, alerting.ActionApprove, alerting.ActionIssue} {
		change := alerting.Change{Action: action, Actor: "tashi", At: now, Warning: w}
		if action == alerting.ActionIssue {
			change.Edition = &alerting.Edition{Warning: "w", Number: 1, Identifier: "w.1", Mode: w.Mode, Kind: "flood", Zone: "z", Sent: now, Expires: now}
			change.Send = &alerting.SendJob{ID: "w/1", Mode: w.Mode, Warning: "w", Edition: 1, At: now, Expires: now}
		}
		var err error
		if w, err = db.Apply(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
}
