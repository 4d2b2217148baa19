package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"tocsin/alerting"
)

// Handle takes what the rules say. It may be given the same hazard again (after a crash): that
// changes nothing and is no error. An error that wraps alerting.ErrInvalid means that the hazard makes
// no sense and never will; any other that it should be given again.
func (d *Desk) Handle(ctx context.Context, hazard alerting.Hazard) error {
	if hazard.Kind == "" || hazard.Zone == "" || hazard.Level < 0 || hazard.Level > alerting.MaxLevel {
		return fmt.Errorf("hazard %q in zone %q at level %d: %w", hazard.Kind, hazard.Zone, hazard.Level, alerting.ErrInvalid)
	}
	if err := d.hold(ctx, hazard); err != nil {
		return err
	}
	var err error
	for range attempts {
		err = d.handleOnce(ctx, hazard)
		switch {
		case errors.Is(err, alerting.ErrHandled):
			return nil
		case errors.Is(err, alerting.ErrConflict), errors.Is(err, alerting.ErrOpen):
			continue
		}
		return err
	}
	return err
}

func (d *Desk) handleOnce(ctx context.Context, hazard alerting.Hazard) error {
	before, change, found, err := d.answer(ctx, hazard)
	if err != nil {
		return err
	}
	if !found {
		return d.store.Handled(ctx, d.config.Mode, hazard)
	}
	change.Hazard = &hazard
	change.Actor = rulePrefix + hazard.Rule
	written, err := d.apply(ctx, change)
	if err != nil {
		return err
	}
	if err := d.advance(ctx, written.ID); err != nil {
		return err
	}
	return d.putBack(ctx, written.ID, before.Proposal, change.Warning.Proposal)
}

// putBack suggests again, as an update, what a person had proposed at a higher level when the policy let
// the rule's warning go out at once in its place.
func (d *Desk) putBack(ctx context.Context, id string, aside, next *alerting.Proposal) error {
	if aside == nil || next == nil || !isPerson(aside.Submitter) || aside.Level <= next.Level {
		return nil
	}
	w, err := d.warning(ctx, id)
	if err != nil || !w.Status.Public() || w.Proposal != nil {
		return err
	}
	again := *aside
	again.Action, again.Approvals = alerting.ActionUpdate, nil
	w.Proposal = &again
	_, err = d.apply(ctx, alerting.Change{Action: alerting.ActionSuggest, Actor: policyActor, Warning: w, Note: "proposed by " + again.Submitter + " before the rule's warning went out"})
	if errors.Is(err, alerting.ErrConflict) {
		return nil // somebody acts on the warning already
	}
	return err
}

// answer is the step with which to answer a hazard, and the warning as it was; found is false where
// no step is due.
func (d *Desk) answer(ctx context.Context, hazard alerting.Hazard) (w alerting.Warning, change alerting.Change, found bool, err error) {
	w, open, err := d.open(ctx, hazard.Kind, hazard.Zone)
	if err != nil {
		return w, change, false, err
	}
	if !open {
		if hazard.Level == 0 {
			return w, change, false, nil
		}
		return w, d.propose(hazard), true, nil
	}
	switch w.Status {
	case alerting.Proposed:
		change, found = d.whileProposed(w, hazard)
	case alerting.Approved: // the process ended between approval and issue: issue, then look again
		if err := d.advance(ctx, w.ID); err != nil {
			return w, change, false, err
		}
		return w, change, false, alerting.ErrConflict
	case alerting.Issued, alerting.Updated:
		change, found = d.whilePublic(w, hazard)
	case alerting.Ended, alerting.Rejected: // not open; the store would not have found it
	}
	return w, change, found, nil
}

// propose opens a warning.
func (d *Desk) propose(hazard alerting.Hazard) alerting.Change {
	now := d.now()
	return alerting.Change{Action: alerting.ActionPropose, Actor: rulePrefix + hazard.Rule, Warning: alerting.Warning{
		ID: d.newID(now), Mode: d.config.Mode, Kind: hazard.Kind, Zone: hazard.Zone, Level: hazard.Level, CreatedAt: now,
		Proposal: d.proposal(alerting.ActionIssue, hazard.Level, hazard.Level, hazard),
	}}
}

