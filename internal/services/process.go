package services

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// process is an operating-system process that is told apart from a later one with the same pid by the time it began.
type process struct {
	PID   int    `json:"pid"`
	Began string `json:"began"`
}

// launch describes a server to start.
type launch struct {
	name  string // for errors
	path  string
	args  []string
	dir   string
	log   string // file that receives standard output and standard error
	stdin string

	// remember is told of the process as soon as there is one: the server then outlives this program and its terminal.
	// Nil: it dies with this program, also when that is killed.
	remember func(process) error
}

// start starts the server and returns without waiting for it to answer.
func (l launch) start() (process, error) {
	log, err := os.OpenFile(l.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return process{}, fmt.Errorf("start %s: %w", l.name, err)
	}
	defer log.Close()
	stdin, err := l.input()
	if err != nil {
		return process{}, fmt.Errorf("start %s: %w", l.name, err)
	}
	defer stdin.Close()

	cmd := exec.Command(l.path, l.args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = l.dir, stdin, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if l.remember != nil {
		cmd.SysProcAttr.Setsid = true
	} else {
		dieWithParent(cmd.SysProcAttr)
	}

	started := make(chan error)
	go func() {
		// The kernel ties "die with parent" to the thread that started the child, so this goroutine keeps its thread
		// for as long as the child lives. It ends with the child, or with this program.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
	}()
	if err := <-started; err != nil {
		return process{}, fmt.Errorf("start %s: %w", l.name, err)
	}
	p := process{PID: cmd.Process.Pid}
	if p.Began, err = beganAt(p.PID); err != nil {
		return p, nil // it has ended already: who waits for its answer will say so, with the log
	}
	if l.remember != nil {
		if err := l.remember(p); err != nil {
			return p, errors.Join(err, p.kill())
		}
	}
	return p, nil
}

// input is a pipe that holds stdin: unlike an argument it is invisible to the machine's other users.
func (l launch) input() (io.ReadCloser, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if _, err := io.WriteString(w, l.stdin); err != nil { // far below a pipe's capacity: does not block
		r.Close()
		return nil, err
	}
	return r, nil
}

// alive reports whether this very process runs.
func (p process) alive() bool {
	if p.PID <= 0 || p.Began == "" {
		return false
	}
	began, err := beganAt(p.PID)
	return err == nil && began == p.Began
}

// signal sends sig to this very process; a process that has ended is no error.
func (p process) signal(sig syscall.Signal) error {
	if !p.alive() {
		return nil
	}
	if err := syscall.Kill(p.PID, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal process %d: %w", p.PID, err)
	}
	return nil
}

// kill ends the process at once and waits until it is gone.
func (p process) kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := poll(ctx, func() (bool, error) { return !p.alive(), nil }); err != nil {
		return fmt.Errorf("process %d does not end after SIGKILL: %w", p.PID, err)
	}
	return nil
}

// poll calls done every few milliseconds until it returns true or an error, or ctx ends.
func poll(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// tail is the end of a server's log, for an error message.
func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "(no log: " + err.Error() + ")"
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-25):], "\n")
}
