package rule

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tocsin/ingest"
)

// mostMoments bounds how far back decided looks for the moment at which a condition held.
const mostMoments = 200

// decided says in words, with its numbers, what in a condition made it true (want yes) or false (want
// no): "fell 0.62 m in 15 minutes (limit 0.4 m)". Of an "or" only the parts that hold are said, so that
// all that is said is so. since is when the condition began to hold, Unix ms; raising says that the
// condition raises a level, rather than clears it; mixed as in frame.
func (e *Engine) decided(rule int, c *clause, want tri, since int64, raising, mixed bool, beside time.Time) string {
	f := e.tracks[rule].frame
	f.mixed, f.strict = mixed, !raising
	newest, found := f.moment(c, want, since)
	if !found {
		return ""
	}
	teller := teller{set: e.set, rule: e.set.rules[rule], frame: &f, raising: raising}
	facts := teller.facts(c, want)
	if len(facts) == 0 {
		return ""
	}
	text := strings.Join(facts, " and ")
	if f.t < newest { // a late reading raised, or a sensor moved on while the level stands
		return "by " + e.clockTime(time.UnixMilli(f.t), beside) + " " + text
	}
	return text
}

// moment sets the frame to the last reading, not before since, at which a clause is what is wanted. newest
// is the time of the last reading of all.
func (f *frame) moment(c *clause, want tri, since int64) (newest int64, found bool) {
	newest = f.before(math.MaxInt64)
	f.t = newest
	for range mostMoments {
		if f.t < since || f.t == math.MinInt64 {
			return newest, false
		}
		if c.holds(f) == want {
			return newest, true
		}
		f.t = f.before(f.t - 1)
	}
	return newest, false
}

// before is the time of the last usable reading of any sensor at or before t.
func (f *frame) before(t int64) int64 {
	last := int64(math.MinInt64)
	for _, s := range f.series {
		if x, ok := s.last(t, f.mixed); ok {
			last = max(last, x.t)
		}
	}
	return last
}

// teller puts the parts of a condition into words, as they are at the frame's moment.
type teller struct {
	set     *Set
	rule    *compiled
	frame   *frame
	raising bool
}

// facts are the comparisons that together make a clause what is wanted (yes or no).
func (t teller) facts(c *clause, want tri) []string {
	switch {
	case c.not != nil:
		return t.facts(c.not, -want)
	case c.compared != nil:
		return []string{t.fact(c.compared, want)}
	}
	var all []string
	for _, part := range c.parts {
		if part.holds(t.frame) != want {
			continue
		}
		for _, fact := range t.facts(part, want) {
			if !slices.Contains(all, fact) {
				all = append(all, fact)
			}
		}
	}
	return all
}

// mirrored is a comparison with its sides exchanged.
var mirrored = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<="} // a constant table

// relations says how a value stands to a limit, where the comparison holds and where it does not.
var relations = map[string]map[tri]string{ // a constant table
	">": {yes: "above", no: "not above"}, ">=": {yes: "not below", no: "below"},
	"<": {yes: "below", no: "not below"}, "<=": {yes: "not above", no: "above"},
}

// fact says one comparison: "rose 0.95 m in 30 minutes (limit 0.8 m)".
func (t teller) fact(c *comparison, want tri) string {
	left, right, operator := c.left, c.right, c.operator
	if left.fixed {
		left, right, operator = right, left, mirrored[operator]
	}
	if left.function == "" || !right.fixed {
		return t.plain(c, want)
	}
	w := &t.set.sensors[t.rule.sources[left.of]]
	value, _ := left.value(t.frame)
	limit, _ := right.value(t.frame)
	relation := relations[operator][want]
	if t.raising && want == yes && (operator == ">" || operator == ">=") {
		relation = "limit"
	}
	return fmt.Sprintf("%s (%s %s)", t.measured(left, w, value, limit), relation, withUnit(plainly(limit), w.unit))
}

