package tiered_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/l2"
	"github.com/tieredcache/tieredcache/tiered"
)

// Of a batch, however large, 1,024 keys fly at once: in four calls of LoadMany.
func TestGetManyFliesAThousandAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var flying, most atomic.Int64
		c := newLocal(t, tiered.Config[int, int]{LoadMany: func(_ context.Context, keys []int) (map[int]int, error) {
			n := flying.Add(int64(len(keys)))
			defer flying.Add(-int64(len(keys)))
			if n > most.Load() {
				most.Store(n)
			}
			<-time.After(time.Second)
			found := map[int]int{}
			for _, k := range keys {
				found[k] = k
			}
			return found, nil
		}})
		defer c.Close()
		if found, err := c.GetMany(t.Context(), upTo(2000)); len(found) != 2000 || err != nil {
			t.Errorf("got %d of 2000, %v", len(found), err)
		}
		if most.Load() != 1024 {
			t.Errorf("%d flew at once", most.Load())
		}
	})
}

// Of equal keys one may fail and the next be found: what was found is no failure.
func TestGetManyFailsOrFinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		there := false
		c := newLocal(t, tiered.Config[int, string]{
			MissingTTL: time.Second,
			Load: func(_ context.Context, k int) (string, error) {
				if k == 1 && !there {
					return "", tiered.ErrNotFound
				}
				return "v", nil
			},
			Clone: func(v string) string {
				if there {
					<-time.After(2 * time.Second) // of the bubble's clock: what memory knows of 1 is over
				}
				return v
			},
		})
		defer c.Close()
		_, err := c.GetMany(t.Context(), []int{1, 2})
		wantIs(t, "a key that has no value", err, tiered.ErrNotFound)
		<-time.After(100 * time.Millisecond) // memory has both
		there = true
		if found, err := c.GetMany(t.Context(), []int{1, 2, 1}); found[1] != "v" || err != nil {
			t.Errorf("got %v, %v", found, err)
		}
	})
}

// A key of a batch whose flight looked before a write is waited for, and loaded anew, beside the others.
func TestGetManyAfterAWriteSeesIt(t *testing.T) {
	var truth atomic.Value
	truth.Store("old")
	s := source{loads: make(chan string, 9), goOn: make(chan struct{}, 9), value: func(string) (string, error) { return truth.Load().(string), nil }}
	c := newLocal(t, tiered.Config[string, string]{Load: s.load})
	before := read(t.Context(), c, "k")
	<-s.loads
	if err := c.Update(t.Context(), "k", func(context.Context) error { truth.Store("new"); return nil }); err != nil {
		t.Fatal(err)
	}
	after := make(chan map[string]string, 1)
	go func() {
		found, err := c.GetMany(t.Context(), []string{"k", "other"})
		if err != nil {
			t.Error(err)
		}
		after <- found
	}()
	<-s.loads // the other's, which does not wait
	eventually(t, "the batch waits", 10*time.Second, func() bool { return c.Stats().Waited == 1 })
	for range 3 {
		s.goOn <- struct{}{}
	}
	if a := <-before; a.err != nil || a.value != "old" {
		t.Errorf("the reader before the write got %q, %v", a.value, a.err)
	}
	if found := <-after; found["k"] != "new" || found["other"] != "new" {
		t.Errorf("the batch after the write got %q", found)
	}
}

// holdNext holds back the next command that is sent, once it is on.
type holdNext struct {
	on       atomic.Bool
	released chan struct{}
}

func (h *holdNext) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *holdNext) wait() {
	if h.on.CompareAndSwap(true, false) {
		<-h.released
	}
}

func (h *holdNext) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.wait()
		return next(ctx, cmd)
	}
}

func (h *holdNext) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		h.wait()
		return next(ctx, cmds)
	}
}

// Who shares the flight of a batch is answered, also where the batch's caller has left before the flight went on.
func TestWhoSharesAnAbandonedBatchIsAnswered(t *testing.T) {
	c, _, _ := processes(t, 1, tiered.Config[string, string]{LoadMany: loadMany})
	mustGet(t, c[0], "first", "first") // the bus is ready
	hold := &holdNext{released: make(chan struct{})}
	tiered.BusOf(c[0]).Redis().AddHook(hold)
	hold.on.Store(true)
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := c[0].GetMany(ctx, []string{"a", "b"})
		left <- err
	}()
	eventually(t, "the batch looks", 10*time.Second, func() bool { return !hold.on.Load() })
	shares := read(t.Context(), c[0], "b")
	eventually(t, "another reader shares its flight", 10*time.Second, func() bool { return c[0].Stats().Shared == 1 })
	leave()
	close(hold.released)
	wantIs(t, "who left", <-left, context.Canceled)
	if a := <-shares; a.value != "b" || a.err != nil {
		t.Errorf("who shares its flight got %q, %v", a.value, a.err)
	}
}

// Where a key of a batch has waited for another's flight, and the codec ends the goroutine then, that is the key's
// error, not a value that is none.
func TestGoexitOfWhatHasWaited(t *testing.T) {
	s := source{loads: make(chan string, 1), goOn: make(chan struct{})}
	c, _, _ := processes(t, 1, tiered.Config[string, string]{
		Linearizable: true, // shares nothing that began before
		Load:         s.load,
		Codec:        decoder{Codec: l2.MessagePack[string](), decoded: func(string) { runtime.Goexit() }},
	})
	first := read(t.Context(), c[0], "k")
	<-s.loads
	batch := make(chan error, 1)
	go func() {
		found, err := c[0].GetMany(t.Context(), []string{"k"})
		if len(found) > 0 {
			t.Errorf("got %q", found)
		}
		batch <- err
	}()
	eventually(t, "the batch waits", 10*time.Second, func() bool { return c[0].Stats().Waited == 1 })
	s.goOn <- struct{}{}
	if a := <-first; a.value != "k" || a.err != nil {
		t.Errorf("who came first got %q, %v", a.value, a.err)
	}
	err := <-batch
	if _, ok := errors.AsType[*tiered.PanicError](err); !ok {
		t.Errorf("the batch got %v, want a PanicError", err)
	}
}
