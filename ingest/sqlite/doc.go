// Package sqlite keeps the history of readings in one SQLite file: the current revision of each reading,
// the superseded ones, what was refused (the quarantine), and the last status of each station.
//
// Store is an ingest.Sink and an ingest.History. Apply and Cursor belong to one goroutine; everything
// that reads may be called from any number of goroutines beside it and sees whole batches only.
//
// The file is written in WAL mode with synchronous=NORMAL: after a power cut the last batches may be
// gone, cursor and effect together, and are read from the journal again.
//
// # Which value is current
//
// A higher Revision replaces a lower one. A reading with another value and a later journal position
// replaces the one before it whatever its Revision says: it came too late for the quality tests to know
// that it is a correction. The same value again changes nothing. Nothing is ever lost: what is replaced
// stays as a revision.
package sqlite
