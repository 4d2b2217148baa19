package feed_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"

	"tocsin/alerting"
	"tocsin/alerting/feed"
	"tocsin/geo"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func config(mode alerting.Mode) feed.Config {
	return feed.Config{Title: "Valley <&>", Author: "DHMS", PublicURL: "https://warn.example.bt/", Mode: mode, Language: "dz"}
}

// edition is one that was sent so long before noon and lives 12 hours.
func edition(id string, mode alerting.Mode, level alerting.Level, ago time.Duration) alerting.Edition {
	return alerting.Edition{
		Warning: "w" + id, Number: 2, Identifier: "dhms@example.bt-" + id, Mode: mode, MsgType: "Update", Kind: "outburst", Zone: "lunana",
		Level: level, Sent: noon.Add(-ago), Expires: noon.Add(12*time.Hour - ago), People: 699,
		Texts: []alerting.Text{
			{Language: "en", Event: "Flood", Headline: "Head <" + id + "> & \x01", Description: "Desc", Instruction: "Go", Reviewed: true},
			{Language: "dz", Event: "ཆུ་རུད།", Headline: "འགོ་" + id, Description: "བཤད།", Instruction: "འགྱོ།"},
		},
		Area: geo.Zone{ID: "lunana", Shape: orb.MultiPolygon{{{{90, 28}, {90.5, 28}, {90.5, 28.5}, {90, 28}}}}},
	}
}

// seen is what an independent, naive reader makes of one entry.
type seen struct{ ID, Title, Link string }

// readXML walks any feed by names alone, knowing nothing of the structs that wrote it.
func readXML(t *testing.T, document []byte, item, id string) (title string, items []seen) {
	t.Helper()
	decoder := xml.NewDecoder(bytes.NewReader(document))
	var path []string
	var current *seen
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return title, items
		}
		if err != nil {
			t.Fatalf("not XML: %v\n%s", err, document)
		}
		switch token := token.(type) {
		case xml.StartElement:
			path = append(path, token.Name.Local)
			if token.Name.Local == item {
				items = append(items, seen{})
				current = &items[len(items)-1]
			}
			for _, a := range token.Attr {
				if current != nil && token.Name.Local == "link" && a.Name.Local == "href" {
					current.Link = a.Value
				}
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			text := strings.TrimSpace(string(token))
			if text == "" {
				continue
			}
			switch name := path[len(path)-1]; {
			case current == nil && name == "title":
				title += text
			case current != nil && name == "title":
				current.Title += text
			case current != nil && name == id:
				current.ID += text
			case current != nil && name == "link":
				current.Link += text
			}
		}
	}
}

func readJSON(t *testing.T, document []byte) (title string, items []seen) {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(document, &all); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, document)
	}
	for _, f := range all["features"].([]any) {
		p := f.(map[string]any)["properties"].(map[string]any)
		items = append(items, seen{p["identifier"].(string), p["title"].(string), p["cap"].(string)})
	}
	return all["title"].(string), items
}

