// Package intake is the one door of readings. Offer takes a raw message into a bounded queue, a group
// commit keeps it in the journal, and only then is its giver told that it may acknowledge. Behind the
// journal each sink is followed by a reader of its own, at its own pace: decode, quality tests, Apply.
//
// What a stretch of the journal says does not depend on when it is read, how it is cut into batches or
// how often the process was started: messages are decoded and checked one by one, in order, and a
// reader that starts in the middle first replays in silence what its quality tests still remember.
//
// Where the journal cannot keep messages (disk full or failed), nothing is acknowledged, and the
// readings go to the sinks from memory, marked volatile.
//
// All methods of Intake may be called by any goroutine.
package intake
