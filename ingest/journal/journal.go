package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"tocsin/ingest"
)

// Errors of the journal, wrapped with the place and the cause.
var (
	// ErrFailed says that the disk failed once: nothing can be kept until the process is started
	// again, because after a failed fsync nobody knows what the disk holds.
	ErrFailed = errors.New("the journal's disk has failed; nothing more is kept until a restart")
	// ErrFull says that the disk is full. Append works again once there is room.
	ErrFull = errors.New("the journal's disk is full")
	// ErrDamaged says that stored messages cannot be trusted.
	ErrDamaged = errors.New("the journal is damaged")
	// ErrClosed says that the journal was closed.
	ErrClosed = errors.New("the journal is closed")
)

// Config says where the journal is kept.
type Config struct {
	Path string // of the file; its folder must exist
	Log  *slog.Logger
	// CacheBytes bounds the newest messages kept in memory for readers that follow closely; 0 means 16 MiB.
	CacheBytes int
}

// Validate says what is wrong with the configuration.
func (c Config) Validate() error {
	if c.Path == "" || c.Log == nil || c.CacheBytes < 0 {
		return fmt.Errorf("journal: needs a path (%q), a log and a cache of 0 bytes or more (%d)", c.Path, c.CacheBytes)
	}
	return nil
}

// Journal implements ingest.Journal.
type Journal struct {
	path string
	log  *slog.Logger

	write   *sql.DB // one connection
	read    *sql.DB // a few, which cannot write
	insert  *sql.Stmt
	encoder *zstd.Encoder
	decoder *zstd.Decoder
	plain   []byte // buffers of Append
	packed  []byte
	// sinceCheckpoint counts bytes appended since the WAL was last copied into the file.
	sinceCheckpoint, checkpointEvery int

	last   atomic.Uint64
	failed atomic.Pointer[error]
	closed atomic.Bool
	tail   *tail
	rows   rowCache
}

var _ ingest.Journal = (*Journal)(nil)

const (
	schema = `CREATE TABLE IF NOT EXISTS batches (
	first INTEGER PRIMARY KEY, -- sequence number of the first message
	count INTEGER NOT NULL,    -- of messages
	crc   INTEGER NOT NULL,    -- CRC-32C over first, count and blob
	blob  BLOB NOT NULL        -- zstd of the encoded messages
) STRICT`
	// checkpointBytes is how much is appended before the WAL is copied into the file. SQLite's own
	// automatic checkpoint is off because it hides a failed fsync from the one who commits.
	checkpointBytes = 16 << 20
)

// Open opens or creates the journal. A last row that cannot be read is cut off with an alarm in the
// log: it was torn by a power failure before it was acknowledged.
func Open(ctx context.Context, config Config) (*Journal, error) {
	return open(ctx, config, "FULL")
}

func open(ctx context.Context, config Config, synchronous string) (*Journal, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	j := &Journal{path: config.Path, log: config.Log, tail: newTail(config.CacheBytes), checkpointEvery: checkpointBytes}
	if err := j.start(ctx, synchronous); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", config.Path, err), j.release())
	}
	return j, nil
}

func (j *Journal) start(ctx context.Context, synchronous string) (err error) {
	if j.encoder, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1)); err != nil {
		return err
	}
	if j.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(1<<30)); err != nil {
		return err
	}
	if j.write, err = sql.Open("sqlite", dsn(j.path, "journal_mode(WAL)", "synchronous("+synchronous+")", "wal_autocheckpoint(0)")); err != nil {
		return err
	}
	j.write.SetMaxOpenConns(1)
	if _, err = j.write.ExecContext(ctx, schema); err != nil {
		return explain(err)
	}
	if err = syncFolder(filepath.Dir(j.path)); err != nil {
		return err
	}
	if j.read, err = sql.Open("sqlite", dsn(j.path, "query_only(1)")); err != nil {
		return err
	}
	j.read.SetMaxOpenConns(4)
	if err = j.findEnd(ctx); err != nil {
		return err
	}
	j.insert, err = j.write.PrepareContext(ctx, `INSERT INTO batches (first, count, crc, blob) VALUES (?, ?, ?, ?)`)
	return err
}

// dsn names the file with its pragmas; the path is escaped, so that a "?" in it is part of the name.
func dsn(path string, pragmas ...string) string {
	query := url.Values{"_pragma": append([]string{"busy_timeout(10000)"}, pragmas...)}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query.Encode()}).String()
}

// syncFolder makes the file's name itself durable.
func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// findEnd reads the last row and cuts it off where it is torn.
func (j *Journal) findEnd(ctx context.Context) error {
	for {
		r, err := j.scanRow(j.write.QueryRowContext(ctx, `SELECT first, count, crc, blob FROM batches ORDER BY first DESC LIMIT 1`))
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		messages, err := j.unpack(r)
		if err == nil {
			j.last.Store(r.first + uint64(r.count) - 1)
			j.tail.add(messages)
			return nil
		}
		if torn, checkErr := j.onlyLastIsBad(ctx, r); checkErr != nil || !torn {
			return errors.Join(err, checkErr)
		}
		j.log.Error("the journal's torn tail was cut off", "path", j.path, "first", r.first, "count", r.count, "err", err)
		if _, err := j.write.ExecContext(ctx, `DELETE FROM batches WHERE first = ?`, int64(r.first)); err != nil {
			return explain(err)
		}
	}
}

// onlyLastIsBad says whether the row before r is sound: two bad rows in a row are not a torn tail.
func (j *Journal) onlyLastIsBad(ctx context.Context, r row) (bool, error) {
	before, err := j.scanRow(j.write.QueryRowContext(ctx,
		`SELECT first, count, crc, blob FROM batches WHERE first < ? ORDER BY first DESC LIMIT 1`, int64(r.first)))
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	_, err = j.unpack(before)
	return err == nil, err
}

// Last is the sequence number of the newest durable message, 0 where there is none.
func (j *Journal) Last() uint64 { return j.last.Load() }

// Failed is the error after which nothing is kept any more, nil while all is well.
func (j *Journal) Failed() error {
	if err := j.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Close copies the WAL into the file and closes it. Append and Read fail afterwards.
func (j *Journal) Close() error {
	if j.closed.Swap(true) {
		return nil
	}
	if err := j.release(); err != nil {
		return fmt.Errorf("close journal %s: %w", j.path, err)
	}
	return nil
}

func (j *Journal) release() error {
	var errs []error
	if j.insert != nil {
		errs = append(errs, j.insert.Close())
	}
	if j.read != nil {
		errs = append(errs, j.read.Close())
	}
	if j.write != nil {
		errs = append(errs, j.write.Close())
	}
	if j.encoder != nil {
		errs = append(errs, j.encoder.Close())
	}
	if j.decoder != nil {
		j.decoder.Close()
	}
	return errors.Join(errs...)
}

// rowCache keeps the rows unpacked last, for readers that take a big row in several steps.
type rowCache struct {
	mu   sync.Mutex
	rows [4]unpacked // newest first
}

type unpacked struct {
	first    uint64
	messages []ingest.Message
}

func (c *rowCache) find(seq uint64) ([]ingest.Message, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, r := range c.rows {
		if len(r.messages) > 0 && seq >= r.first && seq < r.first+uint64(len(r.messages)) {
			copy(c.rows[1:i+1], c.rows[:i])
			c.rows[0] = r
			return r.messages[seq-r.first:], true
		}
	}
	return nil, false
}

func (c *rowCache) add(messages []ingest.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	copy(c.rows[1:], c.rows[:])
	c.rows[0] = unpacked{messages[0].Seq, messages}
}
