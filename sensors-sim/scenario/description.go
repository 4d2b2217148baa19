package scenario

import (
	"errors"
	"fmt"
	"io"
	"time"

	"go.yaml.in/yaml/v3"
)

// Description is a valley and the stories that can be told of it.
type Description struct {
	Start      time.Time        `yaml:"start"`      // event time at which every story begins
	Step       time.Duration    `yaml:"step"`       // of the computation; 1m where it is absent
	UTCOffset  time.Duration    `yaml:"utc_offset"` // of the sun's time: 6h for Bhutan
	Warmup     time.Duration    `yaml:"warmup"`     // ordinary weather computed before Start; 48h where it is absent
	Catchments []Catchment      `yaml:"catchments"`
	Lakes      []Lake           `yaml:"lakes"`
	Nodes      []Node           `yaml:"nodes"` // upstream before downstream
	Sensors    []Sensor         `yaml:"sensors"`
	Stories    map[string]Story `yaml:"stories"`
}

// Node is a place on a river. Its discharge is the sum of what arrives.
type Node struct {
	ID         string   `yaml:"id"`
	Catchments []string `yaml:"catchments"` // that drain straight into it
	Lakes      []string `yaml:"lakes"`      // whose outlet it is
	Reaches    []Reach  `yaml:"reaches"`    // from nodes above
	Rating     Rating   `yaml:"rating"`     // needed where a level sensor stands
}

// Story is what happens: everything is counted from the description's Start.
type Story struct {
	Storms  []Storm `yaml:"storms"`
	Showers Showers `yaml:"showers"`
	Surges  []Surge `yaml:"surges"`
	Faults  []Fault `yaml:"faults"`
}

// Surge is water that enters a lake at once, as when a lake above it drains.
type Surge struct {
	Lake     string        `yaml:"lake"`
	At       time.Duration `yaml:"at"`
	Duration time.Duration `yaml:"duration"`
	VolumeM3 float64       `yaml:"volume_m3"`
}

// flow is the surge's discharge at t after the start: a triangle, so that it swells and ebbs.
func (s Surge) flow(t time.Duration) float64 {
	return s.VolumeM3 * triangle((t-s.At).Seconds(), s.Duration.Seconds())
}

// triangle is a density over [0, length] that rises to the middle and falls; its integral is 1.
func triangle(x, length float64) float64 {
	if x <= 0 || x >= length {
		return 0
	}
	peak := 2 / length
	if half := length / 2; x < half {
		return peak * x / half
	}
	return peak * (length - x) / (length / 2)
}

// Parse reads a description from YAML. Unknown keys are errors, and every fault found is reported.
func Parse(r io.Reader) (Description, error) {
	var d Description
	decoder := yaml.NewDecoder(r)
	decoder.KnownFields(true)
	if err := decoder.Decode(&d); err != nil {
		return Description{}, fmt.Errorf("simulation: %w", err)
	}
	d.setDefaults()
	if err := d.Validate(); err != nil {
		return Description{}, fmt.Errorf("simulation: %w", err)
	}
	return d, nil
}

func (d *Description) setDefaults() {
	if d.Step == 0 {
		d.Step = time.Minute
	}
	if d.Warmup == 0 {
		d.Warmup = 48 * time.Hour
	}
}

// Validate says everything that is wrong with the description.
func (d Description) Validate() error {
	c := checker{
		catchments: map[string]bool{}, lakes: map[string]bool{}, nodes: map[string]bool{},
		rated: map[string]bool{}, sensors: map[string]bool{},
	}
	c.require(!d.Start.IsZero(), "start is missing")
	c.require(d.Step >= time.Second && d.Step <= time.Hour, "step %v is not between 1s and 1h", d.Step)
	c.require(d.Warmup >= 0 && d.Warmup <= 90*24*time.Hour, "warmup %v is not between 0 and 90 days", d.Warmup)
	for _, catchment := range d.Catchments {
		c.catchment(catchment)
	}
	for _, lake := range d.Lakes {
		c.lake(lake)
	}
	for _, node := range d.Nodes {
		c.node(node, d.Step)
	}
	for _, sensor := range d.Sensors {
		c.sensor(sensor, d.Step)
	}
	c.outlets(d)
	c.require(len(d.Stories) > 0, "there are no stories")
	for name, story := range d.Stories {
		c.story(name, story)
	}
	return errors.Join(c.faults...)
}

// checker gathers what is wrong, and the names met so far.
type checker struct {
	catchments, lakes, nodes, rated, sensors map[string]bool
	faults                                   []error
}

func (c *checker) require(ok bool, format string, args ...any) {
	if !ok {
		c.faults = append(c.faults, fmt.Errorf(format, args...))
	}
}

func (c *checker) name(seen map[string]bool, kind, id string) {
	c.require(id != "" && !seen[id], "%s id %q is empty or stands twice", kind, id)
	seen[id] = true
}

func (c *checker) catchment(k Catchment) {
	c.name(c.catchments, "catchment", k.ID)
	c.require(k.AreaKM2 > 0, "catchment %q: area_km2 %v must be above 0", k.ID, k.AreaKM2)
	c.require(k.SoilMM > 0, "catchment %q: soil_mm %v must be above 0", k.ID, k.SoilMM)
	c.require(k.Wetness >= 0 && k.Wetness <= 1, "catchment %q: wetness %v is not between 0 and 1", k.ID, k.Wetness)
	c.require(k.Fast > 0 && k.Slow > 0, "catchment %q: fast %v and slow %v must be above 0", k.ID, k.Fast, k.Slow)
	c.require(k.BaseMMDay >= 0 && k.PercolationMMDay >= 0 && k.EvaporationMMDay >= 0, "catchment %q: rates must not be below 0", k.ID)
	c.require(k.IceFraction >= 0 && k.IceFraction <= 1, "catchment %q: ice_fraction %v is not between 0 and 1", k.ID, k.IceFraction)
}

