// Package skill scores what the rules said in a rehearsal against what people judged should have been
// said: hits, misses, false alarms, and the usual numbers made of them.
//
// Conventions: times are UTC; levels are 1 to 4; zones are named by their id. A doubtful episode (one
// that a person had to look at first) is no warning: it neither hits nor alarms falsely. Everything
// here is a pure function of its arguments and may be called from any goroutine.
package skill

import (
	"cmp"
	"math"
	"slices"
	"time"

	"tocsin/alerting"
)

// Verdict is what a person judged of a zone and level.
type Verdict string

// The verdicts.
const (
	Yes      Verdict = "yes"      // the level should be reached
	No       Verdict = "no"       // it should not
	Doubtful Verdict = "doubtful" // nobody can tell: not scored
)

// Expected is one row of an expected file.
type Expected struct {
	Zone      string         `json:"zone"`
	Level     alerting.Level `json:"level"`
	FirstTime time.Time      `json:"first_time"` // zero where the file gives none (rows that are not yes)
	Verdict   Verdict        `json:"verdict"`
	Line      int            `json:"line"` // in the file, from 1
}

// Episode is one stretch during which a zone was held at or above a level.
type Episode struct {
	Zone  string         `json:"zone"`
	Level alerting.Level `json:"level"`
	// Onset is when the condition began to hold by the readings; zero: Raised. It decides hits, so that
	// data that came late are not counted against the rules; how late the warning was, the lead time says.
	Onset    time.Time  `json:"onset,omitzero"`
	Raised   time.Time  `json:"raised"`
	Cleared  *time.Time `json:"cleared,omitempty"` // nil: it stood at the end
	Doubtful bool       `json:"doubtful,omitempty"`
}

func (e Episode) onset() time.Time {
	if e.Onset.IsZero() {
		return e.Raised
	}
	return e.Onset
}

// Options are the tolerances of Score.
type Options struct {
	// Tolerance is how much later than first_time a level may be reached and still count; 0: 30 minutes.
	Tolerance time.Duration
}

// Skill is the score. Ratios are nil (null in JSON) where their divisor is 0.
type Skill struct {
	Hits             int      `json:"hits"`
	Misses           int      `json:"misses"`
	FalseAlarms      int      `json:"false_alarms"`
	CorrectNegatives int      `json:"correct_negatives"`
	POD              *float64 `json:"pod"` // probability of detection, hits / (hits + misses)
	FAR              *float64 `json:"far"` // false alarm ratio, false alarms / (hits + false alarms)
	CSI              *float64 `json:"csi"` // critical success index, hits / (hits + misses + false alarms)
	// LeadTimeMinutes is the median over the hits of first_time minus the time the level was reached:
	// positive is early, negative late. Nil where there are none.
	LeadTimeMinutes *float64    `json:"lead_time_minutes"`
	Rows            []RowResult `json:"rows"`
}

// Outcome is what became of a row, or of an episode that no row expected.
type Outcome string

// The outcomes.
const (
	Hit             Outcome = "hit"
	Miss            Outcome = "miss"
	FalseAlarm      Outcome = "false_alarm"
	CorrectNegative Outcome = "correct_negative"
	NotScored       Outcome = "not_scored"
)

// RowResult is the outcome of one expected row, or (Line 0) of an episode that no row expected.
type RowResult struct {
	Expected
	Outcome Outcome `json:"outcome"`
	// Raised is when the episode that decided began; nil where there is none.
	Raised          *time.Time `json:"raised,omitempty"`
	LeadTimeMinutes *float64   `json:"lead_time_minutes,omitempty"` // of a hit
}

// Score compares episodes with expected rows.
//
//   - A yes row is a hit where the condition of an episode of its zone, of its level or higher, began by
//     the readings no later than first_time + Tolerance and the episode had not ended before first_time (an episode that began and ended before
//     is a false alarm of its own); otherwise it is a miss. A yes row without first_time accepts any.
//   - A no row is a false alarm where any episode of its zone reached its level or higher, unless a yes
//     or doubtful row of the zone covers that episode; otherwise a correct negative.
//   - Every other episode counts as one false alarm a zone and level, unless a row covers it: a yes row
//     of its level or a higher one (unless it ended before first_time), or a doubtful row of its level or
//     a higher one. A second wave after the first_time of a yes row, and one that came too late for a
//     hit, are not counted again.
//   - Doubtful rows are not scored; doubtful episodes are no warnings.
func Score(expected []Expected, episodes []Episode, opts Options) Skill {
	if opts.Tolerance == 0 {
		opts.Tolerance = 30 * time.Minute
	}
	s := scorer{opts: opts, rows: expected}
	for _, e := range episodes {
		if !e.Doubtful && e.Level > 0 {
			s.episodes = append(s.episodes, e)
		}
	}
	slices.SortStableFunc(s.episodes, func(a, b Episode) int { return a.Raised.Compare(b.Raised) })
	for _, row := range expected {
		s.row(row)
	}
	s.unexpected()
	return s.result()
}

