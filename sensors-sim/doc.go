// Package sensorsim is a field of sensors that speaks MQTT: it sends what a scenario invents, or what a
// readings file once held, to a broker as real loggers would, and may lead the clock of a site that is
// run with --clock mqtt.
//
// Conventions: native payloads on stations/{station}/readings at QoS 1; the next moment of event time is
// not begun before the broker has acknowledged all of this one, so that nothing is lost or overtaken when
// the broker goes away: it is waited for. With Clock set, {"now": RFC 3339} on tocsin/clock is
// acknowledged before the readings of its moment are sent, and never runs backwards. Timestamps are sent
// as they are; only the waiting between moments is scaled. A station has its own connection, with a
// retained birth message and a last will on stations/{station}/status, as long as there are few; many
// share one connection, where births are sent and a will cannot be.
//
// Run belongs to one goroutine; Config.Pace is called from it alone.
package sensorsim
