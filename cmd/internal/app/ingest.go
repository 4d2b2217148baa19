package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"tocsin/dashboards"
	"tocsin/ingest"
	"tocsin/ingest/broker"
	"tocsin/ingest/device"
	"tocsin/ingest/influx"
	"tocsin/ingest/intake"
	"tocsin/ingest/mqtt"
	"tocsin/ingest/qc"
	"tocsin/ingest/wire"
)

// decoder reads the native payloads for the stations of the site.
type decoder struct{ network *ingest.Network }

// Decode implements intake.Decoder.
func (d decoder) Decode(m ingest.Message) ([]ingest.Reading, []ingest.Reject) {
	return wire.Decode(m, d.network)
}

// Status implements intake.Decoder.
func (d decoder) Status(m ingest.Message) (ingest.Status, bool) { return wire.Status(m) }

// Clock implements intake.Decoder.
func (d decoder) Clock(payload []byte) (time.Time, error) { return wire.Clock(payload) }

func (a *App) openIntake(ctx context.Context) (err error) {
	network := a.config.Site.Network
	a.intake, err = intake.New(ctx, intake.Config{
		Journal:    a.journal,
		Decoder:    decoder{network},
		NewChecker: func() intake.Checker { return qc.New(network) },
		Log:        a.log,
		Now:        a.config.Now,
		MQTTClock:  a.config.MQTTClock,
	})
	if err != nil {
		return err
	}
	a.onClose(a.intake.Close)
	return nil
}

// openReaders opens what follows the journal.
func (a *App) openReaders(ctx context.Context) error {
	a.sinks = []ingest.Sink{a.history, a.rules}
	if c := a.config.Site.Config.Influx; c != nil {
		writer, err := influx.Open(ctx, influx.Config{
			URL: c.URL, Org: c.Org, Bucket: c.Bucket, Token: a.config.Secrets.Influx.Reveal(),
			Path: filepath.Join(a.config.Data, "influx.db"),
		})
		if err != nil {
			return err
		}
		a.onClose(writer.Close)
		a.sinks = append(a.sinks, writer)
	}
	return nil
}

// follow starts dispatch and the readers of the journal, each at its own pace.
func (a *App) follow(context.Context) error {
	a.work("dispatch", a.runner.Run)
	for _, sink := range a.sinks {
		sink = told{sink, a.web.Publish}
		a.work("reader "+sink.Name(), func(ctx context.Context) error { return a.read(ctx, sink) })
	}
	return nil
}

// read follows the journal for a sink. Without the rules nobody is warned, so their end is the end of the
// program; a history that cannot go on is told in the log, the health and the metrics, and warnings go on.
func (a *App) read(ctx context.Context, sink ingest.Sink) error {
	err := a.intake.Follow(ctx, sink)
	if err == nil || sink.Name() == a.rules.Name() {
		return err
	}
	a.log.Error("a reader of the journal gave up; the others go on without it", "reader", sink.Name(), "error", err)
	return nil
}

// told is a sink whose batches are told to the pages once they are applied.
type told struct {
	ingest.Sink
	publish func(kind string)
}

// Apply implements ingest.Sink.
func (t told) Apply(ctx context.Context, batch ingest.Batch) error {
	if err := t.Sink.Apply(ctx, batch); err != nil {
		return err
	}
	if len(batch.Readings) > 0 {
		t.publish(dashboards.EventReadings)
	}
	if len(batch.Rejects) > 0 {
		t.publish(dashboards.EventRejects)
	}
	return nil
}

// listen opens the doors: from here on readings come in.
func (a *App) listen(ctx context.Context) error {
	site, open := a.config.Site.Config, &doors{}
	if embedded := site.MQTT.Embedded; embedded != nil {
		listen := embedded.Listen
		if a.config.MQTT != "" {
			listen = a.config.MQTT
		}
		authenticate, err := a.openDevices(ctx, embedded.Anonymous)
		if err != nil {
			return err
		}
		b, err := broker.New(broker.Config{
			Listen: listen, Door: a.intake, Log: a.log,
			Anonymous: embedded.Anonymous, Authenticate: authenticate,
			MaySetClock: func(string) bool { return a.config.MQTTClock },
		})
		if err != nil {
			return err
		}
		open.broker, a.mqttAddr = b, b.Addr()
		a.onClose(b.Close)
	}
	for _, outside := range site.MQTT.Brokers {
		topics := outside.Topics
		if a.config.MQTTClock {
			topics = append(topics[:len(topics):len(topics)], intake.ClockTopic)
		}
		s, err := mqtt.New(mqtt.Config{
			Name: outside.Name, URL: outside.URL, Topics: topics,
			Username: outside.Username, Password: a.config.Secrets.MQTT[outside.Name].Reveal(),
			Door: a.intake, Log: a.log,
		})
		if err != nil {
			return fmt.Errorf("broker %s: %w", outside.Name, err)
		}
		open.outside = append(open.outside, s)
		a.onClose(s.Close)
	}
	a.doors.Store(open)
	// Doors close before the brokers go, so that what was taken is still answered.
	a.onClose(a.intake.Close)
	return nil
}

// DevicesFile is the file of the devices' passwords in the data folder.
const DevicesFile = "devices.db"

// openDevices opens the passwords of the devices; there are none to check where anybody may come in.
func (a *App) openDevices(ctx context.Context, anonymous bool) (func(user, password string) bool, error) {
	if anonymous {
		return nil, nil
	}
	devices, err := device.Open(ctx, device.Config{Path: filepath.Join(a.config.Data, DevicesFile), Now: a.config.Now, Log: a.log})
	if err != nil {
		return nil, err
	}
	a.onClose(devices.Close)
	all, err := devices.List(ctx)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		a.log.Warn("no device has a password, so the embedded broker refuses all: add them with tocsin device add", "data", a.config.Data)
	}
	return devices.Authenticate, nil
}

// tick drives what depends on the passing of time: silence, expiry, the feeds.
func (a *App) tick(context.Context) error {
	a.work("clockwork", func(ctx context.Context) error {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
			}
			err := errors.Join(a.rules.Tick(ctx, a.Now()), a.desk.Tick(ctx))
			if err != nil && ctx.Err() == nil {
				a.log.Error("what the clock asks for could not be done; it is tried again", "error", err)
			}
		}
	})
	return nil
}
