package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// numbered is what a device sends as its n-th message: the discharge says n, the level runs up and
// down through all marks of the site.
func (l *load) numbered(n int) []byte {
	return fmt.Appendf(nil, `{"time":%q,"water_level":%.3f,"discharge":%d,"battery_voltage":12.5}`,
		l.time(n).Format("2006-01-02T15:04:05.000Z"), level(n), n)
}

func (l *load) time(n int) time.Time { return l.begin.Add(time.Duration(n) * 10 * time.Millisecond) }

// level is a triangle between 2.5 m and 5.0 m, in steps of 10 mm.
func level(n int) float64 {
	const turn = 250
	up := n % (2 * turn)
	return float64(250+min(up, 2*turn-up)) / 100
}

// load is a field of devices, one a station, each sending as fast as it is acknowledged, and the record
// of what was.
type load struct {
	t      *testing.T
	broker string
	begin  time.Time // of the first reading
	cancel context.CancelFunc
	over   chan struct{} // closed: no new readings
	idle   sync.WaitGroup

	mu      sync.Mutex
	acked   map[string][]int // numbers by station
	count   int
	changed chan struct{} // closed and renewed with each acknowledgement
}

// window is how many readings of one device wait for their acknowledgement.
const window = 100

// startLoad lets a device of each station loose until finish, or the end of the test.
func startLoad(t *testing.T, broker string) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{
		t: t, broker: "tcp://" + broker, begin: time.Now().UTC().Truncate(time.Second),
		cancel: cancel, over: make(chan struct{}), acked: map[string][]int{}, changed: make(chan struct{}),
	}
	for _, station := range loadStations {
		l.idle.Go(func() { l.device(ctx, station) })
	}
	t.Cleanup(l.stop)
	return l
}

// stop ends the devices where they are.
func (l *load) stop() {
	l.cancel()
	l.idle.Wait()
}

// device sends readings over one connection after another. What was not acknowledged on one goes
// first on the next, as a logger with a memory does it. (paho's own resending would do, but it calls a
// message done as soon as it takes it up again after a reconnect.)
func (l *load) device(ctx context.Context, station string) {
	next, again := 0, []int(nil)
	for ctx.Err() == nil {
		s := &session{load: l, station: station, next: next, again: again, lost: make(chan struct{})}
		done := s.run(ctx)
		next, again = s.next, s.again
		if done {
			return
		}
	}
}

// session is one connection of a device.
type session struct {
	load    *load
	station string
	next    int   // number of the first reading never sent
	again   []int // sent before and not acknowledged
	lost    chan struct{}
	waiting []flight
}

type flight struct {
	number int
	token  mqtt.Token
}

// run says whether everything was sent and acknowledged.
func (s *session) run(ctx context.Context) (done bool) {
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(s.load.broker).SetClientID("device-" + s.station).
		SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(true).SetConnectRetryInterval(50 * time.Millisecond).
		SetWriteTimeout(2 * time.Second). // a publish that a lost connection has caught waits as long, else 30 s
		SetOrderMatters(false).SetConnectionLostHandler(func(mqtt.Client, error) { close(s.lost) }))
	defer client.Disconnect(0)
	connected := client.Connect()
	select {
	case <-connected.Done():
	case <-ctx.Done():
		return true
	}
	if connected.Error() != nil {
		return false
	}
	defer func() {
		for _, f := range s.waiting {
			s.again = append(s.again, f.number)
		}
		slices.Sort(s.again)
	}()
	for {
		for len(s.waiting) < window && s.send(client) {
		}
		if len(s.waiting) == 0 {
			return true
		}
		if !s.await(ctx) {
			return ctx.Err() != nil
		}
	}
}

// send sends one reading more; false where there is none.
func (s *session) send(client mqtt.Client) bool {
	var n int
	switch {
	case len(s.again) > 0:
		n, s.again = s.again[0], s.again[1:]
	default:
		select {
		case <-s.load.over:
			return false
		default:
		}
		n = s.next
		s.next++
	}
	token := client.Publish("stations/"+s.station+"/readings", 1, false, s.load.numbered(n))
	s.waiting = append(s.waiting, flight{n, token})
	return true
}

// await waits for the oldest acknowledgement; false where it will not come over this connection.
func (s *session) await(ctx context.Context) bool {
	oldest := s.waiting[0]
	select {
	case <-oldest.token.Done():
	case <-s.lost:
	case <-ctx.Done():
		return false
	}
	select {
	case <-oldest.token.Done(): // told together with the loss, perhaps
	default:
		return false
	}
	if oldest.token.Error() != nil {
		return false
	}
	s.waiting = s.waiting[1:]
	s.load.record(s.station, oldest.number)
	return true
}

func (l *load) record(station string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[station] = append(l.acked[station], n)
	l.count++
	close(l.changed)
	l.changed = make(chan struct{})
}

// acknowledged is how many readings were, so far.
func (l *load) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// wait waits until so many readings more are acknowledged, or until the program ends.
func (l *load) wait(more int, p *program) {
	l.t.Helper()
	enough := l.acknowledged() + more
	deadline := time.After(patience)
	for {
		l.mu.Lock()
		count, changed := l.count, l.changed
		l.mu.Unlock()
		if count >= enough {
			return
		}
		select {
		case <-changed:
		case <-p.done:
			return
		case <-deadline:
			l.t.Fatalf("%d readings acknowledged, waiting for %d", count, enough)
		}
	}
}

// finish lets the devices send what they have begun, and returns the numbers acknowledged by station.
func (l *load) finish() map[string][]int {
	l.t.Helper()
	close(l.over)
	idle := make(chan struct{})
	go func() { l.idle.Wait(); close(idle) }()
	select {
	case <-idle:
	case <-time.After(patience):
		l.t.Fatal("the devices cannot send what is left")
	}
	l.cancel()
	return l.acked
}
