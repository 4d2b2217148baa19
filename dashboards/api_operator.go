package dashboards

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tocsin/alerting"
)

// operatorOperations are what only operators read.
func (s *Server) operatorOperations(api huma.API) {
	huma.Register(api, operation(alerting.Viewer, http.MethodGet, "/session", "session", "Who I am and what I may do"), s.apiSession)
	if s.deps.Rejects != nil {
		huma.Register(api, operation(alerting.Viewer, http.MethodGet, "/rejects", "rejects", "What was quarantined, newest first"), s.apiRejects)
	}
	if s.deps.Deliveries != nil {
		huma.Register(api, operation(alerting.Viewer, http.MethodGet, "/deliveries", "deliveries", "What was sent to whom, newest first"), s.apiDeliveries)
	}
	// Real phones are nobody's to look at: the operation does not exist in mode Actual.
	if s.deps.Phones != nil && s.config.Mode != alerting.Actual {
		huma.Register(api, operation(alerting.Viewer, http.MethodGet, "/phones", "phones", "The test phones and what they show"), s.apiPhones)
	}
	if s.deps.Health != nil {
		huma.Register(api, operation(alerting.Viewer, http.MethodGet, "/health", "health", "How the parts of the program are"), s.apiHealth)
	}
}

func (s *Server) apiSession(ctx context.Context, _ *struct{}) (*output[sessionView], error) {
	me := by(ctx)
	return answer(sessionView{ID: me.ID, Name: me.Name, Role: me.Role, MayApprove: me.Role.AtLeast(alerting.Approver)}), nil
}

type limitInput struct {
	Limit int `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type rejectsView struct {
	Rejects []rejectView `json:"rejects"`
}

func (s *Server) apiRejects(ctx context.Context, in *limitInput) (*output[rejectsView], error) {
	rejects, err := s.deps.Rejects.Rejects(ctx, in.Limit)
	if err != nil {
		return nil, s.refusal(err, "list rejects")
	}
	views := make([]rejectView, 0, len(rejects))
	for _, r := range rejects {
		views = append(views, rejectView{
			Received: r.Received.UTC(), Topic: r.Topic, Station: r.Station, Sensor: r.Sensor,
			Reason: r.Reason, Detail: r.Detail, Excerpt: r.Excerpt, Position: r.Position,
		})
	}
	return answer(rejectsView{Rejects: views}), nil
}

type deliveriesInput struct {
	Warning string `query:"warning" maxLength:"100"`
	Limit   int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type deliveriesView struct {
	Deliveries []deliveryView                 `json:"deliveries"`
	States     map[alerting.DeliveryState]int `json:"states" doc:"how many of those listed are in each state"`
}

func (s *Server) apiDeliveries(ctx context.Context, in *deliveriesInput) (*output[deliveriesView], error) {
	deliveries, err := s.deps.Deliveries.Deliveries(ctx, s.config.Mode, in.Warning, in.Limit)
	if err != nil {
		return nil, s.refusal(err, "list deliveries")
	}
	view := deliveriesView{Deliveries: make([]deliveryView, 0, len(deliveries)), States: map[alerting.DeliveryState]int{}}
	for _, d := range deliveries {
		view.States[d.State]++
		view.Deliveries = append(view.Deliveries, deliveryView{
			Key: d.Key, Warning: d.Warning, Edition: d.Edition, Recipient: d.Recipient, Channel: d.Channel, Language: d.Language,
			State: d.State, Attempts: d.Attempts, Detail: d.Detail, Created: d.CreatedAt.UTC(), Changed: d.ChangedAt.UTC(),
		})
	}
	return answer(view), nil
}

type phonesView struct {
	Phones []phoneView `json:"phones"`
}

func (s *Server) apiPhones(ctx context.Context, _ *struct{}) (*output[phonesView], error) {
	phones, err := s.deps.Phones(ctx)
	if err != nil {
		return nil, s.refusal(err, "list phones")
	}
	views := make([]phoneView, 0, len(phones))
	for _, p := range phones {
		view := phoneView{
			ID: p.ID, Name: p.Name, Address: p.Address.String(), Language: p.Language, Position: p.Position,
			Messages: make([]phoneMessageView, 0, len(p.Messages)),
		}
		for _, m := range p.Messages {
			view.Messages = append(view.Messages, phoneMessageView{Time: m.Time.UTC(), Warning: m.Warning, Edition: m.Edition, Text: m.Text, State: m.State})
		}
		views = append(views, view)
	}
	return answer(phonesView{Phones: views}), nil
}

func (s *Server) apiHealth(ctx context.Context, _ *struct{}) (*output[healthView], error) {
	health := s.deps.Health(ctx)
	view := healthView{Ready: health.Ready, Checks: make([]checkView, 0, len(health.Checks))}
	for _, c := range health.Checks {
		view.Checks = append(view.Checks, checkView(c))
	}
	return answer(view), nil
}
