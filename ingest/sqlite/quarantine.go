package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"tocsin/ingest"
)

// putRejects takes refusals into quarantine, counts them, and lets go of what is too old or too much.
// Of a flood only the newest are kept; all are counted.
func (s *Store) putRejects(ctx context.Context, tx *sql.Tx, batch ingest.Batch) error {
	counts := map[ingest.Reason]int64{}
	for i, r := range batch.Rejects {
		counts[r.Reason]++
		if i < len(batch.Rejects)-s.config.MaxRejects {
			continue
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO rejects (position, part, received, topic, station, sensor, reason, detail, excerpt)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			int64(r.Position), r.Part, r.Received.UnixMilli(), r.Topic, r.Station, r.Sensor, string(r.Reason), r.Detail, r.Excerpt)
		if err != nil {
			return fmt.Errorf("refusal at position %d: %w", r.Position, err)
		}
	}
	for reason, n := range counts {
		if _, err := tx.ExecContext(ctx, `INSERT INTO reject_counts (reason, total) VALUES (?, ?)
			ON CONFLICT DO UPDATE SET total = total + excluded.total`, string(reason), n); err != nil {
			return err
		}
	}
	return s.purge(ctx, tx, batch)
}

func (s *Store) purge(ctx context.Context, tx *sql.Tx, batch ingest.Batch) error {
	if len(batch.Rejects) > 0 {
		if _, err := tx.ExecContext(ctx, `DELETE FROM rejects WHERE id <= (SELECT id FROM rejects ORDER BY id DESC LIMIT 1 OFFSET ?)`, s.config.MaxRejects); err != nil {
			return err
		}
	}
	if batch.Now.IsZero() {
		return nil
	}
	// What came before an exercise told its first time (1970 or earlier) has no age yet.
	_, err := tx.ExecContext(ctx, "DELETE FROM rejects WHERE received > 0 AND received < ?", batch.Now.Add(-s.config.RejectAge).UnixMilli())
	return err
}

// RejectQuery selects rows of the quarantine; an empty field selects all.
type RejectQuery struct {
	Reason  ingest.Reason
	Station string
	Limit   int   // 0 means 100
	Before  int64 // the id to go on before, from an earlier answer; 0 for the newest
}

// QuarantinedReject is a refusal with its id in the quarantine, for paging.
type QuarantinedReject struct {
	ID int64
	ingest.Reject
}

// Rejects gives the quarantine, the newest first.
func (s *Store) Rejects(ctx context.Context, q RejectQuery) (rejects []QuarantinedReject, err error) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	rows, err := s.read.QueryContext(ctx, `SELECT id, position, part, received, topic, station, sensor, reason, detail, excerpt
		FROM rejects WHERE (? = '' OR reason = ?) AND (? = '' OR station = ?) AND (? = 0 OR id < ?) ORDER BY id DESC LIMIT ?`,
		string(q.Reason), string(q.Reason), q.Station, q.Station, q.Before, q.Before, q.Limit)
	if err != nil {
		return nil, fmt.Errorf("history: read the quarantine: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r QuarantinedReject
		var position, received int64
		if err := rows.Scan(&r.ID, &position, &r.Part, &received, &r.Topic, &r.Station, &r.Sensor, &r.Reason, &r.Detail, &r.Excerpt); err != nil {
			return nil, fmt.Errorf("history: read the quarantine: %w", err)
		}
		r.Position, r.Received = uint64(position), time.UnixMilli(received).UTC()
		rejects = append(rejects, r)
	}
	return rejects, rows.Err()
}

// RejectCounts says how often each reason was given since the file began.
func (s *Store) RejectCounts(ctx context.Context) (counts map[ingest.Reason]int64, err error) {
	rows, err := s.read.QueryContext(ctx, "SELECT reason, total FROM reject_counts")
	if err != nil {
		return nil, fmt.Errorf("history: count the quarantine: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	counts = map[ingest.Reason]int64{}
	for rows.Next() {
		var reason ingest.Reason
		var total int64
		if err := rows.Scan(&reason, &total); err != nil {
			return nil, fmt.Errorf("history: count the quarantine: %w", err)
		}
		counts[reason] = total
	}
	return counts, rows.Err()
}

// Statuses gives the last status of every station that ever sent one, by station.
func (s *Store) Statuses(ctx context.Context) (statuses []ingest.Status, err error) {
	rows, err := s.read.QueryContext(ctx, "SELECT station, online, time, detail FROM statuses ORDER BY station")
	if err != nil {
		return nil, fmt.Errorf("history: read the statuses: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var status ingest.Status
		var at int64
		if err := rows.Scan(&status.Station, &status.Online, &at, &status.Detail); err != nil {
			return nil, fmt.Errorf("history: read the statuses: %w", err)
		}
		status.Time = time.UnixMilli(at).UTC()
		statuses = append(statuses, status)
	}
	return statuses, rows.Err()
}
