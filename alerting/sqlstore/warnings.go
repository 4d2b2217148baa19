package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tocsin/alerting"
)

// unlimited is how many rows a list has at most where nobody asked for fewer.
const unlimited = 500

const selectWarning = `SELECT mode, id, kind, zone, level, status, version, edition, proposal, reason,
	created_at, updated_at, issued_at, ended_at, expires_at FROM warnings`

func scanWarning(r row) (alerting.Warning, error) {
	var (
		w                      alerting.Warning
		proposal               sql.NullString
		created, updated       int64
		issued, ended, expires sql.NullInt64
	)
	err := r.Scan(&w.Mode, &w.ID, &w.Kind, &w.Zone, &w.Level, &w.Status, &w.Version, &w.Edition, &proposal,
		&w.Reason, &created, &updated, &issued, &ended, &expires)
	if err != nil {
		return w, err
	}
	w.CreatedAt, w.UpdatedAt = fromMS(created), fromMS(updated)
	w.IssuedAt, w.EndedAt, w.Expires = fromNullMS(issued), fromNullMS(ended), fromNullMS(expires)
	if !proposal.Valid {
		return w, nil
	}
	if err := json.Unmarshal([]byte(proposal.String), &w.Proposal); err != nil {
		return w, fmt.Errorf("proposal of warning %s: %w", w.ID, err)
	}
	return w, nil
}

