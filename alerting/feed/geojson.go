package feed

import (
	"bytes"
	"encoding/json"
	"math"
	"time"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geojson"

	"tocsin/alerting"
)

type collection struct {
	Type     string    `json:"type"`
	Title    string    `json:"title"`
	Mode     string    `json:"mode"`
	Notice   string    `json:"notice,omitempty"` // in any mode but Actual
	Updated  string    `json:"updated"`
	Features []feature `json:"features"`
}

type feature struct {
	Type       string            `json:"type"`
	ID         string            `json:"id"`
	Geometry   *geojson.Geometry `json:"geometry"` // null where the zone has no shape
	Properties properties        `json:"properties"`
}

// properties of one warning; texts holds every language.
type properties struct {
	Identifier string          `json:"identifier"`
	Warning    string          `json:"warning"`
	Edition    int             `json:"edition"`
	MsgType    string          `json:"msg_type"`
	Mode       string          `json:"mode"`
	Status     Status          `json:"status"`
	Since      string          `json:"since"`
	Level      alerting.Level  `json:"level"`
	Severity   string          `json:"severity"` // CAP; Minor for an end
	Hazard     string          `json:"hazard"`
	Zone       string          `json:"zone"`
	Title      string          `json:"title"`
	Headline   string          `json:"headline"`
	Language   string          `json:"language"`
	Reviewed   bool            `json:"reviewed"`
	Sent       string          `json:"sent"`
	Expires    string          `json:"expires"`
	People     int             `json:"people"`
	CAP        string          `json:"cap"`
	Texts      []alerting.Text `json:"texts"`
}

func (f feed) geoJSON() ([]byte, error) {
	out := collection{
		Type: "FeatureCollection", Title: f.title(), Mode: string(f.config.Mode), Notice: disclaimer(f.config.Mode),
		Updated: f.updated.Format(time.RFC3339), Features: []feature{},
	}
	for _, e := range f.entries {
		d := e.edition
		severity := d.Level.Severity()
		if d.Level == 0 {
			severity = alerting.Level(1).Severity() // as the CAP document of an end says
		}
		out.Features = append(out.Features, feature{Type: "Feature", ID: d.Identifier, Geometry: geometry(d.Area.Shape), Properties: properties{
			Identifier: d.Identifier, Warning: d.Warning, Edition: d.Number, MsgType: d.MsgType, Mode: string(d.Mode),
			Status: e.status, Since: e.since.Format(time.RFC3339), Level: d.Level, Severity: severity, Hazard: d.Kind, Zone: d.Zone,
			Title: e.title, Headline: e.text.Headline, Language: e.text.Language, Reviewed: e.text.Reviewed,
			Sent: d.Sent.UTC().Format(time.RFC3339), Expires: d.Expires.UTC().Format(time.RFC3339), People: d.People, CAP: e.link, Texts: d.Texts,
		}})
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(out)
	return b.Bytes(), err
}

// geometry is nil where there is no shape that JSON can hold: the warning stands in the feed all the same.
func geometry(shape orb.MultiPolygon) *geojson.Geometry {
	if len(shape) == 0 {
		return nil
	}
	for _, polygon := range shape {
		for _, ring := range polygon {
			for _, p := range ring {
				if math.IsNaN(p[0]+p[1]) || math.IsInf(p[0]+p[1], 0) {
					return nil
				}
			}
		}
	}
	return geojson.NewGeometry(shape)
}
