package dashboards

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"tocsin/alerting"
	"tocsin/ingest"
)

// TestFirstViewIsLight holds the page to 14 kB over the wire, headers included, on a site with forty
// gauges and every zone warned.
func TestFirstViewIsLight(t *testing.T) {
	f := newFake(t)
	noise := rand.New(rand.NewPCG(1, 2))
	stations := append([]ingest.Station{}, f.network.Stations()...)
	for i := range 40 {
		id := "more-" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		stations = append(stations, ingest.Station{ID: id, Name: "Gauge " + id, River: "Mo Chhu", Sensors: []ingest.Sensor{water(15 * time.Minute)}})
		for _, r := range f.readings[:96] {
			r.Station, r.Sensor, r.Quantity = id, "water_level", ingest.WaterLevel
			r.Value = noise.Float64() * 9 // nothing that compresses better than a real river
			f.readings = append(f.readings, r)
		}
	}
	f.network, _ = ingest.NewNetwork(stations)
	f.issue(0, f.now, 699)
	s := f.start(t)
	for _, path := range []string{"/", "/?lang=dz"} {
		w := ask(s, "GET", path, "", "", "Accept-Encoding", "gzip")
		if w.Header().Get("Content-Encoding") != "gzip" {
			t.Fatalf("%s is not compressed", path)
		}
		var head strings.Builder
		_ = w.Header().Write(&head)
		if total := w.Body.Len() + head.Len(); total > 14*1024 || total < 1024 {
			t.Errorf("%s weighs %d bytes over the wire, at most %d are allowed", path, total, 14*1024)
		}
	}
	page := ask(s, "GET", "/", "", "").Body.String()
	for _, load := range []string{"<script", `src="`, "@import", "url("} {
		if strings.Contains(page, load) {
			t.Errorf("the page holds %q: it must load nothing but its icon", load)
		}
	}
	if full := ask(s, "GET", "/levels", "", "").Body.String(); strings.Count(full, "<li>") < 46 {
		t.Errorf("the page of all gauges shows %d", strings.Count(full, "<li>"))
	}
}

func TestPageSpeaksTheReadersLanguage(t *testing.T) {
	s := newFake(t).start(t)
	tests := []struct{ path, accept, want string }{
		{"/", "", `<article class="w l2" id="w-w1" lang="en">`},
		{"/", "dz, en;q=0.5", `<article class="w l2" id="w-w1" lang="dz">`},
		{"/", "fr", `<article class="w l2" id="w-w1" lang="en">`},
		{"/?lang=dz", "en", `<article class="w l2" id="w-w1" lang="dz">`},
		{"/?lang=<script>", "en", `<article class="w l2" id="w-w1" lang="en">`},
		{"/?lang=dz", "", "Unreviewed text"},
	}
	for _, test := range tests {
		w := ask(s, "GET", strings.ReplaceAll(test.path, "<", "%3C"), "", "", "Accept-Language", test.accept)
		if !strings.Contains(w.Body.String(), test.want) {
			t.Errorf("%s for %q lacks %s", test.path, test.accept, test.want)
		}
	}
	if english := ask(s, "GET", "/?lang=en", "", "").Body.String(); strings.Contains(english, "Unreviewed text") {
		t.Error("the reviewed text is called unreviewed")
	}
}

func TestPlacesOfOneNameAreOnePlace(t *testing.T) {
	f := newFake(t)
	again := f.zones[2]
	again.ID, again.Hazard = "wangdue-river", "flood"
	f.zones = append(f.zones, again)
	page := ask(f.start(t), "GET", "/", "", "").Body.String()
	places := page[strings.Index(page, "By place"):strings.Index(page, "Rivers and lakes")]
	if n := strings.Count(places, "Wangdue town"); n != 1 {
		t.Errorf("Wangdue stands %d times among the places: %s", n, places)
	}
	if !strings.Contains(places, `href="#w-w1"`) {
		t.Errorf("the place does not lead to its warning: %s", places)
	}
}

