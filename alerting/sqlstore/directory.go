package sqlstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/paulmach/orb"

	"tocsin/alerting"
)

const selectRecipient = `SELECT mode, id, name, channel, address, language, lon, lat, consent FROM recipients`

func scanRecipient(r row) (alerting.Recipient, error) {
	var p alerting.Recipient
	var address string
	err := r.Scan(&p.Mode, &p.ID, &p.Name, &p.Channel, &address, &p.Language, &p.Position[0], &p.Position[1], &p.Consent)
	p.Address = alerting.NewAddress(address)
	return p, err
}

// hashAddress is what an address is looked up by: SHA-256 over channel and address.
func hashAddress(channel string, address alerting.Address) string {
	return sum([]byte(channel + "\x00" + address.Reveal()))
}

// Within lists recipients of a mode with consent whose position lies in bound, by id, after the given
// id. A bound whose western edge is greater than its eastern one crosses the antimeridian.
func (db *DB) Within(ctx context.Context, mode alerting.Mode, bound orb.Bound, after string, limit int) ([]alerting.Recipient, error) {
	found, err := all(ctx, db.reader, scanRecipient, selectRecipient+` WHERE mode = $1 AND id > $2 AND consent = 1
		AND lat BETWEEN $3 AND $4
		AND (($5 <= $6 AND lon BETWEEN $5 AND $6) OR ($5 > $6 AND (lon >= $5 OR lon <= $6)))
		ORDER BY id LIMIT $7`, mode, after, bound.Min[1], bound.Max[1], bound.Min[0], bound.Max[0], limitOr(limit, unlimited))
	if err != nil {
		return nil, fmt.Errorf("%s recipients within %v: %w", mode, bound, err)
	}
	return found, nil
}

// Recipient finds a recipient of a mode by id; ErrNotFound where there is none.
func (db *DB) Recipient(ctx context.Context, mode alerting.Mode, id string) (alerting.Recipient, error) {
	p, err := one(ctx, db.reader, scanRecipient, selectRecipient+" WHERE mode = $1 AND id = $2", mode, id)
	if err != nil {
		return p, fmt.Errorf("%s recipient %s: %w", mode, id, err)
	}
	return p, nil
}

// Told lists the ids of recipients to whom an edition of the warning was handed over, for certain or
// perhaps; whoever expands an end waits first for those being handed over.
func (db *DB) Told(ctx context.Context, warning string) ([]string, error) {
	scan := func(r row) (string, error) {
		var id string
		err := r.Scan(&id)
		return id, err
	}
	found, err := all(ctx, db.reader, scan, `SELECT DISTINCT recipient FROM deliveries WHERE warning = $1
		AND state IN ('accepted', 'sent', 'delivered', 'unknown') ORDER BY recipient`, warning)
	if err != nil {
		return nil, fmt.Errorf("recipients told of warning %s: %w", warning, err)
	}
	return found, nil
}

// PutRecipient adds or replaces a recipient by id.
func (db *DB) PutRecipient(ctx context.Context, r alerting.Recipient) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO recipients (mode, id, name, channel, address_hash, address, language, lon, lat, consent)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (mode, id) DO UPDATE SET name = $3, channel = $4, address_hash = $5, address = $6,
				language = $7, lon = $8, lat = $9, consent = $10`,
			r.Mode, r.ID, r.Name, r.Channel, hashAddress(r.Channel, r.Address), r.Address.Reveal(), r.Language,
			r.Position[0], r.Position[1], truth(r.Consent))
		return err
	})
	if err != nil {
		return fmt.Errorf("put %s recipient %s: %w", r.Mode, r.ID, err)
	}
	return nil
}

// SetConsent records STOP or START for an address of a channel in every mode.
func (db *DB) SetConsent(ctx context.Context, channel string, address alerting.Address, consent bool) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE recipients SET consent = $3 WHERE channel = $1 AND address_hash = $2",
			channel, hashAddress(channel, address), truth(consent))
		return err
	})
	if err != nil {
		return fmt.Errorf("set consent of %s address %s: %w", channel, address, err)
	}
	return nil
}
