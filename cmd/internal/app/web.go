package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/paulmach/orb"

	"tocsin/alerting"
	"tocsin/alerting/desk"
	"tocsin/alerting/feed"
	"tocsin/dashboards"
	"tocsin/geo"
	"tocsin/ingest"
	"tocsin/ingest/sqlite"
)

func (a *App) openWeb(ctx context.Context) (err error) {
	site := a.config.Site
	a.web, err = dashboards.New(dashboards.Config{
		Mode:       site.Config.Mode,
		SiteName:   site.Config.Name,
		Languages:  site.Config.Languages,
		LevelNames: site.Config.LevelNames(),
		Location:   site.Location,
		Network:    site.Network,
		Zones:      site.Zones,
		PublicURL:  a.publicURL,
		About:      a.config.About,
		Now:        a.Now,
		Log:        a.log,
	}, dashboards.Deps{
		History:    a.history,
		Warnings:   a.store,
		Editions:   a.store,
		Sessions:   sessions{a.people},
		Links:      sessions{a.people},
		Desk:       preview{a.desk},
		Rejects:    quarantine{a.history},
		Deliveries: a.store,
		Phones:     a.phones,
		Feed:       newFeeds(a).feed,
		Levels:     a.rules.Levels,
		Judged:     a.judged(),
		Thresholds: site.Set.Thresholds,
		Exposure:   func(area orb.MultiPolygon) (geo.Exposure, error) { return site.Population.Exposure(area) },
		Explain:    a.explain,
		Health:     a.health,
		Metrics:    a.metrics(),
		Hooks:      a.hooks,
	})
	if err != nil {
		return err
	}
	a.OnChange(func(w alerting.Warning) {
		a.web.Publish(dashboards.EventWarnings)
		if w.Edition > 0 {
			a.web.Publish(dashboards.EventPublished)
		}
	})
	return a.serve(ctx)
}

// openAddress takes the port of the pages first, since links in warnings name it. A public URL that is
// only the address of the site's own listener moves with the listener; any other is as the site says.
func (a *App) openAddress(ctx context.Context) (err error) {
	http := a.config.Site.Config.HTTP
	address := http.Listen
	if a.config.HTTP != "" {
		address = a.config.HTTP
	}
	if a.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", address); err != nil {
		return fmt.Errorf("pages cannot be served on %s: %w", address, err)
	}
	a.onClose(func() error {
		if err := a.listener.Close(); !errors.Is(err, net.ErrClosed) { // the server has closed it before
			return err
		}
		return nil
	})
	a.httpAddr, a.publicURL = a.listener.Addr().String(), http.PublicURL
	if http.PublicURL == "http://"+http.Listen {
		a.publicURL = "http://" + a.httpAddr
	}
	return nil
}

func (a *App) serve(context.Context) error {
	server := a.web.HTTPServer()
	pages := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" || strings.HasPrefix(r.URL.Path, "/console") || strings.HasPrefix(r.URL.Path, "/login") {
			a.visited.Store(true)
		}
		pages.ServeHTTP(w, r)
	})
	go func() {
		if err := server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			a.fail(fmt.Errorf("pages: %w", err))
		}
	}()
	a.onClose(func() error {
		a.web.Close() // ends the event streams, which Shutdown would wait for
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			return server.Close()
		}
		return nil
	})
	return nil
}

// preview shows the texts of what the desk would publish.
type preview struct{ *desk.Desk }

// Preview implements dashboards.Desk.
func (p preview) Preview(ctx context.Context, id string) ([]alerting.Text, error) {
	edition, err := p.Desk.Preview(ctx, id)
	return edition.Texts, err
}

// quarantine lists the newest refusals.
type quarantine struct{ *sqlite.Store }

// Rejects implements dashboards.Rejects.
func (q quarantine) Rejects(ctx context.Context, limit int) ([]ingest.Reject, error) {
	rows, err := q.Store.Rejects(ctx, sqlite.RejectQuery{Limit: limit})
	rejects := make([]ingest.Reject, 0, len(rows))
	for _, row := range rows {
		rejects = append(rejects, row.Reject)
	}
	return rejects, err
}

// judged says which sensors the rules read.
func (a *App) judged() func(station, sensor string) bool {
	type key struct{ station, sensor string }
	read := map[key]bool{}
	for _, r := range a.config.Site.Rules {
		read[key{r.Station, r.Sensor}] = true
	}
	return func(station, sensor string) bool { return read[key{station, sensor}] }
}

