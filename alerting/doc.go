// Package alerting holds the words of warning: levels, hazards, warnings and the one table of their
// transitions, modes, recipients and deliveries, and the contracts of the store and the channels.
//
// Conventions: times are UTC; positions are orb points (longitude, latitude); language tags are
// BCP 47; a phone number is an Address, which never prints itself. The types are data; what a
// contract says about concurrency stands at the contract.
package alerting
