package desk

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"tocsin/alerting"
	"tocsin/alerting/cap"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden keeps every word and byte that goes out, in testdata/*.txtar; -update writes them anew.
func TestGolden(t *testing.T) {
	b := issued(t, 3, nil)
	b.at = b.at.Add(5 * time.Minute)
	b.handle(4, "")
	preview, err := b.Preview(t.Context(), "w1")
	if err != nil {
		t.Fatal(err)
	}
	b.approve(asha)
	b.approve(dorji)
	b.at = b.at.Add(3 * time.Hour)
	b.handle(0, "")
	b.approve(asha)
	b.approve(dorji)
	b.handle(4, "jump")
	b.approve(asha)
	b.approve(dorji)
	w := b.last()
	if _, err := b.End(t.Context(), w.ID, w.Version, asha, alerting.ActionCancel, "private word"); err != nil {
		t.Fatal(err)
	}
	var got txtar.Archive
	for _, id := range b.store.order {
		for _, e := range b.store.editions[id] {
			var words strings.Builder
			for _, text := range e.Texts {
				fmt.Fprintf(&words, "[%s] reviewed %v\n%s\n%s\n%s\n%s\n%s\n", text.Language, text.Reviewed, text.Event, text.Headline, text.Description, text.Instruction, text.SMS)
			}
			name := fmt.Sprintf("%s-%d", id, e.Number)
			got.Files = append(got.Files, txtar.File{Name: name + ".txt", Data: []byte(words.String())}, txtar.File{Name: name + ".xml", Data: e.CAP})
			if broken := cap.Check(e.CAP); len(broken) > 0 {
				t.Errorf("%s: %v", name, broken)
			}
			if bytes.Contains(e.CAP, []byte("private word")) {
				t.Errorf("%s publishes a note of the audit", name)
			}
		}
	}
	if diff := cmp.Diff(b.store.editions["w1"][1].Texts, preview.Texts); diff != "" {
		t.Errorf("what was previewed is not what went out:\n%s", diff)
	}
	const golden = "testdata/life.txtar"
	if *update {
		if err := os.WriteFile(golden, txtar.Format(&got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(txtar.Format(&got))); diff != "" {
		t.Errorf("what goes out changed (-want +got); if that is right, run the test with -update:\n%s", diff)
	}
}
