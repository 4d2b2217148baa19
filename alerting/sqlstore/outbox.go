package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"tocsin/alerting"
)

const selectJob = `SELECT mode, id, warning, edition, level, urgency, expires_at, at FROM send_jobs`

func scanJob(r row) (alerting.SendJob, error) {
	var j alerting.SendJob
	var expires, at int64
	err := r.Scan(&j.Mode, &j.ID, &j.Warning, &j.Edition, &j.Level, &j.Urgency, &expires, &at)
	j.Expires, j.At = fromMS(expires), fromMS(at)
	return j, err
}

// putJob writes a send job and notes its id in the audit's body.
func putJob(ctx context.Context, tx *sql.Tx, j alerting.SendJob, body *alerting.AuditBody) error {
	body.Send = j.ID
	_, err := tx.ExecContext(ctx, `INSERT INTO send_jobs (mode, id, warning, edition, level, urgency, expires_at, at, done)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)`,
		j.Mode, j.ID, j.Warning, j.Edition, j.Level, j.Urgency, toMS(j.Expires), toMS(j.At))
	if err != nil {
		return fmt.Errorf("write send job %s: %w", j.ID, err)
	}
	return nil
}

// PendingJob is the most urgent job not yet expanded; ok is false where there is none.
func (db *DB) PendingJob(ctx context.Context) (alerting.SendJob, bool, error) {
	job, err := one(ctx, db.reader, scanJob, selectJob+" WHERE done = 0 ORDER BY urgency DESC, at, id LIMIT 1")
	if errors.Is(err, alerting.ErrNotFound) {
		return job, false, nil
	}
	if err != nil {
		return job, false, fmt.Errorf("next send job: %w", err)
	}
	return job, true, nil
}

const insertDelivery = `INSERT INTO deliveries (mode, key, job, warning, edition, recipient, channel, language, text,
		urgency, state, attempts, handing, provider_id, detail, not_before, expires_at, created_at, changed_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
	ON CONFLICT (mode, key) DO NOTHING`

// Expand adds deliveries of a job, leaves existing keys as they are and closes the job where done.
func (db *DB) Expand(ctx context.Context, job string, deliveries []alerting.Delivery, done bool) error {
	err := db.write(ctx, func(tx *sql.Tx) error { return expand(ctx, tx, job, deliveries, done) })
	if err != nil {
		return fmt.Errorf("expand send job %s by %d deliveries: %w", job, len(deliveries), err)
	}
	return nil
}

func expand(ctx context.Context, tx *sql.Tx, job string, deliveries []alerting.Delivery, done bool) (err error) {
	of, err := one(ctx, tx, scanJob, selectJob+" WHERE id = $1", job)
	if err != nil {
		return err
	}
	insert, err := tx.PrepareContext(ctx, insertDelivery)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, insert.Close()) }()
	for _, d := range deliveries {
		if d.Job != job || d.Mode != of.Mode || d.Warning != of.Warning || d.Edition != of.Edition {
			return fmt.Errorf("delivery %s is of %s job %s, want %s job %s", d.Key, d.Mode, d.Job, of.Mode, job)
		}
		if _, err := insert.ExecContext(ctx, d.Mode, d.Key, d.Job, d.Warning, d.Edition, d.Recipient, d.Channel, d.Language,
			d.Text, d.Urgency, d.State, d.Attempts, truth(d.Handing), d.ProviderID, d.Detail,
			toMS(d.NotBefore), toMS(d.Expires), toMS(d.CreatedAt), toMS(d.ChangedAt)); err != nil {
			return fmt.Errorf("delivery %s: %w", d.Key, err)
		}
	}
	if !done {
		return nil
	}
	_, err = tx.ExecContext(ctx, "UPDATE send_jobs SET done = 1 WHERE id = $1", job)
	return err
}

const selectDelivery = `SELECT d.mode, d.key, d.job, d.warning, d.edition, d.recipient, d.channel, d.language, d.text,
	d.urgency, d.state, d.attempts, d.handing, d.provider_id, d.detail, d.not_before, d.expires_at, d.created_at, d.changed_at
	FROM deliveries d`

func scanDelivery(r row) (alerting.Delivery, error) {
	var d alerting.Delivery
	var notBefore, expires, created, changed int64
	err := r.Scan(&d.Mode, &d.Key, &d.Job, &d.Warning, &d.Edition, &d.Recipient, &d.Channel, &d.Language, &d.Text,
		&d.Urgency, &d.State, &d.Attempts, &d.Handing, &d.ProviderID, &d.Detail, &notBefore, &expires, &created, &changed)
	d.NotBefore, d.Expires, d.CreatedAt, d.ChangedAt = fromMS(notBefore), fromMS(expires), fromMS(created), fromMS(changed)
	return d, err
}

