package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"tocsin/ingest"
)

// formatVersion is the first byte of every encoded group of messages.
const formatVersion = 1

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errShort   = errors.New("the encoded messages end too early")
)

// checksum covers the place of a row as well as its blob, so that a row in a wrong place is seen too.
func checksum(first uint64, count int, blob []byte) uint32 {
	var head [16]byte
	binary.LittleEndian.PutUint64(head[:8], first)
	binary.LittleEndian.PutUint64(head[8:], uint64(count))
	return crc32.Update(crc32.Checksum(head[:], castagnoli), castagnoli, blob)
}

// encode appends messages to buf: a version byte, then for each message the time of receipt (ms, as a
// difference to the one before), flags, and the four byte strings with their lengths.
func encode(buf []byte, messages []ingest.Message) []byte {
	buf = append(buf, formatVersion)
	before := int64(0)
	for i := range messages {
		m := &messages[i]
		at := m.Received.UnixMilli()
		buf = binary.AppendVarint(buf, at-before)
		before = at
		flags := byte(0)
		if m.Retained {
			flags |= 1
		}
		buf = append(buf, flags)
		buf = appendString(buf, m.Source)
		buf = appendString(buf, m.Client)
		buf = appendString(buf, m.Topic)
		buf = binary.AppendUvarint(buf, uint64(len(m.Payload)))
		buf = append(buf, m.Payload...)
	}
	return buf
}

func appendString(buf []byte, s string) []byte {
	buf = binary.AppendUvarint(buf, uint64(len(s)))
	return append(buf, s...)
}

// decode is the inverse of encode. The payloads are parts of data, which must not be changed afterwards.
func decode(data []byte, first uint64, count int) ([]ingest.Message, error) {
	if len(data) == 0 || data[0] != formatVersion {
		return nil, errors.New("the encoded messages are of an unknown version")
	}
	r := reader{rest: data[1:], known: make(map[string]string)}
	messages := make([]ingest.Message, 0, min(count, len(data)))
	before := int64(0)
	for i := range count {
		before += r.varint()
		flags := r.byte()
		m := ingest.Message{
			Seq: first + uint64(i), Received: time.UnixMilli(before).UTC(), Retained: flags&1 != 0,
			Source: r.string(), Client: r.string(), Topic: r.string(), Payload: r.bytes(),
		}
		if r.failed {
			return nil, fmt.Errorf("message %d of %d: %w", i+1, count, errShort)
		}
		messages = append(messages, m)
	}
	if len(r.rest) != 0 {
		return nil, fmt.Errorf("%d bytes follow the last of %d messages", len(r.rest), count)
	}
	return messages, nil
}

// reader takes values off the front of rest; after a failure everything is zero.
type reader struct {
	rest   []byte
	failed bool
	known  map[string]string // the same few names come again and again: keep one copy of each
}

func (r *reader) fail() { r.failed, r.rest = true, nil }

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.fail()
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) bytes() []byte {
	length, n := binary.Uvarint(r.rest)
	if n <= 0 || length > uint64(len(r.rest)-n) {
		r.fail()
		return nil
	}
	end := n + int(length)
	b := r.rest[n:end:end]
	r.rest = r.rest[end:]
	return b
}

func (r *reader) string() string {
	b := r.bytes()
	if s, ok := r.known[string(b)]; ok {
		return s
	}
	s := string(b)
	r.known[s] = s
	return s
}