func TestSilenceIsNotShownAsSafety(t *testing.T) {
	f := newFake(t)
	f.now = f.now.Add(40 * time.Hour) // every gauge silent, every warning out of time
	s := f.start(t)
	page := ask(s, "GET", "/", "", "").Body.String()
	for _, want := range []string{"The data are old.", "not an all-clear", "silent"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of a silent site lacks %q", want)
		}
	}
	if strings.Contains(page, "Normal ·") {
		t.Error("a silent gauge is shown as normal")
	}
	f.now = f.now.Add(-40 * time.Hour)
	s.pages.stale()
	if page := ask(s, "GET", "/", "", "").Body.String(); strings.Contains(page, "The data are old.") {
		t.Error("fresh data are called old")
	}
}

func TestPageThatCannotBeKnownDoesNotLookSafe(t *testing.T) {
	f := newFake(t)
	f.fail = errors.New("disk on fire at /secret/path")
	w := ask(f.start(t), "GET", "/", "", "")
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "does not mean that there is no danger") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if strings.Contains(w.Body.String(), "secret") {
		t.Error("an inner error is shown to the public")
	}
}

func TestModeIsUnmistakable(t *testing.T) {
	for _, mode := range []alerting.Mode{alerting.Exercise, alerting.Test, alerting.System, alerting.Actual} {
		s := newFake(t).start(t, func(c *Config, _ *Deps) { c.Mode = mode })
		page := ask(s, "GET", "/", "", "").Body.String()
		banner := "<b>" + strings.ToUpper(string(mode)) + "</b>"
		if strings.Contains(page, banner) != (mode != alerting.Actual) {
			t.Errorf("mode %s: banner shown: %v", mode, strings.Contains(page, banner))
		}
	}
}

func TestNamesCannotBecomeMarkup(t *testing.T) {
	s := newFake(t).start(t)
	for _, path := range []string{"/", "/levels", "/login?x=" + "%3Cscript%3E", "/login/link?token=%22%3E%3Cscript%3E"} {
		if page := ask(s, "GET", path, "", "").Body.String(); strings.Contains(page, "<script") || strings.Contains(page, "<img src=x") {
			t.Errorf("%s carries markup from outside", path)
		}
	}
}

func TestHeadersOnEveryAnswer(t *testing.T) {
	s := newFake(t).start(t)
	inline := regexp.MustCompile(`unsafe-inline|unsafe-eval|https?:`)
	for _, row := range matrix {
		w := ask(s, row.method, row.path, "viewer", row.body)
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || inline.MatchString(policy) {
			t.Errorf("%s %s: policy %q", row.method, row.path, policy)
		}
		for header, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s %s: %s is %q", row.method, row.path, header, got)
			}
		}
	}
}

// TestStyleIsTheOneAllowed compares the hash in the policy with the style sheet that was sent.
func TestStyleIsTheOneAllowed(t *testing.T) {
	s := newFake(t).start(t)
	for _, path := range []string{"/", "/login"} {
		w := ask(s, "GET", path, "", "")
		css := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(w.Body.String())
		if css == nil || !strings.Contains(w.Header().Get("Content-Security-Policy"), styleHash(css[1])) {
			t.Errorf("%s: the policy does not allow the page's own style", path)
		}
	}
}

func TestCrossOrigin(t *testing.T) {
	s := newFake(t).start(t)
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		w := ask(s, "POST", "/api/v1/warnings/w3/approve", "approver", `{"version":1}`, header...)
		if w.Code != http.StatusForbidden || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("a request with %v got %d", header, w.Code)
		}
	}
	feed := ask(s, "GET", "/feeds/cap.atom", "", "", "Origin", "https://tv.example")
	if feed.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Error("the feeds cannot be read by pages of other sites")
	}
	if inner := ask(s, "GET", "/api/v1/phones", "viewer", ""); inner.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Error("what operators read is open to other sites")
	}
	if mine := ask(s, "GET", "/api/v1/warnings", "viewer", ""); mine.Header().Get("Cache-Control") != "no-store" {
		t.Error("an operator's view of the warnings may be kept by a cache")
	}
}