// proposal is what a hazard proposes. policy is the level whose policy decides how many must approve.
func (d *Desk) proposal(action alerting.Action, level, policy alerting.Level, hazard alerting.Hazard) *alerting.Proposal {
	zone, known := d.zone(hazard.Zone)
	doubtful := hazard.Doubtful
	if !known && doubtful == "" {
		doubtful = fmt.Sprintf("the site has no zone %q: nobody can be counted or reached there", hazard.Zone)
	}
	atLeast := 0
	if doubtful != "" || action == alerting.ActionAllClear && d.outburst(hazard.Station) {
		atLeast = 1
	}
	p := &alerting.Proposal{
		Action: action, Level: level, Submitter: rulePrefix + hazard.Rule, At: d.now(), Hazard: &hazard,
		Words: hazard.Words, Doubtful: doubtful, Needs: d.needs(policy, atLeast),
	}
	if known {
		p.Exposure = d.exposure(zone)
	}
	return p
}

// outburst says whether a station stands where silence itself may be the disaster.
func (d *Desk) outburst(station string) bool {
	if d.config.Network == nil {
		return false
	}
	s, ok := d.config.Network.Station(station)
	return ok && s.Outburst
}

// whileProposed answers a hazard while the first issue waits.
func (d *Desk) whileProposed(w alerting.Warning, hazard alerting.Hazard) (alerting.Change, bool) {
	waiting := w.Proposal
	if waiting == nil {
		return alerting.Change{}, false
	}
	person, doubtful := isPerson(waiting.Submitter), hazard.Doubtful != ""
	if next, ok := d.overtakes(waiting, alerting.ActionIssue, hazard); ok {
		w.Level, w.Proposal = hazard.Level, next
		return alerting.Change{Action: alerting.ActionRevise, Warning: w}, true
	}
	switch {
	case hazard.Level < waiting.Level && (person || doubtful):
		return alerting.Change{}, false
	case hazard.Level == 0:
		return d.closing(w, alerting.ActionWithdraw, hazard.Words), true
	case hazard.Level == waiting.Level && (person || doubtful || waiting.Doubtful == ""):
		return alerting.Change{}, false
	}
	next := d.proposal(alerting.ActionIssue, hazard.Level, hazard.Level, hazard)
	if hazard.Level == waiting.Level { // the doubt is gone; who agreed in doubt agrees now
		next.Approvals = waiting.Approvals
	}
	w.Level = hazard.Level
	return replace(w, next), true
}

// overtakes says whether a hazard goes out by policy although a person's proposal of the same or a
// higher level waits: what a person has proposed must never hold up what would have gone out without.
func (d *Desk) overtakes(waiting *alerting.Proposal, action alerting.Action, hazard alerting.Hazard) (*alerting.Proposal, bool) {
	if !isPerson(waiting.Submitter) || hazard.Level == 0 || hazard.Level > waiting.Level {
		return nil, false
	}
	next := d.proposal(action, hazard.Level, hazard.Level, hazard)
	return next, next.Needs == 0
}

// replace puts next in the place of what waits. A person's proposal stays the person's, so that who
// submitted it cannot approve it after a rule has raised it.
func replace(w alerting.Warning, next *alerting.Proposal) alerting.Change {
	action := alerting.ActionSuggest
	if w.Proposal != nil {
		action = alerting.ActionRevise
		if isPerson(w.Proposal.Submitter) {
			next.Submitter = w.Proposal.Submitter
		}
	}
	w.Proposal = next
	return alerting.Change{Action: action, Warning: w}
}

// closing ends a warning without an edition.
func (d *Desk) closing(w alerting.Warning, action alerting.Action, note string) alerting.Change {
	now := d.now()
	w.Proposal, w.EndedAt, w.Reason = nil, &now, reason(action, note)
	return alerting.Change{Action: action, Warning: w, Note: note}
}

func reason(action alerting.Action, note string) string {
	if note == "" {
		return string(action)
	}
	return string(action) + ": " + note
}

