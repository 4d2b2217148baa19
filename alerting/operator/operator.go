// Package operator holds the logic of accounts: passwords, one-time links, sessions and what each
// role may do.
//
// Conventions: secrets are 256 random bits, base64url; only their SHA-256 is stored. Passwords are
// kept as argon2id in PHC form. Unknown person and wrong password get the same answer in the same
// time. Every method of Accounts may be called from any goroutine.
package operator

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/alerting"
)

// The limits of a password, in characters (NIST SP 800-63B, section 3.1.1.2: a length and no rules of
// composition; the longest keeps hashing cheap).
const (
	ShortestPassword = 12
	LongestPassword  = 256
)

// FirstOperator is whom Bootstrap makes.
const FirstOperator = "admin"

// Answers to a person. ErrRefused never says which part was wrong.
var (
	ErrRefused  = errors.New("name or password is not right")
	ErrLink     = errors.New("this link was used before, has expired or never was")
	ErrSession  = errors.New("no such session; please log in")
	ErrPassword = fmt.Errorf("a password has %d to %d characters and is not the login name", ShortestPassword, LongestPassword)
)

// TooMany says that somebody has to wait before the next try.
type TooMany struct{ Wait time.Duration }

func (e TooMany) Error() string {
	return fmt.Sprintf("too many failed logins; try again in %s", e.Wait.Round(time.Second))
}

// Config says how long things last.
type Config struct {
	Session time.Duration // life of a session
	Link    time.Duration // life of the link Bootstrap makes
}

// Defaults are a working day for a session and two days for the first link.
func Defaults() Config { return Config{Session: 12 * time.Hour, Link: 48 * time.Hour} }

// Validate says what is wrong with the settings.
func (c Config) Validate() error {
	if c.Session <= 0 || c.Link <= 0 {
		return fmt.Errorf("operator: session of %v and link of %v: both must last longer than nothing", c.Session, c.Link)
	}
	return nil
}

// Accounts is the logic of accounts over their store.
type Accounts struct {
	cfg   Config
	store alerting.Accounts
	now   func() time.Time
	limit *limiter
	decoy string        // what the password of an unknown person is compared with
	hash  chan struct{} // hashings at once: each takes 64 MiB
}

// New makes the logic over a store.
func New(cfg Config, store alerting.Accounts, now func() time.Time) (*Accounts, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	decoy, err := hashPassword(secret())
	if err != nil {
		return nil, err
	}
	return &Accounts{cfg: cfg, store: store, now: now, limit: newLimiter(now), decoy: decoy, hash: make(chan struct{}, 2)}, nil
}

// Bootstrap makes the first administrator where there is no operator, and returns the secret of the
// link by which that person sets a password. Until then it makes a new link at every start (the old
// one ends); afterwards secret is empty.
func (a *Accounts) Bootstrap(ctx context.Context) (secret string, err error) {
	all, err := a.store.Operators(ctx)
	if err != nil {
		return "", err
	}
	for _, o := range all {
		if o.PasswordHash != "" {
			return "", nil
		}
	}
	if len(all) == 0 {
		if err := a.Add(ctx, FirstOperator, "Administrator", alerting.Administrator); err != nil {
			return "", err
		}
	} else if _, err := a.store.Operator(ctx, FirstOperator); err != nil {
		return "", nil // others were invited and have yet to come; their links are theirs
	}
	return a.Invite(ctx, FirstOperator, a.cfg.Link)
}