func TestFeedsAreNotSentTwice(t *testing.T) {
	s := newFake(t).start(t)
	for _, path := range []string{"/feeds/cap.atom", "/feeds/cap.rss", "/feeds/warnings.geojson", "/cap/tocsin-w1-1.xml"} {
		first := ask(s, "GET", path, "", "")
		tag := first.Header().Get("ETag")
		if tag == "" || first.Header().Get("Cache-Control") == "" {
			t.Fatalf("%s: ETag %q, Cache-Control %q", path, tag, first.Header().Get("Cache-Control"))
		}
		if again := ask(s, "GET", path, "", "", "If-None-Match", tag); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%s with its ETag: %d", path, again.Code)
		}
		if other := ask(s, "GET", path, "", "", "If-None-Match", `"other"`); other.Code != http.StatusOK {
			t.Errorf("%s with another ETag: %d", path, other.Code)
		}
	}
	if w := ask(s, "GET", "/cap/tocsin-w1-1.xml", "", ""); w.Body.String() != "<alert>w1</alert>" {
		t.Errorf("the CAP document is not byte for byte what was published: %s", w.Body)
	}
}

func TestPublicSeesNoProposal(t *testing.T) {
	f := newFake(t)
	f.warnings[1].Edition, f.editions["w2"] = 1, f.editions["w1"] // a rejected one, whatever else is true of it
	s := f.start(t)
	for _, path := range []string{"/api/v1/warnings", "/api/v1/warnings?status=proposed", "/api/v1/warnings?status=open", "/api/v1/warnings/w1"} {
		body := ask(s, "GET", path, "", "").Body.String()
		for _, secret := range []string{"proposal", "reason", `"w3"`, `"w2"`, "lake-falls"} {
			if strings.Contains(body, secret) {
				t.Errorf("%s tells the public of %s", path, secret)
			}
		}
	}
	if inside := ask(s, "GET", "/api/v1/warnings", "viewer", "").Body.String(); !strings.Contains(inside, "lake-falls") {
		t.Error("operators do not see the proposal")
	}
}

// Whoever reads the warnings must be able to score them: what was said, at which level, and when the
// danger began by the readings; also after the warning has ended and its level is 0.
func TestPublicCanScoreWarnings(t *testing.T) {
	f := newFake(t)
	end := f.editions["w1"][0]
	end.Number, end.Identifier, end.Level, end.Sent, end.Cause = 2, "tocsin-w1-2", 0, end.Sent.Add(time.Hour), nil
	f.editions["w1"] = append(f.editions["w1"], end)
	for i, w := range f.warnings {
		if w.ID == "w1" {
			f.warnings[i].Status, f.warnings[i].Level, f.warnings[i].Edition = alerting.Ended, 0, 2
		}
	}
	var answer struct {
		Warnings []struct {
			Zone, Status string
			Editions     []struct {
				Level      int
				Identifier string
				Sent       time.Time
				Cause      *struct {
					Rule, Station, Sensor string
					Onset                 time.Time
				}
			}
		}
	}
	body := ask(f.start(t), "GET", "/api/v1/warnings?limit=1000", "", "").Body.Bytes()
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Warnings) != 1 || len(answer.Warnings[0].Editions) != 2 {
		t.Fatalf("%v: %s", err, body)
	}
	first, last := answer.Warnings[0].Editions[0], answer.Warnings[0].Editions[1]
	if first.Level != 2 || first.Cause == nil || first.Cause.Rule != "falls" || first.Cause.Station != "thanza-lake" ||
		first.Cause.Sensor != "water_level" || !first.Cause.Onset.Equal(first.Sent.Add(-20*time.Minute)) {
		t.Errorf("the first edition does not say what it rests on: %s", body)
	}
	if last.Level != 0 || last.Cause != nil {
		t.Errorf("the end is told otherwise: %s", body)
	}
}

func TestOperatorsReadNoAddresses(t *testing.T) {
	s := newFake(t).start(t)
	for _, path := range []string{"/api/v1/phones", "/api/v1/deliveries"} {
		body := ask(s, "GET", path, "approver", "").Body.String()
		if strings.Contains(body, "9751700") || strings.Contains(body, "secret text") {
			t.Errorf("%s shows an address or a text: %s", path, body)
		}
	}
	actual := newFake(t).start(t, func(c *Config, _ *Deps) { c.Mode = alerting.Actual })
	if w := ask(actual, "GET", "/api/v1/phones", "approver", ""); w.Code != http.StatusNotFound {
		t.Errorf("phones in mode Actual: %d", w.Code)
	}
}

