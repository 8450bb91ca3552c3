// Package child starts processes that end with the one that started them.
//
// # Guarantees
//
// A child's standard input ends when its parent ends, however that happens: a child that reads it can stop in good
// order. On Linux the kernel kills it besides.
//
// # Concurrency
//
// One goroutine at a time may call a Process's methods.
package child

import (
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Process is this program, started once more. End it with Stop.
type Process struct {
	Stdin  io.WriteCloser
	Stdout io.Reader

	command *exec.Cmd
	ended   chan struct{}
	err     error // how it ended, once ended is closed
}

// Start starts this program with other arguments and more environment, in a process group of its own: a Ctrl-C in the
// terminal reaches the parent alone. What it writes to standard error goes to stderr.
func Start(stderr io.Writer, environment []string, arguments ...string) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &Process{command: exec.Command(self, arguments...), ended: make(chan struct{})}
	p.command.Env = append(os.Environ(), environment...)
	p.command.Stderr = stderr
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(p.command.SysProcAttr)
	if p.Stdin, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	read, write, err := os.Pipe() // not StdoutPipe, which Wait would close under a reader
	if err != nil {
		return nil, err
	}
	p.Stdout, p.command.Stdout = read, write
	started := make(chan error)
	go func() {
		// The kernel ties "die with parent" to the thread that started the child, so this goroutine keeps its thread
		// for as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.command.Start()
		write.Close()
		started <- err
		if err == nil {
			p.err = p.command.Wait()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		read.Close()
		return nil, err
	}
	return p, nil
}

// PID is the process's id.
func (p *Process) PID() int { return p.command.Process.Pid }

// Ended is closed when the process has ended; Err then says how.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Err says how the process ended: nil after exit status 0. It waits for the end.
func (p *Process) Err() error {
	<-p.ended
	return p.err
}

// Stop asks the process to end, with SIGTERM and the end of its input, and returns when it has. One that does not within
// 20 s is killed. Again, it does nothing.
func (p *Process) Stop() error {
	_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended already
	_ = p.Stdin.Close()
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		_ = p.command.Process.Kill()
	}
	return p.Err()
}
