package wire

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"tocsin/ingest"
)

var received = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func network(t testing.TB) *ingest.Network {
	t.Helper()
	n, err := ingest.NewNetwork([]ingest.Station{{ID: "lake", Sensors: []ingest.Sensor{
		{ID: "water_level", Quantity: ingest.WaterLevel},
		{ID: "upper", Quantity: ingest.WaterLevel, Unit: "cm", Datum: "mAOD"},
		{ID: "discharge", Quantity: ingest.Discharge, Unit: "L/s"},
		{ID: "rain", Quantity: ingest.Precipitation},
		{ID: "battery_voltage", Quantity: ingest.BatteryVoltage},
		{ID: "Höhe", Quantity: ingest.WaterLevel},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func message(payload string) ingest.Message {
	return ingest.Message{Seq: 7, Received: received, Source: "embedded", Topic: "stations/lake/readings", Payload: []byte(payload)}
}

// show writes an answer on lines: readings as "part sensor value time", with * for an assumed time, then
// refusals as "part reason sensor".
func show(readings []ingest.Reading, rejects []ingest.Reject) string {
	var lines []string
	for _, r := range readings {
		star := ""
		if r.TimeAssumed {
			star = "*"
		}
		lines = append(lines, fmt.Sprintf("%d %s %v %s%s", r.Part, r.Sensor, r.Value, r.Time.Format("2006-01-02T15:04:05.999"), star))
	}
	for _, r := range rejects {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%d %s %s", r.Part, r.Reason, r.Sensor)))
	}
	return strings.Join(lines, "\n")
}

func TestDecode(t *testing.T) {
	for _, test := range []struct{ name, payload, want string }{
		{"one record", `{"time":"2026-11-23T07:45:00Z","water_level":3.21,"battery_voltage":12.4}`, "0 water_level 3.21 2026-11-23T07:45:00\n1 battery_voltage 12.4 2026-11-23T07:45:00"},
		{"time last, offset, fraction", `{"water_level":3.21,"time":"2026-11-23T13:45:00.1239+06:00"}`, "0 water_level 3.21 2026-11-23T07:45:00.123"},
		{"unix seconds", `{"time":1795419900,"water_level":3}`, "0 water_level 3 2026-11-23T07:45:00"},
		{"unix seconds with fraction", `{"time":1795419900.5,"water_level":3}`, "0 water_level 3 2026-11-23T07:45:00.5"},
		{"unix milliseconds", `{"time":1795419900250,"water_level":3}`, "0 water_level 3 2026-11-23T07:45:00.25"},
		{"no time", `{"water_level":3}`, "0 water_level 3 2026-11-23T08:00:00*"},
		{"null time", `{"time":null,"water_level":3}`, "0 water_level 3 2026-11-23T08:00:00*"},
		{"lower case and space", `[{"time":"2026-11-23t07:45:00z","water_level":3},{"time":"2026-11-23 07:46:00Z","water_level":3}]`, "0 water_level 3 2026-11-23T07:45:00\n1 water_level 3 2026-11-23T07:46:00"},
		{"leap second", `{"time":"2016-12-31T23:59:60Z","water_level":3}`, "0 water_level 3 2017-01-01T00:00:00"},
		{"array", ` [ {"time":1795419900,"water_level":3} , {"time":1795419960,"water_level":4} ] `, "0 water_level 3 2026-11-23T07:45:00\n1 water_level 4 2026-11-23T07:46:00"},
		{"empty", `[]`, ""},
		{"nothing measured", `{"time":1795419900,"water_level":null,"rain":{"value":null}}`, ""},
		{"sensor unit", `{"upper":321,"discharge":840}`, "0 upper 3.21 2026-11-23T08:00:00*\n1 discharge 0.84 2026-11-23T08:00:00*"},
		{"own unit", `{"water_level":{"value":321,"unit":"cm"},"upper":{"unit":"m","value":3.21},"rain":{"value":2}}`, "0 water_level 3.21 2026-11-23T08:00:00*\n1 upper 3.21 2026-11-23T08:00:00*\n2 rain 2 2026-11-23T08:00:00*"},
		{"seq", `{"seq":17,"water_level":3}`, "0 water_level 3 2026-11-23T08:00:00*"},
		{"bad seq", `{"seq":-1,"water_level":3}`, "1 water_level 3 2026-11-23T08:00:00*\n0 value"},
		{"byte order mark", "\ufeff{\"water_level\":3}", "0 water_level 3 2026-11-23T08:00:00*"},
		{"escaped key", `{"H\u00f6he":3,"Höhe":3}`, "0 Höhe 3 2026-11-23T08:00:00*"},
		{"minus zero", `{"water_level":-0}`, "0 water_level 0 2026-11-23T08:00:00*"},

		{"wrong unit", `{"water_level":{"value":3,"unit":"Cel"},"rain":1}`, "1 rain 1 2026-11-23T08:00:00*\n0 unit water_level"},
		{"no unit code", `{"water_level":{"value":3,"unit":4}}`, "0 unit water_level"},
		{"unit misspelt", `{"water_level":{"value":3,"units":"cm"}}`, "0 syntax water_level"},
		{"no value", `{"water_level":{"unit":"cm"}}`, "0 syntax water_level"},
		{"unknown sensor", `{"level":3,"rain":1}`, "1 rain 1 2026-11-23T08:00:00*\n0 unknown_sensor level"},
		{"NaN", `{"water_level":NaN,"upper":-Infinity,"rain":1}`, "2 rain 1 2026-11-23T08:00:00*\n0 value water_level\n1 value upper"},
		{"too large", `{"water_level":1e999,"rain":1}`, "1 rain 1 2026-11-23T08:00:00*\n0 value water_level"},
		{"text", `{"water_level":"3.21","rain":true,"upper":[1]}`, "0 value water_level\n1 value rain\n2 value upper"},
		{"words", `{"water_level":.5,"upper":01,"rain":1}`, "2 rain 1 2026-11-23T08:00:00*\n0 value water_level\n1 value upper"},
		{"too deep", `{"water_level":{"value":[[[[1]]]]},"rain":1}`, "1 rain 1 2026-11-23T08:00:00*\n0 size water_level"},
		{"the same twice", `{"rain":1,"rain":1}`, "0 rain 1 2026-11-23T08:00:00*"},
		{"contradiction", `{"water_level":1,"water_level":2,"rain":1}`, "2 rain 1 2026-11-23T08:00:00*\n0 syntax water_level\n1 syntax water_level"},
		{"two times", `{"time":1795419900,"time":1795419960,"water_level":1}`, "0 time"},

		{"2099", `[{"time":"2099-01-01T00:00:00Z","water_level":1},{"time":1795419900,"water_level":3}]`, "1 water_level 3 2026-11-23T07:45:00\n0 time"},
		{"23 hours ahead", `{"time":"2026-11-24T07:00:00Z","water_level":1}`, "0 water_level 1 2026-11-24T07:00:00"},
		{"1970 beside a good one", `[{"time":0,"water_level":1},{"time":1795419900,"water_level":3}]`, "2 water_level 3 2026-11-23T07:45:00\n0 time"},
		{"1970 alone", `[{"time":0,"water_level":1},{"time":900,"water_level":2}]`, "3 water_level 2 2026-11-23T08:00:00*\n0 time\n2 time"},
		{"no offset", `{"time":"2026-11-23T07:45:00","water_level":1}`, "0 time"},
		{"time of another kind", `{"time":{},"water_level":1}`, "0 time"},
		{"microseconds", `{"time":1795419900000000,"water_level":1}`, "0 time"},

		{"not JSON", `level is 3`, "-1 syntax"},
		{"nothing", ``, "-1 syntax"},
		{"number", `3.21`, "-1 syntax"},
		{"bad element", `[3, {"water_level":3}, "x"]`, "1 water_level 3 2026-11-23T08:00:00*\n0 syntax\n2 syntax"},
		{"cut in a record", `[{"time":1795419900,"water_level":3},{"time":17954`, "0 water_level 3 2026-11-23T07:45:00\n1 syntax"},
		{"cut object", `{"time":1795419900,"water_level":3,`, "-1 syntax"},
		{"decimal comma", `{"water_level":3,21}`, "-1 syntax"},
		{"two records without an array", "{\"water_level\":3}\n{\"water_level\":4}", "0 water_level 3 2026-11-23T08:00:00*\n1 syntax"},
		{"control character", "{\"water\nlevel\":3}", "-1 syntax"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := show(Decode(message(test.payload), network(t))); got != test.want {
				t.Errorf("%s\ngot\n%s\nwant\n%s", test.payload, got, test.want)
			}
		})
	}
}

func TestDecodeCarriesTheMessage(t *testing.T) {
	m := message(`{"water_level":3.5,"rain":"x"}`)
	m.Volatile, m.Seq = true, 0
	readings, rejects := Decode(m, network(t))
	if len(readings) != 1 || len(rejects) != 1 {
		t.Fatalf("got %d readings and %d rejects, want one each", len(readings), len(rejects))
	}
	r := readings[0]
	if !r.Volatile || r.Position != 0 || !r.Received.Equal(received) || r.Flag != ingest.NotEvaluated || r.Quantity != ingest.WaterLevel || r.Station != "lake" {
		t.Errorf("reading %+v does not carry what its message says", r)
	}
	j := rejects[0]
	if j.Topic != m.Topic || j.Station != "lake" || j.Sensor != "rain" || j.Excerpt != `"x"` || j.Detail == "" || !j.Received.Equal(received) {
		t.Errorf("reject %+v does not carry what its message says", j)
	}
}

func TestDecodeRefusesWholeMessages(t *testing.T) {
	n := network(t)
	for _, test := range []struct {
		topic, payload string
		reason         ingest.Reason
	}{
		{"stations/nowhere/readings", `{"water_level":3}`, ingest.ReasonUnknownStation},
		{"stations/lake", `{"water_level":3}`, ingest.ReasonTopic},
		{"stations/lake/x/readings", `{"water_level":3}`, ingest.ReasonTopic},
		{"stations//readings", `{"water_level":3}`, ingest.ReasonTopic},
		{"stations/lake/readings", strings.Repeat(" ", MaxPayload) + `{}`, ingest.ReasonSize},
		{"stations/lake/readings", strings.Repeat("[", 1<<19), ingest.ReasonSize},
		{"stations/lake/readings", strings.Repeat(`{"a":`, 1<<17), ingest.ReasonSize},
	} {
		m := message(test.payload)
		m.Topic = test.topic
		readings, rejects := Decode(m, n)
		if len(readings) != 0 || len(rejects) != 1 || rejects[0].Reason != test.reason || rejects[0].Part != -1 {
			t.Errorf("%s: got %d readings and %+v, want one refusal for %s", test.topic, len(readings), rejects, test.reason)
		}
	}
}

func TestDecodeBoundsTheParts(t *testing.T) {
	readings, rejects := Decode(message("["+strings.Repeat(`{"rain":1},`, MaxParts+50)+`{"rain":2}]`), network(t))
	if len(readings) != MaxParts || len(rejects) != 1 || rejects[0].Reason != ingest.ReasonSize {
		t.Errorf("got %d readings and %d rejects, want %d and one for size", len(readings), len(rejects), MaxParts)
	}
}

// On an outside broker a retained message is as old as it is; on the own one the flag is the publisher's wish.
func TestDecodeRetained(t *testing.T) {
	for _, test := range []struct{ source, payload, want string }{
		{"field", `{"water_level":3}`, "0 time"},
		{"field", `{"time":0,"water_level":3}`, "0 time"},
		{"field", `{"time":1795419900,"water_level":3}`, "0 water_level 3 2026-11-23T07:45:00"},
		{"embedded", `{"water_level":3}`, "0 water_level 3 2026-11-23T08:00:00*"},
	} {
		m := message(test.payload)
		m.Retained, m.Source = true, test.source
		if got := show(Decode(m, network(t))); got != test.want {
			t.Errorf("%s %s: got %q, want %q", test.source, test.payload, got, test.want)
		}
	}
}

// In a replay of 1994 the site's clock says 1994: times of that year are not those of a reset clock.
func TestDecodeJudgesTimesByReceipt(t *testing.T) {
	m := message(`{"time":"1994-10-07T01:00:00Z","water_level":3}`)
	m.Received = time.Date(1994, 10, 7, 1, 0, 5, 0, time.UTC)
	if got, want := show(Decode(m, network(t))), "0 water_level 3 1994-10-07T01:00:00"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDecodeExplainsItself(t *testing.T) {
	for _, test := range []struct{ payload, want string }{
		{`{"water_level":NaN}`, "RFC 8259"},
		{`{"level":3}`, "water_level, upper, discharge, rain, battery_voltage"},
		{`{"water_level":{"value":3,"unit":"ft"}}`, "[ft_i]"},
		{`{"time":"2026-11-23T07:45:00","water_level":3}`, "2026-11-23T07:45:00Z"},
		{`[{"rain":1},{"rain":`, "byte 20; the complete records before it are kept"},
		{`{"water_level":3,21}`, "at byte 17"},
		{`{"time":"2099-01-01T00:00:00Z","water_level":3}`, "after receipt, more than the limit of 24h"},
	} {
		_, rejects := Decode(message(test.payload), network(t))
		if len(rejects) != 1 || !strings.Contains(rejects[0].Detail, test.want) {
			t.Errorf("%s: %+v does not say %q", test.payload, rejects, test.want)
		}
	}
}

func TestStatus(t *testing.T) {
	for _, test := range []struct {
		topic, payload string
		online, ok     bool
	}{
		{"stations/lake/status", "online", true, true},
		{"stations/lake/status", `"Online"`, true, true},
		{"stations/lake/status", "offline", false, true},
		{"stations/lake/status", "", false, true},
		{"stations/lake/status", `{"online":true}`, true, true},
		{"stations/lake/status", `{"status":"offline","x":1}`, false, true},
		{"stations/lake/status", "\x00\xff", false, true},
		{"stations/lake/readings", "online", false, false},
		{"stations//status", "online", false, false},
	} {
		m := ingest.Message{Topic: test.topic, Payload: []byte(test.payload), Received: received}
		got, ok := Status(m)
		if ok != test.ok || got.Online != test.online || ok && (got.Station != "lake" || !got.Time.Equal(received) || len(got.Detail) > 200) {
			t.Errorf("%s %q: got %+v, %v", test.topic, test.payload, got, ok)
		}
	}
}

func TestClock(t *testing.T) {
	got, err := Clock([]byte(`{"now":"2016-02-08T06:00:00.250Z"}`))
	if want := time.Date(2016, 2, 8, 6, 0, 0, 250e6, time.UTC); err != nil || !got.Equal(want) {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	for _, bad := range []string{``, `{}`, `{"now":null}`, `{"now":1}`, `{"now":"2016-02-08"}`, `[]`} {
		if got, err := Clock([]byte(bad)); err == nil {
			t.Errorf("%s: got %s, want an error", bad, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"time":"2026-11-23T08:00:00Z","water_level":3.21,"battery_voltage":12.4}`, `[{"time":0,"upper":{"value":1e308,"unit":"m"}},{"rain":NaN}]`,
		`{"H\u00f6he":-1e-400,"discharge":{"unit":"ML/d","value":1}}`, `[[[[[`, `{"time":1e300,"seq":1.5,"rain":"\ud800"}`, `[{"rain":1},{"rain":`,
	} {
		f.Add([]byte(seed), false)
	}
	n := network(f)
	f.Fuzz(func(t *testing.T, payload []byte, retained bool) {
		m := message(string(payload))
		m.Retained, m.Source = retained, "field"
		readings, rejects := Decode(m, n)
		parts := map[int]bool{}
		for _, r := range readings {
			if math.IsNaN(r.Value) || math.IsInf(r.Value, 0) || r.Time.Before(received.Add(-MaxAge)) || r.Time.After(received.Add(MaxAhead)) {
				t.Fatalf("reading %+v", r)
			}
			if r.Time.Nanosecond()%1e6 != 0 || r.Part < 0 || r.Part >= MaxParts || parts[r.Part] {
				t.Fatalf("part or time of %+v", r)
			}
			parts[r.Part] = true
		}
		for _, r := range rejects {
			if r.Part < -1 || r.Part > MaxParts || parts[r.Part] || r.Reason == "" || r.Detail == "" || len(r.Excerpt) > excerptLength {
				t.Fatalf("reject %+v", r)
			}
			parts[r.Part] = true
		}
		again, _ := Decode(m, n)
		if len(again) != len(readings) {
			t.Fatalf("%d readings, then %d", len(readings), len(again))
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	n := network(b)
	m := message(`{"time":"2026-11-23T07:45:00Z","seq":1234,"water_level":3.217,"upper":412.3,"discharge":840.12,"rain":0.2,"battery_voltage":12.41}`)
	b.ReportAllocs()
	for b.Loop() {
		if readings, rejects := Decode(m, n); len(readings) != 5 || len(rejects) != 0 {
			b.Fatal(rejects)
		}
	}
	b.ReportMetric(5*float64(b.N)/b.Elapsed().Seconds(), "values/s")
}