// Supersede suppresses up to limit queued deliveries of earlier editions of the job's warning.
func (db *DB) Supersede(ctx context.Context, job alerting.SendJob, at time.Time, limit int) (int, error) {
	var suppressed int64
	err := db.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE deliveries SET state = 'suppressed', detail = $4, changed_at = $5
			WHERE mode = $1 AND key IN (SELECT key FROM deliveries WHERE mode = $1 AND warning = $2 AND edition < $3
				AND state = 'queued' AND handing = 0 LIMIT $6)`,
			job.Mode, job.Warning, job.Edition, fmt.Sprintf("superseded by edition %d", job.Edition), toMS(at), limitOr(limit, unlimited))
		if err != nil {
			return err
		}
		suppressed, err = result.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("supersede what send job %s makes obsolete: %w", job.ID, err)
	}
	return int(suppressed), nil
}

// Due lists queued deliveries whose time has come, most urgent first, then oldest. A recipient's later
// edition waits for the earlier one of the same warning, also while that one is being handed over.
func (db *DB) Due(ctx context.Context, now time.Time, limit int) ([]alerting.Delivery, error) {
	found, err := all(ctx, db.reader, scanDelivery, selectDelivery+`
		WHERE d.state = 'queued' AND d.handing = 0 AND d.not_before <= $1
		  AND NOT EXISTS (SELECT 1 FROM deliveries p WHERE p.mode = d.mode AND p.warning = d.warning
		      AND p.recipient = d.recipient AND p.edition < d.edition AND p.state = 'queued')
		ORDER BY d.urgency DESC, d.created_at, d.key LIMIT $2`, toMS(now), limitOr(limit, unlimited))
	if err != nil {
		return nil, fmt.Errorf("deliveries due: %w", err)
	}
	return found, nil
}

// Record writes the new state of a delivery. A final state is never left; one that was handed over is
// never queued again; news that came late (sent, then accepted) is passed over without an error.
func (db *DB) Record(ctx context.Context, d alerting.Delivery) error {
	err := db.write(ctx, func(tx *sql.Tx) error { return record(ctx, tx, d) })
	if err != nil {
		return fmt.Errorf("record delivery %s as %s: %w", d.Key, d.State, err)
	}
	return nil
}

func record(ctx context.Context, tx *sql.Tx, d alerting.Delivery) error {
	stored, err := one(ctx, tx, scanDelivery, selectDelivery+" WHERE d.mode = $1 AND d.key = $2", d.Mode, d.Key)
	if err != nil {
		return err
	}
	if stored.State.Final() || rank(d.State) < rank(stored.State) {
		return nil
	}
	_, err = tx.ExecContext(ctx, `UPDATE deliveries SET state = $3, attempts = $4, handing = $5, provider_id = $6,
		detail = $7, not_before = $8, changed_at = $9 WHERE mode = $1 AND key = $2`,
		d.Mode, d.Key, d.State, d.Attempts, truth(d.Handing), d.ProviderID, d.Detail, toMS(d.NotBefore), toMS(d.ChangedAt))
	return err
}

// rank orders the states by how much is known: news never goes back.
func rank(s alerting.DeliveryState) int {
	switch s {
	case alerting.StateQueued:
		return 0
	case alerting.StateUnknown:
		return 1
	case alerting.StateAccepted:
		return 2
	case alerting.StateSent:
		return 3
	case alerting.StateDelivered, alerting.StateFailed, alerting.StateExpired, alerting.StateSuppressed:
	}
	return 4
}

// ByProvider finds a delivery by the provider's message id; ErrNotFound where there is none.
func (db *DB) ByProvider(ctx context.Context, channel, providerID string) (alerting.Delivery, error) {
	d, err := one(ctx, db.reader, scanDelivery,
		selectDelivery+" WHERE d.provider_id <> '' AND d.channel = $1 AND d.provider_id = $2", channel, providerID)
	if err != nil {
		return d, fmt.Errorf("delivery of %s message %s: %w", channel, providerID, err)
	}
	return d, nil
}

// Handing lists deliveries that were being handed over when the process ended.
func (db *DB) Handing(ctx context.Context) ([]alerting.Delivery, error) {
	found, err := all(ctx, db.reader, scanDelivery, selectDelivery+" WHERE d.state = 'queued' AND d.handing = 1 ORDER BY d.key")
	if err != nil {
		return nil, fmt.Errorf("deliveries being handed over: %w", err)
	}
	return found, nil
}

// Deliveries lists the deliveries of a warning ("" for all of a mode), newest first.
func (db *DB) Deliveries(ctx context.Context, mode alerting.Mode, warning string, limit int) ([]alerting.Delivery, error) {
	found, err := all(ctx, db.reader, scanDelivery, selectDelivery+` WHERE d.mode = $1 AND ($2 = '' OR d.warning = $2)
		ORDER BY d.created_at DESC, d.key DESC LIMIT $3`, mode, warning, limitOr(limit, unlimited))
	if err != nil {
		return nil, fmt.Errorf("list %s deliveries of warning %q: %w", mode, warning, err)
	}
	return found, nil
}
