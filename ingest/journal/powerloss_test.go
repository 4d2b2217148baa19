package journal

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/ingest/journaltest"
)

// TestMain lets the test binary be its own child: the process that uses the disk must not be the one
// that serves it.
func TestMain(m *testing.M) {
	if folder := os.Getenv("TOCSIN_JOURNAL_CHILD"); folder != "" {
		os.Exit(appendUntilTheEnd(folder, os.Getenv("TOCSIN_JOURNAL_SYNC")))
	}
	os.Exit(m.Run())
}

// appendUntilTheEnd appends numbered messages and prints a line for each Append: "kept N" with the
// number of messages acknowledged so far, or "err ..." (and goes on as long as it reads lines).
func appendUntilTheEnd(folder, synchronous string) int {
	j, err := open(context.Background(), Config{Path: filepath.Join(folder, "journal"), Log: quiet()}, synchronous)
	if err != nil {
		fmt.Println("err", err)
		return 1
	}
	j.checkpointEvery = 64 << 10 // so that cuts fall into checkpoints too
	in := bufio.NewScanner(os.Stdin)
	kept := int(j.Last())
	for in.Scan() {
		messages := journaltest.Messages(kept, 1+kept%17)
		for i := range messages { // incompressible, so that a row spans pages
			noise := rand.New(rand.NewPCG(uint64(kept+i), 1))
			for range 40 {
				messages[i].Payload = fmt.Appendf(messages[i].Payload, "%x", noise.Uint64())
			}
		}
		if err := j.Append(context.Background(), messages); err != nil {
			fmt.Println("err", err)
			continue
		}
		kept += len(messages)
		fmt.Println("kept", kept)
	}
	if err := j.Close(); err != nil {
		fmt.Println("err", err)
		return 1
	}
	return 0
}

// child is a process that appends to a journal on the disk.
type child struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
}

func startChild(t *testing.T, folder, synchronous string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(self)
	command.Env = append(os.Environ(), "TOCSIN_JOURNAL_CHILD="+folder, "TOCSIN_JOURNAL_SYNC="+synchronous)
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return &child{command, in, bufio.NewScanner(out)}
}

// step asks for one Append and returns what the child says.
func (c *child) step(t *testing.T) string {
	t.Helper()
	_, _ = io.WriteString(c.in, "\n") // a dead child is seen at the reading
	if !c.out.Scan() {
		return "gone"
	}
	return c.out.Text()
}

func (c *child) stop() {
	_ = c.in.Close()
	_ = c.command.Process.Kill()
	_ = c.command.Wait()
}

func mount(t *testing.T) (*journaltest.Disk, string) {
	t.Helper()
	folder := t.TempDir()
	disk, err := journaltest.Mount(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := disk.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return disk, folder
}

// cutUnderLoad appends until the power goes after so many operations, and returns how many messages
// were acknowledged and how many are there afterwards.
func cutUnderLoad(t *testing.T, synchronous string, operations int, random *rand.Rand) (acknowledged, there int) {
	t.Helper()
	disk, folder := mount(t)
	c := startChild(t, folder, synchronous)
	defer c.stop()
	disk.CutAfter(operations, random)
	for !disk.Dead() {
		said := c.step(t)
		if _, err := fmt.Sscanf(said, "kept %d", &acknowledged); err != nil {
			break
		}
	}
	c.stop()
	after := t.TempDir()
	if err := disk.Salvage(after); err != nil {
		t.Fatal(err)
	}
	j, err := Open(context.Background(), Config{Path: filepath.Join(after, "journal"), Log: quiet()})
	if err != nil {
		t.Logf("cut after %d operations: %v", operations, err)
		return acknowledged, 0
	}
	defer j.Close()
	return acknowledged, countInOrder(t, j)
}

// countInOrder reads everything and wants each number once, in order.
func countInOrder(t *testing.T, j *Journal) int {
	t.Helper()
	messages, err := j.Read(context.Background(), 0, 1<<20)
	if err != nil {
		t.Log(err)
	}
	for i, m := range messages {
		want := journaltest.Messages(i, 1)[0]
		if m.Seq != uint64(i+1) || !strings.HasPrefix(string(m.Payload), string(want.Payload)) {
			t.Errorf("position %d holds %d %.60s", i+1, m.Seq, m.Payload)
		}
	}
	return len(messages)
}

func TestPowerLossLosesNothingAcknowledged(t *testing.T) {
	cuts := 24
	if os.Getenv("TOCSIN_LONG") != "" {
		cuts = 300
	}
	most := 0
	for n := range cuts {
		operations := 3 + n*n*1500/(cuts*cuts) + n%5
		var random *rand.Rand
		if n%2 == 1 {
			random = rand.New(rand.NewPCG(uint64(n), 7))
		}
		acknowledged, there := cutUnderLoad(t, "FULL", operations, random)
		if there < acknowledged {
			t.Errorf("cut after %d operations: %d messages acknowledged, %d there", operations, acknowledged, there)
		}
		most = max(most, acknowledged)
	}
	if most < 500 {
		t.Errorf("at most %d messages were acknowledged before a cut: the load is too small to prove anything", most)
	}
}

// TestPowerLossIsNoticed proves that the test above can fail: without syncs the same cuts lose messages.
func TestPowerLossIsNoticed(t *testing.T) {
	acknowledged, there := cutUnderLoad(t, "OFF", 400, nil)
	if there >= acknowledged {
		t.Errorf("%d messages acknowledged and %d there without a single sync", acknowledged, there)
	}
}

func TestAFailedSyncEndsAllAcknowledgement(t *testing.T) {
	disk, folder := mount(t)
	c := startChild(t, folder, "FULL")
	defer c.stop()
	if said := c.step(t); !strings.HasPrefix(said, "kept") {
		t.Fatal(said)
	}
	disk.FailSyncs(true)
	if said := c.step(t); !strings.Contains(said, ErrFailed.Error()) {
		t.Fatalf("with failing syncs: %s", said)
	}
	disk.FailSyncs(false)
	if said := c.step(t); !strings.Contains(said, ErrFailed.Error()) {
		t.Errorf("after a failed sync: %s", said)
	}
}

func TestAFullDiskRecovers(t *testing.T) {
	disk, folder := mount(t)
	c := startChild(t, folder, "FULL")
	defer c.stop()
	acknowledged := 0
	for range 5 {
		if _, err := fmt.Sscanf(c.step(t), "kept %d", &acknowledged); err != nil {
			t.Fatal(err)
		}
	}
	disk.Limit(disk.Used())
	for range 3 {
		if said := c.step(t); !strings.Contains(said, ErrFull.Error()) {
			t.Fatalf("with a full disk: %s", said)
		}
	}
	disk.Limit(0)
	before := acknowledged
	if said := c.step(t); !strings.HasPrefix(said, "kept") {
		t.Fatalf("with room again: %s", said)
	} else if _, err := fmt.Sscanf(said, "kept %d", &acknowledged); err != nil || acknowledged <= before {
		t.Errorf("with room again: %s after %d", said, before)
	}
	c.stop()
	after := t.TempDir()
	if err := disk.Salvage(after); err != nil {
		t.Fatal(err)
	}
	j := openAt(t, filepath.Join(after, "journal"), quiet())
	if there := countInOrder(t, j); there != acknowledged {
		t.Errorf("%d acknowledged, %d there", acknowledged, there)
	}
}
