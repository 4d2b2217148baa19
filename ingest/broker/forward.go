package broker

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// forwardQueue is how many kept messages may wait to be passed to subscribers.
const forwardQueue = 16384

// forwarder passes kept messages to other subscribers and retains them, in the order of the journal. It
// is a goroutine of its own behind a bounded queue: a subscriber that does not read never holds up a
// commit. What does not fit is dropped and counted; the journal has it.
type forwarder struct {
	b     *Broker
	queue chan forwarded
	as    *mqtt.Client
	done  chan struct{}

	mu     sync.Mutex
	closed bool
}

type forwarded struct {
	client string
	packet packets.Packet
}

func newForwarder(b *Broker) *forwarder {
	f := &forwarder{b: b, queue: make(chan forwarded, forwardQueue), done: make(chan struct{})}
	f.as = b.server.NewClient(nil, mqtt.LocalListener, "tocsin", true)
	f.as.Properties.ProtocolVersion = 5 // to keep the properties
	go f.run()
	return f
}

// pass queues a kept message where anybody could want it. It never blocks.
func (f *forwarder) pass(client string, pk packets.Packet) {
	if !pk.FixedHeader.Retain && atomic.LoadInt64(&f.b.server.Info.Subscriptions) <= 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	select {
	case f.queue <- forwarded{client, pk}:
	default:
		if f.b.counters.forwardDropped.Add(1)%10_000 == 1 {
			f.b.config.Log.Warn("subscribers are too slow; messages are not forwarded to them", "dropped", f.b.counters.forwardDropped.Load())
		}
	}
}

func (f *forwarder) run() {
	defer close(f.done)
	for item := range f.queue {
		in := item.packet
		properties := in.Properties
		properties.TopicAlias, properties.TopicAliasFlag = 0, false // belongs to the publisher's connection
		out := packets.Packet{
			FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: in.FixedHeader.Qos, Retain: in.FixedHeader.Retain},
			TopicName:   in.TopicName, Payload: in.Payload, Properties: properties, Created: in.Created,
			Connect: packets.ConnectParams{ClientIdentifier: item.client}, // for OnPublish: No Local needs the origin
		}
		if out.FixedHeader.Qos > 0 {
			out.PacketID = 1 // wanted by the validation, used by nobody
		}
		if err := f.b.server.InjectPacket(f.as, out); err != nil {
			f.b.config.Log.Warn("a message could not be forwarded", "topic", in.TopicName, "err", err)
			continue
		}
		f.b.counters.forwarded.Add(1)
	}
}

func (f *forwarder) close() {
	f.mu.Lock()
	if !f.closed {
		f.closed = true
		close(f.queue)
	}
	f.mu.Unlock()
	<-f.done
}

// quietLogger hands mochi's log on without the packets in it, which hold payloads and passwords.
func quietLogger(log *slog.Logger) *slog.Logger { return slog.New(&quietHandler{log.Handler()}) }

type quietHandler struct{ inner slog.Handler }

// Enabled leaves out what mochi says at Info and below: it concerns each packet and connection.
func (q *quietHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.inner.Enabled(ctx, level)
}

// Handle drops the attributes that hold packets.
func (q *quietHandler) Handle(ctx context.Context, record slog.Record) error {
	clean := slog.NewRecord(record.Time, record.Level, "mqtt: "+record.Message, record.PC)
	record.Attrs(func(a slog.Attr) bool {
		if a.Key != "pk" && a.Key != "packet" && a.Key != "will" {
			clean.AddAttrs(a)
		}
		return true
	})
	return q.inner.Handle(ctx, clean)
}

// WithAttrs is part of slog.Handler.
func (q *quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &quietHandler{q.inner.WithAttrs(attrs)}
}

// WithGroup is part of slog.Handler.
func (q *quietHandler) WithGroup(name string) slog.Handler {
	return &quietHandler{q.inner.WithGroup(name)}
}
