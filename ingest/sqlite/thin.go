package sqlite

import "tocsin/ingest"

// thinner makes one reading of all those of a step. Readings come in order of time.
type thinner struct {
	step     int64 // ms
	quantity ingest.Quantity
	bucket   int64
	kept     *ingest.Reading // of the step at hand
}

// add takes a reading and gives the one of the step before, where r begins a new step.
func (t *thinner) add(r ingest.Reading) (done *ingest.Reading) {
	bucket := r.Time.UnixMilli() - modulo(r.Time.UnixMilli(), t.step)
	if t.kept == nil || bucket != t.bucket {
		done = t.kept
		t.bucket, t.kept = bucket, &r
		return done
	}
	t.merge(r)
	return nil
}

// merge takes a further reading of the step at hand.
func (t *thinner) merge(r ingest.Reading) {
	old, failed := t.kept, r.Flag == ingest.Fail
	switch {
	case failed != (old.Flag == ingest.Fail):
		if !failed {
			t.kept = &r
		}
	case t.quantity == ingest.Precipitation:
		r.Value += old.Value
		r.Flag = worse(r.Flag, old.Flag)
		r.Marks = append(old.Marks[:len(old.Marks):len(old.Marks)], r.Marks...)
		r.TimeAssumed, r.Volatile = r.TimeAssumed || old.TimeAssumed, r.Volatile || old.Volatile
		t.kept = &r
	case t.quantity == ingest.WaterLevel || t.quantity == ingest.Discharge || t.quantity == ingest.WindSpeed:
		if r.Value > old.Value {
			t.kept = &r
		}
	default:
		t.kept = &r
	}
}

// end gives the last step.
func (t *thinner) end() *ingest.Reading { return t.kept }

// worse is the worse of two flags. Not evaluated is worse than pass, and missing than anything.
func worse(a, b ingest.Flag) ingest.Flag { return max(a, b) }

// modulo is the rest of a divided by b, never negative.
func modulo(a, b int64) int64 { return (a%b + b) % b }
