package dispatch

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/alerting"
)

const (
	exercise = alerting.Exercise
	minute   = time.Minute
)

// run runs test in a bubble of its own time.
func run(t *testing.T, name string, test func(t *testing.T, m *memory, p *provider)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, newMemory(), &provider{}) })
	})
}

func wantSent(t *testing.T, p *provider, want ...string) {
	t.Helper()
	got := p.keys()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("sent %v, want %v", got, want)
	}
}

func wantStates(t *testing.T, m *memory, want map[string]alerting.DeliveryState) {
	t.Helper()
	for key, state := range want {
		if got := m.state(key); got != state {
			t.Errorf("%s is %q, want %q (%s)", key, got, state, m.get(key).Detail)
		}
	}
}

func TestEditions(t *testing.T) {
	run(t, "the first goes to everybody inside, in their language", func(t *testing.T, m *memory, p *provider) {
		m.person(exercise, "a", "dz", 1)
		m.person(exercise, "b", "dz-BT", 2)
		m.person(exercise, "c", "ne", 3)
		m.person(exercise, "outside", "en", 9)
		m.person(alerting.Test, "othermode", "en", 1)
		m.issue(time.Now(), exercise, "w", 4, 0, 5)
		_, stop := start(t, defaults(), m, p)
		<-time.After(minute)
		stop()
		wantSent(t, p, "w/1/a/sms", "w/1/b/sms", "w/1/c/sms")
		texts := map[string]string{}
		for _, message := range p.sent {
			texts[message.Key] = message.Language + ": " + message.Text
			if message.Mode != exercise || message.Level != 4 || message.To != m.people[m.get(message.Key).Recipient].Address {
				t.Errorf("handed over %+v", message)
			}
		}
		if want := map[string]string{"w/1/a/sms": "dz: dz 1", "w/1/b/sms": "dz: dz 1", "w/1/c/sms": "en: en 1"}; !reflect.DeepEqual(texts, want) {
			t.Errorf("texts %v, want %v", texts, want)
		}
	})
	run(t, "an update goes to those inside now and those told before", func(t *testing.T, m *memory, p *provider) {
		m.person(exercise, "was", "en", 1)
		m.person(exercise, "stays", "en", 4)
		m.person(exercise, "new", "en", 7)
		m.issue(time.Now(), exercise, "w", 2, 0, 5)
		r, stop := start(t, defaults(), m, p)
		<-time.After(minute)
		m.issue(time.Now(), exercise, "w", 3, 3, 8)
		r.Wake()
		<-time.After(minute)
		stop()
		wantSent(t, p, "w/1/stays/sms", "w/1/was/sms", "w/2/new/sms", "w/2/stays/sms", "w/2/was/sms")
	})
	run(t, "an end goes to exactly those who were told", func(t *testing.T, m *memory, p *provider) {
		m.person(exercise, "told", "en", 1)
		m.person(exercise, "perhaps", "en", 2)
		m.person(exercise, "refused", "en", 3)
		m.person(exercise, "waiting", "en", 4)
		m.person(exercise, "stopped", "en", 4.5)
		p.answer = func(_ context.Context, n int, message alerting.Outgoing) (alerting.Receipt, error) {
			switch message.Key {
			case "w/1/perhaps/sms":
				return alerting.Receipt{}, alerting.ErrUncertain
			case "w/1/refused/sms":
				return alerting.Receipt{}, alerting.ErrPermanent
			case "w/1/waiting/sms":
				return alerting.Receipt{}, errors.New("busy")
			}
			return alerting.Receipt{ProviderID: fmt.Sprint(n)}, nil
		}
		m.issue(time.Now(), exercise, "w", 3, 0, 5)
		r, stop := start(t, defaults(), m, p)
		<-time.After(minute)
		if err := m.SetConsent(t.Context(), "sms", m.people["stopped"].Address, false); err != nil {
			t.Fatal(err)
		}
		m.person(exercise, "late", "en", 1)
		m.issue(time.Now(), exercise, "w", 0, 0, 5)
		r.Wake()
		<-time.After(10 * minute)
		stop()
		var ends []string
		for _, key := range p.keys() {
			if strings.HasPrefix(key, "w/2/") {
				ends = append(ends, key)
			}
		}
		slices.Sort(ends)
		if !slices.Equal(ends, []string{"w/2/perhaps/sms", "w/2/told/sms"}) {
			t.Errorf("the end went to %v", ends)
		}
		wantStates(t, m, map[string]alerting.DeliveryState{
			"w/1/waiting/sms": alerting.StateSuppressed, "w/1/refused/sms": alerting.StateFailed, "w/1/perhaps/sms": alerting.StateUnknown,
		})
	})
	run(t, "an end waits for the hand-over under way and reaches that person too", func(t *testing.T, m *memory, p *provider) {
		m.person(exercise, "slow", "en", 1)
		p.answer = func(_ context.Context, n int, _ alerting.Outgoing) (alerting.Receipt, error) {
			<-time.After(5 * time.Second)
			return alerting.Receipt{ProviderID: fmt.Sprint(n)}, nil
		}
		m.issue(time.Now(), exercise, "w", 3, 0, 5)
		r, stop := start(t, defaults(), m, p)
		<-time.After(time.Second)
		m.issue(time.Now(), exercise, "w", 0, 0, 5)
		r.Wake()
		<-time.After(minute)
		stop()
		if got := p.keys(); !slices.Equal(got, []string{"w/1/slow/sms", "w/2/slow/sms"}) {
			t.Errorf("sent %v", got)
		}
		if gap := p.times[1].Sub(p.times[0]); gap < 5*time.Second {
			t.Errorf("the end overtook the warning: %v after its start", gap)
		}
	})
}

func TestOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want alerting.DeliveryState
	}{
		"uncertain is unknown and never sent again": {fmt.Errorf("timeout: %w", alerting.ErrUncertain), alerting.StateUnknown},
		"refused for good is failed":                {fmt.Errorf("no such number: %w", alerting.ErrPermanent), alerting.StateFailed},
		"opted out at the provider":                 {fmt.Errorf("21610: %w", alerting.ErrOptedOut), alerting.StateSuppressed},
		"what cannot be sent expires":               {errors.New("busy"), alerting.StateExpired},
	} {
		run(t, name, func(t *testing.T, m *memory, p *provider) {
			m.person(exercise, "a", "en", 1)
			m.issue(time.Now(), exercise, "w", 3, 0, 5)
			p.answer = func(context.Context, int, alerting.Outgoing) (alerting.Receipt, error) {
				return alerting.Receipt{}, c.err
			}
			_, stop := start(t, defaults(), m, p)
			<-time.After(2 * time.Hour)
			stop()
			wantStates(t, m, map[string]alerting.DeliveryState{"w/1/a/sms": c.want})
			if sends := len(p.sent); (sends == 1) == (c.want == alerting.StateExpired) {
				t.Errorf("sent %d times", sends)
			}
			if m.people["a"].Consent == errors.Is(c.err, alerting.ErrOptedOut) {
				t.Errorf("consent is %v", m.people["a"].Consent)
			}
		})
	}
	run(t, "a channel that panics", func(t *testing.T, m *memory, p *provider) {
		m.person(exercise, "a", "en", 1)
		m.issue(time.Now(), exercise, "w", 3, 0, 5)
		p.answer = func(context.Context, int, alerting.Outgoing) (alerting.Receipt, error) { panic("nil map") }
		_, stop := start(t, defaults(), m, p)
		<-time.After(minute)
		stop()
		wantStates(t, m, map[string]alerting.DeliveryState{"w/1/a/sms": alerting.StateUnknown})
	})
	run(t, "an address in the provider's words is not kept", func(t *testing.T, m *memory, p *provider) {
		m.person(exercise, "a", "en", 1)
		m.issue(time.Now(), exercise, "w", 3, 0, 5)
		p.answer = func(_ context.Context, _ int, message alerting.Outgoing) (alerting.Receipt, error) {
			return alerting.Receipt{}, fmt.Errorf("%s is not a phone: %w", message.To.Reveal(), alerting.ErrPermanent)
		}
		_, stop := start(t, defaults(), m, p)
		<-time.After(minute)
		stop()
		if d := m.get("w/1/a/sms"); strings.Contains(d.Detail, "97517") || !strings.Contains(d.Detail, "is not a phone") {
			t.Errorf("detail %q", d.Detail)
		}
	})
}

