package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sort"
	"sync"

	"tocsin/ingest"
)

// Read returns up to limit messages with Seq > after in order; none where there are no more. Messages
// that cannot be trusted are never returned: the error is ErrDamaged with their place.
func (j *Journal) Read(ctx context.Context, after uint64, limit int) ([]ingest.Message, error) {
	if j.closed.Load() {
		return nil, fmt.Errorf("read journal %s: %w", j.path, ErrClosed)
	}
	last := j.Last()
	if after >= last || limit <= 0 {
		return nil, nil
	}
	limit = int(min(uint64(limit), last-after))
	if messages, ok := j.tail.read(after+1, limit); ok {
		return messages, nil
	}
	messages := make([]ingest.Message, 0, limit)
	for len(messages) < limit {
		next := after + 1 + uint64(len(messages))
		part, err := j.from(ctx, next)
		if err != nil && len(messages) > 0 {
			break // what comes before the damage is sound; the next call names the place
		}
		if err != nil {
			return nil, fmt.Errorf("read journal %s: %w", j.path, err)
		}
		messages = append(messages, part[:min(len(part), limit-len(messages))]...)
	}
	return messages, nil
}

// from returns the messages of the row that holds seq, from seq on.
func (j *Journal) from(ctx context.Context, seq uint64) ([]ingest.Message, error) {
	if messages, ok := j.rows.find(seq); ok {
		return messages, nil
	}
	r, err := j.scanRow(j.read.QueryRowContext(ctx,
		`SELECT first, count, crc, blob FROM batches WHERE first <= ? ORDER BY first DESC LIMIT 1`, int64(seq)))
	if errors.Is(err, sql.ErrNoRows) || err == nil && seq >= r.first+uint64(max(r.count, 0)) {
		return nil, fmt.Errorf("%w: message %d is missing", ErrDamaged, seq)
	}
	if err != nil {
		return nil, fmt.Errorf("message %d: %w", seq, err)
	}
	messages, err := j.unpack(r)
	if err != nil {
		return nil, err
	}
	j.rows.add(messages)
	return messages[seq-r.first:], nil
}

type row struct {
	first uint64
	count int
	crc   uint32
	blob  []byte
}

func (j *Journal) scanRow(found *sql.Row) (row, error) {
	var first, count, crc int64
	var blob []byte
	if err := found.Scan(&first, &count, &crc, &blob); err != nil {
		if code(err) == 11 || code(err) == 26 { // SQLITE_CORRUPT, SQLITE_NOTADB
			return row{}, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return row{}, err
	}
	return row{uint64(first), int(count), uint32(crc), blob}, nil
}

func (j *Journal) unpack(r row) ([]ingest.Message, error) {
	damaged := func(cause any) error {
		return fmt.Errorf("%w: messages %d to %d: %v", ErrDamaged, r.first, r.first+uint64(max(r.count, 1))-1, cause)
	}
	if r.count <= 0 || checksum(r.first, r.count, r.blob) != r.crc {
		return nil, damaged("the checksum is wrong")
	}
	plain, err := j.decoder.DecodeAll(r.blob, nil)
	if err != nil {
		return nil, damaged(err)
	}
	messages, err := decode(plain, r.first, r.count)
	if err != nil {
		return nil, damaged(err)
	}
	return messages, nil
}

// tail keeps the newest messages in memory, so that readers that follow closely unpack nothing.
type tail struct {
	mu     sync.RWMutex
	bytes  int
	limit  int
	groups []group // consecutive, oldest first
}

type group struct {
	messages []ingest.Message
	bytes    int
}

func newTail(limit int) *tail {
	if limit == 0 {
		limit = 16 << 20
	}
	return &tail{limit: limit}
}

// add keeps a copy of messages and forgets the oldest beyond the limit.
func (t *tail) add(messages []ingest.Message) {
	g := group{messages: append([]ingest.Message(nil), messages...)}
	for i := range g.messages {
		g.bytes += 160 + len(g.messages[i].Payload) + len(g.messages[i].Topic)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.groups = append(t.groups, g)
	t.bytes += g.bytes
	drop := 0
	for t.bytes > t.limit && drop < len(t.groups) {
		t.bytes -= t.groups[drop].bytes
		t.groups[drop] = group{}
		drop++
	}
	t.groups = t.groups[drop:]
}

// read returns up to limit messages from seq on, which must not lie beyond the newest; ok is false
// where seq is older than what is kept.
func (t *tail) read(seq uint64, limit int) (messages []ingest.Message, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	i := sort.Search(len(t.groups), func(i int) bool { return t.groups[i].messages[0].Seq > seq }) - 1
	if i < 0 {
		return nil, false
	}
	messages = make([]ingest.Message, 0, limit)
	skip := int(seq - t.groups[i].messages[0].Seq)
	for ; i < len(t.groups) && len(messages) < limit; i++ {
		part := t.groups[i].messages[skip:]
		messages = append(messages, part[:min(len(part), limit-len(messages))]...)
		skip = 0
	}
	return messages, true
}
