package ingest

import (
	"fmt"
	"time"

	"github.com/paulmach/orb"
)

// Station is a place with sensors.
type Station struct {
	ID       string
	Name     string
	River    string    // empty where the station stands on no river
	Position orb.Point // longitude, latitude
	// Outburst marks a place where the fault itself may be the disaster (a lake, a dam, a landslide):
	// there silence and failing values are put before a person at once.
	Outburst bool
	// Invented marks a station of a story that does not stand in the world; it is shown as such everywhere.
	Invented bool
	Note     string // provenance or remark, shown with the station
	Sensors  []Sensor
}

// Sensor is one measured series of a station.
type Sensor struct {
	ID       string // unique within its station; defaults to the quantity
	Quantity Quantity
	Unit     string        // UCUM code of bare values on the wire; defaults to the canonical unit
	Datum    string        // what zero means for a water level, as the owner names it ("mAOD", "local")
	Interval time.Duration // expected time between readings; 0 where it is not known
	Limits   Limits
}

// Limits are the parameters of the quality tests of one sensor, in the canonical unit of its quantity.
// A nil or zero field means the default of the quantity.
type Limits struct {
	Min, Max *float64      // gross range (QARTOD test 4); outside it a value fails
	Rate     *float64      // largest believable change per hour (QARTOD test 7); beyond it a value is suspect
	Stuck    time.Duration // an unchanged value for longer than this is suspect (QARTOD test 8); negative switches the test off
}

// Network is the set of stations of a site, fixed once built and safe for concurrent use.
type Network struct {
	stations []Station
	byID     map[string]int
}

// NewNetwork indexes stations in the order given. It fails on an empty or doubled station or sensor id.
func NewNetwork(stations []Station) (*Network, error) {
	n := &Network{stations: stations, byID: make(map[string]int, len(stations))}
	for i, s := range stations {
		if s.ID == "" {
			return nil, fmt.Errorf("station %d has no id", i+1)
		}
		if _, taken := n.byID[s.ID]; taken {
			return nil, fmt.Errorf("station %q stands twice", s.ID)
		}
		n.byID[s.ID] = i
		seen := make(map[string]bool, len(s.Sensors))
		for _, sensor := range s.Sensors {
			if sensor.ID == "" || seen[sensor.ID] {
				return nil, fmt.Errorf("station %q: sensor id %q is empty or stands twice", s.ID, sensor.ID)
			}
			seen[sensor.ID] = true
		}
	}
	return n, nil
}

// Stations lists all stations in the order they were given. The slice must not be changed.
func (n *Network) Stations() []Station { return n.stations }

// Station finds a station by its id.
func (n *Network) Station(id string) (Station, bool) {
	i, ok := n.byID[id]
	if !ok {
		return Station{}, false
	}
	return n.stations[i], true
}

// Sensor finds a sensor by the ids of its station and itself.
func (n *Network) Sensor(station, sensor string) (Sensor, bool) {
	s, ok := n.Station(station)
	if !ok {
		return Sensor{}, false
	}
	for _, candidate := range s.Sensors {
		if candidate.ID == sensor {
			return candidate, true
		}
	}
	return Sensor{}, false
}
