package dashboards

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// who are the kinds of caller, by their session cookie.
var who = []struct{ name, cookie string }{{"anonymous", ""}, {"viewer", "viewer"}, {"approver", "approver"}}

func ask(s *Server, method, path, cookie, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if cookie != "" {
		r.AddCookie(&http.Cookie{Name: "tocsin", Value: cookie})
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

const square = `{"type":"Polygon","coordinates":[[[90,28],[90.1,28],[90.1,28.1],[90,28]]]}`

// matrix is every route of the program with the answer to each kind of caller.
var matrix = []struct {
	method, path, body string
	want               [3]int
}{
	{"GET", "/", "", [3]int{200, 200, 200}},
	{"GET", "/levels", "", [3]int{200, 200, 200}},
	{"GET", "/console", "", [3]int{303, 200, 200}},
	{"GET", "/console/", "", [3]int{303, 303, 303}},
	{"GET", "/console/assets/nothing.js", "", [3]int{404, 404, 404}},
	{"GET", "/console/../server.go", "", [3]int{307, 307, 307}},
	{"GET", "/login", "", [3]int{200, 303, 303}},
	{"GET", "/login/link?token=x", "", [3]int{200, 200, 200}},
	{"POST", "/login", "", [3]int{401, 401, 401}},
	{"POST", "/login/link", "", [3]int{401, 401, 401}},
	{"GET", "/feeds/cap.atom", "", [3]int{200, 200, 200}},
	{"GET", "/feeds/cap.rss", "", [3]int{200, 200, 200}},
	{"GET", "/feeds/warnings.geojson", "", [3]int{200, 200, 200}},
	{"GET", "/feeds/exercise/cap.atom", "", [3]int{200, 200, 200}},
	{"GET", "/feeds/actual/cap.atom", "", [3]int{404, 404, 404}},
	{"GET", "/feeds/nonsense/cap.atom", "", [3]int{404, 404, 404}},
	{"GET", "/feeds/nonsense", "", [3]int{404, 404, 404}},
	{"GET", "/cap/tocsin-w1-1.xml", "", [3]int{200, 200, 200}},
	{"GET", "/cap/tocsin-w1-1", "", [3]int{404, 404, 404}},
	{"GET", "/cap/none.xml", "", [3]int{404, 404, 404}},
	{"GET", "/healthz", "", [3]int{200, 200, 200}},
	{"GET", "/readyz", "", [3]int{200, 200, 200}},
	{"GET", "/metrics", "", [3]int{200, 200, 200}},
	{"GET", "/favicon.svg", "", [3]int{200, 200, 200}},
	{"POST", "/hooks/sms/fake", "", [3]int{200, 200, 200}},
	{"POST", "/hooks/nothing", "", [3]int{404, 404, 404}},
	{"GET", "/nothing", "", [3]int{404, 404, 404}},
	{"GET", "/api/v1/nothing", "", [3]int{404, 404, 404}},
	{"DELETE", "/api/v1/stations", "", [3]int{405, 405, 405}},
	{"GET", "/api/v1/openapi.json", "", [3]int{200, 200, 200}},
	{"GET", "/api/v1/site", "", [3]int{200, 200, 200}},
	{"GET", "/api/v1/stations", "", [3]int{200, 200, 200}},
	{"GET", "/api/v1/stations/punakha/readings", "", [3]int{200, 200, 200}},
	{"GET", "/api/v1/stations/none/readings", "", [3]int{404, 404, 404}},
	{"GET", "/api/v1/stations/punakha/readings?step=x", "", [3]int{422, 422, 422}},
	{"GET", "/api/v1/stations/punakha/readings?from=yesterday", "", [3]int{422, 422, 422}},
	{"GET", "/api/v1/stations/punakha/readings?quantity=joy", "", [3]int{422, 422, 422}},
	{"GET", "/api/v1/zones", "", [3]int{200, 200, 200}},
	{"GET", "/api/v1/warnings", "", [3]int{200, 200, 200}},
	{"GET", "/api/v1/warnings?status=joy", "", [3]int{422, 422, 422}},
	{"GET", "/api/v1/warnings/w1", "", [3]int{200, 200, 200}},
	{"GET", "/api/v1/warnings/w3", "", [3]int{404, 200, 200}},
	{"GET", "/api/v1/warnings/w2", "", [3]int{404, 200, 200}},
	{"GET", "/api/v1/warnings/w1/explain", "", [3]int{401, 200, 200}},
	{"GET", "/api/v1/warnings/w3/preview", "", [3]int{401, 200, 200}},
	{"POST", "/api/v1/exposure", square, [3]int{200, 200, 200}},
	{"POST", "/api/v1/exposure", `{"type":"Point","coordinates":[1,2]}`, [3]int{422, 422, 422}},
	{"POST", "/api/v1/exposure", `{"type":"Polygon","coordinates":[[[1,2]]]}`, [3]int{422, 422, 422}},
	{"POST", "/api/v1/exposure", `{"type":"Feature","geometry":null}`, [3]int{422, 422, 422}},
	{"POST", "/api/v1/exposure", `nonsense`, [3]int{422, 422, 422}},
	{"GET", "/api/v1/exposure", "", [3]int{405, 405, 405}},
	{"GET", "/api/v1/session", "", [3]int{401, 200, 200}},
	{"GET", "/api/v1/rejects", "", [3]int{401, 200, 200}},
	{"GET", "/api/v1/deliveries", "", [3]int{401, 200, 200}},
	{"GET", "/api/v1/phones", "", [3]int{401, 200, 200}},
	{"GET", "/api/v1/health", "", [3]int{401, 200, 200}},
	{"POST", "/api/v1/warnings/w3/approve", `{"version":99}`, [3]int{401, 403, 409}},
	{"POST", "/api/v1/warnings/w3/approve", `{}`, [3]int{401, 403, 422}},
	{"POST", "/api/v1/warnings/none/approve", `{"version":1}`, [3]int{401, 403, 404}},
	{"POST", "/api/v1/warnings/w3/reject", `{"version":1}`, [3]int{401, 403, 422}},
	{"POST", "/api/v1/warnings/w1/end", `{"version":3,"action":"explode","note":"x"}`, [3]int{401, 403, 422}},
	{"POST", "/api/v1/warnings/w1/end", `{"version":3,"action":"cancel"}`, [3]int{401, 403, 422}},
	{"GET", "/api/v1/warnings/w3/approve", "", [3]int{405, 405, 405}},
	// The steps that succeed come last: they change the fake.
	{"POST", "/api/v1/warnings/w3/approve", `{"version":1}`, [3]int{401, 403, 200}},
	{"POST", "/api/v1/warnings/w1/end", `{"version":3,"action":"all_clear","note":"gauge fell"}`, [3]int{401, 403, 200}},
	{"POST", "/logout", "", [3]int{303, 303, 303}},
}

func TestEveryRouteForEveryCaller(t *testing.T) {
	s := newFake(t).start(t)
	seen := map[string]bool{}
	for _, row := range matrix {
		for i, caller := range who {
			w := ask(s, row.method, row.path, caller.cookie, row.body)
			if w.Code != row.want[i] {
				t.Errorf("%s %s as %s: %d, want %d: %.200s", row.method, row.path, caller.name, w.Code, row.want[i], w.Body)
			}
			if w.Code >= 400 && !strings.HasPrefix(row.path, "/login") && w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s %s as %s: %d is %q, not a problem document", row.method, row.path, caller.name, w.Code, w.Header().Get("Content-Type"))
			}
		}
		r := httptest.NewRequest(row.method, row.path, nil)
		_, pattern := s.mux.Handler(r)
		seen[pattern] = true
	}
	for _, pattern := range s.mux.patterns {
		if !seen[pattern] && pattern != "GET "+eventsPath { // the stream has its own tests
			t.Errorf("no row of the matrix walks %s", pattern)
		}
	}
}
