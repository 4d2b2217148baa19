package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Source is a field of sensors, step by step in event time. Next returns the clock and what is sent then,
// in a fixed order; ok is false when the story is over. It is used by one goroutine.
type Source interface {
	Next() (now time.Time, outputs []Output, ok bool)
}

// Valley is one story of a description, told by its sensors. It never ends: after the last storm ordinary
// weather goes on. It implements Source.
type Valley struct {
	description Description
	story       Story
	elapsed     time.Duration // since the start; below 0 while it warms up
	sky         *sky
	lands       map[string]*land
	order       []*land // as described, so that sums are always made in the same order
	basins      map[string]*basin
	lakes       []*basin
	nodes       map[string]*node
	rivers      []*node
	instruments []*instrument
	pulse       map[string]float64 // mm of rain since each rain gauge last reported, by its key

	initial, surged, left float64 // m3, see Ledger
}

// node is the state of a Node.
type node struct {
	Node
	channels []*channel // one for each reach
	flow     float64    // m3/s at the end of the last step
	lowest   bool       // nothing flows on from here
}

// New prepares a story of the description. The stores and the rivers are warmed up with the story's showers
// but without its storms and surges.
func New(d Description, story string, seed uint64) (*Valley, error) {
	d.setDefaults()
	if err := d.Validate(); err != nil {
		return nil, fmt.Errorf("simulation: %w", err)
	}
	told, ok := d.Stories[story]
	if !ok {
		return nil, fmt.Errorf("no story %q; there are %s", story, strings.Join(slices.Sorted(maps.Keys(d.Stories)), ", "))
	}
	v := &Valley{
		description: d, story: told, elapsed: -d.Warmup.Truncate(d.Step),
		lands: map[string]*land{}, basins: map[string]*basin{}, nodes: map[string]*node{}, pulse: map[string]float64{},
	}
	if err := v.build(seed); err != nil {
		return nil, fmt.Errorf("simulation: %w", err)
	}
	v.initial = v.stored()
	for v.elapsed < 0 {
		v.advance()
	}
	clear(v.pulse)
	return v, nil
}

// build makes the state of everything. Rivers begin with the flow that their catchments have at first.
func (v *Valley) build(seed uint64) error {
	v.sky = &sky{showers: v.story.Showers, seed: seed}
	for _, c := range v.description.Catchments {
		l := newLand(c)
		l.flow = c.BaseMMDay * l.cubicMetresPerMM() / day.Seconds()
		v.lands[c.ID], v.order = l, append(v.order, l)
		v.sky.catchments = append(v.sky.catchments, c.ID)
	}
	for _, described := range v.description.Lakes {
		b := newBasin(described)
		v.basins[described.ID], v.lakes = b, append(v.lakes, b)
	}
	for _, described := range v.description.Nodes {
		n := &node{Node: described, lowest: true}
		n.flow = v.lateral(n)
		for _, reach := range described.Reaches {
			above := v.nodes[reach.From].flow
			ch, err := newChannel(reach, v.description.Step, above)
			if err != nil {
				return fmt.Errorf("node %q: %w", described.ID, err)
			}
			n.channels = append(n.channels, ch)
			n.flow += above
			v.nodes[reach.From].lowest = false
		}
		v.nodes[described.ID], v.rivers = n, append(v.rivers, n)
	}
	for _, s := range v.description.Sensors {
		v.instruments = append(v.instruments, newInstrument(s, v.story.Faults, seed))
	}
	return nil
}

// Next moves on until a sensor is due and returns what is sent then. It never ends the story.
func (v *Valley) Next() (time.Time, []Output, bool) {
	for {
		outputs := v.readings()
		now := v.Now()
		v.advance()
		if len(outputs) > 0 || len(v.instruments) == 0 {
			return now, outputs, true
		}
	}
}

// Now is the event time the valley has reached.
func (v *Valley) Now() time.Time { return v.description.Start.Add(v.elapsed).UTC() }

// Discharge is the true flow at a node in m3/s, 0 for a node that is not there.
func (v *Valley) Discharge(id string) float64 {
	if n := v.nodes[id]; n != nil {
		return n.flow
	}
	return 0
}

// Outflow is the true flow out of a lake in m3/s, 0 for a lake that is not there.
func (v *Valley) Outflow(lake string) float64 {
	if b := v.basins[lake]; b != nil {
		return b.outflow
	}
	return 0
}

