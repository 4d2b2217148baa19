package cap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The limits of a document that is read. The largest real ones known are 2 MB.
const (
	maxBytes    = 8 << 20
	maxDepth    = 24
	maxElements = 200_000
)

// ErrNotCAP says that a document is not a CAP alert that may be read. It is wrapped with what was found.
var ErrNotCAP = errors.New("not a CAP alert")

// node is an element as it was written.
type node struct {
	name     xml.Name
	line     int
	text     string // the character data directly inside, white space around removed
	raw      string // the same, as it stands
	extra    string // an attribute that CAP does not know, "" where there is none
	children []*node
}

// readTree reads a document without ever following a reference out of it: a DOCTYPE, the door to every
// attack by entities, is refused (CAP needs none), and so are too large, too deep and too many elements.
func readTree(document []byte) (*node, error) {
	if len(document) > maxBytes {
		return nil, fmt.Errorf("%w: %d bytes, more than %d", ErrNotCAP, len(document), maxBytes)
	}
	decoder := xml.NewDecoder(bytes.NewReader(document))
	decoder.CharsetReader = charsetReader
	var root *node
	var stack []*node
	var texts [][]byte
	for count := 0; ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		line, _ := decoder.InputPos()
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrNotCAP, line, err)
		}
		switch t := token.(type) {
		case xml.Directive:
			return nil, fmt.Errorf("%w: line %d: a document type (DOCTYPE) or other directive is not allowed", ErrNotCAP, line)
		case xml.StartElement:
			if count++; count > maxElements || len(stack) >= maxDepth {
				return nil, fmt.Errorf("%w: line %d: more than %d elements or deeper than %d", ErrNotCAP, line, maxElements, maxDepth)
			}
			n := &node{name: t.Name, line: line, extra: extraAttribute(t.Attr)}
			switch {
			case len(stack) > 0:
				parent := stack[len(stack)-1]
				parent.children = append(parent.children, n)
			case root != nil:
				return nil, fmt.Errorf("%w: line %d: a second root element %q", ErrNotCAP, line, t.Name.Local)
			default:
				root = n
			}
			stack, texts = append(stack, n), append(texts, nil)
		case xml.EndElement:
			last := len(stack) - 1
			stack[last].raw = string(texts[last])
			stack[last].text = strings.TrimSpace(stack[last].raw)
			stack, texts = stack[:last], texts[:last]
		case xml.CharData:
			if len(texts) > 0 {
				texts[len(texts)-1] = append(texts[len(texts)-1], t...)
			}
		case xml.Comment, xml.ProcInst: // neither says anything in CAP
		}
	}
	if root == nil {
		return nil, fmt.Errorf("%w: no element in it", ErrNotCAP)
	}
	return root, nil
}

// extraAttribute finds an attribute other than a namespace or a schema hint: CAP has none.
func extraAttribute(attributes []xml.Attr) string {
	for _, a := range attributes {
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" && a.Name.Space != "http://www.w3.org/2001/XMLSchema-instance" {
			return a.Name.Local
		}
	}
	return ""
}

// charsetReader reads the encodings that real issuers use beside UTF-8.
func charsetReader(charset string, input io.Reader) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "us-ascii", "ascii":
		return input, nil
	case "iso-8859-1", "latin1":
		data, err := io.ReadAll(input)
		if err != nil {
			return nil, err
		}
		runes := make([]rune, len(data))
		for i, b := range data {
			runes[i] = rune(b)
		}
		return strings.NewReader(string(runes)), nil
	}
	return nil, fmt.Errorf("the encoding %q is not read; UTF-8 would be right", charset)
}

// version of CAP by the namespace of the root: "1.2", "1.1", "1.0".
func (n *node) version() (string, error) {
	if n.name.Local != "alert" {
		return "", fmt.Errorf("%w: the root element is %q, it should be alert", ErrNotCAP, shorten(n.name.Local))
	}
	switch n.name.Space {
	case Namespace:
		return "1.2", nil
	case namespace11:
		return "1.1", nil
	case namespace10:
		return "1.0", nil
	}
	return "", fmt.Errorf("%w: the namespace %q is not one of CAP 1.0 to 1.2", ErrNotCAP, shorten(n.name.Space))
}

// all lists the children of a name in the namespace of n itself.
func (n *node) all(local string) []*node {
	var found []*node
	for _, c := range n.children {
		if c.name.Local == local && c.name.Space == n.name.Space {
			found = append(found, c)
		}
	}
	return found
}

// first is the text of the first child of a name, "" where there is none.
func (n *node) first(local string) string {
	for _, c := range n.children {
		if c.name.Local == local && c.name.Space == n.name.Space {
			return c.text
		}
	}
	return ""
}

// texts lists the texts of all children of a name.
func (n *node) texts(local string) []string {
	var texts []string
	for _, c := range n.all(local) {
		texts = append(texts, c.text)
	}
	return texts
}
