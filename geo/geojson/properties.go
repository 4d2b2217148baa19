package geojson

import (
	"math"
	"slices"
	"strings"
)

// Text is the text (or number, as written) of a property, "" where there is none.
func (f Feature) Text(name string, faults *Faults) string {
	v := f.Properties.Get(name)
	if v == nil || v.Kind == Null {
		return ""
	}
	if v.Kind != String && v.Kind != Number {
		faults.Add(v.Line, "%s: %q is %v: a text is wanted", f.Name, name, v.Kind)
		return ""
	}
	return strings.TrimSpace(v.Text)
}

// Whole is the whole number of a property, not below 0; ok is false where there is none.
func (f Feature) Whole(name string, faults *Faults) (n int, ok bool) {
	v := f.Properties.Get(name)
	if v == nil || v.Kind == Null {
		return 0, false
	}
	x, isNumber := v.Float()
	if !isNumber || x < 0 || x != math.Trunc(x) || x > 1e10 {
		said := v.Kind.String()
		if v.Text != "" {
			said = v.Text
		}
		faults.Add(v.Line, "%s: %q is %s: a whole number from 0 is wanted, without quotes", f.Name, name, said)
		return 0, false
	}
	return int(x), true
}

// Flag is the truth of a property, false where there is none.
func (f Feature) Flag(name string, faults *Faults) bool {
	v := f.Properties.Get(name)
	if v == nil || v.Kind == Null {
		return false
	}
	if v.Kind != Bool {
		faults.Add(v.Line, "%s: %q is %v: true or false is wanted, without quotes", f.Name, name, v.Kind)
	}
	return v.Kind == Bool && v.Text == "true"
}

// Known notes members of the object, which messages call what, that are likely to be misspelt names. Others
// are left alone in a feature (map programs add their own) and noted where strict.
func Known(object *Value, what string, known []string, strict bool, faults *Faults) {
	if object == nil {
		return
	}
	for _, m := range object.Members {
		if slices.Contains(known, m.Name) {
			continue
		}
		meant := Nearest(m.Name, known)
		switch {
		case meant != "":
			faults.Add(m.Line, "%s: unknown name %q: did you mean %q?", what, m.Name, meant)
		case strict:
			faults.Add(m.Line, "%s: unknown name %q: it must be one of %s", what, m.Name, strings.Join(known, ", "))
		}
	}
}

// Doubled notes features whose id another has taken.
func Doubled(features []Feature, faults *Faults) {
	first := map[string]int{}
	for _, f := range features {
		if f.ID == "" {
			continue
		}
		if line, taken := first[f.ID]; taken {
			faults.Add(f.Line, "%s: the id %q is taken by the feature of line %d: give each its own", f.Name, f.ID, line)
			continue
		}
		first[f.ID] = f.Line
	}
}

// Nearest is the word that name may be a misspelling of: the same but for capitals, or at most one edit in
// three letters away; "" where there is none.
func Nearest(name string, words []string) string {
	best, found := math.MaxInt, ""
	for _, word := range words {
		if len(name) > 2*len(word) { // too far, and a hostile name may be a megabyte
			continue
		}
		if d := distance(strings.ToLower(name), strings.ToLower(word)); d < best && d <= len(word)/3 {
			best, found = d, word
		}
	}
	return found
}

// distance counts the letters to change, add, drop or swap with their neighbour (optimal string alignment
// after Damerau 1964).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

// NeedID notes a feature without an id.
func (f Feature) NeedID(example string, faults *Faults) {
	if f.ID == "" {
		faults.Add(f.Line, "%s: no property \"id\": a short name that never changes is wanted, like %q", f.Name, example)
		return
	}
	if strings.ContainsFunc(f.ID, func(c rune) bool { return c < ' ' || strings.ContainsRune("/+#\"", c) || c == 0x7f }) {
		faults.Add(f.Line, "%s: the id must hold none of / + # \" and no control characters: %q (it becomes part of topics and expressions)", f.Name, f.ID)
	}
}
