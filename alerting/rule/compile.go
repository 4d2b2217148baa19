package rule

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"tocsin/alerting"
	"tocsin/geo"
	"tocsin/ingest"
)

// longestFor bounds Rule.For and the windows of expressions, and so the memory of a sensor.
const longestFor = 40 * 24 * time.Hour

// Set is the rules of a site, checked and ready. It never changes and may be used from any goroutine.
type Set struct {
	rules    []*compiled
	byID     map[string]int
	sensors  []watched      // every sensor that a rule reads
	bySensor map[source]int // index into sensors
	zones    []zoneKey      // every (kind, zone) that a rule decides
	lateness time.Duration
}

// source names a sensor.
type source struct{ station, sensor string }

// zoneKey names what levels are combined for.
type zoneKey struct{ kind, zone string }

// watched is a sensor that rules read, with what judging it needs.
type watched struct {
	source
	name     string // of the station
	quantity ingest.Quantity
	unit     string
	outburst bool
	interval time.Duration // 0 where it is not known
	rules    []int         // the rules that read it
	window   time.Duration // the longest that any of them looks back from a reading
}

// gap is the longest time between two readings that still counts as watching: three intervals, at
// least an hour. A condition is not taken to have held across a longer one.
func (w *watched) gap() time.Duration { return max(3*w.interval, time.Hour) }

// silence is the time without a reading after which an outburst gauge counts as silent.
func (w *watched) silence() time.Duration {
	if w.interval > 0 {
		return 3 * w.interval
	}
	return time.Hour
}

// compiled is one rule ready to judge.
type compiled struct {
	Rule
	hash    string
	sources []int // into Set.sensors; the first is the rule's own sensor
	zone    int   // into Set.zones
	stages  []stage
	when    *clause // nil for a threshold rule
	until   *clause // nil: when is false
}

// stage is one level of a rule.
type stage struct {
	level        alerting.Level
	raise, clear float64 // threshold rules only; signed so that rising is dangerous
}

// highest is the gravest level the rule knows.
func (c *compiled) highest() alerting.Level { return c.stages[len(c.stages)-1].level }

// sign turns values so that a larger one is always the more dangerous one.
func (c *compiled) sign() float64 {
	if c.Direction == Falling {
		return -1
	}
	return 1
}

// Compile checks rules against the stations and zones of the site and makes them ready. lateness is the
// age at receipt beyond which a reading judges nothing; 0 means 6 hours. The error joins every fault
// found, each a *RuleError.
func Compile(rules []Rule, n *ingest.Network, zones []geo.Zone, lateness time.Duration) (*Set, error) {
	if lateness <= 0 {
		lateness = 6 * time.Hour
	}
	c := compiler{
		set:     &Set{byID: make(map[string]int), bySensor: make(map[source]int), lateness: lateness},
		network: n, zones: make(map[string]geo.Zone, len(zones)),
	}
	for _, z := range zones {
		c.zones[z.ID] = z
	}
	for i, r := range rules {
		c.add(i, r)
	}
	if len(c.faults) > 0 {
		return nil, errors.Join(c.faults...)
	}
	return c.set, nil
}

type compiler struct {
	set     *Set
	network *ingest.Network
	zones   map[string]geo.Zone
	faults  []error
	id      string // of the rule at hand, for faults
}

func (c *compiler) fault(field, format string, args ...any) {
	c.faults = append(c.faults, &RuleError{ID: c.id, Field: field, Text: fmt.Sprintf(format, args...)})
}

func (c *compiler) add(i int, r Rule) {
	before := len(c.faults)
	c.checkID(i, r)
	c.checkPlace(r)
	if r.For < 0 || time.Duration(r.For) > longestFor {
		c.fault("for", "%s is not between 0s and %s", r.For, longestFor)
	}
	out := &compiled{Rule: r, hash: hashOf(r)}
	switch {
	case r.When != "" && len(r.Raise) > 0:
		c.fault("when", "stands beside raise; a rule has either values (raise) or an expression (when)")
	case r.When != "":
		c.checkExpression(r)
	case len(r.Raise) > 0:
		out.stages = c.thresholds(r)
	default:
		c.fault("raise", "is missing; right would be a value per level, raise: {1: 3.6}, or an expression in when")
	}
	if len(c.faults) > before {
		return
	}
	c.link(out)
}

