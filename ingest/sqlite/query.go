package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tocsin/ingest"
)

// defaultLimit is how many readings an answer has where the query does not say.
const defaultLimit = 1000

// found is one series a query reads from.
type found struct {
	id int64
	seriesKey
}

// place is where an answer ended: the next one goes on after it.
type place struct {
	time   int64 // ms
	sensor string
}

// String is what Query.After carries.
func (p place) String() string { return strconv.FormatInt(p.time, 10) + ":" + p.sensor }

func placeOf(after string) (place, error) {
	at, sensor, ok := strings.Cut(after, ":")
	t, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil {
		return place{}, fmt.Errorf("history: %q is not the next of an earlier answer", after)
	}
	return place{t, sensor}, nil
}

func (p place) before(r *ingest.Reading) bool {
	t := r.Time.UnixMilli()
	return t > p.time || t == p.time && r.Sensor > p.sensor
}

// Readings implements ingest.History. With a Step, counted from 1970, each step and sensor gives one
// reading: for levels, discharges and wind speeds the one with the largest value, for precipitation the sum at the
// time of the last, for any other quantity the last. Failed readings are left out of this where the step
// has others, so that a faulty 32.767 m does not hide a crest.
func (s *Store) Readings(ctx context.Context, q ingest.Query) ([]ingest.Reading, string, error) {
	after := place{time: math.MinInt64}
	if q.After != "" {
		var err error
		if after, err = placeOf(q.After); err != nil {
			return nil, "", err
		}
	}
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	if q.Step < 0 || q.Step > 0 && q.Step < time.Millisecond {
		return nil, "", fmt.Errorf("history: step %s: want 0 or at least 1ms", q.Step)
	}
	series, err := s.find(ctx, q)
	if err != nil {
		return nil, "", err
	}
	var all []ingest.Reading
	for _, one := range series {
		if all, err = s.readSeries(ctx, all, one, q, after); err != nil {
			return nil, "", fmt.Errorf("history: readings of %s/%s: %w", one.station, one.sensor, err)
		}
	}
	slices.SortStableFunc(all, func(a, b ingest.Reading) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Sensor, b.Sensor))
	})
	if len(all) <= q.Limit {
		return all, "", nil
	}
	last := all[q.Limit-1]
	return all[:q.Limit], place{last.Time.UnixMilli(), last.Sensor}.String(), nil
}

