package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/ingest"
	"tocsin/ingest/journal"
	"tocsin/ingest/journaltest"
)

var start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// words is a decoder of "value value ..." payloads; "boom" panics, what is no number is refused.
type words struct{}

func (words) Decode(m ingest.Message) (readings []ingest.Reading, rejects []ingest.Reject) {
	for part, word := range strings.Fields(string(m.Payload)) {
		if word == "boom" {
			panic("boom")
		}
		var v float64
		if _, err := fmt.Sscan(word, &v); err != nil {
			rejects = append(rejects, ingest.Reject{Position: m.Seq, Part: part, Reason: ingest.ReasonValue, Excerpt: word})
			continue
		}
		readings = append(readings, ingest.Reading{
			Key: ingest.Key{Station: m.Topic, Sensor: "level", Time: m.Received}, Value: v,
			Received: m.Received, Volatile: m.Volatile, Flag: ingest.NotEvaluated, Position: m.Seq, Part: part,
		})
	}
	return readings, rejects
}

func (words) Status(m ingest.Message) (ingest.Status, bool) {
	station, ok := strings.CutSuffix(m.Topic, "/status")
	return ingest.Status{Station: station, Online: string(m.Payload) == "on", Time: m.Received}, ok
}

func (words) Clock(payload []byte) (time.Time, error) {
	return time.Parse(time.RFC3339, string(payload))
}

// spikes is a checker whose verdicts depend on what it remembers: a reading is suspect where it is more
// than 5 away from one received within the horizon before it; then that one is revised.
type spikes struct {
	horizon  time.Duration
	previous []ingest.Reading
}

func (s *spikes) Horizon() time.Duration { return s.horizon }

func (s *spikes) Check(readings []ingest.Reading) []ingest.Reading {
	var revised []ingest.Reading
	for i := range readings {
		r := &readings[i]
		if r.Value == 666 {
			panic("the devil's number")
		}
		r.Flag = ingest.Pass
		kept := s.previous[:0]
		for _, p := range s.previous {
			if r.Received.Sub(p.Received) > s.horizon {
				continue
			}
			if d := p.Value - r.Value; d > 5 || d < -5 {
				r.Flag = ingest.Suspect
				p.Revision++
				p.Flag = ingest.Suspect
				revised = append(revised, p)
			}
			kept = append(kept, p)
		}
		s.previous = append(kept, *r)
	}
	return append(readings, revised...)
}

// sink remembers what it was given, together with its cursor.
type sink struct {
	name    string
	mu      sync.Mutex
	cursor  uint64
	got     ingest.Batch // everything joined
	batches int
	volatil []ingest.Reading
	refuse  func(ingest.Batch) error
	changed chan struct{}
}

func newSink(name string) *sink { return &sink{name: name, changed: make(chan struct{}, 1)} }

func (s *sink) Name() string { return s.name }

func (s *sink) Cursor(context.Context) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursor, nil
}

func (s *sink) Apply(_ context.Context, b ingest.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		select {
		case s.changed <- struct{}{}:
		default:
		}
	}()
	if s.refuse != nil {
		if err := s.refuse(b); err != nil {
			return err
		}
	}
	s.batches++
	if b.First == 0 {
		s.volatil = append(s.volatil, b.Readings...)
		return nil
	}
	if b.First != s.cursor+1 {
		panic(fmt.Sprintf("batch %d to %d after %d", b.First, b.Last, s.cursor))
	}
	s.cursor, s.got.Now, s.got.Last = b.Last, b.Now, b.Last
	s.got.Readings = append(s.got.Readings, b.Readings...)
	s.got.Rejects = append(s.got.Rejects, b.Rejects...)
	s.got.Statuses = append(s.got.Statuses, b.Statuses...)
	return nil
}

func (s *sink) at() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursor
}

// until waits for the sink to satisfy a condition.
func (s *sink) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		s.mu.Lock()
		done := ok()
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-s.changed:
		case <-limit:
			t.Fatalf("%s: not after 20 s; cursor %d", what, s.cursor)
		}
	}
}

