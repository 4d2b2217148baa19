// Package geo knows where people are in danger: zones, the index that finds them, the population and
// the exposure of an area.
//
// Conventions: positions are orb points (longitude, latitude, WGS 84, degrees); areas are m2 on the
// sphere; a point on an edge counts as inside, also on the edge of a hole (fail safe). Values are
// safe for concurrent reading once built.
package geo
