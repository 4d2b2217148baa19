package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const secret = "a password of the test"

// TestInitSite lives the first hour of a newcomer's own site, as the README tells it: one reading by
// mosquitto_pub, one decision by a person who logged in, text messages, and the all-clear after a restart.
func TestInitSite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "my-valley")
	works(t, "init", dir)
	works(t, "check", dir)
	served := serveSite(t, dir)
	link := served.program.wait(`first login +(http://\S+)`)
	administrator := visit(t, served.base)
	administrator.useLink(link, secret)

	readmeReading(t, served.mqtt)
	proposed := waitFor(t, administrator, func(w apiWarning) bool { return w.Proposal != nil && w.Proposal.Action == "issue" })
	if proposed.Edition != 0 {
		t.Errorf("something was issued before anybody agreed: %+v", proposed)
	}
	data := filepath.Join(dir, ".data")
	refusedToOthers(t, served, data, proposed)

	chief := visit(t, served.base)
	chief.useLink(served.base+invited(t, works(t, "operator", "add", "--data", data, "--name", "Chief", "chief")), secret)
	if body, status := chief.post("/api/v1/warnings/"+proposed.ID+"/approve", map[string]any{"version": proposed.Version}); status != 200 {
		t.Fatalf("the approver is refused: %d %s", status, body)
	}
	issued := waitFor(t, chief, func(w apiWarning) bool { return w.Status == "issued" })
	if issued.ID != proposed.ID || issued.Edition != 1 || issued.Level != 2 || issued.People != 850 {
		t.Errorf("issued: %+v", issued)
	}
	spoken(t, chief, map[string]string{"en": "EXERCISE: Flood watch for Lower town"})
	if feed, err := visit(t, served.base).atom("/feeds/cap.atom"); err != nil || len(feed.Entries) != 1 || !strings.HasPrefix(feed.Entries[0].document(), served.base) {
		t.Errorf("feed: %+v, %v", feed, err)
	}
	if code := served.program.stop(); code != 0 {
		t.Fatalf("the first run ended with code %d", code)
	}
	afterRestart(t, dir, issued, chief)
}

// afterRestart starts the site again, an hour later by the clock of an exercise, and lets the river fall.
func afterRestart(t *testing.T, dir string, issued apiWarning, chief *visitor) {
	t.Helper()
	served := serveSite(t, dir, "--clock", "mqtt")
	if strings.Contains(served.program.output(), "first login") {
		t.Error("the second start prints a login link")
	}
	chief.base = served.base // a cookie is for the host, whatever the port
	kept := waitFor(t, chief, func(w apiWarning) bool { return w.ID == issued.ID })
	if kept.Status != "issued" || kept.Version != issued.Version || kept.Identifier != issued.Identifier {
		t.Errorf("after the restart: %+v, before: %+v", kept, issued)
	}
	later := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	publish(t, served.mqtt, "tocsin/clock", fmt.Sprintf(`{"now": %q}`, later.Format(time.RFC3339)))
	publish(t, served.mqtt, "stations/bridge/readings", fmt.Sprintf(`{"time": %q, "water_level": 1.9}`, later.Format(time.RFC3339)))
	falling := waitFor(t, chief, func(w apiWarning) bool { return w.Proposal != nil && w.Proposal.Action == "all_clear" })
	if body, status := chief.post("/api/v1/warnings/"+falling.ID+"/approve", map[string]any{"version": falling.Version}); status != 200 {
		t.Fatalf("the all-clear is refused: %d %s", status, body)
	}
	waitFor(t, chief, func(w apiWarning) bool { return w.Status == "ended" && w.Edition == 2 })
	eventually(t, func() error {
		phones, err := chief.phones()
		for _, phone := range phones {
			if n := len(phone.Messages); n != 2 || !strings.Contains(phone.Messages[n-1].Text, "is over") {
				return fmt.Errorf("phone %s shows %+v", phone.ID, phone.Messages)
			}
		}
		return err
	})
	data := filepath.Join(dir, ".data")
	story := works(t, "explain", "--data", data, issued.ID)
	for _, want := range []string{"Old bridge 3.90 m", "chief approved it", "chief gave the all-clear", issued.Identifier, "SHA-256"} {
		if !strings.Contains(story, want) {
			t.Errorf("explain does not tell of %q:\n%s", want, story)
		}
	}
	if rows := works(t, "audit", "verify", "--data", data); !regexp.MustCompile(`^[1-9]\d* rows, unbroken\n$`).MatchString(rows) {
		t.Errorf("audit verify says %q", rows)
	}
	if code := served.program.stop(); code != 0 {
		t.Errorf("the second run ended with code %d", code)
	}
}