func (s *sink) reaches(t *testing.T, seq uint64) {
	t.Helper()
	s.until(t, fmt.Sprintf("%s to reach %d", s.name, seq), func() bool { return s.cursor >= seq })
}

func config(j ingest.Journal) Config {
	return Config{
		Journal: j, Decoder: words{}, NewChecker: func() Checker { return &spikes{horizon: 40 * time.Second} },
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return start },
	}
}

func openIntake(t *testing.T, c Config) *Intake {
	t.Helper()
	in, err := New(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	return in
}

func openJournal(t *testing.T, path string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(context.Background(), journal.Config{Path: path, Log: slog.New(slog.DiscardHandler), CacheBytes: 1 << 14})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func follow(t *testing.T, in *Intake, s ingest.Sink) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- in.Follow(ctx, s) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func message(topic, payload string) ingest.Message {
	return ingest.Message{Source: "embedded", Topic: topic, Payload: []byte(payload)}
}

// offer gives a message and waits for its answer.
func offer(t *testing.T, in *Intake, topic, payload string) error {
	t.Helper()
	answer := make(chan error, 1)
	if err := in.Offer(context.Background(), message(topic, payload), func(err error) { answer <- err }); err != nil {
		t.Fatal(err)
	}
	return <-answer
}

func TestAnswersComeInOrderAndOnlyForWhatIsKept(t *testing.T) {
	j := openJournal(t, filepath.Join(t.TempDir(), "journal"))
	in := openIntake(t, config(j))
	var givers sync.WaitGroup
	const each = 500
	for g := range 4 {
		givers.Go(func() {
			next := 0
			all := make(chan struct{})
			for n := range each {
				err := in.Offer(context.Background(), message(fmt.Sprint(g), fmt.Sprint(n)), func(err error) {
					if err != nil || n != next || j.Last() == 0 {
						t.Errorf("answer %d where %d was next: %v", n, next, err)
					}
					if next++; next == each {
						close(all)
					}
				})
				if err != nil {
					t.Error(err)
				}
			}
			<-all
		})
	}
	givers.Wait()
	seen := map[string]int{}
	messages, err := j.Read(context.Background(), 0, 10*each)
	if err != nil || len(messages) != 4*each {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	for _, m := range messages {
		if string(m.Payload) != fmt.Sprint(seen[m.Topic]) || !m.Received.Equal(start) {
			t.Fatalf("giver %s: %s at %v where %d was next", m.Topic, m.Payload, m.Received, seen[m.Topic])
		}
		seen[m.Topic]++
	}
	if s := in.Stats(); s.Messages != 4*each || s.Commits == 0 || s.Commits > 4*each || s.Queue != 0 {
		t.Errorf("stats %+v", s)
	}
}

// TestReadersAgreeWhereverTheyStart compares a reader that was there from the beginning with readers
// that start anywhere in the middle, in batches of any size, with and without the ring.
func TestReadersAgreeWhereverTheyStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	now := start
	j := openJournal(t, path)
	c := config(j)
	c.Now = func() time.Time { return now }
	c.Stretch = 16
	in := openIntake(t, c)
	first := newSink("first")
	follow(t, in, first)
	const n = 220
	for i := range n {
		now = now.Add(time.Duration(i*i%17) * time.Second)
		payload := fmt.Sprintf("%d %d", i%23, i*7%19)
		if i%31 == 30 {
			payload = "1 bad boom"
		}
		if err := offer(t, in, fmt.Sprintf("s%d", i%3), payload); err != nil {
			t.Fatal(err)
		}
	}
	first.reaches(t, n)
	if len(first.got.Readings) <= 2*n || len(first.got.Rejects) == 0 {
		t.Fatalf("the load has no revisions or no rejects: %d readings, %d rejects", len(first.got.Readings), len(first.got.Rejects))
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	for _, stretch := range []int{1, 16, 1000} {
		for from := uint64(0); from < n; from += 73 {
			again := newSink("again")
			again.cursor = from
			c.Stretch = stretch
			in := openIntake(t, c)
			follow(t, in, again)
			again.reaches(t, n)
			want := readingsOf(t, first.got, j, from)
			if diff := cmp.Diff(want, again.got.Readings); diff != "" {
				t.Fatalf("from %d by %d (-from the beginning +from the middle):\n%s", from, stretch, diff)
			}
			if !again.got.Now.Equal(first.got.Now) {
				t.Errorf("the clock at the end is %v, want %v", again.got.Now, first.got.Now)
			}
			if err := in.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// readingsOf is what a cold reader says from a position on: everything, less what the first from messages say.
func readingsOf(t *testing.T, all ingest.Batch, j ingest.Journal, from uint64) []ingest.Reading {
	t.Helper()
	in := &Intake{config: config(j), log: slog.New(slog.DiscardHandler)}
	p := &interpreter{in: in, checker: in.config.NewChecker()}
	before, err := p.read(context.Background(), 0, int(from))
	if err != nil {
		t.Fatal(err)
	}
	return all.Readings[len(before.Readings):]
}

func TestASlowSinkHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := journaltest.NewMemory()
		defer memory.Close()
		in, err := New(context.Background(), config(memory))
		if err != nil {
			t.Fatal(err)
		}
		bad, good := newSink("bad"), newSink("good")
		tries := 0
		bad.refuse = func(ingest.Batch) error {
			tries++
			switch {
			case tries == 2:
				panic("a fault in the sink")
			case tries < 8:
				return errors.New("not now")
			}
			return nil
		}
		var readers sync.WaitGroup
		for _, s := range []*sink{bad, good} {
			readers.Go(func() {
				if err := in.Follow(context.Background(), s); err != nil {
					t.Error(err)
				}
			})
		}
		for i := range 10 {
			if err := offer(t, in, "s", fmt.Sprint(i%3)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if g, b := good.at(), bad.at(); g != 10 || b != 0 {
			t.Errorf("cursors %d and %d, want 10 and 0", g, b)
		}
		if s := in.Stats().Sinks["bad"]; s.Lag != 10 || !s.Failing || s.Failures == 0 {
			t.Errorf("stats of the failing sink: %+v", s)
		}
		<-time.After(30 * time.Second) // bubble time
		synctest.Wait()
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		readers.Wait()
		if bad.cursor != 10 || len(bad.got.Readings) != 10 || tries < 8 {
			t.Errorf("after %d tries: cursor %d, %d readings", tries, bad.cursor, len(bad.got.Readings))
		}
	})
}

func TestNothingIsSaidToBeKeptWhenTheJournalFails(t *testing.T) {
	memory := journaltest.NewMemory()
	defer memory.Close()
	in := openIntake(t, config(memory))
	s := newSink("rules")
	follow(t, in, s)
	if err := offer(t, in, "s", "1"); err != nil {
		t.Fatal(err)
	}
	s.reaches(t, 1)
	full := errors.New("no room")
	memory.Refuse(full)
	// A sink on the same full disk refuses what would move its cursor, not what lives in memory.
	for i := range 3 {
		if err := offer(t, in, "s", fmt.Sprint(20+i)); !errors.Is(err, full) {
			t.Fatalf("answer %v, want the journal's error", err)
		}
	}
	s.until(t, "three volatile readings", func() bool { return len(s.volatil) == 3 })
	for _, r := range s.volatil {
		if !r.Volatile || r.Position != 0 {
			t.Errorf("%+v is not marked volatile", r)
		}
	}
	if s.volatil[0].Flag != ingest.Suspect {
		t.Errorf("the volatile reading was not judged by what the journal holds: %v", s.volatil[0].Flag)
	}
	if got := in.Stats(); !got.Failing || got.Volatile != 3 || got.Refused != 3 || got.Messages != 1 {
		t.Errorf("stats %+v", got)
	}
	memory.Refuse(nil)
	if err := offer(t, in, "s", "2"); err != nil {
		t.Fatal(err)
	}
	s.reaches(t, 2)
	if r := s.got.Readings[len(s.got.Readings)-1]; r.Flag != ingest.Pass {
		t.Errorf("what was not kept colours what is kept: %+v", r)
	}
}

func TestOneBadMessageStopsNothing(t *testing.T) {
	memory := journaltest.NewMemory()
	defer memory.Close()
	c := config(memory)
	c.MaxPayload = 30
	in := openIntake(t, c)
	s := newSink("s")
	follow(t, in, s)
	for _, payload := range []string{"boom", "666", "3", strings.Repeat("9", 50), ""} {
		if err := offer(t, in, "a", payload); err != nil {
			t.Fatal(err)
		}
	}
	if err := offer(t, in, ClockTopic, `2026-11-23T08:00:00Z`); err != nil {
		t.Fatal(err)
	}
	if err := offer(t, in, "a/status", `on`); err != nil {
		t.Fatal(err)
	}
	s.reaches(t, 7)
	if len(s.got.Readings) != 4 || s.got.Readings[0].Flag != ingest.NotEvaluated || s.got.Readings[1].Value != 3 {
		t.Errorf("readings %+v", s.got.Readings)
	}
	if len(s.got.Rejects) != 2 || s.got.Rejects[0].Reason != ingest.ReasonSyntax || s.got.Rejects[0].Position != 1 || s.got.Rejects[1].Reason != ingest.ReasonTopic {
		t.Errorf("rejects %+v", s.got.Rejects)
	}
	if len(s.got.Statuses) != 1 || !s.got.Statuses[0].Online {
		t.Errorf("statuses %+v", s.got.Statuses)
	}
	kept, _ := memory.Read(context.Background(), 3, 1)
	if len(kept[0].Payload) != 31 {
		t.Errorf("%d bytes of an oversized payload are kept, want 31", len(kept[0].Payload))
	}
	if got := in.Stats(); got.Rejects[ingest.ReasonTopic] != 1 || got.Oversize != 1 || got.Readings != 3 {
		t.Errorf("stats %+v", got)
	}
}

func TestClockByMessage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := openJournal(t, path)
	c := config(j)
	c.MQTTClock = true
	in := openIntake(t, c)
	if got := in.Now(); !got.Equal(time.UnixMilli(0)) {
		t.Errorf("before any clock message it is %v", got)
	}
	s := newSink("s")
	follow(t, in, s)
	steps := []struct{ topic, payload, received, now string }{
		{"a", "1", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
		{ClockTopic, "2016-02-01T10:00:00Z", "1970-01-01T00:00:00Z", "2016-02-01T10:00:00Z"},
		{"a", "2", "2016-02-01T10:00:00Z", "2016-02-01T10:00:00Z"},
		{ClockTopic, "2016-02-01T09:00:00Z", "2016-02-01T10:00:00Z", "2016-02-01T10:00:00Z"},
		{ClockTopic, "noon", "2016-02-01T10:00:00Z", "2016-02-01T10:00:00Z"},
		{ClockTopic, "2016-02-01T10:15:00Z", "2016-02-01T10:00:00Z", "2016-02-01T10:15:00Z"},
	}
	for i, step := range steps {
		if err := offer(t, in, step.topic, step.payload); err != nil {
			t.Fatal(err)
		}
		if got := in.Now().Format(time.RFC3339); got != step.now {
			t.Errorf("after step %d the clock is %s, want %s", i, got, step.now)
		}
		s.reaches(t, uint64(i+1))
		if got := s.got.Now.Format(time.RFC3339); got != step.now {
			t.Errorf("after step %d the batch says %s, want %s", i, got, step.now)
		}
	}
	messages, err := j.Read(context.Background(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range messages {
		if got := m.Received.Format(time.RFC3339); got != steps[i].received {
			t.Errorf("message %d was received %s, want %s", i, got, steps[i].received)
		}
	}
	if len(s.got.Rejects) != 2 || s.got.Rejects[0].Reason != ingest.ReasonTime || s.got.Rejects[1].Reason != ingest.ReasonSyntax {
		t.Errorf("rejects %+v", s.got.Rejects)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if got := openIntake(t, c).Now().Format(time.RFC3339); got != "2016-02-01T10:15:00Z" {
		t.Errorf("after a restart the clock is %s", got)
	}
}

func TestClockCountsForWhatFollowsInTheSameCommit(t *testing.T) {
	memory := journaltest.NewMemory()
	defer memory.Close()
	c := config(memory)
	c.MQTTClock = true
	in := openIntake(t, c)
	group := []offered{{message: message("a", "1")}, {message: message(ClockTopic, "2016-02-01T10:00:00Z")}, {message: message("a", "2")}}
	if err := in.Close(); err != nil { // the commit loop is over: the test is the one that commits
		t.Fatal(err)
	}
	in.commit(group)
	kept, _ := memory.Read(context.Background(), 0, 3)
	if kept[0].Received.Year() != 1970 || kept[1].Received.Year() != 1970 || kept[2].Received.Year() != 2016 {
		t.Errorf("received %v, %v, %v", kept[0].Received, kept[1].Received, kept[2].Received)
	}
}

// stuck is a journal that hangs until let go.
type stuck struct {
	*journaltest.Memory
	gate chan struct{}
}

func (s stuck) Append(ctx context.Context, messages []ingest.Message) error {
	<-s.gate
	return s.Memory.Append(ctx, messages)
}

func TestAFullQueueHoldsBackAndLosesNothing(t *testing.T) {
	memory := journaltest.NewMemory()
	defer memory.Close()
	j := stuck{memory, make(chan struct{})}
	c := config(j)
	c.QueueBytes = 3000
	in := openIntake(t, c)
	answers := 0
	given := 0
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		err := in.Offer(ctx, message("a", fmt.Sprint(given)), func(err error) {
			if err == nil {
				answers++
			}
		})
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil || given > 100 {
			t.Fatalf("offer %d: %v", given, err)
		}
		given++
	}
	if given == 0 || answers != 0 {
		t.Fatalf("%d taken, %d answered while the journal hangs", given, answers)
	}
	close(j.gate)
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if answers != given || memory.Last() != uint64(given) {
		t.Errorf("%d taken, %d answered, %d kept", given, answers, memory.Last())
	}
	if err := in.Offer(context.Background(), message("a", "1"), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed intake answers %v", err)
	}
}

func TestASinkAheadOfTheJournalIsRefused(t *testing.T) {
	memory := journaltest.NewMemory()
	defer memory.Close()
	in := openIntake(t, config(memory))
	s := newSink("s")
	s.cursor = 5
	if err := in.Follow(context.Background(), s); !errors.Is(err, ErrAhead) {
		t.Errorf("followed with %v, want ErrAhead", err)
	}
}

func TestCaughtUp(t *testing.T) {
	memory := journaltest.NewMemory()
	defer memory.Close()
	if err := memory.Append(context.Background(), []ingest.Message{message("a", "1"), message("a", "2")}); err != nil {
		t.Fatal(err)
	}
	in := openIntake(t, config(memory))
	s := newSink("s")
	gate := make(chan struct{})
	s.refuse = func(ingest.Batch) error { <-gate; return nil }
	if in.CaughtUp("s") {
		t.Error("a sink nobody follows counts as caught up")
	}
	follow(t, in, s)
	if in.CaughtUp("s") {
		t.Error("a sink that has not read what was there counts as caught up")
	}
	close(gate)
	for limit := time.After(20 * time.Second); !in.CaughtUp("s"); {
		select {
		case <-s.changed:
		case <-limit:
			t.Fatal("the sink never counts as caught up")
		default:
		}
	}
}

func BenchmarkOfferToAnswer(b *testing.B) {
	j, err := journal.Open(context.Background(), journal.Config{Path: filepath.Join(b.TempDir(), "journal"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	in, err := New(context.Background(), config(j))
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	m := message("stations/2057/readings", `{"time":"2026-11-23T08:00:00Z","water_level":3.21,"battery_voltage":12.4}`)
	b.ReportAllocs()
	var answered sync.WaitGroup
	for range b.N {
		answered.Add(1)
		if err := in.Offer(context.Background(), m, func(error) { answered.Done() }); err != nil {
			b.Fatal(err)
		}
	}
	answered.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
