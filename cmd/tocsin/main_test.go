package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"tocsin/alerting/sqlstore"
	"tocsin/cmd/internal/cli"
)

// tocsin runs a command line in this process.
func tocsin(t *testing.T, stdin string, args ...string) (out, bad string, code int) {
	t.Helper()
	command := root()
	var stdout, stderr bytes.Buffer
	command.SetIn(strings.NewReader(stdin))
	command.SetOut(&stdout)
	command.SetErr(&stderr)
	code = cli.Run(t.Context(), command, args)
	return stdout.String(), stderr.String(), code
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// folder is a site with a store, as after a first start.
func folder(t *testing.T) (site, data string) {
	t.Helper()
	site = filepath.Join(t.TempDir(), "valley")
	if out, bad, code := tocsin(t, "", "init", site); code != 0 || !strings.Contains(out, "tocsin serve") {
		t.Fatalf("init: %d %s %s", code, out, bad)
	}
	data = filepath.Join(site, ".data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	store, err := sqlstore.Open(t.Context(), filepath.Join(data, "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return site, data
}

const (
	town   = `{"type":"Polygon","coordinates":[[[10.0,45.0],[10.1,45.0],[10.1,45.2],[10.0,45.2],[10.0,45.0]]]}`
	people = "id,name,phone,language,lon,lat,consent\nann,Ann,+12025550177,en,10.05,45.1,town meeting of 3 May\n"
	series = `time,station,quantity,value,unit
2026-11-23T06:00:00Z,bridge,water_level,1.20,m
2026-11-23T06:15:00Z,bridge,water_level,1.21,m
2026-11-23T06:30:00Z,bridge,water_level,99,m
2026-11-23T06:45:00Z,bridge,water_level,1.22,m
`
	flood = `time,station,quantity,value,unit
2026-11-23T06:00:00Z,bridge,water_level,2.70,m
2026-11-23T06:15:00Z,bridge,water_level,3.10,m
2026-11-23T06:30:00Z,bridge,water_level,3.20,m
`
	alert = `<?xml version="1.0" encoding="UTF-8"?><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>a</identifier></alert>`
)

// TestCommands holds every small command to its exit code and to what it says: 0 done, 1 bad input, 2 wrong usage.
func TestCommands(t *testing.T) {
	site, data := folder(t)
	dir := t.TempDir()
	empty := t.TempDir()
	area := write(t, dir, "area.geojson", town)
	point := write(t, dir, "point.geojson", `{"type":"Point","coordinates":[10,45]}`)
	list := write(t, dir, "people.csv", people)
	unconsenting := write(t, dir, "unconsenting.csv", strings.Replace(people, "town meeting of 3 May", "", 1))
	misheaded := write(t, dir, "misheaded.csv", "id,name\na,b\n")
	short := write(t, dir, "short.csv", "id,name,phone,language,lon,lat,consent\na,b\n")
	readings, rising := write(t, dir, "series.csv", series), write(t, dir, "flood.csv", flood)
	expected := write(t, dir, "expected.csv", "zone,level,first_time,verdict\nlower-town,1,2026-11-23T06:15:00Z,yes\n")
	unsound := write(t, dir, "unsound.xml", alert)
	broken := filepath.Join(dir, "broken-site")
	if _, _, code := tocsin(t, "", "init", broken); code != 0 {
		t.Fatal("init of a second site")
	}
	write(t, broken, "rules.yaml", "- id: r\n  zone: nowhere\n")

	tests := []struct {
		args  string // separated by blanks
		stdin string
		code  int
		says  string // on standard output where code is 0, else on standard error
	}{
		{"--version", "", 0, "tocsin version"},
		{"", "", 0, "Usage:"},
		{"nonsense", "", 2, `unknown command "nonsense"`},
		{"--nonsense", "", 2, "unknown flag"},
		{"serve", "", 2, "accepts 1 arg"},
		{"serve " + empty + "/none", "", 1, "tocsin init"},
		{"serve --clock sundial " + site, "", 2, "--clock"},
		{"demo more", "", 2, "unknown command"},
		{"demo --speed slow", "", 2, "--speed"},
		{"demo --approve me", "", 2, "takes only: script"},
		{"demo --scenario drought --http 127.0.0.1:0 --mqtt 127.0.0.1:0", "", 1, "drought"},
		{"init", "", 2, "accepts 1 arg"},
		{"init " + site, "", 1, "is not empty"},
		{"check", "", 2, "accepts 1 arg"},
		{"check " + site, "", 0, "good: 1 stations, 1 zones, 1 rules, 1 languages"},
		{"check " + broken, "", 1, "rules.yaml:1"},
		{"check " + empty, "", 1, "tocsin.yaml"},
		{"operator add --data " + data, "", 2, "accepts 1 arg"},
		{"operator add ann", "", 2, "--data DIR is missing"},
		{"operator add --data " + data + " --role king ann", "", 1, "king"},
		{"operator add --data " + empty + " ann", "", 1, "tocsin serve"},
		{"operator add --data " + data + " --role viewer ann", "", 0, "/login/link?token="},
		{"operator add --data " + data + " ann", "", 1, "ann"},
		{"operator link --data " + data + " ann", "", 0, "/login/link?token="},
		{"operator link --data " + data + " nobody", "", 1, "nobody"},
		{"device add --data " + data, "", 2, "accepts 1 arg"},
		{"device add --data " + data + " bridge", "", 0, "user name  bridge"},
		{"device list --data " + data, "", 0, "bridge  added"},
		{"device revoke --data " + data + " bridge", "", 0, ""},
		{"device revoke --data " + data + " bridge", "", 1, "has no password"},
		{"device list --data " + empty, "", 1, "tocsin serve"},
		{"device list", "", 2, "--data DIR is missing"},
		{"device nonsense", "", 2, "nonsense"},
		{"operator nonsense", "", 2, "nonsense"},
		{"recipient import " + site, "", 2, "accepts 2 arg"},
		{"recipient import " + site + " " + misheaded, "", 1, "misheaded.csv:1"},
		{"recipient import " + site + " " + short, "", 1, "short.csv"},
		{"recipient import " + site + " " + unconsenting, "", 1, "consent"},
		{"recipient import " + site + " " + list, "", 0, "1 people added to mode Exercise"},
		{"recipient nonsense", "", 2, "nonsense"},
		{"exposure " + site, "", 2, "--area"},
		{"exposure --area " + area + " " + site, "", 0, "850 people"},
		{"exposure --area " + point + " " + site, "", 1, "point.geojson"},
		{"exposure --area " + dir + "/none " + site, "", 1, "none"},
		{"qc " + site, "", 2, "accepts 2 arg"},
		{"qc " + site + " " + readings, "", 0, "4 readings: 3 pass, 0 not evaluated, 0 suspect, 1 fail; 0 refused"},
		{"qc " + site + " " + dir + "/none.csv", "", 1, "none.csv"},
		{"rehearse " + site, "", 2, "--readings"},
		{"rehearse --readings " + rising + " --expected " + expected + " " + site, "", 0, "Hits 1, misses 0, false alarms 0"},
		{"rehearse --readings " + misheaded + " " + site, "", 1, "misheaded.csv"},
		{"sms", "", 0, "segments"},
		{"sms nonsense", "", 2, "nonsense"},
		{"sms segments more", "", 2, "segments"},
		{"sms segments", "Go uphill now", 0, `"segments": 1`},
		{"cap", "", 0, "check"},
		{"cap nonsense", "", 2, "nonsense"},
		{"cap check", "", 2, "at least 1 arg"},
		{"cap check " + dir + "/none.xml", "", 1, "none.xml"},
		{"cap check " + unsound, "", 1, ""},
		{"explain w", "", 2, "--data"},
		{"explain --data " + data + " w", "", 1, "w"},
		{"audit verify", "", 2, "--data"},
		{"audit verify --data " + data, "", 0, "rows, unbroken"},
		{"audit verify --data " + empty, "", 1, "tocsin serve"},
		{"audit nonsense", "", 2, "nonsense"},
	}
	for _, test := range tests {
		t.Run(strings.ReplaceAll(strings.ReplaceAll(test.args, dir, ""), "/", "|"), func(t *testing.T) {
			behaves(t, test.args, test.stdin, test.code, test.says)
		})
	}
}

// behaves runs a command and holds it to its exit code and to a part of what it says.
func behaves(t *testing.T, args, stdin string, want int, says string) {
	t.Helper()
	out, bad, code := tocsin(t, stdin, strings.Fields(args)...)
	said := bad
	if want == 0 {
		said = out
	}
	if code != want || !strings.Contains(said, says) {
		t.Errorf("code %d, want %d and %q\nout: %s\nerr: %s", code, want, says, out, bad)
	}
	if code == 2 && !strings.Contains(bad, "Usage:") {
		t.Errorf("wrong usage is not answered with the right one: %s", bad)
	}
	if strings.Contains(bad, "+12025550177") || strings.Contains(bad, "panic") {
		t.Errorf("it says what it must not: %s", bad)
	}
}

// TestCapCheckNamesTheFault: what is unsound is told with file and line on standard output.
func TestCapCheckNamesTheFault(t *testing.T) {
	path := write(t, t.TempDir(), "unsound.xml", alert)
	if out, _, code := tocsin(t, "", "cap", "check", path); code != 1 || !strings.Contains(out, path+":line 1") {
		t.Errorf("code %d: %s", code, out)
	}
}

// TestJSONIsForPrograms: with --json standard output holds one JSON value and nothing else.
func TestJSONIsForPrograms(t *testing.T) {
	site, _ := folder(t)
	dir := t.TempDir()
	for _, args := range [][]string{
		{"exposure", site, "--json", "--area", write(t, dir, "area.geojson", town)},
		{"rehearse", site, "--json", "--readings", write(t, dir, "flood.csv", flood)},
		{"sms", "segments"},
	} {
		out, bad, code := tocsin(t, "text", args...)
		if code != 0 || !json.Valid([]byte(out)) {
			t.Errorf("%v: code %d, %s\n%s", args, code, out, bad)
		}
	}
}

// TestHelp walks every command: its help names its arguments and flags, works and ends with 0.
func TestHelp(t *testing.T) {
	var walk func(command *cobra.Command)
	walk = func(command *cobra.Command) {
		path := strings.Fields(command.CommandPath())[1:]
		out, bad, code := tocsin(t, "", append(path, "--help")...)
		if code != 0 || bad != "" || !strings.Contains(out, "Usage:") || !strings.Contains(out, strings.Fields(command.Short)[0]) && command.Long == "" {
			t.Errorf("%s --help: code %d: %s %s", command.CommandPath(), code, out, bad)
		}
		if command.Short == "" || strings.HasSuffix(command.Short, ".") {
			t.Errorf("%s: the short help is %q", command.CommandPath(), command.Short)
		}
		for _, child := range command.Commands() {
			walk(child)
		}
	}
	walk(root())
}

// TestStopIsDone: a program that is told to stop has not failed.
func TestStopIsDone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	command := root()
	command.SetOut(&bytes.Buffer{})
	command.SetErr(&bytes.Buffer{})
	site, _ := folder(t)
	if code := cli.Run(ctx, command, []string{"serve", site, "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"}); code != 0 {
		t.Errorf("serve ends with code %d when it is told to stop", code)
	}
}
