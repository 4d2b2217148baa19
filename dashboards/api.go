package dashboards

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tocsin/alerting"
)

const (
	apiBase    = "/api/v1"
	eventsPath = apiBase + "/events"
	cookieAuth = "session" // the name of the security scheme in the OpenAPI document
)

// everybody is the role of operations that need no session.
const everybody alerting.Role = ""

type operatorKey struct{}

// by is the operator of a request whose operation asks for a role.
func by(ctx context.Context) alerting.Operator {
	operator, _ := ctx.Value(operatorKey{}).(alerting.Operator)
	return operator
}

// apiRoutes registers every operation and publishes their description.
func (s *Server) apiRoutes() error {
	config := huma.DefaultConfig("Tocsin", "1")
	config.Info.Description = "Readings, warnings and their evidence. Times are UTC (RFC 3339), positions longitude, latitude (WGS 84)."
	config.DocsPath, config.SchemasPath, config.OpenAPIPath = "", "", "" // its pages load scripts from elsewhere
	config.CreateHooks = nil                                             // no $schema field in every answer
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		cookieAuth: {Type: "apiKey", In: "cookie", Name: s.cookieName()},
	}
	api := humago.New(s.mux, config)
	api.UseMiddleware(s.requireRole(api))
	s.openOperations(api)
	s.warningOperations(api)
	s.deskOperations(api)
	s.operatorOperations(api)
	s.mux.HandleFunc("GET "+eventsPath, s.events)
	api.OpenAPI().AddOperation(&huma.Operation{
		Method: http.MethodGet, Path: eventsPath, OperationID: "events", Tags: []string{"live"},
		Summary:   "Server-sent events: something of a kind changed, ask again",
		Responses: map[string]*huma.Response{"200": {Description: "text/event-stream"}},
	})
	document, err := json.Marshal(api.OpenAPI())
	if err != nil {
		return fmt.Errorf("dashboards: OpenAPI document: %w", err)
	}
	s.mux.HandleFunc("GET "+apiBase+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		open(w, "public, max-age=300")
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(document)
	})
	return nil
}

// operation describes one operation. Every one names the least role that may ask it; what anybody may
// read is cacheable and open to pages of other sites.
func operation(role alerting.Role, method, path, id, summary string) huma.Operation {
	op := huma.Operation{
		OperationID: id, Method: method, Path: apiBase + path, Summary: summary,
		Metadata: map[string]any{"role": role}, MaxBodyBytes: 64 << 10,
	}
	if role != everybody {
		op.Security = []map[string][]string{{cookieAuth: {}}}
		op.Description = "Needs a session of at least role " + string(role) + "."
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden)
	}
	return op
}

// requireRole is the one gate of the API: an operation that names a role is answered to nobody else,
// and one that names none at all is answered to nobody.
func (s *Server) requireRole(api huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		role, declared := ctx.Operation().Metadata["role"].(alerting.Role)
		operator, _, ok := s.caller(r)
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case !declared:
			_ = huma.WriteErr(api, ctx, http.StatusInternalServerError, "this operation names no role")
			return
		case role == everybody && ctx.Method() == http.MethodGet && !ok:
			open(w, "public, max-age=5")
			w.Header().Set("Vary", "Cookie")
		case role != everybody && !ok:
			_ = huma.WriteErr(api, ctx, http.StatusUnauthorized, "log in first")
			return
		case role != everybody && !operator.Role.AtLeast(role):
			_ = huma.WriteErr(api, ctx, http.StatusForbidden, "your role is "+string(operator.Role)+": this needs "+string(role))
			return
		}
		if ok {
			ctx = huma.WithValue(ctx, operatorKey{}, operator)
		}
		next(ctx)
	}
}

// output wraps a body for huma.
type output[T any] struct{ Body T }

func answer[T any](body T) *output[T] { return &output[T]{Body: body} }

// languages are the site's languages with the name each gives itself.
func (s *Server) languages() []languageView {
	views := make([]languageView, 0, len(s.config.Languages))
	for _, tag := range s.config.Languages {
		views = append(views, languageView{Tag: tag, Name: ownName(tag)})
	}
	return views
}

// levels lists the site's levels in rising order.
func (s *Server) levels() []levelView {
	views := make([]levelView, 0, len(s.config.LevelNames))
	for level, name := range s.config.LevelNames {
		views = append(views, levelView{Level: level, Name: name.Name, Colour: strings.ToLower(name.Colour)})
	}
	slices.SortFunc(views, func(a, b levelView) int { return int(a.Level - b.Level) })
	return views
}
