package desk

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"tocsin/alerting"
	"tocsin/alerting/cap"
	"tocsin/geo"
	"tocsin/ingest"
)

// Config is what a desk needs to know of its site.
type Config struct {
	Mode alerting.Mode
	// Policy is the number of people who must approve a warning of a level: 0 automatic, 1 or 2. Every
	// level from 1 to 4 must be there: there is no default.
	Policy    map[alerting.Level]int
	Languages []string            // BCP 47, the main one first
	Texts     map[string]Messages // by language
	Zones     []geo.Zone
	// Network names stations and their sensors in texts; nil: ids are shown.
	Network *ingest.Network

	Sender     string // CAP sender
	SenderName string
	Contact    string
	PublicURL  string         // of the residents' page; empty: none is named
	Location   *time.Location // of clock times in texts; nil: UTC
	LevelNames map[alerting.Level]alerting.LevelName
	Expiry     time.Duration // life of an edition, at least a minute
}

// Validate reports everything that is wrong with the configuration, and changes nothing.
func (c Config) Validate() error {
	var errs []error
	if _, err := alerting.ParseMode(string(c.Mode)); err != nil {
		errs = append(errs, err)
	}
	for level := alerting.Level(1); level <= alerting.MaxLevel; level++ {
		if needs, ok := c.Policy[level]; !ok || needs < 0 || needs > 2 {
			errs = append(errs, fmt.Errorf("approval of level %d must be said: 0 (automatic), 1 or 2 people; it is %d", level, needs))
		}
	}
	if len(c.Languages) == 0 {
		errs = append(errs, errors.New("no language is given"))
	}
	for _, language := range c.Languages {
		if _, ok := c.Texts[language]; !ok {
			errs = append(errs, fmt.Errorf("language %q has no messages", language))
		}
	}
	if err := cap.CheckName(c.Sender); err != nil {
		errs = append(errs, fmt.Errorf("sender %w", err))
	}
	if c.Expiry < time.Minute {
		errs = append(errs, fmt.Errorf("expiry %s is shorter than a minute", c.Expiry))
	}
	return errors.Join(errs...)
}

// Desk decides. See the package comment.
type Desk struct {
	config   Config
	zones    map[string]geo.Zone
	store    alerting.Store
	exposure func(geo.Zone) geo.Exposure
	now      func() time.Time
	log      *slog.Logger
	changed  func(alerting.Warning)
	newID    func(time.Time) string

	mu   sync.Mutex
	held map[string]alerting.Hazard // the last hazard of each kind and zone, as the rules see it
}

// New makes a desk. exposure counts the people in a zone; changed (may be nil) is called after each
// step, with the warning as written, by the goroutine that took the step. Call Resume once before the first hazard.
func New(config Config, store alerting.Store, exposure func(geo.Zone) geo.Exposure, now func() time.Time, log *slog.Logger, changed func(alerting.Warning)) (*Desk, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("desk: %w", err)
	}
	if config.Location == nil {
		config.Location = time.UTC
	}
	if changed == nil {
		changed = func(alerting.Warning) {}
	}
	zones := make(map[string]geo.Zone, len(config.Zones))
	for _, zone := range config.Zones {
		zones[zone.ID] = zone
	}
	return &Desk{
		config: config, zones: zones, store: store, exposure: exposure, now: now, log: log, changed: changed,
		newID: randomID, held: map[string]alerting.Hazard{},
	}, nil
}

// randomID sorts by time of creation and cannot be guessed.
func randomID(at time.Time) string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	return fmt.Sprintf("%012x%s", uint64(at.UnixMilli())&(1<<48-1), hex.EncodeToString(random[:]))
}

// The actors that are not people.
const (
	policyActor = "policy"
	clockActor  = "clock"
	rulePrefix  = "rule:"
)

// attempts is how often a step is tried when others are faster.
const attempts = 12

// apply takes one step and tells of it.
func (d *Desk) apply(ctx context.Context, change alerting.Change) (alerting.Warning, error) {
	if change.Warning.Mode != d.config.Mode {
		return alerting.Warning{}, fmt.Errorf("warning %s is of mode %s, this desk of %s: %w", change.Warning.ID, change.Warning.Mode, d.config.Mode, alerting.ErrForbidden)
	}
	change.At = d.now()
	change.Warning.UpdatedAt = change.At
	written, err := d.store.Apply(ctx, change)
	if err != nil {
		return alerting.Warning{}, fmt.Errorf("%s warning %s: %w", change.Action, change.Warning.ID, err)
	}
	d.log.InfoContext(ctx, "warning changed", "warning", written.ID, "mode", string(written.Mode), "action", string(change.Action),
		"actor", change.Actor, "status", string(written.Status), "level", int(written.Level), "version", written.Version)
	d.changed(written)
	return written, nil
}

// warning reads a warning of this desk's mode.
func (d *Desk) warning(ctx context.Context, id string) (alerting.Warning, error) {
	w, err := d.store.Warning(ctx, id)
	if err != nil {
		return alerting.Warning{}, fmt.Errorf("warning %s: %w", id, err)
	}
	if w.Mode != d.config.Mode {
		return alerting.Warning{}, fmt.Errorf("warning %s is of mode %s, this desk of %s: %w", id, w.Mode, d.config.Mode, alerting.ErrNotFound)
	}
	return w, nil
}

// zone finds a zone. One that the site does not know has no shape and no people, only its id.
func (d *Desk) zone(id string) (zone geo.Zone, known bool) {
	zone, known = d.zones[id]
	if !known {
		zone.ID = id
	}
	return zone, known
}

// needs is how many people must approve.
func (d *Desk) needs(level alerting.Level, atLeast int) int {
	needs, ok := d.config.Policy[level]
	if !ok {
		needs = 2
	}
	return max(needs, atLeast)
}

// isPerson says whether a name is that of a person.
func isPerson(actor string) bool {
	return actor != "" && actor != policyActor && actor != clockActor && !strings.HasPrefix(actor, rulePrefix)
}

func key(kind, zone string) string { return kind + "\x00" + zone }