func TestReadingsAreAsTheContractSays(t *testing.T) {
	s := newFake(t).start(t)
	w := ask(s, "GET", "/api/v1/stations/samdingkha/readings?quantity=water_level&from=1994-10-06T23:00:00Z&to=1994-10-06T23:30:00Z&step=15m", "", "")
	var got struct {
		Readings []map[string]any
		Next     *string
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Next == nil || len(got.Readings) == 0 {
		t.Fatalf("%v: %s", err, w.Body)
	}
	for _, field := range []string{"time", "sensor", "value", "unit", "flag"} {
		if _, ok := got.Readings[0][field]; !ok {
			t.Errorf("a reading lacks %q", field)
		}
	}
	flagged := ask(s, "GET", "/api/v1/stations/samdingkha/readings", "", "").Body.String()
	if !strings.Contains(flagged, `"flag":4`) || !strings.Contains(flagged, `"test":"ceiling"`) {
		t.Error("a failed reading is not shown as such with its reason")
	}
}

func TestLimits(t *testing.T) {
	s := newFake(t).start(t)
	if w := ask(s, "POST", "/api/v1/exposure", "", strings.Repeat("x", 3<<20)); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("3 MB body: %d", w.Code)
	}
	if w := ask(s, "POST", "/api/v1/warnings/w3/approve", "approver", `{"version":1,"note":"`+strings.Repeat("x", 100_000)+`"}`); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("100 kB decision: %d", w.Code)
	}
	for range cap(s.heavy) {
		s.heavy <- struct{}{}
	}
	if w := ask(s, "POST", "/api/v1/exposure", "", square); w.Code != http.StatusServiceUnavailable {
		t.Errorf("a question too many: %d", w.Code)
	}
	var read error
	s = newFake(t).start(t, func(_ *Config, d *Deps) {
		d.Hooks["sink"] = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, read = io.Copy(io.Discard, r.Body) })
	})
	ask(s, "POST", "/hooks/sink", "", strings.Repeat("x", 3<<20))
	var tooLarge *http.MaxBytesError
	if !errors.As(read, &tooLarge) {
		t.Errorf("a hook could read 3 MB: %v", read)
	}
	web := s.HTTPServer()
	if web.ReadHeaderTimeout == 0 || web.ReadTimeout == 0 || web.WriteTimeout == 0 || web.IdleTimeout == 0 {
		t.Error("the server has no time limits")
	}
}

func post(s *Server, path, form, from string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = from
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func TestLogin(t *testing.T) {
	s := newFake(t).start(t)
	const right = "name=Pema+&password=correct+horse+battery"
	w := post(s, "/login", right, "192.0.2.1:5")
	cookie := w.Header().Get("Set-Cookie")
	if w.Code != http.StatusSeeOther || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Strict") {
		t.Errorf("login: %d, cookie %q", w.Code, cookie)
	}
	for range loginTries {
		if w := post(s, "/login", "name=pema&password=wrong", "192.0.2.1:6"); w.Code != http.StatusUnauthorized {
			t.Fatalf("wrong password: %d", w.Code)
		}
	}
	if w := post(s, "/login", right, "192.0.2.1:7"); w.Code != http.StatusTooManyRequests {
		t.Errorf("after %d failures: %d", loginTries, w.Code)
	}
	if w := post(s, "/login", right, "192.0.2.2:7"); w.Code != http.StatusSeeOther {
		t.Errorf("another address is locked out too: %d", w.Code)
	}
	secure := newFake(t).start(t, func(c *Config, _ *Deps) { c.PublicURL = "https://warn.example" })
	w = post(secure, "/login", right, "192.0.2.1:5")
	if cookie := w.Header().Get("Set-Cookie"); !strings.HasPrefix(cookie, "__Host-") || !strings.Contains(cookie, "Secure") || w.Header().Get("Strict-Transport-Security") == "" {
		t.Errorf("over https: cookie %q", cookie)
	}
}

