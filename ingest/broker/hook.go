package broker

import (
	"errors"
	"sync"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"tocsin/ingest"
)

// hook is where mochi asks and is told.
type hook struct {
	mqtt.HookBase
	b *Broker

	mu       sync.Mutex
	sessions map[string]*session // by client id
}

// ID names the hook.
func (h *hook) ID() string { return "tocsin" }

// Provides lists what is implemented.
func (h *hook) Provides(what byte) bool {
	switch what {
	case mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnSessionEstablish, mqtt.OnDisconnect, mqtt.OnClientExpired,
		mqtt.OnPacketRead, mqtt.OnPacketEncode, mqtt.OnPublish, mqtt.OnWill:
		return true
	}
	return false
}

// OnConnectAuthenticate lets a client in. A client id in use belongs to the user who uses it.
func (h *hook) OnConnectAuthenticate(cl *mqtt.Client, pk packets.Packet) bool {
	c := cl.Net.Conn.(*conn)
	user, config := string(pk.Connect.Username), &h.b.config
	ok := user == "" && config.Anonymous
	if user != "" {
		ok = config.Authenticate == nil && config.Anonymous || config.Authenticate != nil && config.Authenticate(user, string(pk.Connect.Password))
	}
	if other, taken := h.b.server.Clients.Get(cl.ID); ok && taken && string(other.Properties.Username) != user {
		ok = false
	}
	if !ok {
		h.b.counters.refused.Add(1)
		config.Log.Warn("a client was refused", "client", cl.ID, "user", user, "remote", cl.Net.Remote)
		return false
	}
	if config.Authenticate != nil {
		c.user = user // else a name that nobody checked counts for nothing
	}
	return true
}

// OnACLCheck answers for reading. Publishing is judged in OnPublish, where an alias is resolved; here it
// is refused only where the topic is known, which makes mochi answer as the protocol wants it.
func (h *hook) OnACLCheck(cl *mqtt.Client, topic string, write bool) bool {
	c, ok := cl.Net.Conn.(*conn)
	if !ok {
		return cl.Net.Inline
	}
	if !write {
		return h.b.config.maySubscribe(c.user, topic)
	}
	if topic == "" || h.b.config.mayPublish(c.user, topic) {
		return true
	}
	h.deny(c, topic)
	return false
}

func (h *hook) deny(c *conn, topic string) {
	h.b.counters.denied.Add(1)
	h.b.config.Log.Warn("a client may not publish this topic", "client", c.id, "user", c.user, "topic", topic)
}

// OnSessionEstablish binds the connection to the session of its client id. What the connection before
// left behind is settled first: its will comes before anything of the new one.
func (h *hook) OnSessionEstablish(cl *mqtt.Client, pk packets.Packet) {
	c := cl.Net.Conn.(*conn)
	c.id, c.version, c.will = cl.ID, cl.Properties.ProtocolVersion, willOf(cl, pk)
	c.clean = pk.Connect.Clean && c.version < 5
	s, old, before := h.takeOver(c, pk.Connect.Clean)
	c.session = s
	s.mu.Lock()
	s.current = c
	s.mu.Unlock()
	h.settleWills(old, before, pk.Connect.Clean)
}

// takeOver finds or begins the session of a new connection, with the session and the connection before.
func (h *hook) takeOver(c *conn, clean bool) (s, old *session, before *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	old = h.sessions[c.id]
	if old != nil {
		old.mu.Lock()
		before = old.current
		old.mu.Unlock()
	}
	if old != nil && !clean && (before == nil || !before.clean) {
		return old, old, before
	}
	s = &session{}
	h.sessions[c.id] = s
	return s, old, before
}

// OnDisconnect ends the session where it does not outlive the connection.
func (h *hook) OnDisconnect(cl *mqtt.Client, err error, expire bool) {
	c, ok := cl.Net.Conn.(*conn)
	if errors.Is(err, packets.ErrPacketTooLarge) {
		h.b.counters.tooLarge.Add(1)
		h.b.config.Log.Warn("a client was cut off: its packet is too large", "client", cl.ID, "limit", h.b.config.MaxPacket)
	}
	if !ok || c.session == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	if c.session.current != c {
		return // taken over
	}
	c.session.current = nil
	if expire && h.sessions[cl.ID] == c.session {
		delete(h.sessions, cl.ID)
	}
}

// OnClientExpired ends a session that was kept for a client who did not come back.
func (h *hook) OnClientExpired(cl *mqtt.Client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.sessions[cl.ID]; s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.current == nil {
			delete(h.sessions, cl.ID)
		}
	}
}

