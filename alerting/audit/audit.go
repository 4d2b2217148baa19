// Package audit checks the chain of audit rows and tells the story of a warning from it, in words and
// as JSON.
//
// Conventions: rows are as alerting.Store.Audit lists them, oldest first; times are UTC. The functions
// are pure and may be called from any goroutine.
package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"tocsin/alerting"
)

// ErrBroken is what Verify's errors wrap.
var ErrBroken = errors.New("the audit is not as it was written")

// Link is the row with the hashes that join it to the row before; of prev only the Hash counts, and
// the zero row stands before the first.
func Link(prev, row alerting.AuditRow) alerting.AuditRow {
	row.Prev = prev.Hash
	row.Hash = row.Sum(prev.Hash)
	return row
}

// Verify checks the whole chain, from the first row: an edited, removed, added or reordered row is
// named. Rows cut off at the end leave a whole chain; VerifyHead finds that too.
func Verify(rows []alerting.AuditRow) error {
	var prev alerting.AuditRow
	for _, row := range rows {
		if err := verifyNext(prev, row); err != nil {
			return err
		}
		prev = row
	}
	return nil
}

// VerifyHead checks the chain and that it ends with the hash that was noted elsewhere ("" for an empty chain).
func VerifyHead(rows []alerting.AuditRow, head string) error {
	if err := Verify(rows); err != nil {
		return err
	}
	last := ""
	if len(rows) > 0 {
		last = rows[len(rows)-1].Hash
	}
	if last != head {
		return fmt.Errorf("the chain ends with %.12s…, the head noted is %.12s…: rows are missing at the end: %w", last, head, ErrBroken)
	}
	return nil
}

func verifyNext(prev, row alerting.AuditRow) error {
	switch {
	case row.Seq != prev.Seq+1:
		return fmt.Errorf("row %d follows row %d: rows are missing or out of order: %w", row.Seq, prev.Seq, ErrBroken)
	case row.Prev != prev.Hash:
		return fmt.Errorf("row %d does not link to row %d: one of them was replaced: %w", row.Seq, prev.Seq, ErrBroken)
	case row.Hash != row.Sum(prev.Hash):
		return fmt.Errorf("row %d (%s %s) was edited: %w", row.Seq, row.Action, row.Warning, ErrBroken)
	}
	return nil
}

// VerifyEditions checks that what is stored of a warning's editions is what the audit saw: every
// edition has its row, every row its edition, and the published bytes their sum. Rows are those of the
// warning; that they are whole is for Verify.
func VerifyEditions(rows []alerting.AuditRow, editions []alerting.Edition) error {
	sums := map[string]string{}
	for _, row := range rows {
		body, err := read(row)
		if err != nil {
			return err
		}
		if body.Edition != nil {
			sums[body.Edition.Identifier] = body.CAPSHA256
		}
	}
	for _, e := range editions {
		sum := sha256.Sum256(e.CAP)
		if sums[e.Identifier] != hex.EncodeToString(sum[:]) {
			return fmt.Errorf("edition %s is not what the audit saw published: %w", e.Identifier, ErrBroken)
		}
		delete(sums, e.Identifier)
	}
	for identifier := range sums {
		return fmt.Errorf("edition %s is missing: %w", identifier, ErrBroken)
	}
	return nil
}

func read(row alerting.AuditRow) (alerting.AuditBody, error) {
	var body alerting.AuditBody
	if err := json.Unmarshal(row.Body, &body); err != nil {
		return body, fmt.Errorf("audit row %d cannot be read: %w: %w", row.Seq, ErrBroken, err)
	}
	return body, nil
}
