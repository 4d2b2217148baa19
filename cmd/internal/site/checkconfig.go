package site

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // time zones on machines that have none installed

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/language"

	"tocsin/alerting"
	"tocsin/alerting/cap"
	"tocsin/alerting/rule"
)

const (
	clockMachine    = "machine"
	clockMQTT       = "mqtt"
	defaultLateness = rule.Duration(6 * time.Hour)
	defaultExpiry   = rule.Duration(12 * time.Hour)
	longestLateness = 7 * 24 * time.Hour
	shortestExpiry  = 10 * time.Minute
	longestExpiry   = 7 * 24 * time.Hour
)

// configCheck notes what is wrong in tocsin.yaml beyond its form.
type configCheck struct {
	Config
	r  reporter
	at lines
}

func (c configCheck) fault(path, format string, args ...any) {
	c.r.fault(c.at.of(path), format, args...)
}

func (c configCheck) warn(path, format string, args ...any) { c.r.warn(c.at.of(path), format, args...) }

func (c configCheck) run() {
	if strings.TrimSpace(c.Name) == "" {
		c.fault("name", "no name: how people call the place is wanted")
	}
	c.mode()
	if _, err := time.LoadLocation(c.Timezone); err != nil || c.Timezone == "Local" {
		c.fault("timezone", "timezone %q is not known: an IANA name is wanted, like Asia/Thimphu or Europe/London", c.Timezone)
	}
	c.languages()
	c.durations()
	c.levels()
	c.http()
	c.mqtt()
	c.influx()
	c.sms()
	c.agencies()
	c.approval()
}

func (c configCheck) mode() {
	if c.Mode == "" {
		c.fault("mode", "no mode: Actual (people are warned), Exercise, System or Test is wanted")
	} else if _, err := alerting.ParseMode(string(c.Mode)); err != nil {
		c.fault("mode", "%v", err)
	}
	switch {
	case c.Clock != clockMachine && c.Clock != clockMQTT:
		c.fault("clock", "clock %q is not one of machine, mqtt", c.Clock)
	case c.Clock == clockMQTT && c.Mode == alerting.Actual:
		c.fault("clock", "a clock that comes over MQTT is for exercises and tests: in mode Actual it must be machine")
	}
}

// languages checks the tags; that each has its messages is checked where those are read.
func (c configCheck) languages() {
	if len(c.Languages) == 0 {
		c.fault("languages", "no languages: a list is wanted, the main one first, like [en, dz]")
	}
	for i, tag := range c.Languages {
		path := fmt.Sprintf("languages[%d]", i)
		if _, err := language.Parse(tag); err != nil {
			c.fault(path, "language %q is no language tag (BCP 47): en, dz or pt-BR would be", tag)
		}
		if slices.Index(c.Languages, tag) < i {
			c.fault(path, "language %q stands twice", tag)
		}
	}
}

func (c configCheck) durations() {
	if d := time.Duration(c.Lateness); d < time.Minute || d > longestLateness {
		c.fault("lateness", "lateness %s is not between 1m and 7d", d)
	}
	if d := time.Duration(c.Expiry); d < shortestExpiry || d > longestExpiry {
		c.fault("expiry", "expiry %s is not between 10m and 7d", d)
	}
}

var colourPattern = regexp.MustCompile(`^(#[0-9a-fA-F]{6}|[a-z]+)$`)

func (c configCheck) levels() {
	for _, level := range slices.Sorted(maps.Keys(c.Levels)) {
		path := fmt.Sprintf("levels.%d", level)
		if level < 1 || level > alerting.MaxLevel {
			c.fault(path, "level %d is not one of 1 to %d", level, alerting.MaxLevel)
			continue
		}
		if _, ok := c.Levels[level-1]; level > 1 && !ok {
			c.fault(path, "level %d is named and level %d is not: a site uses levels from 1 without gaps", level, level-1)
		}
		if colour := c.Levels[level].Colour; colour != "" && !colourPattern.MatchString(colour) {
			c.fault(path+".colour", "colour %q is no CSS colour name and not of the form #rrggbb", colour)
		}
	}
}

func (c configCheck) http() {
	c.address("http.listen", c.HTTP.Listen)
	u, err := url.Parse(c.HTTP.PublicURL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		c.fault("http.public_url", "public_url %q is no address of a web page: https://warnings.example.org would be", c.HTTP.PublicURL)
	case c.Mode == alerting.Actual && loopback(u.Host):
		c.warn("http.public_url", "public_url %s can be reached from this machine only: residents cannot follow it", c.HTTP.PublicURL)
	}
}

// address checks host:port.
func (c configCheck) address(path, address string) {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		var n int
		if n, err = strconv.Atoi(port); err == nil && (n < 0 || n > 65535) {
			err = fmt.Errorf("port %d", n)
		}
	}
	if err != nil {
		c.fault(path, "%s %q is no host:port: 127.0.0.1:8080 would be", path[strings.LastIndex(path, ".")+1:], address)
	}
}

