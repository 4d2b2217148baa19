package cap

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/paulmach/orb"
)

// The namespaces of the versions of CAP that are read; only Namespace is written.
const (
	Namespace   = "urn:oasis:names:tc:emergency:cap:1.2"
	namespace11 = "urn:oasis:names:tc:emergency:cap:1.1"
	namespace10 = "http://www.incident.com/cap/1.0"
)

// ContentType is the media type under which a document is served (section 3.3.3, errata).
const ContentType = "application/cap+xml"

// Alert is one CAP document. The order of the fields is the order of the XSD, which is fixed.
type Alert struct {
	XMLName     xml.Name // Marshal always writes that of version 1.2
	Identifier  string   `xml:"identifier"`
	Sender      string   `xml:"sender"`
	Sent        string   `xml:"sent"`
	Status      string   `xml:"status"`
	MsgType     string   `xml:"msgType"`
	Source      string   `xml:"source,omitempty"`
	Scope       string   `xml:"scope"`
	Restriction string   `xml:"restriction,omitempty"`
	Addresses   string   `xml:"addresses,omitempty"`
	Codes       []string `xml:"code"`
	Note        string   `xml:"note,omitempty"`
	References  string   `xml:"references,omitempty"` // "sender,identifier,sent" separated by spaces
	Incidents   string   `xml:"incidents,omitempty"`
	Infos       []Info   `xml:"info"`
}

// Info is what is said in one language.
type Info struct {
	Language      string       `xml:"language,omitempty"`
	Categories    []string     `xml:"category"`
	Event         string       `xml:"event"`
	ResponseTypes []string     `xml:"responseType"`
	Urgency       string       `xml:"urgency"`
	Severity      string       `xml:"severity"`
	Certainty     string       `xml:"certainty"`
	Audience      string       `xml:"audience,omitempty"`
	EventCodes    []NamedValue `xml:"eventCode"`
	Effective     string       `xml:"effective,omitempty"`
	Onset         string       `xml:"onset,omitempty"`
	Expires       string       `xml:"expires,omitempty"`
	SenderName    string       `xml:"senderName,omitempty"`
	Headline      string       `xml:"headline,omitempty"`
	Description   string       `xml:"description,omitempty"`
	Instruction   string       `xml:"instruction,omitempty"`
	Web           string       `xml:"web,omitempty"`
	Contact       string       `xml:"contact,omitempty"`
	Parameters    []NamedValue `xml:"parameter"`
	Resources     []Resource   `xml:"resource"`
	Areas         []Area       `xml:"area"`
}

// NamedValue is an eventCode, a parameter or a geocode.
type NamedValue struct {
	Name  string `xml:"valueName"`
	Value string `xml:"value"`
}

// Resource is a file that belongs to an info.
type Resource struct {
	Description string `xml:"resourceDesc"`
	MimeType    string `xml:"mimeType"`
	Size        string `xml:"size,omitempty"` // bytes
	URI         string `xml:"uri,omitempty"`
	DerefURI    string `xml:"derefUri,omitempty"` // base64
	Digest      string `xml:"digest,omitempty"`   // SHA-1, hex
}

// Area is where.
type Area struct {
	Description string       `xml:"areaDesc"`
	Polygons    []Polygon    `xml:"polygon"`
	Circles     []Circle     `xml:"circle"`
	Geocodes    []NamedValue `xml:"geocode"`
	Altitude    string       `xml:"altitude,omitempty"` // feet above mean sea level (section 3.2.4)
	Ceiling     string       `xml:"ceiling,omitempty"`
	// Unread holds polygons and circles of a parsed document that make no sense, as they were
	// written, so that nobody takes the rest for the whole area.
	Unread []string `xml:"-"`
}

// Polygon is a closed ring, longitude, latitude in memory; CAP has no holes.
type Polygon orb.Ring

// MarshalText writes "lat,lon lat,lon ..." (section 3.2.4, polygon: WGS 84,
// at least four pairs, first and last the same) with 7 decimals at most, which is 6 mm.
func (p Polygon) MarshalText() ([]byte, error) {
	var b []byte
	for i, point := range p {
		if i > 0 {
			b = append(b, ' ')
		}
		b = appendPoint(b, point)
	}
	return b, nil
}

// Circle is a centre (longitude, latitude in memory) and a radius in kilometres.
type Circle struct {
	Center   orb.Point
	RadiusKM float64
}

// MarshalText writes "lat,lon radius".
func (c Circle) MarshalText() ([]byte, error) {
	return strconv.AppendFloat(append(appendPoint(nil, c.Center), ' '), c.RadiusKM, 'f', -1, 64), nil
}

func appendPoint(b []byte, p orb.Point) []byte {
	b = append(b, decimal(p.Lat())...)
	b = append(b, ',')
	return append(b, decimal(p.Lon())...)
}

