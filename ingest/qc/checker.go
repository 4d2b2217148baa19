package qc

import (
	"slices"
	"time"

	"github.com/paulmach/orb"

	"tocsin/ingest"
)

// Checker judges the readings of one network in the order of their arrival.
type Checker struct {
	series  map[seriesKey]*series
	horizon time.Duration
	touched []*series // by the message at hand
}

type seriesKey struct{ station, sensor string }

// series is what is known of one sensor: its readings of the last hours, by time.
type series struct {
	index    int // in the order of the network
	station  string
	sensor   ingest.Sensor
	river    string
	position orb.Point
	outburst bool
	limits   limits
	near     []neighbour // whom it asks
	nearTo   []*series   // who asks it

	entries    []entry
	results    []finding // scratch of the last scan, one per entry from scanned on
	scanned    int
	before     entry // the newest entry that fell out of the window, valid where before.time is not 0
	newestJump int64 // ms, of all entries that ever were part of a step
	dirty      int   // entries from here on must be judged anew; len(entries) for none
}

// entry is one reading kept. It is small because a network has thousands of sensors.
type entry struct {
	time     int64 // ms
	value    float64
	position uint64
	run      int64 // ms, since when the value is unchanged
	delay    int32 // ms from time to receipt
	part     uint16
	revision uint16
	sig      signature // as last handed out
	bits     uint8
}

// Bits of an entry.
const (
	given    uint8 = 1 << iota // was handed out, sig holds
	anchor                     // taken without a step pending: what comes after depends on nothing before
	jumped                     // part of a step, whatever became of it
	gross                      // out of range or a full register: counts for no other test
	assumed                    // its time is that of receipt
	marked                     // came with a mark of the decoder's
	volatile                   // the journal does not have it
)

func (e *entry) has(bit uint8) bool { return e.bits&bit != 0 }

func (e *entry) set(bit uint8, on bool) {
	e.bits &^= bit
	if on {
		e.bits |= bit
	}
}

// New builds the checker of a network. Readings of sensors that are not in it pass unjudged.
func New(n *ingest.Network) *Checker {
	c := &Checker{series: map[seriesKey]*series{}}
	var all []*series
	longest := time.Duration(0)
	for _, station := range n.Stations() {
		for _, sensor := range station.Sensors {
			s := &series{
				index: len(all), station: station.ID, sensor: sensor, river: station.River,
				position: station.Position, outburst: station.Outburst, limits: resolve(sensor),
			}
			longest = max(longest, s.limits.stuck)
			all = append(all, s)
			c.series[seriesKey{station.ID, sensor.ID}] = s
		}
	}
	neighbours(all)
	c.horizon = window + longest + ahead
	return c
}

// Horizon is how much of the journal, by time of receipt, a Checker must have read before a message to
// judge it as one that has read everything.
func (c *Checker) Horizon() time.Duration { return c.horizon }

// Check judges readings that stand in the order of the journal and gives them back with Flag, Marks and
// Revision set, each message's followed by the earlier readings it puts in another light, with a higher
// Revision. A reading whose key and value are known already is left out; the same key with another
// value is a correction and comes as a higher Revision (of two values the one with the later Position
// counts; a superseded one that arrives afterwards is left out). Messages are judged one by one, so
// that the answer does not depend on how the journal was cut into batches.
//
// The tests listed in a reading's Marks are those that had something to say; a reading with the flag
// Pass and no marks passed them all.
func (c *Checker) Check(readings []ingest.Reading) []ingest.Reading {
	out := make([]ingest.Reading, 0, len(readings))
	for len(readings) > 0 {
		n := 1
		for n < len(readings) && readings[n].Position == readings[0].Position && readings[n].Received.Equal(readings[0].Received) {
			n++
		}
		out = c.message(out, readings[:n])
		readings = readings[n:]
	}
	return out
}

// message judges the readings of one message and appends the answer.
func (c *Checker) message(out []ingest.Reading, readings []ingest.Reading) []ingest.Reading {
	c.touched = c.touched[:0]
	now := readings[0].Received.UnixMilli()
	first := len(out)
	for _, r := range readings {
		s := c.series[seriesKey{r.Station, r.Sensor}]
		switch {
		case s == nil:
			out = append(out, r)
		case late(r):
			out = append(out, s.alone(r))
		case s.insert(r, now):
			c.touch(s)
			out = append(out, r)
		}
	}
	c.scan()
	out = c.deliver(out, first)
	return c.revise(out, now)
}

func (c *Checker) touch(s *series) {
	if !slices.Contains(c.touched, s) {
		c.touched = append(c.touched, s)
	}
}

// scan judges the touched series anew, then those whose steps they may explain.
func (c *Checker) scan() {
	changed := len(c.touched)
	for _, s := range c.touched[:changed] {
		for _, asker := range s.nearTo {
			if i := asker.firstJump(); i < len(asker.entries) {
				asker.dirty = min(asker.dirty, i)
				c.touch(asker)
			}
		}
	}
	for _, s := range c.touched {
		s.scan()
	}
}

