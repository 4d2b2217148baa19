// Package cap writes, reads and judges documents of the Common Alerting Protocol 1.2 (OASIS Standard,
// July 2010; section numbers in comments are those of that text).
//
// Conventions: everywhere else positions are longitude, latitude; CAP writes latitude,longitude, and
// this package is the only place where that order exists. Inside the structs it is longitude,
// latitude already: only MarshalText and the parsers of Polygon and Circle turn it round. Times on the
// wire are "2026-11-23T08:00:00-00:00" or carry the site's offset, never "Z" and never fractions of a
// second (section 3.3.2). Distances are kilometres.
//
// Everything is a pure function and safe to call from any goroutine.
//
// An end is told thus, after the practice of WMO members (Environment Canada, MeteoAlarm): the danger
// is over = msgType Update, responseType AllClear, urgency Past, severity Minor, certainty Observed;
// the warning should not have been = msgType Cancel, responseType None, urgency Past, severity Minor,
// certainty Unlikely, with a note. Both reference what they end and carry full texts, because many
// readers show only the last document.
package cap
