// Package e2e holds the tests that cross rooms: the two programs are built once and run as their users
// run them, on loopback and ports of their own, against a real Mosquitto, a real InfluxDB and a real
// browser.
package e2e
