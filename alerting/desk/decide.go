package desk

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tocsin/alerting"
)

// allow checks that somebody is a person with at least the role.
func allow(operator alerting.Operator, least alerting.Role) error {
	if !isPerson(operator.ID) {
		return fmt.Errorf("%q is not the name of a person: %w", operator.ID, alerting.ErrForbidden)
	}
	if !operator.Role.AtLeast(least) {
		return fmt.Errorf("%s has the role %q, this needs %q: %w", operator.ID, operator.Role, least, alerting.ErrForbidden)
	}
	return nil
}

// seen reads a warning and checks that it is still what the operator saw.
func (d *Desk) seen(ctx context.Context, id string, version int64) (alerting.Warning, error) {
	w, err := d.warning(ctx, id)
	if err != nil {
		return alerting.Warning{}, err
	}
	if w.Version != version {
		return alerting.Warning{}, fmt.Errorf("warning %s has version %d, not %d: %w", id, w.Version, version, alerting.ErrConflict)
	}
	return w, nil
}

// Propose opens a warning that a person (a forecaster at least) asks for. Where a rule's proposal waits
// for the same hazard and zone it is raised to the level asked for, and is the person's from then on; where a warning
// is in force an update is suggested. Where a person's proposal waits, or a rule's of the same or a higher level, the
// error wraps alerting.ErrOpen: that one should be decided.
func (d *Desk) Propose(ctx context.Context, manual alerting.ManualProposal, operator alerting.Operator) (alerting.Warning, error) {
	if err := allow(operator, alerting.Forecaster); err != nil {
		return alerting.Warning{}, fmt.Errorf("propose: %w", err)
	}
	if err := d.checkManual(manual); err != nil {
		return alerting.Warning{}, fmt.Errorf("propose: %w", err)
	}
	change, err := d.manual(ctx, manual, operator)
	if err != nil {
		return alerting.Warning{}, fmt.Errorf("propose: %w", err)
	}
	return d.apply(ctx, change)
}

func (d *Desk) checkManual(m alerting.ManualProposal) error {
	if m.Level < 1 || m.Level > alerting.MaxLevel {
		return fmt.Errorf("level %d is not one of 1 to %d: %w", m.Level, alerting.MaxLevel, alerting.ErrInvalid)
	}
	if _, known := d.zone(m.Zone); !known {
		return fmt.Errorf("the site has no zone %q: %w", m.Zone, alerting.ErrInvalid)
	}
	for _, language := range d.config.Languages {
		if len(d.config.Texts[language].Texts[m.Kind]) > 0 {
			return nil
		}
	}
	return fmt.Errorf("the site has no texts for a hazard %q: %w", m.Kind, alerting.ErrInvalid)
}

func (d *Desk) manual(ctx context.Context, m alerting.ManualProposal, operator alerting.Operator) (alerting.Change, error) {
	zone, _ := d.zone(m.Zone)
	// A person's proposal needs a second person, also where the policy would let a rule's go out alone.
	proposal := &alerting.Proposal{
		Action: alerting.ActionIssue, Level: m.Level, Submitter: operator.ID, At: d.now(), Words: strings.TrimSpace(m.Words),
		Exposure: d.exposure(zone), Needs: d.needs(m.Level, 1),
	}
	w, found, err := d.open(ctx, m.Kind, m.Zone)
	if err != nil {
		return alerting.Change{}, err
	}
	if !found {
		now := d.now()
		return alerting.Change{Action: alerting.ActionPropose, Actor: operator.ID, Warning: alerting.Warning{
			ID: d.newID(now), Mode: d.config.Mode, Kind: m.Kind, Zone: m.Zone, Level: m.Level, CreatedAt: now, Proposal: proposal,
		}}, nil
	}
	if p := w.Proposal; w.Status == alerting.Approved || p != nil && (isPerson(p.Submitter) || p.Level >= m.Level) {
		return alerting.Change{}, fmt.Errorf("warning %s: %w", w.ID, alerting.ErrOpen)
	}
	if w.Proposal != nil {
		proposal.Hazard = w.Proposal.Hazard
	}
	if w.Status == alerting.Proposed {
		w.Level = m.Level
	} else {
		proposal.Action, proposal.Needs = alerting.ActionUpdate, d.needs(max(m.Level, w.Level), 1)
	}
	change := replace(w, proposal)
	change.Actor = operator.ID
	return change, nil
}

// Approve agrees to what waits on a warning, as the operator saw it (version). It takes an approver who
// neither submitted it nor has approved it before. With the last approval needed it is
// published in the same call.
func (d *Desk) Approve(ctx context.Context, id string, version int64, operator alerting.Operator) (alerting.Warning, error) {
	if err := allow(operator, alerting.Approver); err != nil {
		return alerting.Warning{}, fmt.Errorf("approve warning %s: %w", id, err)
	}
	w, err := d.seen(ctx, id, version)
	if err != nil {
		return alerting.Warning{}, fmt.Errorf("approve: %w", err)
	}
	if err := mayApprove(w, operator); err != nil {
		return alerting.Warning{}, fmt.Errorf("approve warning %s: %w", id, err)
	}
	return d.approve(ctx, w, operator)
}

