package cap

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"tocsin/alerting"
)

// Message is what a document is made of.
type Message struct {
	// Edition gives identifier, mode, msgType, kind, level, sent, expires, references, texts and area.
	// An all-clear or a cancel has level 0.
	Edition alerting.Edition
	// Action is the step that publishes the edition: issue, update, all_clear or cancel.
	Action alerting.Action

	Sender     string // CAP sender: globally unique, no space, comma, < or &
	SenderName string
	Contact    string // empty: none
	Web        string // absolute address of the residents' page; empty: none
	Location   *time.Location
	Onset      time.Time // when the hazard begins; zero: not said
	Evidence   Evidence
	LevelNames map[string]string // the level in words, by language; "" is the fallback
	Note       string            // the exercise and its purpose, or why it was cancelled; where needed and empty, a plain one is written
	Incident   string            // names what belongs together; empty: none
}

// Evidence says on what a warning rests; certainty comes from it, never from the level.
type Evidence int

// The kinds of evidence.
const (
	Measured Evidence = iota // sound readings: certainty Observed
	Judged                   // a person's word: Likely
	Doubtful                 // readings that a person had to weigh: Possible
)

// trait is what CAP needs to know of a kind of hazard and the site does not say.
type trait struct {
	categories []string // section 3.2.2
	sudden     bool     // minutes count: urgency Immediate, else Expected (within the hour)
	code       string   // OASIS Event Terms List 1.2, the nearest term; empty where none is sure
}

// traits of the kinds of hazard. A kind that is not here counts as Met and as sudden, the safe side.
func traits(kind string) trait {
	switch kind {
	case "flood":
		return trait{categories: []string{"Met"}, code: "OET-081"}
	case "outburst", "dam_break":
		return trait{categories: []string{"Geo", "Met"}, sudden: true, code: "OET-081"}
	case "flash_flood":
		return trait{categories: []string{"Met"}, sudden: true, code: "OET-081"}
	case "landslide", "debris_flow", "avalanche", "earthquake", "tsunami", "volcano":
		return trait{categories: []string{"Geo"}, sudden: true}
	case "snow", "rain", "wind", "drought", "heat", "cold", "low_water":
		return trait{categories: []string{"Met"}}
	}
	return trait{categories: []string{"Met"}, sudden: true}
}

// CheckName says why a string cannot be a CAP identifier or sender (section 3.2.1), nil where it can.
func CheckName(s string) error {
	if s == "" {
		return errors.New("is empty")
	}
	if i := strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r == ',' || r == '<' || r == '&' || r == 0x7f || r == '\u00a0' || r == '\ufffd'
	}); i >= 0 {
		return fmt.Errorf("%q holds a space, comma, '<', '&' or control character at byte %d", s, i+1)
	}
	return nil
}

// Build makes the document of an edition. It fails where no valid document could come of it: a name that
// CAP forbids, no text, expiry not after sent, an update without references.
func Build(m Message) (Alert, error) {
	if err := m.check(); err != nil {
		return Alert{}, fmt.Errorf("build CAP document %q: %w", m.Edition.Identifier, err)
	}
	e := m.Edition
	alert := Alert{
		Identifier: e.Identifier, Sender: m.Sender, Sent: FormatTime(e.Sent, m.Location),
		Status: string(e.Mode), MsgType: e.MsgType, Scope: "Public",
		Note: m.note(), References: strings.Join(e.References, " "), Incidents: quoteIncident(m.Incident),
	}
	polygons, _ := Polygons(e.Area)
	for _, text := range e.Texts {
		alert.Infos = append(alert.Infos, m.info(text, polygons))
	}
	return alert, nil
}

func (m Message) check() error {
	e := m.Edition
	if err := CheckName(e.Identifier); err != nil {
		return fmt.Errorf("identifier %w", err)
	}
	if err := CheckName(m.Sender); err != nil {
		return fmt.Errorf("sender %w", err)
	}
	if _, err := alerting.ParseMode(string(e.Mode)); err != nil {
		return err
	}
	want, ok := MsgType(m.Action)
	if !ok || e.MsgType != want {
		return fmt.Errorf("msgType %q does not go with the step %q, which is %q", e.MsgType, m.Action, want)
	}
	if len(e.Texts) == 0 {
		return errors.New("it has no text in any language")
	}
	if !e.Expires.Truncate(time.Second).After(e.Sent) {
		return fmt.Errorf("it expires %s, which is not after it is sent, %s", e.Expires.UTC().Format(time.RFC3339), e.Sent.UTC().Format(time.RFC3339))
	}
	if (e.MsgType == "Alert") != (len(e.References) == 0) {
		return fmt.Errorf("a message %s has %d references: an Alert has none, an Update or Cancel at least one", e.MsgType, len(e.References))
	}
	for _, reference := range e.References {
		if err := checkReference(reference); err != nil {
			return err
		}
	}
	return nil
}

