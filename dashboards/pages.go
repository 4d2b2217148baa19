package dashboards

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/language"

	"tocsin/alerting"
	"tocsin/dashboards/public"
	"tocsin/ingest"
)

const (
	pageLife    = 5 * time.Second  // of a drawn page: a crowd costs one drawing in this time and language
	endedShown  = 24 * time.Hour   // how long an ended warning stays on the page
	pictureSpan = 24 * time.Hour   // of the small hydrographs
	pictureStep = 30 * time.Minute //
	homeGauges  = 8                // on the first page, for its weight on a bad line
	fullGauges  = 300              // on the page of all gauges
)

// pageCache keeps drawn pages for a few seconds of the machine's clock, or until something is published.
type pageCache struct {
	mu    sync.Mutex
	pages map[string]*cachedPage
}

type cachedPage struct {
	once       sync.Once
	born       time.Time
	plain, zip []byte
	err        error
}

func newPageCache() *pageCache { return &pageCache{pages: map[string]*cachedPage{}} }

func (c *pageCache) stale() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.pages)
}

// get returns the page of a key, drawn by at most one caller at a time.
func (c *pageCache) get(key string, draw func() ([]byte, error)) *cachedPage {
	c.mu.Lock()
	page := c.pages[key]
	if page == nil || time.Since(page.born) > pageLife {
		page = &cachedPage{born: time.Now()}
		c.pages[key] = page
	}
	c.mu.Unlock()
	page.once.Do(func() {
		if page.plain, page.err = draw(); page.err == nil {
			page.zip = squeeze(page.plain)
		}
	})
	return page
}

// squeeze compresses as well as gzip can: it is done once for a crowd.
func squeeze(body []byte) []byte {
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return nil
	}
	if _, err := w.Write(body); err != nil || w.Close() != nil {
		return nil
	}
	return zipped.Bytes()
}

func (s *Server) homePage(w http.ResponseWriter, r *http.Request)   { s.publicPage(w, r, false) }
func (s *Server) levelsPage(w http.ResponseWriter, r *http.Request) { s.publicPage(w, r, true) }

func (s *Server) publicPage(w http.ResponseWriter, r *http.Request, full bool) {
	tongue := s.tongue(r)
	page := s.pages.get(tongue+strconv.FormatBool(full), func() ([]byte, error) {
		// Drawn for everybody who waits: it must not end because the first of them hangs up.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 10*time.Second)
		defer cancel()
		return s.draw(ctx, tongue, full)
	})
	if page.err != nil {
		s.log.Error("public page not drawn", "error", page.err)
		w.Header().Set("Retry-After", "10")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprint(w, brokenPage)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy(s.renderer.StyleHash()))
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=15")
	h.Set("Vary", "Accept-Encoding, Accept-Language")
	if page.zip != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		_, _ = w.Write(page.zip)
		return
	}
	_, _ = w.Write(page.plain)
}

// brokenPage is what is said when nothing can be known: it must not look like "no warning".
const brokenPage = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
	`<title>Warnings not available</title><h1>Warnings are not available at this moment</h1>` +
	`<p>This does not mean that there is no danger. If you see or hear water rising, go to high ground at once.</p></html>`

// tongue is the site's language that suits the reader: ?lang=, else Accept-Language, else the main one.
func (s *Server) tongue(r *http.Request) string {
	wanted := r.URL.Query().Get("lang")
	for _, tag := range s.config.Languages {
		if strings.EqualFold(tag, wanted) {
			return tag
		}
	}
	header := r.Header.Get("Accept-Language")
	if len(header) > 500 {
		header = ""
	}
	asked, _, err := language.ParseAcceptLanguage(header)
	if err != nil || len(asked) == 0 {
		return s.config.Languages[0]
	}
	_, index, confidence := s.matcher.Match(asked...)
	if confidence == language.No {
		return s.config.Languages[0]
	}
	return s.config.Languages[index]
}

func (s *Server) draw(ctx context.Context, tongue string, full bool) ([]byte, error) {
	now := s.now().In(s.config.Location)
	view := public.View{
		Language: tongue, Site: s.config.SiteName, Mode: string(s.config.Mode), About: s.config.About, Now: now, Full: full,
	}
	for _, l := range s.languages() {
		view.Languages = append(view.Languages, public.Language{Tag: l.Tag, Name: l.Name, Current: l.Tag == tongue})
	}
	if s.deps.SelfTest != nil {
		if at := s.deps.SelfTest(); !at.IsZero() {
			view.SelfTest = at.In(s.config.Location)
		}
	}
	if err := s.drawWarnings(ctx, &view, tongue); err != nil {
		return nil, err
	}
	if err := s.drawGauges(ctx, &view, full); err != nil {
		return nil, err
	}
	var page bytes.Buffer
	if err := s.renderer.Render(&page, view); err != nil {
		return nil, fmt.Errorf("draw page: %w", err)
	}
	return page.Bytes(), nil
}

func (s *Server) drawWarnings(ctx context.Context, view *public.View, tongue string) error {
	editions, err := s.deps.Editions.Current(ctx, s.config.Mode, view.Now.Add(-endedShown).UTC())
	if err != nil {
		return fmt.Errorf("current warnings: %w", err)
	}
	for _, edition := range editions {
		warning := s.publicWarning(edition, tongue, view.Now)
		if edition.Level == 0 {
			view.Ended = append(view.Ended, warning)
		} else {
			view.Warnings = append(view.Warnings, warning)
		}
	}
	slices.SortStableFunc(view.Warnings, func(a, b public.Warning) int { return b.Level.Number - a.Level.Number })
	view.Places = s.publicPlaces(editions, tongue, view.Now)
	return nil
}

