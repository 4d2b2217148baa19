package cap_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"

	"tocsin/alerting"
	"tocsin/alerting/cap"
	"tocsin/geo"
)

var sent = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func message(action alerting.Action, mode alerting.Mode) cap.Message {
	msgType, _ := cap.MsgType(action)
	m := cap.Message{
		Action: action, Sender: "dhms@example.bt", SenderName: "Department of Hydrology & <Meteorology>",
		Contact: "duty officer", Web: "https://warn.example.bt/", Location: time.FixedZone("", 6*3600),
		Onset: sent.Add(-20 * time.Minute), LevelNames: map[string]string{"": "emergency", "dz": "ཛ་དྲག"},
		Edition: alerting.Edition{
			Warning: "w1", Number: 1, Identifier: "dhms@example.bt-w1-1", Mode: mode, MsgType: msgType,
			Kind: "outburst", Zone: "lunana", Level: 4, Sent: sent, Expires: sent.Add(12 * time.Hour),
			Texts: []alerting.Text{
				{Language: "en", Event: "Glacial lake outburst flood", Headline: "EXERCISE: Flood wave \x00from \"Thanza\" & <Luggye>", Description: "Line one.\r\nLine two.\x1b[31m", Instruction: "Go up."},
				{Language: "dz", Event: "མཚོ་རྡོལ།", Headline: "EXERCISE: ཆུ་རུད།", Description: "…", Instruction: "…"},
			},
			Area: geo.Zone{ID: "lunana", Names: map[string]string{"en": "Lunana", "dz": "ལུང་ནག་ན"}, Shape: orb.MultiPolygon{
				{{{90, 28}, {90.5, 28}, {90.5, 28.5}, {90, 28.5}, {90, 28}}, {{90.1, 28.1}, {90.1, 28.2}, {90.2, 28.2}, {90.1, 28.1}}},
				{{{91, 28}, {91.5, 28}, {91.5, 28.5}, {91, 28}}},
			}},
		},
	}
	if msgType != "Alert" {
		m.Edition.Number, m.Edition.Identifier = 2, "dhms@example.bt-w1-2"
		m.Edition.References = []string{"dhms@example.bt,dhms@example.bt-w1-0,2026-11-23T13:00:00+06:00", "dhms@example.bt,dhms@example.bt-w1-1,2026-11-23T13:30:00+06:00"}
	}
	if action == alerting.ActionAllClear || action == alerting.ActionCancel {
		m.Edition.Level = 0
	}
	return m
}

// documents builds one document for every step, mode, level and kind.
func documents(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, action := range []alerting.Action{alerting.ActionIssue, alerting.ActionUpdate, alerting.ActionAllClear, alerting.ActionCancel} {
		for _, mode := range []alerting.Mode{alerting.Actual, alerting.Exercise, alerting.System, alerting.Test} {
			for _, kind := range []string{"flood", "outburst", "avalanche", "snow", "something new"} {
				for level := alerting.Level(1); level <= alerting.MaxLevel; level++ {
					m := message(action, mode)
					m.Edition.Kind, m.Incident, m.Evidence = kind, "Luggye Tsho 1994", cap.Evidence(level%3)
					if m.Edition.Level != 0 {
						m.Edition.Level = level
					}
					alert, err := cap.Build(m)
					if err != nil {
						t.Fatal(err)
					}
					document, err := alert.Marshal()
					if err != nil {
						t.Fatal(err)
					}
					all[strings.ReplaceAll(string(action)+"-"+string(mode)+"-"+kind+"-"+string('0'+rune(level)), " ", "_")] = document
				}
			}
		}
	}
	return all
}

func TestEveryDocumentIsSoundByOurOwnRules(t *testing.T) {
	for name, document := range documents(t) {
		if findings := cap.Check(document); len(findings) > 0 {
			t.Errorf("%s: %v", name, findings)
		}
	}
}

