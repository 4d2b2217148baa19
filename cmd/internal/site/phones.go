package site

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/paulmach/orb"

	"tocsin/alerting"
)

// phoneColumns are the columns of phones.csv, all of them needed.
var phoneColumns = []string{"id", "name", "phone", "language", "lon", "lat"}

// readPhones reads the test phones of an exercise. Numbers never appear in messages.
func readPhones(data []byte, c Config, r reporter) []alerting.Recipient {
	if c.Mode == alerting.Actual {
		r.fault(1, "test phones are for exercises: a site in mode Actual must not have phones.csv; people register themselves")
		return nil
	}
	reader := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	header, err := reader.Read()
	if err != nil || !slices.Equal(header, phoneColumns) {
		r.fault(1, "the header is not %s", strings.Join(phoneColumns, ","))
		return nil
	}
	var phones []alerting.Recipient
	ids, numbers := map[string]int{}, map[string]int{}
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return phones
		}
		var syntax *csv.ParseError
		if errors.As(err, &syntax) {
			r.fault(syntax.StartLine, "%v: %d columns are wanted, as in the header", syntax.Err, len(header))
			continue
		}
		if err != nil {
			r.fault(1, "%v", err)
			return phones
		}
		line, _ := reader.FieldPos(0)
		phone := phoneRow{record, line, c, r}.phone()
		for _, key := range []struct {
			seen  map[string]int
			value string
			what  string
		}{{ids, phone.ID, "id"}, {numbers, phone.Address.Reveal(), "phone number"}} {
			if first, taken := key.seen[key.value]; taken && key.value != "" {
				r.fault(line, "the %s is that of line %d: give each phone its own", key.what, first)
			}
			key.seen[key.value] = line
		}
		phones = append(phones, phone)
	}
}

// phoneRow reads one line.
type phoneRow struct {
	record []string
	line   int
	config Config
	r      reporter
}

func (p phoneRow) phone() alerting.Recipient {
	cell := func(i int) string { return strings.TrimSpace(p.record[i]) }
	if cell(0) == "" {
		p.r.fault(p.line, "no id: a short name that never changes is wanted")
	}
	number, err := e164(cell(2))
	if err != nil {
		p.r.fault(p.line, "phone: %v", err)
	}
	if !slices.Contains(p.config.Languages, cell(3)) {
		p.r.fault(p.line, "language %q is not one of the site's: %s", cell(3), strings.Join(p.config.Languages, ", "))
	}
	return alerting.Recipient{
		ID: cell(0), Mode: p.config.Mode, Name: cell(1), Channel: "sms", Address: alerting.NewAddress(number),
		Language: cell(3), Position: orb.Point{p.degrees("lon", cell(4), 180), p.degrees("lat", cell(5), 90)}, Consent: true,
	}
}

func (p phoneRow) degrees(name, text string, limit float64) float64 {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(x) || math.Abs(x) > limit {
		p.r.fault(p.line, "%s is %q: degrees from %v to %v are wanted", name, text, -limit, limit)
		return 0
	}
	return x
}
