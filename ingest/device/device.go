package device

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Errors, wrapped with the station.
var (
	// ErrExists says that the station has a password already.
	ErrExists = errors.New("has a password already; revoke it first")
	// ErrUnknown says that the station has none.
	ErrUnknown = errors.New("has no password")
)

// Config says where the devices are kept.
type Config struct {
	Path string           // of the file; its folder must exist
	Now  func() time.Time // stamps what is added
	Log  *slog.Logger
}

// Validate says what is missing.
func (c Config) Validate() error {
	if c.Path == "" || c.Now == nil || c.Log == nil {
		return fmt.Errorf("devices: need a path (%q), a clock and a log", c.Path)
	}
	return nil
}

// Device is a station that may connect.
type Device struct {
	Station string // its id, which is the user name
	Added   time.Time
}

// Store is the devices of a site.
type Store struct {
	config Config
	db     *sql.DB

	mu    sync.Mutex
	known map[string][sha256.Size]byte // as last read, for when the file cannot be
}

const schema = `CREATE TABLE IF NOT EXISTS devices (
	station  TEXT PRIMARY KEY,
	hash     BLOB NOT NULL,    -- SHA-256 of the password
	added_ms INTEGER NOT NULL  -- Unix ms
) STRICT`

// Open opens or makes the file.
func Open(ctx context.Context, config Config) (*Store, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	query := url.Values{"_pragma": {"busy_timeout(2000)", "journal_mode(WAL)", "synchronous(FULL)"}}
	name := url.URL{Scheme: "file", Opaque: (&url.URL{Path: config.Path}).EscapedPath(), RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, fmt.Errorf("open devices %s: %w", config.Path, err)
	}
	s := &Store{config: config, db: db, known: make(map[string][sha256.Size]byte)}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open devices %s: %w", config.Path, err), db.Close())
	}
	return s, nil
}

func (s *Store) start(ctx context.Context) error {
	if _, err := s.db.ExecContext(ctx, schema); err != nil {
		return err
	}
	rows, err := s.db.QueryContext(ctx, `SELECT station, hash FROM devices`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var station string
		var hash []byte
		if err := rows.Scan(&station, &hash); err != nil {
			return err
		}
		s.remember(station, hash)
	}
	return rows.Err()
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// letters writes passwords with nothing in them that a shell, a URL or a logger's form takes amiss.
var letters = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._").WithPadding(base64.NoPadding)

// Add gives a station a new random password and returns it; it is not kept and cannot be had again. The
// error is ErrExists where it has one.
func (s *Store) Add(ctx context.Context, station string) (password string, err error) {
	if err := checkID(station); err != nil {
		return "", err
	}
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // never fails, by its contract
	password = letters.EncodeToString(secret)
	hash := sha256.Sum256([]byte(password))
	result, err := s.db.ExecContext(ctx, `INSERT INTO devices (station, hash, added_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		station, hash[:], s.config.Now().UnixMilli())
	if err != nil {
		return "", fmt.Errorf("add device %q: %w", station, err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return "", errors.Join(fmt.Errorf("station %q %w", station, ErrExists), err)
	}
	return password, nil
}

// checkID refuses what cannot be one level of a topic, and a user name, in MQTT.
func checkID(station string) error {
	strange := func(r rune) bool { return unicode.IsControl(r) || strings.ContainsRune("/+#", r) }
	if station == "" || len(station) > 1000 || !utf8.ValidString(station) || strings.ContainsFunc(station, strange) {
		return fmt.Errorf("station %q cannot be a part of an MQTT topic: right would be the id of a station, without / + # and control characters", station)
	}
	return nil
}

// Revoke takes a station's password away: it is refused from its next connection on. The error is
// ErrUnknown where it has none.
func (s *Store) Revoke(ctx context.Context, station string) error {
	result, err := s.db.ExecContext(ctx, `DELETE FROM devices WHERE station = $1`, station)
	if err != nil {
		return fmt.Errorf("revoke device %q: %w", station, err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(fmt.Errorf("station %q %w", station, ErrUnknown), err)
	}
	return nil
}

// List lists the devices by station.
func (s *Store) List(ctx context.Context) ([]Device, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT station, added_ms FROM devices ORDER BY station`)
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	defer rows.Close()
	var all []Device
	for rows.Next() {
		var d Device
		var ms int64
		if err := rows.Scan(&d.Station, &ms); err != nil {
			return nil, fmt.Errorf("list devices: %w", err)
		}
		d.Added = time.UnixMilli(ms).UTC()
		all = append(all, d)
	}
	return all, rows.Err()
}

// askTimeout bounds how long a connection waits for a file that does not answer.
const askTimeout = 3 * time.Second

// Authenticate says whether a password is that of a station. It asks the file each time, so that what
// another process revoked counts. Where the file cannot be read, what was read last counts: a broken disk
// must not silence a valley.
func (s *Store) Authenticate(user, password string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	var hash []byte
	switch err := s.db.QueryRowContext(ctx, `SELECT hash FROM devices WHERE station = $1`, user).Scan(&hash); {
	case err == nil:
		s.remember(user, hash)
	case errors.Is(err, sql.ErrNoRows):
		s.forget(user)
	default:
		s.config.Log.Error("the devices cannot be read; the passwords read last count", "path", s.config.Path, "error", err)
	}
	want, known := s.recall(user)
	given := sha256.Sum256([]byte(password))
	return subtle.ConstantTimeCompare(want[:], given[:]) == 1 && known
}

// remember keeps a hash; one of another length is none, and refuses everybody.
func (s *Store) remember(station string, hash []byte) {
	if len(hash) != sha256.Size {
		s.forget(station)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[station] = [sha256.Size]byte(hash)
}

func (s *Store) forget(station string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, station)
}

func (s *Store) recall(station string) (hash [sha256.Size]byte, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hash, known = s.known[station]
	return hash, known
}
