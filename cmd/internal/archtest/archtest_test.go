package archtest

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

func TestTheHouseObeysTheImportTable(t *testing.T) {
	faults, err := Check(os.DirFS("../../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

func TestCheckSeesWhatIsForbidden(t *testing.T) {
	for _, c := range []struct {
		name, file, text string
		fault            string // part of the fault wanted, empty for none
	}{
		{"a root must not import its room", "ingest/a.go", `import "tocsin/ingest/wire"`, "may import only"},
		{"nor upwards", "geo/population/a.go", `import "tocsin/alerting"`, "may import only"},
		{"nor sideways", "alerting/rule/a.go", `import "tocsin/alerting/desk"`, "may import only"},
		{"tests obey as well", "alerting/rule/a_test.go", `import "tocsin/alerting/sqlstore"`, "may import only"},
		{"the dashboards do not know the desk", "dashboards/a.go", `import "tocsin/alerting/desk"`, "may import only"},
		{"nothing imports the dashboards", "alerting/feed/a.go", `import "tocsin/dashboards"`, "may import only"},
		{"a root imports no technology", "alerting/a.go", `import "modernc.org/sqlite"`, "no technology"},
		{"no room without a row", "utils/a.go", `import "fmt"`, "no row"},
		{"the desk may write CAP", "alerting/desk/a.go", `import "tocsin/alerting/cap"`, ""},
		{"orb is the language of places", "ingest/b.go", `import "github.com/paulmach/orb"`, ""},
		{"only cmd wires", "cmd/internal/app/a.go", `import "tocsin/dashboards"`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			faults, err := Check(fstest.MapFS{c.file: {Data: []byte("package a\n\n" + c.text + "\n")}})
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
