package public

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"time"
)

//go:embed page.html
var pageHTML string

//go:embed style.css
var styleCSS string

//go:embed words.json
var wordsJSON []byte

// Renderer draws pages for one site. It is safe for concurrent use.
type Renderer struct {
	page *template.Template
	css  template.CSS
	hash string
}

// New prepares a renderer for the levels of a site.
func New(levels []Level) (*Renderer, error) {
	var words map[string]map[string]string
	if err := json.Unmarshal(wordsJSON, &words); err != nil {
		return nil, fmt.Errorf("public: words.json: %w", err)
	}
	english := words["en"]
	missing := ""
	page, err := template.New("page").Funcs(template.FuncMap{
		"t": func(key string) string {
			if english[key] == "" {
				missing = key
			}
			return english[key]
		},
		"clock": clock, "iso": iso, "lower": strings.ToLower, "title": title, "shape": shape, "paragraphs": paragraphs,
		"args": func(w Warning, now time.Time) map[string]any {
			return map[string]any{"W": w, "L": &w.Level, "Now": now}
		},
	}).Parse(pageHTML)
	if err != nil {
		return nil, fmt.Errorf("public: page.html: %w", err)
	}
	css := strings.ReplaceAll(styleCSS, "\n", "") + palette(levels)
	sum := sha256.Sum256([]byte(css))
	r := &Renderer{
		page: page,
		css:  template.CSS(css), // our own file, and colours that went through Paint
		hash: "sha256-" + base64.StdEncoding.EncodeToString(sum[:]),
	}
	if err := r.Render(io.Discard, everything()); err != nil || missing != "" {
		return nil, fmt.Errorf("public: the page cannot be drawn (missing word %q): %w", missing, err)
	}
	return r, nil
}

// StyleHash is the source expression that allows the page's one style sheet in a Content-Security-Policy.
func (r *Renderer) StyleHash() string { return r.hash }

// Render writes the page.
func (r *Renderer) Render(w io.Writer, v View) error {
	return r.page.Execute(w, struct {
		View
		CSS template.CSS
	}{v, r.css})
}

// everything is a view that takes every branch of the template, so that a word that is missing shows
// when the program starts and not when somebody is in danger.
func everything() View {
	level := Level{Number: 1, Name: "x"}
	at := time.Unix(0, 0).UTC()
	series := []Series{
		{Age: "current", Judged: true, Level: &level, Value: "1", Trend: "x", Time: at},
		{Age: "late", Value: "1", Time: at},
		{Age: "silent", Judged: true, Value: "1", Time: at},
		{Age: "never"},
	}
	warning := Warning{Fallback: true, Expired: true, Level: level, Instruction: "x", CAP: "x"}
	return View{
		Mode: "Test", Old: true, Newest: at, Now: at, SelfTest: at, More: 1, Languages: []Language{{}, {Current: true}},
		Warnings: []Warning{warning, warning}, Ended: []Warning{warning, {}},
		Places: []Place{{}, {Level: &level}}, Stations: []Station{{Invented: true, River: "x", Series: series}},
	}
}

// clock is the time of day, with the date where that is not today.
func clock(now, t time.Time) string {
	if now.Format(time.DateOnly) == t.Format(time.DateOnly) {
		return t.Format("15:04")
	}
	if now.Year() == t.Year() {
		return t.Format("2 Jan 15:04")
	}
	return t.Format("2 Jan 2006 15:04")
}

func iso(t time.Time) string { return t.Format(time.RFC3339) }

func title(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func paragraphs(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == '\n' })
}

// shape draws the mark of a level: a form and a number, so that the colour is not needed.
func shape(level *Level) template.HTML {
	if level == nil {
		return `<svg class="s" viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="10" fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="3 3"/><text x="12" y="17">?</text></svg>`
	}
	n := min(max(level.Number, 0), len(outlines)-1)
	return template.HTML(`<svg class="s l` + strconv.Itoa(n) + `" viewBox="0 0 24 24" aria-hidden="true"><path d="` + // numbers and our own outlines
		outlines[n] + `"/><text x="12" y="` + []string{"17", "19", "17", "17", "17"}[n] + `">` + strconv.Itoa(n) + `</text></svg>`)
}

// outlines are the forms of levels 0 to 4: circle, triangle, diamond, square, octagon.
var outlines = [...]string{
	"M2 12a10 10 0 1 0 20 0 10 10 0 1 0-20 0z", "M12 1 23.5 22H.5z", "M12 .5 23.5 12 12 23.5.5 12z",
	"M2 2h20v20H2z", "M8 1h8l7 7v8l-7 7H8l-7-7V8z",
}
