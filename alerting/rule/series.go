package rule

import (
	"math"
	"slices"
	"sort"
	"time"

	"tocsin/ingest"
)

// class says what a reading may do, see the package comment.
type class uint8

const (
	good    class = iota + 1 // raises and clears
	assumed                  // of assumed time: proposes, clears nothing
	jump                     // an uncontradicted jump: proposes at once, clears nothing
	faulty                   // failing or missing: speaks only at an outburst station
	mute                     // suspect in another way, or contradicted: says nothing
)

// classify reads flag and marks. A jump is a step that is suspect while no other test says worse than pass.
func classify(r ingest.Reading) class {
	switch r.Flag {
	case ingest.Fail, ingest.Missing:
		return faulty
	case ingest.Suspect:
		return classifySuspect(r.Marks)
	case ingest.Pass, ingest.NotEvaluated:
		if r.TimeAssumed {
			return assumed
		}
		return good
	}
	return mute // a flag that QARTOD does not have
}

func classifySuspect(marks []ingest.Mark) class {
	found := mute
	for _, m := range marks {
		bad := m.Flag == ingest.Suspect || m.Flag == ingest.Fail
		switch {
		case m.Test == "step" && m.Flag == ingest.Suspect:
			found = jump
		case m.Test == "neighbours" && m.Flag == ingest.Suspect:
			// no neighbour could be asked, or not all agree: not contradicted
		case bad:
			return mute
		}
	}
	return found
}

// sample is a reading in 40 bytes. Times are Unix milliseconds.
type sample struct {
	t, received int64
	v           float64
	position    uint64
	part        uint16 // saturating; for evidence only
	rev         uint16 // saturating
	flag        ingest.Flag
	class       class
	volatile    bool
	assumed     bool
}

func sampleOf(r ingest.Reading) sample {
	return sample{
		t: r.Time.UnixMilli(), received: r.Received.UnixMilli(), v: r.Value, position: r.Position,
		part: uint16(min(max(r.Part, 0), math.MaxUint16)), rev: uint16(min(max(r.Revision, 0), math.MaxUint16)),
		flag: r.Flag, class: classify(r), volatile: r.Volatile, assumed: r.TimeAssumed,
	}
}

// newer says whether s replaces o, another revision of the same reading.
func (s sample) newer(o sample) bool {
	switch {
	case s.rev != o.rev:
		return s.rev > o.rev
	case s.position != o.position:
		return s.position > o.position
	}
	return s.part > o.part
}

// series is the window of readings of one sensor, in order of time.
type series struct {
	samples []sample
	marks   map[int64][]ingest.Mark // of readings that are not good, by time
	heard   int64                   // from when silence counts: receipt of the last reading, moved by our own downtime
	silent  bool                    // silence was judged since the last reading
	gap     int64                   // ms, see watched.gap
}

// change says what an arriving reading did to a series.
type change uint8

const (
	nothing  change = iota // known already, or older than what is known
	appended               // the newest
	inserted               // between or before others, or another revision of one
	renamed                // the same value and class with a newer place in the journal
)

// upper is the number of samples at or before t.
func (s *series) upper(t int64) int {
	n := len(s.samples)
	if n == 0 || s.samples[n-1].t <= t {
		return n
	}
	return sort.Search(n, func(i int) bool { return s.samples[i].t > t })
}

// put adds a reading and says what it did.
func (s *series) put(x sample, marks []ingest.Mark) change {
	at := s.upper(x.t)
	if at > 0 && s.samples[at-1].t == x.t {
		return s.replace(at-1, x, marks)
	}
	s.note(x, marks)
	if at == len(s.samples) {
		s.samples = append(s.samples, x)
		return appended
	}
	s.samples = slices.Insert(s.samples, at, x)
	return inserted
}

func (s *series) replace(at int, x sample, marks []ingest.Mark) change {
	old := s.samples[at]
	if !x.newer(old) {
		return nothing
	}
	s.samples[at] = x
	s.note(x, marks)
	if old.v == x.v && old.class == x.class {
		return renamed
	}
	return inserted
}

func (s *series) note(x sample, marks []ingest.Mark) {
	if len(marks) == 0 || x.class == good {
		if s.marks != nil {
			delete(s.marks, x.t)
		}
		return
	}
	if s.marks == nil {
		s.marks = make(map[int64][]ingest.Mark)
	}
	s.marks[x.t] = marks
}

// cut forgets what is older than t.
func (s *series) cut(t int64) {
	at := sort.Search(len(s.samples), func(i int) bool { return s.samples[i].t >= t })
	if at == 0 {
		return
	}
	s.samples = slices.Delete(s.samples, 0, at)
	for old := range s.marks {
		if old < t {
			delete(s.marks, old)
		}
	}
}

