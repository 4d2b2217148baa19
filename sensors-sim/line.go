package sensorsim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// The waits between attempts to reach the broker, doubling from the first to the last.
const (
	firstRetry = 200 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// line is one connection to the broker. It comes back by itself when the broker does.
type line struct {
	client mqtt.Client
	log    *slog.Logger
}

// dial connects, waiting for the broker as long as the context lasts. A broker that refuses the name or
// the password is an error at once: waiting would not help.
func dial(ctx context.Context, c Config, id, station string) (*line, error) {
	l := &line{log: c.Log}
	l.client = mqtt.NewClient(options(c, id, station, l))
	for retry := firstRetry; ; retry = min(2*retry, lastRetry) {
		err := settle(ctx, l.client.Connect())
		if err == nil {
			return l, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if refused(err) {
			return nil, fmt.Errorf("broker %s refuses %q: %w", c.Broker, id, err)
		}
		c.Log.Warn("waiting for the broker", "broker", c.Broker, "error", err)
		if err := sleep(ctx, retry); err != nil {
			return nil, err
		}
	}
}

// refused says that the broker answered and will not have us.
func refused(err error) bool {
	return errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword) || errors.Is(err, packets.ErrorRefusedNotAuthorised) ||
		errors.Is(err, packets.ErrorRefusedIDRejected) || errors.Is(err, packets.ErrorRefusedBadProtocolVersion)
}

func options(c Config, id, station string, l *line) *mqtt.ClientOptions {
	o := mqtt.NewClientOptions().AddBroker(c.Broker).SetClientID(id).
		SetUsername(c.Username).SetPassword(c.Password).
		SetStore(copies{mqtt.NewMemoryStore()}).
		SetCleanSession(false). // what was not acknowledged is sent again after a reconnect
		SetAutoReconnect(true).SetMaxReconnectInterval(lastRetry).SetConnectTimeout(lastRetry).
		SetKeepAlive(30 * time.Second).SetOrderMatters(false)
	if station != "" {
		o.SetBinaryWill(statusTopic(station), []byte(statusLost), 1, true)
		// The birth is sent on every connect: a will that was published meanwhile must not stand.
		o.SetOnConnectHandler(func(client mqtt.Client) {
			client.Publish(statusTopic(station), 1, true, statusOnline)
		})
	}
	o.SetConnectionLostHandler(func(_ mqtt.Client, err error) {
		l.log.Warn("lost the broker, trying again", "client", id, "error", err)
	})
	return o
}

func statusTopic(station string) string { return "stations/" + station + "/status" }

// The status messages of a station.
const (
	statusOnline  = `{"online":true}`
	statusOffline = `{"online":false,"reason":"stopped"}`
	statusLost    = `{"online":false,"reason":"connection lost"}`
)

// publish sends at QoS 1 and returns when the broker has acknowledged, however long it is away.
func (l *line) publish(ctx context.Context, topic string, payload []byte, retained bool) error {
	return l.send(ctx, topic, payload, retained)()
}

// send sends at QoS 1, after what was sent before it; wait returns when the broker has acknowledged,
// however long it is away.
func (l *line) send(ctx context.Context, topic string, payload []byte, retained bool) (wait func() error) {
	token := l.client.Publish(topic, 1, retained, payload)
	return func() error {
		for {
			err := settle(ctx, token)
			if err == nil || ctx.Err() != nil {
				return err
			}
			l.log.Warn("not sent, trying again", "topic", topic, "error", err)
			if err := sleep(ctx, firstRetry); err != nil {
				return err
			}
			token = l.client.Publish(topic, 1, retained, payload)
		}
	}
}

// close says goodbye: the broker forgets the will.
func (l *line) close() {
	const quiesce = 100 // ms that paho may take to send what is under way
	l.client.Disconnect(quiesce)
}

// settle waits for a token or the context.
func settle(ctx context.Context, token mqtt.Token) error {
	select {
	case <-token.Done():
		return token.Error()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// discard is the log of a Config that has none.
func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
