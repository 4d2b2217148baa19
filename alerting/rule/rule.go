package rule

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tocsin/alerting"
)

// Rule is one entry of rules.yaml. It has either Raise (values per level) or When (an expression with Level).
type Rule struct {
	ID      string `yaml:"id" json:"id"`           // unique in the site
	Hazard  string `yaml:"hazard" json:"hazard"`   // kind, as the zone names it: "flood"
	Zone    string `yaml:"zone" json:"zone"`       // zone id
	Station string `yaml:"station" json:"station"` // station id
	Sensor  string `yaml:"sensor" json:"sensor"`   // sensor id within the station
	// Raise is, for each level, the value at or above which (Direction falling: at or below) it raises;
	// canonical unit, sensor's datum.
	Raise map[alerting.Level]float64 `yaml:"raise" json:"raise,omitempty"`
	// Clear is, for each level, the value below which (falling: above) it clears; a level without one
	// clears below its raise value.
	Clear     map[alerting.Level]float64 `yaml:"clear" json:"clear,omitempty"`
	Direction Direction                  `yaml:"direction" json:"direction,omitempty"` // empty: rising
	For       Duration                   `yaml:"for" json:"for,omitempty"`             // event time the condition must hold before it raises
	Level     alerting.Level             `yaml:"level" json:"level,omitempty"`         // of When
	When      string                     `yaml:"when" json:"when,omitempty"`           // expression that raises
	Until     string                     `yaml:"until" json:"until,omitempty"`         // expression that clears; empty: When is false
}

// Direction says which way a value gets dangerous.
type Direction string

// The directions.
const (
	Rising  Direction = "rising"  // high values raise
	Falling Direction = "falling" // low values raise
)

// Duration is a length of time that YAML writes as "30m", "1h30m" or "3d".
type Duration time.Duration

// UnmarshalYAML reads "30m", "1h30m", "3d"; a fault is reported with its line like any other of the decoder.
func (d *Duration) UnmarshalYAML(node *yaml.Node) error {
	parsed, err := ParseDuration(node.Value)
	if err != nil || node.Kind != yaml.ScalarNode {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %q is not a duration; right would be 30m, 1h30m or 3d", node.Line, node.Value)}}
	}
	*d = Duration(parsed)
	return nil
}

// String writes the duration as Go does, "1h30m0s".
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes the duration as Go does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// ParseDuration reads what time.ParseDuration does, and whole days as "3d".
func ParseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 3650 {
			return 0, fmt.Errorf("duration %q: right would be 30m, 1h30m or 3d", text)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("duration %q: right would be 30m, 1h30m or 3d", text)
	}
	return d, nil
}

// RuleError is one fault of one rule. Compile joins them all (errors.Join).
type RuleError struct { // the name says which error it is where it is caught
	ID    string // of the rule; "#3" where the third rule has none
	Field string // as rules.yaml writes it: "zone", "raise", "when"
	Text  string // what is wrong and what would be right
}

func (e *RuleError) Error() string { return fmt.Sprintf("rule %s: %s: %s", e.ID, e.Field, e.Text) }
