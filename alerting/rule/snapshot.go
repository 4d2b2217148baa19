package rule

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"

	"tocsin/alerting"
	"tocsin/ingest"
)

// snapshotFormat changes when an older program could not read what a newer one wrote.
const snapshotFormat = 1

// saved is the state of an engine. Rules, sensors and zones stand under their names, so that a changed
// site finds again what is still there.
type saved struct {
	Format   int               `json:"format"`
	Position uint64            `json:"position"`
	Clock    int64             `json:"clock"`
	Judged   int64             `json:"judged"`
	Sensors  []savedSensor     `json:"sensors"`
	Rules    []savedRule       `json:"rules"`
	Zones    []savedZone       `json:"zones"`
	Pending  []alerting.Hazard `json:"pending,omitempty"`
}

type savedSensor struct {
	Station string                  `json:"station"`
	Sensor  string                  `json:"sensor"`
	Heard   int64                   `json:"heard"`
	Silent  bool                    `json:"silent,omitempty"`
	Samples []byte                  `json:"samples"` // packed, little-endian
	Marks   map[int64][]ingest.Mark `json:"marks,omitempty"`
}

type savedRule struct {
	ID     string  `json:"id"`
	Hash   string  `json:"hash"`
	Checks []state `json:"checks"`
	Now    state   `json:"now"`
	Fresh  int     `json:"fresh"`
	Hold   hold    `json:"hold"`
}

type savedZone struct {
	Kind    string         `json:"kind"`
	Zone    string         `json:"zone"`
	Ordinal uint64         `json:"ordinal"`
	Level   alerting.Level `json:"level,omitempty"`
	Doubt   alerting.Level `json:"doubt,omitempty"`
}

// snapshot saves where it can. Where it cannot, judging goes on: the cursor stays behind, and after a
// restart the journal tells the same again.
func (e *Engine) snapshot(ctx context.Context) {
	if err := e.save(ctx); err != nil {
		e.cfg.Logger.Error("the rules could not keep their state", "position", e.applied, "error", err)
	}
}

func (e *Engine) save(ctx context.Context) error {
	text, err := json.Marshal(e.saved())
	if err != nil {
		return fmt.Errorf("rules: encode the snapshot at position %d: %w", e.applied, err)
	}
	e.kept, e.since = e.clock, 0
	if err := e.cfg.Store.Snapshot(ctx, e.Name(), e.applied, text); err != nil {
		return fmt.Errorf("rules: keep the snapshot at position %d: %w", e.applied, err)
	}
	e.reads.Lock()
	defer e.reads.Unlock()
	e.durable = e.applied
	return nil
}

func (e *Engine) saved() saved {
	out := saved{
		Format: snapshotFormat, Position: e.position, Clock: e.clock, Judged: e.judged, Pending: e.pending,
		Zones: append([]savedZone(nil), e.orphans...),
	}
	for i, s := range e.series {
		w := &e.set.sensors[i]
		out.Sensors = append(out.Sensors, savedSensor{w.station, w.sensor, s.heard, s.silent, pack(s.samples), s.marks})
	}
	for i, k := range e.tracks {
		out.Rules = append(out.Rules, savedRule{k.rule.ID, k.rule.hash, k.checks, k.now, k.fresh, e.holds[i]})
	}
	for _, z := range e.zones {
		out.Zones = append(out.Zones, savedZone{z.key.kind, z.key.zone, z.ordinal, z.level, z.doubt})
	}
	return out
}

// restore takes a snapshot back. A rule whose text changed is judged anew over the readings kept, and
// holds its old level until a good reading lowers it; a level that only a vanished rule held ends
// doubtfully, for a person to see.
func (e *Engine) restore(position uint64, text []byte) error {
	var in saved
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	if in.Format != snapshotFormat {
		return fmt.Errorf("format %d is not %d: it was written by another version of the program", in.Format, snapshotFormat)
	}
	e.applied, e.durable, e.position = position, position, in.Position
	e.clock, e.judged, e.kept, e.pending = in.Clock, in.Judged, in.Clock, in.Pending
	for _, sensor := range in.Sensors {
		if err := e.restoreSensor(sensor); err != nil {
			return err
		}
	}
	e.restoreRules(in.Rules)
	e.restoreZones(in.Zones)
	e.timers = e.allTimers()
	return nil
}

