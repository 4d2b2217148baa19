package public

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestPaintIsReadable(t *testing.T) {
	for _, test := range []struct{ colour, background, ink string }{
		{"yellow", "#ffd60a", "#000"},
		{"RED", "#c8102e", "#fff"},
		{"violet", "#7b1fa2", "#fff"},
		{"#fff", "#ffffff", "#000"},
		{"#00f", "#0000ff", "#fff"},
		{"papayawhip", "#8a94a0", "#000"},
		{"", "#8a94a0", "#000"},
		{"#12345g", "#8a94a0", "#000"},
		{"red}</style>", "#8a94a0", "#000"},
	} {
		background, ink := Paint(test.colour)
		if background != test.background || ink != test.ink {
			t.Errorf("%q is painted %s on %s, want %s on %s", test.colour, ink, background, test.ink, test.background)
		}
	}
}

func TestPicture(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(h float64, v float64) Point { return Point{from.Add(time.Duration(h * float64(time.Hour))), v} }
	day := from.Add(24 * time.Hour)
	if got := Picture([]Point{at(1, 2)}, nil, from, day, time.Hour, ""); got != "" {
		t.Errorf("one point makes a picture: %s", got)
	}
	got := string(Picture([]Point{at(0, 1), at(1, 2), at(12, 3), at(24, 4)}, []Line{{1, 3}, {4, 99}}, from, day, 2*time.Hour, `<"high">`))
	if strings.Count(got, "M")-strings.Count(got, `class="t" d="M`) != 3 {
		t.Errorf("gaps of 11 and 12 hours do not break the line: %s", got)
	}
	if !strings.Contains(got, ">1</text>") || strings.Contains(got, ">4</text>") {
		t.Errorf("a near level is drawn, a far one is not: %s", got)
	}
	if strings.Contains(got, `<"high">`) {
		t.Error("words are not escaped")
	}
	if still := string(Picture([]Point{at(0, 1), at(1, 1.001)}, nil, from, day, 2*time.Hour, "")); !strings.Contains(still, "M0 28L10 28") {
		t.Errorf("a still lake is not a flat line in the middle: %s", still)
	}
}

func TestEveryWordExists(t *testing.T) {
	r, err := New([]Level{{Number: 1, Name: "advisory", Colour: "yellow"}})
	if err != nil {
		t.Fatal(err) // New draws every branch and fails on a word that is missing
	}
	var page bytes.Buffer
	if err := r.Render(&page, everything()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(page.String(), "<no value>") || strings.Contains(page.String(), "ZgotmplZ") {
		t.Error("the template let something through that it could not write")
	}
}
