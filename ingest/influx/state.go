package influx

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"tocsin/ingest"
)

// mostAside bounds the points kept with the reason of their refusal; all are counted.
const mostAside = 10_000

// Aside is a point the server refused for good.
type Aside struct {
	Line   string    // line protocol, milliseconds
	Reason string    // the server's words
	Time   time.Time // the site's clock when it was refused
}

// state is the file with the cursor and the points set aside.
type state struct{ db *sql.DB }

const stateSchema = `
CREATE TABLE IF NOT EXISTS state (id INTEGER PRIMARY KEY CHECK (id = 1), cursor INTEGER NOT NULL, aside INTEGER NOT NULL);
INSERT OR IGNORE INTO state (id, cursor, aside) VALUES (1, 0, 0);
CREATE TABLE IF NOT EXISTS aside (id INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT NOT NULL, reason TEXT NOT NULL, time INTEGER NOT NULL);
`

func openState(ctx context.Context, path string) (*state, error) {
	query := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(NORMAL)"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("influx: cursor file %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, stateSchema); err != nil {
		return nil, errors.Join(fmt.Errorf("influx: cursor file %s: %w", path, err), db.Close())
	}
	return &state{db}, nil
}

func (s *state) close() error { return s.db.Close() }

func (s *state) cursor(ctx context.Context) (uint64, error) {
	var cursor int64
	if err := s.db.QueryRowContext(ctx, "SELECT cursor FROM state").Scan(&cursor); err != nil {
		return 0, fmt.Errorf("influx: read the cursor: %w", err)
	}
	return uint64(cursor), nil
}

// commit moves the cursor behind the batch and keeps what was set aside, together.
func (s *state) commit(ctx context.Context, batch ingest.Batch, aside []Aside) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("influx: move the cursor: %w", err)
	}
	if err := commit(ctx, tx, batch, aside); err != nil {
		return errors.Join(fmt.Errorf("influx: move the cursor to %d: %w", batch.Last, err), tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("influx: move the cursor to %d: %w", batch.Last, err)
	}
	return nil
}

func commit(ctx context.Context, tx *sql.Tx, batch ingest.Batch, aside []Aside) error {
	if batch.Last != 0 {
		if _, err := tx.ExecContext(ctx, "UPDATE state SET cursor = ?", int64(batch.Last)); err != nil {
			return err
		}
	}
	if len(aside) == 0 {
		return nil
	}
	for _, a := range aside {
		if _, err := tx.ExecContext(ctx, "INSERT INTO aside (line, reason, time) VALUES (?, ?, ?)", a.Line, a.Reason, batch.Now.UnixMilli()); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "UPDATE state SET aside = aside + ?", len(aside)); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM aside WHERE id <= (SELECT max(id) FROM aside) - ?", mostAside)
	return err
}

// Aside gives up to limit of the points the server refused for good, the newest first.
func (w *Writer) Aside(ctx context.Context, limit int) (aside []Aside, err error) {
	rows, err := w.state.db.QueryContext(ctx, "SELECT line, reason, time FROM aside ORDER BY id DESC LIMIT ?", limit)
	if err != nil {
		return nil, fmt.Errorf("influx: read the points set aside: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var a Aside
		var at int64
		if err := rows.Scan(&a.Line, &a.Reason, &at); err != nil {
			return nil, fmt.Errorf("influx: read the points set aside: %w", err)
		}
		a.Time = time.UnixMilli(at).UTC()
		aside = append(aside, a)
	}
	return aside, rows.Err()
}

// AsideTotal is how many points the server ever refused for good.
func (w *Writer) AsideTotal(ctx context.Context) (int64, error) {
	var total int64
	if err := w.state.db.QueryRowContext(ctx, "SELECT aside FROM state").Scan(&total); err != nil {
		return 0, fmt.Errorf("influx: count the points set aside: %w", err)
	}
	return total, nil
}
