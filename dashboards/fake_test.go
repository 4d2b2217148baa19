package dashboards

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"tocsin/alerting"
	"tocsin/geo"
	"tocsin/ingest"
)

// hostile is a name as somebody who wishes us ill would choose it.
const hostile = `<script>alert(1)</script>"'&<img src=x onerror=alert(2)>`

// fake stands in for every other room. Its small life: a proposal can be approved, rejected, ended.
type fake struct {
	mu       sync.Mutex
	now      time.Time
	network  *ingest.Network
	zones    []geo.Zone
	warnings []alerting.Warning
	editions map[string][]alerting.Edition
	sessions map[string]alerting.Operator
	link     string // unused one-time link
	readings []ingest.Reading
	fail     error // what History and Current answer, where set
	server   *Server
}

func ring(w, s, e, n float64) orb.MultiPolygon {
	return orb.MultiPolygon{{{{w, s}, {e, s}, {e, n}, {w, n}, {w, s}}}}
}

func level(name string, value float64) []alerting.Threshold {
	return []alerting.Threshold{
		{Rule: name, Zone: name, Level: 1, Raise: value},
		{Rule: name, Zone: name, Level: 2, Raise: value + 1},
		{Rule: name, Zone: name, Level: 3, Raise: value + 2},
		{Rule: name, Zone: name, Level: 4, Raise: value + 3},
	}
}

func water(interval time.Duration) ingest.Sensor {
	return ingest.Sensor{ID: "water_level", Quantity: ingest.WaterLevel, Unit: "m", Datum: "local", Interval: interval}
}

