package dashboards

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/paulmach/orb"

	"tocsin/alerting"
	"tocsin/geo"
	"tocsin/ingest"
)

// Config is what the pages need to know of the site. Validate says what is missing.
type Config struct {
	Mode       alerting.Mode
	SiteName   string
	Languages  []string // BCP 47; the first is the main one
	LevelNames map[alerting.Level]alerting.LevelName
	Location   *time.Location // the site's time zone
	Network    *ingest.Network
	Zones      []geo.Zone
	// PublicURL is how residents reach the site, without a trailing slash; https makes the cookies Secure.
	PublicURL string
	// About is a sentence shown on every page of a site that tells a story ("A story after the flood of 1994").
	About string
	// Now is the site's clock: ages, "current" and expiry are judged by it. Caches and network timeouts
	// use the machine's.
	Now func() time.Time
	Log *slog.Logger
}

var colour = regexp.MustCompile(`^([a-zA-Z]{1,30}|#[0-9a-fA-F]{3}|#[0-9a-fA-F]{6})$`)

// Validate reports every missing or impossible field at once.
func (c Config) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("dashboards: "+format, args...))
		}
	}
	_, err := alerting.ParseMode(string(c.Mode))
	fault(err != nil, "mode %q is not a mode", c.Mode)
	fault(c.SiteName == "", "the site has no name")
	fault(len(c.Languages) == 0, "no language is given")
	fault(len(c.LevelNames) == 0, "no level has a name")
	for level, name := range c.LevelNames {
		fault(level < 1 || level > alerting.MaxLevel, "level %d does not exist", level)
		// The colour is written into a style sheet: nothing but a colour may stand there.
		fault(!colour.MatchString(name.Colour), "colour %q of level %d is not a CSS name or #rrggbb", name.Colour, level)
	}
	fault(c.Location == nil, "the time zone is missing")
	fault(c.Network == nil, "the network of stations is missing")
	fault(c.Now == nil, "the clock is missing")
	fault(c.Log == nil, "the log is missing")
	return errors.Join(faults...)
}

// Deps are the questions the pages ask of the other rooms. History, Warnings, Editions and Sessions are
// needed; a nil elsewhere switches off what depends on it (its routes answer 404). Everything here is
// called from many goroutines at once.
type Deps struct {
	History    ingest.History
	Warnings   Warnings
	Editions   Editions
	Sessions   Sessions
	Links      Links
	Desk       Desk
	Rejects    Rejects
	Deliveries Deliveries
	// Phones lists the test phones with what each shows; never asked in mode Actual.
	Phones func(ctx context.Context) ([]Phone, error)
	// Feed is a feed of a mode by file name ("cap.atom", "cap.rss", "warnings.geojson");
	// alerting.ErrNotFound for a mode or name that is not published.
	Feed func(ctx context.Context, mode alerting.Mode, name string) (Feed, error)
	// Levels is the level that the rules hold for each station now, by sound evidence; stations at level 0
	// may be left out.
	Levels func() map[string]alerting.Level
	// Judged says whether any rule reads the sensor; where it is nil, whether it has thresholds.
	Judged func(station, sensor string) bool
	// Thresholds are the lines of a sensor's hydrograph.
	Thresholds func(station, sensor string) []alerting.Threshold
	// Exposure counts the people inside an area (longitude, latitude).
	Exposure func(area orb.MultiPolygon) (geo.Exposure, error)
	// Explain tells why a warning was given, with its evidence, as something that can be written as JSON.
	Explain func(ctx context.Context, warning string) (any, error)
	Health  func(ctx context.Context) Health
	// SelfTest is when the way from sensor to phone was last tried with success; zero where it never was.
	SelfTest func() time.Time
	Metrics  http.Handler
	// Hooks answer providers that call back, by path below /hooks/ ("sms/twilio").
	Hooks map[string]http.Handler
}

func (d Deps) validate() error {
	var faults []error
	for name, missing := range map[string]bool{
		"history": d.History == nil, "warnings": d.Warnings == nil,
		"editions": d.Editions == nil, "sessions": d.Sessions == nil,
	} {
		if missing {
			faults = append(faults, fmt.Errorf("dashboards: %s missing", name))
		}
	}
	return errors.Join(faults...)
}

