package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	sitefolder "tocsin/cmd/internal/site"
)

// bad is a message that no station should send, and what must become of it.
type bad struct {
	name    string
	topic   string         // empty: stations/bridge/readings
	payload string         // {1}, {2} ... are times of their own
	reasons map[string]int // refusals by reason
	detail  string         // what the newest refusal says
	stored  []float64      // what is stored of it all the same
}

func badMessages() []bad {
	one := func(reason string) map[string]int { return map[string]int{reason: 1} }
	return []bad{
		{name: "not JSON", payload: "3.21 m", reasons: one("syntax"), detail: "an object or an array"},
		{name: "bytes", payload: "\x00\xff\xfe\x80{", reasons: one("syntax")},
		{name: "cut off", payload: `[{"time":"{1}","water_level":1.01},{"time":`, reasons: one("syntax"), detail: "complete records before it are kept", stored: []float64{1.01}},
		{name: "too deep", payload: strings.Repeat("[", 100_000), reasons: one("size")},
		{name: "empty", payload: "", reasons: one("syntax")},
		{name: "unknown station", topic: "stations/nowhere/readings", payload: `{"water_level":1}`, reasons: one("unknown_station"), detail: "nowhere"},
		{name: "unknown sensor", payload: `{"time":"{1}","water_leve":1,"water_level":1.02}`, reasons: one("unknown_sensor"), detail: "water_level", stored: []float64{1.02}},
		{name: "wrong unit", payload: `{"time":"{1}","water_level":{"value":1,"unit":"Cel"}}`, reasons: one("unit"), detail: "Cel"},
		{name: "NaN", payload: `{"time":"{1}","water_level":NaN}`, reasons: one("value"), detail: "not a number"},
		{name: "beyond any number", payload: `{"time":"{1}","water_level":1e999}`, reasons: one("value")},
		{name: "text", payload: `{"time":"{1}","water_level":"high"}`, reasons: one("value")},
		{name: "2099", payload: `{"time":"2099-01-01T00:00:00Z","water_level":1}`, reasons: one("time"), detail: "after receipt"},
		// A reading of a device whose clock was reset is refused for its time, and judged at that of receipt.
		{name: "1970", payload: `{"time":"1970-01-01T00:00:00Z","water_level":1.03}`, reasons: one("time"), detail: "clock was reset", stored: []float64{1.03}},
		{
			name: "half a batch", reasons: map[string]int{"value": 1, "time": 1, "unknown_sensor": 1}, stored: []float64{1.04, 1.05, 1.06},
			payload: `[{"time":"{1}","water_level":1.04},{"time":"{2}","water_level":"high"},{"time":"yesterday","water_level":9},{"time":"{3}","water_level":1.05},{"time":"{4}","water_level":1.06,"rain":1}]`,
		},
		{name: "another topic", topic: "weather/bridge", payload: `{"water_level":1}`, reasons: one("topic"), detail: "stations/{station}/readings"},
		{name: "too long a topic", topic: "stations/bridge/readings/now", payload: `{"water_level":1}`, reasons: one("topic")},
		{name: "10 MB", payload: strings.Repeat(`{"water_level":1} `, 600_000), reasons: one("size"), detail: "1048576 bytes"},
	}
}

// door is a running first site with an operator, a client that sends bad messages and one that sends good
// ones and must not notice.
type door struct {
	t        *testing.T
	server   *server
	operator *http.Client
	field    mqtt.Client
	witness  mqtt.Client
	lost     chan error // of the witness or the field

	began time.Time
	times int // used, each once
}

func openDoor(t *testing.T) *door {
	t.Helper()
	site := filepath.Join(t.TempDir(), "site")
	if err := sitefolder.Init(site); err != nil {
		t.Fatal(err)
	}
	httpAddr, mqttAddr := keptPorts(t)
	d := &door{t: t, lost: make(chan error, 10), began: time.Now().UTC().Truncate(time.Second).Add(-time.Hour)}
	d.server = serve(t, site, filepath.Join(t.TempDir(), "data"), httpAddr, mqttAddr)
	d.server.up()
	d.operator = d.server.login()
	d.field, d.witness = d.connect("field"), d.connect("witness")
	return d
}

func (d *door) connect(id string) mqtt.Client {
	d.t.Helper()
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + d.server.mqtt).SetClientID(id).
		SetAutoReconnect(false).SetConnectionLostHandler(func(_ mqtt.Client, err error) { d.lost <- fmt.Errorf("%s: %w", id, err) }))
	d.sent(client.Connect())
	d.t.Cleanup(func() { client.Disconnect(0) })
	return client
}