// OnPacketRead cuts off who publishes to a wildcard, whom mochi would leave waiting for ever
// [MQTT-3.3.2-2], and notes an orderly goodbye, after which there is no will [MQTT-3.1.2-8].
func (h *hook) OnPacketRead(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	switch pk.FixedHeader.Type {
	case packets.Publish:
		if !mqtt.IsValidFilter(pk.TopicName, true) {
			return pk, packets.ErrRejectPacket
		}
	case packets.Disconnect:
		if c, ok := cl.Net.Conn.(*conn); ok && pk.ReasonCode != packets.CodeDisconnectWillMessage.Code {
			c.will.claim()
		}
	}
	return pk, nil
}

// OnPacketEncode mends what mochi is about to say: a PUBCOMP for an exchange that only we know of, and
// the size that an MQTT 5 client may send.
func (h *hook) OnPacketEncode(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	c, ok := cl.Net.Conn.(*conn)
	switch {
	case !ok:
	case pk.FixedHeader.Type == packets.Pubcomp && c.session != nil && c.session.forget(pk.PacketID):
		pk.ReasonCode, pk.Properties.ReasonString = packets.CodeSuccess.Code, ""
	case pk.FixedHeader.Type == packets.Connack:
		pk.Properties.MaximumPacketSize = uint32(h.b.config.MaxPacket)
	}
	return pk
}

// OnPublish hands every publish of a client to the door and keeps it from mochi, which neither
// acknowledges nor forwards what is rejected. It blocks while the client has too many unanswered
// publishes or the door is full: that client is not read meanwhile.
func (h *hook) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	c, ok := cl.Net.Conn.(*conn)
	if !ok { // our own forwarder
		pk.Origin = pk.Connect.ClientIdentifier
		return pk, nil
	}
	if pk.Properties.TopicAliasFlag && !h.b.config.mayPublish(c.user, pk.TopicName) {
		h.deny(c, pk.TopicName)
		_ = c.Close()
		return pk, packets.ErrRejectPacket
	}
	if pk.FixedHeader.Qos > 0 && c.take() != nil {
		return pk, packets.ErrRejectPacket
	}
	if pk.FixedHeader.Qos == 2 {
		if first, kept := c.session.begin(pk.PacketID); !first {
			h.again(c, pk.PacketID, kept)
			return pk, packets.ErrRejectPacket
		}
	}
	h.offer(c, pk)
	return pk, packets.ErrRejectPacket
}

// again answers a repeated QoS 2 publish, at once where the first is kept, else with it.
func (h *hook) again(c *conn, packetID uint16, kept bool) {
	if kept {
		c.answer(packets.Pubrec, packetID, 0)
		return
	}
	c.release(1)
}

func (h *hook) offer(c *conn, pk packets.Packet) {
	m := ingest.Message{Source: Source, Client: c.id, Topic: pk.TopicName, Payload: pk.Payload, Retained: pk.FixedHeader.Retain}
	h.b.counters.published.Add(1)
	err := h.b.config.Door.Offer(c.ctx, m, func(err error) { h.done(c, pk, err) })
	if err != nil {
		h.done(c, pk, err)
	}
}

// done is told what became of a publish. It never blocks.
func (h *hook) done(c *conn, pk packets.Packet, err error) {
	qos := pk.FixedHeader.Qos
	if err != nil {
		if qos == 0 {
			return
		}
		if qos == 2 {
			c.session.forget(pk.PacketID)
		}
		h.b.counters.unkept.Add(1)
		c.release(1)
		c.fail()
		return
	}
	reason := byte(0)
	if len(pk.Payload) > h.b.config.MaxPayload {
		reason = packets.ErrImplementationSpecificError.Code // what is kept of it goes to quarantine
	}
	switch {
	case qos == 1:
		c.answer(packets.Puback, pk.PacketID, reason)
	case qos == 2:
		h.received(c, pk.PacketID, reason)
	}
	h.b.forward.pass(c.id, pk)
}

// received answers a QoS 2 publish on the connection that its session has now.
func (h *hook) received(c *conn, packetID uint16, reason byte) {
	current := c.session.keep(packetID)
	if reason != 0 && c.version == 5 {
		c.session.forget(packetID) // an error ends the exchange [MQTT-4.3.3-4]
	}
	if current == nil || current == c {
		c.answer(packets.Pubrec, packetID, reason)
		return
	}
	c.release(1)
	select {
	case current.slots <- struct{}{}:
		current.answer(packets.Pubrec, packetID, reason)
	default: // as many unanswered as it may have: the client asks again
	}
}