func (c *compiler) checkID(i int, r Rule) {
	c.id = r.ID
	if r.ID == "" {
		c.id = fmt.Sprintf("#%d", i+1)
		c.fault("id", "is missing; each rule needs a name of its own")
		return
	}
	if _, taken := c.set.byID[r.ID]; taken {
		c.fault("id", "%q stands twice; each rule needs a name of its own", r.ID)
	}
	c.set.byID[r.ID] = -1 // set to its place by link
}

func (c *compiler) checkPlace(r Rule) {
	if r.Hazard == "" {
		c.fault("hazard", "is missing; right would be the kind of hazard the zone is drawn for")
	}
	zone, ok := c.zones[r.Zone]
	switch {
	case !ok:
		c.fault("zone", "%q is not in zones.geojson, which has %s", r.Zone, some(slices.Collect(maps.Keys(c.zones))))
	case zone.Hazard != "" && r.Hazard != "" && zone.Hazard != r.Hazard:
		c.fault("hazard", "%q is not what zone %q is drawn for; right would be %q", r.Hazard, r.Zone, zone.Hazard)
	}
	c.checkSensor("station", "sensor", r.Station, r.Sensor)
}

// checkSensor reports a station or sensor that the site does not have, under the fields given.
func (c *compiler) checkSensor(stationField, sensorField, station, sensor string) bool {
	s, ok := c.network.Station(station)
	if !ok {
		ids := make([]string, 0)
		for _, known := range c.network.Stations() {
			ids = append(ids, known.ID)
		}
		c.fault(stationField, "%q is not in stations.geojson, which has %s", station, some(ids))
		return false
	}
	if _, ok := c.network.Sensor(station, sensor); ok {
		return true
	}
	ids := make([]string, 0, len(s.Sensors))
	for _, known := range s.Sensors {
		ids = append(ids, known.ID)
	}
	c.fault(sensorField, "%q is not a sensor of station %q, which has %s", sensor, station, some(ids))
	return false
}

// thresholds turns raise and clear into stages, lowest level first.
func (c *compiler) thresholds(r Rule) []stage {
	if r.Direction != "" && r.Direction != Rising && r.Direction != Falling {
		c.fault("direction", "%q is not one of rising, falling", r.Direction)
	}
	if r.Level != 0 || r.Until != "" {
		c.fault("level", "level and until belong to an expression (when); with raise the levels are its keys")
	}
	sign := (&compiled{Rule: r}).sign()
	var stages []stage
	for _, level := range slices.Sorted(maps.Keys(r.Raise)) {
		if level < 1 || level > alerting.MaxLevel {
			c.fault("raise", "level %d is not one of 1, 2, 3, 4", level)
			continue
		}
		s := stage{level: level, raise: sign * r.Raise[level], clear: sign * r.Raise[level]}
		if clear, ok := r.Clear[level]; ok {
			s.clear = sign * clear
		}
		c.checkStage(r, s, stages)
		stages = append(stages, s)
	}
	for _, level := range slices.Sorted(maps.Keys(r.Clear)) {
		if _, ok := r.Raise[level]; !ok {
			c.fault("clear", "level %d has no value in raise; right would be one of the levels of raise", level)
		}
	}
	return stages
}

func (c *compiler) checkStage(r Rule, s stage, lower []stage) {
	if !finite(s.raise) || !finite(s.clear) {
		c.fault("raise", "level %d: a value is not a finite number", s.level)
		return
	}
	if s.clear > s.raise {
		c.fault("clear", "level %d: %g is on the dangerous side of its raise value %g; right would be %g or safer",
			s.level, r.Clear[s.level], r.Raise[s.level], r.Raise[s.level])
	}
	if len(lower) > 0 && s.raise <= lower[len(lower)-1].raise {
		under := lower[len(lower)-1].level
		c.fault("raise", "level %d (%g) must be more dangerous than level %d (%g); direction is %s",
			s.level, r.Raise[s.level], under, r.Raise[under], cmp.Or(r.Direction, Rising))
	}
}

