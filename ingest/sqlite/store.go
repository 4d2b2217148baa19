package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"tocsin/ingest"
)

//go:embed schema.sql
var schema string

// schemaVersion is that of schema.sql, kept in the file's user_version.
const schemaVersion = 1

// Config says where the file is and how much of the quarantine is kept.
type Config struct {
	Path       string        // of the file; made where it is not there
	MaxRejects int           // rows of the quarantine; 0 means 10,000
	RejectAge  time.Duration // how long a row stays there, by the site's clock; 0 means 30 days
}

// Validate says what is wrong with the configuration.
func (c Config) Validate() error {
	switch {
	case c.Path == "":
		return errors.New("history: no path given for the SQLite file")
	case c.MaxRejects < 0:
		return fmt.Errorf("history: %d rejects to keep: want 0 for the default, or more", c.MaxRejects)
	case c.RejectAge < 0:
		return fmt.Errorf("history: age %s of rejects: want 0 for the default, or more", c.RejectAge)
	}
	return nil
}

// Store is the history in one SQLite file.
type Store struct {
	config Config
	write  *sql.DB // one connection
	read   *sql.DB
	series map[seriesKey]int64 // ids known to Apply
}

type seriesKey struct {
	station, sensor string
	quantity        ingest.Quantity
}

var (
	_ ingest.History = (*Store)(nil)
	_ ingest.Sink    = (*Store)(nil)
)

// Open opens the file, making it and its tables where they are not there.
func Open(ctx context.Context, config Config) (*Store, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if config.MaxRejects == 0 {
		config.MaxRejects = 10_000
	}
	if config.RejectAge == 0 {
		config.RejectAge = 30 * 24 * time.Hour
	}
	s := &Store{config: config, series: map[seriesKey]int64{}}
	var err error
	if s.write, err = connect(config.Path, "synchronous(NORMAL)", 1); err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("history %s: %w", config.Path, err), s.write.Close())
	}
	if s.read, err = connect(config.Path, "query_only(1)", 4); err != nil {
		return nil, errors.Join(err, s.write.Close())
	}
	return s, nil
}

func connect(path, pragma string, connections int) (*sql.DB, error) {
	query := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "cache_size(-16000)", pragma}}
	if connections == 1 {
		query.Set("_txlock", "immediate")
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("history %s: %w", path, err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

func (s *Store) migrate(ctx context.Context) error {
	var version int
	if err := s.write.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	switch version {
	case schemaVersion:
		return nil
	case 0:
		return s.within(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, schema+fmt.Sprintf("\nPRAGMA user_version = %d;", schemaVersion))
			return err
		})
	}
	return fmt.Errorf("the file has schema %d and this program knows %d: use the program that wrote it, or move the file away and have it rebuilt from the journal", version, schemaVersion)
}

// within runs do in a transaction.
func (s *Store) within(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// Close closes the file. No other method may be running.
func (s *Store) Close() error { return errors.Join(s.read.Close(), s.write.Close()) }

// Name identifies the reader: "history".
func (s *Store) Name() string { return "history" }

// Cursor is the last journal position whose effect is in the file.
func (s *Store) Cursor(ctx context.Context) (uint64, error) {
	var cursor int64
	if err := s.read.QueryRowContext(ctx, "SELECT cursor FROM state").Scan(&cursor); err != nil {
		return 0, fmt.Errorf("history: read the cursor: %w", err)
	}
	return uint64(cursor), nil
}

// placeholders is "(?,?),(?,?)" for rows of columns each.
func placeholders(rows, columns int) string {
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", columns), ",") + "),"
	return strings.TrimSuffix(strings.Repeat(row, rows), ",")
}