// plain says a comparison that has no words of its own, as it is written.
func (t teller) plain(c *comparison, want tri) string {
	holds := "holds"
	if want == no {
		holds = "does not hold"
	}
	var values []string
	for _, side := range []operand{c.left, c.right} {
		if v, known := side.value(t.frame); known && !side.fixed {
			values = append(values, strconv.FormatFloat(v, 'f', 2, 64))
		}
	}
	text := "condition " + quoted(c.text) + " " + holds
	if len(values) == 0 {
		return text
	}
	return text + " (value " + strings.Join(values, " against ") + ")"
}

// measured says what a function found in its sensor: "rose 0.95 m in 30 minutes".
func (t teller) measured(o operand, w *watched, value, limit float64) string {
	amount := apart(value, limit, w.unit)
	none := value == 0 || amount == quantity(0, w.unit)
	var text string
	switch window := inWords(o.window); o.function {
	case "rise":
		text = "rose " + amount + " in " + window
		if none {
			text = "did not rise in " + window
		}
	case "fall":
		text = "fell " + amount + " in " + window
		if none {
			text = "did not fall in " + window
		}
	case "delta":
		sign := ""
		if value > 0 {
			sign = "+"
		}
		text = "changed by " + sign + amount + " in " + window
	case "max":
		text = "highest " + amount + " in " + window
	case "min":
		text = "lowest " + amount + " in " + window
	case "mean":
		text = "mean " + amount + " over " + window
	case "sum":
		text = amount + " in " + window
		if w.quantity != ingest.Precipitation {
			text = "sum " + amount + " over " + window
		}
	default: // level, at
		text = "at " + amount
	}
	return t.whose(o.of) + text
}

// whose names a sensor that is not the rule's own, as far as it differs from that: "Hilltop precipitation ".
func (t teller) whose(of int) string {
	own, w := &t.set.sensors[t.rule.sources[0]], &t.set.sensors[t.rule.sources[of]]
	var name string
	if w.station != own.station {
		name = w.name + " "
	}
	switch {
	case w.quantity != own.quantity:
		name += strings.ReplaceAll(string(w.quantity), "_", " ") + " "
	case w.station == own.station && w.sensor != own.sensor:
		name += w.sensor + " "
	}
	return name
}

// inWords writes a window: "30 minutes", "1 hour", "3 days".
func inWords(d time.Duration) string {
	for _, unit := range []struct {
		name  string
		size  time.Duration
		least time.Duration
	}{{"day", 24 * time.Hour, 48 * time.Hour}, {"hour", time.Hour, 0}, {"minute", time.Minute, 0}, {"second", time.Second, 0}} {
		switch n := d / unit.size; {
		case d%unit.size != 0 || d < unit.least:
		case n == 1:
			return "1 " + unit.name
		default:
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	return d.String()
}

// quantity writes a value with its unit: two decimals for metres, one for others.
func quantity(v float64, unit string) string { return withUnit(fixedPoint(v, decimals(unit)), unit) }

// apart writes a value with its unit, with as many decimals as it takes to tell it from a limit that it
// is not: 0.803 is above 0.8, and 0.80 would not be.
func apart(v, limit float64, unit string) string {
	for d := decimals(unit); d <= 6; d++ {
		if text := fixedPoint(v, d); text != fixedPoint(limit, d) {
			return withUnit(text, unit)
		}
	}
	return quantity(v, unit)
}

// exactly writes a limit of a rule with its unit: as quantity does, with more decimals where it has them.
func exactly(v float64, unit string) string {
	if text, full := fixedPoint(v, decimals(unit)), plainly(v); len(full) > len(text) {
		return withUnit(full, unit)
	}
	return quantity(v, unit)
}

func decimals(unit string) int {
	if unit == "m" {
		return 2
	}
	return 1
}

// fixedPoint writes no negative zero.
func fixedPoint(v float64, decimals int) string {
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Trim(text, "-0.") == "" {
		return strings.TrimPrefix(text, "-")
	}
	return text
}

// plainly writes a number as a person would: 0.8, 20.
func plainly(v float64) string {
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
}

// withUnit adds a unit, written for people where its UCUM code is not.
func withUnit(number, unit string) string {
	switch unit {
	case "":
		return number
	case "Cel":
		unit = "°C"
	case "m3/s":
		unit = "m³/s"
	case "deg":
		return number + "°"
	}
	return number + " " + unit
}
