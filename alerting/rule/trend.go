package rule

import (
	"math"
	"slices"
	"time"

	"tocsin/ingest"
)

// shortestTrend is the least time that a trend looks back over, so that a gauge read every minute is not
// judged by the noise of three readings.
const shortestTrend = 10 * time.Minute

// mostTrend bounds the readings that a trend looks at.
const mostTrend = 12

// trend says which way a sensor is going up to x, and how fast where that can be told: over the last
// three intervals (at least ten minutes), by the median of the slopes between all pairs of readings
// (Theil 1950, Sen 1968), which one wrong reading does not move. It must agree with the newer half of the
// readings and with the last step of all; where it does not, the sensor is turning and nothing is said.
// Where they agree on the way but not on the speed, the way alone is said. A last step far shorter than the
// trend is an end of it, unless the difference is too small for the gauge to show.
func (s *series) trend(x sample, mixed bool, w *watched) string {
	if w.quantity == ingest.Precipitation || w.quantity == ingest.WindFromDirection || x.class == jump {
		return "" // sums and directions go nowhere; a jump that is in doubt says nothing of a speed
	}
	recent := s.recent(x, mixed, w)
	n := len(recent)
	if n < 2 {
		return ""
	}
	whole, newer, last := slope(recent), slope(recent[n-min(n, max(3, (n+1)/2)):]), slope(recent[n-2:])
	way := math.Copysign(1, whole)
	switch {
	case n > 2 && still(whole, w.unit) && still(newer, w.unit) && still(recent[n-1].v-recent[n-2].v, w.unit), n == 2 && last == 0:
		return "steady"
	case still(whole, w.unit) || way*newer <= 0 || way*last < 0 || halted(recent, whole, last, w.unit):
		return ""
	}
	text := "rising"
	if way < 0 {
		text = "falling"
	}
	if n < 3 || way*newer > 2*math.Abs(whole) || way*newer < math.Abs(whole)/2 || way*last > 3*math.Abs(whole) {
		return text
	}
	return text + " " + quantity(math.Abs(whole), w.unit) + "/h"
}

// recent is the usable readings that a trend up to x looks at, in order of time.
func (s *series) recent(x sample, mixed bool, w *watched) []sample {
	most, back := mostTrend, max(3*w.interval, shortestTrend)
	if w.interval == 0 {
		most, back = 4, w.gap()
	}
	out := make([]sample, 0, most)
	for i := s.upper(x.t) - 1; i >= 0 && len(out) < most && x.t-s.samples[i].t <= back.Milliseconds(); i-- {
		if usable(s.samples[i].class, mixed) {
			out = append(out, s.samples[i])
		}
	}
	slices.Reverse(out)
	return out
}

// halted says whether the last step is less than a third of what the trend would make of it, by more than
// two units of the last decimal that is written.
func halted(of []sample, whole, last float64, unit string) bool {
	n := len(of)
	hours := float64(of[n-1].t-of[n-2].t) / float64(time.Hour.Milliseconds())
	short := (math.Abs(whole) - math.Abs(last)) * hours
	return math.Abs(last) < math.Abs(whole)/3 && short > 2*math.Pow10(-decimals(unit))
}

// slope is the median of the slopes between all pairs of samples, per hour.
func slope(of []sample) float64 {
	var all []float64
	for i, a := range of {
		for _, b := range of[i+1:] {
			all = append(all, (b.v-a.v)/(float64(b.t-a.t)/float64(time.Hour.Milliseconds())))
		}
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// still says whether a change is none as it would be written.
func still(v float64, unit string) bool { return quantity(math.Abs(v), unit) == quantity(0, unit) }
