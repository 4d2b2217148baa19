package alerting

import "errors"

// What the desk answers, besides the errors of the store, when a person asks for a step.
var (
	// ErrForbidden says that this person may not take the step: the role, or because whoever
	// submitted a proposal may not approve it.
	ErrForbidden = errors.New("not allowed for this person")
	// ErrInvalid says that what was asked makes no sense: an unknown zone, a level out of range.
	ErrInvalid = errors.New("not acceptable")
)

// ManualProposal is a warning that a person asks for.
type ManualProposal struct {
	Kind  string `json:"hazard"`
	Zone  string `json:"zone"`
	Level Level  `json:"level"` // 1 to 4
	Words string `json:"words"` // what the person saw or was told; shown to whoever approves
}
