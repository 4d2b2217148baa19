package rule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"sync"
	"time"

	"tocsin/alerting"
	"tocsin/ingest"
)

// Snapshots keeps a reader's state with the journal position it stands for, as alerting.Store does.
type Snapshots interface {
	Snapshot(ctx context.Context, reader string, position uint64, state []byte) error
	// Restore returns the last snapshot, position 0 and no state at first.
	Restore(ctx context.Context, reader string) (position uint64, state []byte, err error)
}

// Config is what an Engine needs. Set, Store and Emit are required.
type Config struct {
	Set   *Set
	Store Snapshots
	// Emit hands a hazard on. It is called again with the same (Position, Ordinal) after a crash or an
	// error and must take that as done already (the desk's Handle).
	Emit     func(ctx context.Context, h alerting.Hazard) error
	Location *time.Location // of the clock times in words; nil: UTC
	// Started is the site's clock when this process began to listen; zero where there is no such time
	// (a rehearsal). What it did not hear between its last sign of life and Started is its own silence,
	// not that of the gauges.
	Started time.Time
	// Last is the newest journal position, where there is a journal: Tick judges no silence while
	// messages wait unread. Nil: none wait.
	Last func() uint64
	// SnapshotEvery is the time on the site's clock between snapshots; 0: one minute.
	SnapshotEvery time.Duration
	Logger        *slog.Logger // nil: none
}

// Validate says what is missing.
func (c Config) Validate() error {
	if c.Set == nil || c.Store == nil || c.Emit == nil {
		return errors.New("rules: Config needs Set, Store and Emit")
	}
	return nil
}

// Engine judges readings as they arrive: the incremental form of Set.Verdict. It is an ingest.Sink;
// Apply, Tick and Flush take turns by a lock of its own, Levels and Cursor never wait for them.
type Engine struct {
	cfg Config
	set *Set

	mu        sync.Mutex
	series    []*series
	tracks    []*track
	holds     []hold
	zones     []zoneState
	orphans   []savedZone      // of zones that no rule decides any more: their ordinals go on if one does again
	byZone    [][]int          // rules of each zone
	byStation map[string][]int // rules by their own station
	readers   [][]reader       // rules of each sensor
	timers    timers
	pending   []alerting.Hazard // decided, not yet handed on
	clock     int64             // Unix ms, by readings, batches and ticks
	judged    int64             // Unix ms, by readings and batches only
	applied   uint64            // journal position
	position  uint64            // of the last reading judged
	kept      int64             // clock at the last snapshot
	samples   int               // kept in all series
	since     int               // readings judged since the last snapshot

	reads   sync.RWMutex // guards what follows, for other goroutines
	durable uint64
	levels  map[string]alerting.Level
}

// reader is a rule that reads a sensor, and the sensor's place among the rule's.
type reader struct{ rule, of int }

// hold is the fold of a rule's verdicts over arrival: what stands until a new good reading lowers it.
type hold struct {
	Level  alerting.Level `json:"level,omitempty"`
	Since  int64          `json:"since,omitempty"`
	Doubt  alerting.Level `json:"doubt,omitempty"` // above Level, else 0
	Why    why            `json:"why,omitempty"`
	From   int64          `json:"from,omitempty"`
	Settle int64          `json:"settle,omitempty"` // when what old readings lowered may be lowered here, 0: nothing waits
}

// New builds an engine and restores its last snapshot.
func New(ctx context.Context, cfg Config) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Location == nil {
		cfg.Location = time.UTC
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.SnapshotEvery <= 0 {
		cfg.SnapshotEvery = time.Minute
	}
	e := &Engine{cfg: cfg, set: cfg.Set, levels: make(map[string]alerting.Level)}
	e.build()
	position, text, err := cfg.Store.Restore(ctx, e.Name())
	if err != nil {
		return nil, fmt.Errorf("rules: restore the snapshot: %w", err)
	}
	if len(text) > 0 {
		if err := e.restore(position, text); err != nil {
			return nil, fmt.Errorf("rules: restore the snapshot at position %d: %w", position, err)
		}
	}
	return e, nil
}

func (e *Engine) build() {
	e.series = e.set.emptySeries()
	e.readers = make([][]reader, len(e.set.sensors))
	e.byZone = make([][]int, len(e.set.zones))
	e.holds = make([]hold, len(e.set.rules))
	e.byStation = make(map[string][]int)
	for i, r := range e.set.rules {
		e.tracks = append(e.tracks, newTrack(e.set, r, e.series))
		e.byZone[r.zone] = append(e.byZone[r.zone], i)
		e.byStation[r.Station] = append(e.byStation[r.Station], i)
		for of, at := range r.sources {
			e.readers[at] = append(e.readers[at], reader{i, of})
		}
	}
	for _, key := range e.set.zones {
		e.zones = append(e.zones, zoneState{key: key})
	}
}

