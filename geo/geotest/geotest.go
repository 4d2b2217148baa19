// Package geotest finds the shared data for the tests of geo and the folders below it. It is for tests
// only and keeps no state.
package geotest

import (
	"os"
	"path/filepath"
	"testing"
)

// DataDir is the folder of shared data beside the repository, or where TOCSIN_DATA says. It may not be
// there; outside a module the test is skipped.
func DataDir(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("TOCSIN_DATA"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(filepath.Dir(dir), "shared", "data")
		}
		if filepath.Dir(dir) == dir {
			t.Skip("no shared data: no go.mod above the package")
		}
		dir = filepath.Dir(dir)
	}
}