// publicPlaces is the gravest warning in force at each place. Zones of different hazards that bear the same
// name are one place to the people who live there.
func (s *Server) publicPlaces(editions []alerting.Edition, tongue string, now time.Time) (places []public.Place) {
	known := map[string]int{}
	for _, zone := range s.config.Zones {
		name := zone.Name(tongue)
		if _, ok := known[name]; !ok {
			known[name] = len(places)
			places = append(places, public.Place{Name: name, Lang: nameLanguage(zone.Names, tongue)})
		}
		place := &places[known[name]]
		for _, edition := range editions {
			gravest := place.Level == nil || place.Level.Number < int(edition.Level)
			if edition.Zone == zone.ID && edition.Level > 0 && edition.Expires.After(now) && gravest {
				place.Level, place.Anchor = s.publicLevel(edition.Level), anchor(edition)
			}
		}
	}
	return places
}

func anchor(e alerting.Edition) string { return "w-" + e.Warning }

func (s *Server) publicLevel(l alerting.Level) *public.Level {
	return &public.Level{Number: int(l), Name: s.levelName(l), Colour: s.config.LevelNames[l].Colour}
}

// publicWarning shows an edition in the reader's language, else in the first it has.
func (s *Server) publicWarning(e alerting.Edition, tongue string, now time.Time) public.Warning {
	names := s.zoneNames(e.Zone)
	view := public.Warning{
		Anchor: anchor(e), Level: *s.publicLevel(e.Level), Place: s.zoneName(e.Zone, tongue), PlaceLang: nameLanguage(names, tongue),
		Lang: tongue, Sent: e.Sent.In(s.config.Location), Expires: e.Expires.In(s.config.Location),
		Expired: !e.Expires.After(now), CAP: "/cap/" + e.Identifier + ".xml", Reviewed: true,
	}
	if len(e.Texts) == 0 {
		view.Headline = view.Place
		return view
	}
	text := e.Texts[0]
	for _, candidate := range e.Texts {
		if strings.EqualFold(candidate.Language, tongue) {
			text = candidate
		}
	}
	view.Lang, view.Fallback, view.Reviewed = text.Language, !strings.EqualFold(text.Language, tongue), text.Reviewed
	view.Event, view.Headline, view.Description, view.Instruction = text.Event, text.Headline, text.Description, text.Instruction
	return view
}

func (s *Server) zoneNames(id string) map[string]string {
	for _, zone := range s.config.Zones {
		if zone.ID == id {
			return zone.Names
		}
	}
	return nil
}

// nameLanguage is the language that geo.Zone.Name answers in.
func nameLanguage(names map[string]string, tongue string) string {
	for _, tag := range []string{tongue, "en"} {
		if names[tag] != "" {
			return tag
		}
	}
	least := ""
	for tag := range names {
		if least == "" || tag < least {
			least = tag
		}
	}
	if least == "" {
		return "en"
	}
	return least
}

// drawGauges shows water levels and discharges, gravest and then quietest first: a silent gauge comes
// before a normal one.
func (s *Server) drawGauges(ctx context.Context, view *public.View, full bool) error {
	states, err := s.stations(ctx)
	if err != nil {
		return err
	}
	view.Old = true
	for _, state := range states {
		for _, sensor := range state.Sensors {
			if sensor.Latest != nil && sensor.Latest.Time.After(view.Newest) {
				view.Newest = sensor.Latest.Time.In(s.config.Location)
			}
			view.Old = view.Old && sensor.Age != AgeCurrent
		}
	}
	states = slices.DeleteFunc(states, func(st stationState) bool { return len(riverSensors(st)) == 0 })
	slices.SortStableFunc(states, func(a, b stationState) int { return urgency(b) - urgency(a) })
	shown := homeGauges
	if full {
		shown = fullGauges
	}
	for i, state := range states {
		if i >= shown {
			view.More++
			continue
		}
		station, err := s.publicStation(ctx, view.Now, state, !full || i < 50)
		if err != nil {
			return err
		}
		view.Stations = append(view.Stations, station)
	}
	return nil
}

// riverSensors are the series residents understand as the state of a river or lake.
func riverSensors(state stationState) []sensorState {
	return slices.DeleteFunc(slices.Clone(state.Sensors), func(s sensorState) bool {
		return s.Quantity != ingest.WaterLevel && s.Quantity != ingest.Discharge
	})
}

func urgency(state stationState) int {
	level := 0
	if state.Level != nil {
		level = int(*state.Level) * 10
	}
	switch state.Age {
	case AgeSilent, AgeNever:
		return level + 3
	case AgeLate:
		return level + 2
	case AgeCurrent:
		if state.Level == nil {
			return level - 1 // nobody judges it
		}
	}
	return level
}

func (s *Server) publicStation(ctx context.Context, now time.Time, state stationState, pictures bool) (public.Station, error) {
	view := public.Station{Name: state.Name, River: state.River, Invented: state.Invented}
	for _, sensor := range riverSensors(state) {
		series := public.Series{Quantity: string(sensor.Quantity), Age: string(sensor.Age), Judged: sensor.Judged}
		// An old "normal" says nothing of now; an old danger is not taken back by silence.
		if sensor.Level != nil && (sensor.Age != AgeSilent || *sensor.Level > 0) {
			series.Level = s.publicLevel(*sensor.Level)
		}
		if sensor.Latest != nil {
			series.Time = sensor.Latest.Time.In(s.config.Location)
			series.Ago = ago(now.Sub(sensor.Latest.Time))
			series.Value = figure(sensor.Latest.Value, sensor.Quantity)
			if pictures {
				var err error
				if series.Picture, series.Trend, err = s.picture(ctx, now, state.ID, sensor); err != nil {
					return view, err
				}
			}
		}
		view.Series = append(view.Series, series)
	}
	return view, nil
}
