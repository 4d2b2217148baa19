package sms

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"
)

func TestSegments(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Segmentation
	}{
		"empty":                         {"", Segmentation{GSM7, 0, 1}},
		"160 septets":                   {strings.Repeat("a", 160), Segmentation{GSM7, 160, 1}},
		"161 septets":                   {strings.Repeat("a", 161), Segmentation{GSM7, 161, 2}},
		"an escape is not torn apart":   {strings.Repeat("a", 152) + "€" + strings.Repeat("a", 152), Segmentation{GSM7, 306, 3}},
		"80 escapes":                    {strings.Repeat("€", 80), Segmentation{GSM7, 160, 1}},
		"81 escapes":                    {strings.Repeat("€", 81), Segmentation{GSM7, 162, 2}},
		"ç is not Ç":                    {"ç", Segmentation{UCS2, 1, 1}},
		"back quote is not GSM":         {"`", Segmentation{UCS2, 1, 1}},
		"70 units":                      {strings.Repeat("ཆ", 70), Segmentation{UCS2, 70, 1}},
		"71 units":                      {strings.Repeat("ཆ", 71), Segmentation{UCS2, 71, 2}},
		"35 pairs":                      {strings.Repeat("🐳", 35), Segmentation{UCS2, 70, 1}},
		"a pair is not torn apart":      {strings.Repeat("🐳", 66), Segmentation{UCS2, 132, 2}},
		"one pair more":                 {strings.Repeat("🐳", 67), Segmentation{UCS2, 134, 3}},
		"bytes that are no text":        {"a\xff", Segmentation{UCS2, 2, 1}},
		"a carriage return is a septet": {"a\r\n", Segmentation{GSM7, 3, 1}},
	} {
		if got := Segments(c.text); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	text, err := json.Marshal(Segments("hi"))
	if err != nil || string(text) != `{"encoding":"GSM-7","units":2,"segments":1}` {
		t.Errorf("JSON %s (%v)", text, err)
	}
}

// TestAlphabet counts the characters of the standard's two tables (3GPP TS 23.038, 6.2.1 and 6.2.1.1).
func TestAlphabet(t *testing.T) {
	seen := map[rune]bool{}
	for _, r := range basic + extension {
		if seen[r] {
			t.Errorf("%q is there twice", r)
		}
		seen[r] = true
	}
	if n := len([]rune(basic)); n != 127 { // 128 places, one of them the escape
		t.Errorf("%d characters in the basic table, want 127", n)
	}
	if n := len([]rune(extension)); n != 10 {
		t.Errorf("%d characters in the extension table, want 10", n)
	}
}

// shared finds a file of the shared data beside the repository.
func shared(t *testing.T, name string) []byte {
	t.Helper()
	roots := []string{os.Getenv("TOCSIN_DATA")}
	if roots[0] == "" {
		folder, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		roots = nil
		for ; folder != filepath.Dir(folder); folder = filepath.Dir(folder) {
			roots = append(roots, filepath.Join(folder, "..", "shared", "data"))
		}
	}
	for _, root := range roots {
		if text, err := os.ReadFile(filepath.Join(root, name)); err == nil {
			return text
		}
	}
	t.Skipf("%s is not there: no shared data beside the repository", name)
	return nil
}

type vector struct {
	Description string `json:"description"`
	Message     string `json:"message"`
	Parts       []struct {
		Content string `json:"content"`
		Bytes   int    `json:"bytes"`
	} `json:"parts"`
	TotalBytes int `json:"totalBytes"`
}

func vectors(t *testing.T, name string) []vector {
	t.Helper()
	var list []vector
	if err := json.Unmarshal(shared(t, "sms/split-sms/"+name), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) < 10 {
		t.Fatalf("%s has %d vectors", name, len(list))
	}
	return list
}

// TestSharedGSM: two vectors of the file force GSM-7 on text that it cannot say; those travel as UCS-2 here.
func TestSharedGSM(t *testing.T) {
	forced := 0
	for _, v := range vectors(t, "gsm.test.json") {
		got := Segments(v.Message)
		if strings.ContainsAny(v.Message, "☃🐳") {
			forced++
			if got.Encoding != UCS2 {
				t.Errorf("%s: %+v, want UCS-2", v.Description, got)
			}
			continue
		}
		if want := (Segmentation{GSM7, v.TotalBytes, len(v.Parts)}); got != want {
			t.Errorf("%s: %+v, want %+v", v.Description, got, want)
		}
	}
	if forced != 2 {
		t.Errorf("%d vectors force GSM-7, 2 are known", forced)
	}
}

func TestSharedUnicode(t *testing.T) {
	for _, v := range vectors(t, "unicode.test.json") {
		if v.Message == "" {
			continue // UCS-2 is forced on nothing
		}
		if got, want := Segments(v.Message), (Segmentation{UCS2, v.TotalBytes / 2, len(v.Parts)}); got != want {
			t.Errorf("%s: %+v, want %+v", v.Description, got, want)
		}
	}
}

// TestSegmentsBounds compares with what any splitter must satisfy.
func TestSegmentsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z€{}]{0,500}`), rapid.StringMatching(`[🐳ཆa]{0,300}`)).Draw(t, "text")
		s := Segments(text)
		single, part, waste := 160, 153, 1
		if s.Encoding == UCS2 {
			single, part = 70, 67
			if units := len(utf16.Encode([]rune(text))); s.Units != units {
				t.Fatalf("%d units, want %d", s.Units, units)
			}
		}
		least, most := (s.Units+part-1)/part, (s.Units+part-waste-1)/(part-waste)
		if s.Units <= single {
			least, most = 1, 1
		}
		if s.Segments < least || s.Segments > most {
			t.Fatalf("%+v: between %d and %d segments", s, least, most)
		}
	})
}
