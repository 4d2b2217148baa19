package e2e

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// visitor is somebody with a browser of their own before the pages of a running program.
type visitor struct {
	t    *testing.T
	base string // "http://127.0.0.1:1234"
	http *http.Client
}

func visit(t *testing.T, base string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, strings.TrimSuffix(base, "/"), &http.Client{Jar: jar, Timeout: patience}}
}

// get reads a page and expects its status.
func (v *visitor) get(path string, status int) string {
	v.t.Helper()
	body, got, err := v.fetch(path)
	if err != nil || got != status {
		v.t.Fatalf("GET %s: %d, want %d: %v %.300s", path, got, status, err, body)
	}
	return body
}

func (v *visitor) fetch(path string) (body string, status int, err error) {
	if !strings.HasPrefix(path, "http://") {
		path = v.base + path
	}
	return read(v.http.Get(path))
}

func read(answer *http.Response, err error) (string, int, error) {
	if err != nil {
		return "", 0, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return string(body), answer.StatusCode, err
}

// ask reads an answer of the API into out.
func (v *visitor) ask(path string, out any) error {
	body, status, err := v.fetch(path)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("GET %s: %d: %.300s", path, status, body)
	}
	return json.Unmarshal([]byte(body), out)
}

// post sends JSON and returns the status and body of the answer.
func (v *visitor) post(path string, in any) (body string, status int) {
	v.t.Helper()
	data, err := json.Marshal(in)
	if err != nil {
		v.t.Fatal(err)
	}
	body, status, err = read(v.http.Post(v.base+path, "application/json", strings.NewReader(string(data))))
	if err != nil {
		v.t.Fatal(err)
	}
	return body, status
}

// form sends a form, follows to where it leads and returns that page's path.
func (v *visitor) form(path string, fields ...string) (landed string, status int) {
	v.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	answer, err := v.http.PostForm(v.base+path, values)
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.Request.URL.Path, answer.StatusCode
}

// useLink follows a one-time login link, chooses a password and must come to the console.
func (v *visitor) useLink(link, password string) {
	v.t.Helper()
	at, err := url.Parse(link)
	if err != nil {
		v.t.Fatal(err)
	}
	v.get(at.RequestURI(), http.StatusOK)
	landed, status := v.form("/login/link", "token", at.Query().Get("token"), "password", password, "again", password)
	if landed != "/console" || status != http.StatusOK {
		v.t.Fatalf("the login link leads to %s with status %d", landed, status)
	}
}

// The shapes of the API as an outsider reads them.

type apiSite struct {
	Mode string    `json:"mode"`
	Now  time.Time `json:"now"`
}

type apiText struct{ Language, Headline, Description, Instruction, SMS string }

type apiWarning struct {
	ID, Mode, Hazard, Zone, Status, Identifier, CAP string
	Level, Edition, People                          int
	Version                                         int64
	Texts                                           []apiText
	Proposal                                        *struct {
		Action, Words, Doubtful string
		Level                   int
	}
}

func (v *visitor) warnings() (list []apiWarning, err error) {
	var answer struct{ Warnings []apiWarning }
	return answer.Warnings, v.ask("/api/v1/warnings", &answer)
}

type apiPhone struct {
	ID, Language string
	Messages     []struct {
		Text, State, Warning string
		Edition              int
	}
}

func (v *visitor) phones() (list []apiPhone, err error) {
	var answer struct{ Phones []apiPhone }
	return answer.Phones, v.ask("/api/v1/phones", &answer)
}

// atom is what a reader of the Atom feed sees.
type atom struct {
	Title   string      `xml:"title"`
	Entries []atomEntry `xml:"entry"`
}

type atomEntry struct {
	Title string `xml:"title"`
	Links []struct {
		Rel  string `xml:"rel,attr"`
		Type string `xml:"type,attr"`
		Href string `xml:"href,attr"`
	} `xml:"link"`
}

// document is the address of the entry's CAP document.
func (e atomEntry) document() string {
	for _, link := range e.Links {
		if link.Type == "application/cap+xml" {
			return link.Href
		}
	}
	return ""
}

func (v *visitor) atom(path string) (feed atom, err error) {
	body, status, err := v.fetch(path)
	if err != nil || status != http.StatusOK {
		return feed, fmt.Errorf("GET %s: %d %w", path, status, err)
	}
	return feed, xml.Unmarshal([]byte(body), &feed)
}

// repository is the root of the project.
func repository(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// shared is a file of the data beside the repository; empty where it is not there.
func shared(t *testing.T, path string) string {
	t.Helper()
	data := os.Getenv("TOCSIN_DATA")
	if data == "" {
		data = filepath.Join(repository(t), "..", "shared", "data")
	}
	path = filepath.Join(data, path)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}
