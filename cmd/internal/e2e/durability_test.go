package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"tocsin/ingest/journal"
)

// times is how often something is done in a test of every change, and in a long one.
func times(every, long int) int {
	if os.Getenv("TOCSIN_LONG") != "" {
		return long
	}
	return every
}

// TestKillLosesNothing kills the program again and again while devices send: whatever was acknowledged is
// in the history once, and the warnings that went out meanwhile are sound.
func TestKillLosesNothing(t *testing.T) {
	kills := times(20, 200)
	random := rand.New(rand.NewPCG(20, 1994))
	site, data := loadSite(t), filepath.Join(t.TempDir(), "data")
	httpAddr, mqttAddr := keptPorts(t)
	l := startLoad(t, mqttAddr)
	for kill := range kills {
		s := serve(t, site, data, httpAddr, mqttAddr)
		switch kill % 5 {
		case 3:
			s.wait("level=") // in the middle of its start
		case 4:
			s.up() // with the first readings on their way
		default:
			l.wait(1+random.IntN(2000), s.program)
		}
		s.kill()
	}
	t.Logf("%d readings acknowledged over %d kills", l.acknowledged(), kills)
	s := serve(t, site, data, httpAddr, mqttAddr)
	finishAndDemand(t, l, s)
	demandWarnings(t, data, kills)

	// The journal alone tells the same history as the one that was put together between kills.
	again := t.TempDir()
	copySynced(t, filepath.Join(data, "journal.db"), filepath.Join(again, "journal.db"))
	cold := serve(t, site, again, httpAddr, mqttAddr)
	cold.up()
	cold.caughtUp()
	cold.stop()
	demandSameHistory(t, data, again)
}

// finishAndDemand lets the devices finish with a server, checks its history and stops it.
func finishAndDemand(t *testing.T, l *load, s *server) {
	t.Helper()
	l.wait(200, s.program)
	acked := l.finish()
	s.caughtUp()
	l.demand(s, acked)
	demandCleanStop(t, s)
}

// demandCleanStop stops a server. Its exit code is 0 only where all parts ended in order within the
// 5 s that the program promises.
func demandCleanStop(t *testing.T, s *server) {
	t.Helper()
	if code := s.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if s.wait(`level=INFO msg=stopped took=(\S+)`); strings.Contains(s.output(), "level=ERROR") {
		t.Error("an error was told on the way")
	}
}

// TestKillIsNoticed shows that TestKillLosesNothing can fail: a program that acknowledges before it
// commits loses readings.
func TestKillIsNoticed(t *testing.T) {
	program := spoiled(t, "ingest/intake/commit.go", "\terr := in.config.Journal.Append(", `	for i := range group {
		if group[i].done != nil {
			group[i].done(nil)
			group[i].done = nil
		}
	}
	<-time.After(20 * time.Millisecond) // else the page cache has it before the kill comes
	err := in.config.Journal.Append(`)
	site := loadSite(t)
	httpAddr, mqttAddr := keptPorts(t)
	const tries = 20 // a kill between two commits loses nothing even so
	for range tries {
		data := t.TempDir()
		l := startLoad(t, mqttAddr)
		s := serveWith(t, program, site, data, httpAddr, mqttAddr)
		l.wait(300, s.program)
		s.kill()
		if kept(t, data) >= l.acknowledged() {
			l.stop()
			continue
		}
		s = serve(t, site, data, httpAddr, mqttAddr)
		acked := l.finish()
		s.caughtUp()
		for _, station := range loadStations {
			if len(l.wrongs(acked[station], s.readings(station))) > 0 {
				return
			}
		}
		t.Fatal("the journal holds less than was acknowledged, and the check has not noticed")
	}
	t.Errorf("%d kills of a program that acknowledges too early lost nothing: the test above proves nothing", tries)
}

