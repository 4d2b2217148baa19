package ingest

import "time"

// Key names a reading: one value of one sensor at one time. The same key with another value is a
// correction, kept as a further Revision.
type Key struct {
	Station, Sensor string
	Time            time.Time // UTC, whole milliseconds
}

// Reading is one measured value with its quality and its place in the journal.
type Reading struct {
	Key
	Quantity Quantity
	Value    float64   // canonical unit of Quantity; never NaN or infinite
	Received time.Time // the clock when the journal took the message
	// TimeAssumed says that the message carried no usable time of its own and Time is that of receipt:
	// such a reading may propose, never clear.
	TimeAssumed bool
	// Volatile says that the journal could not keep the message: it lives in memory only.
	Volatile bool
	Flag     Flag   // the worst of Marks; NotEvaluated where no test applied
	Marks    []Mark // one for each quality test that had something to say, in the order of the tests
	Position uint64 // journal sequence of the message that carried it
	Part     int    // its place within that message, from 0
	// Revision counts what is known of Key: 0 the first value, higher for a correction of the value
	// or for a flag that changed later.
	Revision int
}

// Flag is a quality flag after QARTOD (IOOS, Manual for Real-Time Quality Control, section 2).
type Flag uint8

// The flags of QARTOD.
const (
	Pass         Flag = 1
	NotEvaluated Flag = 2
	Suspect      Flag = 3
	Fail         Flag = 4
	Missing      Flag = 9
)

// String names the flag in lower case, as the interfaces show it.
func (f Flag) String() string {
	switch f {
	case Pass:
		return "pass"
	case NotEvaluated:
		return "not evaluated"
	case Suspect:
		return "suspect"
	case Fail:
		return "fail"
	case Missing:
		return "missing"
	}
	return "unknown"
}

// Mark is the finding of one quality test on one reading.
type Mark struct {
	Test   string `json:"test"` // "range", "step", "stuck", "ceiling", "neighbours"
	Flag   Flag   `json:"flag"`
	Detail string `json:"detail"` // in words with the numbers: "4.10 m above the limit of 3.00 m"
}

// Reject is a message, or a part of one, that could not become a reading. It is kept with its reason
// (quarantine) and counted; the rest of its message goes on.
type Reject struct {
	Position uint64 // journal sequence of the message
	Part     int    // place within the message; -1 for the whole of it
	Received time.Time
	Topic    string
	Station  string // as far as it could be told
	Sensor   string // likewise
	Reason   Reason
	Detail   string // what is wrong and what would be right, in a sentence
	Excerpt  string // the first 200 bytes at most of what was refused, made printable
}

// Reason is a short, stable code for why something was refused; metrics count by it.
type Reason string

// The reasons for which a message or a part of it is refused.
const (
	ReasonSyntax         Reason = "syntax"          // not JSON, or not of the expected shape
	ReasonUnknownStation Reason = "unknown_station" //
	ReasonUnknownSensor  Reason = "unknown_sensor"  //
	ReasonUnit           Reason = "unit"            // a unit that does not measure the quantity
	ReasonValue          Reason = "value"           // not a finite number
	ReasonTime           Reason = "time"            // unreadable, too far in the past or in the future
	ReasonSize           Reason = "size"            // too large, too deep, too many parts
	ReasonReplay         Reason = "replay"          // a sequence number that was seen before
	ReasonTopic          Reason = "topic"           // no source of the site reads this topic
)
