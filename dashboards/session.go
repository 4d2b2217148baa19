package dashboards

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"strings"
	"time"

	"tocsin/alerting"
)

const sessionLife = 12 * time.Hour // of the cookie; the session itself ends where Sessions says so

//go:embed login.html
var loginHTML string

//go:embed login.css
var loginCSS string

var (
	loginTemplate = template.Must(template.New("login").Parse(loginHTML))
	loginPolicy   = pagePolicy(styleHash(loginCSS))
)

// styleHash is the source expression that allows one inline style sheet (CSP 3, section 2.3.1).
func styleHash(css string) string {
	sum := sha256.Sum256([]byte(css))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func (s *Server) cookieName() string {
	if strings.HasPrefix(s.config.PublicURL, "https://") {
		return "__Host-tocsin" // RFC 6265bis, section 4.1.3.2: bound to this host and to https
	}
	return "tocsin"
}

func (s *Server) setSession(w http.ResponseWriter, secret string) {
	cookie := &http.Cookie{
		Name: s.cookieName(), Value: secret, Path: "/", HttpOnly: true,
		Secure:   strings.HasPrefix(s.config.PublicURL, "https://"),
		SameSite: http.SameSiteStrictMode, MaxAge: int(sessionLife.Seconds()),
	}
	if secret == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

// caller is who asks: ok false for anybody without a living session.
func (s *Server) caller(r *http.Request) (operator alerting.Operator, secret string, ok bool) {
	cookie, err := r.Cookie(s.cookieName())
	if err != nil || cookie.Value == "" {
		return alerting.Operator{}, "", false
	}
	operator, err = s.deps.Sessions.Session(r.Context(), cookie.Value)
	if err != nil {
		if !denied(err) {
			s.log.Error("session lookup failed", "error", err)
		}
		return alerting.Operator{}, "", false
	}
	return operator, cookie.Value, true
}

func denied(err error) bool { return errors.Is(err, ErrDenied) || errors.Is(err, alerting.ErrNotFound) }

// loginForm is what the login template shows.
type loginForm struct {
	CSS   template.CSS
	Site  string
	Mode  alerting.Mode
	Title string
	Link  string // the secret of a one-time link, where one was followed
	Name  string
	Error string
	Done  bool
}

func (s *Server) showLogin(w http.ResponseWriter, status int, form loginForm) {
	form.CSS = template.CSS(loginCSS) // our own embedded file
	form.Site, form.Mode = s.config.SiteName, s.config.Mode
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", loginPolicy)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := loginTemplate.Execute(w, form); err != nil {
		s.log.Warn("login page not written", "error", err)
	}
}

func (s *Server) loginPage(w http.ResponseWriter, r *http.Request) {
	if _, _, ok := s.caller(r); ok {
		http.Redirect(w, r, "/console", http.StatusSeeOther)
		return
	}
	s.showLogin(w, http.StatusOK, loginForm{Title: "Sign in"})
}

func (s *Server) loginPost(w http.ResponseWriter, r *http.Request) {
	name := strings.ToLower(strings.TrimSpace(r.PostFormValue("name")))
	form := loginForm{Title: "Sign in", Name: name}
	s.enter(w, r, form, "Name or password is wrong.", func(ctx context.Context) (string, error) {
		return s.deps.Sessions.Login(ctx, name, r.PostFormValue("password"), address(r))
	})
}

// linkPage asks for a password. It leaves the link unused: a mail scanner that follows it burns nothing.
func (s *Server) linkPage(w http.ResponseWriter, r *http.Request) {
	s.showLogin(w, http.StatusOK, loginForm{Title: "Choose a password", Link: r.URL.Query().Get("token")})
}

func (s *Server) linkPost(w http.ResponseWriter, r *http.Request) {
	form := loginForm{Title: "Choose a password", Link: r.PostFormValue("token")}
	if s.deps.Links == nil {
		problem(w, http.StatusNotFound, "this program gives out no login links")
		return
	}
	if r.PostFormValue("password") != r.PostFormValue("again") {
		form.Error = "The two passwords differ."
		s.showLogin(w, http.StatusUnprocessableEntity, form)
		return
	}
	s.enter(w, r, form, "This link was used before or has run out. Ask for a new one: tocsin operator link.",
		func(ctx context.Context) (string, error) {
			return s.deps.Links.UseLink(ctx, form.Link, r.PostFormValue("password"))
		})
}

// enter runs an attempt to get in within the limits, and answers it.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, form loginForm, wrong string,
	attempt func(context.Context) (string, error),
) {
	from := address(r)
	if !s.login.allowed(from) {
		form.Error = "Too many attempts. Wait five minutes."
		w.Header().Set("Retry-After", "300")
		s.showLogin(w, http.StatusTooManyRequests, form)
		return
	}
	if !s.login.enter(r) {
		return
	}
	secret, err := attempt(r.Context())
	s.login.exit()
	switch {
	case err == nil:
		s.login.succeeded(from)
		s.setSession(w, secret)
		http.Redirect(w, r, "/console", http.StatusSeeOther)
	case errors.Is(err, ErrRefused):
		form.Error = sentence(err)
		s.showLogin(w, http.StatusUnprocessableEntity, form)
	case denied(err):
		s.login.failed(from)
		form.Error = wrong
		s.showLogin(w, http.StatusUnauthorized, form)
	default:
		s.log.Error("login failed", "error", err)
		form.Error = "The program could not check this; its log says why."
		s.showLogin(w, http.StatusInternalServerError, form)
	}
}

// sentence is the outer words of an error that wraps ErrRefused.
func sentence(err error) string {
	return strings.TrimSuffix(strings.TrimPrefix(err.Error(), ErrRefused.Error()+": "), ": "+ErrRefused.Error())
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	if _, secret, ok := s.caller(r); ok {
		if err := s.deps.Sessions.Logout(r.Context(), secret); err != nil {
			s.log.Error("logout failed", "error", err)
			problem(w, http.StatusInternalServerError, "the session could not be ended")
			return
		}
	}
	s.setSession(w, "")
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}
