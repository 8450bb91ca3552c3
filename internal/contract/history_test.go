package contract

import (
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/tieredcache/tieredcache/internal/contract/mono"
	"github.com/tieredcache/tieredcache/internal/contract/replica"
	"github.com/tieredcache/tieredcache/internal/contract/source"
)

// register is the model that a history is compared with: what was written last is what is read.
var register = porcupine.Model{
	Init: func() any { return int64(0) },
	Step: func(state, input, output any) (bool, any) {
		if written, is := input.(write); is {
			return true, int64(written)
		}
		return output.(int64) == state.(int64), state
	},
}

type (
	write int64    // a value, which no other write of the history writes
	read  struct{} // its output is the value
)

// history is what readers and writers of one key did, and when.
type history struct {
	mu         sync.Mutex
	operations []porcupine.Operation
}

func (h *history) add(o porcupine.Operation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, o)
}

func (h *history) read(t *testing.T, client int, p *process, key string) {
	t.Helper()
	got := p.get(t, key)
	h.add(porcupine.Operation{ClientId: client, Input: read{}, Output: got.Row.Value, Call: int64(got.Began), Return: int64(got.Ended)})
}

// write writes a new value. One whose outcome is not known, because its writer died or was told an error, has no end:
// it may take effect at any time from its beginning, or never.
func (h *history) write(t *testing.T, l *linear, client int, p *process, key string) {
	t.Helper()
	value := l.values.Add(1)
	o := porcupine.Operation{ClientId: client, Input: write(value), Call: int64(mono.Now()), Return: math.MaxInt64}
	if p.dead() {
		return
	}
	var done replica.Written
	err := p.rpc.Call("Replica.Update", replica.Write{Key: key, Value: value}, &done)
	switch {
	case err != nil: // it was killed
	case !done.Ran, strings.Contains(done.Err, source.ErrRolledBack.Error()):
		return
	case done.Err == "":
		o.Call, o.Return = int64(done.Began), int64(done.Ended)
	default:
		o.Call = int64(done.Began)
	}
	if o.Return == math.MaxInt64 {
		l.unknown.Add(1)
	}
	h.add(o)
}

// Porcupine objects to what no register does, and to nothing else.
func TestRegister(t *testing.T) {
	t.Parallel()
	wrote := func(value, call, end int64) porcupine.Operation {
		return porcupine.Operation{Input: write(value), Call: call, Return: end}
	}
	got := func(value, call, end int64) porcupine.Operation {
		return porcupine.Operation{Input: read{}, Output: value, Call: call, Return: end}
	}
	for name, tt := range map[string]struct {
		operations []porcupine.Operation
		want       bool
	}{
		"stale":          {[]porcupine.Operation{wrote(1, 0, 10), got(0, 11, 12)}, false},
		"overlapping":    {[]porcupine.Operation{wrote(1, 0, 10), got(0, 9, 12)}, true},
		"backwards":      {[]porcupine.Operation{wrote(1, 0, math.MaxInt64), got(1, 1, 2), got(0, 3, 4)}, false},
		"never happened": {[]porcupine.Operation{wrote(1, 0, math.MaxInt64), got(0, 5, 6)}, true},
	} {
		if got := porcupine.CheckOperations(register, tt.operations); got != tt.want {
			t.Errorf("%s: linearizable: got %v, want %v", name, got, tt.want)
		}
	}
}
