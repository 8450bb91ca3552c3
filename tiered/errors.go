package tiered

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/tieredcache/tieredcache/coherence"
)

// ErrNotFound says that the source has no value. A loader returns it, plain or wrapped; Get returns it wrapped with the
// key.
var ErrNotFound = errors.New("not found")

// ErrClosed is returned by what is used after Close, of the cache or of its bus.
var ErrClosed = coherence.ErrClosed

// ErrCoherence is returned where a cache that has no source cannot know the value: coherence.ErrCoherence.
var ErrCoherence = coherence.ErrCoherence

// PanicError is what readers get when a loader panics or calls runtime.Goexit.
type PanicError struct {
	Value any    // what it panicked with; nil after Goexit
	Stack []byte // where, as in runtime/debug.Stack; nil after Goexit
}

// Error says what the loader panicked with, and where.
func (e *PanicError) Error() string {
	if e.Stack == nil {
		return "the loader called runtime.Goexit"
	}
	return fmt.Sprintf("the loader panicked: %v\n\n%s", e.Value, e.Stack)
}

// errGoexit is what readers get after a Goexit.
var errGoexit error = new(PanicError)

func newPanicError(value any) *PanicError { return &PanicError{Value: value, Stack: debug.Stack()} }

// BatchError says which keys of a GetMany could not be had, and why. ErrNotFound is among the reasons.
type BatchError[K comparable] struct {
	Failed map[K]error
}

// Error says how many keys failed, and one of the reasons.
func (e *BatchError[K]) Error() string {
	for _, err := range e.Failed {
		return fmt.Sprintf("tiered: %d keys failed, one of them: %v", len(e.Failed), err)
	}
	return "tiered: no key failed"
}

// Unwrap returns the reasons, for errors.Is and errors.As.
func (e *BatchError[K]) Unwrap() []error {
	all := make([]error, 0, len(e.Failed))
	for _, err := range e.Failed {
		all = append(all, err)
	}
	return all
}
