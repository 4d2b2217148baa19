package broker

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// conn is one client's connection with the answers that wait to be written to it. Its own write
// deadline cuts a client off that does not read, whoever is writing to it.
type conn struct {
	net.Conn
	b      *Broker
	ctx    context.Context // ends with the connection
	cancel context.CancelFunc
	slots  chan struct{} // taken by each publish until its answer is written

	// Set when the session is established, before any publish.
	user    string
	id      string
	version byte
	clean   bool // MQTT 3.1.1: the session ends with the connection
	session *session
	will    *will // nil where there is none; claimed once

	mu      sync.Mutex
	timeout time.Duration
	answers []byte // encoded, not yet written
	spare   []byte
	count   int // of answers
	writing bool
	failing atomic.Bool
}

// SetDeadline is what mochi calls for the keep-alive: it concerns reading only [MQTT-3.1.2-24].
func (c *conn) SetDeadline(t time.Time) error { return c.Conn.SetReadDeadline(t) }

// Write writes whole packets, or closes the connection: half a packet cannot be taken back.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	timeout := c.timeout
	c.mu.Unlock()
	if err := c.Conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.b.counters.slow.Add(1)
			c.b.config.Log.Warn("a client that does not read was cut off", "client", c.id, "remote", c.RemoteAddr().String())
		}
		_ = c.Close()
	}
	return n, err
}

// Close ends the connection and everything that waits for it.
func (c *conn) Close() error {
	c.cancel()
	c.b.listener.leave(c)
	return c.Conn.Close()
}

// take waits for a free slot: beyond the limit the client is not read any further.
func (c *conn) take() error {
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

func (c *conn) release(n int) {
	for range n {
		<-c.slots
	}
}

// answer queues a PUBACK or PUBREC; it never blocks. The queue is bounded by the slots.
func (c *conn) answer(kind byte, packetID uint16, reason byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if reason != 0 && c.version == 5 {
		c.answers = append(c.answers, kind<<4, 3, byte(packetID>>8), byte(packetID), reason)
	} else { // success may be left out in MQTT 5 as well [3.4.2.1, 3.5.2.1]
		c.answers = append(c.answers, kind<<4, 2, byte(packetID>>8), byte(packetID))
	}
	c.count++
	if !c.writing {
		c.writing = true
		go c.writeAnswers()
	}
}

// writeAnswers writes until none wait. It is the only one that does, so that slots are freed in order.
func (c *conn) writeAnswers() {
	for {
		c.mu.Lock()
		if c.count == 0 {
			c.writing = false
			c.mu.Unlock()
			return
		}
		out, n := c.answers, c.count
		c.answers, c.spare, c.count = c.spare[:0], out, 0
		c.mu.Unlock()
		_, _ = c.Write(out) // an error has closed the connection; its slots are freed all the same
		c.release(n)
	}
}

// fail cuts the client off in a while: MQTT 3.1.1 sends again only after connecting again.
func (c *conn) fail() {
	if c.failing.Swap(true) {
		return
	}
	time.AfterFunc(c.b.failPause+rand.N(2*c.b.failPause), func() { _ = c.Close() })
}

// session is the incoming QoS 2 state of a client id, which outlives connections.
type session struct {
	mu       sync.Mutex
	current  *conn
	received map[uint16]bool // packet ids between PUBLISH and PUBREL; true once kept
	delayed  *time.Timer     // of a will that waits
	waiting  *will
}

// begin notes a QoS 2 publish. first is false for a repetition, which must not be kept again
// [MQTT-4.3.3-10]; kept says whether the first one was answered already.
func (s *session) begin(packetID uint16) (first, kept bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, known := s.received[packetID]
	if known {
		return false, kept
	}
	if s.received == nil {
		s.received = make(map[uint16]bool)
	}
	s.received[packetID] = false
	return true, false
}

// keep notes that the publish is kept and returns the connection that wants to hear of it.
func (s *session) keep(packetID uint16) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received[packetID] = true
	return s.current
}

// forget ends a QoS 2 exchange and says whether there was one.
func (s *session) forget(packetID uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.received[packetID]
	delete(s.received, packetID)
	return known
}

// answerOf is the packet that answers a publish of this QoS.
func answerOf(qos byte) byte {
	if qos == 2 {
		return packets.Pubrec
	}
	return packets.Puback
}
