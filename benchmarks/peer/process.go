package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Process is a peer that runs. Who started it stops it.
type Process struct {
	command *exec.Cmd
	rpc     *rpc.Client
	stdin   io.Closer
	stdout  io.Closer
	ended   chan struct{}
	err     error // how it ended, once ended is closed
}

// Start starts a peer and returns when it is ready.
func Start(ctx context.Context, o Options) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	options, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	p := &Process{command: exec.Command(self, argument, string(options)), ended: make(chan struct{})}
	p.command.Stderr = os.Stderr
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(p.command.SysProcAttr)
	stdin, err := p.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe() // not StdoutPipe, which Wait would close under a reader
	if err != nil {
		return nil, err
	}
	p.command.Stdout = write
	started := make(chan error)
	go func() {
		// The kernel ties "die with parent" to the thread that started the child: it stays for as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.command.Start()
		_ = write.Close()
		started <- err
		if err == nil {
			p.err = p.command.Wait()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	p.stdin, p.stdout = stdin, read
	p.rpc = jsonrpc.NewClient(struct {
		io.Reader
		io.WriteCloser
	}{read, stdin})
	if _, err := Call[struct{}](ctx, p, "Keep", []string{}); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// Call calls a method of Peer; ctx ends the waiting.
func Call[T any](ctx context.Context, p *Process, method string, args any) (reply T, err error) {
	call := p.rpc.Go("Peer."+method, args, &reply, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		if call.Error != nil {
			return reply, fmt.Errorf("%s: %w", method, call.Error)
		}
		return reply, nil
	case <-ctx.Done():
		var none T // reply may still be written
		return none, ctx.Err()
	}
}

// Stop ends the peer and returns when it has ended. Its error is how it ended, if that was not well.
func (p *Process) Stop() error {
	_ = p.stdin.Close()
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		_ = p.command.Process.Kill() // it may have ended just now
		<-p.ended
	}
	_ = p.stdout.Close()
	return p.err
}
