// Package device keeps the passwords by which the field devices of a site may speak to the embedded
// broker, in a small SQLite file of its own. A device's user name is the id of its station, and the broker
// lets it publish below stations/<id>/ only.
//
// A password is 256 random bits that nobody chooses and nobody has to remember, so its SHA-256 is kept:
// there is nothing to guess, and a slow hash would only let strangers keep the processor busy. It is shown
// once and cannot be had again.
//
// A Store may be used from any goroutine, and one file from several processes at once: what one adds or
// revokes counts at the next connection that another is asked about. A connection that stands is not cut.
package device