func newFake(t testing.TB) *fake {
	t.Helper()
	rain := ingest.Sensor{ID: "precipitation", Quantity: ingest.Precipitation, Unit: "mm", Interval: 15 * time.Minute}
	battery := ingest.Sensor{ID: "battery_voltage", Quantity: ingest.BatteryVoltage, Unit: "V", Interval: 15 * time.Minute}
	network, err := ingest.NewNetwork([]ingest.Station{
		{ID: "thanza-lake", Name: "Thanza lake outlet", River: "Pho Chhu", Position: orb.Point{90.24, 28.08}, Outburst: true, Sensors: []ingest.Sensor{water(15 * time.Minute), battery}},
		{ID: "thanza-river", Name: "Thanza river", River: "Pho Chhu", Position: orb.Point{90.21, 28.06}, Sensors: []ingest.Sensor{water(15 * time.Minute), rain}},
		{ID: "samdingkha", Name: "Samdingkha", River: "Pho Chhu", Position: orb.Point{89.89, 27.68}, Invented: true, Note: "Stands here for the story only", Sensors: []ingest.Sensor{water(15 * time.Minute)}},
		{ID: "punakha", Name: "Punakha Dzong", River: "Pho Chhu", Position: orb.Point{89.863, 27.582}, Sensors: []ingest.Sensor{water(15 * time.Minute), {ID: "discharge", Quantity: ingest.Discharge, Interval: 15 * time.Minute}}},
		{ID: "wangdue", Name: "Wangdue bridge", River: "Puna Tsang Chhu", Position: orb.Point{89.9, 27.48}, Sensors: []ingest.Sensor{water(15 * time.Minute)}},
		{ID: "hostile", Name: hostile, River: hostile, Note: hostile, Position: orb.Point{89.7, 27.75}, Sensors: []ingest.Sensor{water(0)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{
		now: time.Date(1994, 10, 7, 8, 20, 0, 0, time.UTC), network: network, link: "once",
		editions: map[string][]alerting.Edition{}, sessions: map[string]alerting.Operator{
			"viewer":   {ID: "vera", Name: "Vera Viewer", Role: alerting.Viewer},
			"approver": {ID: "pema", Name: "Pema Approver", Role: alerting.Approver},
		},
		zones: []geo.Zone{
			{ID: "lunana", Names: map[string]string{"en": "Lunana", "dz": "ལུང་ནག་ན།"}, Hazard: "outburst", From: 1, Shape: ring(90.1, 28.0, 90.35, 28.15)},
			{ID: "punakha", Names: map[string]string{"en": "Punakha valley", "dz": "སྤུ་ན་ཁ།"}, Hazard: "outburst", From: 1, Shape: ring(89.8, 27.53, 89.95, 27.75)},
			{ID: "wangdue", Names: map[string]string{"en": "Wangdue town"}, Hazard: "outburst", From: 1, Shape: ring(89.85, 27.42, 89.95, 27.5)},
			{ID: "hostile", Names: map[string]string{"en": hostile}, Hazard: "flood", From: 1, Shape: ring(89.6, 27.7, 89.75, 27.8)},
		},
	}
	f.fillReadings()
	f.fillWarnings()
	return f
}

// fillReadings gives each station a day of readings: the lake falls, the river below rises, one gauge
// fell silent, one reading is a spike.
func (f *fake) fillReadings() {
	series := func(station, sensor string, q ingest.Quantity, until time.Duration, value func(h float64) float64) {
		for at := -24 * time.Hour; at <= -until; at += 15 * time.Minute {
			f.readings = append(f.readings, ingest.Reading{
				Key: ingest.Key{Station: station, Sensor: sensor, Time: f.now.Add(at)}, Quantity: q,
				Value: math.Round(value(at.Hours())*100) / 100, Flag: ingest.Pass, Received: f.now.Add(at + 20*time.Second),
			})
		}
	}
	series("thanza-lake", "water_level", ingest.WaterLevel, 5*time.Minute, func(h float64) float64 {
		return 6.2 + 0.02*(h+24) - 2.6/(1+math.Exp(-(h+0.9)*5))
	})
	series("thanza-lake", "battery_voltage", ingest.BatteryVoltage, 5*time.Minute, func(h float64) float64 { return 12.6 + 0.4*math.Sin(h/4) })
	series("thanza-river", "water_level", ingest.WaterLevel, 5*time.Minute, func(h float64) float64 { return 1.4 + 3.9/(1+math.Exp(-(h+0.8)*6)) })
	series("thanza-river", "precipitation", ingest.Precipitation, 5*time.Minute, func(h float64) float64 { return max(0, 1.5*math.Sin(h/3)) })
	series("samdingkha", "water_level", ingest.WaterLevel, 5*time.Minute, func(h float64) float64 { return 1.9 + 0.15*math.Sin(h/5) })
	series("punakha", "water_level", ingest.WaterLevel, 5*time.Minute, func(h float64) float64 { return 2.1 + 0.1*math.Sin(h/6) })
	series("punakha", "discharge", ingest.Discharge, 5*time.Minute, func(h float64) float64 { return 210 + 12*math.Sin(h/6) })
	series("wangdue", "water_level", ingest.WaterLevel, 5*time.Hour, func(h float64) float64 { return 2.6 + 0.12*math.Sin(h/6) })
	for i := range f.readings {
		r := &f.readings[i]
		if r.Station == "samdingkha" && r.Time.Equal(f.now.Add(-9*time.Hour)) {
			r.Value, r.Flag = 32.767, ingest.Fail
			r.Marks = []ingest.Mark{{Test: "ceiling", Flag: ingest.Fail, Detail: "32.767 is the largest number the logger can write"}}
		}
		if r.Station == "samdingkha" && r.Time.Equal(f.now.Add(-4*time.Hour)) {
			r.Value, r.Flag = 3.1, ingest.Suspect
			r.Marks = []ingest.Mark{{Test: "step", Flag: ingest.Suspect, Detail: "jumped 1.20 m in 15 min"}}
		}
	}
}

func (f *fake) texts(zone string) []alerting.Text {
	return []alerting.Text{
		{
			Language: "en", Event: "Glacial lake outburst flood", Headline: "EXERCISE: Flood wave coming to " + zone, Reviewed: true,
			Description: "The lake above Thanza has burst. A wave of water, mud and trees is on its way down the Pho Chhu.",
			Instruction: "Leave the river bank now.\nGo up to high ground, at least 30 m above the river.\nTake children and old people with you. Do not wait for your things.",
			SMS:         "EXERCISE: Flood wave on the Pho Chhu. Leave the river bank NOW, go to high ground. DHMS",
		},
		{
			Language: "dz", Event: "མཚོ་རུད།", Headline: "སྦྱོང་བརྡར། ཕོ་ཆུའི་ནང་ཆུ་རུད།", Reviewed: false,
			Description: "མཚོ་རྡོལ་ནུག ཆུ་རུད་འོང་དོ།", Instruction: "ཆུའི་འགྲམ་ལས་འཕྲལ་མགྱོགས་འཐོན། ས་མཐོ་སར་སོང་།",
			SMS: "སྦྱོང་བརྡར། ཕོ་ཆུའི་ནང་ཆུ་རུད། འཕྲལ་མགྱོགས་ས་མཐོ་སར་སོང་།",
		},
	}
}

func (f *fake) fillWarnings() {
	hours := func(h float64) time.Time { return f.now.Add(time.Duration(h * float64(time.Hour))) }
	exposure := geo.Exposure{
		People: 699, Low: 420, High: 810, AreaKM2: 41.2, Methods: []string{"settlements counted, census areas by share of land"},
		Sources: []string{"Population and Housing Census of Bhutan 2017"},
		Places:  []geo.PlaceExposure{{ID: "thanza", Name: "Thanza", People: 260}, {ID: "toenchoe", Name: "Toenchoe", People: 160}},
		Units:   []geo.UnitExposure{{ID: "lunana", Name: "Lunana gewog", People: 699, Of: 810, Fraction: 0.04}},
	}
	hazard := &alerting.Hazard{
		Kind: "outburst", Zone: "lunana", Level: 4, Rule: "lake-falls", Station: "thanza-lake", Sensor: "water_level",
		Onset: hours(-0.6), Judged: hours(-0.1), Words: "Thanza lake outlet 4.05 m at 14:15, falling 1.90 m/h, limit 1.00 m/h",
		Evidence: f.readings[90:96],
	}
	f.warnings = []alerting.Warning{
		{ID: "w3", Mode: alerting.Exercise, Kind: "outburst", Zone: "lunana", Level: 4, Status: alerting.Proposed, Version: 1, CreatedAt: hours(-0.1), UpdatedAt: hours(-0.1), Proposal: &alerting.Proposal{
			Action: alerting.ActionIssue, Level: 4, Submitter: "rule:lake-falls", At: hours(-0.1), Hazard: hazard, Words: hazard.Words, Exposure: exposure, Needs: 1,
			Doubtful: "The gauge downstream has not confirmed it yet",
		}},
		{ID: "w2", Mode: alerting.Exercise, Kind: "flood", Zone: "hostile", Level: 1, Status: alerting.Rejected, Version: 2, CreatedAt: hours(-9), UpdatedAt: hours(-8.9), Reason: "reject: " + hostile},
		{ID: "w1", Mode: alerting.Exercise, Kind: "outburst", Zone: "wangdue", Level: 2, Status: alerting.Approved, Version: 2, CreatedAt: hours(-3), UpdatedAt: hours(-3)},
	}
	f.issue(2, hours(-3), 12328)
}

// issue writes the edition of a warning, as the desk would.
func (f *fake) issue(i int, at time.Time, people int) {
	w := &f.warnings[i]
	expires := at.Add(12 * time.Hour)
	w.Status, w.Edition, w.IssuedAt, w.UpdatedAt, w.Expires, w.Version, w.Proposal = alerting.Issued, 1, &at, at, &expires, w.Version+1, nil
	f.editions[w.ID] = append(f.editions[w.ID], alerting.Edition{
		Warning: w.ID, Number: 1, Identifier: "tocsin-" + w.ID + "-1", Mode: w.Mode, MsgType: "Alert", Kind: w.Kind, Zone: w.Zone, Level: w.Level,
		Sent: at, Expires: expires, People: people, Texts: f.texts(w.Zone), CAP: []byte("<alert>" + w.ID + "</alert>"),
		Cause: &alerting.Cause{Rule: "falls", Station: "thanza-lake", Sensor: "water_level", Level: w.Level, Onset: at.Add(-20 * time.Minute), Judged: at, Words: "words for operators"},
	})
}

func (f *fake) find(id string, version int64) (int, error) {
	i := slices.IndexFunc(f.warnings, func(w alerting.Warning) bool { return w.ID == id })
	if i < 0 {
		return 0, fmt.Errorf("warning %s: %w", id, alerting.ErrNotFound)
	}
	if version != 0 && f.warnings[i].Version != version {
		return 0, fmt.Errorf("warning %s: %w", id, alerting.ErrConflict)
	}
	return i, nil
}

func (f *fake) Warning(_ context.Context, id string) (alerting.Warning, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.find(id, 0)
	if err != nil {
		return alerting.Warning{}, err
	}
	return f.warnings[i], nil
}

func (f *fake) Warnings(_ context.Context, filter alerting.WarningFilter) ([]alerting.Warning, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.warnings), func(w alerting.Warning) bool {
		return len(filter.Statuses) > 0 && !slices.Contains(filter.Statuses, w.Status)
	}), nil
}

func (f *fake) Editions(_ context.Context, id string) ([]alerting.Edition, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.editions[id]), nil
}

func (f *fake) Edition(_ context.Context, identifier string) (alerting.Edition, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, editions := range f.editions {
		for _, e := range editions {
			if e.Identifier == identifier {
				return e, nil
			}
		}
	}
	return alerting.Edition{}, alerting.ErrNotFound
}

func (f *fake) Current(context.Context, alerting.Mode, time.Time) ([]alerting.Edition, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var current []alerting.Edition
	for _, editions := range f.editions {
		current = append(current, editions[len(editions)-1])
	}
	slices.SortFunc(current, func(a, b alerting.Edition) int { return cmp.Compare(b.Warning, a.Warning) })
	return current, f.fail
}

func (f *fake) Approve(_ context.Context, id string, version int64, by alerting.Operator) (alerting.Warning, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.find(id, version)
	if err != nil {
		return alerting.Warning{}, err
	}
	if f.warnings[i].Proposal == nil {
		return alerting.Warning{}, alerting.ErrIllegal
	}
	if f.warnings[i].Proposal.Submitter == by.ID {
		return alerting.Warning{}, fmt.Errorf("%s submitted it: %w", by.ID, alerting.ErrForbidden)
	}
	f.issue(i, f.now, f.warnings[i].Proposal.Exposure.People)
	return f.warnings[i], nil
}

func (f *fake) Reject(_ context.Context, id string, version int64, _ alerting.Operator, note string) (alerting.Warning, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.find(id, version)
	if err != nil {
		return alerting.Warning{}, err
	}
	f.warnings[i].Status, f.warnings[i].Reason, f.warnings[i].Proposal = alerting.Rejected, "reject: "+note, nil
	f.warnings[i].Version++
	return f.warnings[i], nil
}

func (f *fake) End(_ context.Context, id string, version int64, _ alerting.Operator, action alerting.Action, note string) (alerting.Warning, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.find(id, version)
	if err != nil {
		return alerting.Warning{}, err
	}
	w := &f.warnings[i]
	w.Status, w.Reason, w.EndedAt = alerting.Ended, string(action)+": "+note, &f.now
	w.Version++
	last := f.editions[id][len(f.editions[id])-1]
	last.Number, last.Level, last.Sent, last.Identifier = last.Number+1, 0, f.now, fmt.Sprintf("tocsin-%s-%d", id, last.Number+1)
	last.Texts = slices.Clone(last.Texts)
	for i := range last.Texts {
		last.Texts[i].Headline = "EXERCISE: The danger is over"
	}
	f.editions[id] = append(f.editions[id], last)
	w.Edition = last.Number
	return *w, nil
}

func (f *fake) Preview(_ context.Context, id string) ([]alerting.Text, error) {
	w, err := f.Warning(context.Background(), id)
	if err != nil {
		return nil, err
	}
	return f.texts(w.Zone), nil
}

func (f *fake) Readings(_ context.Context, q ingest.Query) ([]ingest.Reading, string, error) {
	var found []ingest.Reading
	for _, r := range f.readings {
		switch {
		case r.Station != q.Station, q.Sensor != "" && r.Sensor != q.Sensor, q.Quantity != "" && r.Quantity != q.Quantity:
		case !q.From.IsZero() && r.Time.Before(q.From), !q.To.IsZero() && !r.Time.Before(q.To):
		default:
			found = append(found, r)
		}
	}
	return found, "", f.fail
}

func (f *fake) Latest(context.Context) ([]ingest.Reading, error) {
	newest := map[[2]string]ingest.Reading{}
	for _, r := range f.readings {
		newest[[2]string{r.Station, r.Sensor}] = r
	}
	var all []ingest.Reading
	for _, r := range newest {
		all = append(all, r)
	}
	return all, f.fail
}

func (f *fake) Login(_ context.Context, name, password, _ string) (string, error) {
	if name == "pema" && password == "correct horse battery" {
		return "approver", nil
	}
	return "", ErrDenied
}

func (f *fake) Session(_ context.Context, secret string) (alerting.Operator, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if o, ok := f.sessions[secret]; ok {
		return o, nil
	}
	return alerting.Operator{}, ErrDenied
}

func (f *fake) Logout(_ context.Context, secret string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sessions, secret)
	return nil
}

