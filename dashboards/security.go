package dashboards

import (
	"net/http"
	"strings"
)

// consolePolicy lets the console load what the program itself serves and nothing else. There is no
// inline script and no inline style; styles set by script through the CSSOM are not subject to it
// (CSP 3, section 8.3).
const consolePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; " +
	"font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// closedPolicy is for answers that are no pages.
const closedPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// pagePolicy is for pages whose one inline style sheet has the given hash ("sha256-…"); they run no script.
func pagePolicy(hash string) string {
	return "default-src 'none'; style-src '" + hash + "'; img-src 'self' data:; " +
		"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

// secure sets the headers that every answer carries; a handler may replace the policy by its own.
func (s *Server) secure(next http.Handler) http.Handler {
	https := strings.HasPrefix(s.config.PublicURL, "https://")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", closedPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer") // a login link carries its secret in the address
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		if https {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// open marks an answer as public data that pages of other sites may read. Cookies never go with it:
// browsers refuse credentials where the allowed origin is "*".
func open(w http.ResponseWriter, caching string) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Expose-Headers", "ETag")
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	w.Header().Set("Cache-Control", caching)
}
