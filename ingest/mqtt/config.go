package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"tocsin/ingest"
)

// Door takes raw messages. Offer may block while it is full; done is called once, from any goroutine,
// with nil when the message is kept. An error of Offer means that done will not be called.
type Door interface {
	Offer(ctx context.Context, m ingest.Message, done func(error)) error
}

// Config is one outside broker.
type Config struct {
	Name     string   // of the broker in the site; the source of its messages
	URL      string   // tcp://host:1883 or ssl://host:8883
	Topics   []string // filters to subscribe to
	ClientID string   // must not change between starts, and belong to one node only; empty means "tocsin-" and the name
	Username string
	Password string // never logged
	TLS      *tls.Config
	Door     Door
	Log      *slog.Logger

	KeepAlive time.Duration // 0 means 20 s
	// MaxPause bounds the pause between two tries to connect; 0 means 30 s.
	MaxPause time.Duration
}

// Validate says what is wrong with the configuration.
func (c Config) Validate() error {
	if c.Name == "" || c.Door == nil || c.Log == nil {
		return errors.New("mqtt: needs a name, a door and a log")
	}
	if len(c.Topics) == 0 {
		return fmt.Errorf("mqtt: broker %q: needs topics, for instance stations/+/readings", c.Name)
	}
	for _, topic := range c.Topics {
		if topic == "" {
			return fmt.Errorf("mqtt: broker %q: a topic is empty", c.Name)
		}
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || !strings.Contains(" tcp mqtt ssl tls mqtts ", " "+u.Scheme+" ") {
		return fmt.Errorf("mqtt: broker %q: the address is not like tcp://host:1883 or ssl://host:8883", c.Name)
	}
	if u.User != nil {
		return fmt.Errorf("mqtt: broker %q: the address must hold no user or password", c.Name)
	}
	if c.KeepAlive < 0 || c.MaxPause < 0 {
		return fmt.Errorf("mqtt: broker %q: a duration is negative", c.Name)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.ClientID == "" {
		c.ClientID = "tocsin-" + c.Name
	}
	if c.KeepAlive == 0 {
		c.KeepAlive = 20 * time.Second
	}
	if c.MaxPause == 0 {
		c.MaxPause = 30 * time.Second
	}
	return c
}
