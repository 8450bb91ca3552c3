package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// atOnce is how many mutants are tested at once: most of their time they wait.
const atOnce = 2

// testTime is far more than any test needs. One that hangs without its guard is ended by it, and named.
const testTime = "-test.timeout=60s"

// lab is a scratch copy of the module and what is built of it. A mutant lies over the copy (go build -overlay), so that
// all share one path, and by it one build cache.
type lab struct {
	dir, copy string
	built     atomic.Int64
}

func newLab(root string) (*lab, error) {
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return nil, err
	}
	l := &lab{dir: dir, copy: filepath.Join(dir, "copy")}
	if err := snapshot(root, l.copy); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *lab) close() { _ = os.RemoveAll(l.dir) }

// unchanged runs each test of the mutants once on the copy as it is, where it must pass.
func (l *lab) unchanged(ctx context.Context, mutants []mutant, r *report) {
	type command struct{ pkg, test string }
	var packages []string
	var commands []command
	for _, m := range mutants {
		if !slices.Contains(packages, m.pkg) {
			packages = append(packages, m.pkg)
		}
		if c := (command{m.pkg, m.test}); !slices.Contains(commands, c) {
			commands = append(commands, c)
		}
	}
	var programs sync.Map
	each(ctx, packages, func(pkg string) {
		program, err := l.build(ctx, pkg, nil)
		if err != nil {
			r.failed("package "+pkg, err)
			return
		}
		programs.Store(pkg, program)
	})
	each(ctx, commands, func(c command) {
		program, ok := programs.Load(c.pkg)
		if !ok {
			return // it does not compile
		}
		if found := l.test(ctx, program.(string), c.pkg, c.test); found.err != nil || !found.passed {
			r.failed(c.test+" with every guard", errors.Join(found.err, errors.New(found.output)))
		}
	})
}

// changed tests each mutant.
func (l *lab) changed(ctx context.Context, mutants []mutant, r *report) {
	each(ctx, mutants, func(m mutant) {
		text, err := m.apply(l.copy)
		if err != nil {
			r.failed(m.name, err)
			return
		}
		program, err := l.build(ctx, m.pkg, map[string][]byte{m.file: text})
		if err != nil {
			r.failed(m.name, err)
			return
		}
		defer os.Remove(program)
		r.judge(m, l.test(ctx, program, m.pkg, m.test))
	})
}

func each[T any](ctx context.Context, list []T, do func(T)) {
	places := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for _, item := range list {
		places <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		all.Go(func() {
			defer func() { <-places }()
			do(item)
		})
	}
	all.Wait()
}

// build builds the tests of a package, with other texts in the place of some files, and returns the program: as fast as
// can be, not as fast a program as can be.
func (l *lab) build(ctx context.Context, pkg string, changed map[string][]byte) (program string, err error) {
	base := filepath.Join(l.dir, strconv.FormatInt(l.built.Add(1), 10))
	program = base + ".test"
	replace := map[string]string{}
	for file, text := range changed {
		other := base + filepath.Ext(file)
		if err := os.WriteFile(other, text, 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(l.copy, filepath.FromSlash(file))] = other
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(base+".json", overlay, 0o600); err != nil {
		return "", err
	}
	build := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-gcflags=-N -l", "-ldflags=-s -w", "-overlay", base+".json", "-o", program, "./"+pkg)
	build.Dir, build.Env = l.copy, append(os.Environ(), "GOGC=400")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not compile: %w\n%s", err, out)
	}
	return program, nil
}

// finding is what a test has shown.
type finding struct {
	passed bool
	output string
	took   time.Duration
	err    error // it could not be run
}

// test runs one test of a package.
func (l *lab) test(ctx context.Context, program, pkg, name string) finding {
	command := exec.CommandContext(ctx, program, "-test.run=^"+name+"$", "-test.v", testTime)
	command.Dir = filepath.Join(l.copy, filepath.FromSlash(pkg))
	began := time.Now()
	out, err := command.CombinedOutput()
	found := finding{passed: err == nil, output: string(out), took: time.Since(began)}
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || !exit.Exited()) {
		found.err = err
	}
	if found.passed && !passed(found.output, name) {
		found.err = fmt.Errorf("%s has no test %s", pkg, name)
	}
	return found
}
