package site

import (
	"strings"

	orbgeo "github.com/paulmach/orb/geo"
)

// farKM is how far a rule's station may be from the zone before it looks like a mistake: the longest
// rivers take a flood further, but not from one site's station to the same site's zone.
const farKM = 500

// warn notes what is legal but risky in a site that has no faults.
func (l *loader) warn() {
	l.warnStations()
	l.warnZones()
	l.warnRules()
	l.warnPhones()
	for i, place := range l.site.Population.Loose() {
		if i == 0 {
			l.reporter("population").warn(1, "%d places lie in no census area (the first is %s): their people are counted beside the census, perhaps twice",
				len(l.site.Population.Loose()), place.ID)
		}
	}
}

// reads says whether any rule reads the station.
func (l *loader) reads(station string) bool {
	for _, e := range l.site.Rules {
		for _, expression := range []string{e.When, e.Until} {
			if strings.Contains(expression, `"`+station+`/`) || strings.Contains(expression, `'`+station+`/`) || strings.Contains(expression, "`"+station+"/") {
				return true
			}
		}
		if e.Station == station {
			return true
		}
	}
	return false
}

func (l *loader) warnStations() {
	unread := alike{reporter: l.reporter("stations.geojson"), kind: "stations that no rule reads"}
	defer unread.tell()
	for _, s := range l.site.Network.Stations() {
		if len(s.Sensors) > 0 && !l.reads(s.ID) {
			unread.add(l.stationLines[s.ID], s.ID, "no rule reads station %q: it is shown and never warns", s.ID)
		}
	}
}

func (l *loader) warnZones() {
	r := l.reporter("zones.geojson")
	warned := map[string]bool{}
	for _, e := range l.site.Rules {
		warned[e.Zone] = true
	}
	unwatched := alike{reporter: r, kind: "zones that no rule warns"}
	nameless := alike{reporter: r, kind: "names of zones that are missing in a language"}
	empty := alike{reporter: r, kind: "zones where no people are known"}
	defer unwatched.tell()
	defer nameless.tell()
	defer empty.tell()
	for _, z := range l.site.Zones {
		line := l.zoneLines[z.ID]
		if !warned[z.ID] {
			unwatched.add(line, z.ID, "no rule warns zone %q: nobody watches over the people there", z.ID)
		}
		for _, language := range l.site.Config.Languages {
			if z.Names[language] == "" {
				nameless.add(line, z.ID, "zone %q has no name in %q: texts in that language will say %q", z.ID, language, z.Name(language))
			}
		}
		e, err := l.site.Population.Exposure(z.Shape)
		switch {
		case err != nil:
			r.warn(line, "zone %q: its people cannot be counted: %v", z.ID, err)
		case e.High == 0:
			empty.add(line, z.ID, "zone %q: no people are known there: add them to population/", z.ID)
		}
	}
}

func (l *loader) warnRules() {
	r := l.reporter("rules.yaml")
	outside := alike{reporter: r, kind: "thresholds outside the limits of their sensor"}
	distant := alike{reporter: r, kind: "rules whose station lies far from their zone"}
	defer outside.tell()
	defer distant.tell()
	for _, e := range l.site.Rules {
		sensor, _ := l.site.Network.Sensor(e.Station, e.Sensor)
		for _, level := range e.Levels() {
			value, ok := e.Raise[level]
			if !ok {
				continue
			}
			if limit := sensor.Limits.Max; limit != nil && value > *limit || sensor.Limits.Min != nil && value < *sensor.Limits.Min {
				outside.add(e.Line, e.ID, "rule %s: level %d raises at %g, outside the limits of %s/%s: readings beyond them fail their tests and never raise by themselves",
					e.ID, level, value, e.Station, e.Sensor)
			}
		}
		station, _ := l.site.Network.Station(e.Station)
		zone, ok := l.site.Index.Zone(e.Zone)
		if !ok {
			continue
		}
		km := orbgeo.DistanceHaversine(station.Position, zone.Shape.Bound().Center()) / 1000
		if km > farKM {
			distant.add(e.Line, e.ID, "rule %s: station %q is %.0f km from zone %q: are longitude and latitude swapped somewhere?", e.ID, e.Station, km, e.Zone)
		}
	}
}

func (l *loader) warnPhones() {
	unreached := alike{reporter: l.reporter("phones.csv"), kind: "phones that lie in no zone"}
	defer unreached.tell()
	for i, phone := range l.site.Phones {
		if len(l.site.Index.At(phone.Position)) == 0 {
			unreached.add(i+2, phone.ID, "phone %q lies in no zone: it never gets a message", phone.ID)
		}
	}
}