func (e *Engine) restoreSensor(in savedSensor) error {
	at, ok := e.set.bySensor[source{in.Station, in.Sensor}]
	if !ok {
		return nil
	}
	samples, err := unpack(in.Samples)
	if err != nil {
		return fmt.Errorf("station %q, sensor %q: %w", in.Station, in.Sensor, err)
	}
	s := e.series[at]
	e.samples += len(samples)
	s.samples, s.marks, s.heard, s.silent = samples, in.Marks, in.Heard, in.Silent
	return nil
}

func (e *Engine) restoreRules(rules []savedRule) {
	known := make(map[string]savedRule, len(rules))
	for _, r := range rules {
		known[r.ID] = r
	}
	for i, track := range e.tracks {
		r, ok := known[track.rule.ID]
		if ok {
			e.holds[i] = r.Hold
		}
		if ok && r.Hash == track.rule.hash && len(r.Checks) > 0 {
			track.checks, track.now, track.fresh = r.Checks, r.Now, r.Fresh
		} else {
			track.walk()
		}
		if station := track.rule.Station; e.holds[i].Level > e.levels[station] {
			e.levels[station] = e.holds[i].Level
		}
	}
}

func (e *Engine) restoreZones(zones []savedZone) {
	places := make(map[zoneKey]int, len(e.zones))
	for i, z := range e.zones {
		places[z.key] = i
	}
	for _, in := range zones {
		key := zoneKey{in.Kind, in.Zone}
		gone := fmt.Sprintf("the rule that held level %d is no longer in the site", max(in.Level, in.Doubt))
		i, ok := places[key]
		if ok {
			z := &e.zones[i]
			z.ordinal, z.level, z.doubt = in.Ordinal, in.Level, in.Doubt
			if e.holdOf(i) < max(in.Level, in.Doubt) {
				e.combine(i, -1, gone)
			}
			continue
		}
		z := zoneState{key: key, ordinal: in.Ordinal}
		if in.Level > 0 || in.Doubt > 0 {
			e.emit(&z, -1, 0, gone)
		}
		e.orphans = append(e.orphans, savedZone{Kind: in.Kind, Zone: in.Zone, Ordinal: z.ordinal})
	}
}

// holdOf is the highest level, doubtful or not, that any rule of a zone holds.
func (e *Engine) holdOf(zone int) alerting.Level {
	highest := alerting.Level(0)
	for _, i := range e.byZone[zone] {
		highest = max(highest, e.holds[i].Level, e.holds[i].Doubt)
	}
	return highest
}

// packed is a sample on disk: 40 bytes, little-endian.
type packed struct {
	T, Received int64
	V           float64
	Position    uint64
	Part, Rev   uint16
	Flag, Class uint8
	Bits        uint16 // 1 volatile, 2 assumed time
}

func pack(samples []sample) []byte {
	out := make([]byte, 0, 40*len(samples))
	for _, x := range samples {
		bits := uint16(0)
		if x.volatile {
			bits |= 1
		}
		if x.assumed {
			bits |= 2
		}
		out = binary.LittleEndian.AppendUint64(out, uint64(x.t))
		out = binary.LittleEndian.AppendUint64(out, uint64(x.received))
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(x.v))
		out = binary.LittleEndian.AppendUint64(out, x.position)
		out = binary.LittleEndian.AppendUint16(out, x.part)
		out = binary.LittleEndian.AppendUint16(out, x.rev)
		out = append(out, byte(x.flag), byte(x.class))
		out = binary.LittleEndian.AppendUint16(out, bits)
	}
	return out
}

func unpack(in []byte) ([]sample, error) {
	if len(in)%40 != 0 {
		return nil, fmt.Errorf("the readings kept take %d bytes, which is not a multiple of 40", len(in))
	}
	raw := make([]packed, len(in)/40)
	if err := binary.Read(bytes.NewReader(in), binary.LittleEndian, raw); err != nil {
		return nil, fmt.Errorf("decode the readings kept: %w", err)
	}
	out := make([]sample, len(raw))
	for i, p := range raw {
		out[i] = sample{
			t: p.T, received: p.Received, v: p.V, position: p.Position, part: p.Part, rev: p.Rev,
			flag: ingest.Flag(p.Flag), class: class(p.Class), volatile: p.Bits&1 != 0, assumed: p.Bits&2 != 0,
		}
	}
	return out, nil
}
