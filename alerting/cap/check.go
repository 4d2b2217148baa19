package cap

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// Class says what a finding is held against.
type Class string

// The classes.
const (
	Schema   Class = "schema"   // the XSD: a strict reader refuses the document
	Standard Class = "standard" // the text of the standard, which the XSD cannot say
	Practice Class = "practice" // what WMO, Google and other readers ask for beyond the standard
)

// Finding is one thing that is wrong with a document.
type Finding struct {
	Line  int    `json:"line"` // from 1; 0 where it is about the whole
	Path  string `json:"path"` // "alert/info[2]/area[1]/polygon[1]"
	Rule  string `json:"rule"` // short and stable: "order", "polygon", "references"
	Class Class  `json:"class"`
	Text  string `json:"text"` // what is wrong and what would be right
}

// String is the finding on one line.
func (f Finding) String() string {
	return fmt.Sprintf("line %d: %s: %s (%s, %s)", f.Line, f.Path, f.Text, f.Class, f.Rule)
}

// maxFindings bounds what is said about one document.
const maxFindings = 200

type checker struct {
	version  string
	findings []Finding
}

func (c *checker) add(class Class, line int, path, rule, format string, args ...any) {
	if len(c.findings) < maxFindings {
		c.findings = append(c.findings, Finding{line, path, rule, class, fmt.Sprintf(format, args...)})
	}
}

// Check judges a CAP document, anybody's: against the XSD of its version (1.2 and 1.1; of 1.0 only the
// values are judged), against what the standard says in words, and against good practice. No finding
// means that it is sound. What cannot be read at all is one finding with the rule "xml". At most 200
// findings are given.
func Check(document []byte) []Finding {
	c := &checker{}
	root, err := readTree(document)
	if err == nil {
		c.version, err = root.version()
	}
	if err != nil {
		c.add(Schema, errorLine(root), "", "xml", "%s", err)
		return c.findings
	}
	if c.version != "1.0" {
		c.sequence(root, "alert", schema(c.version))
	}
	c.alert(root)
	return c.findings
}

func errorLine(root *node) int {
	if root == nil {
		return 0
	}
	return root.line
}

// alert judges what the XSD cannot say of the whole (section 3.2.1).
func (c *checker) alert(n *node) {
	for _, name := range []string{"identifier", "sender"} {
		for _, e := range n.all(name) {
			if err := CheckName(e.text); err != nil {
				c.add(Standard, e.line, "alert/"+name, name, "%s %s", name, err)
			}
		}
	}
	status, msgType, scope := n.first("status"), n.first("msgType"), n.first("scope")
	infos := n.all("info")
	if scope == "Restricted" && n.first("restriction") == "" {
		c.add(Standard, n.line, "alert", "scope", "scope Restricted needs a restriction that says whom it is for")
	}
	if scope == "Private" && n.first("addresses") == "" {
		c.add(Standard, n.line, "alert", "scope", "scope Private needs addresses")
	}
	if note := n.first("note"); note == "" && (status == "Exercise" || msgType == "Error") {
		c.add(Standard, n.line, "alert", "note", "status Exercise should name the exercise, and msgType Error its reason, in a note")
	}
	if len(infos) == 0 && (msgType == "Alert" || msgType == "Update") {
		c.add(Practice, n.line, "alert", "info", "a message %s without info tells nobody anything", msgType)
	}
	c.references(n, msgType)
	sent, _ := ParseTime(n.first("sent"))
	languages := map[string]bool{}
	for i, info := range infos {
		path := fmt.Sprintf("alert/info[%d]", i+1)
		c.info(info, path, sent)
		key := strings.ToLower(info.first("language")) + "\x00" + info.first("event") + "\x00" + info.first("headline")
		if languages[key] {
			c.add(Practice, info.line, path, "language", "a second info in the same language with the same event and headline; one info for each language is right")
		}
		languages[key] = true
	}
}

func (c *checker) references(n *node, msgType string) {
	all := n.all("references")
	if len(all) == 0 || strings.TrimSpace(all[0].text) == "" {
		switch msgType {
		case "Update", "Cancel", "Ack", "Error":
			c.add(Standard, n.line, "alert", "references", "a message %s needs references to the messages it is about", msgType)
		}
		if len(all) > 0 {
			c.add(Standard, all[0].line, "alert/references", "references", "references is empty; without any it should be left out")
		}
		return
	}
	for _, reference := range strings.Fields(all[0].text) {
		if err := checkReference(reference); err != nil {
			c.add(Standard, all[0].line, "alert/references", "references", "%s", err)
		}
	}
}

