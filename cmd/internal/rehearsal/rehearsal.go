// Package rehearsal plays past readings through a site's own decoder, quality tests and rules, in their
// order of arrival and as fast as it can, and says what would have been warned of. Nothing is sent.
//
// It goes through the same door as live readings: each moment of the file becomes the messages that the
// replay of sensors-sim would publish, so that a rehearsal and a replay over MQTT judge alike.
package rehearsal

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"slices"
	"time"

	"tocsin/alerting/rule"
	"tocsin/alerting/skill"
	"tocsin/cmd/internal/site"
	"tocsin/ingest"
	"tocsin/ingest/qc"
	"tocsin/ingest/wire"
	sensorsim "tocsin/sensors-sim"
	"tocsin/sensors-sim/scenario"
)

// Report is what a rehearsal found. It is what `tocsin rehearse --json` writes.
type Report struct {
	Readings int            `json:"readings"`
	Rejects  int            `json:"rejects"`
	Warnings []rule.Episode `json:"warnings"` // sound evidence: what would have been warned of
	Doubtful []rule.Episode `json:"doubtful"` // what would have been put before a person
	Skill    *skill.Skill   `json:"skill,omitempty"`
}

// Play rehearses the readings file in (CSV, plain or gzip) called name. progress, if not nil, is told
// the number of readings from time to time.
func Play(ctx context.Context, s *site.Site, name string, in io.Reader, log *slog.Logger, progress func(readings int)) (Report, error) {
	replay, err := sensorsim.NewReplay(name, in, s.Network, log)
	if err != nil {
		return Report{}, err
	}
	var report Report
	episodes, err := rule.Rehearse(ctx, s.Set, Batches(replay, s.Network, &report, progress), s.Location)
	if err != nil {
		return Report{}, err
	}
	report.Rejects += replay.Faults()
	for _, e := range episodes {
		if e.Doubtful == "" {
			report.Warnings = append(report.Warnings, e)
		} else {
			report.Doubtful = append(report.Doubtful, e)
		}
	}
	return report, replay.Err()
}

// Score holds the report against an expected file.
func (r *Report) Score(expected []skill.Expected) {
	var episodes []skill.Episode
	for _, e := range slices.Concat(r.Warnings, r.Doubtful) {
		episodes = append(episodes, skill.Episode{
			Zone: e.Zone, Level: e.Level, Onset: e.Began, Raised: e.Raised, Cleared: e.Cleared, Doubtful: e.Doubtful != "",
		})
	}
	score := skill.Score(expected, episodes, skill.Options{})
	r.Skill = &score
}

// Batches turns a source into what the intake would hand to the rules. report counts, progress may be nil.
func Batches(source scenario.Source, network *ingest.Network, report *Report, progress func(int)) iter.Seq2[ingest.Batch, error] {
	return func(yield func(ingest.Batch, error) bool) {
		checker := qc.New(network)
		var seq uint64
		for {
			now, outputs, ok := source.Next()
			if !ok {
				return
			}
			batch := ingest.Batch{First: seq + 1, Now: now}
			for _, m := range messages(now, outputs) {
				seq++
				m.message.Seq = seq
				if m.err != nil {
					yield(batch, m.err)
					return
				}
				readings, rejects := wire.Decode(m.message, network)
				report.Readings += len(readings)
				report.Rejects += len(rejects)
				batch.Readings = append(batch.Readings, checker.Check(readings)...)
				batch.Rejects = append(batch.Rejects, rejects...)
			}
			batch.Last = seq
			if progress != nil {
				progress(report.Readings)
			}
			if len(batch.Readings) > 0 && !yield(batch, nil) {
				return
			}
		}
	}
}

type message struct {
	message ingest.Message
	err     error
}

// messages are what one moment's values are on the wire: one message a station, in order.
func messages(now time.Time, outputs []scenario.Output) []message {
	var list []message
	var order []string
	samples := map[string][]wire.Sample{}
	for _, o := range outputs {
		if _, known := samples[o.Station]; !known {
			order = append(order, o.Station)
		}
		samples[o.Station] = append(samples[o.Station], wire.Sample{Sensor: o.Sensor, Value: o.Value, Unit: o.Unit, Time: o.Time})
	}
	for _, station := range order {
		payload, err := wire.Encode(samples[station])
		if err != nil {
			err = fmt.Errorf("station %s at %s: %w", station, now.Format(time.RFC3339), err)
		}
		list = append(list, message{ingest.Message{
			Received: now, Source: "rehearsal", Topic: "stations/" + station + "/readings", Payload: payload,
		}, err})
	}
	return list
}