// LakeLevel is the true level of a lake in m, 0 for a lake that is not there.
func (v *Valley) LakeLevel(lake string) float64 {
	if b := v.basins[lake]; b != nil {
		return b.level()
	}
	return 0
}

// Breached says whether the dam of a lake has failed.
func (v *Valley) Breached(lake string) bool {
	b := v.basins[lake]
	return b != nil && b.breached
}

// advance computes one step: rain, land, lakes, then the rivers from the top down.
func (v *Valley) advance() {
	dt := v.description.Step
	from, to := v.elapsed, v.elapsed+dt
	hour := v.hour(from + dt/2)
	for _, l := range v.order {
		rain := v.rain(l.ID, from, to)
		l.step(dt, rain, hour)
		for _, in := range v.instruments {
			if in.Measures == Rain && in.Of == l.ID {
				v.pulse[in.key()] += rain
			}
		}
	}
	for _, b := range v.lakes {
		surge := v.surge(b.ID, from+dt/2)
		v.surged += surge * dt.Seconds()
		b.step(dt, v.inflow(b)+surge)
	}
	for _, n := range v.rivers {
		flow := v.lateral(n)
		for i, reach := range n.Reaches {
			flow += n.channels[i].step(v.nodes[reach.From].flow)
		}
		if n.lowest {
			v.left += (n.flow + flow) / 2 * dt.Seconds()
		}
		n.flow = flow
	}
	v.elapsed = to
}

// rain is the depth on a catchment within a step, mm. Storms belong to the story and never fall before it.
func (v *Valley) rain(catchment string, from, to time.Duration) float64 {
	sum := v.sky.depth(catchment, from, to)
	if from < 0 {
		return sum
	}
	for _, storm := range v.story.Storms {
		sum += storm.depth(catchment, from, to)
	}
	return sum
}

// inflow is what land gives a lake, m3/s.
func (v *Valley) inflow(b *basin) float64 {
	sum := 0.0
	for _, id := range b.Catchments {
		sum += v.lands[id].flow
	}
	return sum
}

// surge is what the story's surges give a lake at t after the start, m3/s.
func (v *Valley) surge(lake string, t time.Duration) float64 {
	sum := 0.0
	for _, surge := range v.story.Surges {
		if surge.Lake == lake && t >= 0 {
			sum += surge.flow(t)
		}
	}
	return sum
}

// lateral is what enters a node from land and lakes, m3/s.
func (v *Valley) lateral(n *node) float64 {
	sum := 0.0
	for _, id := range n.Catchments {
		sum += v.lands[id].flow
	}
	for _, id := range n.Lakes {
		sum += v.basins[id].outflow
	}
	return sum
}

// hour is the hour of the sun's day at t after the start.
func (v *Valley) hour(t time.Duration) float64 {
	at := v.description.Start.Add(t + v.description.UTCOffset).UTC()
	return at.Sub(at.Truncate(day)).Hours()
}

// readings asks every sensor that is due. Sensors of one interval are due together, on the round minutes
// of event time.
func (v *Valley) readings() []Output {
	var outputs []Output
	now := v.Now()
	for _, in := range v.instruments {
		if now.UnixNano()%int64(in.Interval) != 0 {
			continue
		}
		outputs = in.read(outputs, v.elapsed, now, v.truth(in))
	}
	return outputs
}

// truth is what a perfect sensor would report.
func (v *Valley) truth(in *instrument) float64 {
	switch in.Measures {
	case RiverLevel:
		n := v.nodes[in.Of]
		return n.Rating.Level(n.flow)
	case RiverDischarge:
		return v.nodes[in.Of].flow
	case LakeLevel:
		return v.basins[in.Of].level()
	case Rain:
		depth := v.pulse[in.key()]
		delete(v.pulse, in.key())
		return depth
	case Temperature:
		return v.lands[in.Of].Air.at(v.hour(v.elapsed))
	case SoilMoisture:
		l := v.lands[in.Of]
		return 100 * l.soil / l.SoilMM
	case Battery:
		return 12.6 + Air{Amplitude: 0.5}.at(v.hour(v.elapsed))
	}
	return 0
}

// Stations are the ids of the stations that have sensors, in the order of the description.
func (v *Valley) Stations() []string {
	var ids []string
	for _, in := range v.instruments {
		if !slices.Contains(ids, in.Station) {
			ids = append(ids, in.Station)
		}
	}
	return ids
}
