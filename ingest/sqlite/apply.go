package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"tocsin/ingest"
)

// Bits of a stored reading.
const (
	bitAssumed  = 1
	bitVolatile = 2
)

// rowsAtOnce readings go into one statement: the work of a statement outweighs that of a row.
const rowsAtOnce = 64

const columns = "series, time, value, flag, revision, delay, position, part, bits, marks"

const columnCount = 10

// upsert inserts readings. The condition says when a reading replaces the stored one, see the package
// comment; the stored revision always grows.
func upsert(rows int) string {
	return "INSERT INTO readings (" + columns + ") VALUES " + placeholders(rows, columnCount) + `
ON CONFLICT (series, time) DO UPDATE SET value = excluded.value, flag = excluded.flag,
  revision = max(excluded.revision, readings.revision + 1), delay = excluded.delay, position = excluded.position,
  part = excluded.part, bits = excluded.bits, marks = excluded.marks
WHERE excluded.revision > readings.revision OR (excluded.position > readings.position AND excluded.value <> readings.value)`
}

// Apply takes a batch of the journal in one transaction with the cursor. A batch that lies before the
// cursor was applied already and changes nothing; a volatile one (First and Last 0) leaves the cursor.
func (s *Store) Apply(ctx context.Context, batch ingest.Batch) error {
	added := map[seriesKey]int64{}
	err := s.within(ctx, func(tx *sql.Tx) error {
		known, err := advance(ctx, tx, batch)
		if err != nil || known {
			return err
		}
		if err := s.putReadings(ctx, tx, batch.Readings, added); err != nil {
			return err
		}
		if err := s.putRejects(ctx, tx, batch); err != nil {
			return err
		}
		return putStatuses(ctx, tx, batch.Statuses)
	})
	if err != nil {
		return fmt.Errorf("history: apply journal positions %d to %d: %w", batch.First, batch.Last, err)
	}
	maps.Copy(s.series, added)
	return nil
}

// advance moves the cursor; known says that the batch was applied before.
func advance(ctx context.Context, tx *sql.Tx, batch ingest.Batch) (known bool, err error) {
	if batch.Last == 0 {
		return false, nil
	}
	var cursor int64
	if err := tx.QueryRowContext(ctx, "SELECT cursor FROM state").Scan(&cursor); err != nil {
		return false, err
	}
	if batch.Last <= uint64(cursor) {
		return true, nil
	}
	_, err = tx.ExecContext(ctx, "UPDATE state SET cursor = ?", int64(batch.Last))
	return false, err
}

func (s *Store) putReadings(ctx context.Context, tx *sql.Tx, readings []ingest.Reading, added map[seriesKey]int64) (err error) {
	var full *sql.Stmt
	if len(readings) >= rowsAtOnce {
		if full, err = tx.PrepareContext(ctx, upsert(rowsAtOnce)); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, full.Close()) }()
	}
	args := make([]any, 0, rowsAtOnce*columnCount)
	for len(readings) > 0 {
		n := min(len(readings), rowsAtOnce)
		args = args[:0]
		for i := range readings[:n] {
			if args, err = s.bind(ctx, tx, args, &readings[i], added); err != nil {
				return err
			}
		}
		if n == rowsAtOnce {
			_, err = full.ExecContext(ctx, args...)
		} else {
			_, err = tx.ExecContext(ctx, upsert(n), args...)
		}
		if err != nil {
			return fmt.Errorf("%d readings: %w", n, err)
		}
		readings = readings[n:]
	}
	return nil
}

// bind appends the columns of a reading to args.
func (s *Store) bind(ctx context.Context, tx *sql.Tx, args []any, r *ingest.Reading, added map[seriesKey]int64) ([]any, error) {
	id, err := s.seriesID(ctx, tx, seriesKey{r.Station, r.Sensor, r.Quantity}, added)
	if err != nil {
		return nil, err
	}
	var marks any
	if len(r.Marks) > 0 {
		text, err := json.Marshal(r.Marks)
		if err != nil {
			return nil, err
		}
		marks = string(text)
	}
	bits := int64(0)
	if r.TimeAssumed {
		bits |= bitAssumed
	}
	if r.Volatile {
		bits |= bitVolatile
	}
	t := r.Time.UnixMilli()
	return append(args, id, t, r.Value, int64(r.Flag), int64(r.Revision), r.Received.UnixMilli()-t,
		int64(r.Position), int64(r.Part), bits, marks), nil
}

func (s *Store) seriesID(ctx context.Context, tx *sql.Tx, key seriesKey, added map[seriesKey]int64) (int64, error) {
	if id, ok := s.series[key]; ok {
		return id, nil
	}
	if id, ok := added[key]; ok {
		return id, nil
	}
	var id int64
	err := tx.QueryRowContext(ctx, `INSERT INTO series (station, sensor, quantity) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET station = excluded.station RETURNING id`, key.station, key.sensor, string(key.quantity)).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("series %s/%s: %w", key.station, key.sensor, err)
	}
	added[key] = id
	return id, nil
}

func putStatuses(ctx context.Context, tx *sql.Tx, statuses []ingest.Status) error {
	for _, status := range statuses {
		_, err := tx.ExecContext(ctx, `INSERT INTO statuses (station, online, time, detail) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET online = excluded.online, time = excluded.time, detail = excluded.detail
			WHERE excluded.time >= statuses.time`, status.Station, status.Online, status.Time.UnixMilli(), status.Detail)
		if err != nil {
			return fmt.Errorf("status of %s: %w", status.Station, err)
		}
	}
	return nil
}
