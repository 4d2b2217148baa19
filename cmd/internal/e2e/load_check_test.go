package e2e

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tocsin/alerting"
	"tocsin/alerting/sqlstore"
	"tocsin/ingest"
)

// server is a running `tocsin serve` with the addresses that it keeps over restarts.
type server struct {
	*program
	http, mqtt string
}

// serve starts a site; its log goes with the test's where that fails.
func serve(t *testing.T, site, data, httpAddr, mqttAddr string) *server {
	t.Helper()
	return serveWith(t, filepath.Join(binaries, "tocsin"), site, data, httpAddr, mqttAddr)
}

// serveWith starts a site with a tocsin of its own.
func serveWith(t *testing.T, program, site, data, httpAddr, mqttAddr string) *server {
	t.Helper()
	cmd := exec.Command(program, "serve", site, "--data", data, "--http", httpAddr, "--mqtt", mqttAddr)
	return &server{launch(t, cmd), httpAddr, mqttAddr}
}

// up waits until the program listens.
func (s *server) up() { s.wait(`sensors +mqtt://`) }

// get reads a JSON document.
func (s *server) get(client *http.Client, path string, into any) error {
	response, err := client.Get("http://" + s.http + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s: %.200s", path, response.Status, body)
	}
	return json.Unmarshal(body, into)
}

// metrics reads /metrics: name with labels to value.
func (s *server) metrics() (map[string]float64, error) {
	response, err := http.Get("http://" + s.http + "/metrics")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	values := map[string]float64{}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, number, ok := strings.Cut(lines.Text(), " ")
		if value, err := strconv.ParseFloat(number, 64); ok && err == nil && !strings.HasPrefix(name, "#") {
			values[name] = value
		}
	}
	return values, nil
}

// caughtUp waits until every reader has applied the whole journal.
func (s *server) caughtUp() {
	s.t.Helper()
	eventually(s.t, func() error {
		values, err := s.metrics()
		if err != nil {
			return err
		}
		for _, reader := range []string{"history", "rules"} {
			lag, known := values[`tocsin_ingest_reader_lag_messages{reader="`+reader+`"}`]
			if !known || lag > 0 {
				return fmt.Errorf("reader %s is %g behind (known %v)", reader, lag, known)
			}
		}
		return nil
	})
}

// stored is one reading as the API tells it.
type stored struct {
	Time   time.Time `json:"time"`
	Sensor string    `json:"sensor"`
	Value  float64   `json:"value"`
	Flag   int       `json:"flag"`
}

// readings reads the whole history of a station, page by page.
func (s *server) readings(station string) (all []stored) {
	s.t.Helper()
	after := ""
	for {
		var page struct {
			Readings []stored `json:"readings"`
			Next     string   `json:"next"`
		}
		path := "/api/v1/stations/" + station + "/readings?limit=1000&after=" + url.QueryEscape(after)
		if err := s.get(http.DefaultClient, path, &page); err != nil {
			s.t.Fatal(err)
		}
		all = append(all, page.Readings...)
		if page.Next == "" {
			return all
		}
		after = page.Next
	}
}