func build(t *testing.T, c feed.Config, editions []alerting.Edition, now time.Time) feed.Snapshot {
	t.Helper()
	s, err := feed.Build(c, editions, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatReadersSee(t *testing.T) {
	for _, mode := range []alerting.Mode{alerting.Actual, alerting.Exercise, alerting.System, alerting.Test} {
		banner := ""
		if mode != alerting.Actual {
			banner = "[" + strings.ToUpper(string(mode)) + "] "
		}
		s := build(t, config(mode), []alerting.Edition{
			edition("old", mode, 3, 13*time.Hour), edition("new", mode, 4, time.Hour), edition("over", mode, 0, 23*time.Hour), edition("long", mode, 0, 24*time.Hour),
			edition("lapsed", mode, 2, 37*time.Hour),
		}, noon)
		link := func(id string) string { return "https://warn.example.bt/cap/dhms@example.bt-" + id + ".xml" }
		want := []seen{
			{"dhms@example.bt-new", banner + "འགོ་new", link("new")},
			{"dhms@example.bt-old", banner + "[EXPIRED, no all-clear] འགོ་old", link("old")},
			{"dhms@example.bt-over", banner + "[ENDED] འགོ་over", link("over")},
		}
		title, items := readJSON(t, s.GeoJSON)
		if diff := cmp.Diff(want, items); diff != "" || title != banner+"Valley <&>: warnings" {
			t.Errorf("%s GeoJSON: title %q\n%s", mode, title, diff)
		}
		title, items = readXML(t, s.RSS, "item", "guid")
		if diff := cmp.Diff(want, items); diff != "" || title != banner+"Valley <&>: warnings" {
			t.Errorf("%s RSS: title %q\n%s", mode, title, diff)
		}
		for i := range want {
			want[i].ID = want[i].Link
		}
		title, items = readXML(t, s.Atom, "entry", "id")
		if diff := cmp.Diff(want, items); diff != "" || title != banner+"Valley <&>: warnings" {
			t.Errorf("%s Atom: title %q\n%s", mode, title, diff)
		}
		for name, document := range map[string][]byte{"Atom": s.Atom, "RSS": s.RSS} {
			if !bytes.Contains(document, []byte("(dz: text not reviewed)")) || bytes.Contains(document, []byte("(en: text not reviewed)")) {
				t.Errorf("%s does not say which texts are not reviewed", name)
			}
			if got := bytes.Contains(document, []byte("happens in the world")); got != (mode != alerting.Actual) {
				t.Errorf("%s of mode %s: says that it is not of the world: %v", name, mode, got)
			}
		}
	}
}

func TestGeoJSONProperties(t *testing.T) {
	s := build(t, config(alerting.Exercise), []alerting.Edition{edition("a", alerting.Exercise, 4, time.Hour)}, noon)
	var got struct {
		Mode     string
		Features []struct {
			Geometry   struct{ Type string }
			Properties map[string]any
		}
	}
	if err := json.Unmarshal(s.GeoJSON, &got); err != nil {
		t.Fatal(err)
	}
	f := got.Features[0]
	delete(f.Properties, "texts")
	want := map[string]any{
		"identifier": "dhms@example.bt-a", "warning": "wa", "edition": 2.0, "msg_type": "Update", "mode": "Exercise", "status": "active",
		"since": "2026-11-23T11:00:00Z", "level": 4.0, "severity": "Extreme", "hazard": "outburst", "zone": "lunana", "title": "[EXERCISE] འགོ་a",
		"headline": "འགོ་a", "language": "dz", "reviewed": false, "sent": "2026-11-23T11:00:00Z", "expires": "2026-11-23T23:00:00Z", "people": 699.0,
		"cap": "https://warn.example.bt/cap/dhms@example.bt-a.xml",
	}
	if diff := cmp.Diff(want, f.Properties); diff != "" || f.Geometry.Type != "MultiPolygon" || got.Mode != "Exercise" {
		t.Errorf("mode %s, geometry %s\n%s", got.Mode, f.Geometry.Type, diff)
	}
}

// TestModesDoNotCross: a stray edition is left out and named, the rest is published.
func TestModesDoNotCross(t *testing.T) {
	s, err := feed.Build(config(alerting.Actual), []alerting.Edition{edition("drill", alerting.Exercise, 4, 0), edition("real", alerting.Actual, 4, 0)}, noon)
	if !errors.Is(err, feed.ErrMode) || !strings.Contains(err.Error(), "drill") {
		t.Errorf("error %v", err)
	}
	for _, document := range [][]byte{s.Atom, s.RSS, s.GeoJSON} {
		if bytes.Contains(document, []byte("drill")) || !bytes.Contains(document, []byte("real")) {
			t.Errorf("got %s", document)
		}
	}
}

func TestSameBytesSameTag(t *testing.T) {
	var editions []alerting.Edition
	for i := range 20 {
		editions = append(editions, edition(fmt.Sprint(i), alerting.Test, alerting.Level(i%5), time.Duration(i/2)*time.Minute))
	}
	first := build(t, config(alerting.Test), editions, noon)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(editions), func(i, j int) { editions[i], editions[j] = editions[j], editions[i] })
	if diff := cmp.Diff(first, build(t, config(alerting.Test), editions, noon.Add(59*time.Minute))); diff != "" {
		t.Errorf("another order, 59 minutes later, differs:\n%s", diff)
	}
	if got := build(t, config(alerting.Test), editions[1:], noon).ETag; got == first.ETag || len(got) != 34 {
		t.Errorf("ETag %s of fewer editions, %s of all", got, first.ETag)
	}
}

// TestUpdatedNeverGoesBack walks through two days in which warnings come, end and leave.
func TestUpdatedNeverGoesBack(t *testing.T) {
	editions := []alerting.Edition{edition("a", alerting.Test, 2, 0), edition("b", alerting.Test, 0, -time.Hour), edition("c", alerting.Test, 1, -20*time.Hour)}
	last := time.Time{}
	for now := noon; now.Before(noon.Add(72 * time.Hour)); now = now.Add(17 * time.Minute) {
		var known []alerting.Edition
		for _, e := range editions {
			if !e.Sent.After(now) {
				known = append(known, e)
			}
		}
		s := build(t, config(alerting.Test), known, now)
		if s.Updated.Before(last) || s.Updated.After(now) {
			t.Fatalf("at %s the feed was updated %s, before that %s", now, s.Updated, last)
		}
		last = s.Updated
		_, items := readJSON(t, s.GeoJSON)
		for _, e := range known {
			in := slices.ContainsFunc(items, func(i seen) bool { return i.ID == e.Identifier })
			end := e.Expires
			if e.Level == 0 {
				end = e.Sent
			}
			if want := now.Before(end.Add(24 * time.Hour)); in != want {
				t.Errorf("at %s %s is in the feed: %v, want %v", now, e.Identifier, in, want)
			}
		}
	}
}

func TestOddEditionsSilenceNobody(t *testing.T) {
	bare := alerting.Edition{Identifier: "a/b?c", Mode: alerting.Actual, Level: 1, Sent: noon, Expires: noon.Add(time.Hour)}
	nan := edition("nan", alerting.Actual, 1, 0)
	nan.Area.Shape[0][0][1][0] = math.NaN()
	s := build(t, config(alerting.Actual), []alerting.Edition{bare, nan}, noon)
	_, items := readJSON(t, s.GeoJSON)
	if len(items) != 2 || items[0].Link != "https://warn.example.bt/cap/a%2Fb%3Fc.xml" {
		t.Errorf("got %+v", items)
	}
	empty := build(t, config(alerting.Actual), nil, noon)
	if _, items := readXML(t, empty.Atom, "entry", "id"); len(items) != 0 || !bytes.Contains(empty.GeoJSON, []byte(`"features":[]`)) {
		t.Errorf("an empty feed: %s", empty.GeoJSON)
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []feed.Config{{}, {Mode: "Real", PublicURL: "http://x"}, {Mode: alerting.Actual, PublicURL: "warn.example.bt"}, {Mode: alerting.Actual}} {
		if _, err := feed.Build(c, nil, noon); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
