package rule

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"tocsin/alerting"
	"tocsin/ingest"
)

// Episode is one stretch during which the rules held a zone at or above a level. A zone that goes from
// 0 to 2 begins an episode of level 2 and one of every lower level that a rule of the zone has.
type Episode struct {
	Hazard  string         `json:"hazard"`
	Zone    string         `json:"zone"`
	Rule    string         `json:"rule"` // that decided when it began
	Station string         `json:"station"`
	Sensor  string         `json:"sensor"`
	Level   alerting.Level `json:"level"`
	Onset   time.Time      `json:"onset"`   // when the condition began to hold, by the readings there were when it was said
	Began   time.Time      `json:"began"`   // the same by all readings, also those that came later
	Raised  time.Time      `json:"raised"`  // the clock when it was said
	Cleared *time.Time     `json:"cleared"` // the clock when it was taken back; nil: never in these readings
	// Doubtful is why a person must look before this is a warning; empty where it is one. An episode
	// that becomes sound ends here and begins anew without doubt.
	Doubtful string `json:"doubtful,omitempty"`
	Words    string `json:"words"`
}

// Rehearse judges batches of readings, in order of arrival, as an Engine does live, and tells what it
// would have said. The same batches always give the same episodes; an error of batches ends it.
func Rehearse(ctx context.Context, set *Set, batches iter.Seq2[ingest.Batch, error], location *time.Location) ([]Episode, error) {
	rec := recorder{open: make(map[episodeKey]int), levels: set.levelsOf(), zones: make(map[zoneKey]int)}
	for i, key := range set.zones {
		rec.zones[key] = i
	}
	engine, err := New(ctx, Config{
		Set: set, Store: nowhere{}, Location: location, SnapshotEvery: 1 << 62,
		Emit: func(_ context.Context, h alerting.Hazard) error { rec.take(h); return nil },
	})
	if err != nil {
		return nil, err
	}
	for batch, err := range batches {
		if err != nil {
			return nil, fmt.Errorf("rehearse: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("rehearse: %w", err)
		}
		if err := engine.Apply(ctx, batch); err != nil {
			return nil, fmt.Errorf("rehearse: %w", err)
		}
		rec.revise(engine)
	}
	return rec.sorted(), nil
}

// nowhere keeps no snapshot: a rehearsal is over when it ends.
type nowhere struct{}

func (nowhere) Snapshot(context.Context, string, uint64, []byte) error { return nil }
func (nowhere) Restore(context.Context, string) (position uint64, state []byte, err error) {
	return 0, nil, nil
}

// levelsOf lists the levels that the rules of each zone have, lowest first.
func (s *Set) levelsOf() map[zoneKey][]alerting.Level {
	all := make(map[zoneKey][]alerting.Level)
	for _, r := range s.rules {
		for _, st := range r.stages {
			key := s.zones[r.zone]
			if !slices.Contains(all[key], st.level) {
				all[key] = append(all[key], st.level)
			}
		}
	}
	for _, levels := range all {
		slices.Sort(levels)
	}
	return all
}

type episodeKey struct {
	zone     zoneKey
	level    alerting.Level
	doubtful bool
}

// recorder turns hazards into episodes.
type recorder struct {
	levels   map[zoneKey][]alerting.Level
	zones    map[zoneKey]int    // into the set's
	open     map[episodeKey]int // into episodes
	episodes []Episode
}

func (r *recorder) take(h alerting.Hazard) {
	zone := zoneKey{h.Kind, h.Zone}
	for _, level := range r.levels[zone] {
		soundNow := h.Level >= level && h.Doubtful == ""
		if h.Doubtful != "" {
			// a doubtful word leaves what is said by sound evidence as it is
			_, stands := r.open[episodeKey{zone, level, false}]
			r.set(episodeKey{zone, level, true}, h.Level >= level && !stands, h)
			continue
		}
		r.set(episodeKey{zone, level, false}, soundNow, h)
		r.set(episodeKey{zone, level, true}, false, h)
	}
}

func (r *recorder) set(key episodeKey, on bool, h alerting.Hazard) {
	i, open := r.open[key]
	switch {
	case on && !open:
		r.open[key] = len(r.episodes)
		r.episodes = append(r.episodes, Episode{
			Hazard: h.Kind, Zone: h.Zone, Rule: h.Rule, Station: h.Station, Sensor: h.Sensor, Level: key.level,
			Onset: h.Onset, Began: h.Onset, Raised: h.Judged, Doubtful: h.Doubtful, Words: h.Words,
		})
	case !on && open:
		cleared := h.Judged
		r.episodes[i].Cleared = &cleared
		delete(r.open, key)
	}
}

// revise moves the beginning of what stands to where earlier readings that came later put it. The warning
// keeps the onset it was issued with; a score tells how the rules did, not in what order the data came.
func (r *recorder) revise(e *Engine) {
	for key, i := range r.open {
		if key.doubtful {
			continue
		}
		for _, rule := range e.byZone[r.zones[key.zone]] {
			since := time.UnixMilli(e.holds[rule].Since).UTC()
			if e.holds[rule].Level >= key.level && since.Before(r.episodes[i].Began) {
				r.episodes[i].Began = since
			}
		}
	}
}

func (r *recorder) sorted() []Episode {
	slices.SortStableFunc(r.episodes, func(a, b Episode) int {
		return cmp.Or(a.Raised.Compare(b.Raised), cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.Hazard, b.Hazard), cmp.Compare(a.Level, b.Level))
	})
	return r.episodes
}
