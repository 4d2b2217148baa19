package desk

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tocsin/alerting"
	"tocsin/alerting/cap"
)

// endLife is how long the end of a warning is told: feeds show it and messages are tried that long.
const endLife = 24 * time.Hour

// advance takes every step of a warning that needs nobody any more: approval where the policy asks for
// no (further) person, the issue of what is approved, an update or an end that is decided.
func (d *Desk) advance(ctx context.Context, id string) error {
	var err error
	for range attempts {
		var done bool
		done, err = d.advanceOnce(ctx, id)
		if done || err != nil && !errors.Is(err, alerting.ErrConflict) {
			return err
		}
	}
	return err
}

func (d *Desk) advanceOnce(ctx context.Context, id string) (done bool, err error) {
	w, err := d.warning(ctx, id)
	if err != nil {
		return false, err
	}
	p := w.Proposal
	if p == nil || w.Status != alerting.Approved && len(p.Approvals) < p.Needs {
		return true, nil
	}
	switch w.Status {
	case alerting.Proposed:
		_, err = d.apply(ctx, alerting.Change{Action: alerting.ActionApprove, Actor: policyActor, Warning: w, Note: approvedBy(p)})
		return false, err
	case alerting.Approved, alerting.Issued, alerting.Updated:
		_, err = d.publish(ctx, w, p.Action, p.Level, deciders(p), approvedBy(p))
		return err == nil, err
	case alerting.Ended, alerting.Rejected:
	}
	return true, nil
}

// deciders is the actor of a publication: the last person who approved, or the policy.
func deciders(p *alerting.Proposal) string {
	if len(p.Approvals) == 0 {
		return policyActor
	}
	return p.Approvals[len(p.Approvals)-1]
}

func approvedBy(p *alerting.Proposal) string {
	if len(p.Approvals) == 0 {
		return "automatic by policy"
	}
	return "approved by " + strings.Join(p.Approvals, ", ")
}

// publish writes the next edition of a warning and the job to send it, in the transition.
func (d *Desk) publish(ctx context.Context, w alerting.Warning, action alerting.Action, level alerting.Level, actor, note string) (alerting.Warning, error) {
	earlier, err := d.store.Editions(ctx, w.ID)
	if err != nil {
		return alerting.Warning{}, fmt.Errorf("read the editions of warning %s: %w", w.ID, err)
	}
	edition, err := d.edition(ctx, w, action, level, earlier)
	if err != nil {
		return alerting.Warning{}, err
	}
	urgency := max(level, w.Level)
	if !ends(action) {
		urgency = level
	}
	w.Level, w.Edition, w.Proposal, w.Expires = edition.Level, edition.Number, nil, &edition.Expires
	if w.IssuedAt == nil {
		w.IssuedAt = &edition.Sent
	}
	if ends(action) {
		w.EndedAt, w.Reason = &edition.Sent, reason(action, note)
	}
	return d.apply(ctx, alerting.Change{
		Action: action, Actor: actor, Note: note, Warning: w, Edition: &edition,
		Send: &alerting.SendJob{
			ID: fmt.Sprintf("%s/%d", w.ID, edition.Number), Mode: w.Mode, Warning: w.ID, Edition: edition.Number,
			Level: edition.Level, Urgency: urgency, Expires: edition.Expires, At: edition.Sent,
		},
	})
}

func ends(action alerting.Action) bool {
	return action == alerting.ActionAllClear || action == alerting.ActionCancel
}

// edition makes what would be said to the public, with its exact bytes.
func (d *Desk) edition(ctx context.Context, w alerting.Warning, action alerting.Action, level alerting.Level, earlier []alerting.Edition) (alerting.Edition, error) {
	msgType, ok := cap.MsgType(action)
	if !ok {
		return alerting.Edition{}, fmt.Errorf("warning %s: the step %s publishes nothing: %w", w.ID, action, alerting.ErrIllegal)
	}
	sent := d.now().UTC().Truncate(time.Second)
	if n := len(earlier); n > 0 && !sent.After(earlier[n-1].Sent) {
		sent = earlier[n-1].Sent.Add(time.Second) // readers order editions by sent
	}
	expires := sent.Add(d.config.Expiry)
	if ends(action) {
		level, expires = 0, sent.Add(endLife)
	}
	zone, _ := d.zone(w.Zone)
	e := alerting.Edition{
		Warning: w.ID, Number: w.Edition + 1, Mode: w.Mode, MsgType: msgType, Kind: w.Kind, Zone: w.Zone, Level: level,
		Identifier: fmt.Sprintf("%s-%s-%d", d.config.Sender, w.ID, w.Edition+1),
		Sent:       sent, Expires: expires.UTC().Truncate(time.Second), Area: zone,
		References: references(earlier, sent, d.config),
	}
	grounds := d.grounds(w, action)
	e.People, e.Cause = grounds.people, grounds.cause
	e.Texts = d.texts(ctx, e, w.Level, action, grounds)
	document, err := d.document(ctx, e, action, grounds)
	if err != nil {
		return alerting.Edition{}, err
	}
	e.CAP = document
	return e, nil
}

// references lists the earlier editions that still hold, and always the last one, each as it was
// written in its own document, not as it would be written now.
func references(earlier []alerting.Edition, now time.Time, c Config) []string {
	var all []string
	for i, e := range earlier {
		if i < len(earlier)-1 && !e.Expires.After(now) {
			continue
		}
		reference := fmt.Sprintf("%s,%s,%s", c.Sender, e.Identifier, cap.FormatTime(e.Sent, c.Location))
		if alert, err := cap.Parse(e.CAP); err == nil {
			reference = alert.Reference()
		}
		all = append(all, reference)
	}
	return all
}

