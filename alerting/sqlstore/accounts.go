package sqlstore

import (
	"context"
	"database/sql"
	"fmt"

	"tocsin/alerting"
)

const selectOperator = `SELECT id, name, role, password_hash, created_at FROM operators`

func scanOperator(r row) (alerting.Operator, error) {
	var o alerting.Operator
	var created int64
	err := r.Scan(&o.ID, &o.Name, &o.Role, &o.PasswordHash, &created)
	o.CreatedAt = fromMS(created)
	return o, err
}

// PutOperator adds or replaces an operator by id.
func (db *DB) PutOperator(ctx context.Context, o alerting.Operator) error {
	err := db.exec(ctx, `INSERT INTO operators (id, name, role, password_hash, created_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO UPDATE SET name = $2, role = $3, password_hash = $4, created_at = $5`,
		o.ID, o.Name, o.Role, o.PasswordHash, toMS(o.CreatedAt))
	if err != nil {
		return fmt.Errorf("put operator %s: %w", o.ID, err)
	}
	return nil
}

// Operator finds an operator by id; ErrNotFound where there is none.
func (db *DB) Operator(ctx context.Context, id string) (alerting.Operator, error) {
	o, err := one(ctx, db.reader, scanOperator, selectOperator+" WHERE id = $1", id)
	if err != nil {
		return o, fmt.Errorf("operator %s: %w", id, err)
	}
	return o, nil
}

// Operators lists all operators by id.
func (db *DB) Operators(ctx context.Context) ([]alerting.Operator, error) {
	found, err := all(ctx, db.reader, scanOperator, selectOperator+" ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("list operators: %w", err)
	}
	return found, nil
}

func scanToken(r row) (alerting.Token, error) {
	var t alerting.Token
	var expires int64
	err := r.Scan(&t.Hash, &t.Operator, &t.Kind, &expires)
	t.Expires = fromMS(expires)
	return t, err
}

// PutToken keeps a token; a hash that is there already is an error.
func (db *DB) PutToken(ctx context.Context, t alerting.Token) error {
	err := db.exec(ctx, "INSERT INTO tokens (hash, operator, kind, expires_at) VALUES ($1, $2, $3, $4)",
		t.Hash, t.Operator, t.Kind, toMS(t.Expires))
	if err != nil {
		return fmt.Errorf("put %s token of operator %s: %w", t.Kind, t.Operator, err)
	}
	return nil
}

// Token finds a token by its hash; ErrNotFound where there is none.
func (db *DB) Token(ctx context.Context, hash string) (alerting.Token, error) {
	t, err := one(ctx, db.reader, scanToken, "SELECT hash, operator, kind, expires_at FROM tokens WHERE hash = $1", hash)
	if err != nil {
		return t, fmt.Errorf("find token: %w", err)
	}
	return t, nil
}

// TakeToken finds and deletes a token in one step, so that of two who come with it one gets it.
func (db *DB) TakeToken(ctx context.Context, hash string) (alerting.Token, error) {
	var taken alerting.Token
	err := db.write(ctx, func(tx *sql.Tx) (err error) {
		taken, err = one(ctx, tx, scanToken, "DELETE FROM tokens WHERE hash = $1 RETURNING hash, operator, kind, expires_at", hash)
		return err
	})
	if err != nil {
		return alerting.Token{}, fmt.Errorf("take token: %w", err)
	}
	return taken, nil
}

// DeleteTokens ends every token of an operator, or the one with the hash where operator is empty.
func (db *DB) DeleteTokens(ctx context.Context, operator, hash string) error {
	query, arg := "DELETE FROM tokens WHERE operator = $1", operator
	if operator == "" {
		query, arg = "DELETE FROM tokens WHERE hash = $1", hash
	}
	if err := db.exec(ctx, query, arg); err != nil {
		return fmt.Errorf("delete tokens of operator %q: %w", operator, err)
	}
	return nil
}

// exec runs one statement that writes.
func (db *DB) exec(ctx context.Context, query string, args ...any) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}
