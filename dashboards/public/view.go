package public

import (
	"html/template"
	"time"
)

// View is everything a page shows. Times are in the site's zone already.
type View struct {
	Language  string // BCP 47, of the reader: warnings are shown in it where there is a text
	Languages []Language
	Site      string
	Mode      string // "Actual", "Exercise", "System", "Test"
	About     string
	Now       time.Time
	Newest    time.Time // of any reading; zero: none ever came
	Old       bool      // no gauge has spoken lately
	SelfTest  time.Time // zero: never
	Warnings  []Warning // in force, gravest first
	Ended     []Warning // lately
	Places    []Place
	Stations  []Station
	More      int // stations left out of this view
	Full      bool
	Levels    []Level // the site's names and colours
}

// Language is one choice of the language menu.
type Language struct {
	Tag, Name string
	Current   bool
}

// Level is a step of the site's scale.
type Level struct {
	Number int
	Name   string
	Colour string // as the site gives it
}

// Warning is one warning in the language nearest to the reader's.
type Warning struct {
	Anchor      string // id within the page
	Level       Level
	Place       string
	PlaceLang   string
	Lang        string // of the texts
	Fallback    bool   // Lang is not what the reader asked for
	Reviewed    bool
	Event       string
	Headline    string
	Description string
	Instruction string
	Sent        time.Time
	Expires     time.Time
	Expired     bool // ran out without an end: no all-clear
	CAP         string
}

// Place is a zone with the gravest warning in force there.
type Place struct {
	Name, Lang string
	Level      *Level // nil: no warning
	Anchor     string // of that warning
}

// Station is a gauge with one line for each of its judged series.
type Station struct {
	Name     string
	River    string
	Invented bool
	Series   []Series
}

// Series is what one sensor shows.
type Series struct {
	Quantity string
	Value    string // "3.21 m"; empty where no reading ever came
	Trend    string // "rising 0.30 m in 1 h"; empty where it cannot be told
	Time     time.Time
	Ago      string // "12 min ago"
	Age      string // "current", "late", "silent", "never"
	Judged   bool   // a warning level is set for this sensor
	Level    *Level // nil: cannot be told
	Picture  template.HTML
}
