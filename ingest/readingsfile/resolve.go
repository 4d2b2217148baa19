package readingsfile

import (
	"strings"

	"tocsin/ingest"
)

// Resolve finds the sensor that the row speaks of: the one it names, else the station's only sensor with
// the row's quantity, else the one whose id is the quantity. The error is a *Fault; where several
// sensors could be meant it names them.
func (r Row) Resolve(network *ingest.Network) (ingest.Sensor, error) {
	station, ok := network.Station(r.Station)
	if !ok {
		return ingest.Sensor{}, r.fault("unknown station %q: stations.geojson has none of that id", r.Station)
	}
	var candidates []ingest.Sensor
	for _, sensor := range station.Sensors {
		switch {
		case r.Sensor == sensor.ID && sensor.Quantity != r.Quantity:
			return ingest.Sensor{}, r.fault("sensor %q of station %q measures %s, not %s", r.Sensor, r.Station, sensor.Quantity, r.Quantity)
		case r.Sensor == sensor.ID:
			return sensor, nil
		case r.Sensor == "" && sensor.Quantity == r.Quantity:
			candidates = append(candidates, sensor)
		}
	}
	return r.choose(station, candidates)
}

func (r Row) choose(station ingest.Station, candidates []ingest.Sensor) (ingest.Sensor, error) {
	switch {
	case r.Sensor != "":
		return ingest.Sensor{}, r.fault("station %q has no sensor %q: it has %s", r.Station, r.Sensor, ids(station.Sensors))
	case len(candidates) == 0:
		return ingest.Sensor{}, r.fault("station %q has no sensor that measures %s: it has %s", r.Station, r.Quantity, ids(station.Sensors))
	case len(candidates) == 1:
		return candidates[0], nil
	}
	for _, sensor := range candidates {
		if sensor.ID == string(r.Quantity) {
			return sensor, nil
		}
	}
	return ingest.Sensor{}, r.fault("station %q has several sensors that measure %s (%s): name one in a column sensor", r.Station, r.Quantity, ids(candidates))
}

func ids(sensors []ingest.Sensor) string {
	if len(sensors) == 0 {
		return "none"
	}
	names := make([]string, len(sensors))
	for i, sensor := range sensors {
		names[i] = sensor.ID
	}
	return strings.Join(names, ", ")
}

// nearest is the word that name may be a misspelling of, at most one edit in three letters away, or "".
func nearest(name string, words []string) string {
	best, found := len(name)+1, ""
	for _, word := range words {
		if d := distance(name, word); d < best && d <= len(word)/3 {
			best, found = d, word
		}
	}
	return found
}

// distance counts the letters to change, add or drop (Levenshtein 1966).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
