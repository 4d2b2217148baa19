package archtest

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

func TestTheHouseHasItsStyle(t *testing.T) {
	faults, err := CheckStyle(os.DirFS("../../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

func TestCheckStyleSeesWhatIsWrong(t *testing.T) {
	const head = "// Package a is one.\npackage a\n\n"
	long := "func f() {\n" + strings.Repeat("\tprintln()\n", mostFunctionLines) + "}\n"
	for _, c := range []struct {
		name, file, text string
		fault            string // part of the fault wanted, empty for none
	}{
		{"sound", "a/a.go", head + "func f() {}\n", ""},
		{"no package comment", "a/a.go", "package a\n", "a: no file has a package comment"},
		{"none of a test", "a/a_test.go", "package a_test\n", ""},
		{"a long file", "a/a.go", head + strings.Repeat("\n", mostLines), "a/a.go: 503 lines"},
		{"a long test file", "a/a_test.go", head + strings.Repeat("\n", mostLines), ""},
		{"a long function", "a/a.go", head + long, "a/a.go:4: f has 102 lines"},
		{"unfinished work", "a/a.go", head + "// TO" + "DO: more\n", "a/a.go:4: TO" + "DO"},
		{"a test that sleeps", "a/a_test.go", head + "import \"time\"\n\nfunc f() { time.Sleep(1) }\n", "a/a_test.go:6: time.Sleep"},
		{"in a bubble", "a/a_test.go", head + "import (\n\"testing/synctest\"\n\"time\"\n)\n\nfunc f() { time.Sleep(1); synctest.Wait() }\n", ""},
		{"in a program", "a/a.go", head + "import \"time\"\n\nfunc f() { time.Sleep(1) }\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			faults, err := CheckStyle(fstest.MapFS{c.file: {Data: []byte(c.text)}})
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(faults, "\n")
			if c.fault == "" && got != "" || c.fault != "" && !strings.Contains(got, c.fault) {
				t.Errorf("faults %q, want %q", got, c.fault)
			}
		})
	}
}