// MsgType is the CAP msgType of a step (see the package comment); ok is false for a step that publishes nothing.
func MsgType(action alerting.Action) (msgType string, ok bool) {
	switch action {
	case alerting.ActionIssue:
		return "Alert", true
	case alerting.ActionUpdate, alerting.ActionAllClear:
		return "Update", true
	case alerting.ActionCancel:
		return "Cancel", true
	case alerting.ActionPropose, alerting.ActionRevise, alerting.ActionApprove, alerting.ActionReject,
		alerting.ActionWithdraw, alerting.ActionSuggest, alerting.ActionDismiss, alerting.ActionExpire:
	}
	return "", false
}

// note is what section 3.2.1 asks for with status Exercise and what readers of a Cancel look for.
func (m Message) note() string {
	var notes []string
	if m.Edition.Mode != alerting.Actual {
		notes = append(notes, fmt.Sprintf("%s: nothing of this happens in the world. No action is needed outside the %s.",
			strings.ToUpper(string(m.Edition.Mode)), strings.ToLower(string(m.Edition.Mode))))
	}
	if m.Action == alerting.ActionCancel && m.Note == "" {
		notes = append(notes, "The warning was cancelled by its sender.")
	}
	if m.Note != "" {
		notes = append(notes, Clean(m.Note))
	}
	return strings.Join(notes, " ")
}

func (m Message) info(text alerting.Text, polygons []Polygon) Info {
	e, kind := m.Edition, traits(m.Edition.Kind)
	info := Info{
		Language: text.Language, Categories: kind.categories, Event: orElse(Clean(text.Event), e.Kind),
		Effective: FormatTime(e.Sent, m.Location), Expires: FormatTime(e.Expires, m.Location),
		SenderName: Clean(m.SenderName), Headline: Clean(text.Headline), Description: Clean(text.Description),
		Instruction: Clean(text.Instruction), Web: absolute(m.Web), Contact: Clean(m.Contact),
		Parameters: m.parameters(text.Language),
		Areas:      []Area{{Description: orElse(Clean(e.Area.Name(text.Language)), orElse(Clean(e.Zone), "?")), Polygons: polygons}},
	}
	if kind.code != "" {
		info.EventCodes = []NamedValue{{"OET:v1.2", kind.code}}
	}
	if !m.Onset.IsZero() && m.Onset.Before(e.Expires) && !m.ends() {
		info.Onset = FormatTime(m.Onset, m.Location)
	}
	info.ResponseTypes, info.Urgency, info.Severity, info.Certainty = m.grade(kind)
	return info
}

func (m Message) ends() bool {
	return m.Action == alerting.ActionAllClear || m.Action == alerting.ActionCancel
}

// grade gives responseType, urgency, severity and certainty (section 3.2.2).
func (m Message) grade(kind trait) (response []string, urgency, severity, certainty string) {
	switch {
	case m.Action == alerting.ActionAllClear:
		return []string{"AllClear"}, "Past", "Minor", "Observed"
	case m.Action == alerting.ActionCancel:
		return []string{"None"}, "Past", "Minor", "Unlikely"
	}
	urgency = "Expected"
	if kind.sudden {
		urgency = "Immediate"
	}
	return []string{response1(m.Edition.Level, kind)}, urgency, m.Edition.Level.Severity(), m.Evidence.certainty()
}

// response1 is the action recommended; the words are in the instruction. An order to evacuate is an act
// of its own, so the gravest level of a sudden hazard alone says Evacuate.
func response1(level alerting.Level, kind trait) string {
	switch {
	case level <= 1:
		return "Monitor"
	case level == 2:
		return "Prepare"
	case level >= alerting.MaxLevel && kind.sudden:
		return "Evacuate"
	}
	return "Avoid"
}

func (e Evidence) certainty() string {
	switch e {
	case Measured:
		return "Observed"
	case Judged:
		return "Likely"
	case Doubtful:
		return "Possible"
	}
	return "Unknown"
}

func (m Message) parameters(language string) []NamedValue {
	name := m.LevelNames[language]
	if name == "" {
		name = m.LevelNames[""]
	}
	parameters := []NamedValue{{"Level", fmt.Sprint(int(m.Edition.Level))}}
	if name = Clean(name); name != "" {
		parameters = append(parameters, NamedValue{"LevelName", name})
	}
	return append(parameters, NamedValue{"Edition", fmt.Sprintf("%s/%d", m.Edition.Warning, m.Edition.Number)})
}

// quoteIncident: section 3.2.1, a name with white space stands in double quotes.
func quoteIncident(s string) string {
	s = Clean(s)
	if strings.ContainsAny(s, " \t\n") {
		return `"` + strings.ReplaceAll(s, `"`, "'") + `"`
	}
	return s
}

// absolute leaves out what is not an absolute address (section 3.2.2, web).
func absolute(web string) string {
	u, err := url.Parse(web)
	if err != nil || !u.IsAbs() {
		return ""
	}
	return u.String()
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}
