package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// MaxAhead is how far after its receipt a reading may claim to be measured: device clocks drift and some
// are set to local time, none lives in next week.
const MaxAhead = 24 * time.Hour

// MaxAge is how long before its receipt a reading may have been measured. Beyond it the device's clock
// was reset, or nobody would act on the reading anyway.
const MaxAge = 10 * 365 * 24 * time.Hour

// unixMilliseconds is where a Unix time is milliseconds rather than seconds: 10^11 s is the year 5138,
// 10^11 ms March 1973.
const unixMilliseconds = 1e11

// Clock reads the message of topic tocsin/clock: {"now": RFC 3339}.
func Clock(payload []byte) (time.Time, error) {
	var message struct {
		Now *string `json:"now"`
	}
	if err := json.Unmarshal(payload, &message); err != nil {
		return time.Time{}, fmt.Errorf("clock message %q: want {\"now\": RFC 3339}: %w", printable(payload, 60), err)
	}
	if message.Now == nil {
		return time.Time{}, fmt.Errorf("clock message %q has no \"now\": want {\"now\": RFC 3339}", printable(payload, 60))
	}
	now, err := parseTime(*message.Now)
	if err != nil {
		return time.Time{}, fmt.Errorf("clock message: %w", err)
	}
	return now, nil
}

// parseTime reads RFC 3339, its lower case letters, its space in place of T and its leap seconds
// included (section 5.6), in UTC and whole milliseconds.
func parseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err == nil {
		return t.UTC().Truncate(time.Millisecond), nil
	}
	if t, ok := parseUnusual(text); ok {
		return t.UTC().Truncate(time.Millisecond), nil
	}
	shown := printable([]byte(text), 40)
	if _, err := time.Parse("2006-01-02T15:04:05", strings.Replace(text, " ", "T", 1)); err == nil {
		return time.Time{}, fmt.Errorf("time %q does not say its offset from UTC: write %sZ if it is UTC", shown, shown)
	}
	return time.Time{}, fmt.Errorf("time %q is not RFC 3339: write it like 2026-11-23T08:00:00Z", shown)
}

func parseUnusual(text string) (time.Time, bool) {
	if len(text) < len("2006-01-02T15:04:05Z") || len(text) > 40 {
		return time.Time{}, false
	}
	b := []byte(strings.ToUpper(text))
	if b[10] == ' ' {
		b[10] = 'T'
	}
	leap := string(b[17:19]) == "60"
	if leap {
		copy(b[17:19], "59")
	}
	t, err := time.Parse(time.RFC3339, string(b))
	if leap {
		t = t.Add(time.Second).Truncate(time.Second)
	}
	return t, err == nil
}

// unixTime reads a Unix time in seconds or milliseconds.
func unixTime(n float64) (time.Time, error) {
	if math.Abs(n) < unixMilliseconds {
		n *= 1000
	}
	if math.IsNaN(n) || math.Abs(n) >= 1000*unixMilliseconds {
		return time.Time{}, errors.New("the number is no Unix time in seconds or milliseconds")
	}
	return time.UnixMilli(int64(math.Round(n))).UTC(), nil
}
