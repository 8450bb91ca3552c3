package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// child is a process that ends with this one: its standard input ends, and on Linux the kernel kills it besides.
type child struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	ended   chan struct{}
	err     error // how it ended, once ended is closed
}

func start(path string, args ...string) (*child, error) {
	c := &child{command: exec.Command(path, args...), ended: make(chan struct{})}
	c.command.Stdout, c.command.Stderr = os.Stderr, os.Stderr
	c.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C in the terminal is the driver's affair
	dieWithParent(c.command.SysProcAttr)
	var err error
	if c.stdin, err = c.command.StdinPipe(); err != nil {
		return nil, err
	}
	started := make(chan error)
	go func() {
		// The kernel ties "die with parent" to the thread that started the child, so this goroutine keeps its thread
		// for as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.command.Start()
		started <- err
		if err == nil {
			c.err = c.command.Wait()
			close(c.ended)
		}
	}()
	return c, <-started
}

func (c *child) signal(s syscall.Signal) error { return c.command.Process.Signal(s) }

// wait says whether the process has ended within a time.
func (c *child) wait(d time.Duration) bool {
	select {
	case <-c.ended:
		return true
	case <-time.After(d):
		return false
	}
}

// killed says whether the process was ended by SIGKILL.
func (c *child) killed() bool {
	var exit *exec.ExitError
	if !errors.As(c.err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// stop ends the process in good order, and returns an error if it did not end well.
func (c *child) stop() error {
	c.stdin.Close()
	if !c.wait(30 * time.Second) {
		_ = c.signal(syscall.SIGQUIT) // it says where it hangs
		if !c.wait(5 * time.Second) {
			_ = c.signal(syscall.SIGKILL)
			<-c.ended
		}
		return fmt.Errorf("process %d did not end when it was told to", c.command.Process.Pid)
	}
	return c.err
}
