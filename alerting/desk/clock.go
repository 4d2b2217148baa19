package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"tocsin/alerting"
)

// renewal is how long before expiry a person is asked whether the warning goes on.
const renewal = 30 * time.Minute

// Resume takes up what the last run left: it reads back the rules' last words, and issues what was
// approved or due by policy. Call it once, before Handle.
func (d *Desk) Resume(ctx context.Context) error {
	_, state, err := d.store.Restore(ctx, d.reader())
	if err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	if len(state) > 0 {
		held := map[string]alerting.Hazard{}
		if err := json.Unmarshal(state, &held); err != nil {
			return fmt.Errorf("resume: the last hazards as kept cannot be read: %w", err)
		}
		d.mu.Lock()
		d.held = held
		d.mu.Unlock()
	}
	return d.Tick(ctx)
}

// Tick does what the clock asks for: it publishes what is decided and was held up, asks whether warnings
// that are about to expire should go on, ends those that have expired and proposes anew what the rules
// still see. One warning's trouble does not hold up the others: their errors are joined. Call it
// every few seconds.
func (d *Desk) Tick(ctx context.Context) error {
	open, err := d.store.Warnings(ctx, alerting.WarningFilter{Mode: d.config.Mode, Limit: 100_000, Statuses: []alerting.Status{
		alerting.Proposed, alerting.Approved, alerting.Issued, alerting.Updated,
	}})
	if err != nil {
		return fmt.Errorf("tick: %w", err)
	}
	var errs []error
	for _, w := range open {
		err := d.tick(ctx, w)
		if err != nil && !errors.Is(err, alerting.ErrConflict) { // who was faster has done it, or the next tick will
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, d.renew(ctx))...)
}

func (d *Desk) tick(ctx context.Context, w alerting.Warning) error {
	now := d.now()
	expired := w.Status.Public() && w.Expires != nil && !w.Expires.After(now)
	waiting := w.Proposal != nil && (w.Status == alerting.Approved || len(w.Proposal.Approvals) >= w.Proposal.Needs)
	switch {
	case waiting: // also where it has expired meanwhile: it was decided that it goes on, or ends
		return d.advance(ctx, w.ID)
	case expired:
		change := d.closing(w, alerting.ActionExpire, "nobody extended it; this is no all-clear")
		change.Actor = clockActor
		_, err := d.apply(ctx, change)
		return err
	case w.Status.Public() && w.Expires != nil && w.Proposal == nil && !w.Expires.After(now.Add(d.lead())):
		return d.suggestRenewal(ctx, w)
	}
	return nil
}

// lead is the time before expiry at which a person is asked.
func (d *Desk) lead() time.Duration { return min(renewal, d.config.Expiry/2) }

// suggestRenewal asks, once for each edition, whether a warning should be extended.
func (d *Desk) suggestRenewal(ctx context.Context, w alerting.Warning) error {
	asked, err := d.askedSince(ctx, w)
	if err != nil || asked {
		return err
	}
	zone, _ := d.zone(w.Zone)
	words := "The warning expires at " + d.clock(*w.Expires, d.now()) + "; no rule watches over it. Extend it?"
	p := &alerting.Proposal{
		Action: alerting.ActionUpdate, Level: w.Level, Submitter: clockActor, At: d.now(),
		Exposure: d.exposure(zone), Needs: d.needs(w.Level, 1),
	}
	if hazard, ok := d.last(w.Kind, w.Zone); ok {
		p.Hazard, p.Doubtful = &hazard, hazard.Doubtful
		words = "The warning expires at " + d.clock(*w.Expires, d.now()) + ". The rules' last word: level " +
			fmt.Sprint(int(hazard.Level)) + ", " + hazard.Words + ". Extend it?"
	}
	p.Words = words
	w.Proposal = p
	_, err = d.apply(ctx, alerting.Change{Action: alerting.ActionSuggest, Actor: clockActor, Warning: w, Note: words})
	return err
}

