package recipient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/paulmach/orb"

	"tocsin/alerting"
)

// people is a directory in memory as far as this package asks for it.
type people struct {
	alerting.Directory
	list []alerting.Recipient
	fail error
}

func (d *people) PutRecipient(_ context.Context, p alerting.Recipient) error {
	d.list = append(d.list, p)
	slices.SortFunc(d.list, func(a, b alerting.Recipient) int { return cmp.Compare(a.ID, b.ID) })
	return d.fail
}

func (d *people) Within(_ context.Context, mode alerting.Mode, b orb.Bound, after string, limit int) ([]alerting.Recipient, error) {
	var found []alerting.Recipient
	for _, p := range d.list {
		if p.Mode == mode && p.ID > after && b.Contains(p.Position) && len(found) < limit {
			found = append(found, p)
		}
	}
	return found, d.fail
}

func row(line int, phone string) Row {
	return Row{Line: line, Phone: phone, Language: "dz", Position: orb.Point{89.86, 27.58}, Consent: "signed list"}
}

func TestImport(t *testing.T) {
	var d people
	options := Options{Mode: alerting.Exercise, Region: "BT"}
	n, err := Import(t.Context(), &d, options, []Row{row(2, "17 12 34 56"), row(3, "+44 7911 123456")})
	if err != nil || n != 2 {
		t.Fatalf("%d imported (%v)", n, err)
	}
	var numbers []string
	for _, p := range d.list {
		numbers = append(numbers, p.Address.Reveal())
		if p.Mode != alerting.Exercise || !p.Consent || p.Channel != "sms" || strings.Contains(p.ID, "123456") {
			t.Errorf("recipient %+v", p)
		}
	}
	slices.Sort(numbers)
	if !slices.Equal(numbers, []string{"+447911123456", "+97517123456"}) {
		t.Errorf("numbers %v", numbers)
	}
	var again people
	if _, err := Import(t.Context(), &again, options, []Row{row(9, "+97517123456")}); err != nil || !slices.ContainsFunc(d.list, func(p alerting.Recipient) bool { return p.ID == again.list[0].ID }) {
		t.Errorf("the same number has another id at the next import (%v)", err)
	}
}

func TestImportRefuses(t *testing.T) {
	bad := map[string]func(*Row, *Options){
		"cannot be read":     func(r *Row, _ *Options) { r.Phone = "call 17123456 me" },
		"numbering plan":     func(r *Row, _ *Options) { r.Phone = "+97599123456" },
		"cannot be read ":    func(_ *Row, o *Options) { o.Region = "" },
		"consent":            func(r *Row, _ *Options) { r.Consent = " " },
		"language":           func(r *Row, _ *Options) { r.Language = "Dzongkha!" },
		"position":           func(r *Row, _ *Options) { r.Position = orb.Point{27.58, 97.5} },
		"mode":               func(_ *Row, o *Options) { o.Mode = "Real" },
		"into mode Actual":   func(_ *Row, o *Options) { o.Mode, o.Fictitious = alerting.Actual, true },
		"too short":          func(r *Row, o *Options) { o.Fictitious, r.Phone = true, "+97517" },
		"the same person as": func(r *Row, _ *Options) { r.Phone = "+975 17 12 34 57" },
	}
	for want, spoil := range bad {
		var d people
		options := Options{Mode: alerting.Exercise, Region: "BT"}
		spoilt := row(7, "17123456")
		spoil(&spoilt, &options)
		good := row(3, "+97517123457")
		_, err := Import(t.Context(), &d, options, []Row{good, spoilt})
		if err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) || len(d.list) != 0 {
			t.Errorf("%s: %v, %d put", want, err, len(d.list))
			continue
		}
		if strings.Contains(err.Error(), "1712") || strings.Contains(err.Error(), "9912") {
			t.Errorf("the error shows the number: %v", err)
		}
		if !strings.Contains(want, "mode") && !strings.Contains(err.Error(), "line 7:") {
			t.Errorf("%v does not name the line", err)
		}
	}
}

func TestConcerned(t *testing.T) {
	var d people
	put := func(id string, mode alerting.Mode, lon, lat float64) {
		if err := d.PutRecipient(t.Context(), alerting.Recipient{ID: id, Mode: mode, Position: orb.Point{lon, lat}}); err != nil {
			t.Fatal(err)
		}
	}
	put("inside", alerting.Exercise, 0.2, 0.2)
	put("on the edge", alerting.Exercise, 0.5, 0.5)
	put("in the box only", alerting.Exercise, 0.9, 0.9)
	put("other mode", alerting.Test, 0.2, 0.2)
	put("east", alerting.Exercise, 179.5, 0.5)
	put("west", alerting.Exercise, -179.5, 0.5)
	put("on the line", alerting.Exercise, -180, 0.5)
	put("far", alerting.Exercise, -178, 0.5)
	triangle := orb.MultiPolygon{{{{0, 0}, {1, 0}, {0, 1}, {0, 0}}}}
	split := orb.MultiPolygon{
		{{{179, 0}, {180, 0}, {180, 1}, {179, 1}, {179, 0}}}, {{{-180, 0}, {-179, 0}, {-179, 1}, {-180, 1}, {-180, 0}}},
	}
	eastern := split[:1]
	for name, c := range map[string]struct {
		shape orb.MultiPolygon
		want  []string
	}{
		"triangle":              {triangle, []string{"inside", "on the edge"}},
		"over the antimeridian": {split, []string{"east", "on the line", "west"}},
		"up to it":              {eastern, []string{"east", "on the line"}},
		"nothing":               {nil, nil},
	} {
		var got []string
		for p, err := range Concerned(t.Context(), &d, alerting.Exercise, c.shape) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p.ID)
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	for i := range 2*page + 5 {
		put(fmt.Sprintf("crowd%05d", i), alerting.System, 0.1, 0.1)
	}
	n := 0
	for range Concerned(t.Context(), &d, alerting.System, triangle) {
		n++
	}
	if n != 2*page+5 {
		t.Errorf("%d of a crowd of %d", n, 2*page+5)
	}
	d.fail = errors.New("disk")
	for _, err := range Concerned(t.Context(), &d, alerting.System, triangle) {
		if !errors.Is(err, d.fail) {
			t.Errorf("error %v", err)
		}
	}
}