// grounds is on what an edition rests.
type grounds struct {
	hazard   *alerting.Hazard
	cause    *alerting.Cause // of what was proposed; nil where the rules' last word only gives the texts their values
	evidence cap.Evidence
	people   int
}

func (d *Desk) grounds(w alerting.Warning, action alerting.Action) grounds {
	if p := w.Proposal; p != nil && p.Action == action {
		g := grounds{hazard: p.Hazard, people: p.Exposure.People}
		switch {
		case p.Hazard == nil:
			g.evidence = cap.Judged
		case p.Doubtful != "":
			g.evidence = cap.Doubtful
		}
		if p.Hazard != nil {
			g.cause = p.Hazard.Cause()
		}
		return g
	}
	zone, _ := d.zone(w.Zone)
	g := grounds{evidence: cap.Judged, people: d.exposure(zone).People}
	// An end that people decide must not quote the reading that raised the warning as one that fell.
	if hazard, ok := d.last(w.Kind, w.Zone); ok && (!ends(action) || hazard.Level == 0) {
		g.hazard = &hazard
	}
	return g
}

func (d *Desk) document(ctx context.Context, e alerting.Edition, action alerting.Action, g grounds) ([]byte, error) {
	m := cap.Message{
		Edition: e, Action: action, Sender: d.config.Sender, SenderName: d.config.SenderName, Contact: d.config.Contact,
		Web: d.config.PublicURL, Location: d.config.Location, Evidence: g.evidence, LevelNames: map[string]string{"": d.levelName(e.Level, Messages{})},
	}
	for language, messages := range d.config.Texts {
		m.LevelNames[language] = d.levelName(e.Level, messages)
	}
	if g.hazard != nil {
		m.Onset = g.hazard.Onset
	}
	alert, err := cap.Build(m)
	if err != nil {
		return nil, fmt.Errorf("edition %d of warning %s: %w", e.Number, e.Warning, err)
	}
	document, err := alert.Marshal()
	if err != nil {
		return nil, fmt.Errorf("edition %d of warning %s: %w", e.Number, e.Warning, err)
	}
	if broken := cap.Broken(cap.Check(document)); broken != nil { // it still goes out: a flawed warning warns
		d.log.ErrorContext(ctx, "CAP document breaks a rule", "identifier", e.Identifier, "error", broken)
	}
	return document, nil
}

func (d *Desk) levelName(level alerting.Level, m Messages) string {
	if name := m.Levels[level]; name != "" {
		return name
	}
	if name := d.config.LevelNames[level].Name; name != "" {
		return name
	}
	return alerting.DefaultLevelNames()[level].Name
}

// texts renders every language that has the text, the main one first. Where none has it, plain English
// goes out rather than nothing.
func (d *Desk) texts(ctx context.Context, e alerting.Edition, inForce alerting.Level, action alerting.Action, g grounds) []alerting.Text {
	name, level := strconv.Itoa(int(e.Level)), e.Level
	switch action { //nolint:exhaustive // only two steps have texts of their own
	case alerting.ActionAllClear:
		name, level = allClearText, inForce
	case alerting.ActionCancel:
		name, level = cancelText, inForce
	}
	var texts []alerting.Text
	for _, language := range d.config.Languages {
		m := d.config.Texts[language]
		m.Language = language
		template, ok := m.Texts[e.Kind][name]
		if !ok {
			d.log.ErrorContext(ctx, "text missing, the other languages go out", "language", language, "hazard", e.Kind, "text", name)
			continue
		}
		texts = append(texts, m.render(template, e.Kind, e.Mode, d.values(e, level, m, g)))
	}
	if len(texts) == 0 {
		m := Messages{Language: "en"}
		texts = append(texts, m.render(plain(name), e.Kind, e.Mode, d.values(e, level, m, g)))
	}
	return texts
}

// values fills the placeholders. Where no sensor saw it, the sender stands for the station and a
// dash for the value.
func (d *Desk) values(e alerting.Edition, level alerting.Level, m Messages, g grounds) map[string]string {
	sender := d.config.SenderName
	if sender == "" {
		sender = d.config.Sender
	}
	values := map[string]string{
		"zone": e.Area.Name(m.Language), "level": d.levelName(level, m), "people": strconv.Itoa(g.people), "sender": sender,
		"station": sender, "value": "–", "time": d.clock(e.Sent, e.Sent), "expires": d.clock(e.Expires, e.Sent),
	}
	if g.hazard == nil || g.hazard.Station == "" {
		return values
	}
	values["station"] = g.hazard.Station
	if d.config.Network != nil {
		if s, ok := d.config.Network.Station(g.hazard.Station); ok && s.Name != "" {
			values["station"] = s.Name
		}
	}
	if n := len(g.hazard.Evidence); n > 0 {
		r := g.hazard.Evidence[n-1]
		values["value"] = strconv.FormatFloat(r.Value, 'f', 2, 64) + " " + r.Quantity.Unit()
		values["time"] = d.clock(r.Time, e.Sent)
	}
	return values
}

// clock is a clock time with its zone, "14:20 (UTC+06:00)", with the date where it is not that of today.
func (d *Desk) clock(t, today time.Time) string {
	t, today = t.In(d.config.Location), today.In(d.config.Location)
	layout := "15:04 (UTC-07:00)"
	if t.YearDay() != today.YearDay() || t.Year() != today.Year() {
		layout = "2006-01-02 " + layout
	}
	return t.Format(layout)
}