func TestRetry(t *testing.T) {
	run(t, "pauses double up to the longest, a provider's word goes before", func(t *testing.T, m *memory, p *provider) {
		m.person(exercise, "a", "en", 1)
		m.issue(time.Now(), exercise, "w", 3, 0, 5)
		p.answer = func(_ context.Context, n int, _ alerting.Outgoing) (alerting.Receipt, error) {
			switch n {
			case 4:
				return alerting.Receipt{}, fmt.Errorf("429: %w", alerting.RetryAfter{After: 45 * time.Second, Err: errors.New("too many")})
			case 7:
				return alerting.Receipt{ProviderID: "x", State: alerting.StateSent}, nil
			}
			return alerting.Receipt{}, errors.New("busy")
		}
		cfg := defaults()
		cfg.Poll, cfg.RetryMax = 10*time.Millisecond, 20*time.Second
		_, stop := start(t, cfg, m, p)
		<-time.After(10 * minute)
		stop()
		var gaps []time.Duration
		for i := 1; i < len(p.times); i++ {
			gaps = append(gaps, p.times[i].Sub(p.times[i-1]).Round(time.Second))
		}
		if want := []time.Duration{2e9, 4e9, 8e9, 45e9, 20e9, 20e9}; !slices.Equal(gaps, want) {
			t.Errorf("pauses %v, want %v", gaps, want)
		}
		if d := m.get("w/1/a/sms"); d.State != alerting.StateSent || d.Attempts != 7 || d.ProviderID != "x" {
			t.Errorf("delivery %+v", d)
		}
	})
	run(t, "the outcome is written once the store works again", func(t *testing.T, m *memory, p *provider) {
		m.person(exercise, "a", "en", 1)
		m.issue(time.Now(), exercise, "w", 3, 0, 5)
		failures := 0
		m.onRecord = func(d alerting.Delivery) error {
			if d.State == alerting.StateAccepted && failures < 5 {
				failures++
				return errors.New("disk full")
			}
			return nil
		}
		_, stop := start(t, defaults(), m, p)
		<-time.After(minute)
		stop()
		wantSent(t, p, "w/1/a/sms")
		wantStates(t, m, map[string]alerting.DeliveryState{"w/1/a/sms": alerting.StateAccepted})
	})
	run(t, "nothing is sent that could not be marked before", func(t *testing.T, m *memory, p *provider) {
		m.person(exercise, "a", "en", 1)
		m.issue(time.Now(), exercise, "w", 3, 0, 5)
		m.onRecord = func(alerting.Delivery) error { return errors.New("disk full") }
		_, stop := start(t, defaults(), m, p)
		<-time.After(minute)
		stop()
		wantSent(t, p)
	})
}

func TestHandOver(t *testing.T) {
	run(t, "a STOP that commits before the hand-over wins", func(t *testing.T, m *memory, p *provider) {
		m.person(exercise, "a", "en", 1)
		address := m.people["a"].Address
		m.issue(time.Now(), exercise, "w", 3, 0, 5)
		m.onRecord = func(d alerting.Delivery) error {
			if d.Handing {
				return m.SetConsent(context.Background(), "sms", address, false)
			}
			return nil
		}
		_, stop := start(t, defaults(), m, p)
		<-time.After(minute)
		stop()
		wantSent(t, p)
		wantStates(t, m, map[string]alerting.DeliveryState{"w/1/a/sms": alerting.StateSuppressed})
	})
	run(t, "after a crash it is unknown and never sent again", func(t *testing.T, m *memory, p *provider) {
		m.person(exercise, "a", "en", 1)
		m.issue(time.Now(), exercise, "w", 3, 0, 5)
		m.jobs = nil
		m.deliveries["w/1/a/sms"] = alerting.Delivery{
			Key: "w/1/a/sms", Mode: exercise, Warning: "w", Edition: 1, Recipient: "a", Channel: "sms",
			State: alerting.StateQueued, Handing: true, Expires: time.Now().Add(time.Hour),
		}
		_, stop := start(t, defaults(), m, p)
		<-time.After(minute)
		stop()
		wantSent(t, p)
		wantStates(t, m, map[string]alerting.DeliveryState{"w/1/a/sms": alerting.StateUnknown})
	})
	run(t, "a channel sees messages of its own mode only", func(t *testing.T, m *memory, p *provider) {
		for _, mode := range []alerting.Mode{alerting.Actual, alerting.System, alerting.Test, exercise} {
			m.person(mode, string(mode), "en", 1)
			m.issue(time.Now(), mode, "w"+string(mode), 3, 0, 5)
		}
		_, stop := start(t, defaults(), m, p)
		<-time.After(minute)
		stop()
		wantSent(t, p, "wExercise/1/Exercise/sms")
		wantStates(t, m, map[string]alerting.DeliveryState{
			"wActual/1/Actual/sms": alerting.StateFailed, "wTest/1/Test/sms": alerting.StateFailed, "wSystem/1/System/sms": alerting.StateFailed,
		})
	})
	run(t, "Run ends although a channel hangs, and the delivery stays marked", func(t *testing.T, m *memory, p *provider) {
		m.person(exercise, "a", "en", 1)
		m.issue(time.Now(), exercise, "w", 3, 0, 5)
		hang := make(chan struct{})
		p.answer = func(context.Context, int, alerting.Outgoing) (alerting.Receipt, error) {
			<-hang
			return alerting.Receipt{}, nil
		}
		_, stop := start(t, defaults(), m, p)
		<-time.After(minute)
		began := time.Now()
		stop()
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("stopping took %v", took)
		}
		if d := m.get("w/1/a/sms"); !d.Handing {
			t.Errorf("delivery %+v, want it marked as being handed over", d)
		}
		close(hang)
	})
	run(t, "a hand-over that heeds the end is written down", func(t *testing.T, m *memory, p *provider) {
		m.person(exercise, "a", "en", 1)
		m.issue(time.Now(), exercise, "w", 3, 0, 5)
		p.answer = func(ctx context.Context, _ int, _ alerting.Outgoing) (alerting.Receipt, error) {
			<-ctx.Done()
			return alerting.Receipt{}, fmt.Errorf("%w: %w", ctx.Err(), alerting.ErrUncertain)
		}
		_, stop := start(t, defaults(), m, p)
		<-time.After(time.Second)
		stop()
		wantStates(t, m, map[string]alerting.DeliveryState{"w/1/a/sms": alerting.StateUnknown})
	})
}

