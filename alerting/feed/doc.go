// Package feed makes what other systems read: an Atom feed (RFC 4287) and an RSS 2.0 feed of CAP
// documents, and the warnings as GeoJSON (RFC 7946).
//
// Build is pure: the same editions and the same moment always give the same bytes, whose ETag may
// therefore be compared. A feed holds the last edition of each warning that is in force or ended less
// than 24 hours ago, so that a reader that was away learns that a warning is over; what ended is
// marked as ended. What ran out without an all-clear is marked as expired, which is not the same.
// In any mode but Actual the title of the feed and of every entry says so.
//
// Times are UTC, positions longitude, latitude (only the CAP documents themselves have it the other way).
// Everything is safe to call from any goroutine; a Snapshot must not be changed.
package feed
