// Package app wires the rooms into one program, in one straight line, and closes them last-in
// first-out. It is the one union of configuration; both `tocsin serve` and `tocsin demo`, and the tests,
// start this same App.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/alerting"
	"tocsin/alerting/desk"
	"tocsin/alerting/dispatch"
	"tocsin/alerting/operator"
	"tocsin/alerting/rule"
	"tocsin/alerting/sqlstore"
	"tocsin/cmd/internal/site"
	"tocsin/dashboards"
	"tocsin/ingest"
	"tocsin/ingest/broker"
	"tocsin/ingest/intake"
	"tocsin/ingest/journal"
	"tocsin/ingest/mqtt"
	"tocsin/ingest/sqlite"
)

// Config is what a run of the program needs beyond its site.
type Config struct {
	Site *site.Site
	Data string // folder of the journal, the history and the store; made where it is not there
	// HTTP and MQTT are host:port and go before what the site says; empty leaves it.
	HTTP, MQTT string
	// MQTTClock runs the site on the clock that topic tocsin/clock tells; never in mode Actual.
	MQTTClock bool
	About     string // a sentence on every page of a site that tells a story
	Secrets   site.Secrets
	Log       *slog.Logger
	Now       func() time.Time // the machine's clock
}

// Validate says what is missing or impossible.
func (c Config) Validate() error {
	switch {
	case c.Site == nil, c.Log == nil, c.Now == nil:
		return errors.New("app: the site, the log and the clock are needed")
	case c.Data == "":
		return errors.New("app: no data folder is named; use --data DIR")
	case c.MQTTClock && c.Site.Config.Mode == alerting.Actual:
		return errors.New("app: a site in mode Actual runs on the machine's clock; --clock mqtt is for exercises and tests")
	}
	return nil
}

// App is the running program.
type App struct {
	config Config
	log    *slog.Logger

	store   *sqlstore.DB
	journal *journal.Journal
	history *sqlite.Store
	intake  *intake.Intake
	rules   *rule.Engine
	sinks   []ingest.Sink
	desk    *desk.Desk
	people  *operator.Accounts
	web     *dashboards.Server
	runner  *dispatch.Runner
	hooks   map[string]http.Handler
	doors   atomic.Pointer[doors]

	listener           net.Listener
	httpAddr, mqttAddr string
	publicURL          string // what links that leave the program begin with
	firstLogin         string
	closers            []func() error
	failed             chan error
	visited            atomic.Bool
	changed            []func(alerting.Warning)
	changes            sync.Mutex
}

// doors are where readings come in; the pages are there before they are open.
type doors struct {
	broker  *broker.Broker // nil where the site has none
	outside []*mqtt.Subscriber
}

// Start runs the program until Close. What Start says went wrong leaves nothing running.
func Start(ctx context.Context, config Config) (*App, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	a := &App{config: config, log: config.Log, failed: make(chan error, 1), hooks: map[string]http.Handler{}}
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"address", a.openAddress},
		{"data folder", a.openStores},
		{"intake", a.openIntake},
		{"operators", a.openOperators},
		{"rules and desk", a.openDesk},
		{"dispatch", a.openDispatch},
		{"readers", a.openReaders},
		{"pages", a.openWeb},
		{"following", a.follow},
		{"clockwork", a.tick},
		{"MQTT", a.listen},
	} {
		if err := step.run(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", step.name, err), a.Close())
		}
	}
	return a, nil
}

// closeTimeout is what a stop may take altogether, whatever hangs.
const closeTimeout = 5 * time.Second

// Close stops the program: no more messages are taken, what was taken is committed and acknowledged,
// the readers end, the stores are closed. It returns within 5 s: with an error where something hangs for
// longer, which the end of the process then ends. Nothing acknowledged depends on an orderly stop.
func (a *App) Close() error {
	began := time.Now()
	done := make(chan error, 1)
	closers := a.closers
	a.closers = nil
	go func() {
		var errs []error
		for i := len(closers) - 1; i >= 0; i-- {
			errs = append(errs, closers[i]())
		}
		done <- errors.Join(errs...)
	}()
	timeout := time.NewTimer(closeTimeout)
	defer timeout.Stop()
	select {
	case err := <-done:
		a.log.Info("stopped", "took", time.Since(began).Round(time.Millisecond))
		return err
	case <-timeout.C:
		return fmt.Errorf("the program did not stop in order within %s; the rest is left as after a crash, which loses nothing acknowledged", closeTimeout)
	}
}

