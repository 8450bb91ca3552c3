package tiered_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/tiered"
)

// batches records what LoadMany was asked for.
type batches struct {
	mu    sync.Mutex
	asked [][]int
}

func (b *batches) load(_ context.Context, keys []int) (map[int]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, slices.Sorted(slices.Values(keys)))
	found := map[int]string{}
	for _, k := range keys {
		switch {
		case k < 0:
			return nil, errors.New("negative")
		case k%10 != 9:
			found[k] = fmt.Sprint("v", k)
		}
	}
	return found, nil
}

func upTo(n int) []int {
	keys := make([]int, n)
	for i := range keys {
		keys[i] = i
	}
	return keys
}

func TestGetMany(t *testing.T) {
	for name, bus := range map[string]*coherence.Bus{"memory": nil, "redis": newBus(t, coherence.Config{})} {
		t.Run(name, func(t *testing.T) {
			var b batches
			c := newCache(t, bus, tiered.Config[int, string]{LoadMany: b.load})
			mustGet(t, c, 5, "v5")
			keys := append(upTo(100), 1, 2, 3) // equal keys are one
			found, err := c.GetMany(t.Context(), keys)
			var failed *tiered.BatchError[int]
			if !errors.As(err, &failed) || len(failed.Failed) != 10 || len(found) != 90 {
				t.Fatalf("got %d found, %v", len(found), err)
			}
			for k, err := range failed.Failed {
				if k%10 != 9 || !errors.Is(err, tiered.ErrNotFound) {
					t.Errorf("key %d: %v", k, err)
				}
			}
			if found[42] != "v42" || found[5] != "v5" {
				t.Errorf("got %q and %q", found[42], found[5])
			}
			if len(b.asked) != 2 || len(b.asked[1]) != 99 {
				t.Errorf("got batches of %v, want one of 1 and one of 99", lengths(b.asked))
			}
			if _, err := c.GetMany(t.Context(), keys); !errors.Is(err, tiered.ErrNotFound) || len(b.asked) != 2 {
				t.Errorf("the second time: %v, %d batches", err, len(b.asked))
			}
			if found, err := c.GetMany(t.Context(), nil); found == nil || err != nil {
				t.Errorf("of no keys: %v, %v", found, err)
			}
		})
	}
}

func TestGetManyFails(t *testing.T) {
	var b batches
	c := newLocal(t, tiered.Config[int, string]{LoadMany: b.load})
	mustGet(t, c, 1, "v1")
	found, err := c.GetMany(t.Context(), []int{1, -1, 2})
	var failed *tiered.BatchError[int]
	if !errors.As(err, &failed) || len(failed.Failed) != 2 || found[1] != "v1" {
		t.Errorf("got %v, %v, want what memory holds and two errors", found, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.GetMany(ctx, []int{7})
	wantIs(t, "with a context that has ended", err, context.Canceled)
}

// A load that panics is the error of its keys alone.
func TestGetManyPanics(t *testing.T) {
	c := newLocal(t, tiered.Config[int, string]{LoadMany: func(context.Context, []int) (map[int]string, error) { panic("boo") }})
	_, err := c.GetMany(t.Context(), upTo(3))
	var failed *tiered.BatchError[int]
	var p *tiered.PanicError
	if !errors.As(err, &failed) || len(failed.Failed) != 3 || !errors.As(err, &p) {
		t.Errorf("got %v", err)
	}
}

// What somebody else is loading is waited for beside the batch, which does not wait for it.
func TestGetManyBesideOthers(t *testing.T) {
	s := source{loads: make(chan string, 9), goOn: make(chan struct{})}
	var b batches
	c := newLocal(t, tiered.Config[string, string]{
		Load: s.load, LoadMany: func(ctx context.Context, keys []string) (map[string]string, error) {
			found := map[string]string{}
			for _, k := range keys {
				found[k] = k
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			b.asked = append(b.asked, make([]int, len(keys)))
			close(s.goOn) // only now can the other load end: a batch that waited for it would never get here
			return found, nil
		},
	})
	slow := read(t.Context(), c, "slow")
	<-s.loads
	found, err := c.GetMany(t.Context(), []string{"a", "slow", "b"})
	if err != nil || len(found) != 3 {
		t.Fatalf("got %v, %v", found, err)
	}
	if a := <-slow; a.err != nil {
		t.Error(a.err)
	}
	if len(b.asked) != 1 || len(b.asked[0]) != 2 {
		t.Errorf("got batches of %v, want one of 2", lengths(b.asked))
	}
}

func lengths(lists [][]int) (n []int) {
	for _, l := range lists {
		n = append(n, len(l))
	}
	return n
}