// sent waits for an acknowledgement.
func (d *door) sent(token mqtt.Token) {
	d.t.Helper()
	if !token.WaitTimeout(patience) {
		d.t.Fatal("no answer from the broker")
	}
	if err := token.Error(); err != nil {
		d.t.Fatal(err)
	}
}

// fresh is a time that no reading of this test has had.
func (d *door) fresh() string {
	d.times++
	return d.began.Add(time.Duration(d.times) * time.Second).Format(time.RFC3339)
}

// fill puts times of their own for {1} to {9}.
func (d *door) fill(payload string) []byte {
	for i := 1; i <= 9; i++ {
		if place := fmt.Sprintf("{%d}", i); strings.Contains(payload, place) {
			payload = strings.ReplaceAll(payload, place, d.fresh())
		}
	}
	return []byte(payload)
}

// mosquitto publishes with the command that people use.
func mosquitto(t *testing.T, address, topic string, payload []byte, more ...string) *exec.Cmd {
	t.Helper()
	program, err := exec.LookPath("mosquitto_pub")
	if err != nil {
		t.Fatal("mosquitto_pub is missing: apt-get install mosquitto-clients")
	}
	host, port, _ := strings.Cut(address, ":")
	from := "-s" // all of standard input is one message
	if len(payload) == 0 {
		from = "-n" // which must not be empty
	}
	cmd := exec.Command(program, append([]string{"-h", host, "-p", port, "-t", topic, from}, more...)...)
	cmd.Stdin = bytes.NewReader(payload)
	return cmd
}

// rejected is one row of the quarantine as the console is given it.
type rejected struct {
	Topic, Station, Sensor, Reason, Detail, Excerpt string
	Position                                        uint64
}

// quarantine reads the newest rows of the quarantine as the operator.
func (d *door) quarantine() []rejected {
	d.t.Helper()
	var page struct{ Rejects []rejected }
	if err := d.server.get(d.operator, "/api/v1/rejects?limit=500", &page); err != nil {
		d.t.Fatal(err)
	}
	return page.Rejects
}

var rejectMetric = regexp.MustCompile(`^tocsin_ingest_rejects_total\{reason="(\w+)"\}$`)

// counted is what /metrics says of refusals, by reason.
func (d *door) counted() map[string]int {
	d.t.Helper()
	values, err := d.server.metrics()
	if err != nil {
		d.t.Fatal(err)
	}
	counts := map[string]int{}
	for name, value := range values {
		if m := rejectMetric.FindStringSubmatch(name); m != nil {
			counts[m[1]] = int(value)
		}
	}
	return counts
}

// holds counts the stored readings of the bridge by value.
func (d *door) holds() map[float64]int {
	d.t.Helper()
	values := map[float64]int{}
	for _, r := range d.server.readings("bridge") {
		values[r.Value]++
	}
	return values
}

// suffer sends a bad message and a good one after it, and checks what became of both.
func (d *door) suffer(m bad, send func(topic string, payload []byte)) {
	d.t.Helper()
	counts, held, rows := d.counted(), d.holds(), d.quarantine()
	topic := m.topic
	if topic == "" {
		topic = "stations/bridge/readings"
	}
	send(topic, d.fill(m.payload))
	good := 2 + float64(d.times)/1000 // a value of its own
	for _, client := range []mqtt.Client{d.witness, d.field} {
		d.sent(client.Publish("stations/bridge/readings", 1, false, fmt.Sprintf(`{"time":%q,"water_level":%v}`, d.fresh(), good)))
	}
	d.server.caughtUp()

	for reason, n := range m.reasons {
		counts[reason] += n
	}
	if now := d.counted(); !maps.Equal(now, counts) {
		d.t.Errorf("%s: counted %v, want %v", m.name, now, counts)
	}
	want := maps.Clone(held)
	want[good] += 2
	for _, value := range m.stored {
		want[value]++
	}
	if now := d.holds(); !maps.Equal(now, want) {
		d.t.Errorf("%s: stored %v, want %v", m.name, now, want)
	}
	d.quarantined(m, topic, rows)
	select {
	case err := <-d.lost:
		d.t.Fatalf("%s: a connection was lost: %v", m.name, err)
	default:
	}
}

