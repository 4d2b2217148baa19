package site

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"tocsin/alerting"
	"tocsin/alerting/rule"
)

// Config is tocsin.yaml. It holds no secrets: see Secrets.
type Config struct {
	Name      string                     `yaml:"name"`      // of the place, as people call it
	Mode      alerting.Mode              `yaml:"mode"`      // no default
	Clock     string                     `yaml:"clock"`     // "machine" (default), or "mqtt" outside mode Actual
	Timezone  string                     `yaml:"timezone"`  // IANA name, for the times in texts; default UTC
	Languages []string                   `yaml:"languages"` // BCP 47, the main one first
	Lateness  rule.Duration              `yaml:"lateness"`  // age at receipt beyond which a reading judges nothing; default 6h
	Expiry    rule.Duration              `yaml:"expiry"`    // life of an edition; default 12h
	Levels    map[alerting.Level]LevelAs `yaml:"levels"`    // default: all four, see alerting.DefaultLevelNames
	HTTP      HTTP                       `yaml:"http"`
	MQTT      MQTT                       `yaml:"mqtt"`
	Influx    *Influx                    `yaml:"influx"` // nil: the history is kept in SQLite only
	SMS       SMS                        `yaml:"sms"`
	Agencies  []Agency                   `yaml:"agencies"` // who warns; the first signs the CAP messages
	Approval  Approval                   `yaml:"approval"` // no default
}

// LevelAs is how the site names and paints a level.
type LevelAs struct {
	Name   string `yaml:"name"`
	Colour string `yaml:"colour"` // CSS colour name or #rrggbb
}

// HTTP is where the pages are served.
type HTTP struct {
	Listen    string `yaml:"listen"`     // host:port; default 127.0.0.1:8080
	PublicURL string `yaml:"public_url"` // how residents reach it; default http:// and Listen
}

// MQTT is where readings come from: the embedded broker, outside brokers, or both.
type MQTT struct {
	Embedded *Embedded `yaml:"embedded"` // nil: no broker is started
	Brokers  []Broker  `yaml:"brokers"`
}

// Embedded is the broker inside the program.
type Embedded struct {
	Listen    string `yaml:"listen"`    // host:port; default 127.0.0.1:1883
	Anonymous bool   `yaml:"anonymous"` // takes devices without a password
}

// Broker is an outside broker to subscribe to.
type Broker struct {
	Name     string   `yaml:"name"`     // unique; names the password's variable TOCSIN_MQTT_<NAME>_PASSWORD
	URL      string   `yaml:"url"`      // tcp://, ssl://, ws:// or wss://, host and port
	Topics   []string `yaml:"topics"`   // default stations/+/readings and stations/+/status
	Username string   `yaml:"username"` // empty: no login
}

// Influx is an InfluxDB beside the local history. Its token is TOCSIN_INFLUX_TOKEN.
type Influx struct {
	URL    string `yaml:"url"`
	Org    string `yaml:"org"`
	Bucket string `yaml:"bucket"`
}

// SMS is how text messages go out. Without a route nothing is sent (dry run).
type SMS struct {
	Twilio *Twilio `yaml:"twilio"`
}

// Twilio is an account there. Its auth token is TOCSIN_TWILIO_AUTH_TOKEN.
type Twilio struct {
	AccountSID string `yaml:"account_sid"` // AC and 32 hexadecimal digits
	From       string `yaml:"from"`        // E.164
}

// Agency is who warns.
type Agency struct {
	Name    string `yaml:"name"`    // as people know it; CAP senderName
	Sender  string `yaml:"sender"`  // CAP sender: unique worldwide, like an address; no space, comma, < or &
	Contact string `yaml:"contact"` // how to reach it
}

// Approval is how many people must agree before a warning of a level goes out: 0 (automatic), 1 or 2.
type Approval map[alerting.Level]int

var approvalWords = map[string]int{"automatic": 0, "one": 1, "two": 2}

// UnmarshalYAML reads one word for all levels, or a word for each.
func (a *Approval) UnmarshalYAML(node *yaml.Node) error {
	*a = Approval{}
	if node.Kind == yaml.ScalarNode {
		n, ok := approvalWords[node.Value]
		if !ok {
			return wrongApproval(node)
		}
		for level := alerting.Level(1); level <= alerting.MaxLevel; level++ {
			(*a)[level] = n
		}
		return nil
	}
	words := map[alerting.Level]yaml.Node{}
	if err := node.Decode(&words); err != nil {
		return fmt.Errorf("approval: %w", err)
	}
	for level, word := range words {
		n, ok := approvalWords[word.Value]
		if !ok {
			return wrongApproval(&word)
		}
		(*a)[level] = n
	}
	return nil
}

func wrongApproval(node *yaml.Node) error {
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: approval %q is not one of automatic, one, two", node.Line, node.Value)}}
}

// withDefaults fills in what a site need not say.
func (c Config) withDefaults() Config {
	set := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	set(&c.Clock, clockMachine)
	set(&c.Timezone, "UTC")
	set(&c.HTTP.Listen, "127.0.0.1:8080")
	set(&c.HTTP.PublicURL, "http://"+c.HTTP.Listen)
	if c.Lateness == 0 {
		c.Lateness = defaultLateness
	}
	if c.Expiry == 0 {
		c.Expiry = defaultExpiry
	}
	if c.MQTT.Embedded != nil {
		embedded := *c.MQTT.Embedded
		set(&embedded.Listen, "127.0.0.1:1883")
		c.MQTT.Embedded = &embedded
	}
	for i := range c.MQTT.Brokers {
		if len(c.MQTT.Brokers[i].Topics) == 0 {
			c.MQTT.Brokers[i].Topics = []string{"stations/+/readings", "stations/+/status"}
		}
	}
	return c
}

// MaxLevel is the highest level the site uses.
func (c Config) MaxLevel() alerting.Level {
	if len(c.Levels) == 0 {
		return alerting.MaxLevel
	}
	highest := alerting.Level(0)
	for level := range c.Levels {
		highest = max(highest, level)
	}
	return min(highest, alerting.MaxLevel)
}

// LevelNames are the names and colours of the levels the site uses, the default ones where it gives none.
func (c Config) LevelNames() map[alerting.Level]alerting.LevelName {
	names := alerting.DefaultLevelNames()
	for level := range names {
		if level > c.MaxLevel() {
			delete(names, level)
			continue
		}
		name := names[level]
		if as := c.Levels[level]; as.Name != "" {
			name.Name = as.Name
		}
		if as := c.Levels[level]; as.Colour != "" {
			name.Colour = as.Colour
		}
		names[level] = name
	}
	return names
}