func TestLink(t *testing.T) {
	s := newFake(t).start(t)
	ask(s, "GET", "/login/link?token=once", "", "") // a mail scanner looks first
	if w := post(s, "/login/link", "token=once&password=short&again=short", "192.0.2.1:5"); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "at least 12 characters") {
		t.Errorf("weak password: %d", w.Code)
	}
	if w := post(s, "/login/link", "token=once&password=long+enough+words&again=other", "192.0.2.1:5"); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("two different passwords: %d", w.Code)
	}
	const good = "token=once&password=long+enough+words&again=long+enough+words"
	if w := post(s, "/login/link", good, "192.0.2.1:5"); w.Code != http.StatusSeeOther || w.Header().Get("Set-Cookie") == "" {
		t.Errorf("link: %d", w.Code)
	}
	if w := post(s, "/login/link", good, "192.0.2.1:5"); w.Code != http.StatusUnauthorized {
		t.Errorf("link used twice: %d", w.Code)
	}
}

func TestOpenAPI(t *testing.T) {
	w := ask(newFake(t).start(t), "GET", "/api/v1/openapi.json", "", "")
	var document struct {
		OpenAPI string
		Paths   map[string]any
	}
	if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil || !strings.HasPrefix(document.OpenAPI, "3.1") {
		t.Fatalf("%v, version %q", err, document.OpenAPI)
	}
	for _, path := range []string{"/api/v1/stations", "/api/v1/stations/{id}/readings", "/api/v1/warnings/{id}/approve", "/api/v1/events", "/api/v1/exposure"} {
		if document.Paths[path] == nil {
			t.Errorf("the document lacks %s", path)
		}
	}
}

func TestReadiness(t *testing.T) {
	s := newFake(t).start(t, func(_ *Config, d *Deps) { d.Health = nil })
	if w := ask(s, "GET", "/readyz", "", ""); w.Code != http.StatusOK {
		t.Errorf("without a health: %d", w.Code)
	}
	behind := func(_ *Config, d *Deps) { d.Health = func(context.Context) Health { return Health{} } }
	if w := ask(newFake(t).start(t, behind), "GET", "/readyz", "", ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("behind: %d", w.Code)
	}
}

func TestConfigSaysAllFaultsAtOnce(t *testing.T) {
	config := newFake(t).config()
	config.LevelNames = map[alerting.Level]alerting.LevelName{7: {Name: "x", Colour: "red}</style><script>"}}
	config.SiteName, config.Mode = "", "Drill"
	_, err := New(config, Deps{})
	for _, want := range []string{"mode", "no name", "level 7", "colour", "history", "sessions"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}

func TestAges(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		old, interval time.Duration
		want          Age
	}{
		{0, 0, AgeCurrent},
		{-time.Hour, 0, AgeCurrent},
		{45 * time.Minute, 0, AgeCurrent},
		{46 * time.Minute, 0, AgeLate},
		{3 * time.Hour, 0, AgeLate},
		{3*time.Hour + time.Second, 0, AgeSilent},
		{30 * time.Minute, 5 * time.Minute, AgeLate},
		{10 * time.Hour, time.Hour, AgeLate},
		{13 * time.Hour, time.Hour, AgeSilent},
	}
	for _, test := range tests {
		if got := ageOf(now, now.Add(-test.old), test.interval); got != test.want {
			t.Errorf("%s old every %s is %s, want %s", test.old, test.interval, got, test.want)
		}
	}
	if got := ageOf(now, time.Time{}, 0); got != AgeNever {
		t.Errorf("no reading is %s", got)
	}
}

func TestLevelsOfStations(t *testing.T) {
	s := newFake(t).start(t)
	states, err := s.stations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"thanza-lake": 4, "thanza-river": 3, "samdingkha": 0, "punakha": 0, "hostile": -1}
	for _, state := range states {
		level := -1
		if state.Level != nil {
			level = int(*state.Level)
		}
		if expected, listed := want[state.ID]; listed && level != expected {
			t.Errorf("%s is at level %d, want %d", state.ID, level, expected)
		}
	}
	falling := []alerting.Threshold{{Level: 1, Raise: 2}, {Level: 2, Raise: 1}}
	for value, want := range map[float64]alerting.Level{3: 0, 2: 1, 1.5: 1, 0.5: 2} {
		if got := above(falling, value); got != want {
			t.Errorf("low water %g is level %d, want %d", value, got, want)
		}
	}
}