func (f *fake) UseLink(_ context.Context, link, password string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if link == "" || link != f.link {
		return "", ErrDenied
	}
	if len(password) < 12 {
		return "", fmt.Errorf("%w: a password has at least 12 characters", ErrRefused)
	}
	f.link = ""
	f.sessions["linked"] = f.sessions["approver"]
	return "linked", nil
}

func (f *fake) Rejects(context.Context, int) ([]ingest.Reject, error) {
	return []ingest.Reject{
		{Position: 41, Received: f.now.Add(-2 * time.Minute), Topic: "stations/punakha/readings", Station: "punakha", Sensor: "water_level", Reason: ingest.ReasonUnit, Detail: `unit "psi" does not measure water_level: use m, cm, mm or ft`, Excerpt: `{"water_level":{"value":3,"unit":"psi"}}`},
		{Position: 40, Received: f.now.Add(-9 * time.Minute), Topic: "stations/" + hostile + "/readings", Reason: ingest.ReasonSyntax, Detail: hostile, Excerpt: hostile},
	}, nil
}

func (f *fake) Deliveries(_ context.Context, mode alerting.Mode, _ string, _ int) ([]alerting.Delivery, error) {
	return []alerting.Delivery{{
		Key: "w1/1/p1/sms", Mode: mode, Warning: "w1", Edition: 1, Recipient: "p1", Channel: "sms", Language: "en",
		State: alerting.StateDelivered, Attempts: 1, CreatedAt: f.now, ChangedAt: f.now, Text: "secret text",
	}}, nil
}

