package site

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"tocsin/alerting"
	"tocsin/alerting/desk"
	"tocsin/alerting/rule"
	"tocsin/geo"
	"tocsin/geo/geojson"
	"tocsin/geo/population"
	"tocsin/geo/zonefile"
	"tocsin/ingest"
)

// Site is a site folder, loaded and without fault.
type Site struct {
	Config     Config // with its defaults filled in
	Location   *time.Location
	Network    *ingest.Network
	Zones      []geo.Zone
	Index      *geo.Index // of Zones
	Rules      []RuleEntry
	Set        *rule.Set                // Rules, compiled
	Messages   map[string]desk.Messages // by language
	Population *geo.Population
	Phones     []alerting.Recipient // test phones; none in mode Actual
	Warnings   []Fault              // what is legal but risky, sorted by file and line
}

// Policy is how many people must approve a warning of each level from 1 to 4. Levels the site does not use
// need two, so that no level is ever without a policy.
func (s *Site) Policy() map[alerting.Level]int {
	policy := make(map[alerting.Level]int, alerting.MaxLevel)
	for level := alerting.Level(1); level <= alerting.MaxLevel; level++ {
		policy[level] = 2
		if n, ok := s.Config.Approval[level]; ok {
			policy[level] = n
		}
	}
	return policy
}

// loader carries a site while it is being loaded.
type loader struct {
	fsys         fs.FS
	name         string
	site         Site
	faults       []Fault
	zoneLines    map[string]int
	stationLines map[string]int
}

// Load loads the site folder fsys, which messages call name ("" for none). The error is a Faults: every
// fault of every file.
func Load(fsys fs.FS, name string) (*Site, error) {
	l := &loader{fsys: fsys, name: name}
	configured := l.config()
	l.zones()
	if data, ok := l.read("stations.geojson"); ok {
		l.site.Network, l.stationLines = readStations(data, l.reporter("stations.geojson"))
	}
	rules := ruleFile{}
	if data, ok := l.read("rules.yaml"); ok {
		rules = readRules(data, l.reporter("rules.yaml"))
	}
	l.site.Rules = rules.entries
	if l.site.Network != nil && l.site.Index != nil && rules.sound {
		l.compileRules(rules)
	}
	if configured {
		l.messages()
		l.phones()
		l.checkLevels(rules)
	}
	l.population()
	l.strangers()
	if len(l.faults) > 0 {
		return nil, Faults(sorted(l.faults))
	}
	l.warn()
	l.site.Warnings = sorted(l.site.Warnings)
	return &l.site, nil
}

func (l *loader) reporter(file string) reporter {
	return reporter{path.Join(l.name, file), &l.faults, &l.site.Warnings}
}

// read reads a file that must be there.
func (l *loader) read(file string) (data []byte, ok bool) {
	data, err := fs.ReadFile(l.fsys, file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.reporter(file).fault(1, "the file is missing: docs/site.md says what it holds; tocsin init writes one")
	case err != nil:
		l.reporter(file).fault(1, "the file cannot be read: %v", err)
	}
	return data, err == nil
}

// config reads tocsin.yaml; ok is false where it is no YAML, so that other files cannot be checked by it.
func (l *loader) config() (ok bool) {
	data, ok := l.read("tocsin.yaml")
	if !ok {
		return false
	}
	r := l.reporter("tocsin.yaml")
	var config Config
	at, _ := readYAML(data, &config, r)
	if at == nil {
		return false
	}
	l.site.Config = config.withDefaults()
	configCheck{l.site.Config, r, at}.run()
	if location, err := time.LoadLocation(l.site.Config.Timezone); err == nil {
		l.site.Location = location
	}
	return true
}

func (l *loader) zones() {
	data, ok := l.read("zones.geojson")
	if !ok {
		return
	}
	r := l.reporter("zones.geojson")
	file, err := zonefile.Load(r.file, data)
	if err != nil {
		r.take(err)
		return
	}
	r.takeWarnings(file.Warnings)
	l.site.Zones, l.zoneLines = file.Zones, file.Lines
	if l.site.Index, err = geo.NewIndex(file.Zones); err != nil {
		r.fault(1, "%v", err)
	}
}

// messages reads the texts of every language of the site and checks that they are enough for the rules.
func (l *loader) messages() {
	l.site.Messages = make(map[string]desk.Messages, len(l.site.Config.Languages))
	for _, language := range l.site.Config.Languages {
		file := "messages/" + language + ".yaml"
		data, ok := l.read(file)
		if !ok {
			continue
		}
		r := l.reporter(file)
		var m desk.Messages
		at, ok := readYAML(data, &m, r)
		if !ok {
			continue
		}
		if m.Language != language {
			r.fault(at.of("language"), "language %q stands in the file of %q: name both alike", m.Language, language)
		}
		for _, err := range m.Validate() {
			r.fault(at.of(pathIn(err.Error())), "%v", err)
		}
		l.covers(m, r, at)
		if !m.Reviewed {
			r.warn(at.of("reviewed"), "the texts are not reviewed: people who know the language and the hazard must agree to them before anybody depends on them")
		}
		l.site.Messages[language] = m
	}
}

