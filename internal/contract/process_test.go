package contract

import (
	"encoding/json"
	"io"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/internal/contract/replica"
)

// process is a replica that runs. Its cluster ends it.
type process struct {
	options replica.Options
	command *exec.Cmd
	rpc     *rpc.Client
	stdin   io.Closer
	stdout  io.Closer
	ended   chan struct{}
	err     error // how it ended, once ended is closed
	killed  atomic.Bool
}

// start starts a replica.
func start(t *testing.T, o replica.Options) *process {
	t.Helper()
	self, err := os.Executable()
	check(t, err)
	text, err := json.Marshal(o)
	check(t, err)
	p := &process{options: o, command: exec.Command(self, replicaArgument, string(text)), ended: make(chan struct{})}
	p.command.Stderr = os.Stderr
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(p.command.SysProcAttr)
	stdin, err := p.command.StdinPipe()
	check(t, err)
	read, write, err := os.Pipe() // not StdoutPipe, which Wait would close under a reader
	check(t, err)
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
	check(t, <-started)
	p.stdin, p.stdout = stdin, read
	p.rpc = jsonrpc.NewClient(struct {
		io.Reader
		io.WriteCloser
	}{read, stdin})
	return p
}

// stop returns when the replica has ended, after the end of its input. It must end well, unless the test has killed it:
// with the race detector, a race is an end that is not.
func (p *process) stop(t *testing.T) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		t.Errorf("%s does not end", p.options.Name)
		p.kill()
	}
	if p.err != nil && !p.killed.Load() {
		t.Errorf("%s ended with %v", p.options.Name, p.err)
	}
	_ = p.stdout.Close()
}

// kill ends the replica with SIGKILL and returns when it has ended.
func (p *process) kill() {
	p.killed.Store(true)
	_ = p.command.Process.Kill() // it may have ended already
	<-p.ended
}

// freeze stops the replica as a long pause of its machine would; thaw lets it go on.
func (p *process) freeze(t *testing.T) {
	t.Helper()
	check(t, p.command.Process.Signal(syscall.SIGSTOP))
}

func (p *process) thaw(t *testing.T) {
	t.Helper()
	check(t, p.command.Process.Signal(syscall.SIGCONT))
}

// call calls a method of the replica, and fails the test where that fails.
func call[T any](t *testing.T, p *process, method string, args any) (reply T) {
	t.Helper()
	if err := p.rpc.Call("Replica."+method, args, &reply); err != nil {
		t.Errorf("%s: %s: %v", p.options.Name, method, err)
		runtime.Goexit() // also from a goroutine that is not the test's
	}
	return reply
}

func (p *process) get(t *testing.T, key string) replica.Reading {
	t.Helper()
	got := call[replica.Reading](t, p, "Get", key)
	if got.Err != "" {
		t.Errorf("%s: %s", p.options.Name, got.Err)
	}
	return got
}

func (p *process) update(t *testing.T, key string) replica.Written {
	t.Helper()
	done := call[replica.Written](t, p, "Update", replica.Write{Key: key})
	if done.Err != "" {
		t.Errorf("%s: %s", p.options.Name, done.Err)
	}
	return done
}

// keep has memory hold the keys.
func (p *process) keep(t *testing.T, keys ...string) {
	t.Helper()
	call[struct{}](t, p, "Keep", keys)
}

func (p *process) peek(t *testing.T, keys ...string) map[string]int64 {
	t.Helper()
	return call[map[string]int64](t, p, "Peek", keys)
}

func (p *process) state(t *testing.T) replica.State {
	t.Helper()
	return call[replica.State](t, p, "State", struct{}{})
}

func (p *process) watch(t *testing.T, w replica.Watching) {
	t.Helper()
	call[struct{}](t, p, "Watch", w)
}

func (p *process) watched(t *testing.T) replica.Report {
	t.Helper()
	return call[replica.Report](t, p, "Watched", struct{}{})
}

// dead says whether the replica has ended.
func (p *process) dead() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}
