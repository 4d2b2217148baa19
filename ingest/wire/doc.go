// Package wire turns what stations send into readings, and back: the native JSON payload, the status
// message, the clock message, and the units on the wire.
//
// Everything here is pure: the same message and the same network give the same answer, always, which
// is what lets the journal be read again. All functions may be called from any goroutine.
//
// # The native payload
//
// Topic stations/{station}/readings; a JSON object, or an array of objects, each a record:
//
//	{"time": "2026-11-23T08:00:00Z", "seq": 17, "water_level": 3.21, "discharge": {"value": 840, "unit": "L/s"}}
//
// Every key but time and seq is the id of a sensor. A bare number is in the sensor's unit; an object
// names its own unit by UCUM code. null says that nothing was measured and makes no reading. A record
// without time (or with null) is taken to be measured when it was received, and says so
// (Reading.TimeAssumed).
//
// # What is refused
//
// A bad part loses only itself. A value that is no finite number, a key that is no sensor, a unit that
// does not fit: that one value. A time that cannot be used: that record. Text that is not JSON: from
// there to the end, the complete records before it are kept. Whatever is refused comes back as a
// Reject with its reason; nothing is dropped in silence.
//
// Parts are counted through the message from 0, one for each value and one for each refusal that is
// not of a value.
//
// # Clocks
//
// A time more than MaxAhead after receipt is refused. A time more than MaxAge before receipt is a
// device clock that was reset (1970, 1980, 2000): the record is refused for its time, and the newest
// such record of a live message that has no better one is also read at its time of receipt, with
// TimeAssumed and a mark "time": it may propose, never clear. A message the broker had kept (retained)
// is not live: without a usable time of its own it says nothing about now and is refused.
package wire