// kept is how many messages the journal of a stopped program holds.
func kept(t *testing.T, data string) int {
	t.Helper()
	j, err := journal.Open(context.Background(), journal.Config{Path: filepath.Join(data, "journal.db"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	return int(j.Last())
}

// TestPowerLossLosesNothing cuts the power of the disk under a running program again and again. What
// was not synced is lost, all of it or page by page.
func TestPowerLossLosesNothing(t *testing.T) {
	cuts := times(8, 80)
	random := rand.New(rand.NewPCG(7, 10))
	site, platter := loadSite(t), t.TempDir()
	httpAddr, mqttAddr := keptPorts(t)
	l := startLoad(t, mqttAddr)
	underLoad := 0
	for cut := range cuts {
		var pages *rand.Rand // nil: everything unsynced goes
		if cut%2 == 1 {
			pages = rand.New(rand.NewPCG(uint64(cut), 7))
		}
		operations := 500 + random.IntN(3000)
		if cut%4 == 0 {
			operations = 1 + random.IntN(300) // in the middle of its start
		}
		before := l.acknowledged()
		platter = powerCut(t, filepath.Join(binaries, "tocsin"), site, platter, httpAddr, mqttAddr, operations, pages)
		if l.acknowledged() > before {
			underLoad++
		}
	}
	t.Logf("%d readings acknowledged over %d power cuts, %d of them under load", l.acknowledged(), cuts, underLoad)
	if underLoad < cuts/2 {
		t.Errorf("%d of %d cuts fell into the load: too few to prove anything", underLoad, cuts)
	}
	s := serve(t, site, platter, httpAddr, mqttAddr)
	finishAndDemand(t, l, s)
	demandWarnings(t, platter, cuts)
}

// powerCut runs the program on a disk with the files of a folder until the power of the disk goes after
// so many operations, and returns a folder with what is on it then.
func powerCut(t *testing.T, program, site, platter, httpAddr, mqttAddr string, operations int, pages *rand.Rand) string {
	t.Helper()
	disk, folder, remove := insert(t, platter)
	s := serveWith(t, program, site, folder, httpAddr, mqttAddr)
	disk.CutAfter(operations, pages)
	eventually(t, func() error {
		if !disk.Dead() {
			return fmt.Errorf("the program has not done %d operations on its disk", operations)
		}
		return nil
	})
	s.kill()
	after := t.TempDir()
	if err := disk.Salvage(after); err != nil {
		t.Fatal(err)
	}
	remove()
	return after
}

// TestPowerLossIsNoticed shows that TestPowerLossLosesNothing can fail: a journal that is not synced
// loses what was acknowledged.
func TestPowerLossIsNoticed(t *testing.T) {
	program := spoiled(t, "ingest/journal/journal.go", `open(ctx, config, "FULL")`, `open(ctx, config, "OFF")`)
	site := loadSite(t)
	httpAddr, mqttAddr := keptPorts(t)
	l := startLoad(t, mqttAddr)
	platter := powerCut(t, program, site, t.TempDir(), httpAddr, mqttAddr, 4000, nil)
	if acked, there := l.acknowledged(), kept(t, platter); acked == 0 || there >= acked {
		t.Errorf("%d acknowledged and %d in a journal without a single sync: the test above proves nothing", acked, there)
	}
}

// TestStopUnderLoad stops the program in order while devices send, a page listens to its events and a
// client does not read its acknowledgements: it ends cleanly, and nothing acknowledged is lost.
func TestStopUnderLoad(t *testing.T) {
	site, data := loadSite(t), filepath.Join(t.TempDir(), "data")
	httpAddr, mqttAddr := keptPorts(t)
	l := startLoad(t, mqttAddr)
	for range times(3, 20) {
		s := serve(t, site, data, httpAddr, mqttAddr)
		s.up()
		events, err := http.Get("http://" + httpAddr + "/api/v1/events")
		if err != nil {
			t.Fatal(err)
		}
		deaf(t, mqttAddr)
		l.wait(1000, s.program)
		demandCleanStop(t, s)
		events.Body.Close()
	}
	s := serve(t, site, data, httpAddr, mqttAddr)
	finishAndDemand(t, l, s)
	demandWarnings(t, data, 1)
}

// deaf publishes more than the broker lets one client have unanswered, and reads nothing.
func deaf(t *testing.T, broker string) {
	t.Helper()
	conn, err := net.Dial("tcp", broker)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	connect := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	connect.ProtocolName, connect.ProtocolVersion, connect.ClientIdentifier, connect.CleanSession = "MQTT", 4, "deaf", true
	if err := connect.Write(conn); err != nil {
		t.Fatal(err)
	}
	go func() {
		for id := range uint16(3000) {
			publish := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
			publish.Qos, publish.MessageID, publish.TopicName, publish.Payload = 1, id+1, "stations/deaf/readings", []byte(`{"water_level":1}`)
			if publish.Write(conn) != nil {
				return // the server has stopped
			}
		}
	}()
}
