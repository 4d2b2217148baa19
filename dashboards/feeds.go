package dashboards

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"tocsin/alerting"
)

// feedTypes are the feeds there are, with their media types.
var feedTypes = map[string]string{
	"cap.atom":         "application/atom+xml; charset=utf-8", // RFC 4287
	"cap.rss":          "application/rss+xml; charset=utf-8",
	"warnings.geojson": "application/geo+json", // RFC 7946
}

// feed serves the feeds of the site's own mode at /feeds/{name} and of any mode at /feeds/{mode}/{name}.
func (s *Server) feed(w http.ResponseWriter, r *http.Request) {
	name, mode := r.PathValue("name"), s.config.Mode
	if word := r.PathValue("mode"); word != "" {
		mode = modeOf(word)
	}
	mediaType, known := feedTypes[name]
	if !known || mode == "" || s.deps.Feed == nil {
		problem(w, http.StatusNotFound, "the feeds are cap.atom, cap.rss and warnings.geojson, below /feeds/ or /feeds/{mode}/")
		return
	}
	feed, err := s.deps.Feed(r.Context(), mode, name)
	switch {
	case errors.Is(err, alerting.ErrNotFound):
		problem(w, http.StatusNotFound, "nothing is published in this mode")
		return
	case err != nil:
		s.log.Error("feed not made", "feed", name, "mode", string(mode), "error", err)
		problem(w, http.StatusInternalServerError, "the feed could not be made")
		return
	}
	open(w, "public, max-age=30, must-revalidate")
	serve(w, r, mediaType, feed)
}

// modeOf finds a mode by its name in any case; "" where there is none.
func modeOf(word string) alerting.Mode {
	for _, mode := range []alerting.Mode{alerting.Actual, alerting.Exercise, alerting.System, alerting.Test} {
		if strings.EqualFold(word, string(mode)) {
			return mode
		}
	}
	return ""
}

// capFile serves the exact bytes of an edition, which never change.
func (s *Server) capFile(w http.ResponseWriter, r *http.Request) {
	identifier, isXML := strings.CutSuffix(r.PathValue("file"), ".xml")
	if !isXML || identifier == "" {
		problem(w, http.StatusNotFound, "CAP documents are at /cap/{identifier}.xml")
		return
	}
	edition, err := s.deps.Editions.Edition(r.Context(), identifier)
	switch {
	case errors.Is(err, alerting.ErrNotFound):
		problem(w, http.StatusNotFound, "no warning was published under this identifier")
		return
	case err != nil:
		s.log.Error("edition not read", "identifier", identifier, "error", err)
		problem(w, http.StatusInternalServerError, "the warning could not be read")
		return
	}
	open(w, "public, max-age=31536000, immutable")
	serve(w, r, "application/cap+xml; charset=utf-8", Feed{Body: edition.CAP, Modified: edition.Sent})
}

// serve answers with a document, or with 304 where the client has it (RFC 9110, section 13).
func serve(w http.ResponseWriter, r *http.Request, mediaType string, f Feed) {
	if f.ETag == "" {
		sum := sha256.Sum256(f.Body)
		f.ETag = `"` + hex.EncodeToString(sum[:12]) + `"`
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("ETag", f.ETag)
	http.ServeContent(w, r, "", f.Modified.Truncate(time.Second), bytes.NewReader(f.Body))
}