func TestOrderAndRate(t *testing.T) {
	run(t, "a rate is kept, and the graver warning does not wait for the queue", func(t *testing.T, m *memory, p *provider) {
		for i := range 150 {
			m.person(exercise, fmt.Sprintf("p%03d", i), "en", 1)
		}
		m.person(exercise, "urgent", "en", 9)
		m.issue(time.Now(), exercise, "low", 1, 0, 5)
		cfg := defaults()
		cfg.Rates, cfg.Chunk = map[string]float64{"sms": 10}, 100
		r, stop := start(t, cfg, m, p)
		<-time.After(10*time.Second + time.Millisecond)
		if n := len(p.keys()); n < 99 || n > 102 {
			t.Errorf("%d sent in 10 s at 10 a second", n)
		}
		m.issue(time.Now(), exercise, "high", 4, 8, 10)
		asked := time.Now()
		r.Wake()
		<-time.After(time.Second)
		at := slices.Index(p.keys(), "high/1/urgent/sms")
		if at < 0 || p.times[at].Sub(asked) > 250*time.Millisecond {
			t.Errorf("the grave one is number %d of %d", at, len(p.keys()))
		}
		stop()
		if want := []int{100, 50, 1}; !slices.Equal(m.chunks, want) {
			t.Errorf("chunks %v, want %v", m.chunks, want)
		}
	})
	run(t, "the outbox is polled where nobody wakes", func(t *testing.T, m *memory, p *provider) {
		m.person(exercise, "a", "en", 1)
		_, stop := start(t, defaults(), m, p)
		<-time.After(minute)
		m.issue(time.Now(), exercise, "w", 3, 0, 5)
		<-time.After(3 * time.Second)
		stop()
		wantSent(t, p, "w/1/a/sms")
	})
	run(t, "no more hand-overs at once than there are workers", func(t *testing.T, m *memory, p *provider) {
		for i := range 50 {
			m.person(exercise, fmt.Sprintf("p%03d", i), "en", 1)
		}
		m.issue(time.Now(), exercise, "w", 3, 0, 5)
		p.answer = func(_ context.Context, n int, _ alerting.Outgoing) (alerting.Receipt, error) {
			<-time.After(time.Second)
			return alerting.Receipt{ProviderID: fmt.Sprint(n)}, nil
		}
		cfg := defaults()
		cfg.Workers = 3
		_, stop := start(t, cfg, m, p)
		<-time.After(9500 * time.Millisecond)
		if n := len(p.keys()); n != 30 {
			t.Errorf("%d sent in 9.5 s by 3 workers of a second each, want 30", n)
		}
		stop()
	})
}

func TestValidate(t *testing.T) {
	if err := (Config{Rates: map[string]float64{"sms": 0}}).Validate(); err == nil || !strings.Contains(err.Error(), "Concerned") || !strings.Contains(err.Error(), "rate of channel sms") {
		t.Errorf("empty settings: %v", err)
	}
	if err := defaults().Validate(); err != nil {
		t.Error(err)
	}
}
