package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// screenshots are those that the documents show, and what a reader may have to load for one.
var screenshots = []string{
	"console-proposal", "console-issued", "console-dark", "phones", "refused", "public-en", "public-en-360", "public-dz-360", "narrow-desk", "narrow-map",
}

const screenshotLimit = 400_000 // bytes

// TestBrowser works the demo in a real browser as the operator on duty and as a resident. The story begins
// at the first page and waits where people must decide, so that nothing depends on how fast the machine is.
func TestBrowser(t *testing.T) {
	console := filepath.Join(repository(t), "dashboards", "console")
	if _, err := os.Stat(filepath.Join(console, "node_modules", "playwright-core")); err != nil {
		t.Fatal("the console's tools are missing; install them with: make console")
	}
	for program, install := range map[string]string{"node": "install Node 20 or later", "chromium": "apt-get install -y chromium"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is missing: %s", program, install)
		}
	}
	demo, base, link, temporary := startDemo(t)
	// Something to quarantine, sent before anybody looks.
	publish(t, demo.wait(`sensors +mqtt://(\S+)`), "stations/thanza/readings", "a lightning stroke, not JSON")
	shots := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "--test", "--test-reporter=spec", "test/browser.test.mjs")
	node.Dir = console
	node.Env = append(os.Environ(), "BASE_URL="+base, "LOGIN_LINK="+link, "SHOTS="+shots, "REFUSED=a lightning stroke", "AGAIN=1")
	if out, err := node.CombinedOutput(); err != nil {
		t.Fatalf("the browser: %v\n%s", err, out)
	}
	keepScreenshots(t, shots)
	ends(t, demo, temporary)
}

// keepScreenshots checks the screenshots and copies them to TOCSIN_SCREENSHOTS where that is set.
func keepScreenshots(t *testing.T, shots string) {
	t.Helper()
	to := os.Getenv("TOCSIN_SCREENSHOTS")
	for _, name := range screenshots {
		data, err := os.ReadFile(filepath.Join(shots, name+".png"))
		if err != nil {
			t.Errorf("there is no screenshot: %v", err)
			continue
		}
		if len(data) > screenshotLimit {
			t.Errorf("%s.png has %d bytes, more than %d", name, len(data), screenshotLimit)
		}
		if to == "" {
			continue
		}
		if err := os.MkdirAll(to, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name+".png"), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
