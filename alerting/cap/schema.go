package cap

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// form is how the text of an element must look.
type form int

const (
	anyText  form = iota
	oneOf         // of the particle's values
	dateTime      // xs:dateTime, in 1.2 with the pattern of CAP
	language      // xs:language
	decimals      // xs:decimal
	integer       // xs:integer
)

// particle is one row of the XSD: an element, how often it may stand, and what is in it.
type particle struct {
	name     string
	required bool
	many     bool
	form     form
	values   []string
	children []particle
}

func required(p particle) particle { p.required = true; return p }
func many(p particle) particle     { p.many = true; return p }
func text(name string) particle    { return particle{name: name} }

func enum(name string, values ...string) particle {
	return particle{name: name, form: oneOf, values: values}
}

func formed(name string, f form) particle { return particle{name: name, form: f} }

func group(name string, children ...particle) particle {
	return particle{name: name, children: children}
}

func named(name string) particle {
	return many(group(name, required(text("valueName")), required(text("value"))))
}

// schema is the sequence inside alert: CAP-v1.2.xsd, or CAP-v1.1.xsd where version is "1.1".
func schema(version string) []particle {
	responses := []string{"Shelter", "Evacuate", "Prepare", "Execute", "Monitor", "Assess", "None"}
	mime, height := text("mimeType"), anyText
	if version == "1.2" {
		responses = append(responses, "Avoid", "AllClear")
		mime, height = required(mime), decimals
	}
	resource := many(group("resource", required(text("resourceDesc")), mime, formed("size", integer),
		text("uri"), text("derefUri"), text("digest")))
	area := many(group("area", required(text("areaDesc")), many(text("polygon")), many(text("circle")),
		named("geocode"), formed("altitude", height), formed("ceiling", height)))
	info := many(group("info",
		formed("language", language),
		required(many(enum("category", "Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env",
			"Transport", "Infra", "CBRNE", "Other"))),
		required(text("event")),
		many(enum("responseType", responses...)),
		required(enum("urgency", "Immediate", "Expected", "Future", "Past", "Unknown")),
		required(enum("severity", "Extreme", "Severe", "Moderate", "Minor", "Unknown")),
		required(enum("certainty", "Observed", "Likely", "Possible", "Unlikely", "Unknown")),
		text("audience"), named("eventCode"),
		formed("effective", dateTime), formed("onset", dateTime), formed("expires", dateTime),
		text("senderName"), text("headline"), text("description"), text("instruction"), text("web"),
		text("contact"), named("parameter"), resource, area))
	return []particle{
		required(text("identifier")), required(text("sender")), required(formed("sent", dateTime)),
		required(enum("status", "Actual", "Exercise", "System", "Test", "Draft")),
		required(enum("msgType", "Alert", "Update", "Cancel", "Ack", "Error")),
		text("source"), required(enum("scope", "Public", "Restricted", "Private")),
		text("restriction"), text("addresses"), many(text("code")), text("note"), text("references"),
		text("incidents"), info,
	}
}

// signature is the namespace whose elements CAP 1.2 allows at the end of alert.
const signature = "http://www.w3.org/2000/09/xmldsig#"

// sequence judges the children of n against the particles, in their order.
func (c *checker) sequence(n *node, path string, particles []particle) {
	c.plain(n, path)
	if n.text != "" {
		c.add(Schema, n.line, path, "content", "the text %q stands between elements", shorten(n.text))
	}
	at, seen := 0, 0
	counts := map[string]int{}
	for _, child := range n.children {
		counts[child.name.Local]++
		childPath := fmt.Sprintf("%s/%s[%d]", path, child.name.Local, counts[child.name.Local])
		if path == "alert" && child.name.Space == signature && c.version == "1.2" {
			c.missing(child.line, path, particles[at:], seen)
			at, seen = len(particles), 0
			continue
		}
		found := at
		for found < len(particles) && (child.name.Local != particles[found].name || child.name.Space != n.name.Space) {
			found++
		}
		if found == len(particles) {
			c.unexpected(child, childPath, particles)
			continue
		}
		if found > at {
			c.missing(child.line, path, particles[at:found], seen)
			at, seen = found, 0
		}
		if seen++; seen > 1 && !particles[at].many {
			c.add(Schema, child.line, childPath, "once", "%s may stand only once", child.name.Local)
		}
		c.element(child, childPath, particles[at])
	}
	if at < len(particles) {
		c.missing(n.line, path, particles[at:], seen)
	}
}

