package cap_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/alerting/cap"
)

// TestRealDocuments judges what issuers in the world have written, and wants the verdict of the index,
// which is xmllint's with the OASIS XSDs.
func TestRealDocuments(t *testing.T) {
	dir := filepath.Join(sharedData(t), "cap")
	index, err := os.ReadFile(filepath.Join(dir, "INDEX.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	judged := 0
	for _, line := range strings.Split(strings.TrimSpace(string(index)), "\n")[1:] {
		fields := strings.Split(line, "\t")
		for len(fields) < 7 {
			fields = append(fields, "")
		}
		document, err := os.ReadFile(filepath.Join(dir, fields[0]))
		if err != nil {
			t.Fatal(err)
		}
		alert, err := cap.Parse(document)
		if !strings.HasPrefix(fields[1], "alert") {
			if !errors.Is(err, cap.ErrNotCAP) {
				t.Errorf("%s: Parse of a %s gave %v, want ErrNotCAP", fields[0], fields[1], err)
			}
			continue
		}
		judged++
		if err != nil || alert.Sender != fields[2] || alert.Sent != fields[3] {
			t.Errorf("%s: Parse gave sender %q, sent %q, %v; want %q, %q", fields[0], alert.Sender, alert.Sent, err, fields[2], fields[3])
		}
		if shape := alert.Status + "/" + alert.MsgType + "/" + alert.Scope; shape != fields[4] {
			t.Errorf("%s: %s, want %s", fields[0], shape, fields[4])
		}
		findings := cap.Check(document)
		if valid := !has(findings, cap.Schema, ""); valid != (fields[6] == "valid") {
			t.Errorf("%s: Check found it valid by the schema: %v; the index says %s\n%v", fields[0], valid, fields[6], findings)
		}
	}
	if judged < 25 {
		t.Errorf("only %d alerts in the index", judged)
	}
}

// TestWhatTheSchemaCannotSay wants the faults that are planted in real documents.
func TestWhatTheSchemaCannotSay(t *testing.T) {
	dir := filepath.Join(sharedData(t), "cap")
	for file, rules := range map[string][]string{
		"google-cap-library/canada_errors.cap":                  {"references"},
		"google-cap-library/noaa_errors.cap":                    {"references", "polygon", "value"},
		"google-cap-library/invalid.cap":                        {"required"},
		"dec112-cap-ts/optional-properties-1.xml":               {"identifier", "value"},
		"dec112-cap-ts/mockXML.test.xml":                        {"order"},
		"google-cap-library/earthquake_signed.cap":              {"unknown"},
		"kde-foss-public-alert-server/alertswiss-TEST-1163.xml": {"required", "order"},
	} {
		document, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		findings := cap.Check(document)
		for _, rule := range rules {
			if !has(findings, "", rule) {
				t.Errorf("%s: no finding %q in\n%v", file, rule, findings)
			}
		}
		for _, f := range findings {
			if f.Line == 0 || f.Path == "" {
				t.Errorf("%s: a finding without its place: %v", file, f)
			}
		}
	}
}

// TestAttack wants the document with external entities, style sheets and inclusions refused unread.
func TestAttack(t *testing.T) {
	document, err := os.ReadFile(filepath.Join(sharedData(t), "cap/google-cap-library/xee.cap"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cap.Parse(document); !errors.Is(err, cap.ErrNotCAP) || !strings.Contains(err.Error(), "DOCTYPE") {
		t.Errorf("Parse gave %v, want a refusal of the DOCTYPE", err)
	}
	if findings := cap.Check(document); len(findings) != 1 || findings[0].Rule != "xml" {
		t.Errorf("Check gave %v, want one finding \"xml\"", findings)
	}
}

// has says whether a finding of the class and rule ("" for any) is there.
func has(findings []cap.Finding, class cap.Class, rule string) bool {
	for _, f := range findings {
		if (class == "" || f.Class == class) && (rule == "" || f.Rule == rule) {
			return true
		}
	}
	return false
}