func (c *compiler) checkExpression(r Rule) {
	if r.Level < 1 || r.Level > alerting.MaxLevel {
		c.fault("level", "%d is not one of 1, 2, 3, 4; an expression (when) raises one level", r.Level)
	}
	if r.Direction != "" {
		c.fault("direction", "belongs to raise; an expression (when) says itself what is dangerous")
	}
	if len(r.Clear) > 0 {
		c.fault("clear", "belongs to raise; an expression (when) clears by until")
	}
	c.parse("when", r.When)
	if r.Until != "" {
		c.parse("until", r.Until)
	}
}

func (c *compiler) parse(field, text string) *parsed {
	p, err := parseExpression(text)
	if err != nil {
		c.fault(field, "%s", err)
		return nil
	}
	for _, s := range p.sources {
		c.checkSensor(field, field, s.station, s.sensor)
	}
	return p
}

// link gives a rule without faults its place among sensors, zones and rules.
func (c *compiler) link(r *compiled) {
	place := len(c.set.rules)
	r.sources = []int{c.watch(source{r.Station, r.Sensor})}
	window := time.Duration(r.For)
	if r.When != "" {
		r.stages = []stage{{level: r.Level}}
		bind := func(s source) int {
			at := c.watch(s)
			if !slices.Contains(r.sources, at) {
				r.sources = append(r.sources, at)
			}
			return slices.Index(r.sources, at)
		}
		when := c.parse("when", r.When)
		r.when, window = when.bind(bind), max(window, when.window)
		if r.Until != "" {
			until := c.parse("until", r.Until)
			r.until, window = until.bind(bind), max(window, until.window)
		}
	}
	for _, at := range r.sources {
		w := &c.set.sensors[at]
		w.rules = append(w.rules, place)
		w.window = max(w.window, window+w.gap(), trendWindow(w))
	}
	r.zone = c.zoneIndex(zoneKey{r.Hazard, r.Zone})
	c.set.rules = append(c.set.rules, r)
	c.set.byID[r.ID] = place
}

func (c *compiler) watch(s source) int {
	if at, ok := c.set.bySensor[s]; ok {
		return at
	}
	station, _ := c.network.Station(s.station)
	sensor, _ := c.network.Sensor(s.station, s.sensor)
	c.set.sensors = append(c.set.sensors, watched{
		source: s, name: cmp.Or(station.Name, station.ID), quantity: sensor.Quantity,
		unit: sensor.Quantity.Unit(), outburst: station.Outburst, interval: sensor.Interval,
	})
	c.set.bySensor[s] = len(c.set.sensors) - 1
	return len(c.set.sensors) - 1
}

func (c *compiler) zoneIndex(key zoneKey) int {
	if at := slices.Index(c.set.zones, key); at >= 0 {
		return at
	}
	c.set.zones = append(c.set.zones, key)
	return len(c.set.zones) - 1
}

// Thresholds lists the lines to draw for a sensor, by zone, level and rule; none where only expressions read it.
func (s *Set) Thresholds(station, sensor string) []alerting.Threshold {
	var lines []alerting.Threshold
	at, ok := s.bySensor[source{station, sensor}]
	if !ok {
		return nil
	}
	for _, i := range s.sensors[at].rules {
		r := s.rules[i]
		for level, raise := range r.Raise {
			line := alerting.Threshold{Rule: r.ID, Zone: r.Zone, Level: level, Raise: raise}
			if clear, ok := r.Clear[level]; ok {
				line.Clear = &clear
			}
			lines = append(lines, line)
		}
	}
	slices.SortFunc(lines, func(a, b alerting.Threshold) int {
		return cmp.Or(cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.Level, b.Level), cmp.Compare(a.Rule, b.Rule))
	})
	return lines
}

// Hash is the version of a rule: 16 hex digits of the SHA-256 of all its fields; empty for an unknown id.
func (s *Set) Hash(rule string) string {
	if i, ok := s.byID[rule]; ok {
		return s.rules[i].hash
	}
	return ""
}

// hashOf hashes the rule as JSON, whose map keys stand in order.
func hashOf(r Rule) string {
	text, err := json.Marshal(r)
	if err != nil { // a value that is not finite, which checkStage refuses
		text = []byte(err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// some lists the first few ids in order, for a message that says what would be right.
func some(ids []string) string {
	slices.Sort(ids)
	switch {
	case len(ids) == 0:
		return "none"
	case len(ids) > 8:
		return fmt.Sprintf("%s and %d more", strings.Join(ids[:8], ", "), len(ids)-8)
	}
	return strings.Join(ids, ", ")
}