// Name is the reader's name in the store, logs and metrics.
func (e *Engine) Name() string { return "rules" }

// Cursor is the journal position of the last snapshot.
func (e *Engine) Cursor(context.Context) (uint64, error) {
	e.reads.RLock()
	defer e.reads.RUnlock()
	return e.durable, nil
}

// Levels is the highest level that the readings of each station hold now by sound evidence; stations at
// level 0 are left out.
func (e *Engine) Levels() map[string]alerting.Level {
	e.reads.RLock()
	defer e.reads.RUnlock()
	return maps.Clone(e.levels)
}

// Apply judges a batch and hands on the hazards that follow. A batch that was applied already only
// hands on what is still pending. After an error the same batch may be given again.
func (e *Engine) Apply(ctx context.Context, batch ingest.Batch) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.handOn(ctx); err != nil {
		return err
	}
	durable := batch.First != 0
	if durable && batch.Last <= e.applied {
		return nil
	}
	if durable && batch.First > e.applied+1 {
		e.cfg.Logger.Warn("the rules skip journal positions", "after", e.applied, "next", batch.First)
	}
	for i := range batch.Readings {
		e.receive(&batch.Readings[i])
	}
	e.endOf(batch)
	if durable {
		e.applied = batch.Last
	} else if len(e.pending) > 0 {
		e.snapshot(ctx) // no replay would come to these again, see write-ahead at Tick
	}
	if err := e.handOn(ctx); err != nil {
		return err
	}
	if e.clock-e.kept >= e.cfg.SnapshotEvery.Milliseconds() && e.since*16 >= e.samples || e.clock < e.kept {
		e.snapshot(ctx) // at most 16 samples written for each reading judged, also when a replay runs the clock
	}
	return nil
}

func (e *Engine) endOf(batch ingest.Batch) {
	now := batch.Now.UnixMilli()
	e.moveTo(now)
	if batch.Now.IsZero() {
		return
	}
	if e.clock-now > time.Minute.Milliseconds() {
		e.setBack(now)
	}
	e.clock = now
	e.judged = now
}

// Tick judges what the mere passing of time means: an outburst gauge that has gone silent. What it
// decides is in no journal, so it is written with its ordinal before it is handed on: after a crash the
// same hazard is handed on again, and no other takes its number.
func (e *Engine) Tick(ctx context.Context, now time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.handOn(ctx); err != nil {
		return err
	}
	if e.cfg.Last != nil && e.applied < e.cfg.Last() {
		return nil
	}
	e.moveTo(now.UnixMilli())
	every := e.cfg.SnapshotEvery.Milliseconds() * int64(1+e.samples/20_000) // a large state is written less often
	if len(e.pending) > 0 || e.clock-e.kept >= every {
		e.snapshot(ctx)
	}
	return e.handOn(ctx)
}

// Flush hands on what is pending and writes a snapshot; for an orderly stop.
func (e *Engine) Flush(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.handOn(ctx); err != nil {
		return err
	}
	return e.save(ctx)
}

func (e *Engine) handOn(ctx context.Context) error {
	for len(e.pending) > 0 {
		h := e.pending[0]
		if err := e.cfg.Emit(ctx, h); err != nil {
			return fmt.Errorf("rules: hand on level %d of %s in %s (position %d, ordinal %d): %w",
				h.Level, h.Kind, h.Zone, h.Position, h.Ordinal, err)
		}
		e.pending = e.pending[1:]
	}
	e.pending = nil
	return nil
}

// receive judges one reading.
func (e *Engine) receive(r *ingest.Reading) {
	received := r.Received.UnixMilli()
	e.moveTo(received)
	e.judged = max(e.judged, received)
	at, ok := e.set.bySensor[source{r.Station, r.Sensor}]
	if !ok || !e.set.judged(*r) {
		return
	}
	x := sampleOf(*r)
	s := e.series[at]
	for _, k := range e.readers[at] {
		if x.t <= e.tracks[k.rule].base() {
			return // older than anything still kept; not reached by readings within lateness
		}
	}
	e.position = max(e.position, r.Position)
	e.hear(at, s, received)
	before := len(s.samples)
	how := s.put(x, r.Marks)
	e.samples += len(s.samples) - before
	e.since++
	if how == nothing || how == renamed {
		return
	}
	for _, k := range e.readers[at] {
		e.judge(k, &x, how)
	}
	if len(s.samples)&63 == 0 || len(s.samples) > mostSamples {
		e.forget(at)
	}
}

// hear notes that a sensor spoke, and winds its silence up where silence means something.
func (e *Engine) hear(at int, s *series, received int64) {
	if received <= s.heard {
		return
	}
	first := s.silent || s.heard < 0
	s.heard, s.silent = received, false
	if w := &e.set.sensors[at]; w.outburst && first {
		e.timers.push(timer{received + w.silence().Milliseconds(), silenceOf, at})
	}
}

