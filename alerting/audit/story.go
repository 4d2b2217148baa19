package audit

import (
	"fmt"
	"strings"
	"time"

	"tocsin/alerting"
)

// Story is what happened to a warning, step by step.
type Story struct {
	Warning alerting.Warning `json:"warning"`
	Summary string           `json:"summary"`
	Steps   []Step           `json:"steps"`
}

// Step is one row of the audit, told.
type Step struct {
	Seq       int64            `json:"seq"`
	At        time.Time        `json:"at"`
	Actor     string           `json:"actor"`
	Action    alerting.Action  `json:"action"`
	Words     string           `json:"words"`
	Note      string           `json:"note,omitempty"`
	Evidence  *alerting.Hazard `json:"evidence,omitempty"`
	Edition   string           `json:"edition,omitempty"` // CAP identifier
	CAPSHA256 string           `json:"cap_sha256,omitempty"`
	Hash      string           `json:"hash"` // of the audit row
}

// Explain tells the story of a warning from its audit rows and editions. A row or an edition that does
// not fit the other is an error that wraps ErrBroken.
func Explain(warning alerting.Warning, editions []alerting.Edition, rows []alerting.AuditRow) (Story, error) {
	story := Story{Warning: warning, Steps: []Step{}}
	if err := VerifyEditions(rows, editions); err != nil {
		return story, err
	}
	for _, row := range rows {
		if row.Warning != warning.ID || row.Mode != warning.Mode {
			return story, fmt.Errorf("row %d is of %s warning %s, not of %s: %w", row.Seq, row.Mode, row.Warning, warning.ID, ErrBroken)
		}
		body, err := read(row)
		if err != nil {
			return story, err
		}
		story.Steps = append(story.Steps, tell(row, body))
	}
	story.Summary = summary(warning, len(editions))
	return story, nil
}

func tell(row alerting.AuditRow, body alerting.AuditBody) Step {
	step := Step{
		Seq: row.Seq, At: row.At, Actor: row.Actor, Action: row.Action, Note: body.Note, Evidence: body.Hazard,
		CAPSHA256: body.CAPSHA256, Hash: row.Hash,
	}
	parts := []string{who(row.Actor) + " " + did(row.Action)}
	if body.Warning.Proposal != nil && proposes(row.Action) {
		parts = append(parts, proposal(*body.Warning.Proposal))
	}
	if body.Hazard != nil && body.Hazard.Words != "" {
		parts = append(parts, fmt.Sprintf("evidence: %s (rule %s, version %.12s)", body.Hazard.Words, body.Hazard.Rule, body.Hazard.RuleHash))
	}
	if e := body.Edition; e != nil {
		step.Edition = e.Identifier
		parts = append(parts, fmt.Sprintf("edition %d (%s), level %d, %d people in the area, valid until %s",
			e.Number, e.Identifier, e.Level, e.People, e.Expires.UTC().Format(time.RFC3339)))
	}
	if body.Note != "" {
		parts = append(parts, fmt.Sprintf("saying %q", body.Note))
	}
	step.Words = strings.Join(parts, "; ")
	return step
}

func proposes(action alerting.Action) bool {
	return action == alerting.ActionPropose || action == alerting.ActionRevise || action == alerting.ActionSuggest
}

func proposal(p alerting.Proposal) string {
	words := fmt.Sprintf("%s at level %d, about %d people exposed", p.Action, p.Level, p.Exposure.People)
	if p.Doubtful != "" {
		words += ", doubtful because " + p.Doubtful
	}
	switch p.Needs {
	case 0:
		return words + ", automatic by the policy"
	case 1:
		return words + ", one approval needed"
	}
	return fmt.Sprintf("%s, %d approvals needed", words, p.Needs)
}

func who(actor string) string {
	rule, isRule := strings.CutPrefix(actor, "rule:")
	switch {
	case isRule:
		return "Rule " + rule
	case actor == "policy":
		return "The approval policy"
	case actor == "clock":
		return "The clock"
	}
	return actor
}

func did(action alerting.Action) string {
	switch action {
	case alerting.ActionPropose:
		return "proposed the warning"
	case alerting.ActionRevise:
		return "revised the proposal"
	case alerting.ActionApprove:
		return "approved it"
	case alerting.ActionReject:
		return "rejected it"
	case alerting.ActionWithdraw:
		return "withdrew the proposal"
	case alerting.ActionIssue:
		return "issued the warning"
	case alerting.ActionSuggest:
		return "suggested a further step"
	case alerting.ActionDismiss:
		return "dismissed what was suggested"
	case alerting.ActionUpdate:
		return "issued an update"
	case alerting.ActionAllClear:
		return "gave the all-clear"
	case alerting.ActionCancel:
		return "cancelled the warning"
	case alerting.ActionExpire:
		return "let the warning expire, which is not an all-clear"
	}
	return string(action)
}

func summary(w alerting.Warning, editions int) string {
	words := fmt.Sprintf("%s warning %s of %s in %s is %s; %d editions were published", w.Mode, w.ID, w.Kind, w.Zone, w.Status, editions)
	if w.IssuedAt != nil {
		words += fmt.Sprintf(", the first %s after the proposal", w.IssuedAt.Sub(w.CreatedAt).Round(time.Second))
	}
	if w.Reason != "" {
		words += " (" + w.Reason + ")"
	}
	return words + "."
}
