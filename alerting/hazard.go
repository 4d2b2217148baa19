package alerting

import (
	"time"

	"tocsin/ingest"
)

// Hazard is what the rules say of one kind of hazard in one zone when their verdict changes. Level 0
// says that it is over.
type Hazard struct {
	Kind  string `json:"hazard"` // as rules and zones name it: "flood", "outburst"
	Zone  string `json:"zone"`
	Level Level  `json:"level"`
	// Doubtful is why a person must look before anything is issued, whatever the policy says (an
	// uncontradicted jump, a silent outburst gauge, an assumed time); empty where the evidence is sound.
	Doubtful string `json:"doubtful,omitempty"`

	Rule     string    `json:"rule"`      // id of the rule that decides
	RuleHash string    `json:"rule_hash"` // of its text, so that evidence names the version
	Station  string    `json:"station"`
	Sensor   string    `json:"sensor"`
	Onset    time.Time `json:"onset"`  // when the decisive condition began to hold, by the readings
	Judged   time.Time `json:"judged"` // the clock at the verdict
	Words    string    `json:"words"`  // "Thanza Lake 3.10 m at 08:15, falling 1.20 m/h, limit 0.50 m/h"
	// Evidence is the readings that decided, oldest first, 20 at most.
	Evidence []ingest.Reading `json:"evidence"`
	// Position is the journal position of the last reading judged. For one (mode, kind, zone) it never
	// decreases, and with Ordinal it makes the desk's handling of hazards exactly-once.
	Position uint64 `json:"position"`
	// Ordinal counts the hazards emitted for (kind, zone) from 1, so that two at one position differ.
	Ordinal uint64 `json:"ordinal"`
}

// Cause is what an edition keeps of the hazard.
func (h Hazard) Cause() *Cause {
	return &Cause{Rule: h.Rule, Station: h.Station, Sensor: h.Sensor, Level: h.Level, Onset: h.Onset, Judged: h.Judged, Words: h.Words}
}

// Threshold is one line to draw on a hydrograph.
type Threshold struct {
	Rule  string   `json:"rule"`
	Zone  string   `json:"zone"`
	Level Level    `json:"level"`
	Raise float64  `json:"raise"`           // canonical unit, sensor's datum
	Clear *float64 `json:"clear,omitempty"` // nil where the rule clears at Raise
}
