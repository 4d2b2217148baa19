package sensorsim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"tocsin/sensors-sim/scenario"
)

// mosquitto is a real broker on a free port of the loopback.
type mosquitto struct {
	t    *testing.T
	port int
	cmd  *exec.Cmd
}

func newMosquitto(t *testing.T) *mosquitto {
	t.Helper()
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mosquitto{t: t, port: probe.Addr().(*net.TCPAddr).Port}
	if err := probe.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.stop)
	return m
}

func (m *mosquitto) url() string { return fmt.Sprintf("tcp://127.0.0.1:%d", m.port) }

func (m *mosquitto) start() {
	m.t.Helper()
	binary, err := exec.LookPath("mosquitto")
	if err != nil {
		if binary = "/usr/sbin/mosquitto"; !exists(binary) {
			m.t.Fatal("mosquitto is missing: apt-get install mosquitto")
		}
	}
	conf := filepath.Join(m.t.TempDir(), "mosquitto.conf")
	text := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\npersistence false\nmax_inflight_messages 0\nmax_queued_messages 0\n", m.port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	m.cmd = exec.Command(binary, "-c", conf)
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	for {
		conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", m.port), time.Second)
		if err == nil {
			_ = conn.Close()
			return
		}
		if m.t.Context().Err() != nil {
			m.t.Fatal("mosquitto does not answer")
		}
	}
}

func exists(name string) bool { _, err := os.Stat(name); return err == nil }

// stop kills this broker and no other.
func (m *mosquitto) stop() {
	if m.cmd != nil {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
		m.cmd = nil
	}
}

// heard collects what a subscriber to everything gets, in order.
type heard struct {
	mu       sync.Mutex
	messages []message
	changed  chan struct{}
}

type message struct {
	topic, payload string
	retained       bool
}

func (m *mosquitto) listen(t *testing.T) *heard {
	t.Helper()
	h := &heard{changed: make(chan struct{}, 1)}
	o := mqtt.NewClientOptions().AddBroker(m.url()).SetClientID("listener").SetCleanSession(false).SetAutoReconnect(true).
		SetMaxReconnectInterval(50 * time.Millisecond).SetDefaultPublishHandler(h.take)
	o.SetOnConnectHandler(func(c mqtt.Client) { c.Subscribe("#", 1, nil) })
	client := mqtt.NewClient(o)
	if token := client.Connect(); token.Wait() && token.Error() != nil {
		t.Fatal(token.Error())
	}
	if token := client.Subscribe("#", 1, nil); token.Wait() && token.Error() != nil {
		t.Fatal(token.Error())
	}
	t.Cleanup(func() { client.Disconnect(0) })
	return h
}

func (h *heard) take(_ mqtt.Client, m mqtt.Message) {
	h.mu.Lock()
	h.messages = append(h.messages, message{m.Topic(), string(m.Payload()), m.Retained()})
	h.mu.Unlock()
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// until waits for a message that fits and returns all so far.
func (h *heard) until(t *testing.T, fits func(message) bool) []message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		h.mu.Lock()
		all := append([]message(nil), h.messages...)
		h.mu.Unlock()
		for _, m := range all {
			if fits(m) {
				return all
			}
		}
		select {
		case <-h.changed:
		case <-ctx.Done():
			t.Fatalf("waited in vain; heard %d messages: %v", len(all), all)
		}
	}
}

// script is a source that sends n moments a minute apart: station a always, station b every other time.
type script struct {
	n, sent int
	before  func(i int) // called when moment i is asked for
}

var began = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func (s *script) Stations() []string { return []string{"a", "b"} }

func (s *script) Next() (time.Time, []scenario.Output, bool) {
	if s.before != nil {
		s.before(s.sent)
	}
	if s.sent == s.n {
		return time.Time{}, nil, false
	}
	now := began.Add(time.Duration(s.sent) * time.Minute)
	outputs := []scenario.Output{{Station: "a", Sensor: "water_level", Value: float64(s.sent), Unit: "m", Time: now}}
	if s.sent%2 == 0 {
		outputs = append(outputs, scenario.Output{Station: "b", Sensor: "water_level", Value: float64(s.sent), Unit: "m", Time: now})
	}
	s.sent++
	return now, outputs, true
}

func last(topic string) func(message) bool {
	return func(m message) bool {
		return m.topic == topic && strings.Contains(m.payload, "stopped")
	}
}

func TestFleetSpeaksInOrderToARealBroker(t *testing.T) {
	m := newMosquitto(t)
	m.start()
	h := m.listen(t)
	if err := Run(t.Context(), Config{Broker: m.url(), Source: &script{n: 40}, Clock: true, Pace: Constant(math.Inf(1))}); err != nil {
		t.Fatal(err)
	}
	h.until(t, last("stations/a/status"))
	all := h.until(t, last("stations/b/status"))
	born, clock, readings := map[string]bool{}, began.Add(-time.Minute), 0
	for _, got := range all {
		switch {
		case got.topic == ClockTopic:
			var said struct{ Now time.Time }
			if err := json.Unmarshal([]byte(got.payload), &said); err != nil || !said.Now.After(clock) {
				t.Fatalf("clock %s after %v (%v)", got.payload, clock, err)
			}
			clock = said.Now
		case strings.HasSuffix(got.topic, "/readings"):
			readings++
			if want := fmt.Sprintf(`"time":%q`, clock.Format(time.RFC3339)); !strings.Contains(got.payload, want) {
				t.Fatalf("%s under the clock %v", got.payload, clock)
			}
		case got.payload == statusOnline:
			born[got.topic] = true
		}
	}
	if readings != 60 || !born["stations/a/status"] || !born["stations/b/status"] {
		t.Errorf("%d payloads of 60, births %v", readings, born)
	}
}