func (f *fake) phones(context.Context) ([]Phone, error) {
	phones := []Phone{
		{ID: "p1", Name: "Dorji, Thanza", Address: alerting.NewAddress("+97517000001"), Language: "dz", Position: orb.Point{90.22, 28.07}},
		{ID: "p2", Name: "Teacher, Punakha", Address: alerting.NewAddress("+97517000002"), Language: "en", Position: orb.Point{89.86, 27.59}},
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range []string{"w1", "w3"} {
		for _, e := range f.editions[id] {
			for i := range phones {
				text := e.Texts[1-i].SMS
				phones[i].Messages = append(phones[i].Messages, PhoneMessage{Time: e.Sent, Warning: id, Edition: e.Number, Text: text, State: alerting.StateDelivered})
			}
		}
	}
	return phones, nil
}

func (f *fake) feed(_ context.Context, mode alerting.Mode, name string) (Feed, error) {
	if mode == alerting.Actual {
		return Feed{}, fmt.Errorf("mode %s: %w", mode, alerting.ErrNotFound)
	}
	return Feed{Body: []byte("<feed>" + name + "</feed>"), ETag: `"` + name + `-1"`, Modified: f.now}, nil
}

func (f *fake) exposure(area orb.MultiPolygon) (geo.Exposure, error) {
	if area.Bound().Min.Lon() < 0 {
		return geo.Exposure{}, errors.New("the ring crosses itself")
	}
	return geo.Exposure{People: 699, Low: 420, High: 810, Places: []geo.PlaceExposure{}, Units: []geo.UnitExposure{}, Methods: []string{"counted"}, Sources: []string{"census"}}, nil
}

func (f *fake) config() Config {
	return Config{
		Mode: alerting.Exercise, SiteName: "Punakha–Wangdue valley", Languages: []string{"en", "dz"}, LevelNames: alerting.DefaultLevelNames(),
		Location: time.FixedZone("Asia/Thimphu", 6*3600), Network: f.network, Zones: f.zones, About: "A story after the flood of 7 October 1994.",
		Now: func() time.Time { return f.now }, Log: slog.New(slog.DiscardHandler),
	}
}

func (f *fake) deps() Deps {
	text := func(body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
	}
	return Deps{
		History: f, Warnings: f, Editions: f, Sessions: f, Links: f, Desk: f, Rejects: f, Deliveries: f,
		Phones: f.phones, Feed: f.feed, Exposure: f.exposure,
		Thresholds: func(station, sensor string) []alerting.Threshold {
			if sensor != "water_level" || station == "thanza-lake" {
				return nil
			}
			return level(station, 3)
		},
		Levels:  func() map[string]alerting.Level { return map[string]alerting.Level{"thanza-lake": 4} },
		Judged:  func(_, sensor string) bool { return sensor == "water_level" },
		Explain: func(_ context.Context, id string) (any, error) { return map[string]string{"warning": id}, nil },
		Health: func(context.Context) Health {
			return Health{Ready: true, Checks: []Check{{"Field", CheckOK, "6 stations, 5 speaking"}, {"Journal", CheckOK, "4 812 messages, on disk"}, {"InfluxDB", CheckOff, "not configured"}, {"SMS", CheckWarn, "dry run: nothing leaves this machine"}}}
		},
		Metrics: text("up 1\n"), Hooks: map[string]http.Handler{"sms/fake": text("hooked")},
		SelfTest: func() time.Time { return f.now.Add(-26 * time.Hour) },
	}
}

// start builds a server over the fake.
func (f *fake) start(t testing.TB, change ...func(*Config, *Deps)) *Server {
	t.Helper()
	config, deps := f.config(), f.deps()
	for _, c := range change {
		c(&config, &deps)
	}
	server, err := New(config, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	f.server = server
	return server
}
