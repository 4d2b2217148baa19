package dashboards

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// The kinds of event. They carry no data: whoever listens asks the API anew.
const (
	EventReadings   = "readings"   // new readings or flags
	EventWarnings   = "warnings"   // a warning or a proposal changed; operators only
	EventPublished  = "published"  // an edition went out or ended
	EventDeliveries = "deliveries" // operators only
	EventRejects    = "rejects"    // operators only
	EventHealth     = "health"     // operators only
)

// publicEvents are those an anonymous listener hears: that something was proposed is not public.
var publicEvents = []string{EventReadings, EventPublished}

const (
	maxListeners    = 1200                   // beyond it newcomers are told to come back (503)
	publicListeners = 1000                   // of which the public may hold so many: operators always find a place
	pace            = 250 * time.Millisecond // at most one write a listener in this time
	heartbeat       = 15 * time.Second
	writeLimit      = 10 * time.Second // a listener that takes longer to read is dropped
)

// hub tells listeners that something changed. A listener that is slow finds the kinds it missed merged
// into one, so that the hub's memory is bounded by listeners × kinds, and nobody waits for anybody.
type hub struct {
	mu        sync.Mutex
	listeners map[*listener]struct{}
	public    int
	closed    bool
}

type listener struct {
	operator bool
	wake     chan struct{} // holds one token while pending is not empty
	pending  []string      // kinds in order of their first mention; guarded by hub.mu
	gone     chan struct{}
}

func newHub() *hub { return &hub{listeners: map[*listener]struct{}{}} }

var errFull = errors.New("too many listeners")

func (h *hub) join(operator bool) (*listener, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.listeners) >= maxListeners || (!operator && h.public >= publicListeners) {
		return nil, errFull
	}
	l := &listener{operator: operator, wake: make(chan struct{}, 1), gone: make(chan struct{})}
	h.listeners[l] = struct{}{}
	if !operator {
		h.public++
	}
	return l, nil
}

func (h *hub) leave(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, here := h.listeners[l]; !here {
		return
	}
	delete(h.listeners, l)
	if !l.operator {
		h.public--
	}
}

func (h *hub) publish(kind string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.listeners {
		if (!l.operator && !slices.Contains(publicEvents, kind)) || slices.Contains(l.pending, kind) {
			continue
		}
		l.pending = append(l.pending, kind)
		select {
		case l.wake <- struct{}{}:
		default: // it is awake already
		}
	}
}

func (h *hub) take(l *listener) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	kinds := l.pending
	l.pending = nil
	return kinds
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.closed = true
	for l := range h.listeners {
		close(l.gone)
	}
}

// Publish tells everybody who listens that something of this kind changed. It never waits; many calls
// in a short time become one event.
func (s *Server) Publish(kind string) {
	if kind == EventPublished { // readings come by the second: they wait for the page's own few seconds
		s.pages.stale()
	}
	s.hub.publish(kind)
}

// Close ends the streams of all listeners, so that http.Server.Shutdown need not wait for them.
func (s *Server) Close() { s.hub.close() }

// events streams server-sent events (WHATWG HTML, section 9.2).
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	_, secret, operator := s.caller(r)
	l, err := s.hub.join(operator)
	if err != nil {
		w.Header().Set("Retry-After", "30")
		problem(w, http.StatusServiceUnavailable, "too many listeners: come back in half a minute")
		return
	}
	defer s.hub.leave(l)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
	stream := &stream{w: w, control: http.NewResponseController(w), now: s.now}
	if err := stream.write("retry: 2000\n\n"); err != nil {
		return
	}
	if err := stream.event("hello"); err != nil {
		return
	}
	stillHere := func(ctx context.Context) bool {
		if !operator {
			return true
		}
		_, err := s.deps.Sessions.Session(ctx, secret)
		return err == nil
	}
	s.pump(r.Context(), l, stream, stillHere)
}

// pump writes what happens to one listener until it goes, is too slow, or its session ends.
func (s *Server) pump(ctx context.Context, l *listener, to *stream, stillHere func(context.Context) bool) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.gone:
			return
		case <-beat.C:
			if !stillHere(ctx) || to.event("beat") != nil {
				return
			}
		case <-l.wake:
			for _, kind := range s.hub.take(l) {
				if to.event(kind) != nil {
					return
				}
			}
			select {
			case <-time.After(pace):
			case <-ctx.Done():
				return
			case <-l.gone:
				return
			}
		}
	}
}

// stream writes to one listener, each write against a deadline.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	now     func() time.Time
}

func (t *stream) event(kind string) error {
	data, err := json.Marshal(map[string]any{"kind": kind, "time": t.now().UTC()})
	if err != nil {
		return fmt.Errorf("event %s: %w", kind, err)
	}
	return t.write(fmt.Sprintf("event: %s\ndata: %s\n\n", kind, data))
}

func (t *stream) write(text string) error {
	// The deadline is the network's: the machine's clock.
	if err := t.control.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("write deadline: %w", err)
	}
	if _, err := t.w.Write([]byte(text)); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if err := t.control.Flush(); err != nil {
		return fmt.Errorf("flush event: %w", err)
	}
	return nil
}
