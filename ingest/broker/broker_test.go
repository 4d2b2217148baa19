package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/mochi-mqtt/server/v2/packets"

	"tocsin/ingest"
)

const install = "apt-get install -y mosquitto mosquitto-clients"

// tool finds a Mosquitto program or fails with the command that installs it.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: %s", name, install)
	}
	return path
}

func pahoClient(t testing.TB, b *Broker, id string, change func(*paho.ClientOptions)) paho.Client {
	t.Helper()
	options := paho.NewClientOptions().AddBroker("tcp://" + b.Addr()).SetClientID(id).SetConnectTimeout(10 * time.Second)
	if change != nil {
		change(options)
	}
	c := paho.NewClient(options)
	if token := c.Connect(); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		t.Fatalf("connect: %v", token.Error())
	}
	t.Cleanup(func() { c.Disconnect(0) })
	return c
}

func TestAnAnswerComesOnlyAfterTheCommit(t *testing.T) {
	for _, version := range []byte{4, 5} {
		for _, qos := range []byte{1, 2} {
			t.Run(fmt.Sprintf("version %d QoS %d", version, qos), func(t *testing.T) {
				b, memory := start(t, nil)
				memory.Hold(true)
				r := connected(t, b, version, "logger", nil)
				r.publish("stations/1/readings", "1.5", qos, 9, nil)
				r.silent()
				if memory.Held() != 1 || memory.Last() != 0 {
					t.Fatalf("%d held, %d kept", memory.Held(), memory.Last())
				}
				memory.Hold(false)
				r.wants(answerOf(qos), 9, 0)
				if qos == 2 {
					r.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Pubrel, Qos: 1}, PacketID: 9})
					r.wants(packets.Pubcomp, 9, 0)
				}
				m := holds(t, memory, 1)[0]
				if m.Source != Source || m.Client != "logger" || m.Topic != "stations/1/readings" || string(m.Payload) != "1.5" || m.Retained {
					t.Errorf("kept %+v", m)
				}
			})
		}
	}
}

func TestPahoPublishesEveryQoS(t *testing.T) {
	b, memory := start(t, nil)
	c := pahoClient(t, b, "paho", nil)
	for n := range 300 {
		if token := c.Publish("stations/1/readings", byte(n%3), false, fmt.Sprint(n)); n%3 == 2 && (!token.WaitTimeout(10*time.Second) || token.Error() != nil) {
			t.Fatalf("publish %d: %v", n, token.Error())
		}
	}
	for n, m := range holds(t, memory, 300) {
		if string(m.Payload) != fmt.Sprint(n) {
			t.Fatalf("message %d is %s", n, m.Payload)
		}
	}
}

func TestMosquittoPublishesEveryQoSAndVersion(t *testing.T) {
	pub := tool(t, "mosquitto_pub")
	b, memory := start(t, nil)
	host, port, _ := net.SplitHostPort(b.Addr())
	n := 0
	for _, version := range []string{"mqttv311", "mqttv5"} {
		for _, qos := range []string{"0", "1", "2"} {
			command := exec.Command(pub, "-h", host, "-p", port, "-V", version, "-q", qos, "-t", "stations/2/readings", "-l")
			command.Stdin = strings.NewReader("a\nb\nc\n")
			if out, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%s QoS %s: %v: %s", version, qos, err, out)
			}
			n += 3
			messages := holds(t, memory, n)
			if got := string(messages[n-3].Payload) + string(messages[n-2].Payload) + string(messages[n-1].Payload); got != "abc" {
				t.Errorf("%s QoS %s kept %q", version, qos, got)
			}
		}
	}
}

// TestQoS2IsKeptOnce repeats a publish on the same and on a new connection, before and after the commit.
func TestQoS2IsKeptOnce(t *testing.T) {
	for _, version := range []byte{4, 5} {
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) {
			b, memory := start(t, nil)
			resume := func(pk *packets.Packet) {
				pk.Connect.Clean = false
				if version == 5 {
					pk.Properties.SessionExpiryInterval, pk.Properties.SessionExpiryIntervalFlag = 300, true
				}
			}
			dup := func(pk *packets.Packet) { pk.FixedHeader.Dup = true }
			memory.Hold(true)
			r := connected(t, b, version, "once", resume)
			r.publish("stations/1/readings", "x", 2, 7, nil)
			r.publish("stations/1/readings", "x", 2, 7, dup)
			r.silent()
			_ = r.conn.Close()
			r = connected(t, b, version, "once", resume)
			r.publish("stations/1/readings", "x", 2, 7, dup)
			r.silent()
			memory.Hold(false)
			r.wants(packets.Pubrec, 7, 0)
			r.publish("stations/1/readings", "x", 2, 7, dup)
			r.wants(packets.Pubrec, 7, 0)
			release := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Pubrel, Qos: 1}, PacketID: 7}
			r.send(release)
			r.wants(packets.Pubcomp, 7, 0)
			holds(t, memory, 1)
			r.publish("stations/1/readings", "y", 2, 7, nil)
			r.wants(packets.Pubrec, 7, 0)
			if m := holds(t, memory, 2)[1]; string(m.Payload) != "y" {
				t.Errorf("the identifier cannot be used again: kept %s", m.Payload)
			}
		})
	}
}

