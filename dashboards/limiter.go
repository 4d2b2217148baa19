package dashboards

import (
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	loginTries  = 10              // failed attempts of one address in loginWindow
	loginWindow = 5 * time.Minute //
	loginAtOnce = 2               // password hashes computed at once: each takes tens of megabytes
	addresses   = 10_000          // remembered at most
)

// limiter slows down guessing. It counts failures by network address on the machine's clock, so that a
// site whose clock is driven from outside is guarded all the same.
type limiter struct {
	mu       sync.Mutex
	failures map[string]failures
	hashing  chan struct{}
}

type failures struct {
	count int
	until time.Time
}

func newLimiter() *limiter {
	return &limiter{failures: map[string]failures{}, hashing: make(chan struct{}, loginAtOnce)}
}

// allowed says whether the address may try (again).
func (l *limiter) allowed(address string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.failures[address]
	return f.count < loginTries || time.Now().After(f.until)
}

// failed counts a failure of the address.
func (l *limiter) failed(address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if len(l.failures) >= addresses {
		l.forget(now)
	}
	f := l.failures[address]
	if now.After(f.until) {
		f = failures{until: now.Add(loginWindow)}
	}
	f.count++
	l.failures[address] = f
}

// forget drops what has run out, and everything where that is not enough: the bound on memory comes first.
func (l *limiter) forget(now time.Time) {
	for address, f := range l.failures {
		if now.After(f.until) {
			delete(l.failures, address)
		}
	}
	if len(l.failures) >= addresses {
		clear(l.failures)
	}
}

// succeeded forgets the failures of the address.
func (l *limiter) succeeded(address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.failures, address)
}

// enter waits for a place among those who hash; false where the client went away first.
func (l *limiter) enter(r *http.Request) bool {
	select {
	case l.hashing <- struct{}{}:
		return true
	case <-r.Context().Done():
		return false
	}
}

func (l *limiter) exit() { <-l.hashing }

// address is where a request comes from, without the port; IPv6 by its /64, which one customer holds.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	ip := net.ParseIP(host)
	if ip == nil || ip.To4() != nil {
		return host
	}
	return ip.Mask(net.CIDRMask(64, 128)).String()
}
