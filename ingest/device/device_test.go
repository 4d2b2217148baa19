package device

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var morning = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Path: path, Now: func() time.Time { return morning }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func add(t *testing.T, s *Store, station string) string {
	t.Helper()
	password, err := s.Add(t.Context(), station)
	if err != nil {
		t.Fatal(err)
	}
	return password
}

func TestADeviceComesInByItsOwnPasswordOnly(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "dev?ices.db"))
	bridge, weir := add(t, s, "bridge"), add(t, s, "Alte Brücke 7")
	if bridge == weir || len(bridge) != 43 {
		t.Errorf("passwords %q and %q: want two of 43 letters, 256 bits", bridge, weir)
	}
	for _, c := range []struct {
		user, password string
		want           bool
	}{
		{"bridge", bridge, true},
		{"Alte Brücke 7", weir, true},
		{"bridge", weir, false},
		{"bridge", "", false},
		{"bridge", bridge + " ", false},
		{"Bridge", bridge, false},
		{"", "", false},
		{"", bridge, false},
		{"nobody", "", false},
		{"' OR 1=1 --", bridge, false},
	} {
		if got := s.Authenticate(c.user, c.password); got != c.want {
			t.Errorf("%q with %q: %v", c.user, c.password, got)
		}
	}
	all, err := s.List(t.Context())
	if diff := cmp.Diff([]Device{{"Alte Brücke 7", morning}, {"bridge", morning}}, all); diff != "" || err != nil {
		t.Errorf("list: %v %s", err, diff)
	}
}

func TestThePasswordIsNotKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devices.db")
	s := open(t, path)
	password := add(t, s, "bridge")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no file: %v", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(password)) {
			t.Errorf("%s holds the password", file)
		}
		if !bytes.Contains(content, []byte("bridge")) {
			t.Errorf("%s does not hold the station: this test looks at the wrong file", file)
		}
	}
	if again := open(t, path); !again.Authenticate("bridge", password) {
		t.Error("the password is forgotten when the file is opened again")
	}
}

// TestAnotherProcess lets a second store, as the command line has one, add and revoke.
func TestAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devices.db")
	serving, command := open(t, path), open(t, path)
	password := add(t, command, "bridge")
	if !serving.Authenticate("bridge", password) {
		t.Error("what another process added is refused")
	}
	if err := command.Revoke(t.Context(), "bridge"); err != nil {
		t.Fatal(err)
	}
	if serving.Authenticate("bridge", password) {
		t.Error("what another process revoked comes in")
	}
	renewed := add(t, command, "bridge")
	if !serving.Authenticate("bridge", renewed) || serving.Authenticate("bridge", password) {
		t.Error("after a new password the old one counts")
	}
}

// TestABrokenFileSilencesNobody: what was known when the file could still be read counts on.
func TestABrokenFileSilencesNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devices.db")
	password := add(t, open(t, path), "bridge")
	gone := add(t, open(t, path), "weir")
	s := open(t, path)
	if err := s.Revoke(t.Context(), "weir"); err != nil || s.Authenticate("weir", gone) {
		t.Fatalf("revoked, and yet it comes in: %v", err)
	}
	if err := s.db.Close(); err != nil {
		t.Fatal(err)
	}
	if !s.Authenticate("bridge", password) {
		t.Error("a known device is refused while the file cannot be read")
	}
	if s.Authenticate("bridge", "x") || s.Authenticate("weir", gone) || s.Authenticate("nobody", "") {
		t.Error("anybody comes in while the file cannot be read")
	}
}

func TestFaults(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "devices.db"))
	add(t, s, "bridge")
	if _, err := s.Add(t.Context(), "bridge"); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), `"bridge"`) {
		t.Errorf("a second password: %v", err)
	}
	if err := s.Revoke(t.Context(), "weir"); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), `"weir"`) {
		t.Errorf("revoking an unknown one: %v", err)
	}
	for _, id := range []string{"", "a/b", "a+", "#", "a\x00b", "a\nb", "\xff", strings.Repeat("x", 1001)} {
		if _, err := s.Add(t.Context(), id); err == nil || !strings.Contains(err.Error(), "right would be") {
			t.Errorf("station %.10q: %v", id, err)
		}
	}
	if _, err := Open(context.Background(), Config{Path: "x"}); err == nil {
		t.Error("opened without a clock and a log")
	}
	text := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(text, bytes.Repeat([]byte("no database "), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Path: text, Now: time.Now, Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("a file that is no database: %v", err)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	s, err := Open(b.Context(), Config{Path: filepath.Join(b.TempDir(), "devices.db"), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	password, err := s.Add(b.Context(), "bridge")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if !s.Authenticate("bridge", password) {
			b.Fatal("refused")
		}
	}
}
