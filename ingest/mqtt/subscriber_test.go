package mqtt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tocsin/ingest"
	"tocsin/ingest/journaltest"
)

const install = "apt-get install -y mosquitto mosquitto-clients"

// mosquitto is a real broker with the sample configuration of docs.
type mosquitto struct {
	t       *testing.T
	config  string
	address string
	command *exec.Cmd
}

// startMosquitto starts it; change edits the sample configuration.
func startMosquitto(t *testing.T, change func(string) string) *mosquitto {
	t.Helper()
	sample, err := os.ReadFile("../../docs/mosquitto.conf")
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	folder := t.TempDir()
	text := swap(t, string(sample), "listener 1884 127.0.0.1", "listener "+address[strings.LastIndex(address, ":")+1:]+" 127.0.0.1")
	text = swap(t, text, "/var/lib/mosquitto/", folder+"/")
	if os.Getuid() == 0 {
		text += "\nuser root\n"
	}
	if change != nil {
		text = change(text)
	}
	m := &mosquitto{t: t, config: filepath.Join(folder, "mosquitto.conf"), address: address}
	if err := os.WriteFile(m.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m.start()
	t.Cleanup(m.kill)
	return m
}

func swap(t *testing.T, text, from, to string) string {
	t.Helper()
	if !strings.Contains(text, from) {
		t.Fatalf("the sample configuration has no %q", from)
	}
	return strings.Replace(text, from, to, 1)
}

func (m *mosquitto) start() {
	m.t.Helper()
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto"
	}
	if _, err := os.Stat(program); err != nil {
		m.t.Fatalf("mosquitto is missing: %s", install)
	}
	m.command = exec.Command(program, "-c", m.config)
	var said bytes.Buffer
	m.command.Stderr = &said
	if err := m.command.Start(); err != nil {
		m.t.Fatal(err)
	}
	until(m.t, func() bool {
		c, err := net.Dial("tcp", m.address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

func (m *mosquitto) stop() {
	_ = m.command.Process.Signal(os.Interrupt)
	_ = m.command.Wait()
}

func (m *mosquitto) kill() {
	_ = m.command.Process.Kill()
	_ = m.command.Wait()
}

// until asks again and again whether something has come true.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("not after 20 s")
		}
	}
}

func (m *mosquitto) subscriber(t *testing.T, door Door) *Subscriber {
	t.Helper()
	s, err := New(Config{
		Name: "field", URL: "tcp://" + m.address, Topics: []string{"stations/+/readings", "stations/+/status"}, Door: door,
		Log: slog.New(slog.DiscardHandler), MaxPause: 300 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func connected(s *Subscriber) func() bool { return func() bool { return s.State().Connected } }

// publish sends numbered messages with QoS 1 and waits until the broker has them all.
func (m *mosquitto) publish(t *testing.T, from, n int) {
	t.Helper()
	c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + m.address).SetClientID("fleet"))
	if token := c.Connect(); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	defer c.Disconnect(100)
	var tokens []paho.Token
	for i := range n {
		tokens = append(tokens, c.Publish("stations/1/readings", 1, false, strconv.Itoa(from+i)))
	}
	for _, token := range tokens {
		if !token.WaitTimeout(20*time.Second) || token.Error() != nil {
			t.Fatal("the broker did not take a message")
		}
	}
}

func memory(t *testing.T) *journaltest.Memory {
	m := journaltest.NewMemory()
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// numbers waits until the journal holds every number below n, and returns how often each is there.
func numbers(t *testing.T, j *journaltest.Memory, n int) []int {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var times []int
	j.Wait(ctx, func(messages []ingest.Message) bool {
		times = make([]int, n)
		distinct := 0
		for _, m := range messages {
			i, err := strconv.Atoi(string(m.Payload))
			if err != nil || i >= n {
				t.Fatalf("the journal holds %q", m.Payload)
			}
			if times[i]++; times[i] == 1 {
				distinct++
			}
		}
		return distinct == n
	})
	for i, k := range times {
		if k == 0 {
			t.Fatalf("message %d of %d is lost", i, n)
		}
	}
	return times
}

func TestMessagesArriveInOrderAndAreAcknowledged(t *testing.T) {
	broker := startMosquitto(t, nil)
	j := memory(t)
	s := broker.subscriber(t, j)
	until(t, connected(s))
	broker.publish(t, 0, 3000)
	numbers(t, j, 3000)
	messages, err := j.Read(context.Background(), 0, 3000)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range messages {
		if string(m.Payload) != strconv.Itoa(i) || m.Source != "field" || m.Topic != "stations/1/readings" {
			t.Fatalf("message %d is %+v", i, m)
		}
	}
	until(t, func() bool { return s.State().Unanswered == 0 })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := memory(t) // all was acknowledged: nothing comes again
	s = broker.subscriber(t, again)
	until(t, connected(s))
	broker.publish(t, 3000, 1)
	until(t, func() bool { return again.Last() > 0 })
	if got, _ := again.Read(context.Background(), 0, 10); len(got) != 1 || string(got[0].Payload) != "3000" {
		t.Errorf("after a restart: %+v", got)
	}
}

// TestNothingIsLostBetweenPublishAndAcknowledgement stops the subscriber while everything waits for the
// commit: it is as if the process was killed.
func TestNothingIsLostBetweenPublishAndAcknowledgement(t *testing.T) {
	broker := startMosquitto(t, nil)
	lost := memory(t)
	lost.Hold(true)
	s := broker.subscriber(t, lost)
	until(t, connected(s))
	broker.publish(t, 0, 3000)
	until(t, func() bool { return lost.Held() == 3000 })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	broker.publish(t, 3000, 500) // while nobody is there
	j := memory(t)
	broker.subscriber(t, j)
	numbers(t, j, 3500)
}

// TestTheSampleConfigurationMatters shows that the test above can fail: it is the limits of the sample
// that let 3,000 messages wait for one commit.
func TestTheSampleConfigurationMatters(t *testing.T) {
	broker := startMosquitto(t, func(text string) string {
		text = swap(t, text, "max_inflight_messages 0", "#")
		return swap(t, text, "max_queued_messages 0", "max_queued_messages 100")
	})
	j := memory(t)
	j.Hold(true)
	s := broker.subscriber(t, j)
	until(t, connected(s))
	broker.publish(t, 0, 3000)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if held := j.Held(); held > 500 {
		t.Errorf("%d messages came unacknowledged; Mosquitto's defaults used to allow 20", held)
	}
}

func TestWhatIsNotKeptComesAgain(t *testing.T) {
	broker := startMosquitto(t, nil)
	j := memory(t)
	s := broker.subscriber(t, j)
	until(t, connected(s))
	j.Refuse(errors.New("no room"))
	broker.publish(t, 0, 20)
	until(t, func() bool { return s.State().Unkept >= 20 })
	if j.Last() != 0 {
		t.Fatal("kept although refused")
	}
	j.Refuse(nil)
	numbers(t, j, 20)
	until(t, func() bool { return s.State().Connections >= 2 })
}

func TestTheBrokerGoesAwayAndComesBack(t *testing.T) {
	broker := startMosquitto(t, nil)
	j := memory(t)
	s := broker.subscriber(t, j)
	until(t, connected(s))
	broker.publish(t, 0, 10)
	numbers(t, j, 10)
	broker.stop()
	until(t, func() bool { return !s.State().Connected })
	if s.State().Err == "" {
		t.Error("no reason is given for the lost connection")
	}
	broker.start()
	until(t, connected(s))
	broker.publish(t, 10, 10)
	numbers(t, j, 20)
}

func TestRetainedAndBinaryPayloads(t *testing.T) {
	broker := startMosquitto(t, nil)
	pub, err := exec.LookPath("mosquitto_pub")
	if err != nil {
		t.Fatalf("mosquitto_pub is missing: %s", install)
	}
	host, port, _ := net.SplitHostPort(broker.address)
	if out, err := exec.Command(pub, "-h", host, "-p", port, "-q", "2", "-r", "-t", "stations/1/status", "-m", "online").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	j := memory(t)
	broker.subscriber(t, j)
	until(t, func() bool { return j.Last() == 1 })
	if got, _ := j.Read(context.Background(), 0, 1); !got[0].Retained || string(got[0].Payload) != "online" {
		t.Errorf("kept %+v", got)
	}
}

// TestARefusedSubscriptionIsTold plays a broker that grants nothing (Mosquitto grants and stays silent).
func TestARefusedSubscriptionIsTold(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			packet := make([]byte, 1000)
			_, _ = c.Read(packet)                                          // CONNECT
			_, _ = c.Write([]byte{0x20, 2, 0, 0})                          // CONNACK: welcome
			_, _ = c.Read(packet)                                          // SUBSCRIBE
			_, _ = c.Write([]byte{0x90, 4, packet[2], packet[3], 1, 0x80}) // SUBACK: one of two
			_, _ = c.Read(packet)
			_ = c.Close()
		}
	}()
	s := (&mosquitto{t: t, address: listener.Addr().String()}).subscriber(t, memory(t))
	until(t, func() bool { return strings.Contains(s.State().Err, "does not grant QoS 1") })
	if s.State().Connected {
		t.Error("counts as connected")
	}
}

func TestValidate(t *testing.T) {
	sound := Config{Name: "field", URL: "tcp://127.0.0.1:1884", Topics: []string{"#"}, Door: memory(t), Log: slog.New(slog.DiscardHandler)}
	if err := sound.Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Config){
		"name":    func(c *Config) { c.Name = "" },
		"scheme":  func(c *Config) { c.URL = "http://x:1" },
		"no host": func(c *Config) { c.URL = "tcp:" },
		"secret":  func(c *Config) { c.URL = "tcp://user:secret@host:1883" },
		"topics":  func(c *Config) { c.Topics = nil },
		"topic":   func(c *Config) { c.Topics = []string{""} },
		"door":    func(c *Config) { c.Door = nil },
	} {
		bad := sound
		change(&bad)
		if err := bad.Validate(); err == nil {
			t.Errorf("%s: taken", name)
		} else if strings.Contains(fmt.Sprint(err), "secret") {
			t.Errorf("%s: the error tells the password: %v", name, err)
		}
	}
}
