package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A cut takes one guard out of the library: in a file, it puts one text in the place of another.
type cut struct{ file, old, new string }

// cuts are the guards that -break names.
var cuts = map[string]cut{
	// An entry in memory is answered whatever its epoch.
	"epoch": {"l1/l1.go", ` && c.epochs.HoldsFor(&s.epoch, c.own, &s.stripes, b.rest(s))`, ``},
	// Whoever has loaded stores, whether the lease is still his or not.
	"lease": {"l2/lua/fill.lua", "if w ~= mine and w ~= mine .. '+' then return 0 end\n", "\n"},
	// Once opened, the fence never closes.
	"fence": {"coherence/bus.go", `return int64(now) < b.fence.Load()`, `return b.fence.Load() > 0`},
	// No intent stands while a write runs.
	"intent": {"coherence/update.go", `notTaken = b.sendIntent(ctx, b.data, w.names, w.token, "", never)`, `notTaken = ctx.Err()`},
}

const modulePath = "github.com/tieredcache/tieredcache"

// buildWithout builds this program on a copy of the library without a guard, and returns its path.
func buildWithout(ctx context.Context, guard, dir string) (program string, err error) {
	c, ok := cuts[guard]
	if !ok {
		return "", fmt.Errorf("no guard is called %q: epoch, lease, fence or intent", guard)
	}
	root, err := checkout()
	if err != nil {
		return "", err
	}
	scratch := filepath.Join(dir, "without-"+guard)
	if err := copyModule(root, scratch); err != nil {
		return "", err
	}
	if err := c.apply(scratch); err != nil {
		return "", err
	}
	program = filepath.Join(dir, "replica")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, ".")
	build.Dir = filepath.Join(scratch, "internal", "torture")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("without the %s it does not build: %w\n%s", guard, err, out)
	}
	return program, nil
}

func (c cut) apply(root string) error {
	path := filepath.Join(root, filepath.FromSlash(c.file))
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if n := bytes.Count(text, []byte(c.old)); n != 1 {
		return fmt.Errorf("%s has %q %d times, not once: mend the cut", c.file, c.old, n)
	}
	return os.WriteFile(path, bytes.Replace(text, []byte(c.old), []byte(c.new), 1), 0o600)
}

// checkout finds the root of this repository above the working folder.
func checkout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(mod), "module "+modulePath+"\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("run this inside a checkout of %s", modulePath)
		}
	}
}

// copyModule copies what a build of the library and of this program reads.
func copyModule(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if relative != "." && (strings.HasPrefix(name, ".") || name == "bin" || name == "testdata") {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, relative), 0o700)
		}
		if strings.HasSuffix(name, ".test") || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, ".") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, relative), text, 0o600)
	})
}
