package e2e

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/ingest/journaltest"
)

// insert mounts a disk whose power can be cut, with the files of a folder safe on it. remove takes it
// away, which the end of the test does too.
func insert(t *testing.T, platter string) (disk *journaltest.Disk, folder string, remove func()) {
	t.Helper()
	folder = t.TempDir()
	disk, err := journaltest.Mount(folder)
	if err != nil {
		t.Fatal(err)
	}
	mounted := true
	remove = func() {
		if !mounted {
			return
		}
		mounted = false
		if err := disk.Unmount(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(remove)
	entries, err := os.ReadDir(platter)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		copySynced(t, filepath.Join(platter, entry.Name()), filepath.Join(folder, entry.Name()))
	}
	return disk, folder, remove
}

func copySynced(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Sync(); err != nil {
		t.Fatal(err)
	}
}

// spoiled builds tocsin with one line of its source replaced, for tests that must show that they notice.
// The source itself stays as it is (go build -overlay).
func spoiled(t *testing.T, file, old, replacement string) (program string) {
	t.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, file)
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(source), old) != 1 {
		t.Fatalf("%s does not say %q once any more: this test must be written anew", file, old)
	}
	dir := t.TempDir()
	put(t, dir, "spoiled.go", strings.Replace(string(source), old, replacement, 1))
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: filepath.Join(dir, "spoiled.go")}})
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, "overlay.json", string(overlay))
	program = filepath.Join(dir, "tocsin")
	build := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, "tocsin/cmd/tocsin")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build with a spoiled %s: %v\n%s", file, err, out)
	}
	return program
}
