package site

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tocsin/geo/geojson"
)

// Fault is one thing that is wrong, or risky, in a site folder.
type Fault struct {
	File string // relative to where the site was named from: "valley/rules.yaml"
	Line int    // from 1
	Text string // what is wrong and what would be right
}

// String is "file:line: text".
func (f Fault) String() string { return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text) }

// Faults is everything that is wrong with a site, sorted by file and line. It is the error of Load.
type Faults []Fault

// Error is one fault a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

// sorted puts faults in order of file and line and drops exact repetitions.
func sorted(faults []Fault) []Fault {
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return slices.Compact(faults)
}

// reporter notes what is wrong and what is risky in one file.
type reporter struct {
	file     string
	faults   *[]Fault
	warnings *[]Fault
}

func (r reporter) fault(line int, format string, args ...any) {
	*r.faults = append(*r.faults, Fault{r.file, max(line, 1), fmt.Sprintf(format, args...)})
}

func (r reporter) warn(line int, format string, args ...any) {
	*r.warnings = append(*r.warnings, Fault{r.file, max(line, 1), fmt.Sprintf(format, args...)})
}

// take notes an error of a reader: each of the geojson faults joined in it, or its text as it is.
func (r reporter) take(err error) {
	if err == nil {
		return
	}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		for _, e := range joined.Unwrap() {
			r.take(e)
		}
		return
	}
	var fault *geojson.Fault
	if errors.As(err, &fault) {
		r.fault(fault.Line, "%s", fault.Text)
		return
	}
	r.fault(1, "%v", err)
}

func (r reporter) takeWarnings(warnings []*geojson.Fault) {
	for _, w := range warnings {
		r.warn(w.Line, "%s", w.Text)
	}
}