// login is the shape of a login name.
var login = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{0,63}$`)

// Add makes an operator without a password; Invite gives the link to set one.
func (a *Accounts) Add(ctx context.Context, id, name string, role alerting.Role) error {
	if !login.MatchString(id) {
		return fmt.Errorf("login name %q: 1 to 64 of a-z, 0-9 and . _ @ -, beginning with a letter or digit, would be right", id)
	}
	if !role.Known() {
		return fmt.Errorf("role %q is not one of viewer, forecaster, approver, administrator", role)
	}
	if _, err := a.store.Operator(ctx, id); !errors.Is(err, alerting.ErrNotFound) {
		return errors.Join(fmt.Errorf("operator %s is there already", id), err)
	}
	return a.store.PutOperator(ctx, alerting.Operator{ID: id, Name: name, Role: role, CreatedAt: a.now()})
}

// Invite makes a link that works once, and ends every link and session the person had. Only the hash
// of the secret is stored.
func (a *Accounts) Invite(ctx context.Context, id string, ttl time.Duration) (string, error) {
	if _, err := a.store.Operator(ctx, id); err != nil {
		return "", err
	}
	if err := a.store.DeleteTokens(ctx, id, ""); err != nil {
		return "", err
	}
	return a.token(ctx, id, alerting.LinkToken, ttl)
}

// SetPassword uses a link up and sets the password of its person. A password that is refused does not
// use up the link.
func (a *Accounts) SetPassword(ctx context.Context, link, password string) (alerting.Operator, error) {
	token, err := a.store.Token(ctx, digest(link))
	if err = a.checkLink(token, err); err != nil {
		return alerting.Operator{}, err
	}
	n := utf8.RuneCountInString(password)
	if n < ShortestPassword || n > LongestPassword || strings.EqualFold(password, token.Operator) {
		return alerting.Operator{}, ErrPassword
	}
	hashed, err := a.hashed(ctx, password)
	if err != nil {
		return alerting.Operator{}, err
	}
	token, err = a.store.TakeToken(ctx, digest(link)) // of two at once, one
	if err = a.checkLink(token, err); err != nil {
		return alerting.Operator{}, err
	}
	o, err := a.store.Operator(ctx, token.Operator)
	if err != nil {
		return alerting.Operator{}, err
	}
	o.PasswordHash = hashed
	return o, errors.Join(a.store.PutOperator(ctx, o), a.store.DeleteTokens(ctx, o.ID, ""))
}

func (a *Accounts) checkLink(token alerting.Token, err error) error {
	switch {
	case errors.Is(err, alerting.ErrNotFound):
		return ErrLink
	case err != nil:
		return err
	case token.Kind != alerting.LinkToken || !a.now().Before(token.Expires):
		return ErrLink
	}
	return nil
}

// Login checks a password and begins a session. address is where the person comes from, for the limit
// on failures (TooMany). Any other refusal is ErrRefused.
func (a *Accounts) Login(ctx context.Context, id, password, address string) (session string, err error) {
	id = strings.ToLower(strings.TrimSpace(id))
	if !login.MatchString(id) {
		id = "" // nobody's name; and nothing long is remembered
	}
	if err := a.limit.take(id, address); err != nil {
		return "", err
	}
	o, err := a.store.Operator(ctx, id)
	if err != nil && !errors.Is(err, alerting.ErrNotFound) {
		return "", err
	}
	stored := o.PasswordHash
	if stored == "" {
		stored = a.decoy // the same work for whom nobody knows
	}
	right, err := a.compare(ctx, stored, password)
	if err != nil {
		return "", err
	}
	if !right || o.PasswordHash == "" {
		return "", ErrRefused
	}
	a.limit.clear(id, address)
	return a.token(ctx, id, alerting.SessionToken, a.cfg.Session)
}

// Session finds whose session a secret is; ErrSession where it is none.
func (a *Accounts) Session(ctx context.Context, session string) (alerting.Operator, error) {
	token, err := a.store.Token(ctx, digest(session))
	switch {
	case errors.Is(err, alerting.ErrNotFound):
		return alerting.Operator{}, ErrSession
	case err != nil:
		return alerting.Operator{}, err
	case token.Kind != alerting.SessionToken || !a.now().Before(token.Expires):
		return alerting.Operator{}, ErrSession
	}
	o, err := a.store.Operator(ctx, token.Operator)
	if errors.Is(err, alerting.ErrNotFound) {
		return alerting.Operator{}, ErrSession
	}
	return o, err
}

// Logout ends a session; one that is none is ended already.
func (a *Accounts) Logout(ctx context.Context, session string) error {
	return a.store.DeleteTokens(ctx, "", digest(session))
}

func (a *Accounts) token(ctx context.Context, id string, kind alerting.TokenKind, ttl time.Duration) (string, error) {
	value := secret()
	err := a.store.PutToken(ctx, alerting.Token{Hash: digest(value), Operator: id, Kind: kind, Expires: a.now().Add(ttl)})
	if err != nil {
		return "", err
	}
	return value, nil
}

// secret is 256 random bits; crypto/rand never fails (it ends the program where it cannot read).
func secret() string {
	var bits [32]byte
	_, _ = rand.Read(bits[:])
	return base64.RawURLEncoding.EncodeToString(bits[:])
}

func digest(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}

// May says whether a role may take an action on warnings. Whether a person may approve what that same
// person submitted is the desk's question, not the role's.
func May(role alerting.Role, action alerting.Action) bool {
	switch action {
	case alerting.ActionPropose, alerting.ActionRevise, alerting.ActionSuggest, alerting.ActionWithdraw:
		return role.AtLeast(alerting.Forecaster)
	case alerting.ActionApprove, alerting.ActionReject, alerting.ActionDismiss, alerting.ActionIssue, alerting.ActionUpdate,
		alerting.ActionAllClear, alerting.ActionCancel:
		return role.AtLeast(alerting.Approver)
	case alerting.ActionExpire: // the clock's alone
	}
	return false
}

// MayManage says whether a role may add operators and make links for them.
func MayManage(role alerting.Role) bool { return role == alerting.Administrator }
