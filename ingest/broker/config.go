package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"tocsin/ingest"
)

// Source is what messages of this broker bear as their source.
const Source = "embedded"

// ClockTopic sets the site's clock; it is closed to clients unless Config.MaySetClock opens it.
const ClockTopic = "tocsin/clock"

// Door takes raw messages. Offer may block while it is full; done is called once, from any goroutine,
// with nil when the message is kept. An error of Offer means that done will not be called.
type Door interface {
	Offer(ctx context.Context, m ingest.Message, done func(error)) error
}

// Config is what the broker needs.
type Config struct {
	Listen string // host:port; empty means 127.0.0.1:1883
	Door   Door
	Log    *slog.Logger
	TLS    *tls.Config // nil: plain TCP

	// Anonymous lets clients without a user name in, to do what they like short of the clock.
	Anonymous bool
	// Authenticate checks a user's password; nil refuses everybody with a user name, unless Anonymous.
	Authenticate func(user, password string) bool
	// MayPublish says what an authenticated user may publish; nil means stations/<user>/ and below.
	MayPublish func(user, topic string) bool
	// MaySubscribe says what an authenticated user may read (a topic, or a filter with wildcards); nil
	// means stations/<user>/ and below.
	MaySubscribe func(user, filter string) bool
	// MaySetClock says who may publish on ClockTopic ("" is an anonymous client); nil means nobody.
	MaySetClock func(user string) bool

	MaxClients     int           // 0 means 20,000
	MaxPayload     int           // bytes beyond which an MQTT 5 client is told that its message was refused; 0 means 1 MiB
	MaxPacket      int           // bytes beyond which a client is cut off; 0 means 16 MiB
	MaxUnanswered  int           // publishes of one client that wait for their answer before it is read no further; 0 means 1,000
	WriteTimeout   time.Duration // for a client that does not read; 0 means 10 s
	SubscriberWait int           // messages that may wait for one slow subscriber; 0 means 4,096
}

// Validate says what is wrong with the configuration.
func (c Config) Validate() error {
	if c.Door == nil || c.Log == nil {
		return errors.New("broker: needs a door and a log")
	}
	if !c.Anonymous && c.Authenticate == nil {
		return errors.New("broker: nobody could connect: needs Authenticate, or anonymous: true")
	}
	if _, _, err := net.SplitHostPort(c.withDefaults().Listen); err != nil {
		return fmt.Errorf("broker: listen %q: want host:port: %w", c.Listen, err)
	}
	for _, n := range []int{c.MaxClients, c.MaxPayload, c.MaxPacket, c.MaxUnanswered, c.SubscriberWait, int(c.WriteTimeout)} {
		if n < 0 {
			return fmt.Errorf("broker: a limit is negative (%d); leave it out for the default", n)
		}
	}
	if c.MaxUnanswered > 65535 || c.MaxPacket > 256<<20 {
		return fmt.Errorf("broker: MQTT allows 65535 unanswered publishes and 256 MiB a packet, not %d and %d", c.MaxUnanswered, c.MaxPacket)
	}
	return nil
}

func (c Config) withDefaults() Config {
	set := func(n *int, value int) {
		if *n == 0 {
			*n = value
		}
	}
	set(&c.MaxClients, 20_000)
	set(&c.MaxPayload, 1<<20)
	set(&c.MaxPacket, 16<<20)
	set(&c.MaxUnanswered, 1000)
	set(&c.SubscriberWait, 4096)
	if c.WriteTimeout == 0 {
		c.WriteTimeout = 10 * time.Second
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:1883"
	}
	if c.MayPublish == nil {
		c.MayPublish = ownStation
	}
	if c.MaySubscribe == nil {
		c.MaySubscribe = ownStation
	}
	if c.MaySetClock == nil {
		c.MaySetClock = func(string) bool { return false }
	}
	return c
}

func ownStation(user, topic string) bool {
	return user != "" && !strings.ContainsAny(user, "/+#") && strings.HasPrefix(topic, "stations/"+user+"/")
}

// mayPublish is the whole access rule for publishing.
func (c *Config) mayPublish(user, topic string) bool {
	switch {
	case topic == "":
		return false // an alias that was never set [MQTT-3.3.2-8]
	case topic == ClockTopic:
		return c.MaySetClock(user)
	case user == "":
		return c.Anonymous
	}
	return c.MayPublish(user, topic)
}

func (c *Config) maySubscribe(user, filter string) bool {
	if user == "" {
		return c.Anonymous
	}
	return c.MaySubscribe(user, filter)
}