func TestNothingIsLostWhileTheBrokerIsAway(t *testing.T) {
	m := newMosquitto(t)
	m.start()
	h := m.listen(t)
	source := &script{n: 30}
	var back sync.WaitGroup
	source.before = func(i int) {
		if i == 10 || i == 20 {
			back.Wait()
			m.stop()
			back.Go(m.start) // the fleet is already sending into the void
		}
	}
	defer back.Wait()
	if err := Run(t.Context(), Config{Broker: m.url(), Source: source, Clock: true, Pace: Constant(math.Inf(1))}); err != nil {
		t.Fatal(err)
	}
	if source.sent != 30 {
		t.Fatalf("%d moments of 30 were sent", source.sent)
	}
	h.until(t, last("stations/a/status"))
}

func TestFleetWaitsForABrokerThatComesLater(t *testing.T) {
	m := newMosquitto(t)
	done := make(chan error, 1)
	go func() {
		done <- Run(t.Context(), Config{Broker: m.url(), Source: &script{n: 3}, Pace: Constant(math.Inf(1))})
	}()
	m.start()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestStopIsClean(t *testing.T) {
	m := newMosquitto(t)
	m.start()
	h := m.listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, Config{Broker: m.url(), Source: &script{n: 1e6}, Pace: Constant(1)}) }()
	h.until(t, func(m message) bool { return m.topic == "stations/b/readings" })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("it ended with %v", err)
	}
	h.until(t, last("stations/a/status"))
}

func TestReplayOverTheWireSaysBirthsAndKeepsUnits(t *testing.T) {
	m := newMosquitto(t)
	m.start()
	h := m.listen(t)
	replay, err := NewReplay("r.csv", strings.NewReader(
		"time,station,quantity,value,unit\n2016-02-08T10:00:00Z,x,water_level,321,cm\n2016-02-08T10:15:00Z,x,water_level,3.22,m\n"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), Config{Broker: m.url(), Source: replay, Clock: true, Pace: Constant(math.Inf(1))}); err != nil {
		t.Fatal(err)
	}
	var topics, payloads []string
	for _, got := range h.until(t, last("stations/x/status")) {
		topics, payloads = append(topics, got.topic), append(payloads, got.payload)
	}
	want := []string{ClockTopic, "stations/x/status", "stations/x/readings", ClockTopic, "stations/x/readings", "stations/x/status"}
	if strings.Join(topics, " ") != strings.Join(want, " ") {
		t.Errorf("topics %v, want %v", topics, want)
	}
	if want := `{"time":"2016-02-08T10:00:00Z","water_level":{"value":321,"unit":"cm"}}`; len(payloads) < 3 || payloads[2] != want {
		t.Errorf("payloads %v", payloads)
	}
}

// backwards is a source whose clock stands and falls.
type backwards struct{ minutes []int }

func (b *backwards) Next() (time.Time, []scenario.Output, bool) {
	if len(b.minutes) == 0 {
		return time.Time{}, nil, false
	}
	now := began.Add(time.Duration(b.minutes[0]) * time.Minute)
	b.minutes = b.minutes[1:]
	return now, []scenario.Output{{Station: "a", Sensor: "water_level", Value: 1, Unit: "m", Time: now}}, true
}

func TestTheClockNeverRunsBackwards(t *testing.T) {
	m := newMosquitto(t)
	m.start()
	h := m.listen(t)
	if err := Run(t.Context(), Config{Broker: m.url(), Source: &backwards{[]int{5, 5, 3, 6}}, Clock: true, Pace: Constant(math.Inf(1))}); err != nil {
		t.Fatal(err)
	}
	clocks, readings := []string{}, 0
	for _, got := range h.until(t, last("stations/a/status")) {
		switch got.topic {
		case ClockTopic:
			clocks = append(clocks, got.payload)
		case "stations/a/readings":
			readings++
		}
	}
	if want := `{"now":"2026-11-23T08:05:00Z"} {"now":"2026-11-23T08:06:00Z"}`; strings.Join(clocks, " ") != want || readings != 4 {
		t.Errorf("clocks %v, want %s; %d readings of 4", clocks, want, readings)
	}
}

// The order of a file is its order of arrival: also the many stations of one moment, on the connection
// they share, are heard as they stand in it.
func TestOneMomentIsHeardInTheOrderOfTheFile(t *testing.T) {
	m := newMosquitto(t)
	m.start()
	h := m.listen(t)
	var file strings.Builder
	file.WriteString("time,station,quantity,value,unit\n")
	const stations = 500
	for i := range stations {
		fmt.Fprintf(&file, "2016-02-08T10:00:00Z,s%d,water_level,1,m\n", i*7919%stations)
	}
	replay, err := NewReplay("r.csv", strings.NewReader(file.String()), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), Config{Broker: m.url(), Source: replay, Clock: true, Pace: Constant(math.Inf(1))}); err != nil {
		t.Fatal(err)
	}
	i := 0
	for _, got := range h.until(t, last("stations/s0/status")) {
		if !strings.HasSuffix(got.topic, "/readings") {
			continue
		}
		if want := fmt.Sprintf("stations/s%d/readings", i*7919%stations); got.topic != want {
			t.Fatalf("message %d is of %s, want %s", i, got.topic, want)
		}
		i++
	}
	if i != stations {
		t.Errorf("%d messages of %d", i, stations)
	}
}
