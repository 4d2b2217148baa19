package geojson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// Kind is what a JSON value is.
type Kind uint8

// The kinds of JSON values.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// String names the kind as an error message does.
func (k Kind) String() string {
	switch k {
	case Null:
		return "null"
	case Bool:
		return "true or false"
	case Number:
		return "a number"
	case String:
		return "a text"
	case Array:
		return "a list"
	case Object:
		return "an object"
	}
	return "unknown"
}

// Value is a JSON value that knows its line.
type Value struct {
	Kind    Kind
	Line    int       // from 1
	Text    string    // of a String; of a Number and a Bool as written
	Numbers []float64 // of an Array that holds nothing but numbers (a position)
	Items   []Value   // of any other Array
	Members []Member  // of an Object, in order, names once each
}

// Member is a named value of an object.
type Member struct {
	Name  string
	Line  int
	Value Value
}

// Get is the member of that name, or nil.
func (v *Value) Get(name string) *Value {
	if v == nil {
		return nil
	}
	for i := range v.Members {
		if v.Members[i].Name == name {
			return &v.Members[i].Value
		}
	}
	return nil
}

// Float is the value of a Number; ok is false for what is none or too large.
func (v *Value) Float() (x float64, ok bool) {
	if v == nil || v.Kind != Number {
		return 0, false
	}
	x, err := strconv.ParseFloat(v.Text, 64)
	return x, err == nil
}

// maxDepth is how deep values may be nested; coordinates of a MultiPolygon in a collection need 8.
const maxDepth = 64

// parser turns tokens into a Value.
type parser struct {
	decoder  *json.Decoder
	data     []byte
	newlines []int // offsets
	faults   *Faults
}

// parse reads one JSON value and notes what is wrong; ok is false where it is no JSON at all.
func parse(data []byte, faults *Faults) (v Value, ok bool) {
	data = bytes.TrimPrefix(data, []byte{0xef, 0xbb, 0xbf})
	p := &parser{decoder: json.NewDecoder(bytes.NewReader(data)), data: data, faults: faults}
	p.decoder.UseNumber()
	for i, b := range data {
		if b == '\n' {
			p.newlines = append(p.newlines, i)
		}
	}
	v, err := p.value(0)
	if err == nil {
		if _, err = p.decoder.Token(); errors.Is(err, io.EOF) {
			return v, true
		}
		if err == nil {
			err = errors.New("more follows after the end of the value: one file holds one value")
		}
	}
	faults.Add(p.errorLine(err), "no JSON: %v", sentence(err))
	return Value{}, false
}

// sentence says in plain words what the decoder means.
func sentence(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the file ends too early")
	}
	return err
}

func (p *parser) errorLine(err error) int {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return p.lineAt(int(syntax.Offset) - 1)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return p.lineAt(len(p.data) - 1)
	}
	return p.line()
}

// line is the line of the end of the last token; tokens do not hold line breaks.
func (p *parser) line() int { return p.lineAt(int(p.decoder.InputOffset()) - 1) }

func (p *parser) lineAt(offset int) int {
	at, _ := slices.BinarySearch(p.newlines, offset)
	return at + 1
}

func (p *parser) value(depth int) (Value, error) {
	token, err := p.decoder.Token()
	if err != nil {
		return Value{}, err
	}
	v := Value{Line: p.line()}
	switch t := token.(type) {
	case json.Delim:
		if depth == maxDepth {
			return v, fmt.Errorf("nested deeper than %d", maxDepth)
		}
		if t == '{' {
			v.Kind = Object
			return v, p.object(&v, depth)
		}
		v.Kind = Array
		return v, p.array(&v, depth)
	case json.Number:
		v.Kind, v.Text = Number, t.String()
	case string:
		v.Kind, v.Text = String, t
	case bool:
		v.Kind, v.Text = Bool, strconv.FormatBool(t)
	case nil:
		v.Kind = Null
	}
	return v, nil
}

func (p *parser) object(v *Value, depth int) error {
	lines := map[string]int{}
	for p.decoder.More() {
		token, err := p.decoder.Token()
		if err != nil {
			return err
		}
		name, ok := token.(string)
		if !ok {
			return fmt.Errorf("a name in quotes is wanted, found %v", token)
		}
		line := p.line()
		member, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		if first, taken := lines[name]; taken {
			p.faults.Add(line, "%q stands twice in one object (first in line %d): keep one", name, first)
			continue
		}
		lines[name] = line
		v.Members = append(v.Members, Member{Name: name, Line: line, Value: member})
	}
	_, err := p.decoder.Token()
	return err
}

func (p *parser) array(v *Value, depth int) error {
	for p.decoder.More() {
		item, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		x, isNumber := item.Float()
		if isNumber && v.Items == nil {
			v.Numbers = append(v.Numbers, x)
			continue
		}
		// A list of mixed things: what was taken for a position is none.
		for _, x := range v.Numbers {
			v.Items = append(v.Items, Value{Kind: Number, Line: v.Line, Text: strconv.FormatFloat(x, 'g', -1, 64)})
		}
		v.Numbers = nil
		v.Items = append(v.Items, item)
	}
	_, err := p.decoder.Token()
	return err
}