// whilePublic answers a hazard while people are being warned.
func (d *Desk) whilePublic(w alerting.Warning, hazard alerting.Hazard) (alerting.Change, bool) {
	switch {
	case hazard.Level > w.Level:
		return d.suggestUp(w, hazard)
	case hazard.Level == w.Level:
		return d.drop(w, hazard)
	case hazard.Level == 0:
		return d.suggestAllClear(w, hazard)
	}
	if hazard.Doubtful != "" {
		return d.drop(w, hazard)
	}
	return d.suggestDown(w, hazard)
}

// suggestUp: what waits gives way, unless it says as much already or the evidence for less is in doubt.
func (d *Desk) suggestUp(w alerting.Warning, hazard alerting.Hazard) (alerting.Change, bool) {
	if p := w.Proposal; p != nil && p.Action == alerting.ActionUpdate {
		if next, ok := d.overtakes(p, alerting.ActionUpdate, hazard); ok {
			w.Proposal = next
			return alerting.Change{Action: alerting.ActionRevise, Warning: w}, true
		}
		less := hazard.Level < p.Level && (isPerson(p.Submitter) || hazard.Doubtful != "")
		same := hazard.Level == p.Level && (isPerson(p.Submitter) || hazard.Doubtful != "" || p.Doubtful == "")
		if less || same {
			return alerting.Change{}, false
		}
	}
	return replace(w, d.proposal(alerting.ActionUpdate, hazard.Level, hazard.Level, hazard)), true
}

func (d *Desk) suggestDown(w alerting.Warning, hazard alerting.Hazard) (alerting.Change, bool) {
	if p := w.Proposal; p != nil && (isPerson(p.Submitter) || p.Action == alerting.ActionUpdate && p.Level == hazard.Level && p.Doubtful == "") {
		return alerting.Change{}, false
	}
	return replace(w, d.proposal(alerting.ActionUpdate, hazard.Level, w.Level, hazard)), true
}

func (d *Desk) suggestAllClear(w alerting.Warning, hazard alerting.Hazard) (alerting.Change, bool) {
	if p := w.Proposal; p != nil {
		doubtful := hazard.Doubtful != ""
		if isPerson(p.Submitter) || doubtful || p.Action == alerting.ActionAllClear && p.Doubtful == "" {
			return alerting.Change{}, false
		}
	}
	return replace(w, d.proposal(alerting.ActionAllClear, 0, w.Level, hazard)), true
}

// drop takes back what a rule had suggested and the hazard no longer supports: any step down, and a step
// up where the evidence is sound.
func (d *Desk) drop(w alerting.Warning, hazard alerting.Hazard) (alerting.Change, bool) {
	p := w.Proposal
	if p == nil || isPerson(p.Submitter) || p.Submitter == clockActor || p.Level > w.Level && hazard.Doubtful != "" {
		return alerting.Change{}, false
	}
	if hazard.Level < w.Level && p.Action == alerting.ActionUpdate { // doubtful, and less than what is in force
		return alerting.Change{}, false
	}
	w.Proposal = nil
	return alerting.Change{Action: alerting.ActionDismiss, Warning: w, Note: hazard.Words}, true
}

// hold remembers the last word of the rules, so that expiry is not taken for safety, also after a restart.
func (d *Desk) hold(ctx context.Context, hazard alerting.Hazard) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	last, known := d.held[key(hazard.Kind, hazard.Zone)]
	if known && (hazard.Position < last.Position || hazard.Position == last.Position && hazard.Ordinal < last.Ordinal) {
		return nil
	}
	if hazard.Level == 0 && hazard.Doubtful != "" && known && last.Level > 0 {
		return nil // a doubtful end is not the last word
	}
	d.held[key(hazard.Kind, hazard.Zone)] = hazard
	state, err := json.Marshal(d.held)
	if err != nil {
		return fmt.Errorf("keep the last hazards: %w", err)
	}
	if err := d.store.Snapshot(ctx, d.reader(), hazard.Position, state); err != nil {
		return fmt.Errorf("keep the last hazards: %w", err)
	}
	return nil
}

func (d *Desk) reader() string { return "desk/" + string(d.config.Mode) }

// last is the rules' last word on a kind of hazard in a zone.
func (d *Desk) last(kind, zone string) (alerting.Hazard, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	hazard, ok := d.held[key(kind, zone)]
	return hazard, ok
}