// checkReference judges "sender,identifier,sent".
func checkReference(reference string) error {
	parts := strings.Split(reference, ",")
	if len(parts) != 3 {
		return fmt.Errorf("reference %q is not of the form sender,identifier,sent", shorten(reference))
	}
	for i, what := range []string{"sender", "identifier"} {
		if err := CheckName(parts[i]); err != nil {
			return fmt.Errorf("reference %q: its %s %w", shorten(reference), what, err)
		}
	}
	if _, err := ParseTime(parts[2]); err != nil {
		return fmt.Errorf("reference %q: its %w", shorten(reference), err)
	}
	return nil
}

// info judges one info (section 3.2.2).
func (c *checker) info(n *node, path string, sent time.Time) {
	if n.first("event") == "" {
		c.add(Standard, n.line, path, "event", "event is empty; it names the hazard for the public")
	}
	if headline := n.first("headline"); utf8.RuneCountInString(headline) > 160 {
		c.add(Practice, n.line, path, "headline", "the headline has %d characters; 160 are the most that some displays show", utf8.RuneCountInString(headline))
	}
	for _, web := range n.all("web") {
		if u, err := url.Parse(web.text); err != nil || !u.IsAbs() {
			c.add(Standard, web.line, path+"/web", "web", "%q is not a full, absolute address", shorten(web.text))
		}
	}
	c.times(n, path, sent)
	for i, resource := range n.all("resource") {
		c.resource(resource, fmt.Sprintf("%s/resource[%d]", path, i+1))
	}
	areas := n.all("area")
	if len(areas) == 0 {
		c.add(Practice, n.line, path, "area", "no area: nobody can tell whom it concerns")
	}
	for i, area := range areas {
		c.area(area, fmt.Sprintf("%s/area[%d]", path, i+1))
	}
}

func (c *checker) times(n *node, path string, sent time.Time) {
	expires, err := ParseTime(n.first("expires"))
	if err != nil {
		if n.first("expires") == "" {
			c.add(Practice, n.line, path, "expires", "no expires: readers will guess how long it holds")
		}
		return
	}
	if !sent.IsZero() && !expires.After(sent) {
		c.add(Standard, n.line, path, "expires", "it expires %s, which is not after it was sent", n.first("expires"))
	}
	for _, name := range []string{"effective", "onset"} {
		if t, err := ParseTime(n.first(name)); err == nil && t.After(expires) {
			c.add(Standard, n.line, path, "expires", "%s %s is after expires %s", name, n.first(name), n.first("expires"))
		}
	}
}

var sha1Pattern = regexp.MustCompile(`^[0-9a-fA-F]{40}$`)

func (c *checker) resource(n *node, path string) {
	if uri := n.first("uri"); uri != "" {
		if _, err := url.Parse(uri); err != nil {
			c.add(Standard, n.line, path, "resource", "uri %q is not an address", shorten(uri))
		}
	} else if n.first("derefUri") == "" {
		c.add(Practice, n.line, path, "resource", "neither uri nor derefUri: there is nothing to fetch")
	}
	if digest := n.first("digest"); digest != "" && !sha1Pattern.MatchString(digest) {
		c.add(Standard, n.line, path, "resource", "digest %q is not a SHA-1 in hex", shorten(digest))
	}
}

// area judges one area (section 3.2.4).
func (c *checker) area(n *node, path string) {
	if n.first("areaDesc") == "" {
		c.add(Standard, n.line, path, "areaDesc", "areaDesc is empty; it names the place for the public")
	}
	polygons, circles := n.all("polygon"), n.all("circle")
	for i, e := range polygons {
		here := fmt.Sprintf("%s/polygon[%d]", path, i+1)
		polygon, err := parsePolygon(e.text)
		switch {
		case err != nil:
			c.add(Standard, e.line, here, "polygon", "%s", err)
		case len(polygon) > maxVertices:
			c.add(Practice, e.line, here, "vertices", "%d pairs; many readers give up beyond %d", len(polygon), maxVertices)
		}
	}
	for i, e := range circles {
		if _, err := parseCircle(e.text); err != nil {
			c.add(Standard, e.line, fmt.Sprintf("%s/circle[%d]", path, i+1), "circle", "%s", err)
		}
	}
	if len(polygons)+len(circles)+len(n.all("geocode")) == 0 {
		c.add(Practice, n.line, path, "geometry", "neither polygon, circle nor geocode: no machine can tell where it is")
	}
	if n.first("ceiling") != "" && n.first("altitude") == "" {
		c.add(Standard, n.line, path, "ceiling", "ceiling needs an altitude")
	}
}

// Broken says whether findings hold anything against the XSD or the standard: more than advice.
func Broken(findings []Finding) error {
	var errs []error
	for _, f := range findings {
		if f.Class != Practice {
			errs = append(errs, errors.New(f.String()))
		}
	}
	return errors.Join(errs...)
}