func (c *checker) lake(l Lake) {
	c.name(c.lakes, "lake", l.ID)
	for _, id := range l.Catchments {
		c.require(c.catchments[id], "lake %q: no catchment %q", l.ID, id)
	}
	if err := l.validate(); err != nil {
		c.faults = append(c.faults, fmt.Errorf("lake %q: %w", l.ID, err))
	}
}

func (c *checker) node(n Node, step time.Duration) {
	for _, reach := range n.Reaches {
		c.require(c.nodes[reach.From], "node %q: a reach comes from %q, which is not a node above it", n.ID, reach.From)
		if _, err := newChannel(reach, step, 0); err != nil {
			c.faults = append(c.faults, fmt.Errorf("node %q: reach from %q: %w", n.ID, reach.From, err))
		}
	}
	for _, id := range n.Catchments {
		c.require(c.catchments[id], "node %q: no catchment %q", n.ID, id)
	}
	for _, id := range n.Lakes {
		c.require(c.lakes[id], "node %q: no lake %q", n.ID, id)
	}
	c.name(c.nodes, "node", n.ID)
	if n.Rating != (Rating{}) {
		c.rated[n.ID] = true
		if err := n.Rating.validate(); err != nil {
			c.faults = append(c.faults, fmt.Errorf("node %q: %w", n.ID, err))
		}
	}
}

// outlets makes sure that all water goes to exactly one place: none is lost, none is counted twice.
func (c *checker) outlets(d Description) {
	catchments, lakes, nodes := map[string]int{}, map[string]int{}, map[string]int{}
	for _, lake := range d.Lakes {
		for _, id := range lake.Catchments {
			catchments[id]++
		}
	}
	for _, node := range d.Nodes {
		for _, id := range node.Catchments {
			catchments[id]++
		}
		for _, id := range node.Lakes {
			lakes[id]++
		}
		for _, reach := range node.Reaches {
			nodes[reach.From]++
		}
	}
	for _, k := range d.Catchments {
		c.require(catchments[k.ID] == 1, "catchment %q drains into %d lakes and nodes; it must be one", k.ID, catchments[k.ID])
	}
	for _, l := range d.Lakes {
		c.require(lakes[l.ID] == 1, "lake %q drains into %d nodes; it must be one", l.ID, lakes[l.ID])
	}
	for _, n := range d.Nodes {
		c.require(nodes[n.ID] <= 1, "node %q has %d reaches going on from it; it must be one at most", n.ID, nodes[n.ID])
	}
}

func (c *checker) sensor(s Sensor, step time.Duration) {
	c.name(c.sensors, "sensor", s.key())
	c.require(s.Station != "" && s.Sensor != "", "sensor %q: station and sensor must be named", s.key())
	c.require(s.Interval >= step && s.Interval%step == 0, "sensor %q: interval %v is not a multiple of the step %v", s.key(), s.Interval, step)
	c.require(s.Noise >= 0 && s.Resolution >= 0, "sensor %q: noise and resolution must not be below 0", s.key())
	switch s.Measures {
	case RiverLevel:
		c.require(c.rated[s.Of], "sensor %q: no node %q with a rating", s.key(), s.Of)
	case RiverDischarge:
		c.require(c.nodes[s.Of], "sensor %q: no node %q", s.key(), s.Of)
	case LakeLevel:
		c.require(c.lakes[s.Of], "sensor %q: no lake %q", s.key(), s.Of)
	case Rain, Temperature, SoilMoisture:
		c.require(c.catchments[s.Of], "sensor %q: no catchment %q", s.key(), s.Of)
	case Battery:
	default:
		c.require(false, "sensor %q: measures %q is not one of %v", s.key(), s.Measures, Measures())
	}
}

func (c *checker) story(name string, s Story) {
	for _, storm := range s.Storms {
		c.require(storm.Duration > 0 && storm.MM >= 0, "story %q: a storm needs a duration above 0 and mm not below 0", name)
		for id, weight := range storm.Over {
			c.require(c.catchments[id] && weight >= 0, "story %q: a storm over %q with weight %v: no such catchment, or below 0", name, id, weight)
		}
	}
	c.require(s.Showers.PerDay >= 0 && s.Showers.PerDay <= 48, "story %q: showers per_day %v is not between 0 and 48", name, s.Showers.PerDay)
	c.require(s.Showers.PerDay == 0 || s.Showers.MM > 0 && s.Showers.Duration > 0, "story %q: showers need mm and duration above 0", name)
	for _, surge := range s.Surges {
		c.require(c.lakes[surge.Lake], "story %q: a surge into %q, which is no lake", name, surge.Lake)
		c.require(surge.Duration > 0 && surge.VolumeM3 >= 0, "story %q: a surge needs a duration above 0 and a volume not below 0", name)
	}
	for _, fault := range s.Faults {
		c.require(c.sensors[fault.Station+"/"+fault.Sensor], "story %q: a fault of %s/%s, which is no sensor", name, fault.Station, fault.Sensor)
		if err := fault.validate(); err != nil {
			c.faults = append(c.faults, fmt.Errorf("story %q: fault of %s/%s: %w", name, fault.Station, fault.Sensor, err))
		}
	}
}