// gated is a door that is stuck for what is published on topic gate.
type gated struct {
	Door
	gate chan struct{}
}

func (g gated) Offer(ctx context.Context, m ingest.Message, done func(error)) error {
	if m.Topic == "gate" {
		<-g.gate
		return errors.New("stuck")
	}
	return g.Door.Offer(ctx, m, done)
}

func TestWills(t *testing.T) {
	withWill := func(delay uint32) func(*packets.Packet) {
		return func(pk *packets.Packet) {
			pk.Connect.WillFlag, pk.Connect.WillQos, pk.Connect.WillRetain = true, 1, true
			pk.Connect.WillTopic, pk.Connect.WillPayload = "stations/1/status", []byte("offline")
			pk.Connect.WillProperties.WillDelayInterval = delay
			pk.Connect.Clean = delay == 0
			if delay > 0 {
				pk.Properties.SessionExpiryInterval, pk.Properties.SessionExpiryIntervalFlag = 300, true
			}
		}
	}
	t.Run("a lost connection, then a late subscriber", func(t *testing.T) {
		b, memory := start(t, nil)
		memory.Hold(true)
		_ = connected(t, b, 4, "s", withWill(0)).conn.Close()
		until(t, func() bool { return memory.Held() > 0 })
		early := connected(t, b, 4, "early", nil)
		early.subscribe("stations/+/status", 1)
		early.silent() // not before it is kept
		memory.Hold(false)
		if pk := early.receive(); pk.TopicName != "stations/1/status" || string(pk.Payload) != "offline" || pk.FixedHeader.Retain {
			t.Errorf("the subscriber got %+v", pk)
		}
		if m := holds(t, memory, 1)[0]; string(m.Payload) != "offline" || !m.Retained || m.Client != "s" {
			t.Errorf("kept %+v", m)
		}
		late := connected(t, b, 4, "late", nil)
		late.subscribe("stations/+/status", 1)
		if pk := late.receive(); string(pk.Payload) != "offline" || !pk.FixedHeader.Retain {
			t.Errorf("the late subscriber got %+v", pk)
		}
	})
	t.Run("none after a goodbye", func(t *testing.T) {
		b, memory := start(t, nil)
		r := connected(t, b, 4, "s", withWill(0))
		r.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Disconnect}})
		r.receive()
		connected(t, b, 4, "s", nil).publish("stations/1/readings", "1", 1, 1, nil)
		if m := holds(t, memory, 1)[0]; m.Topic != "stations/1/readings" {
			t.Errorf("kept %+v", m)
		}
	})
	t.Run("before the birth of the session that takes over", func(t *testing.T) {
		gate := make(chan struct{})
		b, memory := start(t, func(c *Config) { c.Door = gated{c.Door, gate} })
		defer close(gate)
		old := connected(t, b, 4, "s", withWill(0))
		old.publish("gate", "", 0, 0, nil) // the old connection hangs and cannot say its will itself
		r := connected(t, b, 4, "s", withWill(0))
		r.publish("stations/1/status", "online", 1, 1, nil)
		r.wants(packets.Puback, 1, 0)
		messages := holds(t, memory, 2)
		if string(messages[0].Payload) != "offline" || string(messages[1].Payload) != "online" {
			t.Errorf("%s, then %s", messages[0].Payload, messages[1].Payload)
		}
	})
	t.Run("delayed, and the client comes back", func(t *testing.T) {
		b, memory := start(t, nil)
		_ = connected(t, b, 5, "s", withWill(1)).conn.Close()
		r := connected(t, b, 5, "s", withWill(1))
		r.publish("stations/1/readings", "1", 1, 1, nil)
		r.wants(packets.Puback, 1, 0)
		holds(t, memory, 1)
		_ = r.conn.Close()
		if m := holds(t, memory, 2)[1]; string(m.Payload) != "offline" {
			t.Errorf("the delayed will did not come: %+v", m)
		}
	})
	t.Run("none when the broker stops", func(t *testing.T) {
		b, memory := start(t, nil)
		connected(t, b, 4, "s", withWill(0))
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if memory.Last() != 0 {
			t.Error("our own stop made a station say it is offline")
		}
	})
	t.Run("on somebody else's topic", func(t *testing.T) {
		b, memory := start(t, func(c *Config) {
			c.Anonymous, c.Authenticate = false, func(user, password string) bool { return password == "p" }
		})
		_ = connected(t, b, 4, "s", func(pk *packets.Packet) {
			withWill(0)(pk)
			login("2")(pk)
		}).conn.Close()
		until(t, func() bool { return b.Stats().Denied > 0 })
		if memory.Last() != 0 {
			t.Error("the will was kept")
		}
	})
}

