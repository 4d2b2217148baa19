package journal

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"modernc.org/sqlite"

	"tocsin/ingest"
)

// Result codes of SQLite (https://www.sqlite.org/rescode.html), the low byte of the extended ones.
const (
	codeBusy = 5
	codeFull = 13
)

// Append keeps messages as one group commit and sets their Seq. It keeps references to the payloads,
// which must not be changed afterwards. Once it has begun it does not heed ctx: a commit broken off
// half-way would be neither kept nor refused.
//
// The error is ErrFull where the disk is full (try again later), ErrFailed after any other error of
// the disk, now and for every later call.
func (j *Journal) Append(ctx context.Context, messages []ingest.Message) error {
	if err := j.mayAppend(ctx); err != nil {
		return fmt.Errorf("append to journal %s: %w", j.path, err)
	}
	if len(messages) == 0 {
		return nil
	}
	first := j.last.Load() + 1
	j.plain = encode(j.plain[:0], messages)
	j.packed = j.encoder.EncodeAll(j.plain, j.packed[:0])
	crc := checksum(first, len(messages), j.packed)
	_, err := j.insert.ExecContext(context.WithoutCancel(ctx), int64(first), len(messages), int64(crc), j.packed)
	if err != nil {
		return fmt.Errorf("append messages %d to %d to journal %s: %w", first, first+uint64(len(messages))-1, j.path, j.judge(err))
	}
	for i := range messages {
		messages[i].Seq = first + uint64(i)
	}
	j.tail.add(messages)
	j.last.Store(first + uint64(len(messages)) - 1)
	j.sinceCheckpoint += len(j.packed)
	j.checkpoint(ctx)
	return nil
}

func (j *Journal) mayAppend(ctx context.Context) error {
	if j.closed.Load() {
		return ErrClosed
	}
	if err := j.Failed(); err != nil {
		return err
	}
	return ctx.Err()
}

// judge decides whether an error of a commit is for good.
func (j *Journal) judge(err error) error {
	err = explain(err)
	if errors.Is(err, ErrFull) || code(err) == codeBusy {
		return err // nothing was written; another process may have locked the file
	}
	return j.fail(err)
}

func (j *Journal) fail(err error) error {
	failed := fmt.Errorf("%w: %w", ErrFailed, err)
	if j.failed.CompareAndSwap(nil, &failed) {
		j.log.Error("the journal's disk has failed; nothing is acknowledged until a restart", "path", j.path, "err", err)
	}
	return j.Failed()
}

// checkpoint copies the WAL into the file from time to time. The messages are durable already, so an
// error does not undo the commit; but a failed fsync here too ends all further commits. A full disk or
// a reader in the way only puts it off.
func (j *Journal) checkpoint(ctx context.Context) {
	if j.sinceCheckpoint < j.checkpointEvery {
		return
	}
	j.sinceCheckpoint = 0
	_, err := j.write.ExecContext(context.WithoutCancel(ctx), `PRAGMA wal_checkpoint(PASSIVE)`)
	if err == nil {
		return
	}
	if err = explain(err); errors.Is(err, ErrFull) || code(err) == codeBusy {
		j.log.Warn("the journal's log could not be folded in, will try again", "path", j.path, "err", err)
		return
	}
	_ = j.fail(err) // told by the next Append
}

// explain marks the errors of SQLite and the system that mean a full disk.
func explain(err error) error {
	if code(err) == codeFull || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// code is the primary result code of an error of SQLite, 0 for any other.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}
