//go:build race

package rule

// raced says that the race detector is on, which slows the properties fifteen-fold.
const raced = true
