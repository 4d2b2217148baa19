package dashboards

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestListenersHearWhatTheyMay(t *testing.T) {
	h := newHub()
	public, err := h.join(false)
	if err != nil {
		t.Fatal(err)
	}
	operator, _ := h.join(true)
	for range 1000 {
		for _, kind := range []string{EventWarnings, EventReadings, EventPublished, EventDeliveries} {
			h.publish(kind)
		}
	}
	if got := fmt.Sprint(h.take(public)); got != "[readings published]" {
		t.Errorf("the public hears %s", got)
	}
	if got := fmt.Sprint(h.take(operator)); got != "[warnings readings published deliveries]" {
		t.Errorf("operators hear %s: 4,000 calls must become 4 events", got)
	}
}

func TestOperatorsFindAPlaceInACrowd(t *testing.T) {
	h := newHub()
	var last *listener
	for range publicListeners {
		l, err := h.join(false)
		if err != nil {
			t.Fatal(err)
		}
		last = l
	}
	if _, err := h.join(false); err == nil {
		t.Error("the public is not bounded")
	}
	if _, err := h.join(true); err != nil {
		t.Error("an operator finds no place")
	}
	h.leave(last)
	h.leave(last) // twice is once
	if _, err := h.join(false); err != nil {
		t.Error("a place that was left is not free")
	}
	if _, err := h.join(false); err == nil {
		t.Error("leaving twice made two places")
	}
}

// recorder is a listener's connection that can be made to fail like one that does not read.
type recorder struct {
	mu    sync.Mutex
	text  strings.Builder
	stuck bool
}

func (r *recorder) Header() http.Header { return http.Header{} }
func (r *recorder) WriteHeader(int)     {}
func (r *recorder) Flush()              {}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stuck {
		return 0, errFull
	}
	return r.text.Write(p)
}

func (r *recorder) stick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stuck = true
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func (r *recorder) SetWriteDeadline(time.Time) error { return nil }

// TestPump runs a listener's life on a false clock: events are paced, beats come, an ended session and a
// connection that takes nothing end the stream.
func TestPump(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(*recorder, *atomic.Bool)
	}{
		{"the session ends", func(_ *recorder, valid *atomic.Bool) { valid.Store(false) }},
		{"nobody reads", func(r *recorder, _ *atomic.Bool) { r.stick() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(t)
				s := f.start(t)
				w := &recorder{}
				var valid atomic.Bool
				valid.Store(true)
				done := make(chan struct{})
				l, _ := s.hub.join(true)
				go func() {
					defer close(done)
					s.pump(t.Context(), l, &stream{w: w, control: http.NewResponseController(w), now: s.now}, func(context.Context) bool { return valid.Load() })
				}()
				for range 100 { // one second of a flood of events
					s.Publish(EventReadings)
					<-time.After(10 * time.Millisecond)
				}
				synctest.Wait()
				if n := strings.Count(w.String(), "event: readings"); n < 3 || n > 5 {
					t.Errorf("%d events in a second, want about 4", n)
				}
				<-time.After(heartbeat)
				synctest.Wait()
				if !strings.Contains(w.String(), "event: beat") {
					t.Error("no heartbeat")
				}
				test.end(w, &valid)
				<-time.After(2 * heartbeat)
				synctest.Wait()
				select {
				case <-done:
				default:
					t.Error("the stream goes on")
					s.Close()
				}
			})
		})
	}
}

// TestSlowListenerHoldsUpNobody opens a stream that is never read beside one that is, over a real socket.
func TestSlowListenerHoldsUpNobody(t *testing.T) {
	s := newFake(t).start(t)
	web := httptest.NewServer(s.Handler())
	defer web.Close()
	defer s.Close()
	slow, err := net.Dial("tcp", web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Close() }()
	_, _ = fmt.Fprintf(slow, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", eventsPath)
	answer, err := http.Get(web.URL + eventsPath)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if got := answer.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("Content-Type %q", got)
	}
	lines := bufio.NewScanner(answer.Body)
	heard := func(event string) bool {
		for lines.Scan() {
			if lines.Text() == "event: "+event {
				return true
			}
		}
		return false
	}
	if !heard("hello") {
		t.Fatal("no greeting")
	}
	for range 100_000 {
		s.Publish(EventPublished)
	}
	if !heard(EventPublished) {
		t.Error("the listener that reads heard nothing")
	}
}

func TestCloseEndsStreams(t *testing.T) {
	s := newFake(t).start(t)
	web := httptest.NewServer(s.Handler())
	defer web.Close() // would wait for ever for an open stream
	answer, err := http.Get(web.URL + eventsPath)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	s.Close()
	for scanner := bufio.NewScanner(answer.Body); scanner.Scan(); {
		continue // until the stream ends
	}
	if w := ask(s, "GET", eventsPath, "", ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("a stream after Close: %d", w.Code)
	}
}
