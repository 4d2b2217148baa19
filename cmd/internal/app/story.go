package app

import (
	"context"

	"tocsin/alerting"
	"tocsin/alerting/audit"
)

// Story tells the whole life of a warning from the store.
func Story(ctx context.Context, store alerting.Store, id string) (audit.Story, error) {
	w, err := store.Warning(ctx, id)
	if err != nil {
		return audit.Story{}, err
	}
	editions, err := store.Editions(ctx, id)
	if err != nil {
		return audit.Story{}, err
	}
	rows, err := Audit(ctx, store, id)
	if err != nil {
		return audit.Story{}, err
	}
	return audit.Explain(w, editions, rows)
}

// Audit reads the audit rows of a warning, or all where it is "", oldest first.
func Audit(ctx context.Context, store alerting.Store, warning string) ([]alerting.AuditRow, error) {
	const page = 1000
	var all []alerting.AuditRow
	for {
		var after int64
		if len(all) > 0 {
			after = all[len(all)-1].Seq
		}
		rows, err := store.Audit(ctx, warning, after, page)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
		if len(rows) < page {
			return all, nil
		}
	}
}