// Warnings reads the state of warnings.
type Warnings interface {
	Warning(ctx context.Context, id string) (alerting.Warning, error)
	Warnings(ctx context.Context, filter alerting.WarningFilter) ([]alerting.Warning, error)
}

// Editions reads what was said to the public.
type Editions interface {
	Editions(ctx context.Context, warning string) ([]alerting.Edition, error)
	Edition(ctx context.Context, identifier string) (alerting.Edition, error)
	Current(ctx context.Context, mode alerting.Mode, since time.Time) ([]alerting.Edition, error)
}

// Desk decides on warnings. Errors that wrap alerting.ErrConflict, ErrIllegal, ErrOpen, ErrNotFound,
// ErrForbidden or ErrInvalid are told to the operator; all others are logged and told as a fault.
type Desk interface {
	Approve(ctx context.Context, id string, version int64, by alerting.Operator) (alerting.Warning, error)
	Reject(ctx context.Context, id string, version int64, by alerting.Operator, note string) (alerting.Warning, error)
	// End takes ActionAllClear or ActionCancel.
	End(ctx context.Context, id string, version int64, by alerting.Operator, action alerting.Action, note string) (alerting.Warning, error)
	// Preview is the texts that an approval would send, one per language.
	Preview(ctx context.Context, id string) ([]alerting.Text, error)
}

// Errors that the wiring maps those of the other rooms to.
var (
	// ErrRefused is a password that is too weak; the sentence it is wrapped in is shown.
	ErrRefused = errors.New("refused")
	// ErrDenied is a wrong name, password, link or session.
	ErrDenied = errors.New("denied")
)

// Sessions opens and finds sessions of operators by their secret.
type Sessions interface {
	// Login opens a session; ErrDenied where name and password do not fit. from is the network address
	// of whoever tries, by which failures are limited.
	Login(ctx context.Context, name, password, from string) (secret string, err error)
	// Session is whose session it is; ErrDenied where there is none (any more).
	Session(ctx context.Context, secret string) (alerting.Operator, error)
	Logout(ctx context.Context, secret string) error
}

// Links takes one-time login links.
type Links interface {
	// UseLink takes the link, sets the password and opens a session. ErrDenied where the link was used or
	// has expired; ErrRefused, with the link left unused, where the password is too weak.
	UseLink(ctx context.Context, link, password string) (secret string, err error)
}

// Rejects lists what was quarantined, newest first.
type Rejects interface {
	Rejects(ctx context.Context, limit int) ([]ingest.Reject, error)
}

// Deliveries lists what was sent, newest first (alerting.Outbox has it).
type Deliveries interface {
	Deliveries(ctx context.Context, mode alerting.Mode, warning string, limit int) ([]alerting.Delivery, error)
}

// Phone is a test phone of an exercise with what it shows.
type Phone struct {
	ID       string
	Name     string
	Address  alerting.Address // shown masked only
	Language string           // BCP 47
	Position orb.Point        // longitude, latitude
	Messages []PhoneMessage   // oldest first
}

// PhoneMessage is one message on a test phone.
type PhoneMessage struct {
	Time    time.Time
	Warning string
	Edition int
	Text    string
	State   alerting.DeliveryState
}

// Feed is one published document.
type Feed struct {
	Body     []byte
	ETag     string // with its quotes; empty: made from the body
	Modified time.Time
}

// Health is what the program says of itself.
type Health struct {
	Ready  bool // all readers have caught up with the journal
	Checks []Check
}

// Check is one line of the health strip.
type Check struct {
	Name   string     // "MQTT", "Journal", "InfluxDB"
	State  CheckState // how it is
	Detail string     // in a few words with the numbers, without secrets
}

// CheckState grades a check.
type CheckState string

// The grades.
const (
	CheckOK   CheckState = "ok"
	CheckWarn CheckState = "warn"
	CheckBad  CheckState = "bad"
	CheckOff  CheckState = "off" // not configured
)