// judge lets one rule meet a reading and folds its verdict into what it holds.
func (e *Engine) judge(k reader, x *sample, how change) {
	track := e.tracks[k.rule]
	newest := how == appended && x.t >= track.now.T
	track.meet(k.of, x.t, how)
	v := e.verdict(k.rule)
	h := &e.holds[k.rule]
	if v.level == h.Level && v.level > 0 && v.since < h.Since {
		h.Since = v.since // earlier readings came later: what is said stands, since when is known better
	}
	if v.level == h.Level && v.doubt == h.Doubt {
		h.Settle = 0
		return
	}
	lower := lowerNever
	if newest && track.now.Safe && !x.volatile {
		lower = lowerLater
		if x.received-x.t <= track.gaps[k.of] {
			lower = lowerNow
		}
	}
	before := *h
	h.fold(v, lower)
	if lower == lowerLater && h.above(v) && h.Settle == 0 {
		w := &e.set.sensors[track.rule.sources[0]]
		h.Settle = x.received + min(max(w.interval, 15*time.Minute)+5*time.Minute, 6*time.Hour).Milliseconds()
		e.timers.push(timer{h.Settle, settleOf, k.rule})
	}
	if h.Level != before.Level || h.Doubt != before.Doubt {
		e.changed(k.rule)
	}
}

// verdict is what a rule's readings say now, the silence of its outburst gauges with them: a good reading
// of another gauge must not take back the doubt of a silent one.
func (e *Engine) verdict(rule int) verdict {
	track := e.tracks[rule]
	v := track.rule.verdict(&track.now)
	for _, at := range track.rule.sources {
		if s := e.series[at]; s.silent && s.moved(&e.set.sensors[at]) {
			v.silence(track.rule.highest(), s.newest())
		}
	}
	return v
}

// lowering says whether a verdict may lower what a rule holds.
type lowering uint8

const (
	lowerNever lowering = iota // a late, doubtful or volatile reading: raises or revises only
	lowerLater                 // a good one, but old at its receipt: newer ones may be on their way, wait a little
	lowerNow                   // at once
)

func (h *hold) above(v verdict) bool { return h.Level > v.level || h.Doubt > v.doubt }

// fold takes a verdict into the hold.
func (h *hold) fold(v verdict, lower lowering) {
	if v.level > h.Level || lower == lowerNow && v.level < h.Level {
		h.Level, h.Since = v.level, v.since
	}
	if v.doubt > h.Doubt || lower == lowerNow && v.doubt < h.Doubt {
		h.Doubt, h.Why, h.From = v.doubt, v.why, v.from
	}
	if h.Doubt <= h.Level {
		h.Doubt, h.Why, h.From = 0, sound, 0
	}
	if lower == lowerNow || !h.above(v) {
		h.Settle = 0
	}
}

// changed follows up a change of what a rule holds: on the map and for its zone.
func (e *Engine) changed(rule int) {
	station := e.set.rules[rule].Station
	highest := alerting.Level(0)
	for _, i := range e.byStation[station] {
		highest = max(highest, e.holds[i].Level)
	}
	e.publish(station, highest)
	e.combine(e.set.rules[rule].zone, rule, "")
}

func (e *Engine) publish(station string, level alerting.Level) {
	e.reads.Lock()
	defer e.reads.Unlock()
	if level == 0 {
		delete(e.levels, station)
		return
	}
	e.levels[station] = level
}

// mostSamples bounds the window of a sensor that sends more often than anyone should; the oldest half
// goes, and with it the lateness that is still judged.
const mostSamples = 40_000

// slack is kept beyond lateness, for clocks that run ahead and flags that change later.
const slack = int64(time.Hour/time.Millisecond) + int64(mostAhead/time.Millisecond)

// forget drops what no reading can come to bear on any more. It goes by the readings' own times as well
// as by the clock, so that a clock that jumps ahead for a moment costs nothing.
func (e *Engine) forget(at int) {
	floor := int64(math.MaxInt64)
	for _, k := range e.readers[at] {
		track := e.tracks[k.rule]
		newest := int64(math.MinInt64)
		for _, s := range track.frame.series {
			newest = max(newest, s.newest())
		}
		limit := min(e.clock, newest) - e.set.lateness.Milliseconds() - slack
		if n := len(e.series[at].samples); n > mostSamples {
			limit = max(limit, e.series[at].samples[n/2].t)
		}
		track.forget(limit)
		floor = min(floor, track.base())
	}
	if floor == math.MinInt64 {
		return
	}
	s := e.series[at]
	before := len(s.samples)
	defer func() { e.samples -= before - len(s.samples) }()
	s.cut(floor - e.set.sensors[at].window.Milliseconds())
	if n := len(s.samples); n > mostSamples {
		s.cut(s.samples[n-mostSamples/2].t)
	}
}