// login follows the one-time link of the first start as an operator does.
func (s *server) login() *http.Client {
	s.t.Helper()
	link := s.wait(`first login +(http://\S+)`)
	parsed, err := url.Parse(link)
	if err != nil {
		s.t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	const password = "correct horse battery staple"
	client := &http.Client{Jar: jar, Timeout: patience}
	response, err := client.PostForm("http://"+s.http+"/login/link", url.Values{
		"token": {parsed.Query().Get("token")}, "password": {password}, "again": {password},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	if len(jar.Cookies(parsed)) == 0 {
		s.t.Fatalf("no session after the first login: %s", response.Status)
	}
	return client
}

// wrongs compares what a station's history holds with what was acknowledged: every reading once, with its
// own value. It names the first of each kind of fault.
func (l *load) wrongs(acked []int, history []stored) (wrong []string) {
	type key struct {
		sensor string
		time   int64
	}
	count, value := map[key]int{}, map[key]float64{}
	for _, r := range history {
		k := key{r.Sensor, r.Time.UnixMilli()}
		count[k]++
		value[k] = r.Value
	}
	faults := map[string]int{}
	first := map[string]string{}
	note := func(fault string, n int, detail string) {
		if faults[fault]++; faults[fault] == 1 {
			first[fault] = fmt.Sprintf("number %d at %s: %s", n, l.time(n).Format(time.RFC3339Nano), detail)
		}
	}
	seen := map[int]bool{}
	for _, n := range acked {
		if seen[n] {
			note("acknowledged twice", n, "the test itself is wrong")
		}
		seen[n] = true
		for sensor, want := range map[string]float64{"discharge": float64(n), "water_level": level(n), "battery_voltage": 12.5} {
			k := key{sensor, l.time(n).UnixMilli()}
			switch {
			case count[k] == 0:
				note("missing", n, sensor)
			case count[k] > 1:
				note("there more than once", n, sensor)
			case value[k] != want:
				note("of another value", n, fmt.Sprintf("%s is %g, was sent as %g", sensor, value[k], want))
			}
		}
	}
	if extra := len(count) - 3*len(seen); extra > 0 {
		faults["there though never acknowledged"] = extra
	}
	for fault, n := range faults {
		wrong = append(wrong, fmt.Sprintf("%d readings %s; first %s", n, fault, first[fault]))
	}
	return wrong
}

// demand checks a running server that has caught up against the record of the devices, all of which have
// had everything acknowledged.
func (l *load) demand(s *server, acked map[string][]int) {
	l.t.Helper()
	for _, station := range loadStations {
		if len(acked[station]) == 0 {
			l.t.Errorf("%s: nothing was acknowledged: this proves nothing", station)
		}
		for _, wrong := range l.wrongs(acked[station], s.readings(station)) {
			l.t.Errorf("%s: %s", station, wrong)
		}
	}
}

// demandWarnings checks the store of a stopped program: an unbroken audit, one open warning a zone at most,
// editions without gap, and enough of them to prove something.
func demandWarnings(t *testing.T, data string, least int) {
	t.Helper()
	out, bad, code := command(t, "", "tocsin", "audit", "verify", "--data", data)
	if code != 0 || !strings.Contains(out, "unbroken") {
		t.Errorf("audit verify: exit code %d: %s%s", code, out, bad)
	}
	ctx := context.Background()
	store, err := sqlstore.Open(ctx, filepath.Join(data, "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	warnings, err := store.Warnings(ctx, alerting.WarningFilter{Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	open, all := map[string]int{}, 0
	for _, w := range warnings {
		if w.Status.Open() {
			open[w.Zone]++
		}
		editions, err := store.Editions(ctx, w.ID)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range editions {
			if e.Number != i+1 || len(e.CAP) == 0 {
				t.Errorf("warning %s in %s: edition %d stands in place %d with %d bytes of CAP", w.ID, w.Zone, e.Number, i+1, len(e.CAP))
			}
		}
		if len(editions) != w.Edition {
			t.Errorf("warning %s in %s counts %d editions and has %d", w.ID, w.Zone, w.Edition, len(editions))
		}
		all += len(editions)
	}
	for zone, n := range open {
		if n > 1 {
			t.Errorf("%d warnings are open for %s", n, zone)
		}
	}
	if all < least {
		t.Errorf("%d editions of %d warnings, want %d at least: the load is too small to prove anything", all, len(warnings), least)
	}
	t.Logf("%d warnings with %d editions; %s", len(warnings), all, strings.TrimSpace(out))
}

// demandSameHistory compares two histories, corrections and flags included, row by row.
func demandSameHistory(t *testing.T, data, other string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(data, "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // what is attached belongs to one connection
	if _, err := db.Exec("ATTACH ? AS other", filepath.Join(other, "history.db")); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"readings", "revisions"} {
		rows := func(schema string) string {
			return "SELECT s.station, s.sensor, r.time, r.value, r.flag, r.revision, r.delay, r.position, r.part, r.bits, r.marks FROM " +
				schema + "." + table + " r JOIN " + schema + ".series s ON s.id = r.series"
		}
		for _, pair := range [][2]string{{"main", "other"}, {"other", "main"}} {
			query := "SELECT count(*), min(station || '/' || sensor || ' at ' || time || ', flag ' || flag || ', revision ' || revision) FROM (" + rows(pair[0]) + " EXCEPT " + rows(pair[1]) + ")"
			var n int
			var first sql.NullString
			if err := db.QueryRow(query).Scan(&n, &first); err != nil {
				t.Fatal(err)
			}
			if n > 0 {
				t.Errorf("%d rows of %s stand in %s and not in %s (main is %s, other is %s), as %s", n, table, pair[0], pair[1], data, other, first.String)
			}
		}
	}
	var flagged, changed int
	if err := db.QueryRow("SELECT count(*) FROM main.readings WHERE flag = ?", ingest.Suspect).Scan(&flagged); err != nil || flagged == 0 {
		t.Errorf("no flag says anything (%v): this proves nothing", err)
	}
	if err := db.QueryRow("SELECT count(*) FROM main.revisions v JOIN main.readings r USING (series, time) WHERE v.value <> r.value").Scan(&changed); err != nil {
		t.Fatal(err)
	}
	if changed > 0 {
		t.Errorf("%d readings were stored with another value before", changed)
	}
}
