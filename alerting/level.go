package alerting

import "fmt"

// Level is how grave a hazard is: 0 is normal and never becomes a CAP message, 4 is the gravest.
type Level int

// The highest level there is; a site may use fewer.
const MaxLevel Level = 4

// Severity is the CAP 1.2 severity (section 3.2.2) of levels 1 to 4: Minor, Moderate, Severe, Extreme.
func (l Level) Severity() string {
	switch l {
	case 1:
		return "Minor"
	case 2:
		return "Moderate"
	case 3:
		return "Severe"
	case 4:
		return "Extreme"
	}
	return "Unknown"
}

// LevelName is how a site names and paints a level.
type LevelName struct {
	Name   string // "advisory"
	Colour string // "yellow"; a CSS colour name or #rrggbb
}

// DefaultLevelNames are the names of levels 1 to 4 where the site gives none.
func DefaultLevelNames() map[Level]LevelName {
	return map[Level]LevelName{
		1: {"advisory", "yellow"}, 2: {"watch", "orange"}, 3: {"warning", "red"}, 4: {"emergency", "violet"},
	}
}

// Mode separates warnings of the world from those of exercises and tests: it is part of every table
// and every key, and nothing crosses from one to another. The values are those of CAP 1.2 status.
type Mode string

// The modes.
const (
	Actual   Mode = "Actual"
	Exercise Mode = "Exercise"
	System   Mode = "System"
	Test     Mode = "Test"
)

// ParseMode reads a mode as it is written in tocsin.yaml.
func ParseMode(s string) (Mode, error) {
	switch m := Mode(s); m {
	case Actual, Exercise, System, Test:
		return m, nil
	}
	return "", fmt.Errorf("mode %q is not one of Actual, Exercise, System, Test", s)
}
