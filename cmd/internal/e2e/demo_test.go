package e2e

import (
	"errors"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/alerting/cap"
)

// startDemo runs the demo with a temporary folder of its own for what it leaves, and returns the addresses
// that it prints.
func startDemo(t *testing.T, args ...string) (demo *program, base, link, temporary string) {
	t.Helper()
	temporary = t.TempDir()
	cmd := exec.Command(filepath.Join(binaries, "tocsin"), append([]string{"demo", "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
	demo = launch(t, cmd)
	base = demo.wait(`residents' page +(http://\S+)/`)
	link = demo.wait(`first login +(http://\S+)`)
	if left, err := os.ReadDir(temporary); err != nil || len(left) != 1 {
		t.Fatalf("the running demo keeps %v in its temporary folder (%v)", left, err)
	}
	return demo, base, link, temporary
}

// ends tells the demo to stop and looks for what it leaves behind.
func ends(t *testing.T, demo *program, temporary string) {
	t.Helper()
	if code := demo.stop(); code != 0 {
		t.Errorf("the demo ended with code %d after SIGTERM", code)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("the demo left %v in its temporary folder (%v)", left, err)
	}
}

// TestDemo follows the demo to an issued warning and reads it as everybody who gets it. The story runs at
// 120 seconds a second: the first warning stands for longer than the test would wait for anything.
func TestDemo(t *testing.T) {
	demo, base, link, temporary := startDemo(t, "--approve", "script", "--speed", "120")
	anybody := visit(t, base)
	var entry atomEntry
	eventually(t, func() error {
		feed, err := anybody.atom("/feeds/cap.atom")
		if err != nil {
			return err
		}
		if len(feed.Entries) == 0 {
			return errors.New("the feed has no entry")
		}
		entry = feed.Entries[0]
		return nil
	})
	if !strings.HasPrefix(entry.document(), base+"/cap/") {
		t.Fatalf("the entry %q links to %q, which is not on %s", entry.Title, entry.document(), base)
	}
	document := anybody.get(entry.document(), 200)
	t.Run("CAP", func(t *testing.T) { soundExercise(t, document) })
	t.Run("phones", func(t *testing.T) {
		operator := visit(t, base)
		operator.useLink(link, "a password of the test")
		spoken(t, operator, map[string]string{"en": "EXERCISE: ", "dz": "སྦྱོང་བརྡར"})
	})
	t.Run("pages", func(t *testing.T) { shownToResidents(t, anybody) })
	t.Run("nothing actual", func(t *testing.T) { nothingActual(t, anybody) })
	ends(t, demo, temporary)
}

// soundExercise reads a CAP document as an aggregator would.
func soundExercise(t *testing.T, document string) {
	if findings := cap.Check([]byte(document)); len(findings) > 0 {
		t.Errorf("the CAP document is not sound: %v", findings)
	}
	alert, err := cap.Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	if alert.Status != "Exercise" || alert.Scope != "Public" {
		t.Errorf("status %s, scope %s", alert.Status, alert.Scope)
	}
	languages := map[string]cap.Info{}
	for _, info := range alert.Infos {
		languages[info.Language] = info
	}
	if !strings.HasPrefix(languages["en"].Headline, "EXERCISE") || !strings.HasPrefix(languages["dz"].Headline, "སྦྱོང་བརྡར") {
		t.Errorf("headlines: %q, %q", languages["en"].Headline, languages["dz"].Headline)
	}
	schema := shared(t, "cap/schema/CAP-v1.2.xsd")
	if schema == "" {
		t.Skip("the OASIS schema is not here: ../shared/data/cap/schema/CAP-v1.2.xsd")
	}
	path := filepath.Join(t.TempDir(), "warning.xml")
	if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Fatal("xmllint is missing; install it with: apt-get install -y libxml2-utils")
	}
	if out, err := exec.Command(xmllint, "--noout", "--nonet", "--schema", schema, path).CombinedOutput(); err != nil {
		t.Errorf("by the OASIS schema: %v\n%s", err, out)
	}
}

// spoken waits until a phone of each language shows a message that begins as it must.
func spoken(t *testing.T, operator *visitor, beginnings map[string]string) {
	t.Helper()
	eventually(t, func() error {
		phones, err := operator.phones()
		if err != nil {
			return err
		}
		heard := map[string]bool{}
		for _, phone := range phones {
			for _, message := range phone.Messages {
				if !strings.HasPrefix(message.Text, beginnings[phone.Language]) {
					t.Fatalf("phone %s (%s) shows %q", phone.ID, phone.Language, message.Text)
				}
				heard[phone.Language] = true
			}
		}
		for language := range beginnings {
			if !heard[language] {
				return fmt.Errorf("no phone shows a message in %s", language)
			}
		}
		return nil
	})
}

// shownToResidents looks for what was published last on the page, in both languages. The warning may be
// updated in between, so the two are asked again until they meet.
func shownToResidents(t *testing.T, anybody *visitor) {
	eventually(t, func() error {
		warnings, err := anybody.warnings()
		if err != nil || len(warnings) == 0 {
			return fmt.Errorf("warnings %v, %w", warnings, err)
		}
		for _, text := range warnings[0].Texts {
			page := anybody.get("/?lang="+text.Language, 200)
			for _, want := range []string{
				`lang="` + text.Language + `"`, `<aside class="mode"`, warnings[0].CAP, html.EscapeString(text.Headline), html.EscapeString(text.Instruction),
			} {
				if !strings.Contains(page, want) {
					return fmt.Errorf("the page in %s does not have %q", text.Language, want)
				}
			}
		}
		if len(warnings[0].Texts) != 2 {
			return fmt.Errorf("published in %d languages", len(warnings[0].Texts))
		}
		return nil
	})
}

// nothingActual holds every feed against the rule that an exercise is never taken for the truth.
func nothingActual(t *testing.T, anybody *visitor) {
	for _, name := range []string{"cap.atom", "cap.rss", "warnings.geojson"} {
		if body := anybody.get("/feeds/"+name, 200); !strings.Contains(body, "EXERCISE") || strings.Contains(body, "Actual") {
			t.Errorf("/feeds/%s does not say that it is an exercise: %.500s", name, body)
		}
		body, status, err := anybody.fetch("/feeds/actual/" + name)
		if err != nil || strings.Contains(body, "/cap/") {
			t.Errorf("/feeds/actual/%s has something (%d, %v): %.500s", name, status, err, body)
		}
	}
}

// TestQuiet runs two days of ordinary weather through the same site, where nothing may ever be proposed.
func TestQuiet(t *testing.T) {
	demo, base, link, temporary := startDemo(t, "--scenario", "quiet", "--approve", "script", "--speed", "max")
	operator := visit(t, base)
	operator.useLink(link, "a password of the test")
	begin := time.Date(1994, time.October, 6, 18, 30, 0, 0, time.UTC)
	eventually(t, func() error {
		warnings, err := operator.warnings()
		if err != nil {
			return err
		}
		if len(warnings) > 0 {
			t.Fatalf("in quiet weather: %+v", warnings[0])
		}
		var site apiSite
		if err := operator.ask("/api/v1/site", &site); err != nil {
			return err
		}
		if told := site.Now.Sub(begin); told < 48*time.Hour {
			return fmt.Errorf("the story has come to %s", told)
		}
		return nil
	})
	watched(t, operator, begin.Add(47*time.Hour))
	if strings.Contains(demo.output(), "waits for your decision") {
		t.Error("something was proposed and is gone")
	}
	ends(t, demo, temporary)
}

// watched makes sure that somebody could have noticed: every station's newest reading is good and recent.
func watched(t *testing.T, operator *visitor, since time.Time) {
	t.Helper()
	var answer struct {
		Stations []struct {
			ID      string
			Sensors []struct {
				ID     string
				Judged bool
				Latest *struct {
					Time time.Time
					Flag int
				}
			}
		}
	}
	if err := operator.ask("/api/v1/stations", &answer); err != nil {
		t.Fatal(err)
	}
	judged := 0
	for _, station := range answer.Stations {
		for _, sensor := range station.Sensors {
			if !sensor.Judged {
				continue
			}
			judged++
			if sensor.Latest == nil || sensor.Latest.Time.Before(since) || sensor.Latest.Flag > 2 {
				t.Errorf("%s/%s last said %+v: its silence proves nothing", station.ID, sensor.ID, sensor.Latest)
			}
		}
	}
	if judged < 6 {
		t.Errorf("only %d sensors are judged", judged)
	}
}
