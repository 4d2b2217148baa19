package feed

import (
	"bytes"
	"encoding/xml"
	"time"

	"tocsin/alerting/cap"
)

// The elements of RFC 4287 that are written, in a fixed order.
type atomFeed struct {
	XMLName  xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	Language string      `xml:"xml:lang,attr,omitempty"`
	ID       string      `xml:"id"`
	Title    string      `xml:"title"`
	Subtitle string      `xml:"subtitle"`
	Updated  string      `xml:"updated"`
	Author   atomPerson  `xml:"author"`
	Links    []atomLink  `xml:"link"`
	Entries  []atomEntry `xml:"entry"`
}

type atomPerson struct {
	Name string `xml:"name"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr,omitempty"`
	Href string `xml:"href,attr"`
}

type atomCategory struct {
	Term   string `xml:"term,attr"`
	Scheme string `xml:"scheme,attr"`
}

type atomEntry struct {
	Language   string         `xml:"xml:lang,attr,omitempty"`
	ID         string         `xml:"id"`
	Title      string         `xml:"title"`
	Updated    string         `xml:"updated"`
	Published  string         `xml:"published"`
	Links      []atomLink     `xml:"link"`
	Categories []atomCategory `xml:"category"`
	Summary    string         `xml:"summary"`
}

// atom writes the Atom feed. An entry's id is the address of its CAP document, which never changes.
func (f feed) atom() ([]byte, error) {
	c, self := f.config, f.config.PublicURL+f.config.Path+"/cap.atom"
	out := atomFeed{
		Language: c.Language, ID: self, Title: f.title(), Subtitle: f.subtitle(), Updated: f.updated.Format(time.RFC3339),
		Author: atomPerson{orElse(cap.Clean(c.Author), f.title())},
		Links:  []atomLink{{"self", "application/atom+xml", self}, {"alternate", "text/html", c.PublicURL + "/"}},
	}
	for _, e := range f.entries {
		out.Entries = append(out.Entries, atomEntry{
			Language: e.text.Language, ID: e.link, Title: cap.Clean(e.title), Updated: e.since.Format(time.RFC3339),
			Published: e.edition.Sent.UTC().Format(time.RFC3339), Links: []atomLink{{"alternate", cap.ContentType, e.link}},
			Categories: []atomCategory{
				{string(e.edition.Mode), cap.Namespace + ":status"},
				{e.edition.MsgType, cap.Namespace + ":msgType"},
				{e.edition.Kind, c.PublicURL + "/#hazard"},
				{string(e.status), c.PublicURL + "/#status"},
			},
			Summary: cap.Clean(e.words()),
		})
	}
	return marshal(out)
}

type rssFeed struct {
	XMLName xml.Name   `xml:"rss"`
	Version string     `xml:"version,attr"`
	Channel rssChannel `xml:"channel"`
}

type rssChannel struct {
	Title       string    `xml:"title"`
	Link        string    `xml:"link"`
	Description string    `xml:"description"`
	Language    string    `xml:"language,omitempty"`
	Built       string    `xml:"lastBuildDate"`
	TTL         int       `xml:"ttl"` // minutes
	Self        atomLinkR `xml:"http://www.w3.org/2005/Atom link"`
	Items       []rssItem `xml:"item"`
}

type atomLinkR struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr"`
	Href string `xml:"href,attr"`
}

type rssItem struct {
	Title       string   `xml:"title"`
	Link        string   `xml:"link"`
	Description string   `xml:"description"`
	Categories  []string `xml:"category"`
	GUID        rssGUID  `xml:"guid"`
	Published   string   `xml:"pubDate"`
}

type rssGUID struct {
	Permanent bool   `xml:"isPermaLink,attr"`
	Value     string `xml:",chardata"`
}

// rss writes the RSS 2.0 feed, whose links lead to the CAP documents as aggregators expect.
func (f feed) rss() ([]byte, error) {
	c := f.config
	out := rssFeed{Version: "2.0", Channel: rssChannel{
		Title: f.title(), Link: c.PublicURL + "/", Description: f.subtitle(), Language: c.Language,
		Built: rssTime(f.updated), TTL: 1, Self: atomLinkR{"self", "application/rss+xml", c.PublicURL + c.Path + "/cap.rss"},
	}}
	for _, e := range f.entries {
		out.Channel.Items = append(out.Channel.Items, rssItem{
			Title: cap.Clean(e.title), Link: e.link, Description: cap.Clean(e.words()),
			Categories: []string{string(e.edition.Mode), e.edition.MsgType, e.edition.Kind, string(e.status)},
			GUID:       rssGUID{false, e.edition.Identifier}, Published: rssTime(e.edition.Sent),
		})
	}
	return marshal(out)
}

// rssTime is a time after RFC 822 with four digits of year.
func rssTime(t time.Time) string { return t.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT") }

func (f feed) title() string {
	return banner(f.config.Mode) + orElse(cap.Clean(f.config.Title), "Tocsin") + ": warnings"
}

func (f feed) subtitle() string {
	return disclaimer(f.config.Mode) + "Warnings in force, and those that ended in the last 24 hours, marked so. Each entry links to its CAP 1.2 document."
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	encoder := xml.NewEncoder(&b)
	encoder.Indent("", " ")
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}
