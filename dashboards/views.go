package dashboards

import (
	"net/url"
	"time"

	"github.com/paulmach/orb"

	"tocsin/alerting"
	"tocsin/geo"
	"tocsin/ingest"
)

// The shapes of the API. They are written out, not borrowed from the roots, so that a change inside
// cannot change what outsiders rely on.

type languageView struct {
	Tag  string `json:"tag" doc:"BCP 47"`
	Name string `json:"name" doc:"what the language calls itself"`
}

type levelView struct {
	Level  alerting.Level `json:"level"`
	Name   string         `json:"name"`
	Colour string         `json:"colour"`
}

type siteView struct {
	Name      string         `json:"name"`
	Mode      alerting.Mode  `json:"mode" enum:"Actual,Exercise,System,Test"`
	About     string         `json:"about,omitempty"`
	Languages []languageView `json:"languages"`
	Levels    []levelView    `json:"levels"`
	TimeZone  string         `json:"time_zone"`
	Offset    int            `json:"utc_offset_seconds" doc:"of the site's zone at its present time"`
	Now       time.Time      `json:"now" doc:"the site's clock; in an exercise it may be driven"`
}

type stationView struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	River    string          `json:"river,omitempty"`
	Position orb.Point       `json:"position" doc:"longitude, latitude"`
	Outburst bool            `json:"outburst,omitempty" doc:"a place where the fault itself may be the disaster"`
	Invented bool            `json:"invented,omitempty" doc:"part of a story, not of the world"`
	Note     string          `json:"note,omitempty"`
	Level    *alerting.Level `json:"level" doc:"null where nothing can be said"`
	Age      Age             `json:"age" enum:"current,late,silent,never"`
	Sensors  []sensorView    `json:"sensors"`
}

type sensorView struct {
	ID         string               `json:"id"`
	Quantity   ingest.Quantity      `json:"quantity"`
	Unit       string               `json:"unit" doc:"UCUM"`
	Datum      string               `json:"datum,omitempty"`
	Interval   int                  `json:"interval_seconds,omitempty"`
	Age        Age                  `json:"age" enum:"current,late,silent,never"`
	Judged     bool                 `json:"judged" doc:"a rule reads this sensor"`
	Level      *alerting.Level      `json:"level"`
	Latest     *readingView         `json:"latest,omitempty"`
	Thresholds []alerting.Threshold `json:"thresholds,omitempty"`
}

type readingView struct {
	Time    time.Time     `json:"time"`
	Sensor  string        `json:"sensor"`
	Value   float64       `json:"value"`
	Unit    string        `json:"unit"`
	Flag    int           `json:"flag" doc:"QARTOD: 1 pass, 2 not evaluated, 3 suspect, 4 fail, 9 missing"`
	Marks   []ingest.Mark `json:"marks,omitempty" doc:"what the quality tests found"`
	Assumed bool          `json:"time_assumed,omitempty" doc:"the message carried no usable time: it is that of receipt"`
}

func viewReading(r ingest.Reading) readingView {
	return readingView{
		Time: r.Time.UTC(), Sensor: r.Sensor, Value: r.Value, Unit: r.Quantity.Unit(),
		Flag: int(r.Flag), Marks: r.Marks, Assumed: r.TimeAssumed,
	}
}

type readingsView struct {
	Readings []readingView `json:"readings"`
	Next     string        `json:"next" doc:"give it as after= to go on; empty at the end"`
}

type textView struct {
	Language    string `json:"language"`
	Event       string `json:"event"`
	Headline    string `json:"headline"`
	Description string `json:"description"`
	Instruction string `json:"instruction"`
	SMS         string `json:"sms"`
	Reviewed    bool   `json:"reviewed" doc:"false: nobody who speaks the language has checked it"`
}

func viewTexts(texts []alerting.Text) []textView {
	views := make([]textView, 0, len(texts))
	for _, t := range texts {
		views = append(views, textView(t))
	}
	return views
}

type proposalView struct {
	Action    alerting.Action `json:"action"`
	Level     alerting.Level  `json:"level"`
	Submitter string          `json:"submitter"`
	At        time.Time       `json:"at"`
	Words     string          `json:"words"`
	Doubtful  string          `json:"doubtful,omitempty"`
	Exposure  geo.Exposure    `json:"exposure"`
	Needs     int             `json:"needs"`
	Approvals []string        `json:"approvals"`
	Evidence  *evidenceView   `json:"evidence,omitempty"`
}

type evidenceView struct {
	Rule     string        `json:"rule"`
	Station  string        `json:"station"`
	Sensor   string        `json:"sensor"`
	Onset    time.Time     `json:"onset"`
	Judged   time.Time     `json:"judged"`
	Readings []readingView `json:"readings"`
}

