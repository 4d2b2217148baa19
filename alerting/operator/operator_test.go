package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/alerting"
)

// store is alerting.Accounts in memory.
type store struct {
	mu        sync.Mutex
	operators map[string]alerting.Operator
	tokens    map[string]alerting.Token
}

func (s *store) PutOperator(_ context.Context, o alerting.Operator) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.operators[o.ID] = o
	return nil
}

func (s *store) Operator(_ context.Context, id string) (alerting.Operator, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.operators[id]
	if !ok {
		return o, fmt.Errorf("operator: %w", alerting.ErrNotFound)
	}
	return o, nil
}

func (s *store) Operators(context.Context) ([]alerting.Operator, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []alerting.Operator
	for _, o := range s.operators {
		all = append(all, o)
	}
	return all, nil
}

func (s *store) PutToken(_ context.Context, t alerting.Token) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[t.Hash] = t
	return nil
}

func (s *store) Token(_ context.Context, hash string) (alerting.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tokens[hash]
	if !ok {
		return t, alerting.ErrNotFound
	}
	return t, nil
}

func (s *store) TakeToken(ctx context.Context, hash string) (alerting.Token, error) {
	t, err := s.Token(ctx, hash)
	if err == nil {
		err = s.DeleteTokens(ctx, "", hash)
	}
	return t, err
}

func (s *store) DeleteTokens(_ context.Context, operator, hash string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, t := range s.tokens {
		if operator != "" && t.Operator == operator || operator == "" && key == hash {
			delete(s.tokens, key)
		}
	}
	return nil
}

