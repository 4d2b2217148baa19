// Package influx copies readings into InfluxDB (tried with 1.8.3 by its 2.x write API; 2.x speaks the
// same). It follows the journal at its own pace: while the server is away Apply answers with an error
// and is called again with the same batch, and nobody else waits.
//
// # Schema
//
//	measurement  the quantity: water_level, discharge, precipitation, ...
//	tag station  the station's id
//	tag sensor   the sensor's id
//	field value     float, in the canonical unit of the quantity; water levels in the sensor's datum
//	field flag      integer, QARTOD: 1 pass, 2 not evaluated, 3 suspect, 4 fail, 9 missing
//	field revision  integer, 0 for the first value, higher for corrections and later flags
//	time            of the measurement, milliseconds
//
// A point is named by measurement, tags and time, so writing it again changes nothing, and a revision
// takes the place of what it revises. A chart that must not show faults asks for flag <= 2. In an id,
// line protocol cannot carry control characters or a backslash: they become a space and a slash.
//
// # What the server refuses
//
// A point the server will never take (a field of another type, beyond the retention policy, not to be
// parsed) is set aside with the server's reason, and the rest goes on. Anything else, a wrong token or a
// missing database too, is an error and is tried again: it is mended at the server, and nothing is lost.
//
// Cursor and what was set aside are in a small SQLite file. Apply and Cursor belong to one goroutine;
// Aside and AsideTotal may be called beside it.
package influx
