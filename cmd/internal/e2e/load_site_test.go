package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sitefolder "tocsin/cmd/internal/site"
)

// loadStations are the gauges of the site under load, each on a river and with a zone of its own.
var loadStations = []string{"north", "east", "south", "west"}

// loadSite writes the first site with four gauges in place of its one, where warnings go out without a
// person, so that kills fall into every step of them. Each gauge has a level that crosses all marks
// again and again, a discharge that counts the readings, and a battery whose voltage never changes: its
// flags hang on how long it has not.
func loadSite(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "site")
	if err := sitefolder.Init(dir); err != nil {
		t.Fatal(err)
	}
	var stations, zones, rules []string
	for i, id := range loadStations {
		x := 10 + float64(i)
		stations = append(stations, fmt.Sprintf(`{"type": "Feature", "properties": {"id": %q, "name": %q, "river": %q, "invented": true, "sensors": [
			{"id": "water_level", "quantity": "water_level", "unit": "m", "limits": {"min": -1, "max": 8, "rate": 1000000, "stuck": "off"}},
			{"id": "discharge", "quantity": "discharge", "unit": "m3/s", "limits": {"min": 0, "max": 1000000, "rate": 1000000000, "stuck": "off"}},
			{"id": "battery_voltage", "quantity": "battery_voltage", "unit": "V", "limits": {"stuck": "2s"}}]},
			"geometry": {"type": "Point", "coordinates": [%g, 45.1]}}`, id, id, id, x))
		zones = append(zones, fmt.Sprintf(`{"type": "Feature", "properties": {"id": "zone-%s", "names": {"en": "Zone %s"}, "hazard": "flood", "from": 1},
			"geometry": {"type": "Polygon", "coordinates": [[[%[3]g, 45.0], [%[4]g, 45.0], [%[4]g, 45.2], [%[3]g, 45.2], [%[3]g, 45.0]]]}}`, id, id, x-0.1, x+0.1))
		rules = append(rules, fmt.Sprintf("- {id: %s-level, hazard: flood, zone: zone-%s, station: %s, sensor: water_level, raise: {1: 3.0, 2: 3.6, 3: 4.2, 4: 4.8}, clear: {1: 2.8, 2: 3.4, 3: 4.0, 4: 4.6}}", id, id, id))
	}
	collection := func(features []string) string {
		return `{"type": "FeatureCollection", "features": [` + strings.Join(features, ",\n") + "]}\n"
	}
	put(t, dir, "stations.geojson", collection(stations))
	put(t, dir, "zones.geojson", collection(zones))
	put(t, dir, "rules.yaml", strings.Join(rules, "\n")+"\n")
	config, err := os.ReadFile(filepath.Join(dir, "tocsin.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	automatic := strings.Replace(string(config), "\napproval: one", "\napproval: automatic", 1)
	if automatic == string(config) {
		t.Fatal("the first site does not say approval: one any more")
	}
	put(t, dir, "tocsin.yaml", automatic)
	return dir
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// keptPorts are two free loopback addresses that stay free while a program is down: they lie below the
// ports that systems hand out by themselves (from 32768 on Linux). One of those might be given to another
// program meanwhile, and a client that knocks at it can even be connected with itself.
func keptPorts(t *testing.T) (httpAddr, mqttAddr string) {
	t.Helper()
	const first, count = 15000, 15000
	var found []string
	for i := range count {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+(os.Getpid()*31+i*7)%count))
		if err != nil {
			continue
		}
		defer l.Close() // held until both are found
		if found = append(found, l.Addr().String()); len(found) == 2 {
			return found[0], found[1]
		}
	}
	t.Fatal("no free ports below those handed out by the system")
	return "", ""
}
