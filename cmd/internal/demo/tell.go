package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"tocsin/alerting"
	"tocsin/cmd/internal/app"
	sensorsim "tocsin/sensors-sim"
)

// Options are how the story is told.
type Options struct {
	Story  string  // Outburst, Quiet, or another of Stories
	Speed  float64 // seconds of event time in a second; infinite: as fast as it can
	Script bool    // a scripted operator approves whatever is proposed; nobody else does by itself
}

// Stories are the names of the stories the valley knows.
func Stories() []string { return []string{Outburst, Quiet, "monsoon"} }

// Tell sends the story's readings to the running program until ctx ends or the program fails, and writes
// to out what happens. The story waits until somebody opens a page, unless a script approves.
func Tell(ctx context.Context, running *app.App, options Options, out io.Writer, log *slog.Logger) error {
	source, err := Story(options.Story, Seed)
	if err != nil {
		return err
	}
	if err := fresh(ctx, running); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t := &teller{app: running, options: options, out: out, log: log, steps: make(chan alerting.Warning, 256), said: map[string]string{}}
	running.OnChange(t.hear)
	var parts sync.WaitGroup
	parts.Go(func() { t.follow(ctx) })
	defer parts.Wait()
	defer cancel()
	simulated := make(chan error, 1)
	parts.Go(func() {
		simulated <- sensorsim.Run(ctx, sensorsim.Config{
			Broker: "tcp://" + running.MQTTAddr(), Source: source, Clock: true, Pace: t.pace, Log: log,
		})
	})
	select {
	case <-ctx.Done():
		return nil
	case err := <-running.Failed():
		return err
	case err := <-simulated:
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}
}

// fresh refuses a data folder with an earlier run in it: the story's clock cannot go back.
func fresh(ctx context.Context, running *app.App) error {
	warnings, err := running.Warnings(ctx)
	if err != nil {
		return err
	}
	if len(warnings) > 0 || running.Now().After(Start) {
		return errors.New("this data folder holds an earlier run, and the story cannot begin in its past: name an empty folder")
	}
	return nil
}

type teller struct {
	app     *app.App
	options Options
	out     io.Writer
	log     *slog.Logger
	steps   chan alerting.Warning
	said    map[string]string // the last sentence about each warning; follow's own

	mu      sync.Mutex
	waiting map[string]bool // warnings with a proposal that waits
	begun   bool
}

// pace is the speed now: nothing happens before somebody looks, and time is real while people decide.
func (t *teller) pace() float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.begun {
		t.begun = t.options.Script || t.app.Visited()
		if !t.begun {
			return 0
		}
	}
	if len(t.waiting) > 0 && t.options.Speed > 1 && !t.options.Script {
		return 1
	}
	return t.options.Speed
}

// hear is told of every step and must not block: what follows from it is done by follow.
func (t *teller) hear(w alerting.Warning) {
	t.mu.Lock()
	if t.waiting == nil {
		t.waiting = map[string]bool{}
	}
	if w.Proposal != nil && w.Status.Open() {
		t.waiting[w.ID] = true
	} else {
		delete(t.waiting, w.ID)
	}
	t.mu.Unlock()
	select {
	case t.steps <- w:
	default:
		t.log.Warn("the story is told faster than it can be written down", "warning", w.ID)
	}
}

// scripted is the operator in whose name --approve script agrees.
func scripted() alerting.Operator {
	return alerting.Operator{ID: "script", Name: "Scripted operator", Role: alerting.Approver}
}

func (t *teller) follow(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case w := <-t.steps:
			if said := sentence(w); said != t.said[w.ID] { // newer evidence for the same is no news
				t.said[w.ID] = said
				fmt.Fprintf(t.out, "%s  %s\n", t.app.Now().In(time.FixedZone("", 6*3600)).Format("15:04"), said)
			}
			if t.options.Script && w.Proposal != nil && w.Status.Open() && w.Status != alerting.Approved {
				if err := t.app.Approve(ctx, w, scripted()); err != nil && !errors.Is(err, alerting.ErrConflict) && ctx.Err() == nil {
					t.log.Error("the script could not approve", "warning", w.ID, "error", err)
				}
			}
		}
	}
}

// sentence tells where a warning stands.
func sentence(w alerting.Warning) string {
	p := w.Proposal
	if p == nil {
		return fmt.Sprintf("%s, %s, level %d: %s", w.Zone, w.Kind, w.Level, w.Status)
	}
	deed := map[alerting.Action]string{
		alerting.ActionIssue: "issue", alerting.ActionUpdate: "update", alerting.ActionAllClear: "all-clear",
	}[p.Action]
	return fmt.Sprintf("%s, %s, level %d: waits for your decision: %s? (%s)", w.Zone, w.Kind, p.Level, deed, p.Words)
}
