package broker

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"tocsin/ingest"
	"tocsin/ingest/journaltest"
)

func start(t testing.TB, change func(*Config)) (*Broker, *journaltest.Memory) {
	t.Helper()
	memory := journaltest.NewMemory()
	config := Config{Listen: "127.0.0.1:0", Door: memory, Log: slog.New(slog.DiscardHandler), Anonymous: true}
	if change != nil {
		change(&config)
	}
	b, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	b.failPause = 20 * time.Millisecond
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		_ = memory.Close()
	})
	return b, memory
}

// holds waits until the journal holds n messages and returns them; more or fewer is a fault.
func holds(t testing.TB, memory *journaltest.Memory, n int) []ingest.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	messages := memory.Wait(ctx, func(m []ingest.Message) bool { return len(m) >= n })
	if len(messages) != n {
		t.Fatalf("the journal holds %d messages, want %d", len(messages), n)
	}
	return messages
}

// until asks again and again whether something has come true.
func until(t testing.TB, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(15 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("not after 15 s")
		}
	}
}

// raw is an MQTT client that does exactly what it is told.
type raw struct {
	t       testing.TB
	conn    net.Conn
	in      *bufio.Reader
	version byte
}

func dial(t testing.TB, b *Broker, version byte, id string, change func(*packets.Packet)) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	r := &raw{t: t, conn: conn, in: bufio.NewReaderSize(conn, 1<<16), version: version}
	pk := packets.Packet{
		ProtocolVersion: version, FixedHeader: packets.FixedHeader{Type: packets.Connect},
		Connect: packets.ConnectParams{ProtocolName: []byte("MQTT"), ClientIdentifier: id, Clean: true, Keepalive: 60},
	}
	if change != nil {
		change(&pk)
	}
	r.send(pk)
	return r
}

// connected dials and wants a CONNACK that says yes.
func connected(t testing.TB, b *Broker, version byte, id string, change func(*packets.Packet)) *raw {
	t.Helper()
	r := dial(t, b, version, id, change)
	if ack := r.receive(); ack.FixedHeader.Type != packets.Connack || ack.ReasonCode != 0 {
		t.Fatalf("CONNECT was answered with %+v", ack)
	}
	return r
}

func (r *raw) send(pk packets.Packet) {
	r.t.Helper()
	pk.ProtocolVersion = r.version
	var buf bytes.Buffer
	var err error
	switch pk.FixedHeader.Type {
	case packets.Connect:
		err = pk.ConnectEncode(&buf)
	case packets.Publish:
		err = pk.PublishEncode(&buf)
	case packets.Pubrel:
		err = pk.PubrelEncode(&buf)
	case packets.Subscribe:
		err = pk.SubscribeEncode(&buf)
	case packets.Disconnect:
		err = pk.DisconnectEncode(&buf)
	case packets.Pingreq:
		err = pk.PingreqEncode(&buf)
	default:
		r.t.Fatalf("no encoder for packet type %d", pk.FixedHeader.Type)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	_ = r.conn.SetWriteDeadline(time.Now().Add(15 * time.Second))
	if _, err := r.conn.Write(buf.Bytes()); err != nil {
		r.t.Logf("write: %v", err)
	}
}

func (r *raw) publish(topic, payload string, qos byte, id uint16, change func(*packets.Packet)) {
	r.t.Helper()
	pk := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: qos}, TopicName: topic, Payload: []byte(payload), PacketID: id}
	if change != nil {
		change(&pk)
	}
	r.send(pk)
}

// receive reads one packet; type 0 means that the connection has ended.
func (r *raw) receive() packets.Packet {
	r.t.Helper()
	pk, err := r.read(15 * time.Second)
	if err != nil {
		return packets.Packet{}
	}
	return pk
}

func (r *raw) read(wait time.Duration) (pk packets.Packet, err error) {
	_ = r.conn.SetReadDeadline(time.Now().Add(wait))
	first, err := r.in.ReadByte()
	if err != nil {
		return pk, err
	}
	if err := pk.FixedHeader.Decode(first); err != nil {
		return pk, err
	}
	if pk.FixedHeader.Remaining, _, err = packets.DecodeLength(r.in); err != nil {
		return pk, err
	}
	body := make([]byte, pk.FixedHeader.Remaining)
	for n := 0; n < len(body); {
		m, err := r.in.Read(body[n:])
		if err != nil {
			return pk, err
		}
		n += m
	}
	pk.ProtocolVersion = r.version
	switch pk.FixedHeader.Type {
	case packets.Connack:
		err = pk.ConnackDecode(body)
	case packets.Publish:
		err = pk.PublishDecode(body)
	case packets.Puback:
		err = pk.PubackDecode(body)
	case packets.Pubrec:
		err = pk.PubrecDecode(body)
	case packets.Pubcomp:
		err = pk.PubcompDecode(body)
	case packets.Suback:
		err = pk.SubackDecode(body)
	case packets.Disconnect:
		err = pk.DisconnectDecode(body)
	}
	return pk, err
}

// silent wants nothing but the answer to a PINGREQ: whatever was to be said before is said by then.
func (r *raw) silent() {
	r.t.Helper()
	r.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Pingreq}})
	if pk := r.receive(); pk.FixedHeader.Type != packets.Pingresp {
		r.t.Errorf("an unexpected packet: %+v", pk)
	}
}

func (r *raw) wants(kind byte, id uint16, reason byte) {
	r.t.Helper()
	if pk := r.receive(); pk.FixedHeader.Type != kind || pk.PacketID != id || pk.ReasonCode != reason {
		r.t.Fatalf("packet type %d id %d reason %#x, want %d %d %#x", pk.FixedHeader.Type, pk.PacketID, pk.ReasonCode, kind, id, reason)
	}
}

func (r *raw) subscribe(filter string, qos byte) {
	r.t.Helper()
	r.send(packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Subscribe, Qos: 1}, PacketID: 1,
		Filters: packets.Subscriptions{{Filter: filter, Qos: qos}},
	})
	if pk := r.receive(); pk.FixedHeader.Type != packets.Suback || pk.ReasonCodes[0] != qos {
		r.t.Fatalf("SUBSCRIBE was answered with %+v", pk)
	}
}