// Failed tells the first fault after which the program cannot go on.
func (a *App) Failed() <-chan error { return a.failed }

func (a *App) fail(err error) {
	select {
	case a.failed <- err:
	default:
	}
}

func (a *App) onClose(f func() error) { a.closers = append(a.closers, f) }

// work runs f until the program closes; an error that it returns before is the end of the program.
func (a *App) work(name string, f func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("a part of the program ended", "part", name, "error", err)
			a.fail(fmt.Errorf("%s: %w", name, err))
		}
	}()
	a.onClose(func() error {
		cancel()
		select {
		case <-done:
			return nil
		case <-time.After(closePatience):
			return fmt.Errorf("%s did not end within %s", name, closePatience)
		}
	})
}

// closePatience is what one part may take to end.
const closePatience = 3 * time.Second

// HTTPAddr is where the pages are served, with the port that was taken.
func (a *App) HTTPAddr() string { return a.httpAddr }

// MQTTAddr is where the embedded broker listens; empty where the site has none.
func (a *App) MQTTAddr() string { return a.mqttAddr }

// FirstLogin is the path and query of the one-time login link of the first start; empty afterwards.
func (a *App) FirstLogin() string { return a.firstLogin }

// Now is the site's clock.
func (a *App) Now() time.Time { return a.intake.Now() }

// Visited says whether somebody has opened a page since the start.
func (a *App) Visited() bool { return a.visited.Load() }

// OnChange registers f to be told of every step of a warning. f must not block.
func (a *App) OnChange(f func(alerting.Warning)) {
	a.changes.Lock()
	defer a.changes.Unlock()
	a.changed = append(a.changed, f)
}

func (a *App) tell(w alerting.Warning) {
	a.changes.Lock()
	defer a.changes.Unlock()
	for _, f := range a.changed {
		f(w)
	}
}

// Warnings lists the site's warnings, newest first.
func (a *App) Warnings(ctx context.Context) ([]alerting.Warning, error) {
	return a.store.Warnings(ctx, alerting.WarningFilter{Mode: a.config.Site.Config.Mode})
}

// Approve lets an operator agree to what a warning proposes.
func (a *App) Approve(ctx context.Context, w alerting.Warning, by alerting.Operator) error {
	_, err := a.desk.Approve(ctx, w.ID, w.Version, by)
	return err
}

func (a *App) openStores(ctx context.Context) (err error) {
	if err := os.MkdirAll(a.config.Data, 0o700); err != nil {
		return err
	}
	// The folder may lie within a site that is kept in git; what people's phones and passwords are in must not.
	if err := os.WriteFile(filepath.Join(a.config.Data, ".gitignore"), []byte("*\n"), 0o600); err != nil {
		return err
	}
	if a.store, err = sqlstore.Open(ctx, filepath.Join(a.config.Data, "tocsin.db")); err != nil {
		return err
	}
	a.onClose(a.store.Close)
	if a.history, err = sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(a.config.Data, "history.db")}); err != nil {
		return err
	}
	a.onClose(a.history.Close)
	if a.journal, err = journal.Open(ctx, journal.Config{Path: filepath.Join(a.config.Data, "journal.db"), Log: a.log}); err != nil {
		return err
	}
	a.onClose(a.journal.Close)
	return a.putPhones(ctx)
}

// putPhones makes the test phones of an exercise recipients.
func (a *App) putPhones(ctx context.Context) error {
	for _, phone := range a.config.Site.Phones {
		phone.Mode = a.config.Site.Config.Mode
		_, err := a.store.Recipient(ctx, phone.Mode, phone.ID)
		if err == nil {
			continue // as it is: a STOP is not taken back by a restart
		}
		if !errors.Is(err, alerting.ErrNotFound) {
			return err
		}
		if err := a.store.PutRecipient(ctx, phone); err != nil {
			return err
		}
	}
	return nil
}
