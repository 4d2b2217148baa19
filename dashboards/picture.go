package dashboards

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/paulmach/orb"

	"tocsin/alerting"
	"tocsin/geo"
	"tocsin/ingest"
)

// Age grades how old the newest reading of a sensor is. A station that is not current is never shown
// as normal: silence is not safety.
type Age string

// The ages.
const (
	AgeCurrent Age = "current"
	AgeLate    Age = "late"   // older than three intervals
	AgeSilent  Age = "silent" // older than twelve intervals, at least three hours
	AgeNever   Age = "never"  // nothing has ever come
)

const (
	usualInterval = 15 * time.Minute // where the site does not say how often a sensor speaks
	leastSilence  = 3 * time.Hour
)

// ageOf grades a reading of time t by a sensor that should speak every interval.
func ageOf(now, t time.Time, interval time.Duration) Age {
	if t.IsZero() {
		return AgeNever
	}
	if interval <= 0 {
		interval = usualInterval
	}
	switch old := now.Sub(t); {
	case old > max(12*interval, leastSilence):
		return AgeSilent
	case old > 3*interval:
		return AgeLate
	}
	return AgeCurrent
}

// sensorState is one sensor as the pages show it.
type sensorState struct {
	ingest.Sensor
	Latest     *ingest.Reading // nil: none ever came
	Age        Age
	Judged     bool            // a rule reads it
	Level      *alerting.Level // nil: nobody judges this sensor, or nothing can be said of it
	Thresholds []alerting.Threshold
}

// stationState is one station with the worst of its sensors.
type stationState struct {
	ingest.Station
	Sensors []sensorState
	Level   *alerting.Level // the highest of the judged sensors
	Age     Age             // the worst of the sensors that are judged, or of all where none is
}

// stations puts together what is known of every station, in the order of the site.
func (s *Server) stations(ctx context.Context) ([]stationState, error) {
	latest, err := s.deps.History.Latest(ctx)
	if err != nil {
		return nil, fmt.Errorf("latest readings: %w", err)
	}
	newest := make(map[[2]string]*ingest.Reading, len(latest))
	for i := range latest {
		newest[[2]string{latest[i].Station, latest[i].Sensor}] = &latest[i]
	}
	var levels map[string]alerting.Level
	if s.deps.Levels != nil {
		levels = s.deps.Levels()
	}
	now := s.now()
	states := make([]stationState, 0, len(s.config.Network.Stations()))
	for _, station := range s.config.Network.Stations() {
		state := stationState{Station: station}
		for _, sensor := range station.Sensors {
			state.Sensors = append(state.Sensors, s.sensor(now, station, sensor, newest[[2]string{station.ID, sensor.ID}], levels))
		}
		state.Level, state.Age = worst(state.Sensors)
		if held := levels[station.ID]; held > 0 && (state.Level == nil || *state.Level < held) {
			state.Level = &held
		}
		states = append(states, state)
	}
	return states, nil
}

// sensor puts together what is known of one sensor. A reading that can be judged is read off the
// thresholds; for what has none, or where the newest reading failed its tests, the rules' own word counts.
func (s *Server) sensor(now time.Time, station ingest.Station, sensor ingest.Sensor, latest *ingest.Reading, levels map[string]alerting.Level) sensorState {
	state := sensorState{Sensor: sensor, Latest: latest, Age: AgeNever}
	if s.deps.Thresholds != nil {
		state.Thresholds = s.deps.Thresholds(station.ID, sensor.ID)
	}
	state.Judged = len(state.Thresholds) > 0
	if s.deps.Judged != nil {
		state.Judged = s.deps.Judged(station.ID, sensor.ID)
	}
	if latest == nil {
		return state
	}
	state.Age = ageOf(now, latest.Time, sensor.Interval)
	if !state.Judged {
		return state
	}
	switch {
	case len(state.Thresholds) > 0 && latest.Flag <= ingest.NotEvaluated:
		level := above(state.Thresholds, latest.Value)
		state.Level = &level
	case levels != nil:
		level := levels[station.ID]
		state.Level = &level
	}
	return state
}

// above is the highest level whose line the value reaches. Lines that fall as levels rise (low water)
// are reached from above.
func above(lines []alerting.Threshold, value float64) alerting.Level {
	sorted := slices.SortedFunc(slices.Values(lines), func(a, b alerting.Threshold) int { return int(a.Level - b.Level) })
	low := sorted[0].Raise > sorted[len(sorted)-1].Raise ||
		(sorted[0].Clear != nil && *sorted[0].Clear > sorted[0].Raise)
	level := alerting.Level(0)
	for _, line := range sorted {
		if (low && value <= line.Raise) || (!low && value >= line.Raise) {
			level = max(level, line.Level)
		}
	}
	return level
}

// worst is the highest level and the worst age of the sensors that matter.
func worst(sensors []sensorState) (*alerting.Level, Age) {
	order := []Age{AgeCurrent, AgeLate, AgeSilent, AgeNever}
	var level *alerting.Level
	judged := slices.ContainsFunc(sensors, func(s sensorState) bool { return s.Judged })
	age := 0
	if len(sensors) == 0 {
		age = len(order) - 1
	}
	for _, sensor := range sensors {
		if judged && !sensor.Judged {
			continue
		}
		age = max(age, slices.Index(order, sensor.Age))
		if sensor.Level != nil && (level == nil || *sensor.Level > *level) {
			level = sensor.Level
		}
	}
	return level, order[age]
}

// zonePeople counts the people of each zone once, when first asked.
type zonePeople struct {
	zones []geo.Zone
	count func() map[string]geo.Exposure
}

func newZonePeople(zones []geo.Zone, exposure func(orb.MultiPolygon) (geo.Exposure, error)) *zonePeople {
	return &zonePeople{zones: zones, count: sync.OnceValue(func() map[string]geo.Exposure {
		counts := make(map[string]geo.Exposure, len(zones))
		for _, zone := range zones {
			if exposure == nil {
				break
			}
			// A zone that cannot be counted has no entry: it is shown as unknown, not as empty.
			if e, err := exposure(zone.Shape); err == nil {
				counts[zone.ID] = e
			}
		}
		return counts
	})}
}

func (s *Server) zoneName(id, language string) string {
	for _, zone := range s.config.Zones {
		if zone.ID == id {
			return zone.Name(language)
		}
	}
	return id
}
