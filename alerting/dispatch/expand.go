package dispatch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"tocsin/alerting"
)

// supersedeAtOnce is how many obsolete deliveries are suppressed in one transaction.
const supersedeAtOnce = 5000

// expansion is a send job whose recipients are being read.
type expansion struct {
	job     alerting.SendJob
	edition alerting.Edition
	next    func() (alerting.Recipient, error, bool)
	stop    func()
}

// expandRound writes one chunk of the most urgent job, so that a more urgent one need not wait for
// the whole of a large one.
func (r *Runner) expandRound(ctx context.Context) (time.Duration, error) {
	job, ok, err := r.outbox.PendingJob(ctx)
	if err != nil || !ok {
		return r.cfg.Poll, err
	}
	obsolete, err := r.obsolete(ctx, job)
	if err != nil {
		return 0, err
	}
	if obsolete {
		return 0, r.finish(ctx, job, nil)
	}
	x := r.expansions[job.ID]
	if x == nil {
		x, err = r.begin(ctx, job)
		if errors.Is(err, alerting.ErrNotFound) || errors.Is(err, errNoText) {
			r.log.ErrorContext(ctx, "dispatch: a send job cannot be told and is closed", "job", job.ID, "error", err)
			return 0, r.finish(ctx, job, nil)
		}
		if err != nil {
			return 0, err
		}
		r.expansions[job.ID] = x
	}
	return 0, r.chunk(ctx, x)
}

// obsolete says whether a later edition of the warning was issued: it tells everybody who still matters.
func (r *Runner) obsolete(ctx context.Context, job alerting.SendJob) (bool, error) {
	w, err := r.warnings.Warning(ctx, job.Warning)
	if errors.Is(err, alerting.ErrNotFound) {
		return false, nil // begin says so
	}
	return w.Edition > job.Edition, err
}

// begin makes the way free for a job and starts to read whom it concerns.
func (r *Runner) begin(ctx context.Context, job alerting.SendJob) (*expansion, error) {
	editions, err := r.warnings.Editions(ctx, job.Warning)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(editions, func(e alerting.Edition) bool { return e.Number == job.Edition && e.Mode == job.Mode })
	if at < 0 {
		return nil, fmt.Errorf("%s edition %d of warning %s: %w", job.Mode, job.Edition, job.Warning, alerting.ErrNotFound)
	}
	edition := editions[at]
	if _, text := textFor(edition.Texts, ""); text == "" {
		return nil, fmt.Errorf("edition %s: %w", edition.Identifier, errNoText)
	}
	told, err := r.settle(ctx, job)
	if err != nil {
		return nil, err
	}
	next, stop := iter.Pull2(r.audience(ctx, edition, told))
	return &expansion{job: job, edition: edition, next: next, stop: stop}, nil
}

// settle drops what still waits of earlier editions and returns who was told by them. Hand-overs that
// began before are waited for, so that the answer is exact; one that begins later finds the new
// edition and sends nothing.
func (r *Runner) settle(ctx context.Context, job alerting.SendJob) ([]string, error) {
	if job.Edition <= 1 {
		return nil, nil
	}
	for _, landed := range r.flightsBefore(job) {
		select {
		case <-landed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	for {
		n, err := r.outbox.Supersede(ctx, job, r.now(), supersedeAtOnce)
		if err != nil {
			return nil, err
		}
		if n < supersedeAtOnce {
			break
		}
	}
	return r.directory.Told(ctx, job.Warning)
}

func (r *Runner) flightsBefore(job alerting.SendJob) []chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	var before []chan struct{}
	for _, f := range r.flying {
		if f.warning == job.Warning && f.edition < job.Edition {
			before = append(before, f.landed)
		}
	}
	return before
}

// audience is whom an edition must reach: everybody inside its area and everybody told before; an end
// (level 0) only those told before. A recipient may come twice; the delivery's key makes that one.
func (r *Runner) audience(ctx context.Context, e alerting.Edition, told []string) iter.Seq2[alerting.Recipient, error] {
	return func(yield func(alerting.Recipient, error) bool) {
		if e.Level > 0 {
			for p, err := range r.cfg.Concerned(ctx, r.directory, e.Mode, e.Area.Shape) {
				if !yield(p, err) || err != nil {
					return
				}
			}
		}
		for _, id := range told {
			p, err := r.directory.Recipient(ctx, e.Mode, id)
			if errors.Is(err, alerting.ErrNotFound) || (err == nil && !p.Consent) {
				continue // erased, or said STOP since
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// chunk writes the next deliveries of an expansion. After an error the job is read from its start again.
func (r *Runner) chunk(ctx context.Context, x *expansion) error {
	now := r.now()
	var deliveries []alerting.Delivery
	for len(deliveries) < r.cfg.Chunk {
		p, err, more := x.next()
		if err != nil {
			r.forget(x.job.ID)
			return err
		}
		if !more {
			return r.finish(ctx, x.job, deliveries)
		}
		deliveries = append(deliveries, deliveryTo(x, p, now))
	}
	if err := r.outbox.Expand(ctx, x.job.ID, deliveries, false); err != nil {
		r.forget(x.job.ID)
		return err
	}
	poke(r.wakeSend)
	return nil
}

// finish closes a job with its last deliveries.
func (r *Runner) finish(ctx context.Context, job alerting.SendJob, last []alerting.Delivery) error {
	r.forget(job.ID)
	if err := r.outbox.Expand(ctx, job.ID, last, true); err != nil {
		return err
	}
	poke(r.wakeSend)
	return nil
}

func (r *Runner) forget(job string) {
	if x := r.expansions[job]; x != nil {
		x.stop()
		delete(r.expansions, job)
	}
}

func (r *Runner) forgetAll() {
	for job := range r.expansions {
		r.forget(job)
	}
}

// Key is the stable key of a delivery.
func Key(warning string, edition int, recipient, channel string) string {
	return fmt.Sprintf("%s/%d/%s/%s", warning, edition, recipient, channel)
}

func deliveryTo(x *expansion, p alerting.Recipient, now time.Time) alerting.Delivery {
	language, text := textFor(x.edition.Texts, p.Language)
	return alerting.Delivery{
		Key: Key(x.job.Warning, x.job.Edition, p.ID, p.Channel), Job: x.job.ID, Mode: x.job.Mode, Warning: x.job.Warning,
		Edition: x.job.Edition, Recipient: p.ID, Channel: p.Channel, Language: language, Text: text,
		Urgency: x.job.Urgency, State: alerting.StateQueued, NotBefore: now, Expires: x.job.Expires, CreatedAt: now, ChangedAt: now,
	}
}

var errNoText = errors.New("no language has a text to send")

// textFor is the text in the language asked for (BCP 47), else in its base language, else in the main
// language, which comes first, else in any.
func textFor(texts []alerting.Text, language string) (tag, text string) {
	base, _, _ := strings.Cut(language, "-")
	for _, wanted := range []string{language, base} {
		for _, t := range texts {
			if strings.EqualFold(t.Language, wanted) && t.SMS != "" {
				return t.Language, t.SMS
			}
		}
	}
	for _, t := range texts {
		if t.SMS != "" {
			return t.Language, t.SMS
		}
	}
	return "", ""
}