type scorer struct {
	opts     Options
	rows     []Expected
	episodes []Episode
	out      Skill
	leads    []float64
}

func (s *scorer) row(row Expected) {
	result := RowResult{Expected: row}
	switch row.Verdict {
	case Yes:
		s.yes(&result)
	case No:
		s.no(&result)
	case Doubtful:
		result.Outcome = NotScored
	}
	s.out.Rows = append(s.out.Rows, result)
}

func (s *scorer) yes(r *RowResult) {
	r.Outcome = Miss
	for _, e := range s.episodes {
		if e.Zone != r.Zone || e.Level < r.Level || endedBefore(e, r.FirstTime) {
			continue
		}
		if !r.FirstTime.IsZero() && e.onset().After(r.FirstTime.Add(s.opts.Tolerance)) {
			continue
		}
		raised := e.Raised
		r.Outcome, r.Raised = Hit, &raised
		if !r.FirstTime.IsZero() {
			lead := r.FirstTime.Sub(e.Raised).Minutes()
			r.LeadTimeMinutes = &lead
			s.leads = append(s.leads, lead)
		}
		return
	}
}

func (s *scorer) no(r *RowResult) {
	r.Outcome = CorrectNegative
	for _, e := range s.episodes {
		if e.Zone == r.Zone && e.Level >= r.Level && !s.covered(e) {
			raised := e.Raised
			r.Outcome, r.Raised = FalseAlarm, &raised
			return
		}
	}
}

// endedBefore says whether an episode was over before the time it was meant for.
func endedBefore(e Episode, first time.Time) bool {
	return !first.IsZero() && e.Cleared != nil && e.Cleared.Before(first)
}

// covered says whether a yes or doubtful row accounts for an episode.
func (s *scorer) covered(e Episode) bool {
	return slices.ContainsFunc(s.rows, func(r Expected) bool {
		switch {
		case r.Zone != e.Zone || r.Level < e.Level:
			return false
		case r.Verdict == Yes:
			return !endedBefore(e, r.FirstTime)
		}
		return r.Verdict == Doubtful
	})
}

// unexpected adds the episodes that no row accounts for, one a zone and level.
func (s *scorer) unexpected() {
	type key struct {
		zone  string
		level alerting.Level
	}
	counted := make(map[key]bool)
	for _, e := range s.episodes {
		k := key{e.Zone, e.Level}
		if counted[k] || s.covered(e) || s.denied(e) {
			continue
		}
		counted[k] = true
		raised := e.Raised
		s.out.Rows = append(s.out.Rows, RowResult{
			Expected: Expected{Zone: e.Zone, Level: e.Level}, Outcome: FalseAlarm, Raised: &raised,
		})
	}
}

// denied says whether a no row counts this episode already.
func (s *scorer) denied(e Episode) bool {
	return slices.ContainsFunc(s.rows, func(r Expected) bool {
		return r.Verdict == No && r.Zone == e.Zone && r.Level <= e.Level
	})
}

func (s *scorer) result() Skill {
	for _, r := range s.out.Rows {
		switch r.Outcome {
		case Hit:
			s.out.Hits++
		case Miss:
			s.out.Misses++
		case FalseAlarm:
			s.out.FalseAlarms++
		case CorrectNegative:
			s.out.CorrectNegatives++
		case NotScored:
		}
	}
	h, m, f := s.out.Hits, s.out.Misses, s.out.FalseAlarms
	s.out.POD, s.out.FAR, s.out.CSI = ratio(h, h+m), ratio(f, h+f), ratio(h, h+m+f)
	s.out.LeadTimeMinutes = median(s.leads)
	if s.out.Rows == nil {
		s.out.Rows = []RowResult{}
	}
	return s.out
}

// ratio is a part of a whole to four decimals, nil of nothing.
func ratio(part, whole int) *float64 {
	if whole == 0 {
		return nil
	}
	v := math.Round(1e4*float64(part)/float64(whole)) / 1e4
	return &v
}

func median(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	slices.SortFunc(values, cmp.Compare)
	middle := len(values) / 2
	v := values[middle]
	if len(values)%2 == 0 {
		v = (values[middle-1] + v) / 2
	}
	return &v
}