func mayApprove(w alerting.Warning, operator alerting.Operator) error {
	p := w.Proposal
	switch {
	case p == nil || !w.Status.Open() || w.Status == alerting.Approved:
		return fmt.Errorf("nothing waits for approval, it is %s: %w", w.Status, alerting.ErrIllegal)
	case p.Submitter == operator.ID:
		return fmt.Errorf("%s submitted it and may not approve it: %w", operator.ID, alerting.ErrForbidden)
	case slices.Contains(p.Approvals, operator.ID):
		return fmt.Errorf("%s has approved it already, somebody else must too: %w", operator.ID, alerting.ErrForbidden)
	}
	return nil
}

func (d *Desk) approve(ctx context.Context, w alerting.Warning, operator alerting.Operator) (alerting.Warning, error) {
	p := *w.Proposal
	p.Approvals = append(slices.Clone(p.Approvals), operator.ID)
	w.Proposal = &p
	if len(p.Approvals) < p.Needs {
		note := fmt.Sprintf("approval %d of %d", len(p.Approvals), p.Needs)
		return d.apply(ctx, alerting.Change{Action: alerting.ActionRevise, Actor: operator.ID, Note: note, Warning: w})
	}
	if w.Status.Public() {
		return d.publish(ctx, w, p.Action, p.Level, operator.ID, approvedBy(&p))
	}
	written, err := d.apply(ctx, alerting.Change{Action: alerting.ActionApprove, Actor: operator.ID, Note: approvedBy(&p), Warning: w})
	if err != nil {
		return alerting.Warning{}, err
	}
	// From here the warning is decided: should the issue fail, Tick and Resume take it up again.
	if err := d.advance(ctx, written.ID); err != nil {
		return written, fmt.Errorf("warning %s is approved and will be issued as soon as possible: %w", written.ID, err)
	}
	return d.warning(ctx, written.ID)
}

// Reject says no to what waits: a proposal is rejected, a suggestion for an issued warning dismissed. It
// takes an approver, or whoever submitted it.
func (d *Desk) Reject(ctx context.Context, id string, version int64, operator alerting.Operator, note string) (alerting.Warning, error) {
	if err := allow(operator, alerting.Forecaster); err != nil {
		return alerting.Warning{}, fmt.Errorf("reject warning %s: %w", id, err)
	}
	w, err := d.seen(ctx, id, version)
	if err != nil {
		return alerting.Warning{}, fmt.Errorf("reject: %w", err)
	}
	if w.Proposal == nil || w.Status != alerting.Proposed && !w.Status.Public() {
		return alerting.Warning{}, fmt.Errorf("reject warning %s: nothing waits, it is %s: %w", id, w.Status, alerting.ErrIllegal)
	}
	if w.Proposal.Submitter != operator.ID {
		if err := allow(operator, alerting.Approver); err != nil {
			return alerting.Warning{}, fmt.Errorf("reject warning %s: %w", id, err)
		}
	}
	if w.Status == alerting.Proposed {
		change := d.closing(w, alerting.ActionReject, note)
		change.Actor = operator.ID
		return d.apply(ctx, change)
	}
	w.Proposal = nil
	return d.apply(ctx, alerting.Change{Action: alerting.ActionDismiss, Actor: operator.ID, Note: note, Warning: w})
}

// End ends a warning in force in one step by one approver: alerting.ActionCancel (it should not have
// been) or alerting.ActionAllClear (the danger is over), with the texts written beforehand.
func (d *Desk) End(ctx context.Context, id string, version int64, operator alerting.Operator, action alerting.Action, note string) (alerting.Warning, error) {
	if !ends(action) {
		return alerting.Warning{}, fmt.Errorf("end warning %s: %q is neither %s nor %s: %w", id, action, alerting.ActionAllClear, alerting.ActionCancel, alerting.ErrInvalid)
	}
	if err := allow(operator, alerting.Approver); err != nil {
		return alerting.Warning{}, fmt.Errorf("end warning %s: %w", id, err)
	}
	w, err := d.seen(ctx, id, version)
	if err != nil {
		return alerting.Warning{}, fmt.Errorf("end: %w", err)
	}
	if !w.Status.Public() {
		return alerting.Warning{}, fmt.Errorf("end warning %s: it is %s, not in force: %w", id, w.Status, alerting.ErrIllegal)
	}
	return d.publish(ctx, w, action, 0, operator.ID, note)
}

// Preview is the edition that approval of what waits would publish now, with its texts in every language
// and its CAP bytes. Nothing is written. Where nothing waits the error wraps alerting.ErrIllegal.
func (d *Desk) Preview(ctx context.Context, id string) (alerting.Edition, error) {
	w, err := d.warning(ctx, id)
	if err != nil {
		return alerting.Edition{}, fmt.Errorf("preview: %w", err)
	}
	if w.Proposal == nil || !w.Status.Open() {
		return alerting.Edition{}, fmt.Errorf("preview warning %s: nothing waits, it is %s: %w", id, w.Status, alerting.ErrIllegal)
	}
	earlier, err := d.store.Editions(ctx, id)
	if err != nil {
		return alerting.Edition{}, fmt.Errorf("preview warning %s: %w", id, err)
	}
	return d.edition(ctx, w, w.Proposal.Action, w.Proposal.Level, earlier)
}
