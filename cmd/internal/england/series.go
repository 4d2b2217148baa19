package england

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// quantity is the Tocsin quantity and UCUM unit of a series.
func (s Series) quantity() (quantity, unit string, err error) {
	switch {
	case s.Parameter == "Water Level":
		return "water_level", "m", nil
	case s.Parameter == "Flow" && s.Unit == "m3/s":
		return "discharge", "m3/s", nil
	case s.Parameter == "Flow" && s.Unit == "Ml/d":
		return "discharge", "ML/d", nil
	}
	return "", "", fmt.Errorf("series %+v: no quantity is known for %s in %s", s, s.Parameter, s.Unit)
}

// datum is what zero means: mASD is metres above the station's own datum, mAOD above Ordnance Datum.
func (s Series) datum() string {
	switch s.Unit {
	case "mAOD", "mASD":
		return s.Unit
	}
	return "station"
}

var unfit = regexp.MustCompile(`[^a-z0-9]+`)

// sensors gives every series of a station its sensor id: the main level series is "water_level", the
// first flow "discharge", any other is named after what the agency calls it.
func (d *Data) sensors(station string) map[Series]string {
	ids := map[Series]string{}
	taken := map[string]bool{}
	if main, ok := d.mainSeries(station); ok {
		ids[main], taken["water_level"] = "water_level", true
	}
	for _, s := range d.series[station] {
		if ids[s] != "" {
			continue
		}
		ids[s] = free(taken, d.candidates(s))
		taken[ids[s]] = true
	}
	return ids
}

// candidates are ids for a series, the plainest first.
func (d *Data) candidates(s Series) []string {
	quantity, _, err := s.quantity()
	if err != nil {
		quantity = "unknown"
	}
	name := strings.Trim(unfit.ReplaceAllString(strings.ToLower(s.Qualifier), "_"), "_")
	if name == "" || name == "stage" {
		name = quantity
	} else {
		name = quantity + "_" + name
	}
	datum := name + "_" + strings.ToLower(s.datum())
	return []string{name, datum, datum + "_" + strings.ToLower(strings.ReplaceAll(s.Region, " ", "_"))}
}

func free(taken map[string]bool, candidates []string) string {
	for _, c := range candidates {
		if !taken[c] {
			return c
		}
	}
	return candidates[len(candidates)-1] + "_2"
}

// mainSeries is the level series that the station's thresholds speak of: from the station's own region,
// named "Stage", in the station's own datum rather than Ordnance Datum, each where there is a choice.
func (d *Data) mainSeries(station string) (Series, bool) {
	var levels []Series
	for _, s := range d.series[station] {
		if s.Parameter == "Water Level" {
			levels = append(levels, s)
		}
	}
	if len(levels) == 0 {
		return Series{}, false
	}
	slices.SortStableFunc(levels, func(a, b Series) int { return d.rank(a) - d.rank(b) })
	return levels[0], true
}

func (d *Data) rank(s Series) int {
	rank := 0
	if s.Region != d.Gauges[s.Station].Region && d.doubled(s) {
		rank += 8
	}
	if s.Qualifier != "Stage" {
		rank += 4
	}
	if s.Unit == "mAOD" {
		rank++
	}
	return rank
}

// doubled says whether another region sends a series of the same name.
func (d *Data) doubled(s Series) bool {
	for _, other := range d.series[s.Station] {
		if other.Region != s.Region && other.Parameter == s.Parameter && other.Qualifier == s.Qualifier && other.Unit == s.Unit {
			return true
		}
	}
	return false
}
