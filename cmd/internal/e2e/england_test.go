package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/alerting"
	"tocsin/alerting/cap"
	"tocsin/alerting/skill"
	"tocsin/cmd/internal/england"
)

// The record of England, 8 to 12 February 2016, and what was judged of it by hand.
const (
	englandReadings = 20041
	englandHits     = 31  // rows of expected.csv that say yes
	englandQuiet    = 816 // rows that say no
)

// flood is a level that was reached in a zone, and by which gauge.
type flood struct {
	Zone          string
	Level         alerting.Level
	Onset         string // by the readings
	Rule, Station string
}

// issuedWarning is a warning as an outsider reads it.
type issuedWarning struct {
	ID, Zone, Mode, Status string
	Doubtful               string
	Proposal               *struct{ Doubtful string }
	Editions               []struct {
		Level   alerting.Level
		CAP     string
		MsgType string `json:"msg_type"`
		Sent    time.Time
		Cause   *struct {
			Rule, Station, Sensor string
			Onset                 time.Time
		}
	}
}

// convertEngland makes the site of the record, or skips where the record is not here.
func convertEngland(t *testing.T, options england.Options) (site string) {
	t.Helper()
	folder, ok := england.Folder()
	if !ok {
		t.Skip("the record of England, February 2016, is not here: " + folder)
	}
	record, err := england.Read(folder)
	if err != nil {
		t.Fatal(err)
	}
	site = t.TempDir()
	if err := record.Convert(site, options); err != nil {
		t.Fatal(err)
	}
	return site
}

// TestEnglandEmbedded plays the record over MQTT into the program, which warns by itself, and scores what
// it issued. A rehearsal of the same file must say the same.
func TestEnglandEmbedded(t *testing.T) {
	site := convertEngland(t, england.Options{MQTT: "mqtt: {embedded: {listen: 127.0.0.1:0, anonymous: true}}"})
	s := serveReplay(t, exec.Command(filepath.Join(binaries, "tocsin"),
		"serve", site, "--clock", "mqtt", "--data", t.TempDir(), "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"))
	s.mqtt = s.wait(`sensors +mqtt://(\S+)`)
	replay(t, site, "tcp://"+s.mqtt, englandReadings)
	heard(t, s, englandReadings, "history", "rules")

	anybody := visit(t, "http://"+s.http)
	warnings := issued(t, anybody)
	t.Run("skill", func(t *testing.T) { scored(t, warnings) })
	t.Run("rehearsal", func(t *testing.T) { sameAsRehearsed(t, site, warnings, englandReadings) })
	t.Run("CAP", func(t *testing.T) { soundDocuments(t, anybody, warnings) })
	t.Run("nothing waits", func(t *testing.T) { nothingWaits(t, s) })
	if code := s.stop(); code != 0 {
		t.Errorf("the program ended with code %d after SIGTERM", code)
	}
}

// serveReplay starts the program; its address of the pages is known when it returns.
func serveReplay(t *testing.T, cmd *exec.Cmd) *server {
	t.Helper()
	s := &server{program: launch(t, cmd)}
	s.http = s.wait(`residents' page +http://(\S+)/`)
	return s
}

// replay sends the record in its order of arrival, and the time with it.
func replay(t *testing.T, site, broker string, readings int) {
	t.Helper()
	_, said, code := command(t, "", "sensors-sim", "--broker", broker, "--site", site,
		"--replay", filepath.Join(site, "readings.csv"), "--clock", "--speed", "max")
	if code != 0 || !strings.Contains(said, fmt.Sprintf("readings=%d", readings)) || !strings.Contains(said, "faults=0") {
		t.Fatalf("the replay ended with code %d, want %d readings and no faults:\n%s", code, readings, said)
	}
}

// heard waits until every reading has come in and every reader has applied them. The rules hand a hazard
// to the desk before they count a message as applied, so that then the desk has decided too.
func heard(t *testing.T, s *server, readings int, readers ...string) {
	t.Helper()
	anybody := visit(t, "http://"+s.http)
	eventually(t, func() error {
		values, err := s.metrics()
		if err != nil {
			return err
		}
		if n := values["tocsin_ingest_readings_total"]; n < float64(readings) {
			return fmt.Errorf("%g readings of %d came in", n, readings)
		}
		for _, reader := range readers {
			lag, known := values[`tocsin_ingest_reader_lag_messages{reader="`+reader+`"}`]
			if !known || lag > 0 {
				return fmt.Errorf("reader %s is %g behind (known %v)", reader, lag, known)
			}
		}
		if body, status, err := anybody.fetch("/readyz"); err != nil || status != 200 {
			return fmt.Errorf("/readyz says %d %s (%w)", status, body, err)
		}
		return nil
	})
}

