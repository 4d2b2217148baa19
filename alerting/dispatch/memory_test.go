package dispatch

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"tocsin/alerting"
	"tocsin/geo"
)

// memory is an outbox, a directory and the warnings in memory, after the contracts of the root.
type memory struct {
	mu         sync.Mutex
	warnings   map[string]alerting.Warning
	editions   map[string][]alerting.Edition
	jobs       []alerting.SendJob
	deliveries map[string]alerting.Delivery
	people     map[string]alerting.Recipient
	chunks     []int
	onRecord   func(alerting.Delivery) error // called unlocked, before the write
}

func newMemory() *memory {
	return &memory{
		warnings: map[string]alerting.Warning{}, editions: map[string][]alerting.Edition{},
		deliveries: map[string]alerting.Delivery{}, people: map[string]alerting.Recipient{},
		onRecord: func(alerting.Delivery) error { return nil },
	}
}

func (m *memory) Warning(_ context.Context, id string) (alerting.Warning, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w, ok := m.warnings[id]
	if !ok {
		return w, alerting.ErrNotFound
	}
	return w, nil
}

func (m *memory) Editions(_ context.Context, id string) ([]alerting.Edition, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.editions[id]), nil
}

func (m *memory) PendingJob(context.Context) (alerting.SendJob, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.jobs) == 0 {
		return alerting.SendJob{}, false, nil
	}
	return slices.MaxFunc(m.jobs, func(a, b alerting.SendJob) int {
		return cmp.Or(cmp.Compare(a.Urgency, b.Urgency), b.At.Compare(a.At))
	}), true, nil
}

func (m *memory) Expand(_ context.Context, job string, deliveries []alerting.Delivery, done bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.chunks = append(m.chunks, len(deliveries))
	for _, d := range deliveries {
		if _, there := m.deliveries[d.Key]; !there {
			m.deliveries[d.Key] = d
		}
	}
	if done {
		m.jobs = slices.DeleteFunc(m.jobs, func(j alerting.SendJob) bool { return j.ID == job })
	}
	return nil
}

func (m *memory) Supersede(_ context.Context, job alerting.SendJob, at time.Time, limit int) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for key, d := range m.deliveries {
		if n < limit && d.Warning == job.Warning && d.Mode == job.Mode && d.Edition < job.Edition && d.State == alerting.StateQueued && !d.Handing {
			d.State, d.ChangedAt = alerting.StateSuppressed, at
			m.deliveries[key] = d
			n++
		}
	}
	return n, nil
}

func (m *memory) Due(_ context.Context, now time.Time, limit int) ([]alerting.Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var due []alerting.Delivery
	for _, d := range m.deliveries {
		if d.State == alerting.StateQueued && !d.Handing && !d.NotBefore.After(now) && !m.waits(d) {
			due = append(due, d)
		}
	}
	slices.SortFunc(due, func(a, b alerting.Delivery) int {
		return cmp.Or(cmp.Compare(b.Urgency, a.Urgency), a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.Key, b.Key))
	})
	return due[:min(limit, len(due))], nil
}

func (m *memory) waits(d alerting.Delivery) bool {
	for _, p := range m.deliveries {
		if p.Warning == d.Warning && p.Recipient == d.Recipient && p.Edition < d.Edition && p.State == alerting.StateQueued {
			return true
		}
	}
	return false
}

func (m *memory) Record(_ context.Context, d alerting.Delivery) error {
	if err := m.onRecord(d); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.deliveries[d.Key].State.Final() {
		m.deliveries[d.Key] = d
	}
	return nil
}

func (m *memory) ByProvider(context.Context, string, string) (alerting.Delivery, error) {
	return alerting.Delivery{}, alerting.ErrNotFound
}

func (m *memory) Handing(context.Context) ([]alerting.Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []alerting.Delivery
	for _, d := range m.deliveries {
		if d.State == alerting.StateQueued && d.Handing {
			found = append(found, d)
		}
	}
	return found, nil
}

func (m *memory) Deliveries(context.Context, alerting.Mode, string, int) ([]alerting.Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.deliveries)), nil
}

func (m *memory) Within(_ context.Context, mode alerting.Mode, bound orb.Bound, after string, limit int) ([]alerting.Recipient, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []alerting.Recipient
	for _, id := range slices.Sorted(maps.Keys(m.people)) {
		p := m.people[id]
		if p.Mode == mode && p.Consent && id > after && bound.Contains(p.Position) && len(found) < limit {
			found = append(found, p)
		}
	}
	return found, nil
}

func (m *memory) Recipient(_ context.Context, mode alerting.Mode, id string) (alerting.Recipient, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.people[id]
	if !ok || p.Mode != mode {
		return p, alerting.ErrNotFound
	}
	return p, nil
}

