package journal

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tocsin/ingest"
	"tocsin/ingest/journaltest"
)

func openAt(t *testing.T, path string, log *slog.Logger) *Journal {
	t.Helper()
	j, err := Open(context.Background(), Config{Path: path, Log: log, CacheBytes: 4096})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestJournalKeepsTheContract(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a ?#%20 name.journal")
	journaltest.Run(t, func(t *testing.T) ingest.Journal { return openAt(t, path, quiet()) })
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// fill appends n rows of three messages each and closes the journal.
func fill(t *testing.T, path string, n int) {
	t.Helper()
	j := openAt(t, path, quiet())
	for i := range n {
		if err := j.Append(context.Background(), journaltest.Messages(3*i, 3)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func damage(t *testing.T, path, statement string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(context.Background(), statement, args...); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTornTailIsCutOffWithAnAlarm(t *testing.T) {
	for _, statement := range []string{
		`UPDATE batches SET blob = substr(blob, 1, 20) WHERE first = 28`,
		`UPDATE batches SET blob = x'' WHERE first = 28`,
		`UPDATE batches SET count = 0 WHERE first = 28`,
		`UPDATE batches SET crc = crc + 1 WHERE first = 28`,
	} {
		path := filepath.Join(t.TempDir(), "journal")
		fill(t, path, 10)
		damage(t, path, statement)
		var log bytes.Buffer
		j := openAt(t, path, slog.New(slog.NewTextHandler(&log, nil)))
		if got := j.Last(); got != 27 {
			t.Errorf("%s: the journal ends at %d, want 27", statement, got)
		}
		if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "first=28") {
			t.Errorf("%s: no alarm with the place: %s", statement, &log)
		}
		if err := j.Append(context.Background(), journaltest.Messages(27, 3)); err != nil || j.Last() != 30 {
			t.Errorf("%s: going on: %v, last %d", statement, err, j.Last())
		}
	}
}

func TestTwoBadRowsAreNotATornTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	fill(t, path, 10)
	damage(t, path, `UPDATE batches SET crc = crc + 1 WHERE first >= 25`)
	_, err := Open(context.Background(), Config{Path: path, Log: quiet()})
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("opened with %v, want ErrDamaged", err)
	}
}

func TestDamageIsNamedAndNeverServed(t *testing.T) {
	for _, c := range []struct{ statement, place string }{
		{`UPDATE batches SET count = count - 1 WHERE first = 13`, "13"},
		{`UPDATE batches SET crc = crc + 1 WHERE first = 13`, "messages 13 to 15"},
		{`DELETE FROM batches WHERE first = 13`, "message 13 is missing"},
		{`UPDATE batches SET first = 12 WHERE first = 13`, "messages 12 to 14"},
	} {
		path := filepath.Join(t.TempDir(), "journal")
		fill(t, path, 10)
		damage(t, path, c.statement)
		j := openAt(t, path, quiet())
		if got, err := j.Read(context.Background(), 12, 5); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.place) || got != nil {
			t.Errorf("%s: read %v, %v; want ErrDamaged at %s", c.statement, got, err, c.place)
		}
		if got, err := j.Read(context.Background(), 15, 100); err != nil || len(got) != 15 {
			t.Errorf("%s: after the damage: %d messages, %v", c.statement, len(got), err)
		}
	}
}

// TestFlippedBits flips every bit of one page in turn (a sample of them) and wants the truth or an error.
func TestFlippedBits(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "journal")
	fill(t, path, 20)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := journaltest.Messages(0, 60)
	refused := 0
	for bit := 8 * 4096; bit < 8*len(sound); bit += 1361 {
		bad := bytes.Clone(sound)
		bad[bit/8] ^= 1 << (bit % 8)
		name := filepath.Join(folder, "bad")
		_ = os.Remove(name + "-wal")
		_ = os.Remove(name + "-shm")
		if err := os.WriteFile(name, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		refused += readFlipped(t, name, bit, want)
	}
	if refused == 0 {
		t.Error("no flipped bit was noticed: the test flips nothing that matters")
	}
}

// readFlipped reads all it can and returns 1 where the damage was noticed.
func readFlipped(t *testing.T, path string, bit int, want []ingest.Message) int {
	t.Helper()
	j, err := Open(context.Background(), Config{Path: path, Log: quiet(), CacheBytes: 1})
	if err != nil {
		return 1
	}
	defer j.Close()
	noticed := 0
	if j.Last() != uint64(len(want)) {
		noticed = 1 // the tail was cut
	}
	for seq := uint64(0); seq < j.Last(); seq++ {
		got, err := j.Read(context.Background(), seq, 1)
		if err != nil {
			noticed = 1
			continue
		}
		if len(got) != 1 || got[0].Seq != seq+1 || string(got[0].Payload) != string(want[seq].Payload) || got[0].Topic != want[seq].Topic {
			t.Fatalf("bit %d: position %d serves %+v", bit, seq+1, got)
		}
	}
	return noticed
}

func TestReadBesideAppend(t *testing.T) {
	j := openAt(t, filepath.Join(t.TempDir(), "journal"), quiet())
	const batches, size = 200, 25
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for next := uint64(0); next < batches*size; {
				got, err := j.Read(context.Background(), next, 40)
				if err != nil {
					t.Error(err)
					return
				}
				for _, m := range got {
					next++
					if m.Seq != next || string(m.Payload) != fmt.Sprintf(`{"water_level":%d.5,"n":%d}`, (next-1)%9, next-1) {
						t.Errorf("position %d holds %d %s", next, m.Seq, m.Payload)
						return
					}
				}
			}
		})
	}
	for i := range batches {
		if err := j.Append(context.Background(), journaltest.Messages(i*size, size)); err != nil {
			t.Fatal(err)
		}
	}
	readers.Wait()
}

func BenchmarkAppend(b *testing.B) {
	j, err := Open(context.Background(), Config{Path: filepath.Join(b.TempDir(), "journal"), Log: quiet()})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	messages := journaltest.Messages(0, 1000)
	b.ReportAllocs()
	for b.Loop() {
		if err := j.Append(context.Background(), messages); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*float64(len(messages))/b.Elapsed().Seconds(), "messages/s")
}
