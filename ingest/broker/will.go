package broker

import (
	"context"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"tocsin/ingest"
)

// will is the last will of one connection. Whoever claims it first decides what becomes of it.
type will struct {
	client, user string
	packet       packets.Packet
	delay        time.Duration
	claimed      atomic.Bool
}

// willOf reads the will of a CONNECT. In MQTT 5 it waits no longer than the session lives [MQTT-3.1.2-8].
func willOf(cl *mqtt.Client, pk packets.Packet) *will {
	if !pk.Connect.WillFlag {
		return nil
	}
	w := &will{client: cl.ID, user: cl.Net.Conn.(*conn).user}
	w.packet = packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: pk.Connect.WillQos, Retain: pk.Connect.WillRetain},
		TopicName:   pk.Connect.WillTopic, Payload: pk.Connect.WillPayload,
		Properties: packets.Properties{User: pk.Connect.WillProperties.User},
	}
	if cl.Properties.ProtocolVersion == 5 {
		seconds := min(pk.Connect.WillProperties.WillDelayInterval, pk.Properties.SessionExpiryInterval)
		w.delay = time.Duration(seconds) * time.Second
	}
	return w
}

// claim takes the will; false where there is none or it was taken before.
func (w *will) claim() bool { return w != nil && !w.claimed.Swap(true) }

// OnWill is called when a connection ends without a goodbye. mochi is given an empty will, which
// reaches nobody: it would fan out and retain before anything is kept.
func (h *hook) OnWill(cl *mqtt.Client, _ mqtt.Will) (mqtt.Will, error) {
	if c, ok := cl.Net.Conn.(*conn); ok && c.will.claim() {
		h.willDue(c)
	}
	return mqtt.Will{}, nil
}

// willDue sends the will of a lost connection, now or after its delay.
func (h *hook) willDue(c *conn) {
	if c.will.delay == 0 {
		h.sendWill(c.will)
		return
	}
	s := c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && s.current != c {
		return // the client is back already [MQTT-3.1.3-9]
	}
	s.waiting = c.will
	s.delayed = time.AfterFunc(c.will.delay, func() {
		s.mu.Lock()
		w := s.waiting
		s.waiting = nil
		s.mu.Unlock()
		if w != nil {
			h.sendWill(w)
		}
	})
}

// settleWills deals with the wills of the connection before when a client comes back: one without delay
// is sent before the new connection is answered, one with a delay only where the session ends here
// [MQTT-3.1.3-9, MQTT-3.1.4-3].
func (h *hook) settleWills(s *session, before *conn, clean bool) {
	if s == nil {
		return
	}
	s.mu.Lock()
	waiting := s.waiting
	s.waiting = nil
	if s.delayed != nil {
		s.delayed.Stop()
	}
	s.mu.Unlock()
	if waiting != nil && clean {
		h.sendWill(waiting)
	}
	if before != nil && before.will.claim() && (clean || before.will.delay == 0) {
		h.sendWill(before.will)
	}
}

// sendWill offers a will as if the client had published it.
func (h *hook) sendWill(w *will) {
	if h.b.closing.Load() {
		return
	}
	if !h.b.config.mayPublish(w.user, w.packet.TopicName) || !mqtt.IsValidFilter(w.packet.TopicName, true) {
		h.b.counters.denied.Add(1)
		h.b.config.Log.Warn("a client may not have a will on this topic", "client", w.client, "user", w.user, "topic", w.packet.TopicName)
		return
	}
	h.b.counters.published.Add(1)
	m := ingest.Message{Source: Source, Client: w.client, Topic: w.packet.TopicName, Payload: w.packet.Payload, Retained: w.packet.FixedHeader.Retain}
	err := h.b.config.Door.Offer(context.Background(), m, func(err error) {
		if err == nil {
			h.b.forward.pass(w.client, w.packet)
		}
	})
	if err != nil {
		h.b.config.Log.Warn("a will could not be kept", "client", w.client, "err", err)
	}
}

// dropWills forgets all delayed wills: the broker stops, not the stations.
func (h *hook) dropWills() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sessions {
		s.mu.Lock()
		s.waiting = nil
		if s.delayed != nil {
			s.delayed.Stop()
		}
		s.mu.Unlock()
	}
}
