package site

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"tocsin/geo/geojson"
)

// lines says in which line each value of a YAML file stands, by its path: "mqtt.brokers[0].url".
type lines map[string]int

// of is the line of a path, else of the nearest path above it, else 1.
func (l lines) of(path string) int {
	for {
		if line, ok := l[path]; ok {
			return line
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return max(l[""], 1)
		}
		path = path[:cut]
	}
}

// readYAML decodes data into out (a pointer), noting unknown names with what was probably meant and values of
// a wrong type, all at once. ok is false where out is not to be used.
func readYAML(data []byte, out any, r reporter) (at lines, ok bool) {
	root, ok := parseYAML(data, r)
	if !ok {
		return nil, false
	}
	return decodeYAML(root, out, r)
}

// parseYAML reads the one document of a file.
func parseYAML(data []byte, r reporter) (root *yaml.Node, ok bool) {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		line, text := yamlError(err.Error())
		r.fault(line, "no YAML: %s", text)
		return nil, false
	}
	if len(document.Content) == 0 {
		r.fault(1, "the file is empty")
		return nil, false
	}
	return document.Content[0], true
}

func decodeYAML(root *yaml.Node, out any, r reporter) (at lines, ok bool) {
	before := len(*r.faults)
	w := walker{r: r, at: lines{"": root.Line}}
	w.walk(root, reflect.TypeOf(out).Elem(), "")
	decodeNode(root, out, r)
	return w.at, len(*r.faults) == before
}

// decodeNode decodes node into out, noting every value of a wrong type.
func decodeNode(node *yaml.Node, out any, r reporter) {
	err := node.Decode(out)
	var typeError *yaml.TypeError
	switch {
	case errors.As(err, &typeError):
		for _, text := range typeError.Errors {
			line, said := yamlError(text)
			r.fault(line, "%s", plainly(said))
		}
	case err != nil:
		line, said := yamlError(err.Error())
		r.fault(line, "%s", said)
	}
}

var linePattern = regexp.MustCompile(`^(?:yaml: )?(?:unmarshal errors:\n\s*)?line (\d+): (?s:(.*))$`)

// yamlError takes the line out of a message of the decoder.
func yamlError(message string) (line int, text string) {
	if m := linePattern.FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1]) // digits by the pattern
		return line, m[2]
	}
	return 1, strings.TrimPrefix(message, "yaml: ")
}

var typePattern = regexp.MustCompile("^cannot unmarshal !!(\\w+) (?:`(.*)` )?into (.*)$")

// plainly says in plain words what the decoder says in Go's.
func plainly(text string) string {
	m := typePattern.FindStringSubmatch(text)
	if m == nil {
		return text
	}
	wanted := "another value"
	switch {
	case strings.HasPrefix(m[3], "map["), strings.Contains(m[3], "site."), strings.Contains(m[3], "rule.Rule"), strings.Contains(m[3], "Template"):
		wanted = "names with values (name: value)"
	case strings.HasPrefix(m[3], "[]"):
		wanted = "a list"
	case strings.HasPrefix(m[3], "int"), strings.Contains(m[3], "Level"):
		wanted = "a whole number"
	case strings.HasPrefix(m[3], "float"):
		wanted = "a number"
	case m[3] == "bool":
		wanted = "true or false"
	case m[3] == "string":
		wanted = "a text"
	}
	return fmt.Sprintf("%q stands where %s is wanted", m[2], wanted)
}

// walker notes lines and unknown names.
type walker struct {
	r  reporter
	at lines
}

var unmarshaler = reflect.TypeFor[yaml.Unmarshaler]()

func (w walker) walk(node *yaml.Node, t reflect.Type, path string) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch node.Kind {
	case yaml.MappingNode:
		w.mapping(node, t, path)
	case yaml.SequenceNode:
		for i, item := range node.Content {
			inner := fmt.Sprintf("%s[%d]", path, i)
			w.at[inner] = item.Line
			if t.Kind() == reflect.Slice {
				w.walk(item, t.Elem(), inner)
			}
		}
	case yaml.DocumentNode, yaml.ScalarNode, yaml.AliasNode:
	}
}

func (w walker) mapping(node *yaml.Node, t reflect.Type, path string) {
	fields := map[string]reflect.Type{}
	isStruct := t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(unmarshaler)
	if isStruct {
		fields = yamlFields(t)
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		inner := strings.TrimPrefix(path+"."+name.Value, ".")
		w.at[inner] = name.Line
		field, known := fields[name.Value]
		switch {
		case known:
			w.walk(value, field, inner)
		case isStruct:
			w.unknown(name, path, slices.Sorted(maps.Keys(fields)))
		case t.Kind() == reflect.Map:
			w.walk(value, t.Elem(), inner)
		}
	}
}

var secretPattern = regexp.MustCompile(`(?i)password|token|secret|api_?key`)

func (w walker) unknown(name *yaml.Node, path string, known []string) {
	where := ""
	if path != "" {
		where = " in " + path
	}
	meant := geojson.Nearest(name.Value, known)
	switch {
	case meant != "":
		w.r.fault(name.Line, "unknown name %q%s: did you mean %q?", name.Value, where, meant)
	case secretPattern.MatchString(name.Value):
		w.r.fault(name.Line, "%q%s: secrets do not belong in a site folder: set them as environment variables (docs/site.md, Secrets)", name.Value, where)
	default:
		w.r.fault(name.Line, "unknown name %q%s: it must be one of %s", name.Value, where, strings.Join(known, ", "))
	}
}

// yamlFields are the types of a struct's fields by their names in YAML.
func yamlFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			fields[name] = f.Type
		}
	}
	return fields
}
