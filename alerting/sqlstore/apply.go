package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"tocsin/alerting"
)

// Apply alone writes a transition: table, version, edition, send job, handled hazard and audit row in
// one transaction. It refuses, in this order, a hazard handled before (ErrHandled), a version that is
// not the stored one (ErrConflict), a step that the table does not have (ErrIllegal) and a second open
// warning (ErrOpen). Status, Version, Edition, CreatedAt, UpdatedAt, IssuedAt, EndedAt and Expires of
// the result follow from the step; the rest is as the caller wanted it.
func (db *DB) Apply(ctx context.Context, change alerting.Change) (alerting.Warning, error) {
	var written alerting.Warning
	err := checkChange(change)
	if err == nil {
		err = db.write(ctx, func(tx *sql.Tx) (err error) {
			written, err = db.apply(ctx, tx, change)
			return err
		})
	}
	if err != nil {
		return alerting.Warning{}, fmt.Errorf("%s warning %s (%s %s in %s): %w", change.Action, change.Warning.ID,
			change.Warning.Mode, change.Warning.Kind, change.Warning.Zone, err)
	}
	return written, nil
}

func (db *DB) apply(ctx context.Context, tx *sql.Tx, change alerting.Change) (alerting.Warning, error) {
	if change.Hazard != nil {
		if err := markHandled(ctx, tx, change.Warning.Mode, *change.Hazard); err != nil {
			return alerting.Warning{}, err
		}
	}
	written, err := step(ctx, tx, change)
	if err != nil {
		return alerting.Warning{}, err
	}
	if err := db.putWarning(ctx, tx, written); err != nil {
		return alerting.Warning{}, err
	}
	body := alerting.AuditBody{Note: change.Note, Warning: written, Hazard: change.Hazard}
	if change.Edition != nil {
		if err := putEdition(ctx, tx, *change.Edition, &body); err != nil {
			return alerting.Warning{}, err
		}
	}
	if change.Send != nil {
		if err := putJob(ctx, tx, *change.Send, &body); err != nil {
			return alerting.Warning{}, err
		}
	}
	return written, putAudit(ctx, tx, change, body)
}

// step is the warning after the change: what the caller wants, with what the step itself decides.
func step(ctx context.Context, tx *sql.Tx, change alerting.Change) (alerting.Warning, error) {
	wanted := change.Warning
	current, err := one(ctx, tx, scanWarning, selectWarning+" WHERE id = $1", wanted.ID)
	switch {
	case errors.Is(err, alerting.ErrNotFound):
		if wanted.Version != 0 {
			return wanted, fmt.Errorf("version %d was read of a warning that does not exist: %w", wanted.Version, err)
		}
		current = alerting.Warning{CreatedAt: change.At}
	case err != nil:
		return wanted, fmt.Errorf("read: %w", err)
	case current.Mode != wanted.Mode || current.Kind != wanted.Kind || current.Zone != wanted.Zone:
		return wanted, fmt.Errorf("it belongs to %s %s in %s and never changes that: %w", current.Mode, current.Kind, current.Zone, alerting.ErrIllegal)
	}
	if wanted.Version != current.Version {
		return wanted, fmt.Errorf("version %d was read, %d is stored: %w", wanted.Version, current.Version, alerting.ErrConflict)
	}
	status, ok := alerting.Next(current.Status, change.Action)
	if !ok {
		return wanted, fmt.Errorf("its status is %q: %w", current.Status, alerting.ErrIllegal)
	}
	return decided(current, change, status)
}

// decided overwrites the fields of the wanted warning that follow from the step.
func decided(current alerting.Warning, change alerting.Change, status alerting.Status) (alerting.Warning, error) {
	w := change.Warning
	at := whole(change.At)
	w.Status, w.Version, w.Edition = status, current.Version+1, current.Edition
	w.CreatedAt, w.UpdatedAt = whole(current.CreatedAt), at
	w.IssuedAt, w.EndedAt, w.Expires = current.IssuedAt, current.EndedAt, current.Expires
	if change.Action == alerting.ActionIssue {
		w.IssuedAt = &at
	}
	if !status.Open() {
		w.EndedAt = &at
	}
	if e := change.Edition; e != nil {
		if e.Number != current.Edition+1 {
			return w, fmt.Errorf("edition %d follows edition %d, want %d: %w", e.Number, current.Edition, current.Edition+1, alerting.ErrIllegal)
		}
		expires := whole(e.Expires)
		w.Edition, w.Expires = e.Number, &expires
	}
	return w, nil
}

// checkChange refuses a change whose parts do not belong together, before anything is read.
func checkChange(change alerting.Change) error {
	w := change.Warning
	if _, err := alerting.ParseMode(string(w.Mode)); err != nil {
		return err
	}
	if w.ID == "" || w.Kind == "" || w.Zone == "" {
		return errors.New("a warning needs an id, a hazard and a zone")
	}
	if change.Actor == "" || change.At.IsZero() {
		return errors.New("a change needs an actor and a time")
	}
	if h := change.Hazard; h != nil && (h.Kind != w.Kind || h.Zone != w.Zone) {
		return fmt.Errorf("the hazard is %s in %s, the warning is not", h.Kind, h.Zone)
	}
	return errors.Join(checkEdition(change), checkSend(change))
}

