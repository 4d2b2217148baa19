package england

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Finding is what the record itself says of one area and level, found by looking only: the highest
// value that any gauge of the area reached against its threshold.
type Finding struct {
	Area     string
	Level    int
	Reached  bool      // a main series stood at or above one of its rising thresholds
	First    time.Time // of the first such reading, by its own time
	Readings int       // how many such readings there are
	// Elsewhere says that only another series of a gauge (downstream, another datum) stood above.
	Elsewhere string
}

// Look goes over the record without any of Tocsin's code: no quality tests, no rules. It is the script
// under expected.csv: areas it finds quiet are judged "no", every other one was judged by hand.
func (d *Data) Look() []Finding {
	found := map[[2]string]*Finding{}
	for _, t := range d.Thresholds {
		if len(d.series[t.Station]) == 0 {
			continue
		}
		key := [2]string{t.Area, fmt.Sprint(t.Level)}
		f := found[key]
		if f == nil {
			f = &Finding{Area: t.Area, Level: t.Level}
			found[key] = f
		}
		if t.Rising {
			d.look(f, t)
		}
	}
	keys := slices.SortedFunc(maps.Keys(found), func(a, b [2]string) int {
		return slices.Compare(a[:], b[:])
	})
	list := make([]Finding, 0, len(keys))
	for _, key := range keys {
		list = append(list, *found[key])
	}
	return list
}

func (d *Data) look(f *Finding, t Threshold) {
	main, _ := d.mainSeries(t.Station)
	for _, v := range d.Values {
		if v.Series.Station != t.Station || v.Series.Parameter != "Water Level" || v.Number() < t.Metres {
			continue
		}
		if v.Series != main {
			f.Elsewhere = fmt.Sprintf("%s %s %s in %s", t.Station, v.Series.Qualifier, v.Value, v.Series.Unit)
			continue
		}
		f.Reached = true
		f.Readings++
		if f.First.IsZero() || v.Time.Before(f.First) {
			f.First = v.Time
		}
	}
}
