// Package journaltest holds what every journal must do (Run), a journal in memory for the tests of the
// rooms before it (Memory), and a disk that can lose its power, fill up or fail (Disk).
// It is for tests only.
package journaltest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/ingest"
)

// Run checks that a journal keeps the contract of ingest.Journal. open opens the same journal again
// each time it is called; the one before is closed by then.
func Run(t *testing.T, open func(t *testing.T) ingest.Journal) {
	ctx := context.Background()
	j := open(t)
	if got := j.Last(); got != 0 {
		t.Fatalf("a new journal ends at %d, want 0", got)
	}
	if got, err := j.Read(ctx, 0, 10); err != nil || len(got) != 0 {
		t.Fatalf("a new journal holds %v, %v", got, err)
	}
	var want []ingest.Message
	for n := range 40 {
		batch := Messages(len(want), 1+n*7%13)
		if err := j.Append(ctx, batch); err != nil {
			t.Fatal(err)
		}
		want = append(want, batch...)
	}
	check(t, "at once", j, want)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(ctx, Messages(0, 1)); err == nil {
		t.Error("a closed journal takes messages")
	}
	j = open(t)
	check(t, "after opening again", j, want)
	more := Messages(len(want), 3)
	if err := j.Append(ctx, more); err != nil {
		t.Fatal(err)
	}
	check(t, "after going on", j, append(want, more...))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, when string, j ingest.Journal, want []ingest.Message) {
	t.Helper()
	if got := j.Last(); got != uint64(len(want)) {
		t.Errorf("%s: Last is %d, want %d", when, got, len(want))
	}
	for i := range want {
		if want[i].Seq != uint64(i+1) {
			t.Fatalf("%s: message %d has Seq %d", when, i, want[i].Seq)
		}
	}
	for _, limit := range []int{1, 7, len(want), 10 * len(want)} {
		got := readAll(t, j, limit)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s: read by %d (-want +got):\n%s", when, limit, diff)
		}
	}
	if got, err := j.Read(context.Background(), uint64(len(want))+5, 3); err != nil || len(got) != 0 {
		t.Errorf("%s: beyond the end: %v, %v", when, got, err)
	}
}

func readAll(t *testing.T, j ingest.Journal, limit int) []ingest.Message {
	t.Helper()
	var all []ingest.Message
	for {
		part, err := j.Read(context.Background(), uint64(len(all)), limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(part) == 0 {
			return all
		}
		if len(part) > limit {
			t.Fatalf("%d messages where %d were asked for", len(part), limit)
		}
		all = append(all, part...)
	}
}

// Messages makes n different messages whose numbers begin after already.
func Messages(already, n int) []ingest.Message {
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	messages := make([]ingest.Message, n)
	for i := range messages {
		number := already + i
		messages[i] = ingest.Message{
			Received: at.Add(time.Duration(number) * 137 * time.Millisecond),
			Source:   "embedded", Client: fmt.Sprintf("logger-%d", number%5),
			Topic:    fmt.Sprintf("stations/%d/readings", number%5),
			Payload:  fmt.Appendf(nil, `{"water_level":%d.5,"n":%d}`, number%9, number),
			Retained: number%11 == 0,
		}
	}
	return messages
}
