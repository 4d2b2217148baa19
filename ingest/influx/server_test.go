package influx

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// install is what a missing influxd is mended with.
const install = "GOBIN=$PWD/.tools/bin go install github.com/influxdata/influxdb/cmd/influxd@v1.8.3   (in the root of the repository)"

// server is a real influxd, one for all tests: it takes seconds to start. Each test has a database.
type server struct {
	t         *testing.T // the test at hand
	binary    string
	dir       string
	http, rpc string // addresses
	process   *exec.Cmd
	database  string
}

var running *server

func TestMain(m *testing.M) {
	code := m.Run()
	if running != nil {
		if running.process != nil {
			_ = running.process.Process.Kill()
			_ = running.process.Wait()
		}
		_ = os.RemoveAll(running.dir)
	}
	os.Exit(code)
}

// newServer gives the server, with an empty database of the test's own.
func newServer(t *testing.T) *server {
	t.Helper()
	if running == nil {
		running = startServer(t)
	}
	running.t, running.database = t, strings.ToLower(t.Name())
	running.query("", fmt.Sprintf("CREATE DATABASE %q WITH NAME rp", running.database))
	return running
}

// startServer starts influxd in a directory of its own. Flux stays off: it costs influxd seconds at each
// start, and neither the write API nor InfluxQL needs it.
func startServer(t *testing.T) *server {
	t.Helper()
	dir, err := os.MkdirTemp("", "influx")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, binary: findInfluxd(t), dir: dir, http: freeAddress(t), rpc: freeAddress(t)}
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
  log-enabled = false
[monitor]
  store-enabled = false
[logging]
  level = "error"
  suppress-logo = true
`, s.rpc, filepath.Join(s.dir, "meta"), filepath.Join(s.dir, "data"), filepath.Join(s.dir, "wal"), s.http)
	if err := os.WriteFile(filepath.Join(s.dir, "influxd.conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	return s
}

// findInfluxd looks in .tools/bin of the repository, then in the path.
func findInfluxd(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	if tool := filepath.Join(dir, ".tools", "bin", "influxd"); exec.Command(tool, "version").Run() == nil {
		return tool
	}
	path, err := exec.LookPath("influxd")
	if err != nil {
		t.Fatalf("influxd 1.8.3 is missing. Install it with\n\t%s", install)
	}
	return path
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func (s *server) url() string { return "http://" + s.http }

// start starts the server and waits until it answers.
func (s *server) start() {
	s.t.Helper()
	s.process = exec.Command(s.binary, "run", "-config", filepath.Join(s.dir, "influxd.conf"))
	output, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = output.Close() }()
	s.process.Stdout, s.process.Stderr = output, output
	if err := s.process.Start(); err != nil {
		s.t.Fatalf("start %s: %v", s.binary, err)
	}
	pause, late := time.NewTicker(20*time.Millisecond), time.After(60*time.Second)
	defer pause.Stop()
	for {
		if answer, err := http.Get(s.url() + "/ping"); err == nil {
			_ = answer.Body.Close()
			return
		}
		select {
		case <-pause.C:
		case <-late:
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			s.t.Fatalf("influxd does not answer:\n%s", log)
		}
	}
}

// stop ends the server by a signal and waits for it.
func (s *server) stop(signal os.Signal) {
	s.t.Helper()
	if err := s.process.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
	_ = s.process.Wait() // its exit code after a signal says nothing
	s.process = nil
}

// query asks in InfluxQL and gives the rows as "name: column=value ...".
func (s *server) query(db, q string) []string {
	s.t.Helper()
	answer, err := http.PostForm(s.url()+"/query", url.Values{"db": {db}, "q": {q}, "epoch": {"ms"}})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	var parsed struct {
		Error   string
		Results []struct {
			Error  string
			Series []struct {
				Name    string
				Columns []string
				Values  [][]json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(body, &parsed); err != nil || parsed.Error != "" || len(parsed.Results) != 1 || parsed.Results[0].Error != "" {
		s.t.Fatalf("%s: %v: %s", q, err, body)
	}
	var rows []string
	for _, series := range parsed.Results[0].Series {
		for _, values := range series.Values {
			words := []string{series.Name + ":"}
			for i, v := range values {
				words = append(words, series.Columns[i]+"="+string(v))
			}
			rows = append(rows, strings.Join(words, " "))
		}
	}
	return rows
}

// write writes line protocol as a stranger would.
func (s *server) write(lines string) {
	s.t.Helper()
	answer, err := http.Post(s.url()+"/write?db="+s.database+"&precision=ms", "text/plain", strings.NewReader(lines))
	if err != nil {
		s.t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		s.t.Fatalf("write %q: %s", lines, answer.Status)
	}
}
