package desk

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"tocsin/alerting"
)

// memory is a store that obeys the table of transitions and nothing else, as the real ones do. It keeps
// everything as JSON, so that nobody can change behind its back what was written.
type memory struct {
	mu       sync.Mutex
	warnings map[string][]byte
	order    []string
	editions map[string][]alerting.Edition
	audit    []alerting.AuditRow
	handled  map[string]bool
	jobs     []alerting.SendJob
	states   map[string][]byte
	fail     func(alerting.Change) error // before the transition
}

func newMemory() *memory {
	return &memory{warnings: map[string][]byte{}, editions: map[string][]alerting.Edition{}, handled: map[string]bool{}, states: map[string][]byte{}}
}

func handledKey(mode alerting.Mode, h alerting.Hazard) string {
	return fmt.Sprintf("%s/%s/%s/%d/%d", mode, h.Kind, h.Zone, h.Position, h.Ordinal)
}

func (m *memory) read(id string) (alerting.Warning, error) {
	stored, ok := m.warnings[id]
	if !ok {
		return alerting.Warning{}, alerting.ErrNotFound
	}
	var w alerting.Warning
	return w, json.Unmarshal(stored, &w)
}

func (m *memory) openID(mode alerting.Mode, kind, zone string) string {
	for _, id := range m.order {
		if w, _ := m.read(id); w.Status.Open() && w.Mode == mode && w.Kind == kind && w.Zone == zone {
			return id
		}
	}
	return ""
}

func (m *memory) Apply(_ context.Context, c alerting.Change) (alerting.Warning, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(c); err != nil {
			return alerting.Warning{}, err
		}
	}
	if c.Hazard != nil && m.handled[handledKey(c.Warning.Mode, *c.Hazard)] {
		return alerting.Warning{}, alerting.ErrHandled
	}
	before, err := m.read(c.Warning.ID)
	if err == nil && (before.Mode != c.Warning.Mode || before.Kind != c.Warning.Kind || before.Zone != c.Warning.Zone) {
		return alerting.Warning{}, fmt.Errorf("warning %s becomes another: %w", before.ID, alerting.ErrIllegal)
	}
	if before.Version != c.Warning.Version {
		return alerting.Warning{}, alerting.ErrConflict
	}
	to, ok := alerting.Next(before.Status, c.Action)
	if !ok {
		return alerting.Warning{}, fmt.Errorf("%s from %q: %w", c.Action, before.Status, alerting.ErrIllegal)
	}
	if before.Status == "" && m.openID(c.Warning.Mode, c.Warning.Kind, c.Warning.Zone) != "" {
		return alerting.Warning{}, alerting.ErrOpen
	}
	return m.write(c, before, to), nil
}

func (m *memory) write(c alerting.Change, before alerting.Warning, to alerting.Status) alerting.Warning {
	w := c.Warning
	w.Status, w.Version = to, before.Version+1
	stored, _ := json.Marshal(w)
	if before.Version == 0 {
		m.order = append(m.order, w.ID)
	}
	m.warnings[w.ID] = stored
	if c.Hazard != nil {
		m.handled[handledKey(w.Mode, *c.Hazard)] = true
	}
	if c.Edition != nil {
		e := *c.Edition
		e.CAP = slices.Clone(e.CAP)
		m.editions[w.ID] = append(m.editions[w.ID], e)
	}
	if c.Send != nil {
		m.jobs = append(m.jobs, *c.Send)
	}
	m.audit = append(m.audit, alerting.AuditRow{Seq: int64(len(m.audit) + 1), Warning: w.ID, Mode: w.Mode, At: c.At, Actor: c.Actor, Action: c.Action, Body: []byte(c.Note)})
	written, _ := m.read(w.ID)
	return written
}

func (m *memory) Handled(_ context.Context, mode alerting.Mode, h alerting.Hazard) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.handled[handledKey(mode, h)] {
		return alerting.ErrHandled
	}
	m.handled[handledKey(mode, h)] = true
	return nil
}

func (m *memory) Warning(_ context.Context, id string) (alerting.Warning, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.read(id)
}

func (m *memory) Open(_ context.Context, mode alerting.Mode, kind, zone string) (alerting.Warning, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.read(m.openID(mode, kind, zone))
}

func (m *memory) Warnings(_ context.Context, f alerting.WarningFilter) ([]alerting.Warning, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []alerting.Warning
	for _, id := range slices.Backward(m.order) {
		w, _ := m.read(id)
		if (f.Mode == "" || w.Mode == f.Mode) && (len(f.Statuses) == 0 || slices.Contains(f.Statuses, w.Status)) {
			found = append(found, w)
		}
	}
	return found, nil
}

func (m *memory) Editions(_ context.Context, id string) ([]alerting.Edition, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.editions[id]), nil
}

func (m *memory) Edition(_ context.Context, identifier string) (alerting.Edition, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, editions := range m.editions {
		for _, e := range editions {
			if e.Identifier == identifier {
				return e, nil
			}
		}
	}
	return alerting.Edition{}, alerting.ErrNotFound
}

func (m *memory) Current(_ context.Context, mode alerting.Mode, since time.Time) ([]alerting.Edition, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var current []alerting.Edition
	for id, editions := range m.editions {
		w, _ := m.read(id)
		if w.Mode == mode && len(editions) > 0 && (w.Status.Public() || w.EndedAt != nil && w.EndedAt.After(since)) {
			current = append(current, editions[len(editions)-1])
		}
	}
	slices.SortFunc(current, func(a, b alerting.Edition) int {
		return cmp.Or(b.Sent.Compare(a.Sent), cmp.Compare(a.Identifier, b.Identifier))
	})
	return current, nil
}

func (m *memory) Audit(_ context.Context, id string, after int64, limit int) ([]alerting.AuditRow, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var rows []alerting.AuditRow
	for _, row := range m.audit {
		if (id == "" || row.Warning == id) && row.Seq > after && len(rows) < limit {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func (m *memory) Snapshot(_ context.Context, reader string, _ uint64, state []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.states[reader] = slices.Clone(state)
	return nil
}

func (m *memory) Restore(_ context.Context, reader string) (uint64, []byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return 0, m.states[reader], nil
}
