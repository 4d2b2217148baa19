// Package broker is the embedded MQTT broker: mochi-mqtt with everything that touches a reading taken
// out of its hands. Each publish goes to the door (the intake); the PUBACK or PUBREC is written only
// once the door says that the message is kept, and only then is it retained and forwarded to other
// subscribers. MQTT 3.1.1 and 5, QoS 0, 1 and 2.
//
// What mochi-mqtt 2.7.9 does by itself, and why it is not used:
//   - it acknowledges before anything is kept: the OnPublish hook rejects every publish of a client;
//   - wills, retained wills and delayed wills go out before any hook is told and are not subject to the
//     ACL; a delayed one is lost where the session ends first: the OnWill hook takes them all;
//   - the will of a session that was taken over can follow the new session's birth message: it is
//     offered before the new connection is answered;
//   - a repeated QoS 2 publish is answered with an error in MQTT 5, and packet identifiers of the two
//     directions share one table: the state of incoming QoS 2 is kept here;
//   - retained messages are dropped after a day; the ACL sees an empty topic where MQTT 5 uses an alias;
//   - a write to a client that does not read can block for ever with the client's lock held: every
//     connection has a write deadline of its own;
//   - its listener stops for good at the first error of accept, and waits for a CONNECT for ever.
//
// The state of sessions is in memory: after a restart of the process a QoS 2 publish that was not
// completed may be kept twice, as with QoS 1.
//
// All exported methods may be called by any goroutine.
package broker
