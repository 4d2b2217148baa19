package alerting

import (
	"context"
	"time"
)

// Operator is a person who may act on warnings.
type Operator struct {
	ID           string    `json:"id"` // login name, lower case
	Name         string    `json:"name"`
	Role         Role      `json:"role"`
	PasswordHash string    `json:"-"` // argon2id in PHC form; empty until the first login link was used
	CreatedAt    time.Time `json:"created"`
}

// Role says what an operator may do.
type Role string

// The roles, each including the ones before it.
const (
	Viewer        Role = "viewer"
	Forecaster    Role = "forecaster" // proposes
	Approver      Role = "approver"   // approves, ends
	Administrator Role = "administrator"
)

// rank orders the roles; 0 for one that does not exist.
func (r Role) rank() int {
	switch r {
	case Viewer:
		return 1
	case Forecaster:
		return 2
	case Approver:
		return 3
	case Administrator:
		return 4
	}
	return 0
}

// Known says whether r is one of the roles.
func (r Role) Known() bool { return r.rank() > 0 }

// AtLeast says whether r includes least. A role that does not exist includes nothing.
func (r Role) AtLeast(least Role) bool { return r.Known() && r.rank() >= least.rank() }

// Token is a secret that stands for an operator for a while: a one-time login link or a session.
type Token struct {
	Hash     string // SHA-256 of the secret, hex; the secret itself is never stored
	Operator string
	Kind     TokenKind
	Expires  time.Time
}

// TokenKind separates one-time links from sessions.
type TokenKind string

// The kinds of token.
const (
	LinkToken    TokenKind = "link"
	SessionToken TokenKind = "session"
)

// Accounts keeps operators and their tokens. Every method may be called from any goroutine.
type Accounts interface {
	PutOperator(ctx context.Context, o Operator) error
	Operator(ctx context.Context, id string) (Operator, error) // ErrNotFound
	Operators(ctx context.Context) ([]Operator, error)
	PutToken(ctx context.Context, t Token) error
	// Token finds a token by its hash; ErrNotFound where there is none.
	Token(ctx context.Context, hash string) (Token, error)
	// TakeToken finds and deletes a token in one step, so that a link works once.
	TakeToken(ctx context.Context, hash string) (Token, error)
	// DeleteTokens ends every token of an operator, or the one with the hash where operator is empty.
	DeleteTokens(ctx context.Context, operator, hash string) error
}
