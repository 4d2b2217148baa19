// Package journal keeps raw messages for good in a SQLite file of its own.
//
// A row is a group commit: the first sequence number, the count, a CRC-32C and a zstd blob of the
// messages. The file is in WAL mode with synchronous=FULL, so that Append returns only after an fsync
// of the row (https://www.sqlite.org/pragma.html#pragma_synchronous). Every row that is read is checked
// for its checksum and for its place in the sequence: what was damaged on the disk is an error that
// names the place, and is never served.
//
// Append is for one goroutine at a time; Read, Last and Failed may be called by any number beside it.
// Other processes may open the same file for reading while it is being written.
package journal