// decimal writes degrees without exponent and without needless zeros.
func decimal(degrees float64) string {
	rounded := math.Round(degrees*1e7) / 1e7
	if rounded == 0 {
		rounded = 0 // no "-0"
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// parsePoint reads "lat,lon" into longitude, latitude.
func parsePoint(s string) (orb.Point, error) {
	first, second, ok := strings.Cut(s, ",")
	if !ok {
		return orb.Point{}, fmt.Errorf("%q is not a pair \"latitude,longitude\"", shorten(s))
	}
	lat, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return orb.Point{}, fmt.Errorf("latitude %q is not a number", shorten(first))
	}
	lon, err := strconv.ParseFloat(second, 64)
	if err != nil {
		return orb.Point{}, fmt.Errorf("longitude %q is not a number", shorten(second))
	}
	// Written so that NaN fails too.
	if !(math.Abs(lat) <= 90) || !(math.Abs(lon) <= 180) {
		hint := ""
		if math.Abs(lon) <= 90 && math.Abs(lat) <= 180 {
			hint = "; it looks like longitude,latitude, CAP wants latitude first"
		}
		return orb.Point{}, fmt.Errorf("%q is out of range%s", shorten(s), hint)
	}
	return orb.Point{lon, lat}, nil
}

// parsePolygon reads "lat,lon lat,lon ...": at least four pairs, closed.
func parsePolygon(s string) (Polygon, error) {
	pairs := strings.Fields(s)
	ring := make(Polygon, 0, len(pairs))
	for i, pair := range pairs {
		p, err := parsePoint(pair)
		if err != nil {
			return nil, fmt.Errorf("pair %d: %w", i+1, err)
		}
		ring = append(ring, p)
	}
	if len(ring) < 4 {
		return nil, fmt.Errorf("a polygon needs at least 4 pairs, this one has %d", len(ring))
	}
	if ring[0] != ring[len(ring)-1] {
		return nil, fmt.Errorf("not closed: it begins with %s and ends with %s, which must be the same", pairs[0], pairs[len(pairs)-1])
	}
	return ring, nil
}

// parseCircle reads "lat,lon radius".
func parseCircle(s string) (Circle, error) {
	fields := strings.Fields(s)
	if len(fields) != 2 {
		return Circle{}, fmt.Errorf("circle %q is not \"latitude,longitude radius\"", shorten(s))
	}
	center, err := parsePoint(fields[0])
	if err != nil {
		return Circle{}, err
	}
	radius, err := strconv.ParseFloat(fields[1], 64)
	if err != nil || !(radius >= 0) || radius > 20040 {
		return Circle{}, fmt.Errorf("radius %q is not a length in kilometres between 0 and half the Earth", shorten(fields[1]))
	}
	return Circle{Center: center, RadiusKM: radius}, nil
}

// FormatTime writes a moment with the offset of the place given (nil: UTC), the whole second at or
// before it. UTC is "-00:00", which section 3.3.2 demands.
func FormatTime(t time.Time, place *time.Location) string {
	if place == nil {
		place = time.UTC
	}
	local := t.In(place)
	_, offset := local.Zone()
	if offset == 0 || offset%60 != 0 { // an offset with seconds (local mean time) cannot be written
		return t.UTC().Format("2006-01-02T15:04:05") + "-00:00"
	}
	return local.Format("2006-01-02T15:04:05-07:00")
}

// ParseTime reads the time of any version of CAP, also with "Z" or fractions.
func ParseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(s))
	if err != nil {
		return time.Time{}, fmt.Errorf("time %q is not of the form 2026-11-23T08:00:00-00:00", shorten(s))
	}
	return t.UTC(), nil
}

// Reference is "sender,identifier,sent" with the strings as they stand in the document.
func (a Alert) Reference() string { return a.Sender + "," + a.Identifier + "," + a.Sent }

// ReferenceList splits the references.
func (a Alert) ReferenceList() []string { return strings.Fields(a.References) }

// Marshal writes the document with XML header, in UTF-8. Build has cleaned the texts; what XML cannot
// hold in an Alert made otherwise becomes U+FFFD.
func (a Alert) Marshal() ([]byte, error) {
	a.XMLName = xml.Name{Space: Namespace, Local: "alert"}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	encoder := xml.NewEncoder(&b)
	encoder.Indent("", "  ")
	if err := encoder.Encode(a); err != nil {
		return nil, fmt.Errorf("write CAP document %q: %w", a.Identifier, err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// Clean removes control characters (but line breaks and tabs) and what is not UTF-8, and the white
// space around. A carriage return becomes a line break.
func Clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\r\n", "\n")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r' || r == '\u2028' || r == '\u2029' || r == '\u0085':
			return '\n'
		case r < 0x20, r >= 0x7f && r < 0xa0, r == 0xfffe, r == 0xffff, r == utf8.RuneError, r == '\ufeff':
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

func shorten(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
