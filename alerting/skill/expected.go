package skill

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"tocsin/alerting"
)

// columns every expected file has; others (reason, station) may stand beside them.
var columns = []string{"zone", "level", "first_time", "verdict"} // a constant list

// ReadExpected reads an expected file, CSV with a header of at least zone, level, first_time and verdict.
// first_time is RFC 3339 and may be empty in rows that are not yes; the file is at most 10 MB. The error
// joins every fault found, each as "name:line: what is wrong and what would be right".
func ReadExpected(name string, file io.Reader) ([]Expected, error) {
	reader := csv.NewReader(io.LimitReader(file, 10<<20))
	reader.TrimLeadingSpace, reader.FieldsPerRecord = true, -1
	header, err := reader.Read()
	if err != nil {
		return nil, fmt.Errorf("%s:1: no header (%w); right would be %s", name, err, strings.Join(columns, ","))
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	p := parser{name: name, at: make(map[string]int), seen: make(map[string]Expected)}
	for i, column := range header {
		p.at[strings.TrimSpace(column)] = i
	}
	for _, column := range columns {
		if _, ok := p.at[column]; !ok {
			p.fault(1, "the header has no column %q; right would be %s", column, strings.Join(columns, ","))
		}
	}
	if len(p.faults) > 0 {
		return nil, errors.Join(p.faults...)
	}
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var at *csv.ParseError
			if errors.As(err, &at) {
				p.fault(at.Line, "%s", at.Err)
				break
			}
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := reader.FieldPos(0)
		p.row(line, record, len(header))
	}
	if len(p.faults) > 0 {
		return nil, errors.Join(p.faults...)
	}
	return p.rows, nil
}

type parser struct {
	name   string
	at     map[string]int
	seen   map[string]Expected // by zone and level
	rows   []Expected
	faults []error
}

func (p *parser) fault(line int, format string, args ...any) {
	p.faults = append(p.faults, fmt.Errorf("%s:%d: %s", p.name, line, fmt.Sprintf(format, args...)))
}

func (p *parser) row(line int, record []string, width int) {
	row := Expected{Line: line}
	if len(record) != width {
		p.fault(line, "%d fields where the header has %d", len(record), width)
		return
	}
	field := func(column string) string { return strings.TrimSpace(record[p.at[column]]) }
	if row.Zone = field("zone"); row.Zone == "" {
		p.fault(line, "zone is empty; right would be the id of a zone")
	}
	level, err := strconv.Atoi(field("level"))
	if err != nil || level < 1 || level > int(alerting.MaxLevel) {
		p.fault(line, "level %q is not one of 1, 2, 3, 4", field("level"))
	}
	row.Level = alerting.Level(level)
	row.Verdict = Verdict(strings.ToLower(field("verdict")))
	if !slices.Contains([]Verdict{Yes, No, Doubtful}, row.Verdict) {
		p.fault(line, "verdict %q is not one of yes, no, doubtful", field("verdict"))
	}
	row.FirstTime = p.firstTime(line, field("first_time"), row.Verdict)
	key := fmt.Sprintf("%s level %d", row.Zone, row.Level)
	if first, again := p.seen[key]; again && (row.Verdict != Yes || first.Verdict != Yes || row.FirstTime.Equal(first.FirstTime)) {
		p.fault(line, "%s stands in line %d already; only yes rows may stand again, with another first_time", key, first.Line)
	}
	p.seen[key] = row
	p.rows = append(p.rows, row)
}

func (p *parser) firstTime(line int, text string, verdict Verdict) time.Time {
	if text == "" {
		if verdict == Yes {
			p.fault(line, "first_time is empty; a yes row needs one such as 2016-02-05T09:45:00Z")
		}
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		p.fault(line, "first_time %q is not a time; right would be 2016-02-05T09:45:00Z", text)
	}
	return at.UTC()
}
