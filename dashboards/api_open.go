package dashboards

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geojson"

	"tocsin/geo"
	"tocsin/ingest"
)

const (
	readingsLimit = 10_000  // in one answer
	areaBytes     = 1 << 20 // of a GeoJSON area
	areaVertices  = 20_000
)

// openOperations are those that anybody may ask.
func (s *Server) openOperations(api huma.API) {
	huma.Register(api, operation(everybody, http.MethodGet, "/site", "site", "The site: name, mode, languages, levels, clock"), s.apiSite)
	huma.Register(api, operation(everybody, http.MethodGet, "/stations", "stations", "All stations with their newest readings"), s.apiStations)
	huma.Register(api, operation(everybody, http.MethodGet, "/stations/{id}/readings", "readings", "Readings of a station"), s.apiReadings)
	huma.Register(api, operation(everybody, http.MethodGet, "/zones", "zones", "The warning zones as GeoJSON, with the people in them"), s.apiZones)
	exposure := operation(everybody, http.MethodPost, "/exposure", "exposure", "People inside an area given as GeoJSON")
	exposure.MaxBodyBytes = areaBytes
	huma.Register(api, exposure, s.apiExposure)
}

func (s *Server) apiSite(context.Context, *struct{}) (*output[siteView], error) {
	now := s.now()
	_, offset := now.In(s.config.Location).Zone()
	return answer(siteView{
		Name: s.config.SiteName, Mode: s.config.Mode, About: s.config.About, Languages: s.languages(),
		Levels: s.levels(), TimeZone: s.config.Location.String(), Offset: offset, Now: now.UTC(),
	}), nil
}

type stationsView struct {
	Now      time.Time     `json:"now"`
	Stations []stationView `json:"stations"`
}

func (s *Server) apiStations(ctx context.Context, _ *struct{}) (*output[stationsView], error) {
	states, err := s.stations(ctx)
	if err != nil {
		return nil, s.refusal(err, "list stations")
	}
	views := make([]stationView, 0, len(states))
	for _, state := range states {
		views = append(views, viewStation(state))
	}
	return answer(stationsView{Now: s.now().UTC(), Stations: views}), nil
}

func viewStation(state stationState) stationView {
	view := stationView{
		ID: state.ID, Name: state.Name, River: state.River, Position: state.Position, Outburst: state.Outburst,
		Invented: state.Invented, Note: state.Note, Level: state.Level, Age: state.Age,
		Sensors: make([]sensorView, 0, len(state.Sensors)),
	}
	for _, sensor := range state.Sensors {
		v := sensorView{
			ID: sensor.ID, Quantity: sensor.Quantity, Unit: sensor.Quantity.Unit(), Datum: sensor.Datum,
			Interval: int(sensor.Interval.Seconds()), Age: sensor.Age, Judged: sensor.Judged, Level: sensor.Level, Thresholds: sensor.Thresholds,
		}
		if sensor.Latest != nil {
			latest := viewReading(*sensor.Latest)
			v.Latest = &latest
		}
		view.Sensors = append(view.Sensors, v)
	}
	return view
}

type readingsInput struct {
	ID       string    `path:"id"`
	Sensor   string    `query:"sensor"`
	Quantity string    `query:"quantity"`
	From     time.Time `query:"from" doc:"inclusive"`
	To       time.Time `query:"to" doc:"exclusive"`
	Step     string    `query:"step" doc:"thin to one reading a step and sensor: seconds, or 15m, 1h"`
	Limit    int       `query:"limit" minimum:"0" maximum:"10000" doc:"default 1000"`
	After    string    `query:"after" doc:"the next of an earlier answer"`
}

func (s *Server) apiReadings(ctx context.Context, in *readingsInput) (*output[readingsView], error) {
	if _, known := s.config.Network.Station(in.ID); !known {
		return nil, huma.Error404NotFound("no station has this id")
	}
	if in.Quantity != "" && !ingest.Quantity(in.Quantity).Known() {
		return nil, huma.Error422UnprocessableEntity("quantity must be one of the quantities of /stations, as water_level")
	}
	step, err := parseStep(in.Step)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	readings, next, err := s.deps.History.Readings(ctx, ingest.Query{
		Station: in.ID, Sensor: in.Sensor, Quantity: ingest.Quantity(in.Quantity),
		From: in.From, To: in.To, Step: step, Limit: min(in.Limit, readingsLimit), After: in.After,
	})
	if err != nil {
		return nil, s.refusal(err, "read history")
	}
	views := make([]readingView, 0, len(readings))
	for _, r := range readings {
		views = append(views, viewReading(r))
	}
	return answer(readingsView{Readings: views, Next: next}), nil
}