// pathIn is the path a message of Validate begins with.
func pathIn(message string) string {
	end := strings.IndexAny(message, " :")
	if end < 0 {
		return ""
	}
	return message[:end]
}

// covers notes, once for each hazard and level that rules can reach, what texts are missing.
func (l *loader) covers(m desk.Messages, r reporter, at lines) {
	type need struct {
		kind  string
		level alerting.Level
	}
	seen := map[need]bool{}
	for _, e := range l.site.Rules {
		for _, level := range e.Levels() {
			n := need{e.Hazard, level}
			if seen[n] || e.Hazard == "" || level < 1 || level > alerting.MaxLevel {
				continue
			}
			seen[n] = true
			if err := m.Covers(e.Hazard, level); err != nil {
				r.fault(at.of("texts."+e.Hazard), "%v: rule %s can warn of %s at level %d", err, e.ID, e.Hazard, level)
			}
		}
	}
}

func (l *loader) phones() {
	data, err := fs.ReadFile(l.fsys, "phones.csv")
	r := l.reporter("phones.csv")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if l.site.Config.Mode != alerting.Actual {
			r.warn(1, "there are no test phones: an exercise shows no messages")
		}
	case err != nil:
		r.fault(1, "the file cannot be read: %v", err)
	default:
		l.site.Phones = readPhones(data, l.site.Config, r)
	}
}

// checkLevels notes rules and zones that use a level the site has not.
func (l *loader) checkLevels(rules ruleFile) {
	highest := l.site.Config.MaxLevel()
	r := l.reporter("rules.yaml")
	for i, e := range rules.entries {
		for _, level := range e.Levels() {
			if level > highest && level <= alerting.MaxLevel {
				r.fault(rules.at.of(fmt.Sprintf("[%d].raise.%d", i, level)), "rule %s: level %d is above the site's highest, %d (levels in tocsin.yaml)", e.ID, level, highest)
			}
		}
	}
	z := l.reporter("zones.geojson")
	for _, zone := range l.site.Zones {
		if alerting.Level(zone.From) > highest {
			z.fault(l.zoneLines[zone.ID], "zone %q applies from level %d, above the site's highest, %d (levels in tocsin.yaml)", zone.ID, zone.From, highest)
		}
	}
}

// population reads every file of population/.
func (l *loader) population() {
	entries, err := fs.ReadDir(l.fsys, "population")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.reporter("population").fault(1, "the folder cannot be read: %v", err)
	}
	var places []geo.Place
	var areas []geo.CensusArea
	before := len(l.faults)
	for _, entry := range entries {
		file := path.Join("population", entry.Name())
		r := l.reporter(file)
		kind := strings.ToLower(path.Ext(entry.Name()))
		if entry.IsDir() || strings.HasPrefix(entry.Name(), ".") || kind == ".md" || kind == ".txt" {
			continue
		}
		if kind != ".csv" && kind != ".geojson" {
			r.fault(1, "a %s file is not read: places or buildings as .csv, census areas as .geojson are wanted", kind)
			continue
		}
		data, ok := l.read(file)
		if !ok {
			continue
		}
		if kind == ".csv" {
			more, err := population.ReadPlaces(r.file, data)
			r.take(err)
			places = append(places, more...)
			continue
		}
		more, err := population.ReadCensus(r.file, data)
		r.take(err)
		areas = append(areas, more...)
	}
	if len(l.faults) > before {
		return
	}
	if l.site.Population, err = geo.NewPopulation(places, areas); err != nil {
		l.reporter("population").fault(1, "%v", err)
	}
}

// known are the names a site folder may hold at its top.
var known = []string{
	"tocsin.yaml", "stations.geojson", "zones.geojson", "rules.yaml", "messages", "population", "phones.csv",
	"facilities.geojson", "simulation.yaml", "expected.csv", "readings.csv", "readings.csv.gz",
}

// strangers warns of files whose names nothing reads, for one may be a misspelt one.
func (l *loader) strangers() {
	entries, err := fs.ReadDir(l.fsys, ".")
	if err != nil {
		l.reporter("").fault(1, "the folder cannot be read: %v", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		kind := path.Ext(name)
		if slices.Contains(known, name) || strings.HasPrefix(name, ".") {
			continue
		}
		if meant := geojson.Nearest(name, known); meant != "" {
			l.reporter(name).warn(1, "nothing reads this file: is it meant to be %s?", meant)
		} else if slices.Contains([]string{".yaml", ".yml", ".geojson", ".json", ".csv"}, kind) {
			l.reporter(name).warn(1, "nothing reads this file")
		}
	}
	messages, err := fs.ReadDir(l.fsys, "messages")
	if err != nil {
		return // the missing files have been noted
	}
	for _, entry := range messages {
		if language := strings.TrimSuffix(entry.Name(), ".yaml"); !slices.Contains(l.site.Config.Languages, language) {
			l.reporter("messages/"+entry.Name()).warn(1, "nothing reads this file: %q is not among the languages of tocsin.yaml (%s)",
				language, strings.Join(slices.Sorted(maps.Keys(l.site.Messages)), ", "))
		}
	}
}