// deliver fills in the readings of the message at hand, out[first:].
func (c *Checker) deliver(out []ingest.Reading, first int) []ingest.Reading {
	kept := out[:first]
	for _, r := range out[first:] {
		s := c.series[seriesKey{r.Station, r.Sensor}]
		if s == nil || late(r) {
			kept = append(kept, r)
			continue
		}
		i, found := s.find(r.Time.UnixMilli())
		if !found || s.entries[i].has(given) || s.entries[i].value != r.Value {
			continue // superseded within its own message
		}
		kept = append(kept, s.hand(i))
	}
	return kept
}

// revise appends the earlier readings that are now judged otherwise.
func (c *Checker) revise(out []ingest.Reading, now int64) []ingest.Reading {
	slices.SortFunc(c.touched, func(a, b *series) int { return a.index - b.index })
	for _, s := range c.touched {
		for i := s.scanned; i < len(s.entries); i++ {
			e := &s.entries[i]
			if e.has(given) && e.sig != s.results[i-s.scanned].sig && e.time >= now-Lateness.Milliseconds() {
				e.revision++
				out = append(out, s.hand(i))
			}
		}
		s.dirty = len(s.entries)
	}
	return out
}

// late says that a reading came too late to be judged among the others, or lies so far ahead that it
// has no others.
func late(r ingest.Reading) bool {
	delay := r.Received.Sub(r.Time)
	return delay > Lateness || delay < -2*ahead
}

// find gives the place of the entry of time t, or where it would stand.
func (s *series) find(t int64) (int, bool) {
	if n := len(s.entries); n == 0 || s.entries[n-1].time < t {
		return n, false
	}
	return slices.BinarySearchFunc(s.entries, t, func(e entry, t int64) int {
		switch {
		case e.time < t:
			return -1
		case e.time > t:
			return 1
		}
		return 0
	})
}

// insert takes a reading into the window. It answers false where nothing new is said.
func (s *series) insert(r ingest.Reading, now int64) bool {
	s.evict(now)
	e := entryOf(r)
	i, found := s.find(e.time)
	if !found {
		s.entries = slices.Insert(s.entries, i, e)
		s.dirty = min(s.dirty, i)
		return true
	}
	old := &s.entries[i]
	newer := r.Volatile || r.Position > old.position || r.Position == old.position && e.part > old.part
	switch {
	case old.value == e.value:
		if newer && !r.Volatile {
			old.position, old.part = e.position, e.part
			old.set(volatile, false)
		}
		return false
	case !newer:
		return false
	}
	if old.has(given) {
		e.revision = old.revision + 1
	}
	*old = e
	s.dirty = min(s.dirty, i)
	return true
}

func entryOf(r ingest.Reading) entry {
	e := entry{
		time: r.Time.UnixMilli(), value: r.Value, position: r.Position, part: uint16(r.Part),
	}
	e.delay = int32(r.Received.UnixMilli() - e.time)
	e.set(assumed, r.TimeAssumed)
	e.set(marked, len(r.Marks) > 0)
	e.set(volatile, r.Volatile)
	return e
}

// evict lets go of what lies before the window, in portions.
func (s *series) evict(now int64) {
	oldest := now - window.Milliseconds()
	n := 0
	for n < len(s.entries) && (s.entries[n].time < oldest || len(s.entries)-n >= mostKept) {
		n++
	}
	if n == 0 || n < len(s.entries)/4 && len(s.entries) < mostKept {
		return
	}
	for i := n - 1; i >= 0; i-- {
		if !s.entries[i].has(gross) {
			s.before = s.entries[i]
			break
		}
	}
	s.entries = slices.Delete(s.entries, 0, n)
	s.dirty = max(s.dirty-n, 0)
}

// firstJump is the place of the first entry that is part of a step, len(entries) for none.
func (s *series) firstJump() int {
	if len(s.entries) == 0 || s.newestJump < s.entries[0].time {
		return len(s.entries)
	}
	for i := range s.entries {
		if s.entries[i].has(jumped) {
			return i
		}
	}
	return len(s.entries)
}

// hand gives entry i as a reading, as the last scan judged it.
func (s *series) hand(i int) ingest.Reading {
	e, f := &s.entries[i], &s.results[i-s.scanned]
	e.sig = f.sig
	e.set(given, true)
	t := time.UnixMilli(e.time).UTC()
	r := ingest.Reading{
		Key:      ingest.Key{Station: s.station, Sensor: s.sensor.ID, Time: t},
		Quantity: s.sensor.Quantity, Value: e.value, Received: t.Add(time.Duration(e.delay) * time.Millisecond),
		TimeAssumed: e.has(assumed), Volatile: e.has(volatile), Position: e.position, Part: int(e.part), Revision: int(e.revision),
	}
	r.Flag = f.sig.flag()
	if f.sig != passed || e.has(marked) {
		r.Marks = s.marks(e, f)
	}
	return r
}

// alone judges a reading that came too late to be seen among the others.
func (s *series) alone(r ingest.Reading) ingest.Reading {
	e := entryOf(r)
	f := finding{sig: s.grossTests(&e, true)}
	r.Revision = 0
	r.Flag = f.sig.flag()
	r.Marks = append(slices.Clone(r.Marks), s.marks(&e, &f)...)
	return r
}
