// Package mqtt reads messages from an outside MQTT broker (Mosquitto, EMQX, ...) and acknowledges each
// only once the door says that it is kept.
//
// There is one Subscriber a broker. Its session lives at the broker (clean session off, a stable client
// id), so that what arrives while Tocsin is away waits there. It subscribes with QoS 1: what is not
// acknowledged comes again after the next connection, so a message may be kept twice but never lost.
// Mosquitto needs max_inflight_messages 0 and max_queued_messages 0 for that (docs/mosquitto.conf).
//
// All exported methods may be called by any goroutine.
package mqtt
