package alerting

import (
	"context"
	"errors"
	"time"

	"github.com/paulmach/orb"
)

// Address is a phone number (E.164), mail address or token. It never shows itself in logs or JSON:
// only Reveal does, for the channel that hands it over.
type Address struct{ value string }

// NewAddress wraps a value that must not be printed.
func NewAddress(value string) Address { return Address{value} }

// Reveal returns the value, for the hand-over to a provider and for storing.
func (a Address) Reveal() string { return a.value }

// String hides all but the last two characters.
func (a Address) String() string {
	if len(a.value) < 6 {
		return "…"
	}
	return "…" + a.value[len(a.value)-2:]
}

// GoString hides the value from %#v.
func (a Address) GoString() string { return a.String() }

// MarshalJSON hides the value.
func (a Address) MarshalJSON() ([]byte, error) { return []byte(`"` + a.String() + `"`), nil }

// Recipient is a person (or a test phone) who asked to be warned.
type Recipient struct {
	ID       string    `json:"id"` // random
	Mode     Mode      `json:"mode"`
	Name     string    `json:"name"`    // for test phones of an exercise; empty for people who gave none
	Channel  string    `json:"channel"` // "sms"
	Address  Address   `json:"address"`
	Language string    `json:"language"` // BCP 47
	Position orb.Point `json:"position"` // longitude, latitude of home
	Consent  bool      `json:"consent"`  // false after STOP
}

// SendJob says that an edition must be told to the people concerned. One transition writes at most one.
type SendJob struct {
	ID      string // warning id and edition number: "<warning>/<edition>"
	Mode    Mode
	Warning string
	Edition int
	Level   Level // 0 for an end; orders the queue, higher first, an end with the level it ends
	Urgency Level // the level by which the job is ordered
	Expires time.Time
	At      time.Time
}

// DeliveryState is an honest word about one message to one person.
type DeliveryState string

// The states. Accepted means the provider took it, Sent that it left the provider, Unknown that it may
// or may not have arrived (never resent blindly), Suppressed that it was not wanted any more (STOP, cancelled).
const (
	StateQueued     DeliveryState = "queued"
	StateAccepted   DeliveryState = "accepted"
	StateSent       DeliveryState = "sent"
	StateDelivered  DeliveryState = "delivered"
	StateFailed     DeliveryState = "failed"
	StateUnknown    DeliveryState = "unknown"
	StateExpired    DeliveryState = "expired"
	StateSuppressed DeliveryState = "suppressed"
)

// Final says whether no further change is expected.
func (s DeliveryState) Final() bool {
	return s == StateDelivered || s == StateFailed || s == StateExpired || s == StateSuppressed
}

// Delivery is one message to one recipient by one channel. Key is stable: the same warning, edition,
// recipient and channel always give the same one.
type Delivery struct {
	Key       string        `json:"key"`
	Job       string        `json:"job"`
	Mode      Mode          `json:"mode"`
	Warning   string        `json:"warning"`
	Edition   int           `json:"edition"`
	Recipient string        `json:"recipient"`
	Channel   string        `json:"channel"`
	Language  string        `json:"language"`
	Text      string        `json:"text"`
	Urgency   Level         `json:"-"`
	State     DeliveryState `json:"state"`
	Attempts  int           `json:"attempts"`
	// Handing is set, durably, before the hand-over to the provider: after a crash it means unknown.
	Handing    bool      `json:"-"`
	ProviderID string    `json:"provider_id,omitempty"`
	Detail     string    `json:"detail,omitempty"` // the provider's code and sentence, without addresses
	NotBefore  time.Time `json:"-"`                // next try
	Expires    time.Time `json:"expires"`
	CreatedAt  time.Time `json:"created"`
	ChangedAt  time.Time `json:"changed"`
}

// Outbox keeps send jobs and deliveries. Every method may be called from any goroutine and is a transaction.
type Outbox interface {
	// PendingJob is the most urgent job not yet expanded (highest Urgency, then oldest); ok false where there is none.
	PendingJob(ctx context.Context) (job SendJob, ok bool, err error)
	// Expand adds deliveries of a job (existing keys are left as they are) and, where done, closes it.
	Expand(ctx context.Context, job string, deliveries []Delivery, done bool) error
	// Supersede suppresses up to limit queued deliveries of editions of the job's warning before the
	// job's own, except those being handed over, and says how many. A later edition must not wait
	// behind an earlier one that nobody wants any more, perhaps of a lower urgency.
	Supersede(ctx context.Context, job SendJob, at time.Time, limit int) (suppressed int, err error)
	// Due lists queued deliveries whose NotBefore has come, most urgent first, then oldest; for one
	// recipient never a later edition while an earlier one of the same warning is queued or being handed over.
	Due(ctx context.Context, now time.Time, limit int) ([]Delivery, error)
	// Record writes the new state of a delivery. A final state is never left again.
	Record(ctx context.Context, delivery Delivery) error
	// ByProvider finds a delivery by the provider's message id; ErrNotFound where there is none.
	ByProvider(ctx context.Context, channel, providerID string) (Delivery, error)
	// Handing lists deliveries that were being handed over when the process ended.
	Handing(ctx context.Context) ([]Delivery, error)
	// Deliveries lists the deliveries of a warning ("" for all of a mode), newest first.
	Deliveries(ctx context.Context, mode Mode, warning string, limit int) ([]Delivery, error)
}

// Directory knows the recipients. Every method may be called from any goroutine.
type Directory interface {
	// Within lists recipients of a mode with consent whose position lies in bound, by id, after the given id.
	Within(ctx context.Context, mode Mode, bound orb.Bound, after string, limit int) ([]Recipient, error)
	Recipient(ctx context.Context, mode Mode, id string) (Recipient, error)
	// Told lists the ids of recipients to whom an edition of the warning was handed over (accepted, sent, delivered or unknown).
	Told(ctx context.Context, warning string) ([]string, error)
	// PutRecipient adds or replaces a recipient by id.
	PutRecipient(ctx context.Context, r Recipient) error
	// SetConsent records STOP or START for an address of a channel in every mode; no error where nobody has it.
	SetConsent(ctx context.Context, channel string, address Address, consent bool) error
}

// Outgoing is what a channel is asked to hand over.
type Outgoing struct {
	Key      string // stable; for the provider's own deduplication where it has one
	Mode     Mode
	To       Address
	Language string
	Text     string
	Level    Level
	Expires  time.Time
}

// Receipt is what the provider said at the hand-over.
type Receipt struct {
	ProviderID string
	State      DeliveryState // accepted, sent or delivered
	Detail     string
}

// Channel hands messages to one kind of provider. Send may be called from several goroutines at once.
//
// An error from Send is one of: ErrPermanent (do not try again), ErrUncertain (the provider may have
// taken it: never send again blindly), ErrOptedOut (permanent, and the person said STOP at the
// provider), or anything else, which means not taken and safe to try again (RetryAfter may say when).
type Channel interface {
	Name() string
	Send(ctx context.Context, message Outgoing) (Receipt, error)
}

// The classes of a channel's errors.
var (
	ErrPermanent = errors.New("refused for good")
	ErrUncertain = errors.New("not known whether the provider took it")
	ErrOptedOut  = errors.New("the recipient has opted out at the provider")
)

// RetryAfter is an error that says when a further try makes sense.
type RetryAfter struct {
	After time.Duration
	Err   error
}

func (e RetryAfter) Error() string { return e.Err.Error() }

// Unwrap returns the provider's error.
func (e RetryAfter) Unwrap() error { return e.Err }
