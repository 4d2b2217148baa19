// Package ingest holds the words of the way in: stations and their sensors, quantities and units,
// readings and their quality, and the contracts of the journal, its readers and the history.
//
// Conventions: times are UTC with millisecond resolution; positions are orb points (longitude,
// latitude, WGS 84); values are in the canonical unit of their quantity (see Quantity.Unit) and, for
// water levels, in the sensor's own datum. Everything here is data and may be read from any goroutine
// once built; what a contract says about concurrency stands at the contract.
package ingest
