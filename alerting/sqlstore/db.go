package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"time"

	"github.com/pressly/goose/v3"

	"tocsin/alerting"
)

//go:embed migrations/*.sql
var migrations embed.FS

// readers is how many connections read at once; SQLite readers never wait for the writer (WAL).
const readers = 4

// DB is an open database. It implements alerting.Store, Outbox, Directory and Accounts.
type DB struct {
	dialect Dialect
	writer  *sql.DB // one connection; every transaction takes the write lock when it begins
	reader  *sql.DB // refuses to write
}

var (
	_ alerting.Store     = (*DB)(nil)
	_ alerting.Outbox    = (*DB)(nil)
	_ alerting.Directory = (*DB)(nil)
	_ alerting.Accounts  = (*DB)(nil)
)

// Open opens the SQLite file at path, makes it where there is none, and brings its tables up to date.
func Open(ctx context.Context, path string) (*DB, error) {
	writer, err := sql.Open("sqlite", dsn(path, "immediate"))
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	writer.SetMaxOpenConns(1)
	reader, err := sql.Open("sqlite", dsn(path, "deferred", "query_only(1)"))
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, errors.Join(err, writer.Close()))
	}
	reader.SetMaxOpenConns(readers)
	db := &DB{dialect: SQLite(), writer: writer, reader: reader}
	if err := db.migrate(ctx); err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, errors.Join(err, db.Close()))
	}
	return db, nil
}

// dsn names the file with the settings of each connection: WAL, so that readers do not wait;
// synchronous FULL, because a warning that was acknowledged must survive a loss of power;
// recursive_triggers, so that INSERT OR REPLACE cannot pass by the triggers that forbid deletion.
func dsn(path, lock string, pragmas ...string) string {
	query := url.Values{"_txlock": {lock}, "_pragma": append([]string{
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "recursive_triggers(1)",
	}, pragmas...)}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + query.Encode()
}

// Close closes the database; transactions that were committed are safe before.
func (db *DB) Close() error { return errors.Join(db.reader.Close(), db.writer.Close()) }

func (db *DB) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	provider, err := goose.NewProvider(db.dialect.Goose, db.writer, files,
		goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(goose.NewGoMigration(2, &goose.GoFunc{RunTx: db.makeImmutable}, nil)))
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// makeImmutable is migration 2. It is in Go because every database has its own words for a trigger.
func (db *DB) makeImmutable(ctx context.Context, tx *sql.Tx) error {
	for _, table := range []string{"editions", "audit"} {
		for _, statement := range db.dialect.Immutable(table) {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("make %s immutable: %w", table, err)
			}
		}
	}
	return nil
}

// write runs f in one transaction: all of what it writes is kept, or nothing.
func (db *DB) write(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := db.writer.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := f(tx); err != nil {
		return errors.Join(err, rollback(tx))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func rollback(tx *sql.Tx) error {
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

// queryer is what a transaction and a pool have in common for reading.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// row is what *sql.Row and *sql.Rows have in common.
type row interface{ Scan(dest ...any) error }

// all reads every row of a query.
func all[T any](ctx context.Context, q queryer, scan func(row) (T, error), query string, args ...any) (_ []T, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var found []T
	for rows.Next() {
		value, err := scan(rows)
		if err != nil {
			return nil, err
		}
		found = append(found, value)
	}
	return found, rows.Err()
}

// one reads the first row of a query; ErrNotFound where there is none.
func one[T any](ctx context.Context, q queryer, scan func(row) (T, error), query string, args ...any) (T, error) {
	found, err := all(ctx, q, scan, query, args...)
	if err == nil && len(found) == 0 {
		err = alerting.ErrNotFound
	}
	if err != nil {
		var none T
		return none, err
	}
	return found[0], nil
}

// Times are stored in milliseconds; what is returned has that precision too.

func toMS(t time.Time) int64    { return t.UnixMilli() }
func fromMS(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
func whole(t time.Time) time.Time {
	return fromMS(toMS(t))
}

func nullMS(t *time.Time) sql.NullInt64 {
	if t == nil {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: toMS(*t), Valid: true}
}

func fromNullMS(ms sql.NullInt64) *time.Time {
	if !ms.Valid {
		return nil
	}
	t := fromMS(ms.Int64)
	return &t
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// limitOr is the limit asked for, or otherwise.
func limitOr(limit, otherwise int) int {
	if limit <= 0 {
		return otherwise
	}
	return limit
}
