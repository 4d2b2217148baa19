package readingsfile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"tocsin/ingest"
)

// Row is one line of a readings file.
type Row struct {
	Time     time.Time // of the reading, UTC, whole milliseconds
	Received time.Time // of its arrival, UTC; zero where the file does not say
	Station  string
	Sensor   string // empty where the file does not say: see Resolve
	Quantity ingest.Quantity
	Value    float64 // in Unit; finite
	Unit     string  // UCUM code as written; empty means the unit the sensor sends
	File     string
	Line     int // from 1, the header included
}

// Fault is what is wrong with one line. Reading may go on after it.
type Fault struct {
	File string
	Line int
	Text string // what is wrong and what would be right
}

// Error is "file:line: text".
func (f *Fault) Error() string { return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text) }

func (r *Row) fault(format string, args ...any) error {
	return &Fault{File: r.File, Line: r.Line, Text: fmt.Sprintf(format, args...)}
}

// Reader reads a readings file line by line.
type Reader struct {
	name   string
	csv    *csv.Reader
	column map[string]int // of each known column; -1 where the file has it not
	end    error          // what ended the file
}

var (
	required = []string{"time", "station", "quantity", "value", "unit"}
	optional = []string{"sensor", "received"}
)

// Open reads the header of the file that r holds; name stands in the errors. It fails on what is no CSV
// file with the required columns.
func Open(name string, r io.Reader) (*Reader, error) {
	plain, err := unpack(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c := csv.NewReader(plain)
	c.ReuseRecord = true
	header, err := c.Read()
	if errors.Is(err, io.EOF) {
		return nil, &Fault{name, 1, "the file is empty: its first line must be " + strings.Join(required, ",")}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: reading the header: %w", name, err)
	}
	columns, problem := readHeader(header)
	if problem != "" {
		return nil, &Fault{name, 1, problem}
	}
	return &Reader{name: name, csv: c, column: columns}, nil
}

// unpack undoes gzip and drops a byte order mark.
func unpack(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	if magic, _ := b.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf("it begins like a gzip file and is none: %w", err)
		}
		b = bufio.NewReaderSize(z, 1<<16)
	}
	if mark, _ := b.Peek(3); bytes.Equal(mark, []byte{0xef, 0xbb, 0xbf}) {
		_, _ = b.Discard(3) // cannot fail: the bytes have been peeked
	}
	return b, nil
}

// readHeader finds the columns; problem says what is wrong with them, if anything.
func readHeader(header []string) (column map[string]int, problem string) {
	known := slices.Concat(required, optional)
	column = make(map[string]int, len(known))
	for _, name := range known {
		column[name] = -1
	}
	for i, cell := range header {
		name := strings.TrimSpace(cell)
		at, isKnown := column[name]
		switch {
		case isKnown && at >= 0:
			return nil, fmt.Sprintf("the column %s stands twice: keep one", name)
		case isKnown:
			column[name] = i
		default:
			if meant := nearest(strings.ToLower(name), known); meant != "" {
				return nil, fmt.Sprintf("unknown column %q: did you mean %s?", name, meant)
			}
		}
	}
	var missing []string
	for _, name := range required {
		if column[name] < 0 {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Sprintf("no column %s: the first line must name the columns %s (separated by commas), optionally %s",
			strings.Join(missing, ", "), strings.Join(required, ","), strings.Join(optional, ","))
	}
	return column, ""
}

// Next returns the next row, or io.EOF at the end. An error that is a *Fault concerns one line only and
// Next may be called again; any other ends the file.
func (r *Reader) Next() (Row, error) {
	if r.end != nil {
		return Row{}, r.end
	}
	record, err := r.csv.Read()
	var syntax *csv.ParseError
	switch {
	case errors.As(err, &syntax):
		return Row{}, r.broken(syntax, len(record))
	case errors.Is(err, io.EOF):
		r.end = io.EOF
		return Row{}, io.EOF
	case err != nil:
		r.end = fmt.Errorf("%s: after line %d: %w", r.name, r.line(), err)
		return Row{}, r.end
	}
	line, _ := r.csv.FieldPos(0)
	return r.row(record, line)
}

func (r *Reader) line() int {
	line, _ := r.csv.FieldPos(0)
	return line
}

// broken words a line that is no CSV.
func (r *Reader) broken(e *csv.ParseError, cells int) error {
	if errors.Is(e.Err, csv.ErrFieldCount) {
		return &Fault{r.name, e.StartLine, fmt.Sprintf("%d cells where the header has %d: put a value that holds a comma in quotes",
			cells, r.csv.FieldsPerRecord)}
	}
	return &Fault{r.name, e.StartLine, fmt.Sprintf("column %d: %v", e.Column, e.Err)}
}

func (r *Reader) row(record []string, line int) (Row, error) {
	cell := func(name string) string {
		if i := r.column[name]; i >= 0 {
			return strings.TrimSpace(record[i])
		}
		return ""
	}
	row := Row{
		File: r.name, Line: line,
		Station: cell("station"), Sensor: cell("sensor"), Unit: cell("unit"),
		Quantity: ingest.Quantity(cell("quantity")),
	}
	if row.Station == "" {
		return row, row.fault("no station: its id in stations.geojson is wanted")
	}
	if !row.Quantity.Known() {
		return row, row.fault("unknown quantity %q: it must be one of %v", row.Quantity, ingest.Quantities())
	}
	var err error
	if row.Time, err = parseTime(cell("time")); err != nil {
		return row, row.fault("time: %v", err)
	}
	if text := cell("received"); text != "" {
		if row.Received, err = parseTime(text); err != nil {
			return row, row.fault("received: %v", err)
		}
	}
	if row.Value, err = parseValue(cell("value")); err != nil {
		return row, row.fault("%v", err)
	}
	return row, nil
}

func parseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err == nil {
		return t.UTC().Truncate(time.Millisecond), nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			return time.Time{}, fmt.Errorf("%q does not say its time zone: write %s if it is UTC", text, t.Format(time.RFC3339))
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: write it as 2016-02-12T06:45:00Z", text)
}

func parseValue(text string) (float64, error) {
	if text == "" {
		return 0, errors.New("no value: leave the line out where nothing was measured")
	}
	// ParseFloat would take inf, nan and hexadecimal numbers too.
	if strings.Trim(text, "0123456789+-.eE") == "" {
		if v, err := strconv.ParseFloat(text, 64); err == nil {
			return v, nil
		}
	}
	hint := ""
	if strings.Count(text, ",") == 1 && !strings.Contains(text, ".") {
		hint = " (write " + strings.Replace(text, ",", ".", 1) + " if the comma is a decimal one)"
	}
	return 0, fmt.Errorf("value %q is not a finite number%s", text, hint)
}