// refusedToOthers lets a passer-by and a viewer try to approve.
func refusedToOthers(t *testing.T, served valley, data string, w apiWarning) {
	t.Helper()
	path, version := "/api/v1/warnings/"+w.ID+"/approve", map[string]any{"version": w.Version}
	passerBy := visit(t, served.base)
	if list, err := passerBy.warnings(); err != nil || len(list) > 0 {
		t.Errorf("a passer-by sees the proposal: %+v, %v", list, err)
	}
	if body, status := passerBy.post(path, version); status != 401 {
		t.Errorf("a passer-by who approves is answered %d, want 401: %s", status, body)
	}
	viewer := visit(t, served.base)
	viewer.useLink(served.base+invited(t, works(t, "operator", "add", "--data", data, "--role", "viewer", "watcher")), secret)
	if body, status := viewer.post(path, version); status != 403 {
		t.Errorf("a viewer who approves is answered %d, want 403: %s", status, body)
	}
	// A new link ends the viewer's session.
	works(t, "operator", "link", "--data", data, "watcher")
	if _, err := viewer.phones(); err == nil {
		t.Error("the viewer's session outlives a new link")
	}
	still := waitFor(t, forecaster(t, served, data), func(found apiWarning) bool { return found.ID == w.ID })
	if still.Version != w.Version || still.Edition != 0 {
		t.Errorf("the refused steps changed the warning: %+v", still)
	}
}

// forecaster is a forecaster, who sees everything and decides nothing.
func forecaster(t *testing.T, served valley, data string) *visitor {
	t.Helper()
	v := visit(t, served.base)
	v.useLink(served.base+invited(t, works(t, "operator", "add", "--data", data, "--role", "forecaster", "forecaster")), secret)
	return v
}

// valley is a site that is served.
type valley struct {
	program    *program
	base, mqtt string
}

func serveSite(t *testing.T, dir string, args ...string) valley {
	t.Helper()
	p := start(t, "tocsin", append([]string{"serve", dir, "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"}, args...)...)
	base, mqtt := p.wait(`residents' page +(http://\S+)/`), p.wait(`sensors +mqtt://(\S+)`)
	eventually(t, func() error {
		if _, status, err := visit(t, base).fetch("/readyz"); err != nil || status != 200 {
			return fmt.Errorf("readyz: %d %w", status, err)
		}
		return nil
	})
	return valley{p, base, mqtt}
}

// works runs a command of tocsin that must end well and returns what it says.
func works(t *testing.T, args ...string) string {
	t.Helper()
	out, bad, code := command(t, "", "tocsin", args...)
	if code != 0 {
		t.Fatalf("tocsin %s: code %d: %s", strings.Join(args, " "), code, bad)
	}
	return out
}

var invitation = regexp.MustCompile(`/login/link\?token=\S+`)

func invited(t *testing.T, said string) string {
	t.Helper()
	link := invitation.FindString(said)
	if link == "" {
		t.Fatalf("there is no login link in %q", said)
	}
	return link
}

// waitFor waits for a warning that fits.
func waitFor(t *testing.T, v *visitor, fits func(apiWarning) bool) (found apiWarning) {
	t.Helper()
	eventually(t, func() error {
		list, err := v.warnings()
		if err != nil {
			return err
		}
		for _, w := range list {
			if fits(w) {
				found = w
				return nil
			}
		}
		return fmt.Errorf("not among %d warnings: %+v", len(list), list)
	})
	return found
}

// publish sends one message as a logger would.
func publish(t *testing.T, broker, topic, payload string) {
	t.Helper()
	shell(t, broker, "mosquitto_pub", "-q", "1", "-t", topic, "-m", payload)
}

func shell(t *testing.T, broker, name string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("mosquitto_pub"); err != nil {
		t.Fatal("mosquitto_pub is missing; install it with: apt-get install -y mosquitto-clients")
	}
	host, port, err := net.SplitHostPort(broker)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(name, append(args, "-h", host, "-p", port)...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
}

// readmeReading sends the very reading that the README tells newcomers to send.
func readmeReading(t *testing.T, broker string) {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(repository(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^mosquitto_pub .*$`).FindString(string(readme))
	if line == "" {
		t.Fatal(errors.New("the README shows no reading to send with mosquitto_pub"))
	}
	shell(t, broker, "sh", "-c", line+` "$@"`, "sh")
}