// TestEveryDocumentIsValidByTheOASISSchema asks a judge who does not know this package.
func TestEveryDocumentIsValidByTheOASISSchema(t *testing.T) {
	schema := filepath.Join(sharedData(t), "cap/schema/CAP-v1.2.xsd")
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Fatal("xmllint is missing; install it with: apt-get install -y libxml2-utils")
	}
	dir := t.TempDir()
	args := []string{"--noout", "--nonet", "--schema", schema}
	for name, document := range documents(t) {
		path := filepath.Join(dir, name+".xml")
		if err := os.WriteFile(path, document, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	if out, err := exec.Command(xmllint, args...).CombinedOutput(); err != nil {
		t.Errorf("xmllint: %v\n%.2000s", err, out)
	}
	broken := filepath.Join(dir, "broken.xml")
	document := strings.Replace(string(documents(t)["issue-Actual-flood-1"]), "<scope>Public</scope>", "", 1)
	if err := os.WriteFile(broken, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	if exec.Command(xmllint, "--noout", "--nonet", "--schema", schema, broken).Run() == nil {
		t.Error("xmllint took a document without scope for valid: this test checks nothing")
	}
}

func TestBuildSaysWhatItWasGiven(t *testing.T) {
	alert, err := cap.Build(message(alerting.ActionUpdate, alerting.Exercise))
	if err != nil {
		t.Fatal(err)
	}
	document, err := alert.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	back, err := cap.Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(alert.Infos, back.Infos); diff != "" {
		t.Errorf("read back it differs (-built +read):\n%s", diff)
	}
	for _, want := range []string{
		"<sent>2026-11-23T14:00:00+06:00</sent>", "<status>Exercise</status>", "<msgType>Update</msgType>", "<note>EXERCISE: ",
		"<references>dhms@example.bt,dhms@example.bt-w1-0,2026-11-23T13:00:00+06:00 dhms@example.bt,dhms@example.bt-w1-1,2026-11-23T13:30:00+06:00</references>",
		"<polygon>28,90 28,90.5 28.5,90.5 28.5,90 28,90</polygon>", "<severity>Extreme</severity>", "<urgency>Immediate</urgency>",
		"<areaDesc>ལུང་ནག་ན</areaDesc>", "<headline>EXERCISE: Flood wave from &#34;Thanza&#34; &amp; &lt;Luggye&gt;</headline>",
	} {
		if !strings.Contains(string(document), want) {
			t.Errorf("no %s in\n%s", want, document)
		}
	}
	if len(back.Infos) != 2 || back.Infos[0].Description != "Line one.\nLine two.[31m" || back.Reference() != "dhms@example.bt,dhms@example.bt-w1-2,2026-11-23T14:00:00+06:00" {
		t.Errorf("got %+v", back)
	}
}

func TestEndsFollowThePractice(t *testing.T) {
	for action, want := range map[alerting.Action]string{
		alerting.ActionAllClear: "Update AllClear Past Minor Observed",
		alerting.ActionCancel:   "Cancel None Past Minor Unlikely",
	} {
		alert, err := cap.Build(message(action, alerting.Actual))
		if err != nil {
			t.Fatal(err)
		}
		i := alert.Infos[0]
		if got := strings.Join([]string{alert.MsgType, i.ResponseTypes[0], i.Urgency, i.Severity, i.Certainty}, " "); got != want {
			t.Errorf("%s: %s, want %s", action, got, want)
		}
		if (alert.Note != "") != (action == alerting.ActionCancel) {
			t.Errorf("%s: note %q", action, alert.Note)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*cap.Message){
		"identifier with a space": func(m *cap.Message) { m.Edition.Identifier = "a b" },
		"sender with a comma":     func(m *cap.Message) { m.Sender = "a,b" },
		"sender with <":           func(m *cap.Message) { m.Sender = "a<b" },
		"identifier with &":       func(m *cap.Message) { m.Edition.Identifier = "a&b" },
		"no sender":               func(m *cap.Message) { m.Sender = "" },
		"no text":                 func(m *cap.Message) { m.Edition.Texts = nil },
		"expires at sent":         func(m *cap.Message) { m.Edition.Expires = m.Edition.Sent },
		"expires a blink later":   func(m *cap.Message) { m.Edition.Expires = m.Edition.Sent.Add(time.Millisecond) },
		"alert with references":   func(m *cap.Message) { m.Edition.References = []string{"a,b,2026-11-23T13:00:00+06:00"} },
		"no such mode":            func(m *cap.Message) { m.Edition.Mode = "Real" },
		"msgType of another step": func(m *cap.Message) { m.Edition.MsgType = "Cancel" },
		"step that says nothing":  func(m *cap.Message) { m.Action = alerting.ActionExpire },
	} {
		m := message(alerting.ActionIssue, alerting.Actual)
		spoil(&m)
		if _, err := cap.Build(m); err == nil {
			t.Errorf("%s was built", name)
		}
	}
	m := message(alerting.ActionCancel, alerting.Actual)
	m.Edition.References = nil
	if _, err := cap.Build(m); err == nil {
		t.Error("a Cancel without references was built")
	}
	m.Edition.References = []string{"a,b"}
	if _, err := cap.Build(m); err == nil {
		t.Error("a reference of two parts was built")
	}
}

func TestFormatTime(t *testing.T) {
	thimphu := time.FixedZone("", 6*3600)
	for _, c := range []struct {
		t     time.Time
		place *time.Location
		want  string
	}{
		{sent, nil, "2026-11-23T08:00:00-00:00"},
		{sent, time.UTC, "2026-11-23T08:00:00-00:00"},
		{sent.Add(999 * time.Millisecond), thimphu, "2026-11-23T14:00:00+06:00"},
		{sent, time.FixedZone("", -(3*3600 + 30*60)), "2026-11-23T04:30:00-03:30"},
		{sent, time.FixedZone("LMT", 17), "2026-11-23T08:00:00-00:00"},
	} {
		if got := cap.FormatTime(c.t, c.place); got != c.want {
			t.Errorf("%v in %v: %s, want %s", c.t, c.place, got, c.want)
		}
		if back, err := cap.ParseTime(c.want); err != nil || !back.Equal(c.t.Truncate(time.Second)) {
			t.Errorf("%s read back as %v, %v", c.want, back, err)
		}
	}
}

// TestCheckFinds spoils a sound document, one fault at a time, and wants each named.
func TestCheckFinds(t *testing.T) {
	sound := string(documents(t)["update-Exercise-outburst-4"])
	for _, c := range []struct{ rule, old, new string }{
		{"value", "+06:00</sent>", "Z</sent>"},
		{"value", "00+06:00</sent>", "00.5+06:00</sent>"},
		{"value", "<status>Exercise<", "<status>exercise<"},
		{"value", "<status>Exercise<", "<status> Exercise<"},
		{"value", "<language>en<", "<language>en_GB<"},
		{"value", "2026-11-23T14:00:00+06:00</sent>", "2026-02-30T14:00:00+06:00</sent>"},
		{"required", "<scope>Public</scope>", ""},
		{"required", "<areaDesc>Lunana</areaDesc>", ""},
		{"once", "<scope>Public</scope>", "<scope>Public</scope><scope>Public</scope>"},
		{"order", "<status>Exercise</status>", ""},
		{"unknown", "<scope>", "<password>x</password><scope>"},
		{"attribute", "<scope>", "<scope lang=\"en\">"},
		{"content", "<scope>", "word<scope>"},
		{"identifier", "<identifier>", "<identifier>a "},
		{"sender", "<sender>", "<sender>a,"},
		{"references", "dhms@example.bt,dhms@example.bt-w1-0,", "dhms@example.bt-w1-0,"},
		{"references", "<msgType>Update</msgType>", "<msgType>Update</msgType><references> </references>"},
		{"note", "<note>EXERCISE: nothing of this happens in the world. No action is needed outside the exercise.</note>", ""},
		{"expires", "<expires>2026-11-24T02:00:00+06:00", "<expires>2026-11-23T14:00:00+06:00"},
		{"polygon", "28,90 28,90.5 28.5,90.5 28.5,90 28,90", "28,90 28,90.5 28.5,90.5 28.5,90"},
		{"polygon", "28,90 28,90.5 28.5,90.5 28.5,90 28,90", "28,90 28,90.5 28,90"},
		{"polygon", "28,90 28,90.5 28.5,90.5 28.5,90 28,90", "28,90 98,90.5 28.5,90.5 28.5,90 28,90"},
		{"polygon", "28,90 28,90.5 28.5,90.5 28.5,90 28,90", "28,90 28,NaN 28.5,90.5 28.5,90 28,90"},
		{"web", "https://warn.example.bt/", "warn.example.bt"},
		{"event", "<event>Glacial lake outburst flood<", "<event><"},
		{"xml", "</alert>", ""},
		{"xml", "<alert", "<!DOCTYPE alert [<!ENTITY a \"b\">]><alert"},
		{"xml", "cap:1.2", "cap:1.3"},
		{"xml", "</alert>", "</alert><alert/>"},
	} {
		spoilt := strings.Replace(sound, c.old, c.new, 1)
		if c.rule == "order" { // status moved behind msgType
			spoilt = strings.Replace(spoilt, "</msgType>", "</msgType><status>Exercise</status>", 1)
		}
		if spoilt == sound {
			t.Fatalf("%q does not stand in the document", c.old)
		}
		if findings := cap.Check([]byte(spoilt)); !has(findings, "", c.rule) {
			t.Errorf("%q for %q: no finding %q in %v", c.new, c.old, c.rule, findings)
		}
	}
	swapped := strings.Replace(sound, "28,90 28,90.5 28.5,90.5 28.5,90 28,90", "120,15 121,15 121,16 120,16 120,15", 1)
	if findings := cap.Check([]byte(swapped)); len(findings) != 1 || !strings.Contains(findings[0].Text, "latitude first") {
		t.Errorf("longitude before latitude: %v", findings)
	}
}

func FuzzParse(f *testing.F) {
	alert, err := cap.Build(message(alerting.ActionIssue, alerting.Test))
	if err != nil {
		f.Fatal(err)
	}
	document, err := alert.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(document)
	f.Add([]byte(`<?xml version="1.0" encoding="ISO-8859-1"?><alert xmlns="http://www.incident.com/cap/1.0"><info><eventCode>a=b</eventCode><area><circle>1,2 3</circle><polygon>1,2</polygon></area></info></alert>`))
	f.Add([]byte(`<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>&a;</identifier></alert>`))
	f.Fuzz(func(t *testing.T, input []byte) {
		findings := cap.Check(input)
		alert, err := cap.Parse(input)
		if err != nil {
			if len(findings) == 0 {
				t.Fatalf("Parse refuses what Check finds sound: %v", err)
			}
			return
		}
		out, err := alert.Marshal()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := cap.Parse(out)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, out)
		}
		if again.Identifier != alert.Identifier || len(again.Infos) != len(alert.Infos) {
			t.Fatalf("written and read again it differs: %+v, %+v", alert, again)
		}
	})
}
