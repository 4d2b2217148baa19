package site

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed initial
var initial embed.FS

// Initial is the small site that Init writes.
func Initial() fs.FS {
	sub, err := fs.Sub(initial, "initial")
	if err != nil {
		panic(err) // the name is a constant and embedded
	}
	return sub
}

// Init writes a small, commented site that passes Load into dir, which must not exist or be empty.
func Init(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("writing a first site: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("writing a first site: %s is not empty (it holds %s): name a new or an empty folder", dir, entries[0].Name())
	}
	return fs.WalkDir(Initial(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(path))
		if entry.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		data, err := fs.ReadFile(Initial(), path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o644)
	})
}
