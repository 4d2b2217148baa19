package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// The bounds of the house's style.
const (
	mostLines         = 500 // of a file that is no test
	mostFunctionLines = 100
)

// CheckStyle reads every Go file below fsys (the repository's root) and returns one sentence for each
// thing that can be seen in the text and is not the style of the house: a package without a package comment, a
// file or function that is too long, a note of unfinished work, a test that sleeps on the machine's clock.
func CheckStyle(fsys fs.FS) ([]string, error) {
	var faults []string
	comments := make(map[string]bool) // folder: whether a file of its package has the package comment
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipped(d.Name()):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, text, parser.ParseComments)
		if err != nil {
			return err
		}
		if folder := path.Dir(name); !strings.HasSuffix(file.Name.Name, "_test") {
			comments[folder] = comments[folder] || file.Doc != nil
		}
		faults = append(faults, styleOf(name, file, files)...)
		return nil
	})
	for folder, found := range comments {
		if !found {
			faults = append(faults, folder+": no file has a package comment")
		}
	}
	slices.Sort(faults)
	return faults, err
}

func styleOf(name string, file *ast.File, files *token.FileSet) []string {
	var faults []string
	test := strings.HasSuffix(name, "_test.go")
	line := func(p token.Pos) int { return files.Position(p).Line }
	if n := line(file.FileEnd); !test && n > mostLines {
		faults = append(faults, fmt.Sprintf("%s: %d lines, at most %d", name, n, mostLines))
	}
	for _, group := range file.Comments {
		for _, mark := range []string{"TO" + "DO", "FIX" + "ME", "XX" + "X"} { // in halves, so as not to find themselves
			if strings.Contains(group.Text(), mark) {
				faults = append(faults, fmt.Sprintf("%s:%d: %s: finish it, or tell it where work is planned", name, line(group.Pos()), mark))
			}
		}
	}
	bubble := slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing/synctest"` })
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if long := line(n.End()) - line(n.Pos()) + 1; long > mostFunctionLines {
				faults = append(faults, fmt.Sprintf("%s:%d: %s has %d lines, at most %d", name, line(n.Pos()), n.Name.Name, long, mostFunctionLines))
			}
		case *ast.SelectorExpr:
			if of, ok := n.X.(*ast.Ident); ok && test && !bubble && of.Name == "time" && n.Sel.Name == "Sleep" {
				faults = append(faults, fmt.Sprintf("%s:%d: time.Sleep outside testing/synctest: wait for what must happen", name, line(n.Pos())))
			}
		}
		return true
	})
	return faults
}
