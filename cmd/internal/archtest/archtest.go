// Package archtest holds the import table of the house and checks the files of the module against it.
// Its test reads every Go file, tests included, so that a wall cannot move unnoticed.
package archtest

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Module is the module path whose inner imports the table governs.
const Module = "tocsin"

// Row says which packages of the house the packages of Room may import. A room or an entry that ends
// in "/..." means the folder and all below it. Of several rows whose room fits, the first counts.
type Row struct {
	Room string
	May  []string
}

// Table is the import table: imports point down only.
func Table() []Row {
	roots := []string{"geo", "ingest", "alerting"}
	return []Row{
		{"geo/...", []string{"geo/..."}},
		{"ingest", nil},
		{"ingest/intake", []string{"ingest", "ingest/wire", "ingest/qc", "ingest/journal", "ingest/journaltest"}}, // its tests stand on the real journal
		{"ingest/readingsfile", []string{"ingest", "ingest/wire"}},
		{"ingest/...", []string{"ingest", "ingest/historytest", "ingest/journaltest"}},
		{"alerting", []string{"geo", "ingest"}},
		{"alerting/desk", append([]string{"alerting/cap"}, roots...)},
		{"alerting/feed", append([]string{"alerting/cap"}, roots...)},
		{"alerting/sqlstore", append([]string{"alerting/storetest"}, roots...)},
		{"alerting/sms", append([]string{"alerting/channeltest"}, roots...)},
		{"alerting/...", roots},
		{"dashboards/...", append([]string{"alerting/cap", "alerting/feed", "dashboards/..."}, roots...)},
		{"sensors-sim/...", []string{"ingest", "ingest/wire", "ingest/readingsfile", "sensors-sim/..."}},
		{"cmd/...", []string{"..."}},
	}
}

// technology is what the roots may import from outside the standard library.
var technology = map[string][]string{
	"geo":      {"github.com/paulmach/orb", "github.com/tidwall/rtree"},
	"ingest":   {"github.com/paulmach/orb"},
	"alerting": {"github.com/paulmach/orb"},
}

// Check reads every Go file below fsys (the repository's root) and returns one sentence for each
// import that the table forbids, and one for each package the table does not know.
func Check(fsys fs.FS) ([]string, error) {
	var faults []string
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skipped(d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		found, err := checkFile(fsys, name)
		faults = append(faults, found...)
		return err
	})
	return faults, err
}

func skipped(folder string) bool {
	return folder == "node_modules" || folder == "testdata" || (len(folder) > 1 && folder[0] == '.')
}

func checkFile(fsys fs.FS, name string) ([]string, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	room := path.Dir(name)
	row, known := rowOf(room)
	if !known {
		return []string{fmt.Sprintf("%s: the import table has no row for %q", name, room)}, nil
	}
	var faults []string
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if reason := forbidden(room, row, imported, strings.HasSuffix(name, "_test.go")); reason != "" {
			faults = append(faults, fmt.Sprintf("%s imports %s: %s", name, imported, reason))
		}
	}
	return faults, nil
}

func rowOf(room string) (Row, bool) {
	for _, row := range Table() {
		if fits(row.Room, room) {
			return row, true
		}
	}
	return Row{}, false
}

func forbidden(room string, row Row, imported string, test bool) string {
	inner, ours := strings.CutPrefix(imported, Module+"/")
	if !ours {
		return foreign(room, imported, test)
	}
	if inner == room {
		return "" // an external test of the package itself
	}
	for _, allowed := range row.May {
		if fits(allowed, inner) {
			return ""
		}
	}
	return fmt.Sprintf("%s may import only %v of this house", row.Room, row.May)
}

func foreign(room, imported string, test bool) string {
	first, _, _ := strings.Cut(imported, "/")
	if test || !strings.Contains(first, ".") {
		return ""
	}
	allowed, root := technology[room]
	if !root {
		return ""
	}
	for _, prefix := range allowed {
		if imported == prefix || strings.HasPrefix(imported, prefix+"/") {
			return ""
		}
	}
	return fmt.Sprintf("the root %s imports no technology but %v", room, allowed)
}

func fits(pattern, room string) bool {
	if pattern == "..." {
		return true
	}
	if folder, below := strings.CutSuffix(pattern, "/..."); below {
		return room == folder || strings.HasPrefix(room, folder+"/")
	}
	return room == pattern
}
