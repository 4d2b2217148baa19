// Package demo holds the built-in site, the Punakha-Wangdue valley in Bhutan, and its story: the outburst
// of Luggye Tsho on 7 October 1994.
//
// In 1994 nothing warned. The demo shows what stations and sirens like those that stand in the valley
// since 2011 might have seen and said, and is an exercise: gauges that do not exist are marked as invented,
// thresholds and texts are made for it, and every message begins with EXERCISE.
//
// Times are those of the day itself: the story begins at Start, half past midnight of 7 October 1994 in
// Bhutan, so that a page shows the true date of the flood it tells of, beside the word exercise, and never
// looks like something that happens today. The hour of the breach is not known; it is set so that the wave
// comes to Punakha at dawn. At Speed the lake is seen to rise 5 s after the start and to fall after about
// 15 s, and the wave reaches Punakha after 60 to 90 s, waiting for people not counted.
//
// The site is data like any other site folder; nothing in it knows of the story but simulation.yaml, which
// only the simulated field reads. All functions may be called from any goroutine; a Story belongs to one.
package demo

import (
	"embed"
	"fmt"
	"io/fs"
	"time"

	"tocsin/sensors-sim/scenario"
)

// Speed is the pace at which the story is told: seconds of event time in a second.
const Speed = 300

// Seed is the seed of the story as it is told by default.
const Seed = 1994

// Outburst and Quiet are the names of the stories a demo tells; simulation.yaml has more.
const (
	Outburst = "outburst"
	Quiet    = "quiet"
)

// Start is the event time at which every story begins: 00:30 on 7 October 1994 in Bhutan. It is written in
// simulation.yaml too, and a test holds the two together.
var Start = time.Date(1994, time.October, 6, 18, 30, 0, 0, time.UTC) // a constant in all but name

//go:embed site
var files embed.FS

// Site is the folder of the demo site.
func Site() fs.FS {
	site, err := fs.Sub(files, "site")
	if err != nil { // only for a name that is no path, and "site" is one
		return files
	}
	return site
}

// Description is the simulated valley of the site.
func Description() (scenario.Description, error) {
	file, err := Site().Open("simulation.yaml")
	if err != nil {
		return scenario.Description{}, fmt.Errorf("demo site: %w", err)
	}
	defer func() { _ = file.Close() }() // in memory
	d, err := scenario.Parse(file)
	if err != nil {
		return scenario.Description{}, fmt.Errorf("demo site: %w", err)
	}
	return d, nil
}

// Story is one story of the valley ("outburst", "quiet", "monsoon") under a seed. It never ends: when the
// wave has passed, ordinary October weather goes on.
func Story(name string, seed uint64) (*scenario.Valley, error) {
	d, err := Description()
	if err != nil {
		return nil, err
	}
	v, err := scenario.New(d, name, seed)
	if err != nil {
		return nil, fmt.Errorf("demo site: %w", err)
	}
	return v, nil
}
