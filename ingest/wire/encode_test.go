package wire

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tocsin/ingest"
)

func TestEncode(t *testing.T) {
	at := received.Add(-time.Minute)
	for _, test := range []struct {
		samples []Sample
		want    string
	}{
		{[]Sample{{Sensor: "water_level", Value: 3.21, Time: at}, {Sensor: "rain", Value: 1e21, Unit: "mm", Time: at}}, `{"time":"2026-11-23T07:59:00Z","water_level":3.21,"rain":{"value":1e+21,"unit":"mm"}}`},
		{[]Sample{{Sensor: "rain", Value: 1}, {Sensor: "rain", Value: 2}}, `[{"rain":1},{"rain":2}]`},
		{[]Sample{{Sensor: "rain", Value: 1, Time: at}, {Sensor: "rain", Value: 2, Time: at.Add(5 * time.Millisecond)}}, `[{"time":"2026-11-23T07:59:00Z","rain":1},{"time":"2026-11-23T07:59:00.005Z","rain":2}]`},
	} {
		got, err := Encode(test.samples)
		if err != nil || string(got) != test.want {
			t.Errorf("got %s, %v, want %s", got, err, test.want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	for _, samples := range [][]Sample{nil, {{Sensor: "rain", Value: math.NaN()}}, {{Sensor: "rain", Value: math.Inf(-1)}}, {{Sensor: "time", Value: 1}}, {{Value: 1}}} {
		if got, err := Encode(samples); err == nil {
			t.Errorf("%+v: got %s, want an error", samples, got)
		}
	}
}

// What is encoded comes back from Decode as it was.
func TestRoundTrip(t *testing.T) {
	n := network(t)
	sensors := []string{"water_level", "rain", "battery_voltage", "Höhe"}
	rapid.Check(t, func(t *rapid.T) {
		samples := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Sample {
			return Sample{
				Sensor: rapid.SampledFrom(sensors).Draw(t, "sensor"),
				Value:  rapid.Float64Range(-1e9, 1e9).Draw(t, "value"),
				Time:   received.Add(time.Duration(rapid.IntRange(-1000, 1000).Draw(t, "ms")) * time.Millisecond),
			}
		}), 1, 20).Draw(t, "samples")
		payload, err := Encode(samples)
		if err != nil {
			t.Fatal(err)
		}
		readings, rejects := Decode(ingest.Message{Received: received, Topic: "stations/lake/readings", Payload: payload}, n)
		if len(rejects) != 0 || len(readings) != len(samples) {
			t.Fatalf("%s: %d readings, rejects %+v", payload, len(readings), rejects)
		}
		for i, r := range readings {
			if s := samples[i]; r.Sensor != s.Sensor || r.Value != s.Value || !r.Time.Equal(s.Time) {
				t.Fatalf("%s: got %+v, want %+v", payload, r, s)
			}
		}
	})
}
