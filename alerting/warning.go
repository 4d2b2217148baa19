package alerting

import (
	"time"

	"tocsin/geo"
)

// Status is where a warning is in its life.
type Status string

// The statuses. Issued and Updated both mean that people are being warned; Updated has had a further edition.
const (
	Proposed Status = "proposed"
	Approved Status = "approved"
	Issued   Status = "issued"
	Updated  Status = "updated"
	Ended    Status = "ended"
	Rejected Status = "rejected"
)

// Open says whether a warning in this status stands in the way of another for the same (mode, hazard, zone).
func (s Status) Open() bool { return s == Proposed || s == Approved || s == Issued || s == Updated }

// Public says whether people are being warned.
func (s Status) Public() bool { return s == Issued || s == Updated }

// Action is a step in the life of a warning.
type Action string

// The actions; Transitions says from where each may be taken.
const (
	ActionPropose  Action = "propose"   // a rule or a person says that a warning is needed
	ActionRevise   Action = "revise"    // the proposal, or what is proposed for an issued warning, changes
	ActionApprove  Action = "approve"   // a person, or the policy, agrees
	ActionReject   Action = "reject"    // a person says no
	ActionWithdraw Action = "withdraw"  // the evidence went before anybody decided
	ActionIssue    Action = "issue"     // the first edition goes out
	ActionSuggest  Action = "suggest"   // an update or an end is proposed for an issued warning
	ActionDismiss  Action = "dismiss"   // a person says no to what was suggested
	ActionUpdate   Action = "update"    // a further edition goes out
	ActionAllClear Action = "all_clear" // the danger is over
	ActionCancel   Action = "cancel"    // the warning should not have been
	ActionExpire   Action = "expire"    // its time ran out; not an all-clear
)

// Transition is one row of the table of a warning's life.
type Transition struct {
	Action Action
	From   []Status // empty: the warning does not exist yet
	To     Status   // empty: the status stays as it is
}

// Transitions is the whole life of a warning. Nothing else changes one.
func Transitions() []Transition {
	public := []Status{Issued, Updated}
	return []Transition{
		{ActionPropose, nil, Proposed},
		{ActionRevise, []Status{Proposed, Issued, Updated}, ""},
		{ActionApprove, []Status{Proposed}, Approved},
		{ActionReject, []Status{Proposed}, Rejected},
		{ActionWithdraw, []Status{Proposed}, Rejected},
		{ActionIssue, []Status{Approved}, Issued},
		{ActionSuggest, public, ""},
		{ActionDismiss, public, ""},
		{ActionUpdate, public, Updated},
		{ActionAllClear, public, Ended},
		{ActionCancel, public, Ended},
		{ActionExpire, public, Ended},
	}
}

// Next is the status after action in status from ("" for a warning that does not exist yet). ok is
// false where the table has no such step.
func Next(from Status, action Action) (to Status, ok bool) {
	for _, t := range Transitions() {
		if t.Action != action {
			continue
		}
		if len(t.From) == 0 {
			return t.To, from == ""
		}
		for _, s := range t.From {
			if s != from {
				continue
			}
			if t.To == "" {
				return from, true
			}
			return t.To, true
		}
	}
	return "", false
}

// Warning is the current state of one warning. Its history is the audit, its bytes are its editions.
type Warning struct {
	ID      string `json:"id"` // random, sortable by time of creation
	Mode    Mode   `json:"mode"`
	Kind    string `json:"hazard"`
	Zone    string `json:"zone"`
	Level   Level  `json:"level"` // of the last edition; before the first one, of the proposal
	Status  Status `json:"status"`
	Version int64  `json:"version"` // counts transitions; the compare-and-set of Store.Apply
	Edition int    `json:"edition"` // number of the last edition issued, 0 where there is none
	// Proposal is what waits for a decision: the first issue, an update or an end. Nil when nothing does.
	Proposal *Proposal `json:"proposal,omitempty"`
	// Reason is why it ended or was rejected: the action, and a word of the person where one was given.
	Reason    string     `json:"reason,omitempty"`
	CreatedAt time.Time  `json:"created"`
	UpdatedAt time.Time  `json:"changed"`
	IssuedAt  *time.Time `json:"issued,omitempty"`
	EndedAt   *time.Time `json:"ended,omitempty"`
	Expires   *time.Time `json:"expires,omitempty"` // of the last edition
}

// Proposal is a step that waits for people.
type Proposal struct {
	Action    Action       `json:"action"` // ActionIssue, ActionUpdate, ActionAllClear
	Level     Level        `json:"level"`
	Submitter string       `json:"submitter"` // "rule:<id>" or an operator's id; may not approve
	At        time.Time    `json:"at"`
	Hazard    *Hazard      `json:"evidence,omitempty"` // what the rules saw; nil where a person proposed
	Words     string       `json:"words"`
	Doubtful  string       `json:"doubtful,omitempty"`
	Exposure  geo.Exposure `json:"exposure"`
	Needs     int          `json:"needs"` // approvals asked for by the policy; 0 means automatic
	Approvals []string     `json:"approvals,omitempty"`
}

// Edition is what was said to the public at one time. It never changes.
type Edition struct {
	Warning    string    `json:"warning"`
	Number     int       `json:"edition"` // from 1
	Identifier string    `json:"identifier"`
	Mode       Mode      `json:"mode"`
	MsgType    string    `json:"msg_type"` // CAP msgType: Alert, Update, Cancel
	Kind       string    `json:"hazard"`
	Zone       string    `json:"zone"`
	Level      Level     `json:"level"` // 0 for an end
	Sent       time.Time `json:"sent"`
	Expires    time.Time `json:"expires"`
	People     int       `json:"people"`
	References []string  `json:"references,omitempty"` // CAP references ("sender,identifier,sent") exactly as written
	Texts      []Text    `json:"texts"`                // one per language, the site's first language first
	Cause      *Cause    `json:"cause,omitempty"`      // what the rules had seen; nil where people alone decided
	Area       geo.Zone  `json:"-"`                    // as it was at issue
	CAP        []byte    `json:"-"`                    // the exact bytes published
}

// Cause is the judgement of the rules that an edition rests on: a hazard without its readings, which the
// audit keeps. With it whoever reads the warnings can tell when the danger began by the readings, and so
// how early or late the warning was.
type Cause struct {
	Rule    string    `json:"rule"`
	Station string    `json:"station"`
	Sensor  string    `json:"sensor"`
	Level   Level     `json:"level"`  // as the rules judged; people may have decided on another
	Onset   time.Time `json:"onset"`  // when the decisive condition began to hold, by the readings
	Judged  time.Time `json:"judged"` // the site's clock at the verdict
	Words   string    `json:"words"`
}

// Text is a warning in one language.
type Text struct {
	Language    string `json:"language"` // BCP 47
	Event       string `json:"event"`
	Headline    string `json:"headline"`
	Description string `json:"description"`
	Instruction string `json:"instruction"`
	SMS         string `json:"sms"` // complete without a link
	Reviewed    bool   `json:"reviewed"`
}
