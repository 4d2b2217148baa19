package ingest

import (
	"context"
	"time"
)

// Message is one raw message as it arrived, good or bad.
type Message struct {
	Seq      uint64    // its place in the journal, from 1, without gaps; set by Journal.Append
	Received time.Time // the site's clock at receipt
	Source   string    // "embedded" for the own broker, else the name of the outside broker
	Client   string    // MQTT client id where known
	Topic    string
	Payload  []byte
	Retained bool
	// Volatile says the journal could not keep the message (disk full or failed): Seq is 0.
	Volatile bool
}

// Journal keeps raw messages for good. Append may be called by one goroutine at a time, Read and Last
// by any number beside it.
//
// When Append returns nil every message given is on the disk (fsync) and has its Seq set; when it
// returns an error none of them counts as kept and none may be acknowledged.
type Journal interface {
	Append(ctx context.Context, messages []Message) error
	// Read returns up to limit messages with Seq > after in order; none where there are no more.
	Read(ctx context.Context, after uint64, limit int) ([]Message, error)
	// Last is the Seq of the newest durable message, 0 where there is none.
	Last() uint64
	Close() error
}

// Batch is what a stretch of the journal says once decoded and checked: the same whenever it is read.
type Batch struct {
	First, Last uint64 // journal positions covered, both inclusive; 0 and 0 for a volatile batch
	// Now is the site's clock at the end of the stretch: the Received of its last message, or what a
	// clock message in it said.
	Now      time.Time
	Readings []Reading // in order of arrival; a later flag on an earlier reading comes as a higher Revision
	Rejects  []Reject
	Statuses []Status
}

// Status is what a station's connection said of itself (its retained birth message or last will).
type Status struct {
	Station string
	Online  bool
	Time    time.Time // of receipt
	Detail  string    // the payload, cut to 200 bytes
}

// Sink follows the journal at its own pace. Apply is called with consecutive batches, never at once
// from two goroutines; its effect and the new cursor (batch.Last) are committed together, so that a
// batch is applied once even across kill -9. An error from Apply is retried with the same batch.
type Sink interface {
	// Name identifies the reader in logs and metrics: "history", "influx", "rules".
	Name() string
	// Cursor is the last journal position whose effect is durable, 0 at first.
	Cursor(ctx context.Context) (uint64, error)
	Apply(ctx context.Context, batch Batch) error
}