func login(user string) func(*packets.Packet) {
	return func(pk *packets.Packet) {
		pk.Connect.UsernameFlag, pk.Connect.Username = true, []byte(user)
		pk.Connect.PasswordFlag, pk.Connect.Password = true, []byte("p")
	}
}

func TestRetainedIsServedAfterTheCommitAndCanBeCleared(t *testing.T) {
	sub := tool(t, "mosquitto_sub")
	b, memory := start(t, nil)
	c := pahoClient(t, b, "station", nil)
	c.Publish("stations/1/status", 1, true, "online").WaitTimeout(10 * time.Second)
	holds(t, memory, 1)
	host, port, _ := net.SplitHostPort(b.Addr())
	for _, version := range []string{"mqttv311", "mqttv5"} {
		out, err := exec.Command(sub, "-h", host, "-p", port, "-V", version, "-t", "stations/#", "-q", "1", "-C", "1", "-W", "10", "-F", "%t %p %r").CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != "stations/1/status online 1" {
			t.Errorf("%s: %s (%v)", version, out, err)
		}
	}
	c.Publish("stations/1/status", 1, true, "").WaitTimeout(10 * time.Second)
	holds(t, memory, 2)
	until(t, func() bool { return b.Stats().Forwarded >= 2 })
	r := connected(t, b, 4, "later", nil)
	r.subscribe("stations/#", 1)
	r.silent()
}

