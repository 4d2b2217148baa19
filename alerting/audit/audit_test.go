package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/alerting"
	"tocsin/geo"
)

var start = time.Date(2026, 10, 7, 1, 30, 0, 0, time.UTC)

// chain is the audit of one warning that was proposed, approved, issued and ended.
func chain(t *testing.T) ([]alerting.AuditRow, []alerting.Edition) {
	t.Helper()
	proposal := &alerting.Proposal{Action: alerting.ActionIssue, Level: 4, Needs: 1, Exposure: geo.Exposure{People: 2733}, Doubtful: "nobody confirms it"}
	hazard := &alerting.Hazard{Words: "Thanza Lake falls 1.20 m/h", Rule: "lake-falls", RuleHash: "0123456789abcdef"}
	bytes := []byte("<alert/>")
	sum := sha256.Sum256(bytes)
	edition := alerting.Edition{Warning: "w", Number: 1, Identifier: "tocsin.w.1", Level: 4, People: 2733, Expires: start.Add(12 * time.Hour), CAP: bytes}
	bodies := []alerting.AuditBody{
		{Warning: alerting.Warning{Proposal: proposal}, Hazard: hazard},
		{Note: "I see it"},
		{Edition: &edition, CAPSHA256: hex.EncodeToString(sum[:])},
		{},
	}
	actors := []string{"rule:lake-falls", "tashi", "policy", "clock"}
	var rows []alerting.AuditRow
	var prev alerting.AuditRow
	for i, action := range []alerting.Action{alerting.ActionPropose, alerting.ActionApprove, alerting.ActionIssue, alerting.ActionExpire} {
		text, err := json.Marshal(bodies[i])
		if err != nil {
			t.Fatal(err)
		}
		prev = Link(prev, alerting.AuditRow{
			Seq: int64(i + 1), Warning: "w", Mode: alerting.Exercise, At: start.Add(time.Duration(i) * time.Minute), Actor: actors[i], Action: action, Body: text,
		})
		rows = append(rows, prev)
	}
	return rows, []alerting.Edition{edition}
}

func TestVerify(t *testing.T) {
	rows, _ := chain(t)
	head := rows[3].Hash
	if err := errors.Join(Verify(rows), VerifyHead(rows, head), Verify(nil), VerifyHead(nil, "")); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(r []alerting.AuditRow) []alerting.AuditRow{
		"actor edited":   func(r []alerting.AuditRow) []alerting.AuditRow { r[1].Actor = "pema"; return r },
		"body edited":    func(r []alerting.AuditRow) []alerting.AuditRow { r[1].Body = []byte("{}"); return r },
		"time edited":    func(r []alerting.AuditRow) []alerting.AuditRow { r[1].At = r[1].At.Add(time.Millisecond); return r },
		"mode edited":    func(r []alerting.AuditRow) []alerting.AuditRow { r[1].Mode = alerting.Actual; return r },
		"action edited":  func(r []alerting.AuditRow) []alerting.AuditRow { r[1].Action = alerting.ActionReject; return r },
		"warning edited": func(r []alerting.AuditRow) []alerting.AuditRow { r[1].Warning = "x"; return r },
		"edited and linked anew": func(r []alerting.AuditRow) []alerting.AuditRow {
			r[1].Actor = "pema"
			r[1] = Link(r[0], r[1])
			return r
		},
		"first removed": func(r []alerting.AuditRow) []alerting.AuditRow { return r[1:] },
		"one removed":   func(r []alerting.AuditRow) []alerting.AuditRow { return slices.Delete(r, 1, 2) },
		"one removed, renumbered": func(r []alerting.AuditRow) []alerting.AuditRow {
			r = slices.Delete(r, 1, 2)
			r[1].Seq, r[2].Seq = 2, 3
			return r
		},
		"reordered": func(r []alerting.AuditRow) []alerting.AuditRow { r[1], r[2] = r[2], r[1]; return r },
		"repeated":  func(r []alerting.AuditRow) []alerting.AuditRow { return slices.Insert(r, 1, r[1]) },
	} {
		rows, _ := chain(t)
		if err := Verify(spoil(rows)); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := VerifyHead(rows[:3], head); !errors.Is(err, ErrBroken) {
		t.Errorf("the last row cut off: %v", err)
	}
}

func TestExplain(t *testing.T) {
	rows, editions := chain(t)
	issued := start.Add(2 * time.Minute)
	w := alerting.Warning{ID: "w", Mode: alerting.Exercise, Kind: "outburst", Zone: "lunana", Status: alerting.Ended, CreatedAt: start, IssuedAt: &issued, Reason: "expire"}
	story, err := Explain(w, editions, rows)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(story)
	if err != nil {
		t.Fatal(err)
	}
	all := string(text)
	for _, step := range story.Steps {
		all += "\n" + step.Words
	}
	for _, want := range []string{
		"Rule lake-falls proposed the warning", "2733 people exposed", "doubtful because nobody confirms it", "one approval needed",
		"Thanza Lake falls 1.20 m/h", "0123456789ab", `tashi approved it; saying "I see it"`, "The approval policy issued the warning",
		"edition 1 (tocsin.w.1)", "The clock let the warning expire, which is not an all-clear", "the first 2m0s after the proposal", rows[3].Hash,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("the story does not say %q:\n%s", want, all)
		}
	}
	for name, spoil := range map[string]func(){
		"edition missing":    func() { editions = nil },
		"bytes changed":      func() { editions[0].CAP = []byte("<alert>x</alert>") },
		"another's row":      func() { rows[1].Warning = "x" },
		"body not readable":  func() { rows[1].Body = []byte("{") },
		"edition out of air": func() { editions = append(editions, alerting.Edition{Identifier: "tocsin.w.2"}) },
	} {
		rows, editions = chain(t)
		spoil()
		if _, err := Explain(w, editions, rows); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEveryStepHasWords: a new action must be told too.
func TestEveryStepHasWords(t *testing.T) {
	for _, step := range alerting.Transitions() {
		if words := did(step.Action); words == string(step.Action) || words == "" {
			t.Errorf("%s has no words", step.Action)
		}
	}
}
