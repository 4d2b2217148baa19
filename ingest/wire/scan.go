package wire

import (
	"encoding/json"
	"fmt"
	"strings"

	"tocsin/ingest"
)

// kind is what a JSON value is.
type kind uint8

const (
	kindNumber kind = iota + 1
	kindString
	kindObject
	kindArray
	kindNull
	kindBool
	kindNaN  // NaN, Infinity and the like, which many writers emit though JSON has no such thing
	kindWord // any other unquoted word: not JSON, but its end is plain, so only this value is lost
	kindDeep // nested more deeply than MaxDepth
)

// hardDepth ends the reading of a message whose nesting can only be an attack.
const hardDepth = 200

// value is one JSON value: its kind and its text. The text of a string has its quotes still on.
type value struct {
	kind kind
	raw  []byte
}

// member is one key of an object with its value. key is the text between the quotes.
type member struct {
	key     []byte
	escaped bool
	value   value
	sensor  int // set by resolve
}

// name is the key with its escapes resolved.
func (m *member) name() string {
	if !m.escaped {
		return string(m.key)
	}
	return unquote(append(append([]byte{'"'}, m.key...), '"'))
}

// unquote resolves a JSON string, quotes included; what is not one comes back as it is.
func unquote(raw []byte) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return string(raw)
	}
	return s
}

// scanError is a place where the text stops being what it should be.
type scanError struct {
	at     int
	reason ingest.Reason
	text   string
}

func (e *scanError) Error() string { return fmt.Sprintf("%s at byte %d", e.text, e.at) }

// scanner walks over JSON text (RFC 8259) without building it. encoding/json would allocate for every
// token and could not go on after a bad value.
type scanner struct {
	text    []byte
	at      int
	deepest int // the deepest nesting seen within the value being read
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// peek is the next byte that is not space, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.at >= len(s.text) {
		return 0
	}
	return s.text[s.at]
}

func (s *scanner) fail(wanted string) *scanError {
	if s.at >= len(s.text) {
		return &scanError{s.at, ingest.ReasonSyntax, "the text ends where " + wanted + " should follow,"}
	}
	return &scanError{s.at, ingest.ReasonSyntax, fmt.Sprintf("found %q where %s should be", printable(s.text[s.at:], 10), wanted)}
}

// string reads a string and gives the text between its quotes.
func (s *scanner) string() (text []byte, escaped bool, err *scanError) {
	if s.peek() != '"' {
		return nil, false, s.fail("a key in double quotes")
	}
	start := s.at + 1
	for i := start; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			s.at = i + 1
			return s.text[start:i], escaped, nil
		case c == '\\':
			escaped = true
			i++
		case c < 0x20:
			s.at = i
			return nil, false, s.fail("the rest of a string")
		}
	}
	s.at = len(s.text)
	return nil, false, s.fail("the end of a string")
}

// value reads one value that stands in a container of the given depth (0 at the top).
func (s *scanner) value(depth int) (value, *scanError) {
	c := s.peek()
	start := s.at
	switch c {
	case '"':
		_, _, err := s.string()
		return value{kindString, s.text[start:s.at]}, err
	case '{':
		err := s.members(depth+1, func(member) {})
		return value{kindObject, s.text[start:s.at]}, err
	case '[':
		err := s.elements(depth+1, func() *scanError {
			_, err := s.value(depth + 1)
			return err
		})
		return value{kindArray, s.text[start:s.at]}, err
	}
	for s.at < len(s.text) && isWord(s.text[s.at]) {
		s.at++
	}
	if s.at == start {
		return value{}, s.fail("a value")
	}
	word := s.text[start:s.at]
	return value{wordKind(word), word}, nil
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '-' || c == '+' || c == '_' || c == '#'
}

func wordKind(word []byte) kind {
	if isNumber(word) {
		return kindNumber
	}
	switch string(word) {
	case "null":
		return kindNull
	case "true", "false":
		return kindBool
	}
	switch strings.ToLower(strings.TrimLeft(string(word), "+-")) {
	case "nan", "inf", "infinity", "1.#inf", "1.#ind", "1.#qnan":
		return kindNaN
	}
	return kindWord
}

// isNumber checks the grammar of RFC 8259, section 6.
func isNumber(b []byte) bool {
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	whole := digits(b)
	if whole == 0 || whole > 1 && b[0] == '0' {
		return false
	}
	b = b[whole:]
	if len(b) > 0 && b[0] == '.' {
		n := digits(b[1:])
		if n == 0 {
			return false
		}
		b = b[1+n:]
	}
	if len(b) > 0 && (b[0] == 'e' || b[0] == 'E') {
		b = b[1:]
		if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
			b = b[1:]
		}
		n := digits(b)
		return n > 0 && n == len(b)
	}
	return len(b) == 0
}

func digits(b []byte) int {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return n
}

func (s *scanner) enter(depth int) *scanError {
	s.deepest = max(s.deepest, depth)
	if depth > hardDepth {
		return &scanError{s.at, ingest.ReasonSize, fmt.Sprintf("nested more than %d deep", hardDepth)}
	}
	s.at++
	return nil
}

// members reads an object that lies at the given depth and hands over its members. Members are given
// only while they are sound; whoever needs all or nothing waits for the end.
func (s *scanner) members(depth int, each func(member)) *scanError {
	if err := s.enter(depth); err != nil {
		return err
	}
	if s.peek() == '}' {
		s.at++
		return nil
	}
	for {
		key, escaped, err := s.string()
		if err != nil {
			return err
		}
		if s.peek() != ':' {
			return s.fail("a colon")
		}
		s.at++
		outside := s.deepest
		s.deepest = depth
		v, err := s.value(depth)
		if err != nil {
			return err
		}
		if s.deepest > MaxDepth {
			v.kind = kindDeep
		}
		s.deepest = max(outside, s.deepest)
		each(member{key: key, escaped: escaped, value: v})
		switch s.peek() {
		case ',':
			s.at++
		case '}':
			s.at++
			return nil
		default:
			return s.fail("a comma or a closing brace")
		}
	}
}

// elements reads an array that lies at the given depth; one reads an element.
func (s *scanner) elements(depth int, one func() *scanError) *scanError {
	if err := s.enter(depth); err != nil {
		return err
	}
	if s.peek() == ']' {
		s.at++
		return nil
	}
	for {
		if err := one(); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.at++
		case ']':
			s.at++
			return nil
		default:
			return s.fail("a comma or a closing bracket")
		}
	}
}
