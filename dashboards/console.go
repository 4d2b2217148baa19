package dashboards

import (
	"embed"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

// built is the console as Vite left it in console/dist/app, beside a placeholder that is committed so
// that Go alone builds.
//
//go:embed all:console/dist
var built embed.FS

const (
	consoleIndex       = "console/dist/app/index.html"
	consolePlaceholder = "console/dist/placeholder.html"
)

// console serves the single-page application; who has no session is asked to log in first.
func (s *Server) console(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if _, _, ok := s.caller(r); !ok {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	page, err := built.ReadFile(consoleIndex)
	if err != nil {
		page, err = built.ReadFile(consolePlaceholder)
	}
	if err != nil {
		s.log.Error("console missing from the program", "error", err)
		problem(w, http.StatusInternalServerError, "the console is missing from this program")
		return
	}
	w.Header().Set("Content-Security-Policy", consolePolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(page)
}

// consoleAsset serves scripts, styles and the base map. They are the same for everybody and hold
// nothing of the site; their names carry a hash of their content, so that they may be kept for ever.
func (s *Server) consoleAsset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("path")
	if name == "" {
		http.Redirect(w, r, "/console", http.StatusSeeOther)
		return
	}
	file := "console/dist/app/" + name
	if !fs.ValidPath(file) || !strings.HasPrefix(name, "assets/") {
		problem(w, http.StatusNotFound, "the console has no such file")
		return
	}
	body, err := built.ReadFile(file)
	if err != nil {
		problem(w, http.StatusNotFound, "the console has no such file")
		return
	}
	// The policy of a worker is that of its own script (CSP 3, section 2.4.2).
	w.Header().Set("Content-Security-Policy", consolePolicy)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("Content-Type", mediaTypeOf(file))
	_, _ = w.Write(body)
}

// mediaTypeOf does not ask the machine's own tables first, which differ from one to the next.
func mediaTypeOf(file string) string {
	switch path.Ext(file) {
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".json":
		return "application/json"
	case ".svg":
		return "image/svg+xml"
	}
	if t := mime.TypeByExtension(path.Ext(file)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// bell is the mark of the house: a bell, drawn once.
const bell = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#10243a"/>` +
	`<path d="M16 6a7 7 0 0 0-7 7c0 5-1.6 7-3 8.500h20c-1.400-1.500-3-3.500-3-8.500a7 7 0 0 0-7-7z" fill="#ffb000"/>` +
	`<circle cx="16" cy="24.500" r="2.300" fill="#ffb000"/></svg>`

func (s *Server) favicon(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	_, _ = w.Write([]byte(bell))
}
