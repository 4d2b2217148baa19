package mqtt

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tocsin/ingest"
)

const (
	connectTimeout = 15 * time.Second
	firstPause     = 250 * time.Millisecond
	// goodbye is how long a disconnection may take to be said.
	goodbye = 250 // ms
	// settled is how long a connection must last for the next pause to be short again.
	settled = 30 * time.Second
)

// State is how the connection to one broker stands.
type State struct {
	Name        string
	Connected   bool      // and subscribed
	Since       time.Time // of the last change, the machine's clock
	Err         string    // why it is not connected, or was not the last time
	Received    uint64
	Unanswered  int    // received and not yet acknowledged on this connection
	Unkept      uint64 // could not be kept and were not acknowledged
	Connections uint64
}

// Subscriber follows one outside broker.
type Subscriber struct {
	config Config
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	state State
}

// New starts to follow a broker; it connects, and connects again, until Close. That the broker cannot
// be reached is no error: State tells.
func New(config Config) (*Subscriber, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	s := &Subscriber{config: config.withDefaults(), done: make(chan struct{})}
	s.state = State{Name: config.Name, Since: time.Now(), Err: "not connected yet"}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go s.run(ctx)
	return s, nil
}

// State tells how the connection stands.
func (s *Subscriber) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Close disconnects and leaves the session with the broker. Close the door first, so that what it has
// taken is still acknowledged; what is not comes again after the next start.
func (s *Subscriber) Close() error {
	s.cancel()
	select {
	case <-s.done:
		return nil
	case <-time.After(3 * time.Second):
		return fmt.Errorf("mqtt: the connection to broker %q did not end within 3 s", s.config.Name)
	}
}

func (s *Subscriber) run(ctx context.Context) {
	defer close(s.done)
	pause := time.Duration(0)
	for {
		began := time.Now()
		err := s.connection(ctx)
		s.changed(false, err)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > settled {
			pause = 0
		}
		pause = min(max(2*pause, firstPause), s.config.MaxPause)
		s.config.Log.Warn("the connection to an outside broker is lost, will try again", "broker", s.config.Name, "err", err)
		wait := time.NewTimer(pause/2 + rand.N(pause/2+1)) // jitter: many nodes must not come back at once
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
	}
}

func (s *Subscriber) changed(connected bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Connected != connected {
		s.state.Since = time.Now()
	}
	s.state.Connected = connected
	if connected {
		s.state.Connections++
	} else {
		s.state.Unanswered = 0 // they come again
	}
	if err != nil {
		s.state.Err = err.Error()
	} else {
		s.state.Err = ""
	}
}

// connection is one connection from its beginning to its end. Each has a client of its own: the session
// is the broker's, and acknowledgements of an earlier connection must not reach a later one, where the
// same packet identifiers mean other messages.
func (s *Subscriber) connection(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	l := &link{s: s, ctx: ctx, end: end, wake: make(chan struct{}, 1)}
	client := paho.NewClient(s.options(l))
	var acks sync.WaitGroup
	acks.Go(l.acknowledge)
	defer func() {
		end(nil) // lets go of a handler that waits for the door
		client.Disconnect(goodbye)
		acks.Wait()
	}()
	if err := finished(ctx, client.Connect()); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if err := s.subscribe(ctx, client); err != nil {
		return err
	}
	s.changed(true, nil)
	s.config.Log.Info("connected to an outside broker", "broker", s.config.Name)
	<-ctx.Done()
	return context.Cause(ctx)
}

func (s *Subscriber) options(l *link) *paho.ClientOptions {
	c := s.config
	o := paho.NewClientOptions().AddBroker(c.URL).SetClientID(c.ClientID).SetUsername(c.Username).SetPassword(c.Password)
	o.SetProtocolVersion(4).SetCleanSession(false).SetAutoReconnect(false).SetConnectRetry(false)
	o.SetConnectTimeout(connectTimeout).SetWriteTimeout(10 * time.Second)
	// While the door is full the handler waits and nothing is read, ping answers neither: the time for
	// them must be longer than a disk may take.
	o.SetKeepAlive(c.KeepAlive).SetPingTimeout(max(2*c.KeepAlive, 30*time.Second))
	if c.TLS != nil {
		o.SetTLSConfig(c.TLS)
	}
	o.SetAutoAckDisabled(true)
	// One handler at a time keeps the order, which the clock messages need, and holds back the broker.
	o.SetOrderMatters(true)
	// Set before connecting: what waits in the session comes before any subscription.
	o.SetDefaultPublishHandler(l.receive)
	o.SetConnectionLostHandler(func(_ paho.Client, err error) { l.end(fmt.Errorf("connection lost: %w", err)) })
	return o
}

func (s *Subscriber) subscribe(ctx context.Context, client paho.Client) error {
	filters := make(map[string]byte, len(s.config.Topics))
	for _, topic := range s.config.Topics {
		filters[topic] = 1
	}
	token := client.SubscribeMultiple(filters, nil)
	if err := finished(ctx, token); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	granted, ok := token.(*paho.SubscribeToken)
	if !ok {
		return errors.New("subscribe: the client gave no result")
	}
	for topic, code := range granted.Result() {
		if code != 1 { // 0x80 is a refusal; a lower QoS would lose readings [MQTT-3.8.4-5]
			return fmt.Errorf("subscribe: the broker does not grant QoS 1 for %q (answer %#x)", topic, code)
		}
	}
	return nil
}

func finished(ctx context.Context, token paho.Token) error {
	timeout := time.NewTimer(connectTimeout + 5*time.Second)
	defer timeout.Stop()
	select {
	case <-token.Done():
		return token.Error()
	case <-timeout.C:
		return errors.New("no answer in time")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// link is what belongs to one connection: the messages that may be acknowledged on it.
type link struct {
	s    *Subscriber
	ctx  context.Context
	end  context.CancelCauseFunc
	wake chan struct{}

	mu   sync.Mutex
	kept []paho.Message
}

// receive hands a message to the door. It waits while the door is full.
func (l *link) receive(_ paho.Client, m paho.Message) {
	l.s.count(func(state *State) { state.Received++; state.Unanswered++ })
	err := l.s.config.Door.Offer(l.ctx, ingest.Message{
		Source: l.s.config.Name, Topic: m.Topic(), Payload: m.Payload(), Retained: m.Retained(),
	}, func(err error) { l.done(m, err) })
	if err != nil {
		l.done(m, err)
	}
}

// done is told what became of a message; it never blocks. One that is not kept is sent again only on a
// new connection [MQTT-4.4.0-1], so this one must end, in a while.
func (l *link) done(m paho.Message, err error) {
	if err != nil {
		l.s.count(func(state *State) { state.Unkept++ })
		time.AfterFunc(time.Second, func() { l.end(fmt.Errorf("a message could not be kept: %w", err)) })
		return
	}
	l.mu.Lock()
	l.kept = append(l.kept, m)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// acknowledge writes the acknowledgements, in the order of the messages [MQTT-4.6.0-2], from a goroutine
// of its own: paho blocks while the broker does not read, and the commit must not wait for that.
func (l *link) acknowledge() {
	for {
		l.mu.Lock()
		kept := l.kept
		l.kept = nil
		l.mu.Unlock()
		for _, m := range kept {
			m.Ack() // after the end of the connection paho drops it
		}
		l.s.count(func(state *State) { state.Unanswered = max(0, state.Unanswered-len(kept)) })
		select {
		case <-l.wake:
		case <-l.ctx.Done():
			return
		}
	}
}

func (s *Subscriber) count(change func(*State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.state)
}
