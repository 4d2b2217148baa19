// Package dashboards is the HTTP side of Tocsin: the residents' pages, the console of emergency
// managers, the open API, the feeds and the live events.
//
// It shows and it asks; it decides nothing. What it needs of the other rooms it declares itself as
// small interfaces and functions (Deps), which the program wires. It keeps no state but caches and
// the list of those who listen for events.
//
// Conventions: positions are longitude, latitude; times are UTC in RFC 3339 on the wire and in the
// site's zone on pages; values are in the canonical unit of their quantity. Errors are RFC 9457
// problem documents. Whatever changes state asks for an operator's session and a role, in one place
// (see operation and requireRole); the table of routes in routes_test.go walks them all.
//
// A Server may be used from any goroutine once built.
package dashboards
