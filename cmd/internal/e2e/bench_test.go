package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"tocsin/ingest"
	"tocsin/ingest/broker"
	"tocsin/ingest/intake"
	"tocsin/ingest/journal"
	"tocsin/ingest/qc"
	"tocsin/ingest/wire"
)

// nativeDecoder reads the native payloads of a network.
type nativeDecoder struct{ network *ingest.Network }

func (d nativeDecoder) Decode(m ingest.Message) ([]ingest.Reading, []ingest.Reject) {
	return wire.Decode(m, d.network)
}
func (d nativeDecoder) Status(m ingest.Message) (ingest.Status, bool) { return wire.Status(m) }
func (d nativeDecoder) Clock(payload []byte) (time.Time, error)       { return wire.Clock(payload) }

// BenchmarkIngest measures a reading's way from PUBLISH to PUBACK at QoS 1: embedded broker, intake,
// journal with its fsync, and behind it decoding and quality tests, which do not hold up the answer. One
// message of one reading an operation; publisher and program share the machine. docs/bench/ingest.sh
// runs it.
func BenchmarkIngest(b *testing.B) {
	for _, connections := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("connections=%d", connections), func(b *testing.B) { benchmarkIngest(b, connections) })
	}
}

func benchmarkIngest(b *testing.B, connections int) {
	network, err := ingest.NewNetwork(benchStations(connections))
	if err != nil {
		b.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	j, err := journal.Open(b.Context(), journal.Config{Path: filepath.Join(b.TempDir(), "journal.db"), Log: quiet})
	if err != nil {
		b.Fatal(err)
	}
	in, err := intake.New(b.Context(), intake.Config{
		Journal: j, Decoder: nativeDecoder{network}, NewChecker: func() intake.Checker { return qc.New(network) }, Log: quiet, Now: time.Now,
	})
	if err != nil {
		b.Fatal(err)
	}
	door, err := broker.New(broker.Config{Listen: "127.0.0.1:0", Door: in, Log: quiet, Anonymous: true})
	if err != nil {
		b.Fatal(err)
	}
	publishers := make([]*publisher, connections)
	for i := range publishers {
		publishers[i] = dialPublisher(b, door.Addr(), benchStation(i), share(b.N, connections, i))
	}
	b.ReportAllocs()
	b.ResetTimer()
	var all sync.WaitGroup
	for _, p := range publishers {
		all.Go(func() { p.run(b) })
	}
	all.Wait()
	b.StopTimer()
	stats := in.Stats()
	if stats.Messages != uint64(b.N) || j.Last() != uint64(b.N) {
		b.Fatalf("%d messages acknowledged, %d counted, %d in the journal", b.N, stats.Messages, j.Last())
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "readings/s")
	b.ReportMetric(float64(b.N)/float64(stats.Commits), "readings/commit")
	b.ReportMetric(float64(stats.CommitTime.Microseconds())/float64(stats.Commits), "µs/commit")
	if err := in.Close(); err != nil {
		b.Error(err)
	}
	if err := door.Close(); err != nil {
		b.Error(err)
	}
	if err := j.Close(); err != nil {
		b.Error(err)
	}
}

func benchStation(i int) string { return fmt.Sprintf("station-%03d", i) }

func benchStations(n int) (stations []ingest.Station) {
	for i := range n {
		stations = append(stations, ingest.Station{ID: benchStation(i), Sensors: []ingest.Sensor{{ID: "water_level", Quantity: ingest.WaterLevel, Unit: "m"}}})
	}
	return stations
}

// share is how many of n operations fall to place i of so many.
func share(n, places, i int) int {
	if i < n%places {
		return n/places + 1
	}
	return n / places
}

// publisher is one connection that publishes with a window of unanswered messages.
type publisher struct {
	conn    net.Conn
	in      *bufio.Reader
	station string
	count   int
	window  chan struct{}
}

// benchWindow is how many messages of one connection wait for their answer.
const benchWindow = 500

func dialPublisher(b *testing.B, address, station string, count int) *publisher {
	b.Helper()
	conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	p := &publisher{conn, bufio.NewReaderSize(conn, 1<<16), station, count, make(chan struct{}, benchWindow)}
	connect := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	connect.ProtocolName, connect.ProtocolVersion, connect.ClientIdentifier, connect.CleanSession = "MQTT", 4, station, true
	if err := connect.Write(conn); err != nil {
		b.Fatal(err)
	}
	if answer, err := packets.ReadPacket(p.in); err != nil || answer.(*packets.ConnackPacket).ReturnCode != 0 {
		b.Fatalf("connect: %v, %v", answer, err)
	}
	return p
}

// run publishes all and waits for all answers. It reports by Error, since it is not the benchmark's own
// goroutine.
func (p *publisher) run(b *testing.B) {
	go p.publish(b)
	var puback [4]byte // fixed header 0x40 0x02 and the packet identifier (MQTT 3.1.1, section 3.4)
	for n := range p.count {
		if _, err := io.ReadFull(p.in, puback[:]); err != nil {
			b.Errorf("%s: %v", p.station, err)
			return
		}
		if id := int(puback[2])<<8 | int(puback[3]); puback[0] != 0x40 || puback[1] != 2 || id != packetID(n) {
			b.Errorf("%s: answer %d is % x, want the PUBACK of %d", p.station, n, puback, packetID(n))
			return
		}
		<-p.window
	}
}

func packetID(n int) int { return 1 + n%60_000 }

func (p *publisher) publish(b *testing.B) {
	out := bufio.NewWriterSize(p.conn, 1<<15)
	begin := time.Now().UTC().Add(-time.Hour)
	for n := range p.count {
		select {
		case p.window <- struct{}{}:
		default: // the window is full: let them go, then wait
			if err := out.Flush(); err != nil {
				b.Errorf("%s: %v", p.station, err)
				return
			}
			p.window <- struct{}{}
		}
		publish := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		publish.Qos, publish.MessageID, publish.TopicName = 1, uint16(packetID(n)), "stations/"+p.station+"/readings"
		publish.Payload = fmt.Appendf(nil, `{"time":%q,"water_level":%.3f}`, begin.Add(time.Duration(n)*time.Millisecond).Format("2006-01-02T15:04:05.000Z"), level(n))
		if err := publish.Write(out); err != nil {
			b.Errorf("%s: %v", p.station, err)
			return
		}
	}
	if err := out.Flush(); err != nil {
		b.Errorf("%s: %v", p.station, err)
	}
}
