package alerting

import (
	"context"
	"errors"
	"time"
)

// Change is one transition of one warning with everything that must be true at the same moment.
type Change struct {
	Action  Action
	Actor   string // "rule:<id>", an operator's id, "policy", "clock"
	At      time.Time
	Note    string   // a person's word, kept in the audit
	Warning Warning  // the state wanted, with the Version that was read (0 for a new one); Status set by Apply from the table
	Edition *Edition // written with issue, update, all_clear and cancel; never changed afterwards
	Send    *SendJob // handed to dispatch in the same transaction
	// Hazard, where a rule caused the change (even one that turns out to change nothing, see
	// Store.Handled), is marked as handled in the same transaction.
	Hazard *Hazard
}

// Errors that Apply returns, wrapped with the warning's id and what was found.
var (
	ErrConflict = errors.New("the warning was changed by somebody else meanwhile")
	ErrIllegal  = errors.New("the table of transitions has no such step")
	ErrOpen     = errors.New("a warning for this hazard and zone is open already")
	ErrHandled  = errors.New("this hazard was handled before")
	ErrNotFound = errors.New("not found")
)

// Store keeps warnings. Every method may be called from any goroutine; Apply is a transaction.
type Store interface {
	// Apply alone writes a transition: it checks it against the table and the version, writes the
	// warning, the edition, the audit row, the handled hazard and the send job together, and returns
	// the warning as written (Version increased).
	Apply(ctx context.Context, change Change) (Warning, error)
	// Handled marks a hazard as handled that changes no warning. ErrHandled where it was before.
	Handled(ctx context.Context, mode Mode, hazard Hazard) error
	Warning(ctx context.Context, id string) (Warning, error)
	// Open finds the open warning of (mode, kind, zone); ErrNotFound where there is none.
	Open(ctx context.Context, mode Mode, kind, zone string) (Warning, error)
	// Warnings lists warnings, newest first.
	Warnings(ctx context.Context, filter WarningFilter) ([]Warning, error)
	// Editions lists the editions of a warning, oldest first.
	Editions(ctx context.Context, warning string) ([]Edition, error)
	// Edition finds an edition by its CAP identifier.
	Edition(ctx context.Context, identifier string) (Edition, error)
	// Current lists, for every warning whose last edition was sent in mode and is either still in
	// force or ended after since, that last edition, newest first.
	Current(ctx context.Context, mode Mode, since time.Time) ([]Edition, error)
	// Audit lists audit rows, oldest first; warning "" means all.
	Audit(ctx context.Context, warning string, after int64, limit int) ([]AuditRow, error)
	// Snapshot keeps a reader's state and position; Restore returns the last one kept, position 0 and
	// no state at first.
	Snapshot(ctx context.Context, reader string, position uint64, state []byte) error
	Restore(ctx context.Context, reader string) (position uint64, state []byte, err error)
}

// WarningFilter selects warnings.
type WarningFilter struct {
	Mode     Mode     // empty: all
	Statuses []Status // empty: all
	Limit    int      // 0: 500
}

// AuditRow is one link of the append-only chain of what touched warnings.
type AuditRow struct {
	Seq     int64     `json:"seq"`
	Warning string    `json:"warning"`
	Mode    Mode      `json:"mode"`
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"`
	Action  Action    `json:"action"`
	Body    []byte    `json:"-"`    // JSON: the change without the CAP bytes, which appear as their SHA-256
	Prev    string    `json:"prev"` // hash of the row before, hex
	Hash    string    `json:"hash"` // SHA-256 over prev and this row's fields, hex
}