func (s *series) newest() int64 {
	if len(s.samples) == 0 {
		return math.MinInt64
	}
	return s.samples[len(s.samples)-1].t
}

// usable says whether a sample counts: good ones always, those that may only propose where mixed.
func usable(c class, mixed bool) bool { return c == good || mixed && (c == assumed || c == jump) }

// last is the newest usable sample at or before t.
func (s *series) last(t int64, mixed bool) (sample, bool) {
	for i := s.upper(t) - 1; i >= 0; i-- {
		if usable(s.samples[i].class, mixed) {
			return s.samples[i], true
		}
	}
	return sample{}, false
}

// reading turns a sample back into the reading it was made of.
func (s *series) reading(w *watched, x sample) ingest.Reading {
	return ingest.Reading{
		Key:      ingest.Key{Station: w.station, Sensor: w.sensor, Time: time.UnixMilli(x.t).UTC()},
		Quantity: w.quantity, Value: x.v, Received: time.UnixMilli(x.received).UTC(),
		TimeAssumed: x.assumed, Volatile: x.volatile, Flag: x.flag, Marks: s.marks[x.t],
		Position: x.position, Part: int(x.part), Revision: int(x.rev),
	}
}

// frame is what a condition sees: the sensors of a rule at one moment of event time.
type frame struct {
	t      int64
	mixed  bool // readings that may only propose count as well
	strict bool // a window that is not covered by readings is no data: used where a level would be cleared
	series []*series
}

// level is the newest value of a sensor, where it is not older than its gap.
func (f *frame) level(at int) (float64, bool) {
	s := f.series[at]
	x, ok := s.last(f.t, f.mixed)
	return x.v, ok && f.t-x.t <= s.gap
}

// summary is what one pass over a window finds.
type summary struct {
	n, inside      int // readings from the start inclusive, exclusive (for sums: a reading covers the time before it)
	newest, oldest float64
	low, high, sum float64
}

// statistics are the window functions. Differences need two readings.
var statistics = map[string]func(summary) (float64, bool){ // a constant table
	"rise":  func(s summary) (float64, bool) { return s.newest - s.low, s.n > 1 },
	"fall":  func(s summary) (float64, bool) { return s.high - s.newest, s.n > 1 },
	"delta": func(s summary) (float64, bool) { return s.newest - s.oldest, s.n > 1 },
	"max":   func(s summary) (float64, bool) { return s.high, true },
	"min":   func(s summary) (float64, bool) { return s.low, true },
	"sum":   func(s summary) (float64, bool) { return s.sum, s.inside > 0 },
	"mean":  func(s summary) (float64, bool) { return s.sum / float64(s.inside), s.inside > 0 },
}

// window summarises the readings of a sensor from ms before the moment up to it. There is no data where
// the newest is older than the sensor's gap; nor, where strict, where a longer gap lies in the window.
func (f *frame) window(at int, ms int64, statistic func(summary) (float64, bool)) (float64, bool) {
	s := f.series[at]
	start, edge := f.t-ms, f.t
	var found summary
	for i := s.upper(f.t) - 1; i >= 0 && s.samples[i].t >= start; i-- {
		x := &s.samples[i]
		if !usable(x.class, f.mixed) {
			continue
		}
		if edge-x.t > s.gap && (found.n == 0 || f.strict) {
			return 0, false
		}
		edge = x.t
		found.add(x.v, x.t > start)
	}
	if found.n == 0 || f.strict && edge-start > s.gap {
		return 0, false
	}
	return statistic(found)
}

func (s *summary) add(v float64, inside bool) {
	if s.n == 0 {
		s.newest, s.low, s.high = v, v, v
	}
	s.n++
	s.oldest, s.low, s.high = v, min(s.low, v), max(s.high, v)
	if inside {
		s.inside++
		s.sum += v
	}
}

// trendWindow is how far back a rise or fall before a silence is looked for.
func trendWindow(w *watched) time.Duration {
	if !w.outburst {
		return 0
	}
	return max(6*w.interval, 2*time.Hour)
}

// moved says whether a sensor rose, or was falling at the end, within the trend window before its last
// usable reading: by a decimetre for levels and depths, by a tenth of the largest value for others.
func (s *series) moved(w *watched) bool {
	last, ok := s.last(math.MaxInt64, true)
	if !ok {
		return false
	}
	start := last.t - trendWindow(w).Milliseconds()
	low, high, rise, largest := math.Inf(1), math.Inf(-1), 0.0, 0.0
	for _, x := range s.samples[s.upper(start-1):] {
		if !usable(x.class, true) {
			continue
		}
		low, high, largest = min(low, x.v), max(high, x.v), max(largest, math.Abs(x.v))
		rise = max(rise, x.v-low)
	}
	enough := largest / 10
	if w.unit == "m" {
		enough = 0.1
	}
	return enough > 0 && max(rise, high-last.v) >= enough-1e-9
}
