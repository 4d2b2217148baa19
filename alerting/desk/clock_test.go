package desk

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tocsin/alerting"
	"tocsin/alerting/cap"
)

func (b *bench) tick(after time.Duration) {
	b.t.Helper()
	b.at = b.at.Add(after)
	if err := b.Tick(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// TestExpiryIsNoAllClear: half an hour before the end a person is asked, once; unanswered the warning
// ends by the clock, and what the rules still see is proposed anew.
func TestExpiryIsNoAllClear(t *testing.T) {
	b := issued(t, 3, nil)
	b.tick(11*time.Hour + 29*time.Minute)
	b.want("issued 3 e1")
	b.tick(time.Minute)
	b.want("issued 3 e1 | update 3 0/1 by clock")
	if words := b.last().Proposal.Words; !strings.Contains(words, "level 3") {
		t.Errorf("words %q", words)
	}
	w := b.last()
	if _, err := b.Reject(t.Context(), w.ID, w.Version, asha, "not now"); err != nil {
		t.Fatal(err)
	}
	b.tick(time.Minute)
	b.want("issued 3 e1") // not asked again
	b.tick(28 * time.Minute)
	b.want("issued 3 e1")
	b.tick(time.Minute) // expired: ended, and proposed anew in the same tick
	b.want("proposed 3 e0 | issue 3 0/1 by rule:lake-falls")
	first, err := b.store.Warning(t.Context(), "w1")
	if err != nil || first.Status != alerting.Ended || !strings.HasPrefix(first.Reason, "expire") || len(b.store.editions["w1"]) != 1 {
		t.Errorf("got %+v, %v", first, err)
	}
	w = b.last()
	if _, err := b.Reject(t.Context(), w.ID, w.Version, asha, "seen with my own eyes: dry"); err != nil {
		t.Fatal(err)
	}
	b.tick(time.Minute)
	b.want("rejected 3 e0") // a person said no: not proposed again
}

func TestRenewalExtends(t *testing.T) {
	b := issued(t, 3, nil)
	for edition := 2; edition < 5; edition++ { // asked for each edition
		b.tick(11*time.Hour + 40*time.Minute)
		b.approve(asha)
		b.tick(0)
		if w := b.last(); w.Status != alerting.Updated || w.Edition != edition || !w.Expires.Equal(b.at.Add(12*time.Hour)) {
			t.Fatalf("edition %d: %s until %v", edition, state(w), w.Expires)
		}
	}
	alert, err := cap.Parse(b.store.editions["w1"][3].CAP)
	if err != nil || len(alert.ReferenceList()) != 1 || alert.MsgType != "Update" {
		t.Errorf("the references of edition 4 are %q, %v: want the one that had not expired", alert.References, err)
	}
}

// TestRenewalIsNeverAutomatic, though what follows an expiry goes by the policy.
func TestRenewalIsNeverAutomatic(t *testing.T) {
	b := issued(t, 1, nil)
	b.tick(11*time.Hour + 45*time.Minute)
	b.want("issued 1 e1 | update 1 0/1 by clock")
	b.tick(15 * time.Minute)
	b.want("issued 1 e1")
	if b.last().ID != "w2" {
		t.Errorf("%s is the last warning", b.last().ID)
	}
}

func TestNoRenewalWhereAnEndWaits(t *testing.T) {
	b := issued(t, 3, nil)
	b.handle(0, "")
	b.tick(11*time.Hour + 45*time.Minute)
	b.want("issued 3 e1 | all_clear 0 0/1 by rule:lake-falls")
	b.tick(time.Hour)
	b.want("ended 3 e1")
	if len(b.store.order) != 1 {
		t.Error("it was proposed anew although the rules say that it is over")
	}
}

// TestCancelledStaysCancelled although the rules still see the hazard: a person said that it should not be.
func TestCancelledStaysCancelled(t *testing.T) {
	b := issued(t, 3, nil)
	w := b.last()
	if _, err := b.End(t.Context(), w.ID, w.Version, asha, alerting.ActionCancel, "bird on the gauge"); err != nil {
		t.Fatal(err)
	}
	b.tick(time.Minute)
	b.want("ended 0 e2")
}

// TestWhatWaitedOutlivesTheEnd: a person ends a warning while the rules hold more than it says, and what
// waited for a decision does not vanish with it.
func TestWhatWaitedOutlivesTheEnd(t *testing.T) {
	for _, action := range []alerting.Action{alerting.ActionAllClear, alerting.ActionCancel} {
		t.Run(string(action), func(t *testing.T) {
			b := issued(t, 2, nil)
			b.handle(4, "")
			w := b.last()
			if _, err := b.End(t.Context(), w.ID, w.Version, asha, action, ""); err != nil {
				t.Fatal(err)
			}
			b.tick(time.Second)
			w = b.last()
			if w.Status != alerting.Proposed || w.Level != 4 || w.Proposal == nil || w.Proposal.Needs == 0 {
				t.Fatalf("after the end of level 2 the rules' level 4 must wait for a person again, got %+v", w)
			}
			if _, err := b.Reject(t.Context(), w.ID, w.Version, asha, "seen, no"); err != nil {
				t.Fatal(err)
			}
			b.tick(time.Minute)
			if again := b.last(); again.ID != w.ID {
				t.Errorf("a person has said no to level 4, it must not be asked again: %+v", again)
			}
		})
	}
}

// TestOldHazardIsNotTheLastWord: after a restart the rules may say again what was handled long ago.
func TestOldHazardIsNotTheLastWord(t *testing.T) {
	b := newBench(t, nil)
	old := b.hazard(3, "")
	if err := b.Handle(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	b.approve(asha)
	b.handle(0, "")
	if err := b.Handle(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	b.tick(13 * time.Hour)
	b.want("ended 3 e1")
}

// TestManualWarningIsAskedAbout: no rule watches over it.
func TestManualWarningIsAskedAbout(t *testing.T) {
	b := newBench(t, nil)
	if _, err := b.Propose(t.Context(), alerting.ManualProposal{Kind: "outburst", Zone: "lunana", Level: 3, Words: "seen"}, pema); err != nil {
		t.Fatal(err)
	}
	b.approve(asha)
	text := b.store.editions["w1"][0].Texts[0]
	if !strings.Contains(text.Description, "– at 14:00 (UTC+06:00)") || !strings.Contains(text.Headline, "DHMS for Lunana") {
		t.Errorf("text %+v", text)
	}
	b.tick(11*time.Hour + 45*time.Minute)
	b.want("issued 3 e1 | update 3 0/1 by clock")
	b.tick(15 * time.Minute)
	b.want("ended 3 e1")
}

// TestAnEndByHandQuotesNoReading: what raised the warning must not be told as what ended it.
func TestAnEndByHandQuotesNoReading(t *testing.T) {
	b := issued(t, 3, nil)
	b.at = b.at.Add(2 * time.Hour)
	w := b.last()
	if _, err := b.End(t.Context(), w.ID, w.Version, asha, alerting.ActionAllClear, "seen from the bridge"); err != nil {
		t.Fatal(err)
	}
	editions := b.store.editions[w.ID]
	if text := editions[len(editions)-1].Texts[0]; text.Description != "EXERCISE: – at 16:00 (UTC+06:00)." {
		t.Errorf("the all-clear says %q", text.Description)
	}
}

// TestHeldSurvivesRestart: what the rules said last is known after a restart.
func TestHeldSurvivesRestart(t *testing.T) {
	b := issued(t, 3, nil)
	b.handle(0, "silent") // no last word
	b.open(b.config)
	if err := b.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := b.last()
	if _, err := b.Reject(t.Context(), w.ID, w.Version, asha, ""); err != nil {
		t.Fatal(err)
	}
	b.tick(13 * time.Hour)
	b.want("proposed 3 e0 | issue 3 0/1 by rule:lake-falls")
	b.store.states[b.reader()] = []byte("rubbish")
	if err := b.Resume(t.Context()); err == nil {
		t.Error("rubbish was taken for the state")
	}
}

// TestCrashAnywhere lets the store fail before each kind of step: Resume, or the hazard given again,
// brings the warning where it would have been.
func TestCrashAnywhere(t *testing.T) {
	broken := errors.New("disk gone")
	for _, at := range []alerting.Action{alerting.ActionPropose, alerting.ActionApprove, alerting.ActionIssue} {
		b := newBench(t, nil)
		b.store.fail = func(c alerting.Change) error {
			if c.Action == at {
				return broken
			}
			return nil
		}
		h := b.hazard(1, "")
		if err := b.Handle(t.Context(), h); !errors.Is(err, broken) {
			t.Fatalf("%s: Handle gave %v", at, err)
		}
		b.store.fail = nil
		b.open(b.config)
		if err := b.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := b.Handle(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		b.want("issued 1 e1")
		if len(b.store.jobs) != 1 {
			t.Errorf("%s: %d send jobs", at, len(b.store.jobs))
		}
	}
	b := newBench(t, nil)
	b.handle(2, "")
	b.store.fail = func(c alerting.Change) error {
		if c.Action == alerting.ActionIssue {
			return broken
		}
		return nil
	}
	if w, err := b.Approve(t.Context(), "w1", 1, asha); !errors.Is(err, broken) || w.Status != alerting.Approved {
		t.Errorf("Approve gave %s, %v", w.Status, err)
	}
	b.store.fail = nil
	b.handle(4, "") // approved and not issued: issued first, then judged
	b.want("issued 2 e1 | update 4 0/2 by rule:lake-falls")
}

// TestConflictsAreTriedAgain: whoever was faster, the hazard is answered.
func TestConflictsAreTriedAgain(t *testing.T) {
	b := newBench(t, nil)
	left := 5
	b.store.fail = func(alerting.Change) error {
		if left--; left >= 0 {
			return alerting.ErrConflict
		}
		return nil
	}
	b.handle(1, "")
	b.want("issued 1 e1")
	b.store.fail = func(alerting.Change) error { return alerting.ErrConflict }
	if err := b.Handle(t.Context(), b.hazard(2, "")); !errors.Is(err, alerting.ErrConflict) {
		t.Errorf("a conflict without end: %v", err)
	}
}

// TestClockGoesBack: editions stay in order, and a document never expires before it is sent.
func TestClockGoesBack(t *testing.T) {
	b := issued(t, 2, nil)
	b.at = b.at.Add(-time.Hour)
	b.handle(3, "")
	b.approve(asha)
	e := b.store.editions["w1"]
	if !e[1].Sent.After(e[0].Sent) || !e[1].Expires.After(e[1].Sent) {
		t.Errorf("edition 1 sent %v, edition 2 sent %v until %v", e[0].Sent, e[1].Sent, e[1].Expires)
	}
}

// TestReferencesStayAsWritten although the sender and the zone of the site change.
func TestReferencesStayAsWritten(t *testing.T) {
	b := issued(t, 2, nil)
	c := b.config
	c.Sender, c.Location = "new@example.bt", time.UTC
	b.open(c)
	w := b.last()
	if _, err := b.End(t.Context(), w.ID, w.Version, asha, alerting.ActionCancel, ""); err != nil {
		t.Fatal(err)
	}
	alert, err := cap.Parse(b.store.editions["w1"][1].CAP)
	if want := "dhms@example.bt,dhms@example.bt-w1-1,2026-11-23T14:00:00+06:00"; err != nil || alert.References != want {
		t.Errorf("references %q, want %q (%v)", alert.References, want, err)
	}
}
