package cap_test

import (
	"os"
	"path/filepath"
	"testing"
)

// sharedData finds the folder of real documents beside the repository, or skips.
func sharedData(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("TOCSIN_DATA"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for range 8 {
		if data := filepath.Join(dir, "..", "shared", "data"); exists(data) && exists(filepath.Join(dir, "go.mod")) {
			return data
		}
		dir = filepath.Dir(dir)
	}
	t.Skip("the shared data (../shared/data beside the repository, or TOCSIN_DATA) are not here")
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