// parseStep reads a step given in whole seconds or as Go writes durations.
func parseStep(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	step, err := time.ParseDuration(text)
	if seconds, bad := strconv.Atoi(text); bad == nil && seconds < math.MaxInt32 {
		step, err = time.Duration(seconds)*time.Second, nil
	}
	if err != nil || step < 0 || (step > 0 && step < time.Second) || step > 366*24*time.Hour {
		return 0, errors.New("step must be seconds or a duration from 1s to 366 days, as 900 or 15m")
	}
	return step, nil
}

// zonesOutput is a GeoJSON FeatureCollection; its shape is RFC 7946's.
type zonesOutput struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (s *Server) apiZones(context.Context, *struct{}) (*zonesOutput, error) {
	people := s.people.count()
	collection := geojson.NewFeatureCollection()
	for _, zone := range s.config.Zones {
		feature := geojson.NewFeature(zone.Shape)
		feature.ID = zone.ID
		feature.Properties = geojson.Properties{
			"id": zone.ID, "names": zone.Names, "name": zone.Name(s.config.Languages[0]), "hazard": zone.Hazard, "from": zone.From,
		}
		if e, counted := people[zone.ID]; counted {
			feature.Properties["people"], feature.Properties["low"], feature.Properties["high"] = e.People, e.Low, e.High
		}
		collection.Append(feature)
	}
	body, err := json.Marshal(collection)
	if err != nil {
		return nil, s.refusal(err, "write zones")
	}
	return &zonesOutput{ContentType: "application/geo+json", Body: body}, nil
}

type exposureInput struct {
	RawBody []byte `contentType:"application/geo+json"`
}

// apiExposure counts people inside an area. It changes nothing, so anybody may ask; because it costs,
// few may ask at once.
func (s *Server) apiExposure(_ context.Context, in *exposureInput) (*output[geo.Exposure], error) {
	if s.deps.Exposure == nil {
		return nil, huma.Error404NotFound("this site has no population data")
	}
	area, err := parseArea(in.RawBody)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	select {
	case s.heavy <- struct{}{}:
		defer func() { <-s.heavy }()
	default:
		return nil, huma.Error503ServiceUnavailable("others are asking already: try again in a moment")
	}
	exposure, err := s.deps.Exposure(area)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity("the area cannot be used: " + err.Error())
	}
	return answer(exposure), nil
}

// parseArea reads a GeoJSON (RFC 7946) polygon, multipolygon, feature or collection of such.
func parseArea(body []byte) (orb.MultiPolygon, error) {
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(body, &kind); err != nil {
		return nil, fmt.Errorf("the body is not JSON: %w", err)
	}
	geometries, err := geometriesOf(kind.Type, body)
	if err != nil {
		return nil, err
	}
	var area orb.MultiPolygon
	for _, geometry := range geometries {
		switch g := geometry.(type) {
		case orb.Polygon:
			area = append(area, g)
		case orb.MultiPolygon:
			area = append(area, g...)
		default:
			return nil, errors.New("an area is a Polygon or a MultiPolygon")
		}
	}
	return area, checkArea(area)
}

func geometriesOf(kind string, body []byte) ([]orb.Geometry, error) {
	switch kind {
	case "FeatureCollection":
		collection, err := geojson.UnmarshalFeatureCollection(body)
		if err != nil {
			return nil, fmt.Errorf("the feature collection cannot be read: %w", err)
		}
		var all []orb.Geometry
		for _, feature := range collection.Features {
			all = append(all, feature.Geometry)
		}
		return all, nil
	case "Feature":
		feature, err := geojson.UnmarshalFeature(body)
		if err != nil {
			return nil, fmt.Errorf("the feature cannot be read: %w", err)
		}
		return []orb.Geometry{feature.Geometry}, nil
	case "Polygon", "MultiPolygon":
		geometry, err := geojson.UnmarshalGeometry(body)
		if err != nil {
			return nil, fmt.Errorf("the geometry cannot be read: %w", err)
		}
		return []orb.Geometry{geometry.Geometry()}, nil
	}
	return nil, fmt.Errorf("type %.40q is not Polygon, MultiPolygon, Feature or FeatureCollection", kind)
}

// checkArea refuses what the geometry rooms need not see: nothing, too much, positions off the earth.
func checkArea(area orb.MultiPolygon) error {
	vertices := 0
	for _, polygon := range area {
		if len(polygon) == 0 {
			return errors.New("a polygon has no ring")
		}
		for _, ring := range polygon {
			if len(ring) < 4 || !ring.Closed() {
				return errors.New("a ring needs at least four positions, the last equal to the first")
			}
			for _, p := range ring {
				if math.Abs(p.Lon()) > 180 || math.Abs(p.Lat()) > 90 {
					return fmt.Errorf("position %g, %g is not longitude, latitude", p.Lon(), p.Lat())
				}
			}
			vertices += len(ring)
		}
	}
	if len(area) == 0 || vertices > areaVertices {
		return fmt.Errorf("the area has %d positions: 4 to %d are allowed", vertices, areaVertices)
	}
	return nil
}
