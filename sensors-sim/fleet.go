package sensorsim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"tocsin/ingest/wire"
	"tocsin/sensors-sim/scenario"
)

// ownConnections is the number of stations up to which each has a connection of its own.
const ownConnections = 100

// clockTick is how often the clock is told while event time passes slowly.
const clockTick = time.Second

// Run sends everything the source has, at the pace asked for, and returns nil at its end. It waits for a
// broker that is away. When the context ends the stations say goodbye and the context's error is
// returned.
func Run(ctx context.Context, c Config) error {
	if err := c.Validate(); err != nil {
		return fmt.Errorf("sensors-sim: %w", err)
	}
	if c.Log == nil {
		c.Log = discard()
	}
	if c.ClientID == "" {
		c.ClientID = "sensors-sim"
	}
	if c.Pace == nil {
		c.Pace = Constant(1)
	}
	f, err := newFleet(ctx, c)
	if err != nil {
		return fmt.Errorf("sensors-sim: %w", err)
	}
	defer f.close()
	if err := f.run(ctx); err != nil {
		return fmt.Errorf("sensors-sim: %w", err)
	}
	return nil
}

// fleet is a field of stations on its connections.
type fleet struct {
	config   Config
	shared   *line            // the clock's, and that of stations without their own
	own      map[string]*line // by station
	born     map[string]bool  // stations whose birth went over the shared line
	clock    time.Time        // last told
	told     time.Time        // real time of that
	batches  int
	readings int
}

func newFleet(ctx context.Context, c Config) (*fleet, error) {
	f := &fleet{config: c, own: map[string]*line{}, born: map[string]bool{}}
	var err error
	if f.shared, err = dial(ctx, c, c.ClientID, ""); err != nil {
		return nil, err
	}
	stations := c.Stations
	if named, ok := c.Source.(interface{ Stations() []string }); ok && stations == nil {
		stations = named.Stations()
	}
	if len(stations) > ownConnections {
		return f, nil
	}
	for _, station := range stations {
		l, err := dial(ctx, c, c.ClientID+"-"+station, station)
		if err != nil {
			f.close()
			return nil, err
		}
		f.own[station] = l
	}
	return f, nil
}

func (f *fleet) run(ctx context.Context) error {
	p := &pacer{pace: f.config.Pace}
	var before time.Time
	for {
		now, outputs, ok := f.config.Source.Next()
		if !ok {
			f.config.Log.Info("all sent", "batches", f.batches, "readings", f.readings)
			return f.ended()
		}
		if !before.IsZero() && now.After(before) {
			err := p.wait(ctx, now.Sub(before), func(gone time.Duration) error { return f.tick(ctx, before.Add(gone)) })
			if err != nil {
				return err
			}
		}
		before = now
		if err := f.tell(ctx, now); err != nil {
			return err
		}
		if err := f.send(ctx, outputs); err != nil {
			return err
		}
	}
}

// ended asks the source whether it ended in order.
func (f *fleet) ended() error {
	if failing, ok := f.config.Source.(interface{ Err() error }); ok {
		return failing.Err()
	}
	return nil
}

// tick tells the clock between two moments, so that it is seen to run when they lie far apart.
func (f *fleet) tick(ctx context.Context, now time.Time) error {
	if time.Since(f.told) < clockTick {
		return nil
	}
	return f.tell(ctx, now.Truncate(time.Second))
}

// tell publishes the clock if it is led and has moved on.
func (f *fleet) tell(ctx context.Context, now time.Time) error {
	if !f.config.Clock || !now.After(f.clock) {
		return nil
	}
	payload := fmt.Appendf(nil, `{"now":%q}`, now.UTC().Format("2006-01-02T15:04:05.999Z07:00"))
	if err := f.shared.publish(ctx, ClockTopic, payload, false); err != nil {
		return fmt.Errorf("clock %s: %w", payload, err)
	}
	f.clock, f.told = now, time.Now()
	return nil
}

// send publishes the values of one moment, one message a station, and waits for all acknowledgements. On
// one connection messages leave in the order of the source, so that a file is heard as it was written.
func (f *fleet) send(ctx context.Context, outputs []scenario.Output) error {
	order, samples := group(outputs)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(64)
	for _, station := range order {
		payload, err := wire.Encode(samples[station])
		if err != nil {
			return fmt.Errorf("station %q: %w", station, err)
		}
		l, newborn := f.line(station)
		if newborn {
			g.Go(settled(l.send(ctx, statusTopic(station), []byte(statusOnline), true), station+": birth"))
		}
		g.Go(settled(l.send(ctx, "stations/"+station+"/readings", payload, false), station))
	}
	f.batches++
	f.readings += len(outputs)
	return g.Wait()
}

// settled words the error of a wait.
func settled(wait func() error, what string) func() error {
	return func() error {
		if err := wait(); err != nil {
			return fmt.Errorf("station %s: %w", what, err)
		}
		return nil
	}
}

// line is the connection of a station; newborn says that its birth must be sent first.
func (f *fleet) line(station string) (l *line, newborn bool) {
	if own := f.own[station]; own != nil {
		return own, false
	}
	newborn = !f.born[station]
	f.born[station] = true
	return f.shared, newborn
}

// group sorts values by station, in the order in which stations come.
func group(outputs []scenario.Output) (order []string, samples map[string][]wire.Sample) {
	samples = map[string][]wire.Sample{}
	for _, o := range outputs {
		if samples[o.Station] == nil {
			order = append(order, o.Station)
		}
		samples[o.Station] = append(samples[o.Station], wire.Sample{Sensor: o.Sensor, Value: o.Value, Unit: o.Unit, Time: o.Time})
	}
	return order, samples
}

// goodbye is how long a clean stop may take.
const goodbye = 2 * time.Second

// close says of every station that it is gone, as far as the broker listens, and disconnects.
func (f *fleet) close() {
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(64)
	for station := range f.born {
		g.Go(func() error { return f.farewell(ctx, f.shared, station) })
	}
	for station, l := range f.own {
		g.Go(func() error { return f.farewell(ctx, l, station) })
	}
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		f.config.Log.Warn("stopped without a goodbye from every station", "error", err)
	}
	for _, l := range f.own {
		l.close()
	}
	f.shared.close()
}

func (f *fleet) farewell(ctx context.Context, l *line, station string) error {
	if !l.client.IsConnectionOpen() {
		return nil // nobody listens; the will speaks
	}
	return settle(ctx, l.client.Publish(statusTopic(station), 1, true, statusOffline))
}
