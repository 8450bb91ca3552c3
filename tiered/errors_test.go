package tiered_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/tiered"
)

var errTimeout = errors.New("the source timed out")

// What says that the source has none, and also that something has failed, says nothing: as an answer it would be cached.
func TestMissingBesideAFailure(t *testing.T) {
	partly := &tiered.BatchError[string]{Failed: map[string]error{"a": tiered.ErrNotFound, "b": errTimeout}}
	for name, c := range map[string]struct {
		err    error
		answer bool
	}{
		"plain":                {tiered.ErrNotFound, true},
		"wrapped":              {fmt.Errorf("user 7: %w", tiered.ErrNotFound), true},
		"joined twice":         {errors.Join(tiered.ErrNotFound, fmt.Errorf("b: %w", tiered.ErrNotFound)), true},
		"joined to a failure":  {errors.Join(tiered.ErrNotFound, errTimeout), false},
		"wrapped with another": {fmt.Errorf("%w: %w", tiered.ErrNotFound, errTimeout), false},
		"a batch of them":      {&tiered.BatchError[int]{Failed: map[int]error{1: tiered.ErrNotFound}}, true},
		"a batch, partly":      {fmt.Errorf("its team: %w", partly), false},
		"one of a chain":       {rowError{cause: errTimeout}, false},
		"a batch of nothing":   {&tiered.BatchError[string]{}, false},
	} {
		for _, many := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, LoadMany %v", name, many), func(t *testing.T) {
				loads := 0
				config := tiered.Config[int, string]{Load: func(context.Context, int) (string, error) { loads++; return "", c.err }}
				if many {
					config = tiered.Config[int, string]{LoadMany: func(context.Context, []int) (map[int]string, error) { loads++; return nil, c.err }}
				}
				cache := newLocal(t, config)
				for range 2 {
					if _, err := cache.GetMany(t.Context(), []int{5}); errors.Is(err, tiered.ErrNotFound) != c.answer || err == nil {
						t.Errorf("GetMany: %v", err)
					}
				}
				if _, err := cache.Get(t.Context(), 5); err == nil {
					t.Error("Get: no error")
				}
				if cached := loads == 1; cached != c.answer {
					t.Errorf("%d loads", loads)
				}
			})
		}
	}
}

// rowError says that it is ErrNotFound, and leads to another: as the errors of a list do that is no Unwrap() []error.
type rowError struct{ cause error }

func (e rowError) Error() string     { return "no row: " + e.cause.Error() }
func (e rowError) Is(err error) bool { return err == tiered.ErrNotFound }
func (e rowError) Unwrap() error     { return e.cause }

// What is wrong with the error of a LoadMany is the answer to its keys, and ends nothing else.
func TestOddErrorsOfLoadMany(t *testing.T) {
	for name, c := range map[string]struct {
		err error
		ok  func(found map[int]string, err error) bool
	}{
		"a nil *BatchError": {(*tiered.BatchError[int])(nil), func(found map[int]string, err error) bool {
			return found[1] == "v" && len(found) == 1 && errors.Is(err, tiered.ErrNotFound)
		}},
		"one that panics": {panics{}, func(found map[int]string, err error) bool {
			var p *tiered.PanicError
			return len(found) == 0 && errors.As(err, &p)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			cache := newLocal(t, tiered.Config[int, string]{LoadMany: func(context.Context, []int) (map[int]string, error) {
				return map[int]string{1: "v"}, c.err
			}})
			if found, err := cache.GetMany(t.Context(), []int{1, 2}); !c.ok(found, err) {
				t.Errorf("%v, %v", found, err)
			}
		})
	}
}

type panics struct{}

func (panics) Error() string { return "panics" }
func (panics) Is(error) bool { panic("boo") }

// The error of a batch is ErrNotFound only where nothing else has happened; each of its reasons else.
func TestBatchErrorIs(t *testing.T) {
	partly := &tiered.BatchError[int]{Failed: map[int]error{
		1: fmt.Errorf("1: %w", tiered.ErrNotFound), 2: fmt.Errorf("2: %w", &tiered.PanicError{Value: "boo"}), 3: errTimeout,
	}}
	var p *tiered.PanicError
	switch {
	case errors.Is(partly, tiered.ErrNotFound):
		t.Error("it is ErrNotFound")
	case !errors.Is(partly, errTimeout), errors.Is(partly, context.Canceled), !errors.As(partly, &p):
		t.Error("it is not its reasons")
	}
}

// The GetMany of one cache is the LoadMany of another: what fails there fails here, and nothing else.
func TestLoadManyFailsPartly(t *testing.T) {
	bus := newBus(t, coherence.Config{})
	rows := newCache(t, bus, tiered.Config[int, string]{Name: "rows", LoadMany: func(_ context.Context, keys []int) (map[int]string, error) {
		found, failed := map[int]string{}, map[int]error{}
		for _, k := range keys {
			switch k % 3 {
			case 0:
				found[k] = fmt.Sprint("v", k)
			case 1:
				failed[k] = errTimeout
			}
		}
		return found, &tiered.BatchError[int]{Failed: failed}
	}})
	views := newCache(t, bus, tiered.Config[int, string]{Name: "views", LoadMany: rows.GetMany})
	for range 2 {
		found, err := views.GetMany(t.Context(), upTo(9))
		if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, []int{0, 3, 6}) {
			t.Errorf("got %v", got)
		}
		var failed *tiered.BatchError[int]
		if !errors.As(err, &failed) || len(failed.Failed) != 6 {
			t.Fatalf("got %v", err)
		}
		for k, err := range failed.Failed {
			if want := map[int]error{1: errTimeout, 2: tiered.ErrNotFound}[k%3]; !errors.Is(err, want) {
				t.Errorf("key %d: %v, want %v", k, err, want)
			}
		}
	}
	if _, err := views.Get(t.Context(), 4); !errors.Is(err, errTimeout) {
		t.Errorf("key 4: %v", err)
	}
}
