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

// fewAlike is how many warnings of one kind are told one by one.
const fewAlike = 5

// alike collects warnings of one kind. A region has hundreds of stations and zones, and what is said of
// each of them hides what is said of one.
type alike struct {
	reporter
	kind  string // names them together: "zones without people"
	lines []int
	ids   []string
	texts []string
}

func (a *alike) add(line int, id, format string, args ...any) {
	a.lines, a.ids, a.texts = append(a.lines, line), append(a.ids, id), append(a.texts, fmt.Sprintf(format, args...))
}

// tell notes a few one by one, and many in one line with the first of them.
func (a *alike) tell() {
	if len(a.lines) <= fewAlike {
		for i, text := range a.texts {
			a.warn(a.lines[i], "%s", text)
		}
		return
	}
	a.warn(a.lines[0], "%d %s: %s and %d more. Of the first: %s", len(a.lines), a.kind,
		strings.Join(a.ids[:fewAlike], ", "), len(a.lines)-fewAlike, a.texts[0])
}
