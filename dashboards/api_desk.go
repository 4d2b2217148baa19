package dashboards

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tocsin/alerting"
)

// deskOperations are the steps of people. Each names the version of the warning it was decided on, so
// that nobody decides on what they have not seen.
func (s *Server) deskOperations(api huma.API) {
	if s.deps.Desk == nil {
		return
	}
	huma.Register(api, operation(alerting.Approver, http.MethodPost, "/warnings/{id}/approve", "approve",
		"Agree to what is proposed: it is issued as soon as the policy is met"), s.apiApprove)
	huma.Register(api, operation(alerting.Approver, http.MethodPost, "/warnings/{id}/reject", "reject",
		"Say no to what is proposed"), s.apiReject)
	huma.Register(api, operation(alerting.Approver, http.MethodPost, "/warnings/{id}/end", "end",
		"End an issued warning: all_clear (the danger is over) or cancel (it should not have been)"), s.apiEnd)
	huma.Register(api, operation(alerting.Viewer, http.MethodGet, "/warnings/{id}/preview", "preview",
		"The texts that an approval would send, in every language"), s.apiPreview)
}

type approveInput struct {
	ID   string `path:"id" maxLength:"100"`
	Body struct {
		Version int64  `json:"version" minimum:"1"`
		Note    string `json:"note,omitempty" maxLength:"2000"`
		Action  string `json:"action,omitempty" doc:"ignored here"`
	}
}

func (s *Server) apiApprove(ctx context.Context, in *approveInput) (*output[warningView], error) {
	warning, err := s.deps.Desk.Approve(ctx, in.ID, in.Body.Version, by(ctx))
	return s.decided(ctx, warning, err, "approve")
}

type rejectInput struct {
	ID   string `path:"id" maxLength:"100"`
	Body struct {
		Version int64  `json:"version" minimum:"1"`
		Note    string `json:"note" minLength:"1" maxLength:"2000" doc:"why; kept in the audit"`
		Action  string `json:"action,omitempty" doc:"ignored here"`
	}
}

func (s *Server) apiReject(ctx context.Context, in *rejectInput) (*output[warningView], error) {
	warning, err := s.deps.Desk.Reject(ctx, in.ID, in.Body.Version, by(ctx), in.Body.Note)
	return s.decided(ctx, warning, err, "reject")
}

type endInput struct {
	ID   string `path:"id" maxLength:"100"`
	Body struct {
		Version int64  `json:"version" minimum:"1"`
		Action  string `json:"action" enum:"all_clear,cancel"`
		Note    string `json:"note" minLength:"1" maxLength:"2000" doc:"why; kept in the audit"`
	}
}

func (s *Server) apiEnd(ctx context.Context, in *endInput) (*output[warningView], error) {
	warning, err := s.deps.Desk.End(ctx, in.ID, in.Body.Version, by(ctx), alerting.Action(in.Body.Action), in.Body.Note)
	return s.decided(ctx, warning, err, "end")
}

// decided answers a step with the warning as it stands afterwards.
func (s *Server) decided(ctx context.Context, warning alerting.Warning, err error, step string) (*output[warningView], error) {
	if err != nil {
		return nil, s.refusal(err, step)
	}
	s.log.Info("operator decided", "step", step, "warning", warning.ID, "operator", by(ctx).ID, "status", string(warning.Status))
	s.Publish(EventWarnings)
	view, _, err := s.viewWarning(ctx, warning, true)
	if err != nil {
		return nil, s.refusal(err, step)
	}
	return answer(view), nil
}

type previewView struct {
	Texts []textView `json:"texts"`
}

func (s *Server) apiPreview(ctx context.Context, in *idInput) (*output[previewView], error) {
	texts, err := s.deps.Desk.Preview(ctx, in.ID)
	if err != nil {
		return nil, s.refusal(err, "preview")
	}
	return answer(previewView{Texts: viewTexts(texts)}), nil
}