// askedSince says whether the clock has asked already since the last edition.
func (d *Desk) askedSince(ctx context.Context, w alerting.Warning) (bool, error) {
	asked := false
	for after := int64(0); ; {
		rows, err := d.store.Audit(ctx, w.ID, after, 500)
		if err != nil {
			return false, fmt.Errorf("read the audit of warning %s: %w", w.ID, err)
		}
		for _, row := range rows {
			after = row.Seq
			switch row.Action { //nolint:exhaustive // only these matter here
			case alerting.ActionIssue, alerting.ActionUpdate:
				asked = false
			case alerting.ActionSuggest:
				asked = asked || row.Actor == clockActor
			}
		}
		if len(rows) < 500 {
			return asked, nil
		}
	}
}

// renew proposes anew what the rules still see where a warning ran out, or where a person ended one of a
// lower level than they hold: the rules will not say so again until something changes, and what waited
// for a decision went with the warning.
func (d *Desk) renew(ctx context.Context) error {
	var errs []error
	closed := sync.OnceValues(func() ([]alerting.Warning, error) { return d.closed(ctx) })
	for _, hazard := range d.holding() {
		_, found, err := d.open(ctx, hazard.Kind, hazard.Zone)
		if err != nil || found {
			errs = append(errs, err)
			continue
		}
		note, err := d.unanswered(ctx, hazard, closed)
		if err != nil || note == "" {
			errs = append(errs, err)
			continue
		}
		change := d.propose(hazard)
		change.Actor, change.Note = clockActor, note
		written, err := d.apply(ctx, change)
		if err == nil {
			err = d.advance(ctx, written.ID)
		}
		if !errors.Is(err, alerting.ErrOpen) && !errors.Is(err, alerting.ErrConflict) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// holding lists the hazards that the rules see, in no order.
func (d *Desk) holding() []alerting.Hazard {
	d.mu.Lock()
	defer d.mu.Unlock()
	var holding []alerting.Hazard
	for _, hazard := range d.held {
		if hazard.Level > 0 {
			holding = append(holding, hazard)
		}
	}
	return holding
}

// closed lists the newest warnings that are over, newest first.
func (d *Desk) closed(ctx context.Context) ([]alerting.Warning, error) {
	closed, err := d.store.Warnings(ctx, alerting.WarningFilter{
		Mode: d.config.Mode, Statuses: []alerting.Status{alerting.Ended, alerting.Rejected},
	})
	if err != nil {
		return nil, fmt.Errorf("look for what ended: %w", err)
	}
	return closed, nil
}

// unanswered says why a hazard that the rules hold must be put before a person again; empty where one
// has decided about it. closed is read only where it is needed.
func (d *Desk) unanswered(ctx context.Context, hazard alerting.Hazard, closed func() ([]alerting.Warning, error)) (note string, err error) {
	over, err := closed()
	if err != nil {
		return "", err
	}
	for _, w := range over {
		if w.Kind != hazard.Kind || w.Zone != hazard.Zone {
			continue
		}
		switch {
		case w.Status != alerting.Ended:
			return "", nil
		case strings.HasPrefix(w.Reason, string(alerting.ActionExpire)):
			return "the warning before it expired while the rules still see the hazard", nil
		}
		inForce, err := d.lastLevel(ctx, w.ID)
		if err != nil || hazard.Level <= inForce {
			return "", err
		}
		return fmt.Sprintf("the warning before it was ended at level %d while the rules see level %d", inForce, hazard.Level), nil
	}
	return "", nil
}

// lastLevel is the level that was in force before a warning ended.
func (d *Desk) lastLevel(ctx context.Context, warning string) (alerting.Level, error) {
	editions, err := d.store.Editions(ctx, warning)
	if err != nil {
		return 0, fmt.Errorf("read the editions of warning %s: %w", warning, err)
	}
	level := alerting.Level(0)
	for _, e := range editions {
		if e.Level > 0 {
			level = e.Level
		}
	}
	return level, nil
}

// open finds the open warning of a kind and zone.
func (d *Desk) open(ctx context.Context, kind, zone string) (w alerting.Warning, found bool, err error) {
	w, err = d.store.Open(ctx, d.config.Mode, kind, zone)
	if errors.Is(err, alerting.ErrNotFound) {
		return alerting.Warning{}, false, nil
	}
	if err != nil {
		return alerting.Warning{}, false, fmt.Errorf("find the open warning of %s in %s: %w", kind, zone, err)
	}
	return w, true, nil
}