func TestOthersSeeReadingsAfterTheCommit(t *testing.T) {
	b, memory := start(t, nil)
	seen := make(chan string, 100)
	c := pahoClient(t, b, "dashboard", nil)
	c.Subscribe("stations/+/readings", 1, func(_ paho.Client, m paho.Message) { seen <- string(m.Payload()) }).WaitTimeout(10 * time.Second)
	memory.Hold(true)
	p := pahoClient(t, b, "logger", nil)
	var tokens []paho.Token
	for n := range 50 {
		tokens = append(tokens, p.Publish("stations/1/readings", 1, false, fmt.Sprint(n)))
	}
	until(t, func() bool { return memory.Held() >= 50 })
	select {
	case got := <-seen:
		t.Fatalf("%s was forwarded before it was kept", got)
	default:
	}
	memory.Hold(false)
	for n := range 50 {
		select {
		case got := <-seen:
			if got != fmt.Sprint(n) {
				t.Fatalf("%s where %d was next", got, n)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("message %d was not forwarded", n)
		}
		tokens[n].WaitTimeout(10 * time.Second)
	}
}

func TestAClientWithTooManyUnansweredIsReadNoFurther(t *testing.T) {
	b, memory := start(t, func(c *Config) { c.MaxUnanswered = 100 })
	memory.Hold(true)
	r := connected(t, b, 4, "eager", nil)
	const n = 1000
	for i := range n {
		r.publish("stations/1/readings", fmt.Sprint(i), 1, uint16(i+1), nil)
	}
	other := connected(t, b, 4, "other", nil) // is not held up
	other.publish("stations/2/readings", "0", 1, 1, nil)
	until(t, func() bool { return memory.Held() >= 101 })
	other.silent()
	if held := memory.Held(); held != 101 {
		t.Errorf("%d messages were taken, want 100 of one client and 1 of the other", held)
	}
	memory.Hold(false)
	for i := range n {
		r.wants(packets.Puback, uint16(i+1), 0)
	}
	holds(t, memory, n+1)
}

func TestAClientThatNeverReadsIsCutOffAndBlocksNobody(t *testing.T) {
	b, _ := start(t, func(c *Config) { c.WriteTimeout = 50 * time.Millisecond })
	server, client := net.Pipe() // holds nothing: the first write blocks
	defer client.Close()
	c, ok := b.listener.enter(server)
	if !ok {
		t.Fatal("refused")
	}
	c.version = 4
	for id := range uint16(10) {
		if err := c.take(); err != nil {
			t.Fatal(err)
		}
		c.answer(packets.Puback, id, 0) // must not block
	}
	select {
	case <-c.ctx.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the client was not cut off")
	}
	until(t, func() bool { return len(c.slots) == 0 })
	if b.Stats().Slow == 0 {
		t.Error("not counted")
	}
}

func TestWhatIsNotKeptIsNotAnsweredAndComesAgain(t *testing.T) {
	for _, qos := range []byte{1, 2} {
		b, memory := start(t, nil)
		memory.Refuse(errors.New("no room"))
		c := pahoClient(t, b, "patient", func(o *paho.ClientOptions) {
			o.SetCleanSession(false).SetAutoReconnect(true).SetMaxReconnectInterval(100 * time.Millisecond)
		})
		token := c.Publish("stations/1/readings", qos, false, "precious")
		until(t, func() bool { return b.Stats().Unkept > 0 })
		select {
		case <-token.Done():
			t.Fatal("answered although not kept")
		default:
		}
		memory.Refuse(nil)
		if !token.WaitTimeout(15*time.Second) || token.Error() != nil {
			t.Fatalf("QoS %d: never answered: %v", qos, token.Error())
		}
		holds(t, memory, 1)
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	closed := func(c *Config) {
		c.Anonymous = false
		c.Authenticate = func(user, password string) bool { return (user == "1" || user == "2") && password == "p" }
	}
	for _, c := range []struct {
		name  string
		login func(*packets.Packet)
		ok    bool
	}{
		{"nobody", nil, false},
		{"a stranger", login("9"), false},
		{"a wrong password", func(pk *packets.Packet) { login("1")(pk); pk.Connect.Password = []byte("q") }, false},
		{"a device", login("1"), true},
	} {
		b, _ := start(t, closed)
		ack := dial(t, b, 4, "x", c.login).receive()
		if ok := ack.FixedHeader.Type == packets.Connack && ack.ReasonCode == 0; ok != c.ok {
			t.Errorf("%s: answered %+v", c.name, ack)
		}
	}
	for _, topic := range []string{"stations/2/readings", "stations/1", "stations/11/readings", ClockTopic, "other"} {
		b, memory := start(t, closed)
		r := connected(t, b, 5, "x", login("1"))
		r.publish(topic, "1", 1, 3, nil)
		r.wants(packets.Puback, 3, packets.ErrNotAuthorized.Code)
		old := connected(t, b, 4, "y", login("1"))
		old.publish(topic, "1", 1, 3, nil)
		for pk := old.receive(); pk.FixedHeader.Type != 0; pk = old.receive() {
			if pk.FixedHeader.Type == packets.Puback {
				t.Errorf("%s: a refused publish was acknowledged", topic)
			}
		}
		if memory.Last() != 0 || b.Stats().Denied != 2 {
			t.Errorf("%s: %d kept, %d denied", topic, memory.Last(), b.Stats().Denied)
		}
	}
	t.Run("an alias does not get around it", func(t *testing.T) {
		b, memory := start(t, closed)
		r := connected(t, b, 5, "x", login("1"))
		alias := func(pk *packets.Packet) { pk.Properties.TopicAlias, pk.Properties.TopicAliasFlag = 4, true }
		r.publish("stations/1/readings", "1", 1, 1, alias)
		r.wants(packets.Puback, 1, 0)
		r.publish("", "2", 1, 2, alias)
		r.wants(packets.Puback, 2, 0)
		r.publish("stations/2/readings", "3", 1, 3, alias)
		r.wants(packets.Puback, 3, packets.ErrNotAuthorized.Code)
		r.publish("", "4", 1, 4, alias)
		r.wants(packets.Puback, 4, 0)
		for _, m := range holds(t, memory, 3) {
			if m.Topic != "stations/1/readings" {
				t.Errorf("kept %+v", m)
			}
		}
	})
	t.Run("an alias that was never set", func(t *testing.T) {
		b, memory := start(t, nil)
		r := connected(t, b, 5, "x", nil)
		r.publish("", "1", 1, 1, func(pk *packets.Packet) { pk.Properties.TopicAlias, pk.Properties.TopicAliasFlag = 9, true })
		if pk := r.receive(); pk.FixedHeader.Type == packets.Puback && pk.ReasonCode == 0 || memory.Last() != 0 {
			t.Errorf("answered with %+v, %d kept", pk, memory.Last())
		}
	})
	t.Run("a client id belongs to its user", func(t *testing.T) {
		b, _ := start(t, closed)
		r := connected(t, b, 4, "x", login("1"))
		if ack := dial(t, b, 4, "x", login("2")).receive(); ack.ReasonCode == 0 {
			t.Error("another device took the session over")
		}
		r.silent()
	})
	t.Run("the clock for those who may", func(t *testing.T) {
		b, memory := start(t, func(c *Config) { c.MaySetClock = func(user string) bool { return user == "" } })
		r := connected(t, b, 4, "sim", nil)
		r.publish(ClockTopic, "now", 1, 1, nil)
		r.wants(packets.Puback, 1, 0)
		holds(t, memory, 1)
	})
	t.Run("no reading of others", func(t *testing.T) {
		b, _ := start(t, closed)
		r := connected(t, b, 4, "x", login("1"))
		r.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Subscribe, Qos: 1}, PacketID: 1, Filters: packets.Subscriptions{{Filter: "#"}}})
		if pk := r.receive(); pk.FixedHeader.Type != packets.Suback || pk.ReasonCodes[0] < 0x80 {
			t.Errorf("SUBSCRIBE to everything was answered with %+v", pk)
		}
	})
}