// phones shows what was handed over to each test phone.
func (a *App) phones(ctx context.Context) ([]dashboards.Phone, error) {
	const newest = 1000
	mode := a.config.Site.Config.Mode
	deliveries, err := a.store.Deliveries(ctx, mode, "", newest)
	if err != nil {
		return nil, err
	}
	messages := map[string][]dashboards.PhoneMessage{}
	for i := len(deliveries) - 1; i >= 0; i-- { // newest first in the store, oldest first on a phone
		d := deliveries[i]
		switch d.State {
		case alerting.StateAccepted, alerting.StateSent, alerting.StateDelivered, alerting.StateUnknown:
			messages[d.Recipient] = append(messages[d.Recipient], dashboards.PhoneMessage{
				Time: d.ChangedAt, Warning: d.Warning, Edition: d.Edition, Text: d.Text, State: d.State,
			})
		default: // never reached the phone
		}
	}
	var phones []dashboards.Phone
	for _, r := range a.config.Site.Phones {
		phones = append(phones, dashboards.Phone{
			ID: r.ID, Name: r.Name, Address: r.Address, Language: r.Language, Position: r.Position, Messages: messages[r.ID],
		})
	}
	return phones, nil
}

func (a *App) explain(ctx context.Context, id string) (any, error) { return Story(ctx, a.store, id) }

// health is what the program says of itself.
func (a *App) health(context.Context) dashboards.Health {
	stats := a.intake.Stats()
	h := dashboards.Health{Ready: !stats.Failing}
	add := func(name string, good bool, detail string) {
		state := dashboards.CheckOK
		if !good {
			state = dashboards.CheckBad
		}
		h.Checks = append(h.Checks, dashboards.Check{Name: name, State: state, Detail: detail})
	}
	add("Journal", !stats.Failing, fmt.Sprintf("%d messages kept, %d refused", stats.Messages, stats.Refused))
	for _, sink := range a.sinks {
		name := sink.Name()
		ready, s := a.intake.CaughtUp(name), stats.Sinks[name]
		// A history database that is away delays the history there only; warnings go on.
		h.Ready = h.Ready && (ready || name == "influx")
		add("Reader "+name, ready && !s.Failing, fmt.Sprintf("%d messages behind", s.Lag))
	}
	open := a.doors.Load()
	if open == nil {
		return h
	}
	if open.broker != nil {
		s := open.broker.Stats()
		add("MQTT", true, fmt.Sprintf("%d connections; %d cut off for a message too large to read, %d for not reading", s.Clients, s.TooLarge, s.Slow))
	}
	for _, s := range open.outside {
		state := s.State()
		add("MQTT "+state.Name, state.Connected, fmt.Sprintf("%d received %s", state.Received, state.Err))
	}
	return h
}

// feeds keeps the published feeds of each mode as bytes, made anew when a warning changed or its time
// ran out.
type feeds struct {
	app *App

	mu    sync.Mutex
	known map[alerting.Mode]snapshot
	turn  int // of changes
}

type snapshot struct {
	feed.Snapshot
	turn int
	made time.Time
}

func newFeeds(a *App) *feeds {
	f := &feeds{app: a, known: map[alerting.Mode]snapshot{}}
	a.OnChange(func(alerting.Warning) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.turn++
	})
	return f
}

// feedAge is how long a feed may be served after the clock moved on, for entries to expire.
const feedAge = 10 * time.Second

func (f *feeds) feed(ctx context.Context, mode alerting.Mode, name string) (dashboards.Feed, error) {
	s, err := f.snapshot(ctx, mode)
	if err != nil {
		return dashboards.Feed{}, err
	}
	body := map[string][]byte{"cap.atom": s.Atom, "cap.rss": s.RSS, "warnings.geojson": s.GeoJSON}[name]
	if body == nil {
		return dashboards.Feed{}, fmt.Errorf("feed %q: %w", name, alerting.ErrNotFound)
	}
	return dashboards.Feed{Body: body, ETag: s.ETag, Modified: s.Updated}, nil
}

func (f *feeds) snapshot(ctx context.Context, mode alerting.Mode) (snapshot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.app.Now()
	if s, ok := f.known[mode]; ok && s.turn == f.turn && now.Sub(s.made) < feedAge {
		return s, nil
	}
	editions, err := f.app.store.Current(ctx, mode, now.Add(-feed.Retention))
	if err != nil {
		return snapshot{}, err
	}
	site := f.app.config.Site.Config
	made, err := feed.Build(feed.Config{
		Title: site.Name, Author: site.Agencies[0].Name, PublicURL: f.app.publicURL, Path: "/feeds",
		Mode: mode, Language: site.Languages[0],
	}, editions, now)
	if errors.Is(err, feed.ErrMode) {
		f.app.log.Error("an edition of another mode was kept out of the feeds", "mode", string(mode), "error", err)
	} else if err != nil {
		return snapshot{}, err
	}
	s := snapshot{made, f.turn, now}
	f.known[mode] = s
	return s, nil
}