func (s *Store) find(ctx context.Context, q ingest.Query) (series []found, err error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, station, sensor, quantity FROM series
		WHERE station = ? AND (? = '' OR sensor = ?) AND (? = '' OR quantity = ?)`,
		q.Station, q.Sensor, q.Sensor, string(q.Quantity), string(q.Quantity))
	if err != nil {
		return nil, fmt.Errorf("history: sensors of %s: %w", q.Station, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var one found
		if err := rows.Scan(&one.id, &one.station, &one.sensor, &one.quantity); err != nil {
			return nil, fmt.Errorf("history: sensors of %s: %w", q.Station, err)
		}
		series = append(series, one)
	}
	return series, rows.Err()
}

// readSeries appends the readings of one series after a place, one more than the limit at most.
func (s *Store) readSeries(ctx context.Context, all []ingest.Reading, one found, q ingest.Query, after place) (_ []ingest.Reading, err error) {
	step := q.Step.Milliseconds()
	from, to := after.time, int64(math.MaxInt64)
	if step > 0 && q.After != "" {
		from -= modulo(from, step) // the step at which the last answer ended is read again as a whole
	}
	if !q.From.IsZero() {
		from = max(from, ceilMilli(q.From))
	}
	if !q.To.IsZero() {
		to = ceilMilli(q.To)
	}
	query := "SELECT " + columns + " FROM readings WHERE series = ? AND time >= ? AND time < ? ORDER BY time"
	args := []any{one.id, from, to}
	if step == 0 {
		query += " LIMIT ?"
		args = append(args, q.Limit+2) // the first may be the last of the answer before
	}
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	enough := len(all) + q.Limit + 1
	thin := thinner{step: step, quantity: one.quantity}
	take := func(r *ingest.Reading) {
		if r != nil && after.before(r) {
			all = append(all, *r)
		}
	}
	for len(all) < enough && rows.Next() {
		r, err := scan(rows, one.seriesKey)
		if err != nil {
			return nil, err
		}
		if step == 0 {
			take(&r)
		} else {
			take(thin.add(r))
		}
	}
	take(thin.end())
	return all, rows.Err()
}

// ceilMilli is the first whole millisecond not before t, so that From is inclusive and To exclusive.
func ceilMilli(t time.Time) int64 {
	ms := t.UnixMilli()
	if time.UnixMilli(ms).Before(t) {
		ms++
	}
	return ms
}

// scan reads one row of columns, after those that first takes.
func scan(rows *sql.Rows, key seriesKey, first ...any) (ingest.Reading, error) {
	r := ingest.Reading{Key: ingest.Key{Station: key.station, Sensor: key.sensor}, Quantity: key.quantity}
	var id, at, delay, position, bits int64
	var marks sql.NullString
	if err := rows.Scan(append(first, &id, &at, &r.Value, &r.Flag, &r.Revision, &delay, &position, &r.Part, &bits, &marks)...); err != nil {
		return r, err
	}
	r.Time, r.Received, r.Position = time.UnixMilli(at).UTC(), time.UnixMilli(at+delay).UTC(), uint64(position)
	r.TimeAssumed, r.Volatile = bits&bitAssumed != 0, bits&bitVolatile != 0
	if marks.Valid {
		if err := json.Unmarshal([]byte(marks.String), &r.Marks); err != nil {
			return r, fmt.Errorf("marks of the reading at %s: %w", r.Time.Format(time.RFC3339), err)
		}
	}
	return r, nil
}

// Latest implements ingest.History. The readings are ordered by station, then sensor.
func (s *Store) Latest(ctx context.Context) (latest []ingest.Reading, err error) {
	rows, err := s.read.QueryContext(ctx, `SELECT s.station, s.sensor, s.quantity, `+prefixed("r")+` FROM series s
		JOIN readings r ON r.series = s.id AND r.time = (SELECT max(time) FROM readings WHERE series = s.id) ORDER BY s.station, s.sensor`)
	if err != nil {
		return nil, fmt.Errorf("history: latest readings: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r, err := scanNamed(rows)
		if err != nil {
			return nil, fmt.Errorf("history: latest readings: %w", err)
		}
		latest = append(latest, r)
	}
	return latest, rows.Err()
}

// Revisions gives everything that was ever known of one reading, the first revision first and the current
// one last.
func (s *Store) Revisions(ctx context.Context, key ingest.Key) (revisions []ingest.Reading, err error) {
	rows, err := s.read.QueryContext(ctx, `SELECT s.station, s.sensor, s.quantity, `+prefixed("r")+` FROM series s
		JOIN (SELECT `+columns+` FROM revisions UNION ALL SELECT `+columns+` FROM readings) r ON r.series = s.id
		WHERE s.station = ? AND s.sensor = ? AND r.time = ? ORDER BY r.revision`, key.Station, key.Sensor, key.Time.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("history: revisions of %s/%s: %w", key.Station, key.Sensor, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r, err := scanNamed(rows)
		if err != nil {
			return nil, fmt.Errorf("history: revisions of %s/%s: %w", key.Station, key.Sensor, err)
		}
		revisions = append(revisions, r)
	}
	return revisions, rows.Err()
}

func prefixed(table string) string {
	return table + "." + strings.ReplaceAll(columns, ", ", ", "+table+".")
}

// scanNamed reads a row of station, sensor and quantity before the columns.
func scanNamed(rows *sql.Rows) (ingest.Reading, error) {
	var key seriesKey
	r, err := scan(rows, key, &key.station, &key.sensor, &key.quantity)
	r.Station, r.Sensor, r.Quantity = key.station, key.sensor, key.quantity
	return r, err
}
