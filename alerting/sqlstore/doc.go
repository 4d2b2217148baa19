// Package sqlstore keeps warnings, editions, the audit, the outbox, recipients and operators in one
// SQL database. DB implements alerting.Store, Outbox, Directory and Accounts.
//
// Conventions: there is one SQL text, with $1 placeholders and portable types (TEXT, BIGINT for
// milliseconds since 1970 UTC and for counts, SMALLINT for levels and truth values, BYTEA for bytes,
// which SQLite takes as it takes any type name); what databases do differently is in Dialect. Mode
// is in every table that holds something of a mode, in its keys and in its foreign keys, so that the
// database itself refuses what would cross from one mode to another.
//
// Every method may be called from any goroutine. On SQLite one connection writes, durably
// (synchronous FULL), and several read; each method that writes is one transaction. Several
// processes may have the same file open.
package sqlstore
