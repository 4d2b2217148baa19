// Package geojson reads GeoJSON (RFC 7946) keeping the line of everything, so that a fault can say where
// it is and what would be right, and all faults are found at once.
//
// Conventions: positions are longitude, latitude in degrees, WGS 84; further numbers of a position are
// left alone. Shapes come out closed, shells counter-clockwise, holes clockwise, split at 180 degrees.
// The functions are pure and may be called from any goroutine.
package geojson
