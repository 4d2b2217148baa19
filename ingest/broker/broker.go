package broker

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
)

// Broker is a running embedded broker.
type Broker struct {
	config   Config
	server   *mqtt.Server
	listener *listener
	hook     *hook
	forward  *forwarder
	closing  atomic.Bool
	counters counters
	// failPause is how long, at least, a client stays connected whose publish could not be kept.
	failPause time.Duration
}

// Stats is a snapshot of what happened since the start.
type Stats struct {
	Clients        int    // connected now
	Published      uint64 // publishes and wills handed to the door
	Denied         uint64 // publishes and wills against the access rules
	Unkept         uint64 // publishes not answered because they could not be kept
	TooLarge       uint64 // clients cut off because of a packet beyond MaxPacket
	Refused        uint64 // connections with a wrong user or password
	Slow           uint64 // clients cut off because they did not read
	Forwarded      uint64 // kept messages passed to other subscribers
	ForwardDropped uint64 // of those, dropped because the subscribers were too slow
}

type counters struct {
	published, denied, unkept, tooLarge, refused, slow, forwarded, forwardDropped atomic.Uint64
}

// New listens and serves until Close.
func New(config Config) (*Broker, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	b := &Broker{config: config, failPause: time.Second}
	var err error
	if b.listener, err = listen(b); err != nil {
		return nil, fmt.Errorf("broker: listen on %s: %w", config.Listen, err)
	}
	b.server = mqtt.New(options(config))
	b.hook = &hook{b: b, sessions: make(map[string]*session)}
	b.forward = newForwarder(b)
	if err := errors.Join(b.server.AddHook(b.hook, nil), b.server.AddListener(b.listener), b.server.Serve()); err != nil {
		return nil, errors.Join(fmt.Errorf("broker: %w", err), b.listener.inner.Close())
	}
	b.warnOfOpenDoors()
	return b, nil
}

func options(config Config) *mqtt.Options {
	capabilities := mqtt.NewDefaultServerCapabilities()
	capabilities.MaximumClients = int64(config.MaxClients)
	capabilities.MaximumPacketSize = uint32(config.MaxPacket)
	capabilities.ReceiveMaximum = uint16(config.MaxUnanswered)
	capabilities.MaximumInflight = 65535
	capabilities.MaximumClientWritesPending = int32(config.SubscriberWait)
	capabilities.MaximumMessageExpiryInterval = 0 // else retained statuses vanish after a day
	capabilities.Compatibilities.NoInheritedPropertiesOnAck = true
	return &mqtt.Options{
		Capabilities: capabilities,
		Logger:       quietLogger(config.Log),
		// $SYS topics stop the world to count memory; once a day is enough of that.
		SysTopicResendInterval: 24 * 60 * 60,
	}
}

func (b *Broker) warnOfOpenDoors() {
	if !b.config.Anonymous {
		return
	}
	host, _, err := net.SplitHostPort(b.Addr())
	if ip := net.ParseIP(host); err == nil && ip != nil && !ip.IsLoopback() {
		b.config.Log.Warn("anybody on the network can publish readings: the broker takes anonymous clients and does not listen on loopback only", "listen", b.Addr())
		return
	}
	b.config.Log.Warn("the broker takes anonymous clients from this machine", "listen", b.Addr())
}

// Addr is the address that the broker listens on.
func (b *Broker) Addr() string { return b.listener.Address() }

// Close cuts off all clients. Wills are not sent: it is not the stations that went away. Close the door
// first, so that what it has taken is still answered. It returns within about 2 s.
func (b *Broker) Close() error {
	if b.closing.Swap(true) {
		return nil
	}
	b.listener.hurry(500 * time.Millisecond)
	b.hook.dropWills()
	err := b.server.Close()
	b.forward.close()
	if err != nil {
		return fmt.Errorf("close broker: %w", err)
	}
	return nil
}

// Stats counts what happened.
func (b *Broker) Stats() Stats {
	c := &b.counters
	return Stats{
		Clients:   int(atomic.LoadInt64(&b.server.Info.ClientsConnected)),
		Published: c.published.Load(), Denied: c.denied.Load(), Unkept: c.unkept.Load(), TooLarge: c.tooLarge.Load(),
		Refused: c.refused.Load(), Slow: c.slow.Load(), Forwarded: c.forwarded.Load(), ForwardDropped: c.forwardDropped.Load(),
	}
}
