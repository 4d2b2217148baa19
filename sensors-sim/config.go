package sensorsim

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"slices"
	"strconv"

	"tocsin/sensors-sim/scenario"
)

// ClockTopic is where the clock of an exercise is published.
const ClockTopic = "tocsin/clock"

// Config is one run of a field of sensors.
type Config struct {
	Broker             string // "tcp://127.0.0.1:1883"; also ssl, ws and wss
	Username, Password string
	ClientID           string // the name of the connections; "sensors-sim" where it is empty

	// Source is what to send: a scenario, or a file opened with Replay.
	Source scenario.Source
	// Stations are those whose connections say birth and will. Nil: those of the Source if it can name
	// them, else each is born when it is first heard of.
	Stations []string
	// Clock says that the clock topic is led.
	Clock bool
	// Pace is how many seconds of event time pass in a second; it may change while running. Infinite
	// means no waiting; 0 or less stands still until it changes. Nil means 1.
	Pace func() float64
	Log  *slog.Logger // nil for none
}

var schemes = []string{"tcp", "mqtt", "ssl", "tls", "mqtts", "ws", "wss"}

// Validate says what is wrong with the configuration; it changes nothing.
func (c Config) Validate() error {
	var faults []error
	if u, err := url.Parse(c.Broker); err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme) {
		faults = append(faults, fmt.Errorf("broker %q is not an address like tcp://127.0.0.1:1883", c.Broker))
	}
	if c.Source == nil {
		faults = append(faults, errors.New("there is nothing to send: a scenario or a readings file is needed"))
	}
	return errors.Join(faults...)
}

// Constant is a pace that does not change.
func Constant(speed float64) func() float64 { return func() float64 { return speed } }

// ParseSpeed reads "max" or a number above 0, as in --speed 300.
func ParseSpeed(s string) (float64, error) {
	if s == "max" {
		return math.Inf(1), nil
	}
	speed, err := strconv.ParseFloat(s, 64)
	if err != nil || !(speed > 0) || math.IsInf(speed, 0) {
		return 0, fmt.Errorf("speed %q is neither max nor a number above 0", s)
	}
	return speed, nil
}