func TestTooLargeHarmsNobodyElse(t *testing.T) {
	b, memory := start(t, nil)
	good := connected(t, b, 4, "good", nil)
	big := strings.Repeat("9", 10<<20)
	r := connected(t, b, 5, "big", nil)
	r.publish("stations/1/readings", big, 1, 1, nil)
	r.wants(packets.Puback, 1, packets.ErrImplementationSpecificError.Code)
	r.publish("stations/1/readings", "1", 1, 2, nil) // the station goes on
	r.wants(packets.Puback, 2, 0)
	huge := connected(t, b, 4, "huge", nil)
	huge.publish("stations/1/readings", strings.Repeat("9", 17<<20), 1, 1, nil)
	for pk := huge.receive(); pk.FixedHeader.Type != 0; pk = huge.receive() {
	}
	until(t, func() bool { return b.Stats().TooLarge > 0 })
	good.publish("stations/2/readings", "1", 1, 1, nil)
	good.wants(packets.Puback, 1, 0)
	holds(t, memory, 3)
}

func TestNonsenseIsCutOff(t *testing.T) {
	b, memory := start(t, nil)
	for _, bytes := range []string{"GET / HTTP/1.1\r\n\r\n", "\x10\x00", "\x30\xff\xff\xff\xff\xff", "\x10\x0c\x00\x04MQTT\x09\x02\x00\x3c\x00\x00"} {
		conn, err := net.Dial("tcp", b.Addr())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte(bytes))
		_ = conn.SetReadDeadline(time.Now().Add(15 * time.Second))
		for err = nil; err == nil; {
			_, err = conn.Read(make([]byte, 100))
		}
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("%q: the connection was left open", bytes)
		}
		_ = conn.Close()
	}
	r := connected(t, b, 4, "wild", nil)
	r.publish("stations/+/readings", "1", 1, 1, nil)
	if pk := r.receive(); pk.FixedHeader.Type == packets.Puback {
		t.Error("a publish to a wildcard was acknowledged")
	}
	if memory.Last() != 0 {
		t.Error("nonsense was kept")
	}
}

func TestCloseIsQuickWithAClientThatDoesNotRead(t *testing.T) {
	b, memory := start(t, nil)
	memory.Hold(true)
	r := connected(t, b, 4, "x", nil)
	r.publish("stations/1/readings", "1", 1, 1, nil)
	idle, err := net.Dial("tcp", b.Addr()) // never says CONNECT
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	began := time.Now()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("Close took %v", took)
	}
}

// BenchmarkPublishToAnswer streams QoS 1 publishes over a few connections and reads the answers.
func BenchmarkPublishToAnswer(b *testing.B) {
	broker, _ := start(b, nil)
	const clients = 4
	payload := `{"time":"2026-11-23T08:00:00Z","water_level":3.21,"battery_voltage":12.4}`
	var ends []chan struct{}
	b.ResetTimer()
	for n := range clients {
		r := connected(b, broker, 4, fmt.Sprint("bench", n), nil)
		mine := b.N / clients
		end := make(chan struct{})
		ends = append(ends, end)
		window := make(chan struct{}, 900)
		go func() {
			for i := range mine {
				window <- struct{}{}
				r.publish("stations/2057/readings", payload, 1, uint16(i%60000+1), nil)
			}
		}()
		go func() {
			defer close(end)
			for range mine {
				if r.receive().FixedHeader.Type != packets.Puback {
					b.Error("no PUBACK")
					return
				}
				<-window
			}
		}()
	}
	for _, end := range ends {
		<-end
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
