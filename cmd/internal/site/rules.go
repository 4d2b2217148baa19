package site

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tocsin/alerting"
	"tocsin/alerting/rule"
)

// RuleEntry is a rule and where it stands.
type RuleEntry struct {
	rule.Rule
	Line int // of rules.yaml
}

// Levels are the levels the rule can raise.
func (e RuleEntry) Levels() []alerting.Level {
	if e.When != "" {
		return []alerting.Level{e.Level}
	}
	var levels []alerting.Level
	for level := alerting.Level(1); level <= alerting.MaxLevel; level++ {
		if _, ok := e.Raise[level]; ok {
			levels = append(levels, level)
		}
	}
	return levels
}

// ruleFile is rules.yaml as read.
type ruleFile struct {
	entries []RuleEntry
	at      lines // "[2].zone"
	sound   bool  // every entry could be decoded
}

func readRules(data []byte, r reporter) ruleFile {
	file := ruleFile{at: lines{}}
	root, ok := parseYAML(data, r)
	if !ok {
		return file
	}
	if root.Kind != yaml.SequenceNode {
		r.fault(root.Line, "a list of rules is wanted: each begins with \"- id: \"")
		return file
	}
	file.sound = true
	for i, node := range root.Content {
		w := walker{r: r, at: file.at}
		path := fmt.Sprintf("[%d]", i)
		file.at[path] = node.Line
		before := len(*r.faults)
		w.walk(node, reflect.TypeFor[rule.Rule](), path)
		entry := RuleEntry{Line: node.Line}
		decodeNode(node, &entry.Rule, r)
		file.sound = file.sound && len(*r.faults) == before
		file.entries = append(file.entries, entry)
	}
	if len(file.entries) == 0 {
		r.fault(root.Line, "no rules: nothing would ever warn; write at least one")
	}
	return file
}

// compileRules checks the rules against stations and zones and gives each fault its line.
func (l *loader) compileRules(file ruleFile) {
	r := l.reporter("rules.yaml")
	rules := make([]rule.Rule, len(file.entries))
	for i, e := range file.entries {
		rules[i] = e.Rule
	}
	set, err := rule.Compile(rules, l.site.Network, l.site.Zones, time.Duration(l.site.Config.Lateness))
	for _, e := range parts(err) {
		var fault *rule.RuleError
		if !errors.As(e, &fault) {
			r.fault(1, "%v", e)
			continue
		}
		r.fault(file.at.of(fmt.Sprintf("[%d].%s", file.index(fault), fault.Field)), "%v", fault)
	}
	l.site.Set = set
}

// index is the place of the rule a fault speaks of; of two with one id, the later one.
func (f ruleFile) index(fault *rule.RuleError) int {
	if number, ok := strings.CutPrefix(fault.ID, "#"); ok {
		if n, err := strconv.Atoi(number); err == nil {
			return n - 1
		}
	}
	for i := len(f.entries) - 1; i >= 0; i-- {
		if f.entries[i].ID == fault.ID {
			return i
		}
	}
	return 0
}

// parts are the errors joined in err, or err itself.
func parts(err error) []error {
	var joined interface{ Unwrap() []error }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &joined):
		return joined.Unwrap()
	}
	return []error{err}
}