// quarantined checks the rows that came on top of those before.
func (d *door) quarantined(m bad, topic string, before []rejected) {
	d.t.Helper()
	newest := uint64(0)
	if len(before) > 0 {
		newest = before[0].Position
	}
	reasons, said := map[string]int{}, ""
	for _, row := range d.quarantine() {
		if row.Position <= newest {
			break
		}
		reasons[row.Reason]++
		said += row.Detail + "\n"
		if row.Topic != topic || row.Detail == "" || len(row.Excerpt) > 200 || (row.Excerpt == "" && m.payload != "") {
			d.t.Errorf("%s: quarantined as %+v", m.name, row)
		}
	}
	if !maps.Equal(reasons, m.reasons) || !strings.Contains(said, m.detail) {
		d.t.Errorf("%s: quarantined for %v, want %v with the words %q; said:\n%s", m.name, reasons, m.reasons, m.detail, said)
	}
}

// TestBadInput sends everything that no station should by paho and by mosquitto_pub: each is counted and
// quarantined with its reason, and what is sent after it goes through.
func TestBadInput(t *testing.T) {
	d := openDoor(t)
	for _, m := range badMessages() {
		d.suffer(m, func(topic string, payload []byte) { d.sent(d.field.Publish(topic, 1, false, payload)) })
		d.suffer(m, func(topic string, payload []byte) {
			if out, err := mosquitto(t, d.server.mqtt, topic, payload, "-q", "1").CombinedOutput(); err != nil {
				t.Errorf("%s: mosquitto_pub: %v: %s", m.name, err, out)
			}
		})
	}
	for _, how := range [][]string{{"-q", "0"}, {"-q", "2"}, {"-q", "1", "-r"}, {"-q", "1", "-V", "mqttv5"}} {
		m := badMessages()[0]
		m.name += " " + strings.Join(how, " ")
		d.suffer(m, func(topic string, payload []byte) {
			before := d.position()
			if out, err := mosquitto(t, d.server.mqtt, topic, payload, how...).CombinedOutput(); err != nil {
				t.Errorf("%s: mosquitto_pub: %v: %s", m.name, err, out)
			}
			eventually(t, func() error { // nobody answers at QoS 0
				if d.position() == before {
					return errors.New("the message has not arrived")
				}
				return nil
			})
		})
	}
	d.tooLarge()
	d.clock()

	rows := d.quarantine()
	demandCleanStop(t, d.server)
	if len(rows) < 2*len(badMessages()) {
		t.Errorf("%d rows in the quarantine at the end", len(rows))
	}
}

// position is where the journal ends.
func (d *door) position() float64 {
	d.t.Helper()
	values, err := d.server.metrics()
	if err != nil {
		d.t.Fatal(err)
	}
	return values["tocsin_ingest_journal_position"]
}

// tooLarge sends what is beyond the largest packet: its sender is cut off, which is counted, and nobody
// else notices.
func (d *door) tooLarge() {
	d.t.Helper()
	const metric = `tocsin_mqtt_clients_cut_off_total{reason="too_large"}`
	d.suffer(bad{name: "17 MB", payload: strings.Repeat(" ", 17<<20)}, func(topic string, payload []byte) {
		p := launch(d.t, mosquitto(d.t, d.server.mqtt, topic, payload, "-q", "1"))
		eventually(d.t, func() error {
			values, err := d.server.metrics()
			if err == nil && values[metric] == 0 {
				err = errors.New(metric + " is 0")
			}
			return err
		})
		p.kill() // it would try again for ever
	})
	var health struct {
		Checks []struct{ Name, Detail string }
	}
	if err := d.server.get(d.operator, "/api/v1/health", &health); err != nil {
		d.t.Fatal(err)
	}
	if !regexp.MustCompile(`\{MQTT [^}]* [1-9]\d* cut off for a message too large`).MatchString(fmt.Sprint(health)) {
		d.t.Errorf("the operators are not told of the client that was cut off: %v", health)
	}
}

// clock tries to set the clock of a site that goes by the machine's: nobody may.
func (d *door) clock() {
	d.t.Helper()
	const metric = "tocsin_mqtt_publishes_denied_total"
	d.suffer(bad{name: "clock"}, func(string, []byte) {
		p := launch(d.t, mosquitto(d.t, d.server.mqtt, "tocsin/clock", []byte(`{"now":"2030-01-01T00:00:00Z"}`), "-q", "1"))
		eventually(d.t, func() error {
			values, err := d.server.metrics()
			if err == nil && values[metric] == 0 {
				err = errors.New(metric + " is 0")
			}
			return err
		})
		p.kill()
	})
}
