package dashboards

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"tocsin/alerting"
)

// Warnings in one answer: where nobody asks for more, and at most. A flood of a whole country has hundreds.
const warningsLimit, warningsMost = 100, 1000

func (s *Server) warningOperations(api huma.API) {
	huma.Register(api, operation(everybody, http.MethodGet, "/warnings", "warnings",
		"Warnings, newest first; proposals are shown to operators only"), s.apiWarnings)
	huma.Register(api, operation(everybody, http.MethodGet, "/warnings/{id}", "warning", "One warning"), s.apiWarning)
	if s.deps.Explain != nil {
		huma.Register(api, operation(alerting.Viewer, http.MethodGet, "/warnings/{id}/explain", "explain",
			"Why a warning was given: its evidence and every step"), s.apiExplain)
	}
}

type warningsInput struct {
	Status string `query:"status" enum:"open,proposed,approved,issued,updated,ended,rejected" doc:"open: everything that has not ended"`
	Limit  int    `query:"limit" minimum:"0" maximum:"1000" doc:"100 where it is not given"`
}

type warningsView struct {
	Warnings []warningView `json:"warnings"`
}

func (s *Server) apiWarnings(ctx context.Context, in *warningsInput) (*output[warningsView], error) {
	filter := alerting.WarningFilter{Mode: s.config.Mode, Statuses: statuses(in.Status), Limit: warningsLimit}
	if in.Limit > 0 {
		filter.Limit = min(in.Limit, warningsMost)
	}
	inside := by(ctx).ID != ""
	if !inside {
		filter.Statuses = publicStatuses(filter.Statuses)
	}
	warnings, err := s.deps.Warnings.Warnings(ctx, filter)
	if err != nil {
		return nil, s.refusal(err, "list warnings")
	}
	views := make([]warningView, 0, len(warnings))
	for _, warning := range warnings {
		view, told, err := s.viewWarning(ctx, warning, inside)
		if err != nil {
			return nil, s.refusal(err, "list editions")
		}
		if inside || told {
			views = append(views, view)
		}
	}
	return answer(warningsView{Warnings: views}), nil
}

// statuses reads the filter of the query; none means all.
func statuses(name string) []alerting.Status {
	switch name {
	case "":
		return nil
	case "open":
		return []alerting.Status{alerting.Proposed, alerting.Approved, alerting.Issued, alerting.Updated}
	}
	return []alerting.Status{alerting.Status(name)}
}

// publicStatuses keeps of the wanted statuses those that the public may see. It never returns an empty
// list, which would mean all.
func publicStatuses(wanted []alerting.Status) []alerting.Status {
	public := []alerting.Status{alerting.Issued, alerting.Updated, alerting.Ended}
	if wanted == nil {
		return public
	}
	kept := slices.DeleteFunc(slices.Clone(wanted), func(s alerting.Status) bool { return !slices.Contains(public, s) })
	if len(kept) == 0 {
		return []alerting.Status{"none"}
	}
	return kept
}

type idInput struct {
	ID string `path:"id" maxLength:"100"`
}

func (s *Server) apiWarning(ctx context.Context, in *idInput) (*output[warningView], error) {
	warning, err := s.deps.Warnings.Warning(ctx, in.ID)
	if err != nil {
		return nil, s.refusal(err, "find warning")
	}
	inside := by(ctx).ID != ""
	view, told, err := s.viewWarning(ctx, warning, inside)
	if err != nil {
		return nil, s.refusal(err, "list editions")
	}
	if !inside && (!told || !slices.Contains(publicStatuses(nil), warning.Status)) {
		return nil, huma.Error404NotFound("there is no such thing")
	}
	return answer(view), nil
}

// viewWarning shows a warning with its last edition. told says whether anything was ever said to the
// public; inside, whether the reader is an operator.
func (s *Server) viewWarning(ctx context.Context, w alerting.Warning, inside bool) (view warningView, told bool, err error) {
	view = warningView{
		ID: w.ID, Mode: w.Mode, Hazard: w.Kind, Zone: w.Zone, ZoneName: s.zoneName(w.Zone, s.config.Languages[0]),
		Level: w.Level, Status: w.Status, Version: w.Version, Edition: w.Edition, Created: w.CreatedAt, Changed: w.UpdatedAt,
		Issued: w.IssuedAt, Ended: w.EndedAt, Expires: w.Expires, Texts: []textView{}, Editions: []editionView{},
	}
	if inside {
		view.Reason, view.Proposal = w.Reason, viewProposal(w.Proposal)
		if w.Proposal != nil {
			view.People = w.Proposal.Exposure.People
		}
	} else if w.IssuedAt != nil {
		view.Created, view.Changed = *w.IssuedAt, *w.IssuedAt // when it was proposed is not public
	}
	if w.Edition == 0 {
		return view, false, nil
	}
	editions, err := s.deps.Editions.Editions(ctx, w.ID)
	if err != nil || len(editions) == 0 {
		return view, false, err
	}
	last := editions[len(editions)-1]
	view.Identifier, view.CAP = last.Identifier, capPath(last.Identifier)
	view.Texts, view.Editions, view.People = viewTexts(last.Texts), viewEditions(editions), max(view.People, last.People)
	if !inside {
		view.Changed = last.Sent
	}
	return view, true, nil
}

func viewProposal(p *alerting.Proposal) *proposalView {
	if p == nil {
		return nil
	}
	view := &proposalView{
		Action: p.Action, Level: p.Level, Submitter: p.Submitter, At: p.At, Words: p.Words, Doubtful: p.Doubtful,
		Exposure: p.Exposure, Needs: p.Needs, Approvals: append([]string{}, p.Approvals...),
	}
	if h := p.Hazard; h != nil {
		view.Evidence = &evidenceView{
			Rule: h.Rule, Station: h.Station, Sensor: h.Sensor, Onset: h.Onset, Judged: h.Judged, Readings: []readingView{},
		}
		for _, r := range h.Evidence {
			view.Evidence.Readings = append(view.Evidence.Readings, viewReading(r))
		}
	}
	return view
}

func (s *Server) apiExplain(ctx context.Context, in *idInput) (*output[any], error) {
	explanation, err := s.deps.Explain(ctx, in.ID)
	if err != nil {
		return nil, s.refusal(err, "explain warning")
	}
	return answer(explanation), nil
}
