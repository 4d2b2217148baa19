package sms

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	twilio "github.com/twilio/twilio-go/client"

	"tocsin/alerting"
)

// StatusPath is where the program serves StatusHandler.
const StatusPath = "/hooks/twilio/status"

// largestCallback is more than any status callback needs, in bytes.
const largestCallback = 64 << 10

// patience is how often and how long a callback waits for the delivery it speaks of: Twilio may call
// before the answer to the hand-over has been written down.
func patience() []time.Duration {
	return []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, time.Second, 3 * time.Second}
}

// StatusHandler takes Twilio's status callbacks (POST StatusPath), checks their signature over the
// URL that Twilio was given (so it works behind a proxy) and writes the state into the outbox.
// changed is told of the delivery.
func (t *Twilio) StatusHandler(outbox alerting.Outbox, log *slog.Logger, changed func(alerting.Delivery)) http.Handler {
	validator := twilio.NewRequestValidator(t.cfg.AuthToken)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "status callbacks are POSTed", http.StatusMethodNotAllowed)
			return
		}
		form, err := readForm(w, r)
		if err != nil {
			http.Error(w, "the form cannot be read", http.StatusBadRequest)
			return
		}
		if !validator.Validate(t.called(r), first(form), r.Header.Get("X-Twilio-Signature")) {
			http.Error(w, "the signature is not Twilio's", http.StatusForbidden)
			return
		}
		delivery, err := t.note(r.Context(), outbox, form)
		switch {
		case errors.Is(err, alerting.ErrNotFound):
			http.Error(w, "no such message", http.StatusNotFound)
		case err != nil:
			log.ErrorContext(r.Context(), "cannot record a status callback", "error", err)
			http.Error(w, "the state could not be recorded", http.StatusServiceUnavailable)
		default:
			changed(delivery)
			w.WriteHeader(http.StatusNoContent)
		}
	})
}

// readForm reads the body alone: the query is part of the signed URL.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestCallback))
	if err != nil {
		return nil, err
	}
	return url.ParseQuery(string(body))
}

func first(form url.Values) map[string]string {
	params := make(map[string]string, len(form))
	for key := range form {
		params[key] = form.Get(key)
	}
	return params
}

// called is the URL that Twilio signed: the one it was given, which holds no query of its own.
func (t *Twilio) called(r *http.Request) string {
	if r.URL.RawQuery == "" {
		return t.cfg.StatusCallback
	}
	return t.cfg.StatusCallback + "?" + r.URL.RawQuery
}

// note writes what a callback says into the outbox.
func (t *Twilio) note(ctx context.Context, outbox alerting.Outbox, form url.Values) (alerting.Delivery, error) {
	sid, status := form.Get("MessageSid"), form.Get("MessageStatus")
	d, err := find(ctx, outbox, t.Name(), sid)
	if err != nil {
		return d, err
	}
	state, known := stateOf(status)
	if !known {
		return d, nil
	}
	d.State, d.Detail, d.ChangedAt = state, "twilio: "+status, t.now()
	if code := form.Get("ErrorCode"); code != "" && code != "0" {
		d.Detail = fmt.Sprintf("twilio: %s, error %s", status, redact(code))
	}
	return d, outbox.Record(ctx, d)
}

func find(ctx context.Context, outbox alerting.Outbox, channel, sid string) (alerting.Delivery, error) {
	d, err := outbox.ByProvider(ctx, channel, sid)
	for _, wait := range patience() {
		if !errors.Is(err, alerting.ErrNotFound) || sid == "" {
			break
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return d, ctx.Err()
		case <-timer.C:
		}
		d, err = outbox.ByProvider(ctx, channel, sid)
	}
	return d, err
}
