package dashboards

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"golang.org/x/text/language"

	"tocsin/alerting"
	"tocsin/dashboards/public"
)

// Server answers every HTTP request of the program.
type Server struct {
	config  Config
	deps    Deps
	log     *slog.Logger
	now     func() time.Time
	hub     *hub
	pages   *pageCache
	login   *limiter
	heavy   chan struct{} // tokens for expensive questions anybody may ask
	people  *zonePeople
	mux     *router
	handler http.Handler

	renderer *public.Renderer
	matcher  language.Matcher // of the site's languages, in their order
}

// New builds a server; it listens to nothing yet.
func New(config Config, deps Deps) (*Server, error) {
	if err := errors.Join(config.Validate(), deps.validate()); err != nil {
		return nil, err
	}
	s := &Server{
		config: config, deps: deps, log: config.Log, now: config.Now,
		hub: newHub(), pages: newPageCache(), login: newLimiter(),
		heavy: make(chan struct{}, 2), people: newZonePeople(config.Zones, deps.Exposure),
		mux: &router{ServeMux: http.NewServeMux()},
	}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	handler, err := s.routes()
	if err != nil {
		return nil, err
	}
	s.handler = handler
	return s, nil
}

// prepare readies what the pages need: the renderer and the choice of language.
func (s *Server) prepare() error {
	tags := make([]language.Tag, 0, len(s.config.Languages))
	for _, text := range s.config.Languages {
		tag, err := language.Parse(text)
		if err != nil {
			return fmt.Errorf("dashboards: language %q: %w", text, err)
		}
		tags = append(tags, tag)
	}
	s.matcher = language.NewMatcher(tags)
	var levels []public.Level
	for level, name := range s.config.LevelNames {
		levels = append(levels, public.Level{Number: int(level), Name: name.Name, Colour: name.Colour})
	}
	slices.SortFunc(levels, func(a, b public.Level) int { return a.Number - b.Number })
	var err error
	s.renderer, err = public.New(levels)
	return err
}

// Handler answers requests; see HTTPServer for the limits that belong around it.
func (s *Server) Handler() http.Handler { return s.handler }

// HTTPServer wraps the handler with the limits that keep slow and greedy clients from holding it up.
func (s *Server) HTTPServer() *http.Server {
	return &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       20 * time.Second,
		WriteTimeout:      60 * time.Second, // event streams extend it write by write
		IdleTimeout:       90 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// router is a ServeMux that remembers its patterns, so that a test can walk all of them.
type router struct {
	*http.ServeMux
	patterns []string
}

// Handle registers a handler.
func (m *router) Handle(pattern string, handler http.Handler) {
	m.patterns = append(m.patterns, pattern)
	m.ServeMux.Handle(pattern, handler)
}

// HandleFunc registers a function.
func (m *router) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	m.Handle(pattern, http.HandlerFunc(handler))
}

// routes is every path of the program, in one place.
func (s *Server) routes() (http.Handler, error) {
	if err := s.apiRoutes(); err != nil {
		return nil, err
	}
	s.mux.HandleFunc("GET /{$}", s.homePage)
	s.mux.HandleFunc("GET /levels", s.levelsPage)
	s.mux.HandleFunc("GET /console", s.console)
	s.mux.HandleFunc("GET /console/{path...}", s.consoleAsset)
	s.mux.HandleFunc("GET /login", s.loginPage)
	s.mux.HandleFunc("POST /login", s.loginPost)
	s.mux.HandleFunc("GET /login/link", s.linkPage)
	s.mux.HandleFunc("POST /login/link", s.linkPost)
	s.mux.HandleFunc("POST /logout", s.logout)
	s.mux.HandleFunc("GET /feeds/{name}", s.feed)
	s.mux.HandleFunc("GET /feeds/{mode}/{name}", s.feed)
	s.mux.HandleFunc("GET /cap/{file}", s.capFile)
	s.mux.HandleFunc("GET /healthz", s.healthz)
	s.mux.HandleFunc("GET /readyz", s.readyz)
	s.mux.HandleFunc("GET /favicon.svg", s.favicon)
	if s.deps.Metrics != nil {
		s.mux.Handle("GET /metrics", s.deps.Metrics)
	}
	for path, hook := range s.deps.Hooks {
		s.mux.Handle("/hooks/"+path, hook)
	}
	s.mux.HandleFunc("/", s.nothingHere)
	return s.around()
}

// around puts what holds for every answer about the routes: compression, cross-origin protection,
// limits of the body, headers.
func (s *Server) around() (http.Handler, error) {
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(600))
	if err != nil {
		return nil, err
	}
	squeezed := compress(s.mux)
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 2<<20)
		if r.URL.Path == eventsPath {
			s.mux.ServeHTTP(w, r) // a stream must not wait in a compressor
			return
		}
		squeezed.ServeHTTP(w, r)
	})
	guard := http.NewCrossOriginProtection()
	if s.config.PublicURL != "" {
		if err := guard.AddTrustedOrigin(s.config.PublicURL); err != nil {
			return nil, err
		}
	}
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusForbidden, "this request came from another web site")
	}))
	return s.secure(guard.Handler(inner)), nil
}

// nothingHere answers what no route matches: 405 where another method would have an answer, else 404.
func (s *Server) nothingHere(w http.ResponseWriter, r *http.Request) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := s.mux.Handler(other); pattern != "/" {
			w.Header().Set("Allow", method)
			problem(w, http.StatusMethodNotAllowed, "this address answers "+method+" only")
			return
		}
	}
	problem(w, http.StatusNotFound, "there is nothing at this address")
}

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n"))
}

// readyz says 200 when all readers have caught up with the journal, else 503.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if s.deps.Health != nil && !s.deps.Health(r.Context()).Ready {
		problem(w, http.StatusServiceUnavailable, "the readers of the journal have not caught up yet")
		return
	}
	s.healthz(w, r)
}

// levelName is the site's name of a level, else its number.
func (s *Server) levelName(l alerting.Level) string {
	if name, ok := s.config.LevelNames[l]; ok && name.Name != "" {
		return name.Name
	}
	if l == 0 {
		return "normal"
	}
	return "level " + string(rune('0'+min(max(l, 0), 9)))
}