// issued asks for all that was ever said to the public.
func issued(t *testing.T, anybody *visitor) []issuedWarning {
	t.Helper()
	var answer struct{ Warnings []issuedWarning }
	if err := anybody.ask("/api/v1/warnings?limit=1000", &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Warnings
}

// floods are the levels that issued warnings rose to.
func floods(t *testing.T, warnings []issuedWarning) map[flood]bool {
	t.Helper()
	said := map[flood]bool{}
	for _, w := range warnings {
		before := alerting.Level(0)
		for _, e := range w.Editions {
			if e.Level > before {
				if e.Cause == nil {
					t.Fatalf("warning %s of zone %s does not say what it rests on", w.ID, w.Zone)
				}
				said[flood{w.Zone, e.Level, e.Cause.Onset.Format(time.RFC3339), e.Cause.Rule, e.Cause.Station}] = true
			}
			before = e.Level
		}
	}
	return said
}

// episodes are issued warnings as the score takes them: each edition that rises begins one, the next lower
// edition ends it.
func episodes(warnings []issuedWarning) (list []skill.Episode) {
	for _, w := range warnings {
		before := alerting.Level(0)
		for i, e := range w.Editions {
			if e.Level > before && e.Cause != nil {
				episode := skill.Episode{Zone: w.Zone, Level: e.Level, Onset: e.Cause.Onset, Raised: e.Sent}
				for _, later := range w.Editions[i+1:] {
					if later.Level < e.Level {
						episode.Cleared = &later.Sent
						break
					}
				}
				list = append(list, episode)
			}
			before = e.Level
		}
	}
	return list
}

// scored holds what was issued against the judgement: no miss, no false alarm, and each hit began by the
// readings when the first of them was at or above the threshold, or within half an hour: of two gauges in
// one file the first named decides.
func scored(t *testing.T, warnings []issuedWarning) {
	said := episodes(warnings)
	score := skill.Score(judgement(t), said, skill.Options{})
	if score.Hits != englandHits || score.Misses != 0 || score.FalseAlarms != 0 || score.CorrectNegatives != englandQuiet {
		t.Errorf("hits %d, misses %d, false alarms %d, rightly quiet %d; want %d, 0, 0, %d",
			score.Hits, score.Misses, score.FalseAlarms, score.CorrectNegatives, englandHits, englandQuiet)
	}
	for _, row := range score.Rows {
		if row.Outcome == skill.Miss || row.Outcome == skill.FalseAlarm {
			t.Errorf("%s: zone %s level %d", row.Outcome, row.Zone, row.Level)
		}
		if row.Outcome == skill.Hit && !slices.ContainsFunc(said, func(e skill.Episode) bool {
			return e.Zone == row.Zone && e.Level == row.Level && !e.Onset.Before(row.FirstTime)
		}) {
			t.Errorf("zone %s level %d was warned of by readings from before %s, when nothing had been reached", row.Zone, row.Level, row.FirstTime)
		}
	}
}

func judgement(t *testing.T) []skill.Expected {
	t.Helper()
	file, err := os.Open(expectedPath(t))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := skill.ReadExpected("expected.csv", file)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func expectedPath(t *testing.T) string {
	t.Helper()
	return filepath.Join(repository(t), "cmd", "internal", "england", "expected.csv")
}

// rehearsed is what `tocsin rehearse --json` says.
type rehearsed struct {
	Readings, Rejects int
	Warnings          []struct {
		Zone, Rule, Station string
		Level               alerting.Level
		Onset               time.Time
		Raised              time.Time
		Cleared             *time.Time
	}
	Doubtful []json.RawMessage
	Skill    skill.Skill
}

// rehearse runs the command on the site's own readings.
func rehearse(t *testing.T, site string) (report rehearsed) {
	t.Helper()
	out, said, code := command(t, "", "tocsin", "rehearse", site,
		"--readings", filepath.Join(site, "readings.csv"), "--expected", expectedPath(t), "--json")
	if code != 0 {
		t.Fatalf("rehearse ended with code %d: %.2000s", code, said)
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	return report
}

// sameAsRehearsed compares what was issued with what a rehearsal says would have been.
func sameAsRehearsed(t *testing.T, site string, warnings []issuedWarning, readings int) {
	report := rehearse(t, site)
	if report.Readings != readings || report.Rejects != 0 || len(report.Doubtful) != 0 {
		t.Errorf("%d readings, %d rejects, %d doubtful; want %d, 0, 0", report.Readings, report.Rejects, len(report.Doubtful), readings)
	}
	k := report.Skill
	if k.Hits != englandHits || k.Misses != 0 || k.FalseAlarms != 0 || k.CorrectNegatives != englandQuiet ||
		*k.POD != 1 || *k.FAR != 0 || *k.CSI != 1 || k.LeadTimeMinutes == nil {
		t.Errorf("skill %+v", k)
	}
	want := map[flood]bool{}
	for _, e := range report.Warnings {
		want[flood{e.Zone, e.Level, e.Onset.Format(time.RFC3339), e.Rule, e.Station}] = true
	}
	sameFloods(t, floods(t, warnings), want)
}

func sameFloods(t *testing.T, got, want map[flood]bool) {
	t.Helper()
	for _, f := range slices.SortedFunc(maps.Keys(got), byZone) {
		if !want[f] {
			t.Errorf("issued, but not in the rehearsal: %+v", f)
		}
	}
	for _, f := range slices.SortedFunc(maps.Keys(want), byZone) {
		if !got[f] {
			t.Errorf("in the rehearsal, but not issued: %+v", f)
		}
	}
}

func byZone(a, b flood) int {
	return cmp.Or(strings.Compare(a.Zone, b.Zone), cmp.Compare(a.Level, b.Level), strings.Compare(a.Onset, b.Onset))
}

// soundDocuments reads every CAP document that was published.
func soundDocuments(t *testing.T, anybody *visitor, warnings []issuedWarning) {
	dir := t.TempDir()
	var files []string
	for _, w := range warnings {
		for _, e := range w.Editions {
			document := []byte(anybody.get(e.CAP, 200))
			for _, finding := range cap.Check(document) {
				// Some of the agency's outlines cannot be told in 100 pairs without widening them.
				if finding.Class != cap.Practice || finding.Rule != "vertices" {
					t.Errorf("%s: %s", e.CAP, finding)
				}
			}
			alert, err := cap.Parse(document)
			if err != nil || alert.Status != "Exercise" || alert.MsgType != e.MsgType || len(alert.Infos) != 1 || len(alert.Infos[0].Areas) == 0 {
				t.Errorf("%s: %v %+v", e.CAP, err, alert)
			}
			name := filepath.Join(dir, fmt.Sprintf("%d.xml", len(files)))
			if err := os.WriteFile(name, document, 0o600); err != nil {
				t.Fatal(err)
			}
			files = append(files, name)
		}
	}
	if len(files) < englandHits {
		t.Fatalf("%d CAP documents", len(files))
	}
	schema := shared(t, "cap/schema/CAP-v1.2.xsd")
	if schema == "" {
		t.Skip("the OASIS schema is not here: ../shared/data/cap/schema/CAP-v1.2.xsd")
	}
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Fatal("xmllint is missing; install it with: apt-get install -y libxml2-utils")
	}
	args := append([]string{"--noout", "--nonet", "--schema", schema}, files...)
	if out, err := exec.Command(xmllint, args...).CombinedOutput(); err != nil {
		t.Errorf("by the OASIS schema: %v\n%.2000s", err, out)
	}
}

// nothingWaits looks with an operator's eyes: the record holds nothing doubtful, so nothing may be left
// for a person.
func nothingWaits(t *testing.T, s *server) {
	operator := visit(t, "http://"+s.http)
	operator.useLink(s.wait(`first login +(http://\S+)`), "a password of the test")
	for _, status := range []string{"proposed", "approved"} {
		var answer struct{ Warnings []issuedWarning }
		if err := operator.ask("/api/v1/warnings?limit=1000&status="+status, &answer); err != nil {
			t.Fatal(err)
		}
		for _, w := range answer.Warnings {
			t.Errorf("zone %s is %s: %+v", w.Zone, status, w.Proposal)
		}
	}
}
