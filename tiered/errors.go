package tiered

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/tieredcache/tieredcache/coherence"
)

// ErrNotFound says that the source has no value. A loader returns it, plain or wrapped; of errors that are joined, all
// must be it. Get returns it wrapped with the key.
var ErrNotFound = errors.New("not found")

// isNotFound says whether a loader's error is an answer. One that says more than errors.Is(err, ErrNotFound), that
// something else has failed too, is none: it would be cached.
func isNotFound(err error) bool {
	switch e := err.(type) { //nolint:errorlint // each layer is looked at
	case interface{ Unwrap() []error }:
		parts := e.Unwrap()
		return len(parts) > 0 && !slices.ContainsFunc(parts, func(part error) bool { return !isNotFound(part) })
	case interface{ Unwrap() error }: // what it says of itself may be of one among many
		return isNotFound(e.Unwrap())
	default:
		return errors.Is(err, ErrNotFound)
	}
}

// brought is what a loader says of a key.
func brought[V any](v V, err error) (held[V], error) {
	if isNotFound(err) {
		return held[V]{missing: true}, nil
	}
	return held[V]{value: v}, err
}

// ErrClosed is returned by what is used after Close, of the cache or of its bus.
var ErrClosed = coherence.ErrClosed

// ErrCoherence is coherence.ErrCoherence: of Set, of reads without a loader, and of writes on a Strict bus.
var ErrCoherence = coherence.ErrCoherence

// incoherent is ErrCoherence, and what the bus knows of the cause.
func (c *Cache[K, V]) incoherent() error {
	if s := c.bus.State(); s.Condition != coherence.Open {
		return fmt.Errorf("%w: %s", ErrCoherence, s.Why)
	}
	return ErrCoherence
}

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

// BatchError says which keys of a GetMany could not be had, and why; ErrNotFound is among the reasons. A LoadMany may
// return it too, beside what it has read: then those keys alone have failed.
type BatchError[K comparable] struct {
	Failed map[K]error
}

// Error says how many keys failed, and one of the reasons.
func (e *BatchError[K]) Error() string {
	for _, err := range e.reasons() {
		return fmt.Sprintf("tiered: %d of the keys failed: %v", len(e.Failed), err)
	}
	return "tiered: no key failed"
}

// Is is for errors.Is: one of the reasons is target, or, where target is ErrNotFound, all of them are.
func (e *BatchError[K]) Is(target error) bool {
	is := 0
	for _, err := range e.reasons() {
		if errors.Is(err, target) && (target != ErrNotFound || isNotFound(err)) {
			is++
		}
	}
	return is > 0 && (target != ErrNotFound || is == len(e.reasons()))
}

// As is for errors.As: one of the reasons is a target.
func (e *BatchError[K]) As(target any) bool {
	for _, err := range e.reasons() {
		if errors.As(err, target) {
			return true
		}
	}
	return false
}

// one is what a LoadMany says of one key.
func one[K comparable, V any](found map[K]V, err error, key K) (V, error) {
	v, ok := found[key]
	if some, isSome := err.(*BatchError[K]); isSome { //nolint:errorlint // as it is: what is joined to it concerns all keys
		err = some.reasons()[key]
	}
	switch {
	case ok && isNotFound(err): // of others
		err = nil
	case !ok && err == nil:
		err = ErrNotFound
	}
	return v, err
}

// reasons are those of Failed; a nil *BatchError has none.
func (e *BatchError[K]) reasons() map[K]error {
	if e == nil {
		return nil
	}
	return e.Failed
}
