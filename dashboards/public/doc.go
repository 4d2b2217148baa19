// Package public draws the residents' pages: HTML that is useful without JavaScript and small enough
// for a bad line (the first view is at most 14 kB over the wire, all in one answer).
//
// It is pure: a View goes in, bytes come out; it asks no other room and keeps no state, so everything
// here may be called from any goroutine. Levels are told by a word, a shape and a number besides the
// colour. Every piece of text that is not in the page's own language carries its lang.
package public