type warningView struct {
	ID         string          `json:"id"`
	Mode       alerting.Mode   `json:"mode"`
	Hazard     string          `json:"hazard"`
	Zone       string          `json:"zone"`
	ZoneName   string          `json:"zone_name"`
	Level      alerting.Level  `json:"level"`
	Status     alerting.Status `json:"status"`
	Version    int64           `json:"version"`
	Edition    int             `json:"edition"`
	Identifier string          `json:"identifier,omitempty" doc:"CAP identifier of the last edition"`
	CAP        string          `json:"cap,omitempty" doc:"path of the last edition's CAP document"`
	People     int             `json:"people" doc:"best estimate of the people inside, of the last edition or the proposal"`
	Created    time.Time       `json:"created"`
	Changed    time.Time       `json:"changed"`
	Issued     *time.Time      `json:"issued,omitempty"`
	Ended      *time.Time      `json:"ended,omitempty"`
	Expires    *time.Time      `json:"expires,omitempty"`
	Texts      []textView      `json:"texts" doc:"of the last edition, one per language"`
	Editions   []editionView   `json:"editions" doc:"everything that was said, oldest first"`
	Proposal   *proposalView   `json:"proposal,omitempty" doc:"what waits for a decision; operators only"`
	Reason     string          `json:"reason,omitempty" doc:"why it ended or was rejected; operators only"`
}

type editionView struct {
	Edition    int            `json:"edition"`
	Identifier string         `json:"identifier" doc:"of the CAP document"`
	CAP        string         `json:"cap" doc:"path of the CAP document"`
	MsgType    string         `json:"msg_type" enum:"Alert,Update,Cancel"`
	Level      alerting.Level `json:"level" doc:"0 for an end"`
	Sent       time.Time      `json:"sent"`
	Expires    time.Time      `json:"expires"`
	Cause      *causeView     `json:"cause,omitempty" doc:"what the rules had seen; absent where people alone decided"`
}

type causeView struct {
	Rule    string         `json:"rule"`
	Station string         `json:"station"`
	Sensor  string         `json:"sensor"`
	Level   alerting.Level `json:"level" doc:"as the rules judged; people may have decided on another"`
	Onset   time.Time      `json:"onset" doc:"when the decisive condition began to hold, by the readings"`
	Judged  time.Time      `json:"judged" doc:"the site's clock at the verdict"`
}

func viewEditions(editions []alerting.Edition) []editionView {
	views := make([]editionView, 0, len(editions))
	for _, e := range editions {
		view := editionView{
			Edition: e.Number, Identifier: e.Identifier, CAP: capPath(e.Identifier), MsgType: e.MsgType,
			Level: e.Level, Sent: e.Sent, Expires: e.Expires,
		}
		if c := e.Cause; c != nil {
			view.Cause = &causeView{c.Rule, c.Station, c.Sensor, c.Level, c.Onset, c.Judged}
		}
		views = append(views, view)
	}
	return views
}

func capPath(identifier string) string { return "/cap/" + url.PathEscape(identifier) + ".xml" }

type rejectView struct {
	Received time.Time     `json:"received"`
	Topic    string        `json:"topic"`
	Station  string        `json:"station,omitempty"`
	Sensor   string        `json:"sensor,omitempty"`
	Reason   ingest.Reason `json:"reason"`
	Detail   string        `json:"detail"`
	Excerpt  string        `json:"excerpt,omitempty"`
	Position uint64        `json:"position"`
}

type deliveryView struct {
	Key       string                 `json:"key"`
	Warning   string                 `json:"warning"`
	Edition   int                    `json:"edition"`
	Recipient string                 `json:"recipient"`
	Channel   string                 `json:"channel"`
	Language  string                 `json:"language"`
	State     alerting.DeliveryState `json:"state"`
	Attempts  int                    `json:"attempts"`
	Detail    string                 `json:"detail,omitempty"`
	Created   time.Time              `json:"created"`
	Changed   time.Time              `json:"changed"`
}

type phoneView struct {
	ID       string             `json:"id"`
	Name     string             `json:"name"`
	Address  string             `json:"address" doc:"all but the last digits hidden"`
	Language string             `json:"language"`
	Position orb.Point          `json:"position"`
	Messages []phoneMessageView `json:"messages"`
}

type phoneMessageView struct {
	Time    time.Time              `json:"time"`
	Warning string                 `json:"warning"`
	Edition int                    `json:"edition"`
	Text    string                 `json:"text"`
	State   alerting.DeliveryState `json:"state"`
}

type healthView struct {
	Ready  bool        `json:"ready"`
	Checks []checkView `json:"checks"`
}

type checkView struct {
	Name   string     `json:"name"`
	State  CheckState `json:"state" enum:"ok,warn,bad,off"`
	Detail string     `json:"detail"`
}

type sessionView struct {
	ID         string        `json:"id"`
	Name       string        `json:"name"`
	Role       alerting.Role `json:"role"`
	MayApprove bool          `json:"may_approve"`
}
