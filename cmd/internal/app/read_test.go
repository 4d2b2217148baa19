package app

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/cmd/internal/site"
	"tocsin/ingest"
	"tocsin/ingest/sqlite"
)

// heard is a log that says when a reader gave up.
type heard struct {
	slog.Handler
	gaveUp chan string
}

func (h heard) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "gave up") {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "reader" {
				h.gaveUp <- a.Value.String()
			}
			return true
		})
	}
	return nil
}

func (h heard) Enabled(context.Context, slog.Level) bool { return true }

// TestWarningsGoOnWithoutAHistory: a history that claims to be ahead of the journal (one of the two was
// replaced by an older copy) cannot go on. The rules can, and so the program does, and says so.
func TestWarningsGoOnWithoutAHistory(t *testing.T) {
	data := t.TempDir()
	history, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(data, "history.db")})
	if err != nil {
		t.Fatal(err)
	}
	if err := history.Apply(t.Context(), ingest.Batch{First: 1, Last: 5, Now: time.Unix(0, 0)}); err != nil {
		t.Fatal(err)
	}
	if err := history.Close(); err != nil {
		t.Fatal(err)
	}
	loaded, err := site.Load(site.Initial(), "initial")
	if err != nil {
		t.Fatal(err)
	}
	log := heard{slog.DiscardHandler, make(chan string, 8)}
	a, err := Start(t.Context(), Config{
		Site: loaded, Data: data, HTTP: "127.0.0.1:0", MQTT: "127.0.0.1:0", Log: slog.New(log), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	select {
	case reader := <-log.gaveUp:
		if reader != "history" {
			t.Errorf("reader %q gave up, want history", reader)
		}
	case err := <-a.Failed():
		t.Fatalf("the program ended with its history: %v", err)
	}
	if h := a.health(t.Context()); h.Ready {
		t.Error("a program without its history says that it is ready")
	}
}
