package operator

import (
	"sync"
	"time"
)

// The limits on failed logins: so many in a window for one account from one address, for one account
// from everywhere, and for one address. The account's own is the loosest, since it lets a stranger
// lock somebody out; behind it stand the other two.
const (
	window     = 15 * time.Minute
	perPair    = 5
	perAddress = 30
	perAccount = 100
	remembered = 50_000 // keys; beyond it, what has passed is forgotten first
)

// limiter counts tries in memory: a restart forgives.
type limiter struct {
	now func() time.Time

	mu    sync.Mutex
	tries map[string]tries
}

type tries struct {
	n     int
	until time.Time
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, tries: map[string]tries{}}
}

// limits are the keys a try counts for, each with its limit.
func limits(account, address string) map[string]int {
	return map[string]int{"pair\x00" + account + "\x00" + address: perPair, "from\x00" + address: perAddress, "to\x00" + account: perAccount}
}

// take counts a try before its password is looked at, so that tries at once do not slip through.
func (l *limiter) take(account, address string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for key, most := range limits(account, address) {
		if t := l.tries[key]; now.Before(t.until) && t.n >= most {
			return TooMany{Wait: t.until.Sub(now)}
		}
	}
	l.tidy(now)
	for key := range limits(account, address) {
		t := l.tries[key]
		if !now.Before(t.until) {
			t = tries{until: now.Add(window)}
		}
		t.n++
		l.tries[key] = t
	}
	return nil
}

// clear gives back the try that succeeded and forgets the failures of the pair.
func (l *limiter) clear(account, address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, most := range limits(account, address) {
		t := l.tries[key]
		t.n--
		if most == perPair || t.n <= 0 {
			delete(l.tries, key)
			continue
		}
		l.tries[key] = t
	}
}

func (l *limiter) tidy(now time.Time) {
	if len(l.tries) < remembered {
		return
	}
	for key, t := range l.tries {
		if !now.Before(t.until) {
			delete(l.tries, key)
		}
	}
}