// loopback says whether host (with or without a port) is this machine.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c configCheck) mqtt() {
	if c.MQTT.Embedded == nil && len(c.MQTT.Brokers) == 0 {
		c.fault("mqtt", "no way in: mqtt needs embedded, brokers or both, else no reading ever arrives")
	}
	if e := c.MQTT.Embedded; e != nil {
		c.address("mqtt.embedded.listen", e.Listen)
		switch {
		case e.Anonymous && !loopback(e.Listen):
			c.warn("mqtt.embedded.anonymous", "anybody who reaches %s can send readings without a password and cause or hide a warning: set anonymous: false and give each device a password (tocsin device add)", e.Listen)
		case e.Anonymous:
			c.warn("mqtt.embedded.anonymous", "any program on this machine can send readings without a password: set anonymous: false and give each device a password (tocsin device add) before people depend on the site")
		}
	}
	taken := map[string]string{}
	for i, b := range c.MQTT.Brokers {
		c.broker(fmt.Sprintf("mqtt.brokers[%d]", i), b)
		if other, doubled := taken[PasswordVariable(b.Name)]; doubled {
			c.fault(fmt.Sprintf("mqtt.brokers[%d].name", i), "broker %q and broker %q would share the variable %s: give them names of their own", b.Name, other, PasswordVariable(b.Name))
		}
		taken[PasswordVariable(b.Name)] = b.Name
	}
}

func (c configCheck) broker(path string, b Broker) {
	if b.Name == "" || b.Name == "embedded" {
		c.fault(path+".name", "name %q: each outside broker needs a short name of its own, and embedded is taken", b.Name)
	}
	u, err := url.Parse(b.URL)
	if err != nil || u.Port() == "" || !slices.Contains([]string{"tcp", "ssl", "ws", "wss"}, u.Scheme) {
		c.fault(path+".url", "url %q is no broker's: tcp://host:1883 or ssl://host:8883 would be", b.URL)
	} else if u.User != nil {
		c.fault(path+".url", "the url holds a login: put the name in username and the password in %s", PasswordVariable(b.Name))
	}
	for i, topic := range b.Topics {
		if !topicFilter(topic) {
			c.fault(fmt.Sprintf("%s.topics[%d]", path, i), "%q is no topic filter: + stands for one whole part, # for the rest at the end", topic)
		}
	}
}

// topicFilter checks a filter by MQTT 3.1.1 section 4.7.
func topicFilter(filter string) bool {
	parts := strings.Split(filter, "/")
	for i, part := range parts {
		if strings.ContainsAny(part, "+#") && len(part) > 1 || part == "#" && i < len(parts)-1 {
			return false
		}
	}
	return filter != "" && !strings.ContainsRune(filter, 0)
}

func (c configCheck) influx() {
	if c.Influx == nil {
		return
	}
	if u, err := url.Parse(c.Influx.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		c.fault("influx.url", "url %q is no InfluxDB's: http://127.0.0.1:8086 would be", c.Influx.URL)
	}
	if c.Influx.Bucket == "" {
		c.fault("influx.bucket", "no bucket: the one to write readings to is wanted (InfluxDB 1.8: database/retention policy)")
	}
}

var sidPattern = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)

func (c configCheck) sms() {
	twilio := c.SMS.Twilio
	if twilio == nil {
		if c.Mode == alerting.Actual {
			c.warn("sms", "no sms route: messages are written down and sent to nobody (dry run)")
		}
		return
	}
	if !sidPattern.MatchString(twilio.AccountSID) {
		c.fault("sms.twilio.account_sid", "account_sid is not AC and 32 hexadecimal digits")
	}
	if _, err := e164(twilio.From); err != nil {
		c.fault("sms.twilio.from", "from: %v", err)
	}
}

// e164 checks that a phone number is written in full, with its country, and returns it as E.164.
func e164(text string) (string, error) {
	if !strings.HasPrefix(text, "+") {
		return "", fmt.Errorf("the phone number does not begin with + and its country: +12025550123 would be right")
	}
	number, err := phonenumbers.Parse(text, "")
	if err != nil || !phonenumbers.IsPossibleNumber(number) {
		return "", fmt.Errorf("no phone number of any country: +12025550123 would be right")
	}
	return phonenumbers.Format(number, phonenumbers.E164), nil
}

func (c configCheck) agencies() {
	if len(c.Agencies) == 0 {
		c.fault("agencies", "no agencies: who warns is wanted, like [{name: Flood office, sender: floods@example.org, contact: duty phone}]")
	}
	for i, a := range c.Agencies {
		path := fmt.Sprintf("agencies[%d]", i)
		if strings.TrimSpace(a.Name) == "" {
			c.fault(path+".name", "no name: how people know the agency is wanted")
		}
		if err := cap.CheckName(a.Sender); err != nil {
			c.fault(path+".sender", "sender %v", err)
		}
		if a.Contact == "" {
			c.warn(path, "agency %q has no contact: those who get its messages cannot ask back", a.Name)
		}
	}
}

func (c configCheck) approval() {
	if len(c.Approval) == 0 {
		c.fault("approval", "no approval: how many people must agree before a warning goes out is wanted: automatic, one or two, or one of them for each level; there is no default")
		return
	}
	for _, level := range slices.Sorted(maps.Keys(c.Approval)) {
		if level < 1 || level > alerting.MaxLevel {
			c.fault("approval", "approval: level %d is not one of 1 to %d", level, alerting.MaxLevel)
		}
	}
	for level := alerting.Level(1); level <= c.MaxLevel(); level++ {
		if n, ok := c.Approval[level]; !ok {
			c.fault("approval", "approval says nothing of level %d: automatic, one or two is wanted for every level", level)
		} else if n == 0 && c.Mode == alerting.Actual {
			c.warn("approval", "warnings of level %d go out without anybody looking at them", level)
		}
	}
}

// CheckClock says whether the site may run by a clock ("machine" or "mqtt").
func (c Config) CheckClock(clock string) error {
	switch {
	case clock != clockMachine && clock != clockMQTT:
		return fmt.Errorf("clock %q is not one of machine, mqtt", clock)
	case clock == clockMQTT && c.Mode == alerting.Actual:
		return fmt.Errorf("a site in mode Actual runs by the machine's clock: use mode Exercise or Test for --clock mqtt")
	}
	return nil
}
