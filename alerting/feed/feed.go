package feed

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"tocsin/alerting"
)

// Retention is how long what ended stays in the feeds.
const Retention = 24 * time.Hour

// The media types of the three documents.
const (
	AtomType    = "application/atom+xml; charset=utf-8"
	RSSType     = "application/rss+xml; charset=utf-8"
	GeoJSONType = "application/geo+json"
)

// Config is what the feeds say of themselves.
type Config struct {
	Title     string // of the site: "Punakha-Wangdue valley"
	Author    string // who warns
	PublicURL string // address of the site without a slash at the end; all links begin with it
	Path      string // where the feeds stand below it; default "/feeds"
	Mode      alerting.Mode
	Language  string // of the feed's own words and of the titles, where an edition has it
}

// Validate reports what is wrong, and changes nothing.
func (c Config) Validate() error {
	if _, err := alerting.ParseMode(string(c.Mode)); err != nil {
		return fmt.Errorf("feed: %w", err)
	}
	if u, err := url.Parse(c.PublicURL); err != nil || !u.IsAbs() || u.Host == "" {
		return fmt.Errorf("feed: public address %q is not absolute, such as https://warn.example.org", c.PublicURL)
	}
	return nil
}

// Snapshot is the feeds at one moment, ready to be served.
type Snapshot struct {
	Atom, RSS, GeoJSON []byte
	ETag               string    // strong, with its quotes; it changes when any of the three does
	Updated            time.Time // of the feed, UTC, whole seconds
}

// Status says how an edition stands.
type Status string

// The statuses.
const (
	Active  Status = "active"
	Ended   Status = "ended"   // all-clear or cancelled
	Expired Status = "expired" // its time ran out; nobody said that it is over
)

// StatusOf says how an edition stands now, and since when.
func StatusOf(e alerting.Edition, now time.Time) (Status, time.Time) {
	switch {
	case e.Level == 0:
		return Ended, e.Sent
	case !e.Expires.After(now):
		return Expired, e.Expires
	}
	return Active, e.Sent
}

// ErrMode says that an edition of another mode was given.
var ErrMode = errors.New("an edition of another mode is not published here")

// Build makes the feeds from the last edition of each warning (alerting.Store.Current). An error that wraps
// ErrMode comes with a Snapshot that is whole but for the editions that the error names: one stray edition
// must not silence the others.
func Build(config Config, editions []alerting.Edition, now time.Time) (Snapshot, error) {
	if err := config.Validate(); err != nil {
		return Snapshot{}, err
	}
	config.PublicURL = strings.TrimRight(config.PublicURL, "/")
	if config.Path == "" {
		config.Path = "/feeds"
	}
	entries, stray := entriesOf(config, editions, now)
	f := feed{config: config, entries: entries, updated: updated(entries, now)}
	snapshot := Snapshot{Updated: f.updated}
	var err error
	if snapshot.Atom, err = f.atom(); err != nil {
		return Snapshot{}, fmt.Errorf("atom feed: %w", err)
	}
	if snapshot.RSS, err = f.rss(); err != nil {
		return Snapshot{}, fmt.Errorf("rss feed: %w", err)
	}
	if snapshot.GeoJSON, err = f.geoJSON(); err != nil {
		return Snapshot{}, fmt.Errorf("geojson feed: %w", err)
	}
	sum := sha256.New()
	for _, document := range [][]byte{snapshot.Atom, snapshot.RSS, snapshot.GeoJSON} {
		fmt.Fprintf(sum, "%d:", len(document))
		sum.Write(document)
	}
	snapshot.ETag = `"` + hex.EncodeToString(sum.Sum(nil)[:16]) + `"`
	return snapshot, stray
}

type feed struct {
	config  Config
	entries []entry
	updated time.Time
}

// entry is one edition with what the three documents say of it.
type entry struct {
	edition alerting.Edition
	text    alerting.Text // in the feed's language, else the main one
	status  Status
	since   time.Time
	link    string // of the CAP document
	title   string
}

func entriesOf(config Config, editions []alerting.Edition, now time.Time) (entries []entry, stray error) {
	var errs []error
	for _, e := range editions {
		if e.Mode != config.Mode {
			errs = append(errs, fmt.Errorf("%w: %s is of mode %s, this feed of %s", ErrMode, e.Identifier, e.Mode, config.Mode))
			continue
		}
		status, since := StatusOf(e, now)
		if status != Active && !since.Add(Retention).After(now) {
			continue
		}
		text := textOf(e, config.Language)
		entries = append(entries, entry{
			edition: e, text: text, status: status, since: since.UTC().Truncate(time.Second),
			link: config.PublicURL + "/cap/" + url.PathEscape(e.Identifier) + ".xml", title: title(e.Mode, status, text.Headline),
		})
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(b.edition.Sent.Compare(a.edition.Sent), cmp.Compare(a.edition.Identifier, b.edition.Identifier))
	})
	return entries, errors.Join(errs...)
}

// textOf chooses a language: the one asked for, else the first.
func textOf(e alerting.Edition, language string) alerting.Text {
	for _, text := range e.Texts {
		if text.Language == language {
			return text
		}
	}
	if len(e.Texts) > 0 {
		return e.Texts[0]
	}
	return alerting.Text{Language: "en", Event: e.Kind, Headline: e.Kind + " " + e.Zone}
}

// title is the headline with how it stands and, in any mode but Actual, the mode in words nobody overlooks.
func title(mode alerting.Mode, status Status, headline string) string {
	switch status {
	case Ended:
		headline = "[ENDED] " + headline
	case Expired:
		headline = "[EXPIRED, no all-clear] " + headline
	case Active:
	}
	return banner(mode) + headline
}

// banner is "" in mode Actual, else "[EXERCISE] ".
func banner(mode alerting.Mode) string {
	if mode == alerting.Actual {
		return ""
	}
	return "[" + strings.ToUpper(string(mode)) + "] "
}

// disclaimer is a sentence for whoever reads a feed that is not of the world.
func disclaimer(mode alerting.Mode) string {
	if mode == alerting.Actual {
		return ""
	}
	return fmt.Sprintf("%s: nothing in this feed happens in the world. ", strings.ToUpper(string(mode)))
}

// updated is when the feed last changed as far as a reader can tell: its newest entry, or the day
// where that is later, because entries leave. It never goes back.
func updated(entries []entry, now time.Time) time.Time {
	latest := now.UTC().Truncate(24 * time.Hour)
	for _, e := range entries {
		if e.since.After(latest) {
			latest = e.since
		}
	}
	return latest
}

// words is everything an edition says, in all its languages.
func (e entry) words() string {
	var b strings.Builder
	b.WriteString(disclaimer(e.edition.Mode))
	if e.status != Active {
		fmt.Fprintf(&b, "This warning is %s since %s. ", e.status, e.since.Format(time.RFC3339))
	}
	for i, text := range e.edition.Texts {
		if i > 0 {
			b.WriteString("\n\n")
		}
		fmt.Fprintf(&b, "%s\n%s\n%s", text.Headline, text.Description, text.Instruction)
		if !text.Reviewed {
			fmt.Fprintf(&b, "\n(%s: text not reviewed)", text.Language)
		}
	}
	return b.String()
}
