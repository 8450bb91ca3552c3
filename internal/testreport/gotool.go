package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// findModules returns the folders below root that hold a go.mod, root's own first.
func findModules(root string) ([]string, error) {
	var dirs []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "vendor" || name == "node_modules") {
			return filepath.SkipDir
		}
		if !d.IsDir() && name == "go.mod" {
			dirs = append(dirs, filepath.Dir(path))
		}
		return nil
	})
	slices.Sort(dirs) // "." sorts first
	return dirs, err
}

func goVet(dir string, r *report, signals <-chan os.Signal) error {
	cmd := exec.Command("go", "vet", "./...")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, r.out, r.out
	return lead(cmd, r, signals)
}

// goTest runs the module's tests, two packages at a time: more would compete for the services and for a small machine.
func goTest(dir string, args []string, r *report, signals <-chan os.Signal) error {
	args = append([]string{"test", "-json", "-race", "-count=1", "-vet=off", "-timeout=5m", "-p=2"}, args...)
	cmd := exec.Command("go", append(args, "./...")...)
	read, write := io.Pipe()
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, write, os.Stderr
	cmd.WaitDelay = 10 * time.Second // for what a test left behind with its output still open
	parsed := make(chan error, 1)
	go func() { parsed <- r.read(read) }()
	err := lead(cmd, r, signals)
	return errors.Join(err, write.Close(), <-parsed)
}

// lead runs the command in a process group of its own and hands an interrupt to all of that: go test leaves it to the
// terminal to interrupt the tests. What does not end then is killed.
func lead(cmd *exec.Cmd, r *report, signals <-chan os.Signal) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var patience <-chan time.Time
	for {
		select {
		case err := <-ended:
			return err
		case <-signals:
			r.interrupted = true
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) // it may have ended just now
			if patience == nil {
				patience = time.After(10 * time.Second)
			}
		case <-patience:
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
	}
}
