package geojson

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Fault is one thing that is wrong in a file.
type Fault struct {
	File string
	Line int    // from 1; 0 where the file as a whole is meant
	Text string // what is wrong and what would be right
}

// Error is "file:line: text".
func (f *Fault) Error() string { return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text) }

// Faults gathers what is wrong in one file.
type Faults struct {
	File string
	list []*Fault
	// Warnings are what is legal but looks wrong.
	Warnings []*Fault
}

// maxFaults is how many faults of one file are kept; a file of a wrong kind would give one a position.
const maxFaults = 200

// Add notes a fault.
func (f *Faults) Add(line int, format string, args ...any) {
	if len(f.list) <= maxFaults {
		f.list = append(f.list, &Fault{f.File, line, fmt.Sprintf(format, args...)})
	}
}

// Warn notes what is legal but looks wrong.
func (f *Faults) Warn(line int, format string, args ...any) {
	if len(f.Warnings) < maxFaults {
		f.Warnings = append(f.Warnings, &Fault{f.File, line, fmt.Sprintf(format, args...)})
	}
}

// Err is all faults in order of their lines, joined (errors.Join of *Fault), or nil where there are none.
func (f *Faults) Err() error {
	slices.SortStableFunc(f.list, func(a, b *Fault) int { return cmp.Compare(a.Line, b.Line) })
	errs := make([]error, 0, len(f.list))
	for i, fault := range f.list {
		if i == maxFaults {
			errs = append(errs, &Fault{f.File, fault.Line, "there are more faults: mend these first"})
			break
		}
		errs = append(errs, fault)
	}
	return errors.Join(errs...)
}
