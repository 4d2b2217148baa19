package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/listeners"
)

// connectTimeout is how long a new connection may take to say CONNECT.
const connectTimeout = 10 * time.Second

// listener implements mochi's listeners.Listener; unlike mochi's own it lives on after an error of accept.
type listener struct {
	b     *Broker
	inner net.Listener

	mu     sync.Mutex
	conns  map[*conn]struct{}
	closed bool
}

var _ listeners.Listener = (*listener)(nil)

func listen(b *Broker) (*listener, error) {
	inner, err := net.Listen("tcp", b.config.Listen)
	if err != nil {
		return nil, err
	}
	if b.config.TLS != nil {
		inner = tls.NewListener(inner, b.config.TLS)
	}
	return &listener{b: b, inner: inner, conns: make(map[*conn]struct{})}, nil
}

// Init is called by mochi; the listener listens already.
func (l *listener) Init(*slog.Logger) error { return nil }

// ID names the listener.
func (l *listener) ID() string { return Source }

// Address is the address listened on.
func (l *listener) Address() string { return l.inner.Addr().String() }

// Protocol names the transport.
func (l *listener) Protocol() string { return "tcp" }

// Serve accepts connections until Close.
func (l *listener) Serve(establish listeners.EstablishFn) {
	pause := time.Duration(0)
	for {
		inner, err := l.inner.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no file descriptors left, say: that passes
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			l.b.config.Log.Error("the broker cannot accept a connection, will try again", "err", err)
			time.Sleep(pause)
			continue
		}
		pause = 0
		c, ok := l.enter(inner)
		if !ok {
			_ = inner.Close()
			continue
		}
		go func() {
			if err := establish(l.ID(), c); err != nil {
				l.b.config.Log.Debug("a client has gone", "remote", inner.RemoteAddr().String(), "err", err)
			}
			_ = c.Close()
		}()
	}
}

// enter wraps a new connection; ok is false where there are too many or the broker is closing.
func (l *listener) enter(inner net.Conn) (c *conn, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// Some more than MaxClients, so that those in excess can be told so in their CONNACK.
	if l.closed || len(l.conns) >= l.b.config.MaxClients+64 {
		return nil, false
	}
	c = &conn{Conn: inner, b: l.b, timeout: l.b.config.WriteTimeout, slots: make(chan struct{}, l.b.config.MaxUnanswered)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	_ = inner.SetReadDeadline(time.Now().Add(connectTimeout)) // mochi sets none before CONNECT
	l.conns[c] = struct{}{}
	return c, true
}

func (l *listener) leave(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// hurry gives every write under way, and every later one, no more than d.
func (l *listener) hurry(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.mu.Lock()
		c.timeout = d
		c.mu.Unlock()
		_ = c.SetWriteDeadline(time.Now().Add(d))
	}
}

// Close stops accepting and closes all connections.
func (l *listener) Close(closeClients listeners.CloseFn) {
	l.mu.Lock()
	l.closed = true
	conns := make([]*conn, 0, len(l.conns))
	for c := range l.conns {
		conns = append(conns, c)
	}
	l.mu.Unlock()
	_ = l.inner.Close()
	closeClients(l.ID())
	for _, c := range conns { // those that never said CONNECT as well
		_ = c.Close()
	}
}