// putWarning writes the row of a warning whose version has been checked in the same transaction.
func (db *DB) putWarning(ctx context.Context, tx *sql.Tx, w alerting.Warning) error {
	if err := openElsewhere(ctx, tx, w); err != nil {
		return err
	}
	proposal, err := jsonOrNull(w.Proposal)
	if err != nil {
		return fmt.Errorf("proposal: %w", err)
	}
	result, err := tx.ExecContext(ctx, `INSERT INTO warnings (mode, id, kind, zone, level, status, version, edition,
			proposal, reason, created_at, updated_at, issued_at, ended_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
		ON CONFLICT (mode, id) DO UPDATE SET level = $5, status = $6, version = $7, edition = $8,
			proposal = $9, reason = $10, updated_at = $12, issued_at = $13, ended_at = $14, expires_at = $15
		WHERE warnings.version = $7 - 1`,
		w.Mode, w.ID, w.Kind, w.Zone, w.Level, w.Status, w.Version, w.Edition, proposal, w.Reason,
		toMS(w.CreatedAt), toMS(w.UpdatedAt), nullMS(w.IssuedAt), nullMS(w.EndedAt), nullMS(w.Expires))
	if db.dialect.Unique(err) {
		return fmt.Errorf("%w (%w)", alerting.ErrOpen, err)
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return fmt.Errorf("version %d is not stored any more: %w", w.Version-1, alerting.ErrConflict)
}

// openElsewhere says which other warning stands in the way. The unique index would refuse too, but
// could not name it.
func openElsewhere(ctx context.Context, tx *sql.Tx, w alerting.Warning) error {
	if !w.Status.Open() {
		return nil
	}
	other, err := findOpen(ctx, tx, w.Mode, w.Kind, w.Zone)
	switch {
	case errors.Is(err, alerting.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("look for an open warning: %w", err)
	case other.ID != w.ID:
		return fmt.Errorf("%s is %s: %w", other.ID, other.Status, alerting.ErrOpen)
	}
	return nil
}

func findOpen(ctx context.Context, q queryer, mode alerting.Mode, kind, zone string) (alerting.Warning, error) {
	return one(ctx, q, scanWarning, selectWarning+` WHERE mode = $1 AND kind = $2 AND zone = $3
		AND status IN ('proposed', 'approved', 'issued', 'updated')`, mode, kind, zone)
}

// jsonOrNull is the JSON of what a pointer points at, NULL for nil.
func jsonOrNull[T any](value *T) (sql.NullString, error) {
	if value == nil {
		return sql.NullString{}, nil
	}
	text, err := json.Marshal(value)
	return sql.NullString{String: string(text), Valid: true}, err
}

// Warning finds a warning by its id.
func (db *DB) Warning(ctx context.Context, id string) (alerting.Warning, error) {
	w, err := one(ctx, db.reader, scanWarning, selectWarning+" WHERE id = $1", id)
	if err != nil {
		return w, fmt.Errorf("warning %s: %w", id, err)
	}
	return w, nil
}

// Open finds the open warning of (mode, kind, zone); ErrNotFound where there is none.
func (db *DB) Open(ctx context.Context, mode alerting.Mode, kind, zone string) (alerting.Warning, error) {
	w, err := findOpen(ctx, db.reader, mode, kind, zone)
	if err != nil {
		return w, fmt.Errorf("open %s warning for %s in %s: %w", mode, kind, zone, err)
	}
	return w, nil
}

// Warnings lists warnings, newest first.
func (db *DB) Warnings(ctx context.Context, filter alerting.WarningFilter) ([]alerting.Warning, error) {
	var where []string
	var args []any
	place := func(value any) string {
		args = append(args, value)
		return "$" + strconv.Itoa(len(args))
	}
	if filter.Mode != "" {
		where = append(where, "mode = "+place(filter.Mode))
	}
	if len(filter.Statuses) > 0 {
		var places []string
		for _, status := range filter.Statuses {
			places = append(places, place(status))
		}
		where = append(where, "status IN ("+strings.Join(places, ", ")+")")
	}
	query := selectWarning
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	query += " ORDER BY created_at DESC, id DESC LIMIT " + place(limitOr(filter.Limit, unlimited))
	found, err := all(ctx, db.reader, scanWarning, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list warnings: %w", err)
	}
	return found, nil
}

const selectAudit = `SELECT seq, mode, warning, at, actor, action, body, prev, hash FROM audit`

func scanAudit(r row) (alerting.AuditRow, error) {
	var a alerting.AuditRow
	var at int64
	err := r.Scan(&a.Seq, &a.Mode, &a.Warning, &at, &a.Actor, &a.Action, &a.Body, &a.Prev, &a.Hash)
	a.At = fromMS(at)
	return a, err
}

// Audit lists audit rows after a sequence number, oldest first; warning "" means all.
func (db *DB) Audit(ctx context.Context, warning string, after int64, limit int) ([]alerting.AuditRow, error) {
	rows, err := all(ctx, db.reader, scanAudit,
		selectAudit+" WHERE seq > $1 AND ($2 = '' OR warning = $2) ORDER BY seq LIMIT $3", after, warning, limitOr(limit, unlimited))
	if err != nil {
		return nil, fmt.Errorf("list audit of warning %q after %d: %w", warning, after, err)
	}
	return rows, nil
}

// Snapshot keeps a reader's state and position in place of the last one.
func (db *DB) Snapshot(ctx context.Context, reader string, position uint64, state []byte) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO snapshots (reader, position, state) VALUES ($1, $2, $3)
			ON CONFLICT (reader) DO UPDATE SET position = excluded.position, state = excluded.state`,
			reader, int64(position), state)
		return err
	})
	if err != nil {
		return fmt.Errorf("snapshot of %s at %d: %w", reader, position, err)
	}
	return nil
}

type snapshot struct {
	position int64
	state    []byte
}

// Restore returns the last snapshot kept, position 0 and no state at first.
func (db *DB) Restore(ctx context.Context, reader string) (uint64, []byte, error) {
	scan := func(r row) (snapshot, error) {
		var s snapshot
		err := r.Scan(&s.position, &s.state)
		return s, err
	}
	s, err := one(ctx, db.reader, scan, "SELECT position, state FROM snapshots WHERE reader = $1", reader)
	if errors.Is(err, alerting.ErrNotFound) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, fmt.Errorf("restore %s: %w", reader, err)
	}
	return uint64(s.position), s.state, nil
}

const selectEdition = `SELECT e.mode, e.warning, e.number, e.identifier, e.msg_type, e.kind, e.zone, e.level,
	e.sent_at, e.expires_at, e.people, e.refs, e.texts, e.area, e.cause, e.cap FROM editions e`

func scanEdition(r row) (alerting.Edition, error) {
	var (
		e                 alerting.Edition
		sent, expires     int64
		refs, texts, area []byte
		cause             sql.NullString
	)
	err := r.Scan(&e.Mode, &e.Warning, &e.Number, &e.Identifier, &e.MsgType, &e.Kind, &e.Zone, &e.Level,
		&sent, &expires, &e.People, &refs, &texts, &area, &cause, &e.CAP)
	if err != nil {
		return e, err
	}
	e.Sent, e.Expires = fromMS(sent), fromMS(expires)
	err = errors.Join(json.Unmarshal(refs, &e.References), json.Unmarshal(texts, &e.Texts), json.Unmarshal(area, &e.Area))
	if cause.Valid {
		err = errors.Join(err, json.Unmarshal([]byte(cause.String), &e.Cause))
	}
	if err != nil {
		return e, fmt.Errorf("edition %s: %w", e.Identifier, err)
	}
	return e, nil
}

// putEdition writes an edition and notes its sums in the audit's body.
func putEdition(ctx context.Context, tx *sql.Tx, e alerting.Edition, body *alerting.AuditBody) error {
	refs, err1 := json.Marshal(e.References)
	texts, err2 := json.Marshal(e.Texts)
	area, err3 := json.Marshal(e.Area)
	cause, err4 := jsonOrNull(e.Cause)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return fmt.Errorf("edition %s: %w", e.Identifier, err)
	}
	e.Sent, e.Expires = whole(e.Sent), whole(e.Expires)
	body.Edition, body.CAPSHA256, body.AreaSHA256 = &e, sum(e.CAP), sum(area)
	bytes := e.CAP
	if bytes == nil {
		bytes = []byte{}
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO editions (mode, warning, number, identifier, msg_type, kind, zone, level,
			sent_at, expires_at, people, refs, texts, area, cause, cap)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		e.Mode, e.Warning, e.Number, e.Identifier, e.MsgType, e.Kind, e.Zone, e.Level, toMS(e.Sent), toMS(e.Expires),
		e.People, string(refs), string(texts), string(area), cause, bytes)
	if err != nil {
		return fmt.Errorf("write edition %d (%s): %w", e.Number, e.Identifier, err)
	}
	return nil
}

// Editions lists the editions of a warning, oldest first.
func (db *DB) Editions(ctx context.Context, warning string) ([]alerting.Edition, error) {
	found, err := all(ctx, db.reader, scanEdition, selectEdition+" WHERE e.warning = $1 ORDER BY e.number", warning)
	if err != nil {
		return nil, fmt.Errorf("editions of warning %s: %w", warning, err)
	}
	return found, nil
}

// Edition finds an edition by its CAP identifier.
func (db *DB) Edition(ctx context.Context, identifier string) (alerting.Edition, error) {
	e, err := one(ctx, db.reader, scanEdition, selectEdition+" WHERE e.identifier = $1", identifier)
	if err != nil {
		return e, fmt.Errorf("edition %s: %w", identifier, err)
	}
	return e, nil
}

// Current lists the last edition of every warning of a mode that is in force or ended after since,
// newest first.
func (db *DB) Current(ctx context.Context, mode alerting.Mode, since time.Time) ([]alerting.Edition, error) {
	found, err := all(ctx, db.reader, scanEdition, selectEdition+` JOIN warnings w ON w.mode = e.mode AND w.id = e.warning AND w.edition = e.number
		WHERE w.mode = $1 AND (w.status IN ('issued', 'updated') OR (w.status = 'ended' AND w.ended_at > $2))
		ORDER BY e.sent_at DESC, e.identifier DESC`, mode, toMS(since))
	if err != nil {
		return nil, fmt.Errorf("current %s editions: %w", mode, err)
	}
	return found, nil
}