// missing reports required particles that were passed over; the first of them has been seen so often.
func (c *checker) missing(line int, path string, particles []particle, seen int) {
	for i, p := range particles {
		if p.required && (i > 0 || seen == 0) {
			c.add(Schema, line, path, "required", "%s is missing, or does not stand in its place", p.name)
		}
	}
}

func (c *checker) unexpected(child *node, path string, particles []particle) {
	for _, p := range particles {
		if p.name == child.name.Local {
			c.add(Schema, child.line, path, "order", "%s stands too late: the order of elements is fixed", child.name.Local)
			return
		}
	}
	c.add(Schema, child.line, path, "unknown", "CAP has no element %q here", shorten(child.name.Local))
}

// plain reports attributes.
func (c *checker) plain(n *node, path string) {
	if n.extra != "" {
		c.add(Schema, n.line, path, "attribute", "CAP has no attribute %q", shorten(n.extra))
	}
}

func (c *checker) element(n *node, path string, p particle) {
	if len(p.children) > 0 {
		c.sequence(n, path, p.children)
		return
	}
	c.plain(n, path)
	if len(n.children) > 0 {
		c.add(Schema, n.line, path, "content", "%s holds text only, not the element %q", p.name, shorten(n.children[0].name.Local))
		return
	}
	if problem := p.judge(n, c.version); problem != "" {
		c.add(Schema, n.line, path, "value", "%s", problem)
	}
}

var (
	// languagePattern is that of xs:language.
	languagePattern = regexp.MustCompile(`^[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*$`)
	// timePattern is that of CAP-v1.2.xsd without the comma that its "[-,+]" lets in by mistake.
	timePattern    = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d$`)
	decimalPattern = regexp.MustCompile(`^[-+]?(\d+(\.\d*)?|\.\d+)$`)
	integerPattern = regexp.MustCompile(`^[-+]?\d+$`)
)

// judge says what is wrong with a text, "" where nothing is.
func (p particle) judge(n *node, version string) string {
	s := n.text
	switch p.form {
	case anyText:
		return ""
	case oneOf:
		for _, value := range p.values {
			if n.raw == value { // xs:string keeps white space
				return ""
			}
		}
		return fmt.Sprintf("%q is not one of %s", shorten(n.raw), strings.Join(p.values, ", "))
	case dateTime:
		return judgeTime(s, version)
	case language:
		if !languagePattern.MatchString(s) {
			return fmt.Sprintf("%q is not a language tag such as en-GB (RFC 3066: parts of at most 8 letters or digits, joined by -)", shorten(s))
		}
	case decimals:
		if !decimalPattern.MatchString(s) {
			return fmt.Sprintf("%q is not a decimal number", shorten(s))
		}
	case integer:
		if !integerPattern.MatchString(s) {
			return fmt.Sprintf("%q is not a whole number", shorten(s))
		}
	}
	return ""
}

func judgeTime(s, version string) string {
	if version == "1.2" && !timePattern.MatchString(s) {
		return fmt.Sprintf("%q is not of the form 2026-11-23T08:00:00-00:00 (an offset, never Z, no fractions)", shorten(s))
	}
	if _, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return ""
	}
	// xs:dateTime of 1.1 may leave the zone out; time.Parse wants one.
	if _, err := time.Parse(time.RFC3339Nano, s+"Z"); err == nil && version != "1.2" {
		return ""
	}
	return fmt.Sprintf("%q is no moment of the calendar", shorten(s))
}