type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func open(t *testing.T) (*Accounts, *store, *clock) {
	t.Helper()
	s := &store{operators: map[string]alerting.Operator{}, tokens: map[string]alerting.Token{}}
	c := &clock{time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
	a, err := New(Defaults(), s, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return a, s, c
}

const good = "a bell in the valley"

func TestFirstStart(t *testing.T) {
	a, s, c := open(t)
	old, err := a.Bootstrap(t.Context())
	if err != nil || old == "" {
		t.Fatal(old, err)
	}
	link, err := a.Bootstrap(t.Context()) // started again before anybody came
	if err != nil || link == "" || link == old {
		t.Fatal(link, err)
	}
	if _, err := a.SetPassword(t.Context(), old, good); !errors.Is(err, ErrLink) {
		t.Errorf("the earlier link: %v", err)
	}
	for _, bad := range []string{"short", strings.Repeat("x", 300)} {
		if _, err := a.SetPassword(t.Context(), link, bad); !errors.Is(err, ErrPassword) {
			t.Errorf("password of %d: %v", len(bad), err)
		}
	}
	o, err := a.SetPassword(t.Context(), link, good)
	if err != nil || o.Role != alerting.Administrator {
		t.Fatal(o, err)
	}
	if _, err := a.SetPassword(t.Context(), link, good); !errors.Is(err, ErrLink) {
		t.Errorf("the link works twice: %v", err)
	}
	if again, err := a.Bootstrap(t.Context()); err != nil || again != "" {
		t.Errorf("with an administrator: %q, %v", again, err)
	}
	session, err := a.Login(t.Context(), " Admin ", good, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if o, err := a.Session(t.Context(), session); err != nil || o.ID != "admin" {
		t.Errorf("session of %s (%v)", o.ID, err)
	}
	for _, secret := range []string{link, session, good} {
		if strings.Contains(fmt.Sprintf("%+v", s), secret) {
			t.Error("a secret is stored")
		}
	}
	c.t = c.t.Add(12 * time.Hour)
	if _, err := a.Session(t.Context(), session); !errors.Is(err, ErrSession) {
		t.Errorf("after its life: %v", err)
	}
	session, err = a.Login(t.Context(), "admin", good, "127.0.0.1")
	if err = errors.Join(err, a.Logout(t.Context(), session)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Session(t.Context(), session); !errors.Is(err, ErrSession) {
		t.Errorf("after the logout: %v", err)
	}
}

func TestInvite(t *testing.T) {
	a, _, c := open(t)
	if err := a.Add(t.Context(), "tashi", "Tashi", alerting.Forecaster); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []error{
		a.Add(t.Context(), "tashi", "", alerting.Viewer), a.Add(t.Context(), "Pema X", "", alerting.Viewer), a.Add(t.Context(), "pema", "", "god"),
	} {
		if bad == nil {
			t.Error("taken")
		}
	}
	if _, err := a.Invite(t.Context(), "nobody", time.Hour); !errors.Is(err, alerting.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	link, err := a.Invite(t.Context(), "tashi", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Session(t.Context(), link); !errors.Is(err, ErrSession) {
		t.Errorf("a link is a session: %v", err)
	}
	c.t = c.t.Add(time.Hour)
	if _, err := a.SetPassword(t.Context(), link, good); !errors.Is(err, ErrLink) {
		t.Errorf("after its life: %v", err)
	}
}

// TestSameAnswer: nobody, somebody without a password and a wrong password are told the same.
func TestSameAnswer(t *testing.T) {
	a, s, _ := open(t)
	hash, err := hashPassword(good)
	if err != nil {
		t.Fatal(err)
	}
	s.operators["tashi"] = alerting.Operator{ID: "tashi", Role: alerting.Viewer, PasswordHash: hash}
	s.operators["fresh"] = alerting.Operator{ID: "fresh", Role: alerting.Viewer}
	for _, id := range []string{"tashi", "fresh", "nobody", "NO SUCH NAME"} {
		for _, password := range []string{"wrong", ""} {
			if _, err := a.Login(t.Context(), id, password, "::1"); !errors.Is(err, ErrRefused) || err.Error() != ErrRefused.Error() {
				t.Errorf("%s: %v", id, err)
			}
		}
	}
}

func TestLimit(t *testing.T) {
	c := &clock{time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
	l := newLimiter(c.now)
	for i := range perPair {
		if err := l.take("tashi", "a"); err != nil {
			t.Fatal(i, err)
		}
	}
	var many TooMany
	if err := l.take("tashi", "a"); !errors.As(err, &many) || many.Wait != window {
		t.Errorf("after %d: %v", perPair, err)
	}
	if err := l.take("tashi", "b"); err != nil {
		t.Errorf("the person from elsewhere: %v", err)
	}
	for i := range perAddress {
		if err := l.take(fmt.Sprintf("p%d", i), "c"); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := l.take("another", "c"); !errors.As(err, &many) {
		t.Errorf("an address that tries everybody: %v", err)
	}
	for i := range perAccount {
		err := l.take("pema", fmt.Sprintf("x%d", i))
		if err != nil {
			t.Fatal(i, err)
		}
	}
	if err := l.take("pema", "y"); !errors.As(err, &many) {
		t.Errorf("an account tried from everywhere: %v", err)
	}
	c.t = c.t.Add(window)
	for range 50 { // who succeeds is never limited
		if err := l.take("tashi", "a"); err != nil {
			t.Fatal(err)
		}
		l.clear("tashi", "a")
	}
}

func TestPHC(t *testing.T) {
	hash, err := hashPassword(good)
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=65536,t=3,p=4$") {
		t.Fatal(hash, err)
	}
	for password, want := range map[string]bool{good: true, "password": false, "": false} {
		if ok, err := checkPassword(hash, password); err != nil || ok != want {
			t.Errorf("%q: %v (%v)", password, ok, err)
		}
	}
	for _, broken := range []string{"", "plain", "$argon2id$v=19$m=1,t=1,p=1$YQ$YQ", "$argon2id$v=19$m=99999999,t=1,p=1$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA"} {
		if ok, err := checkPassword(broken, good); ok || err == nil {
			t.Errorf("%q: %v, %v", broken, ok, err)
		}
	}
}

func TestMay(t *testing.T) {
	for role, may := range map[alerting.Role]string{
		alerting.Viewer: "", alerting.Forecaster: "propose revise suggest withdraw",
		alerting.Approver:      "propose revise suggest withdraw approve reject dismiss issue update all_clear cancel",
		alerting.Administrator: "propose revise suggest withdraw approve reject dismiss issue update all_clear cancel",
		"":                     "", "god": "",
	} {
		for _, step := range alerting.Transitions() {
			want := strings.Contains(" "+may+" ", " "+string(step.Action)+" ")
			if May(role, step.Action) != want {
				t.Errorf("%q may %s: %v", role, step.Action, !want)
			}
		}
	}
}
