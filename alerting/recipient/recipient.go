// Package recipient brings people into the directory and finds those whom an area concerns.
//
// Conventions: numbers become E.164; positions are orb points (longitude, latitude); an error names
// the line and what is wrong with it, never the number. Its functions keep no state and may be called
// from any goroutine.
package recipient

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"math"
	"regexp"
	"strings"

	"github.com/nyaruka/phonenumbers"
	"github.com/paulmach/orb"

	"tocsin/alerting"
	"tocsin/geo"
)

// page is how many recipients are read from the directory at once.
const page = 1000

// Row is one line of a list of people.
type Row struct {
	Line     int    // of the file, from 1, for the errors
	ID       string // empty: made from mode and number, so that the same list can be imported again
	Name     string
	Phone    string // as people write it; without a country code it is taken to be of Region
	Language string // BCP 47
	Position orb.Point
	// Consent says where the person's consent comes from ("signed list of the gewog office, 2026-03-02",
	// "test phone"); a row without one is refused.
	Consent string
}

// Options say how a list is read.
type Options struct {
	Mode   alerting.Mode
	Region string // ISO 3166 code of the country of numbers written without one: "BT"; empty: they are refused
	// Fictitious takes any number of a plausible length, for the test phones of an exercise, which
	// belong to no one. It is refused in mode Actual.
	Fictitious bool
}

// Import checks every row and, where all are right, puts them into the directory. It returns how many
// were put. The error joins what is wrong with each line; then nothing was put, unless it was the
// directory that failed.
func Import(ctx context.Context, directory alerting.Directory, options Options, rows []Row) (int, error) {
	if _, err := alerting.ParseMode(string(options.Mode)); err != nil {
		return 0, err
	}
	if options.Fictitious && options.Mode == alerting.Actual {
		return 0, errors.New("test phones cannot be imported into mode Actual")
	}
	people, err := check(options, rows)
	if err != nil {
		return 0, err
	}
	for i, p := range people {
		if err := directory.PutRecipient(ctx, p); err != nil {
			return i, fmt.Errorf("line %d: %w", rows[i].Line, err)
		}
	}
	return len(people), nil
}

func check(options Options, rows []Row) ([]alerting.Recipient, error) {
	var errs []error
	people := make([]alerting.Recipient, 0, len(rows))
	lines := map[string]int{}
	for _, row := range rows {
		p, err := read(options, row)
		if err == nil && lines[p.ID] > 0 {
			err = fmt.Errorf("the same person as on line %d", lines[p.ID])
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", row.Line, err))
			continue
		}
		lines[p.ID] = row.Line
		people = append(people, p)
	}
	return people, errors.Join(errs...)
}

// tag is the shape of a language tag, as far as it matters here (BCP 47, section 2.1).
var tag = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

func read(options Options, row Row) (alerting.Recipient, error) {
	p := alerting.Recipient{
		ID: row.ID, Mode: options.Mode, Name: row.Name, Channel: "sms", Language: row.Language, Position: row.Position, Consent: true,
	}
	number, err := Normalise(row.Phone, options.Region, options.Fictitious)
	errs := []error{err}
	if strings.TrimSpace(row.Consent) == "" {
		errs = append(errs, errors.New("no word on where the consent comes from"))
	}
	if !tag.MatchString(row.Language) {
		errs = append(errs, fmt.Errorf("language %q is not a tag such as en or dz", row.Language))
	}
	if !onEarth(row.Position) {
		errs = append(errs, fmt.Errorf("position %v is not longitude -180 to 180, latitude -90 to 90", row.Position))
	}
	p.Address = number
	if p.ID == "" {
		p.ID = identify(options.Mode, number)
	}
	return p, errors.Join(errs...)
}

func onEarth(p orb.Point) bool { return math.Abs(p[0]) <= 180 && math.Abs(p[1]) <= 90 } // false for NaN

// identify makes an id that is the same at every import and does not show the number.
func identify(mode alerting.Mode, number alerting.Address) string {
	sum := sha256.Sum256([]byte("tocsin recipient\x00" + string(mode) + "\x00" + number.Reveal()))
	return hex.EncodeToString(sum[:10])
}

// written is how people write numbers. The parser would pick one out of any sentence.
var written = regexp.MustCompile(`^[+0-9 ()./-]+$`)

// Normalise brings a phone number into E.164. region is the country of numbers written without one.
// The error never holds the number.
func Normalise(phone, region string, fictitious bool) (alerting.Address, error) {
	number, err := phonenumbers.Parse(phone, region)
	if err != nil || !written.MatchString(phone) {
		return alerting.Address{}, errors.New("the phone number cannot be read; + and country code, then digits would be right")
	}
	if !fictitious && !phonenumbers.IsValidNumber(number) {
		return alerting.Address{}, errors.New("the phone number does not exist in its country's numbering plan")
	}
	if fictitious && !phonenumbers.IsPossibleNumber(number) {
		return alerting.Address{}, errors.New("the phone number is too short or too long for its country")
	}
	return alerting.NewAddress(phonenumbers.Format(number, phonenumbers.E164)), nil
}

// Concerned yields the recipients of a mode, with consent, whose home lies in the shape (longitude,
// latitude; a point on an edge counts). After an error it ends.
func Concerned(ctx context.Context, directory alerting.Directory, mode alerting.Mode, shape orb.MultiPolygon) iter.Seq2[alerting.Recipient, error] {
	return func(yield func(alerting.Recipient, error) bool) {
		if len(shape) == 0 {
			return
		}
		window := windowOf(shape)
		for after := ""; ; {
			people, err := directory.Within(ctx, mode, window, after, page)
			if err != nil {
				yield(alerting.Recipient{}, err)
				return
			}
			for _, p := range people {
				if geo.Contains(shape, p.Position) && !yield(p, nil) {
					return
				}
			}
			if len(people) < page {
				return
			}
			after = people[len(people)-1].ID
		}
	}
}

// margin widens a window by about a metre, degrees, so that geo.Contains alone judges the edge.
const margin = 1e-5

// windowOf bounds a shape. Shapes that cross 180 degrees are held split there (see geo.Contains), and a
// point on that meridian, or at a pole, counts at every longitude it has: then the window is the whole
// parallel.
func windowOf(shape orb.MultiPolygon) orb.Bound {
	b := shape.Bound()
	b.Min = orb.Point{b.Min[0] - margin, b.Min[1] - margin}
	b.Max = orb.Point{b.Max[0] + margin, b.Max[1] + margin}
	if b.Min[0] <= -180 || b.Max[0] >= 180 || b.Min[1] <= -90 || b.Max[1] >= 90 {
		b.Min[0], b.Max[0] = -180, 180
	}
	return b
}
