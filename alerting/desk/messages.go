package desk

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tocsin/alerting"
)

// Messages is messages/<lang>.yaml: the words of warnings in one language.
type Messages struct {
	Language string `yaml:"language"` // BCP 47
	// Reviewed says that people who know the language and the hazard have agreed to the texts.
	Reviewed bool `yaml:"reviewed"`
	// ExercisePrefix begins every headline, description and SMS in mode Exercise; default "EXERCISE: ".
	ExercisePrefix string                    `yaml:"exercise_prefix"`
	Events         map[string]string         `yaml:"events"` // name of each kind of hazard
	Levels         map[alerting.Level]string `yaml:"levels"` // name of each level; default the site's
	// Texts by kind of hazard, then by level ("1" to "4"), "all_clear" or "cancel".
	Texts map[string]map[string]Template `yaml:"texts"`
}

// Template is a text with placeholders: {zone} {level} {station} {value} {time} {people} {sender} {expires}.
type Template struct {
	Headline    string `yaml:"headline"`
	Description string `yaml:"description"`
	Instruction string `yaml:"instruction"`
	SMS         string `yaml:"sms"` // complete without a link
}

// The keys of texts that end a warning.
const (
	allClearText = "all_clear"
	cancelText   = "cancel"
)

// placeholders are the words that may stand in braces.
func placeholders() []string {
	return []string{"zone", "level", "station", "value", "time", "people", "sender", "expires"}
}

var (
	placeholderPattern = regexp.MustCompile(`\{[^{}\s]*\}`)
	languagePattern    = regexp.MustCompile(`^[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*$`)
)

// Validate reports everything that is wrong with the texts themselves: no language, a hazard without a name,
// an unknown key, a text without headline, description, instruction or SMS, an unknown placeholder,
// no text for the end of a hazard. Covers says whether they are enough for a rule.
func (m Messages) Validate() []error {
	var errs []error
	if !languagePattern.MatchString(m.Language) {
		errs = append(errs, fmt.Errorf("language %q is not a tag such as en or pt-BR", m.Language))
	}
	if m.ExercisePrefix != "" && strings.TrimSpace(m.ExercisePrefix) == "" {
		errs = append(errs, errors.New("exercise_prefix is blank; leave it out or write the word for exercise"))
	}
	for _, level := range slices.Sorted(maps.Keys(m.Levels)) {
		if level < 1 || level > alerting.MaxLevel {
			errs = append(errs, fmt.Errorf("levels: %d is not one of 1 to %d", level, alerting.MaxLevel))
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(m.Texts)) {
		if strings.TrimSpace(m.Events[kind]) == "" {
			errs = append(errs, fmt.Errorf("events: %s has texts and no name", kind))
		}
		errs = append(errs, m.validateKind(kind)...)
	}
	return errs
}

func (m Messages) validateKind(kind string) []error {
	var errs []error
	texts := m.Texts[kind]
	for _, end := range []string{allClearText, cancelText} {
		if _, ok := texts[end]; !ok {
			errs = append(errs, fmt.Errorf("texts.%s.%s is missing: a warning that can begin must be able to end", kind, end))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		level, err := strconv.Atoi(key)
		if key != allClearText && key != cancelText && (err != nil || level < 1 || level > int(alerting.MaxLevel)) {
			errs = append(errs, fmt.Errorf("texts.%s.%s: the key is not a level from 1 to %d, all_clear or cancel", kind, key, alerting.MaxLevel))
		}
		errs = append(errs, texts[key].validate(fmt.Sprintf("texts.%s.%s", kind, key))...)
	}
	return errs
}

func (t Template) validate(where string) []error {
	var errs []error
	for _, part := range []struct{ name, text string }{
		{"headline", t.Headline}, {"description", t.Description}, {"instruction", t.Instruction}, {"sms", t.SMS},
	} {
		if strings.TrimSpace(part.text) == "" {
			errs = append(errs, fmt.Errorf("%s.%s is missing", where, part.name))
		}
		for _, found := range placeholderPattern.FindAllString(part.text, -1) {
			if !slices.Contains(placeholders(), found[1:len(found)-1]) {
				errs = append(errs, fmt.Errorf("%s.%s: placeholder %s is not known; there are {%s}", where, part.name, found, strings.Join(placeholders(), "} {")))
			}
		}
	}
	return errs
}

// Covers says what is missing to warn of a kind of hazard at a level and to end that warning; nil where nothing is.
func (m Messages) Covers(kind string, level alerting.Level) error {
	var missing []string
	for _, key := range []string{strconv.Itoa(int(level)), allClearText, cancelText} {
		if _, ok := m.Texts[kind][key]; !ok {
			missing = append(missing, fmt.Sprintf("texts.%s.%s", kind, key))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("language %s: missing %s", m.Language, strings.Join(missing, ", "))
	}
	return nil
}

// prefix begins every text that is not of the world.
func (m Messages) prefix(mode alerting.Mode) string {
	switch mode {
	case alerting.Actual:
		return ""
	case alerting.Exercise:
		if word := strings.TrimSpace(m.ExercisePrefix); word != "" {
			return word + " "
		}
		return "EXERCISE: "
	case alerting.System:
		return "SYSTEM: "
	case alerting.Test:
		return "TEST: "
	}
	return strings.ToUpper(string(mode)) + ": "
}

// render fills a template. Unknown placeholders stay as they are: a warning with a brace in it is
// better than none.
func (m Messages) render(t Template, kind string, mode alerting.Mode, values map[string]string) alerting.Text {
	fill := func(s string, values map[string]string) string {
		return strings.TrimSpace(placeholderPattern.ReplaceAllStringFunc(s, func(found string) string {
			if value, ok := values[found[1:len(found)-1]]; ok {
				return value
			}
			return found
		}))
	}
	prefix := m.prefix(mode)
	event := m.Events[kind]
	if event == "" {
		event = kind
	}
	return alerting.Text{
		Language: m.Language, Event: event, Reviewed: m.Reviewed,
		Headline: prefix + fill(t.Headline, values), Description: prefix + fill(t.Description, values),
		Instruction: fill(t.Instruction, values), SMS: prefix + fill(t.SMS, onPhones(values)),
	}
}

// onPhones leaves the offset from UTC out of clock times: a text message is read in the place it is about,
// and has no room.
func onPhones(values map[string]string) map[string]string {
	values = maps.Clone(values)
	for _, key := range []string{"time", "expires"} {
		values[key], _, _ = strings.Cut(values[key], " (UTC")
	}
	return values
}

// plain is what is said where a site has no text at all for a warning that must go out: not reviewed,
// English, and better than silence.
func plain(key string) Template {
	switch key {
	case allClearText:
		return Template{
			Headline: "{zone}: the warning is over", Description: "{sender}: the danger that was warned of in {zone} is over.",
			Instruction: "Follow local advice before you go back.", SMS: "{zone}: the warning is over. {sender}",
		}
	case cancelText:
		return Template{
			Headline: "{zone}: the warning is cancelled", Description: "{sender}: the warning for {zone} is cancelled.",
			Instruction: "No action is needed.", SMS: "{zone}: the warning is cancelled. {sender}",
		}
	}
	return Template{
		Headline: "{level} for {zone}", Description: "{sender}: {level} for {zone}, until {expires}.",
		Instruction: "Move away from the danger and follow the orders of the local authorities.",
		SMS:         "{level} for {zone} until {expires}. Move away from the danger, follow local orders. {sender}",
	}
}
