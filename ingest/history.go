package ingest

import (
	"context"
	"time"
)

// History answers questions about past readings. All methods may be called from any goroutine.
type History interface {
	// Readings returns the current revision of each reading that fits q, in order of time, then
	// sensor. next is where to go on (Query.After), empty at the end.
	Readings(ctx context.Context, q Query) (readings []Reading, next string, err error)
	// Latest returns the newest reading of every sensor that ever sent one.
	Latest(ctx context.Context) ([]Reading, error)
}

// Query selects readings of one station.
type Query struct {
	Station  string
	Sensor   string    // empty: all sensors
	Quantity Quantity  // empty: all quantities
	From, To time.Time // From inclusive, To exclusive; zero means unbounded
	Limit    int       // 0 means the driver's default (1,000)
	After    string    // the next of an earlier answer
	// Step thins the answer: one reading per step and sensor, the largest value of each step for levels
	// and discharges (a crest is never lost), the sum for precipitation. 0 returns every reading.
	Step time.Duration
}
