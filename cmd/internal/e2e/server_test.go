package e2e

import (
	"encoding/csv"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// startMosquitto runs a real Mosquitto with the settings of docs/mosquitto.conf, on a port and with a folder
// of its own, and returns its URL.
func startMosquitto(t *testing.T) string {
	t.Helper()
	binary, err := exec.LookPath("mosquitto")
	if err != nil {
		if binary = "/usr/sbin/mosquitto"; !exists(binary) {
			t.Fatal("mosquitto is missing; install it with: apt-get install -y mosquitto")
		}
	}
	text, err := os.ReadFile(filepath.Join(repository(t), "docs", "mosquitto.conf"))
	if err != nil {
		t.Fatal(err)
	}
	address, dir := freePort(t), t.TempDir()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	config := regexp.MustCompile(`(?m)^listener .*$`).ReplaceAllString(string(text), "listener "+port+" 127.0.0.1")
	config = regexp.MustCompile(`(?m)^persistence_location .*$`).ReplaceAllString(config, "persistence_location "+dir+"/")
	if os.Geteuid() == 0 {
		config += "\nuser root\n" // else it becomes the user mosquitto, who may not write in the test's folder
	}
	file := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	launch(t, exec.Command(binary, "-c", file))
	eventually(t, func() error {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	return "tcp://" + address
}

func exists(name string) bool { _, err := os.Stat(name); return err == nil }

// influxd is a real InfluxDB 1.8 that asks for a password.
type influxd struct {
	t         *testing.T
	url       string
	user, key string
}

// startInfluxd runs one with an empty database.
func startInfluxd(t *testing.T, database string) *influxd {
	t.Helper()
	address, dir := freePort(t), t.TempDir()
	config := fmt.Sprintf(`reporting-disabled = true
bind-address = %q
[meta]
  dir = %q
[data]
  dir = %q
  wal-dir = %q
  query-log-enabled = false
[http]
  bind-address = %q
  auth-enabled = true
  log-enabled = false
[monitor]
  store-enabled = false
[logging]
  level = "error"
  suppress-logo = true
`, freePort(t), filepath.Join(dir, "meta"), filepath.Join(dir, "data"), filepath.Join(dir, "wal"), address)
	file := filepath.Join(dir, "influxd.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	launch(t, exec.Command(findInfluxd(t), "run", "-config", file))
	db := &influxd{t: t, url: "http://" + address, user: "field", key: "field-password"} // 1.8 reads a token only up to a space
	eventually(t, func() error {
		answer, err := http.Get(db.url + "/ping")
		if err != nil {
			return err
		}
		return answer.Body.Close()
	})
	db.query("", fmt.Sprintf("CREATE USER %q WITH PASSWORD '%s' WITH ALL PRIVILEGES", db.user, db.key))
	db.query("", "CREATE DATABASE "+database+" WITH NAME rp")
	return db
}

func findInfluxd(t *testing.T) string {
	t.Helper()
	const install = "influxd 1.8.3 is missing; install it with: GOBIN=$PWD/.tools/bin go install github.com/influxdata/influxdb/cmd/influxd@v1.8.3"
	for _, dir := range []string{os.Getenv("TOCSIN_TOOLS"), filepath.Join(repository(t), ".tools", "bin")} {
		if name := filepath.Join(dir, "influxd"); dir != "" && exists(name) {
			return name
		}
	}
	name, err := exec.LookPath("influxd")
	if err != nil {
		t.Fatal(install)
	}
	return name
}

// query asks in InfluxQL and gives the rows of all series as maps by column.
func (db *influxd) query(database, q string) []map[string]string {
	db.t.Helper()
	form := url.Values{"db": {database}, "q": {q}, "epoch": {"ms"}}
	request, err := http.NewRequestWithContext(db.t.Context(), http.MethodPost, db.url+"/query", strings.NewReader(form.Encode()))
	if err != nil {
		db.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/csv")
	request.SetBasicAuth(db.user, db.key)
	body, status, err := read(http.DefaultClient.Do(request))
	if err != nil || status != http.StatusOK {
		db.t.Fatalf("%s: %d %v %.300s", q, status, err, body)
	}
	lines, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		db.t.Fatalf("%s: %v", q, err)
	}
	var rows []map[string]string
	for i, line := range lines {
		if i == 0 {
			continue
		}
		row := map[string]string{}
		for column, name := range lines[0] {
			row[name] = line[column]
		}
		rows = append(rows, row)
	}
	return rows
}
