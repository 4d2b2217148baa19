package dashboards

import (
	"context"
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"tocsin/dashboards/public"
	"tocsin/ingest"
)

// picture draws the last day of a sensor, and says in words which way it goes. Readings that failed
// their tests are left out; the console shows them.
func (s *Server) picture(ctx context.Context, now time.Time, station string, sensor sensorState) (template.HTML, string, error) {
	from := now.Add(-pictureSpan)
	readings, _, err := s.deps.History.Readings(ctx, ingest.Query{
		Station: station, Sensor: sensor.ID, From: from.UTC(), To: now.Add(time.Minute).UTC(), Step: pictureStep,
	})
	if err != nil {
		return "", "", fmt.Errorf("history of %s/%s: %w", station, sensor.ID, err)
	}
	var points []public.Point
	for _, r := range readings {
		if r.Flag <= ingest.NotEvaluated {
			points = append(points, public.Point{Time: r.Time, Value: r.Value})
		}
	}
	var lines []public.Line
	for _, line := range sensor.Thresholds {
		lines = append(lines, public.Line{Level: int(line.Level), Value: line.Raise})
	}
	if len(points) == 0 {
		return "", "", nil
	}
	low, high := points[0].Value, points[0].Value
	for _, p := range points {
		low, high = min(low, p.Value), max(high, p.Value)
	}
	words := fmt.Sprintf("Last 24 hours: lowest %s, highest %s", figure(low, sensor.Quantity), figure(high, sensor.Quantity))
	gap := max(3*sensor.Interval, 2*pictureStep)
	return public.Picture(points, lines, from, now, gap, words), s.trend(sensor, points), nil
}

// trend says how much a current series rose or fell over the last hour or little more.
func (s *Server) trend(sensor sensorState, points []public.Point) string {
	if sensor.Age != AgeCurrent || sensor.Latest == nil || sensor.Latest.Flag > ingest.NotEvaluated {
		return ""
	}
	last := public.Point{Time: sensor.Latest.Time, Value: sensor.Latest.Value}
	for i := len(points) - 1; i >= 0; i-- {
		span := last.Time.Sub(points[i].Time)
		if span < 55*time.Minute {
			continue
		}
		if span > 2*time.Hour {
			return ""
		}
		change := last.Value - points[i].Value
		size := figure(math.Abs(change), sensor.Quantity)
		switch {
		case strings.Trim(strings.SplitN(size, "\u00a0", 2)[0], "0.") == "":
			return "→ steady"
		case change > 0:
			return "↑ rising " + size + " in " + hours(span)
		}
		return "↓ falling " + size + " in " + hours(span)
	}
	return ""
}

func hours(span time.Duration) string {
	return strconv.FormatFloat(span.Round(6*time.Minute).Hours(), 'f', -1, 64) + "\u00a0h"
}

// figure writes a value with its unit, as exact as gauges are.
func figure(value float64, quantity ingest.Quantity) string {
	decimals := 1
	if quantity == ingest.WaterLevel || quantity == ingest.SnowDepth {
		decimals = 2
	}
	unit := quantity.Unit()
	switch unit {
	case "m3/s":
		unit = "m³/s"
	case "Cel":
		unit = "°C"
	case "deg":
		unit = "°"
	}
	return strconv.FormatFloat(value, 'f', decimals, 64) + "\u00a0" + unit
}

// ago says how old something is, rounded down.
func ago(age time.Duration) string {
	switch {
	case age < time.Minute:
		return "just now"
	case age < time.Hour:
		return strconv.Itoa(int(age.Minutes())) + " min ago"
	case age < 48*time.Hour:
		return strconv.Itoa(int(age.Hours())) + " h ago"
	}
	return strconv.Itoa(int(age.Hours()/24)) + " days ago"
}

// ownName is what a language calls itself.
func ownName(tag string) string {
	if tag == "dz" { // unknown to the tables of CLDR that x/text carries
		return "རྫོང་ཁ"
	}
	parsed, err := language.Parse(tag)
	if err != nil {
		return tag
	}
	if name := display.Self.Name(parsed); name != "" {
		return name
	}
	return tag
}
