package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDevicesWithPasswords runs a site that takes no anonymous device: by the commands of the program a
// station gets a password, publishes what is its own and nothing else, and loses it again, all while the
// program runs.
func TestDevicesWithPasswords(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "valley")
	works(t, "init", dir)
	closeToStrangers(t, dir)
	data := filepath.Join(dir, ".data")
	if out, bad, code := command(t, "", "tocsin", "device", "list", "--data", data); code != 1 || !strings.Contains(bad, "tocsin serve") {
		t.Errorf("a folder where nothing was served: code %d, %q, %q", code, out, bad)
	}
	served := serveSite(t, dir)
	if said := served.program.output(); !strings.Contains(said, "tocsin device add") {
		t.Errorf("the start does not tell that every device will be refused:\n%s", said)
	}

	bridge := newDevice(t, data, "bridge")
	weir := newDevice(t, data, "weir")
	if list := works(t, "device", "list", "--data", data); !regexp.MustCompile(`^bridge +added \S+\nweir +added \S+\n$`).MatchString(list) {
		t.Errorf("device list says %q", list)
	}
	published := func(topic string, value float64, who ...string) (said string, ok bool) {
		return publishAs(t, served.mqtt, topic, fmt.Sprintf(`{"water_level": %g}`, value), who...)
	}

	if said, ok := published("stations/bridge/readings", 1.01, "-u", "bridge", "-P", bridge); !ok {
		t.Fatalf("the device is refused: %s", said)
	}
	for name, c := range map[string]struct {
		topic, want string
		who         []string
	}{
		"anonymous":            {"stations/bridge/readings", "bad user name or password", nil},
		"wrong password":       {"stations/bridge/readings", "bad user name or password", []string{"-u", "bridge", "-P", weir}},
		"no password":          {"stations/bridge/readings", "bad user name or password", []string{"-u", "bridge"}},
		"unknown user":         {"stations/bridge/readings", "bad user name or password", []string{"-u", "lake", "-P", bridge}},
		"another's topic":      {"stations/bridge/readings", "not authori", []string{"-u", "weir", "-P", weir}},
		"the clock":            {"tocsin/clock", "not authori", []string{"-u", "bridge", "-P", bridge}},
		"outside the stations": {"elsewhere", "not authori", []string{"-u", "bridge", "-P", bridge}},
	} {
		if said, ok := published(c.topic, 1.99, c.who...); ok || !strings.Contains(strings.ToLower(said), c.want) {
			t.Errorf("%s: taken %v, said %q", name, ok, said)
		}
	}

	works(t, "device", "revoke", "--data", data, "bridge")
	if said, ok := published("stations/bridge/readings", 1.98, "-u", "bridge", "-P", bridge); ok {
		t.Errorf("a revoked device is taken: %s", said)
	}
	renewed := newDevice(t, data, "bridge")
	if said, ok := published("stations/bridge/readings", 1.02, "-u", "bridge", "-P", renewed); !ok {
		t.Errorf("the device is refused with its new password: %s", said)
	}
	operator := visit(t, served.base)
	operator.useLink(served.program.wait(`first login +(http://\S+)`), secret)
	holds(t, served, operator, "bridge", 1.01, 1.02)
	if code := served.program.stop(); code != 0 {
		t.Errorf("it ended with code %d", code)
	}
	deviceFaults(t, dir, data)
}

// deviceFaults asks for what the commands must refuse, or warn of.
func deviceFaults(t *testing.T, dir, data string) {
	t.Helper()
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{0, `no station "lake"`, []string{"add", "--data", data, "--site", dir, "lake"}},
		{1, "has a password already", []string{"add", "--data", data, "bridge"}},
		{1, "cannot be a part of an MQTT topic", []string{"add", "--data", data, "a/b"}},
		{1, "has no password", []string{"revoke", "--data", data, "nobody"}},
		{2, "--data DIR is missing", []string{"list"}},
		{2, "", []string{"add", "--data", data}},
	} {
		if _, bad, code := command(t, "", "tocsin", append([]string{"device"}, c.args...)...); code != c.code || !strings.Contains(bad, c.want) {
			t.Errorf("device %s: code %d, %q", strings.Join(c.args, " "), code, bad)
		}
	}
}

// closeToStrangers turns the anonymous devices of a new site off.
func closeToStrangers(t *testing.T, dir string) {
	t.Helper()
	file := filepath.Join(dir, "tocsin.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	closed := strings.Replace(string(text), "\n    anonymous: true\n", "\n    anonymous: false\n", 1)
	if closed == string(text) {
		t.Fatal("init's site does not say anonymous: true")
	}
	if err := os.WriteFile(file, []byte(closed), 0o600); err != nil {
		t.Fatal(err)
	}
}

// newDevice adds a device and returns the password that it is told once.
func newDevice(t *testing.T, data, station string) string {
	t.Helper()
	said := works(t, "device", "add", "--data", data, station)
	found := regexp.MustCompile(`(?m)^user name +(\S+)\npassword +(\S+) `).FindStringSubmatch(said)
	if found == nil || found[1] != station {
		t.Fatalf("device add says %q", said)
	}
	return found[2]
}

// publishAs sends one message with mosquitto_pub in MQTT 5, which is told why it is refused.
func publishAs(t *testing.T, broker, topic, payload string, who ...string) (said string, ok bool) {
	t.Helper()
	program, err := exec.LookPath("mosquitto_pub")
	if err != nil {
		t.Fatal("mosquitto_pub is missing; install it with: apt-get install -y mosquitto-clients")
	}
	host, port, err := net.SplitHostPort(broker)
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-V", "5", "-q", "1", "-h", host, "-p", port, "-t", topic, "-m", payload}, who...)
	out, err := exec.Command(program, args...).CombinedOutput()
	return string(out), err == nil && len(out) == 0
}

// holds waits until all that came is stored, and wants a station's values to be these and no others.
func holds(t *testing.T, served valley, operator *visitor, station string, want ...float64) {
	t.Helper()
	(&server{program: served.program, http: strings.TrimPrefix(served.base, "http://"), mqtt: served.mqtt}).caughtUp()
	var page struct{ Readings []stored }
	if err := operator.ask("/api/v1/stations/"+station+"/readings?limit=1000", &page); err != nil {
		t.Fatal(err)
	}
	var values []float64
	for _, r := range page.Readings {
		values = append(values, r.Value)
	}
	if !slices.Equal(values, want) {
		t.Errorf("station %s holds %v, want %v", station, values, want)
	}
}