func (m *memory) Told(_ context.Context, warning string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	told := map[string]bool{}
	for _, d := range m.deliveries {
		switch d.State {
		case alerting.StateAccepted, alerting.StateSent, alerting.StateDelivered, alerting.StateUnknown:
			if d.Warning == warning {
				told[d.Recipient] = true
			}
		case alerting.StateQueued, alerting.StateFailed, alerting.StateExpired, alerting.StateSuppressed:
		}
	}
	return slices.Sorted(maps.Keys(told)), nil
}

func (m *memory) PutRecipient(_ context.Context, p alerting.Recipient) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.people[p.ID] = p
	return nil
}

func (m *memory) SetConsent(_ context.Context, channel string, address alerting.Address, consent bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, p := range m.people {
		if p.Channel == channel && p.Address == address {
			p.Consent = consent
			m.people[id] = p
		}
	}
	return nil
}

// state is the state of a delivery, "" where there is none.
func (m *memory) state(key string) alerting.DeliveryState {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.deliveries[key].State
}

func (m *memory) get(key string) alerting.Delivery {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.deliveries[key]
}

// person lives at a longitude on the line that the test areas cut.
func (m *memory) person(mode alerting.Mode, id, language string, lon float64) {
	m.people[id] = alerting.Recipient{
		ID: id, Mode: mode, Channel: "sms", Language: language, Consent: true, Position: orb.Point{lon, 0.5},
		Address: alerting.NewAddress(fmt.Sprintf("+975170%05d", len(m.people))),
	}
}

// issue writes the next edition of a warning for everybody between two longitudes; level 0 ends it.
func (m *memory) issue(now time.Time, mode alerting.Mode, warning string, level alerting.Level, west, east float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.warnings[warning]
	urgency := max(level, w.Level)
	w.ID, w.Mode, w.Edition, w.Level = warning, mode, w.Edition+1, level
	m.warnings[warning] = w
	m.editions[warning] = append(m.editions[warning], alerting.Edition{
		Warning: warning, Number: w.Edition, Mode: mode, Level: level,
		Area:  geo.Zone{Shape: orb.MultiPolygon{{{{west, 0}, {east, 0}, {east, 1}, {west, 1}, {west, 0}}}}},
		Texts: []alerting.Text{{Language: "en", SMS: fmt.Sprintf("en %d", w.Edition)}, {Language: "dz", SMS: fmt.Sprintf("dz %d", w.Edition)}},
	})
	m.jobs = append(m.jobs, alerting.SendJob{
		ID: fmt.Sprintf("%s/%d", warning, w.Edition), Mode: mode, Warning: warning, Edition: w.Edition,
		Level: level, Urgency: urgency, At: now, Expires: now.Add(time.Hour),
	})
}

// provider is a channel that remembers, and answers as told.
type provider struct {
	mu     sync.Mutex
	sent   []alerting.Outgoing
	times  []time.Time
	answer func(ctx context.Context, n int, message alerting.Outgoing) (alerting.Receipt, error)
}

func (p *provider) Name() string { return "sms" }

func (p *provider) Send(ctx context.Context, message alerting.Outgoing) (alerting.Receipt, error) {
	p.mu.Lock()
	p.sent = append(p.sent, message)
	p.times = append(p.times, time.Now())
	n, answer := len(p.sent), p.answer
	p.mu.Unlock()
	if answer == nil {
		return alerting.Receipt{ProviderID: fmt.Sprint(n), State: alerting.StateAccepted}, nil
	}
	return answer(ctx, n, message)
}

// keys are the keys of what was sent, in order.
func (p *provider) keys() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var keys []string
	for _, message := range p.sent {
		keys = append(keys, message.Key)
	}
	return keys
}

func inBound(ctx context.Context, directory alerting.Directory, mode alerting.Mode, shape orb.MultiPolygon) iter.Seq2[alerting.Recipient, error] {
	return func(yield func(alerting.Recipient, error) bool) {
		found, err := directory.Within(ctx, mode, shape.Bound(), "", 1<<30)
		if err != nil {
			yield(alerting.Recipient{}, err)
			return
		}
		for _, p := range found {
			if !yield(p, nil) {
				return
			}
		}
	}
}

func defaults() Config {
	cfg := Defaults()
	cfg.Concerned = inBound
	return cfg
}

// start runs a Runner for mode Exercise until the returned stop, which waits for its end.
func start(t *testing.T, cfg Config, m *memory, p alerting.Channel) (r *Runner, stop func()) {
	t.Helper()
	channels := Channels{alerting.Exercise: {"sms": p}}
	r, err := New(cfg, m, m, m, channels, time.Now, slog.New(slog.DiscardHandler), func(alerting.Delivery) {})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	return r, func() {
		cancel()
		<-done
	}
}