// checkEdition asks for an edition with every step that speaks to the public, and with no other.
func checkEdition(change alerting.Change) error {
	w, e := change.Warning, change.Edition
	speaks := speaks(change.Action)
	switch {
	case !speaks && e == nil:
		return nil
	case !speaks:
		return fmt.Errorf("edition %d: this step publishes nothing: %w", e.Number, alerting.ErrIllegal)
	case e == nil:
		return fmt.Errorf("this step publishes an edition and none was given: %w", alerting.ErrIllegal)
	case e.Mode != w.Mode || e.Warning != w.ID || e.Kind != w.Kind || e.Zone != w.Zone:
		return fmt.Errorf("edition %q belongs to %s warning %s: %w", e.Identifier, e.Mode, e.Warning, alerting.ErrIllegal)
	case e.Identifier == "":
		return errors.New("an edition needs an identifier")
	}
	return nil
}

func speaks(action alerting.Action) bool {
	switch action {
	case alerting.ActionIssue, alerting.ActionUpdate, alerting.ActionAllClear, alerting.ActionCancel:
		return true
	case alerting.ActionPropose, alerting.ActionRevise, alerting.ActionApprove, alerting.ActionReject,
		alerting.ActionWithdraw, alerting.ActionSuggest, alerting.ActionDismiss, alerting.ActionExpire:
	}
	return false
}

func checkSend(change alerting.Change) error {
	job, e := change.Send, change.Edition
	switch {
	case job == nil:
		return nil
	case e == nil:
		return fmt.Errorf("send job %q tells of no edition: %w", job.ID, alerting.ErrIllegal)
	case job.ID == "" || job.Mode != e.Mode || job.Warning != e.Warning || job.Edition != e.Number:
		return fmt.Errorf("send job %q tells of %s edition %d of warning %s, not of edition %d: %w",
			job.ID, job.Mode, job.Edition, job.Warning, e.Number, alerting.ErrIllegal)
	}
	return nil
}

// Handled marks a hazard as handled that changes no warning.
func (db *DB) Handled(ctx context.Context, mode alerting.Mode, hazard alerting.Hazard) error {
	_, err := alerting.ParseMode(string(mode))
	if err == nil {
		err = db.write(ctx, func(tx *sql.Tx) error { return markHandled(ctx, tx, mode, hazard) })
	}
	if err != nil {
		return fmt.Errorf("mark %s hazard %s in %s: %w", mode, hazard.Kind, hazard.Zone, err)
	}
	return nil
}

// markHandled compares (position, ordinal) with the last one handled: the position never decreases,
// and at one position the ordinal tells two hazards apart. It is the position that leads, so that a
// rule engine that starts afresh, counting from 1 again, is heard once it has read on.
func markHandled(ctx context.Context, tx *sql.Tx, mode alerting.Mode, h alerting.Hazard) error {
	if h.Position > math.MaxInt64 || h.Ordinal > math.MaxInt64 {
		return fmt.Errorf("position %d or ordinal %d is out of range", h.Position, h.Ordinal)
	}
	result, err := tx.ExecContext(ctx, `INSERT INTO handled (mode, kind, zone, position, ordinal) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (mode, kind, zone) DO UPDATE SET position = excluded.position, ordinal = excluded.ordinal
		WHERE excluded.position > handled.position
		   OR (excluded.position = handled.position AND excluded.ordinal > handled.ordinal)`,
		mode, h.Kind, h.Zone, int64(h.Position), int64(h.Ordinal))
	if err != nil {
		return fmt.Errorf("mark hazard: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return fmt.Errorf("position %d, ordinal %d: %w", h.Position, h.Ordinal, alerting.ErrHandled)
}

// putAudit links a row to the last one of the chain.
func putAudit(ctx context.Context, tx *sql.Tx, change alerting.Change, body alerting.AuditBody) error {
	last, err := one(ctx, tx, scanAudit, selectAudit+" ORDER BY seq DESC LIMIT 1")
	if err != nil && !errors.Is(err, alerting.ErrNotFound) {
		return fmt.Errorf("read the head of the audit: %w", err)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("audit row: %w", err)
	}
	row := alerting.AuditRow{
		Seq: last.Seq + 1, Warning: change.Warning.ID, Mode: change.Warning.Mode, At: whole(change.At),
		Actor: change.Actor, Action: change.Action, Body: text, Prev: last.Hash,
	}
	row.Hash = row.Sum(row.Prev)
	_, err = tx.ExecContext(ctx, `INSERT INTO audit (seq, mode, warning, at, actor, action, body, prev, hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		row.Seq, row.Mode, row.Warning, toMS(row.At), row.Actor, row.Action, row.Body, row.Prev, row.Hash)
	if err != nil {
		return fmt.Errorf("write audit row %d: %w", row.Seq, err)
	}
	return nil
}

func sum(b []byte) string {
	hash := sha256.Sum256(b)
	return hex.EncodeToString(hash[:])
}
