package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// mutant is the library without one guard. A text in place of another, not a diff: it survives changes beside it.
type mutant struct {
	name  string // what is taken out
	guard string // where PROTOCOL.md, sections 2 and 3, asks for it
	file  string
	old   string // stands in file exactly once
	new   string
	pkg   string
	test  string // of pkg: it must fail
}

// apply returns the mutant's file without the guard.
func (m mutant) apply(root string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m.file)))
	if err != nil {
		return nil, err
	}
	if n := strings.Count(string(text), m.old); n != 1 || m.old == m.new {
		return nil, fmt.Errorf("%s: what is to be replaced stands there %d times, not once:\n%s", m.file, n, m.old)
	}
	return []byte(strings.Replace(string(text), m.old, m.new, 1)), nil
}

// snapshot copies the module at root, without the modules inside it and what is hidden or built.
func snapshot(root, into string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if name != "." && (strings.HasPrefix(d.Name(), ".") || name == "bin" || isModule(path)) {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(into, name), 0o755)
		case !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") || strings.HasSuffix(d.Name(), ".test"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(into, name), text, 0o644)
	})
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}
