package tiered_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieredcache/tieredcache/tiered"
)

// got is what a reader in a goroutine of its own was answered.
type got struct {
	value string
	err   error
}

func read(ctx context.Context, c *tiered.Cache[string, string], key string) <-chan got {
	answered := make(chan got, 1)
	go func() {
		v, err := c.Get(ctx, key)
		answered <- got{v, err}
	}()
	return answered
}

func TestOneLoadHoweverManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loads atomic.Int64
		c := newLocal(t, tiered.Config[string, string]{Name: "a", Load: func(_ context.Context, k string) (string, error) {
			loads.Add(1)
			time.Sleep(8 * time.Millisecond)
			return k + "!", nil
		}})
		defer c.Close()
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() { mustGet(t, c, "k", "k!") })
		}
		all.Wait()
		if loads.Load() != 1 {
			t.Errorf("got %d loads, want 1", loads.Load())
		}
		if s := c.Stats(); s.Shared != 999 || s.Loads != 1 {
			t.Errorf("got %+v, want 999 shared, 1 load", s)
		}
	})
}

// A reader that leaves takes nobody with it: not the leader, not the last but one.
func TestReadersLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source{loads: make(chan string, 9), goOn: make(chan struct{})}
		c := newLocal(t, tiered.Config[string, string]{Name: "a", Load: s.load})
		defer c.Close()
		leader, leave := context.WithCancel(t.Context())
		first := read(leader, c, "k")
		<-s.loads
		second := read(t.Context(), c, "k")
		synctest.Wait()
		leave()
		if a := <-first; !errors.Is(a.err, context.Canceled) {
			t.Errorf("the leader got %v, want its context's error", a.err)
		}
		s.goOn <- struct{}{}
		if a := <-second; a.err != nil || a.value != "k" {
			t.Errorf("the other got %q, %v", a.value, a.err)
		}
	})
}

// A flight whose last reader has left is over: its load is cancelled, it stores nothing, and nobody waits for it.
func TestLastReaderLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stubborn := make(chan struct{})
		var loads atomic.Int64
		cancelled := make(chan error, 1)
		c := newLocal(t, tiered.Config[string, string]{Name: "a", MaxLoads: 2, Load: func(ctx context.Context, k string) (string, error) {
			if loads.Add(1) > 1 {
				return "new", nil
			}
			<-ctx.Done()
			cancelled <- ctx.Err()
			<-stubborn
			return "old", nil
		}})
		defer c.Close()
		ctx, leave := context.WithCancel(t.Context())
		first := read(ctx, c, "k")
		synctest.Wait()
		leave()
		<-first
		wantIs(t, "the load's context", <-cancelled, context.Canceled)
		mustGet(t, c, "k", "new")
		close(stubborn)
		time.Sleep(time.Second) // puts become visible
		mustGet(t, c, "k", "new")
		if v, ok := c.Peek("k"); !ok || v != "new" {
			t.Errorf("memory holds %q, %v, want the second load's value", v, ok)
		}
	})
}

// Read-your-writes: who reads after a write never joins a flight that looked before it, and what that flight brings is
// not answered from memory afterwards.
func TestReaderAfterWriteDoesNotJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var truth atomic.Value
		truth.Store("old")
		s := source{loads: make(chan string, 9), goOn: make(chan struct{}), value: func(string) (string, error) { return truth.Load().(string), nil }}
		c := newLocal(t, tiered.Config[string, string]{Name: "a", Load: s.load})
		defer c.Close()
		before := read(t.Context(), c, "k")
		<-s.loads
		err := c.Update(t.Context(), "k", func(context.Context) error { truth.Store("new"); return nil })
		if err != nil {
			t.Fatal(err)
		}
		after := read(t.Context(), c, "k")
		synctest.Wait()
		if len(s.loads) != 0 {
			t.Error("two flights of one key ran at once")
		}
		s.goOn <- struct{}{}
		if a := <-before; a.value != "old" {
			t.Errorf("the reader before the write got %q, %v", a.value, a.err)
		}
		<-s.loads
		s.goOn <- struct{}{}
		if a := <-after; a.value != "new" {
			t.Errorf("the reader after the write got %q, %v, want the new value", a.value, a.err)
		}
		mustGet(t, c, "k", "new")
	})
}

// While a write runs its process reads the source, and stores nothing.
func TestReadsDuringAWriteGoRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var truth atomic.Value
		truth.Store("old")
		s := source{value: func(string) (string, error) { return truth.Load().(string), nil }}
		c := newLocal(t, tiered.Config[string, string]{Name: "a", Load: s.load})
		defer c.Close()
		mustGet(t, c, "k", "old")
		err := c.Update(t.Context(), "k", func(context.Context) error {
			mustGet(t, c, "k", "old")
			if _, ok := c.Peek("k"); ok {
				t.Error("memory answers while a write runs")
			}
			mustGet(t, c, "other", "old")
			time.Sleep(time.Second) // the put becomes visible
			if _, ok := c.Peek("other"); !ok {
				t.Error("another key is not held while a write runs")
			}
			truth.Store("new")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		mustGet(t, c, "k", "new")
		if n := c.Stats().Bypasses; n != 1 {
			t.Errorf("got %d bypasses, want 1", n)
		}
	})
}

func TestLoaderPanicsAndGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, test := range map[string]struct {
			end  func()
			want string
		}{
			"panic":  {func() { panic("no such luck") }, "no such luck"},
			"goexit": {runtime.Goexit, "Goexit"},
		} {
			c := newLocal(t, tiered.Config[string, string]{Name: "a", Load: func(context.Context, string) (string, error) {
				time.Sleep(time.Millisecond)
				test.end()
				return "never", nil
			}})
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() {
					_, err := c.Get(t.Context(), "k")
					var p *tiered.PanicError
					if !errors.As(err, &p) || !strings.Contains(err.Error(), test.want) {
						t.Errorf("%s: got %v", name, err)
					}
					if name == "panic" && !strings.Contains(string(p.Stack), "flight_test.go") {
						t.Errorf("the stack does not show the loader: %s", p.Stack)
					}
				})
			}
			all.Wait()
			_ = c.Close()
		}
	})
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loads atomic.Int64
		c := newLocal(t, tiered.Config[string, string]{
			Name: "a", TTL: time.Minute, MissingTTL: time.Second,
			Load: func(ctx context.Context, k string) (string, error) {
				loads.Add(1)
				switch k {
				case "none":
					return "", fmt.Errorf("no row: %w", tiered.ErrNotFound)
				case "short":
					tiered.SetTTL(ctx, 10*time.Second)
				}
				return k, nil
			},
		})
		defer c.Close()
		for _, test := range []struct {
			key  string
			life time.Duration
		}{{"plain", time.Minute}, {"none", time.Second}, {"short", 10 * time.Second}} {
			loads.Store(0)
			for range 2 {
				_, err := c.Get(t.Context(), test.key)
				if test.key == "none" {
					wantIs(t, "Get", err, tiered.ErrNotFound)
					wantError(t, err, "a:none")
				}
				synctest.Wait()
			}
			time.Sleep(test.life - time.Millisecond)
			_, _ = c.Get(t.Context(), test.key)
			if loads.Load() != 1 {
				t.Errorf("%s: got %d loads within its life, want 1", test.key, loads.Load())
			}
			time.Sleep(time.Millisecond)
			_, _ = c.Get(t.Context(), test.key)
			if loads.Load() != 2 {
				t.Errorf("%s: got %d loads after its life, want 2", test.key, loads.Load())
			}
		}
	})
}

func TestLoadsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		c := newLocal(t, tiered.Config[int, int]{Name: "a", MaxLoads: 3, Load: func(_ context.Context, k int) (int, error) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			time.Sleep(time.Millisecond)
			return k, nil
		}})
		defer c.Close()
		keys := make([]int, 100)
		for i := range keys {
			keys[i] = i
		}
		go func() {
			synctest.Wait() // three sleep, the others wait
			if s := c.Stats(); s.Loading != 3 || s.Queued != 97 {
				t.Errorf("%d load, %d wait", s.Loading, s.Queued)
			}
		}()
		if found, err := c.GetMany(t.Context(), keys); err != nil || len(found) != 100 {
			t.Fatalf("got %d, %v", len(found), err)
		}
		if most.Load() != 3 {
			t.Errorf("got %d loads at once, want 3", most.Load())
		}
		synctest.Wait()
		if s := c.Stats(); s.Loading != 0 || s.Queued != 0 {
			t.Errorf("in the end %d load, %d wait", s.Loading, s.Queued)
		}
	})
}

func TestCloseEndsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source{loads: make(chan string, 1), goOn: make(chan struct{})}
		c := newLocal(t, tiered.Config[string, string]{Name: "a", Load: s.load})
		waiting := read(t.Context(), c, "k")
		<-s.loads
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if a := <-waiting; !errors.Is(a.err, tiered.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", a.err)
		}
	})
}

func TestSourceErrorIsWrappedOnce(t *testing.T) {
	down := errors.New("the source is down")
	c := newLocal(t, tiered.Config[string, string]{Name: "a", Load: func(context.Context, string) (string, error) { return "", down }})
	_, err := c.Get(t.Context(), "k")
	wantIs(t, "Get", err, down)
	if want := "tiered: get a:k: the source is down"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

// With Clone, a caller may change what it gets, and what it has set.
func TestClone(t *testing.T) {
	c := newLocal(t, tiered.Config[string, []int]{
		Name: "a", Load: func(context.Context, string) ([]int, error) { return []int{1}, nil },
		Clone: func(v []int) []int { return append([]int(nil), v...) },
	})
	for range 3 {
		v, err := c.Get(t.Context(), "k")
		if err != nil || v[0] != 1 {
			t.Fatalf("got %v, %v", v, err)
		}
		v[0] = 2
	}
	v := []int{3}
	if err := c.Set(t.Context(), "k", v); err != nil {
		t.Fatal(err)
	}
	v[0] = 4
	if v, err := c.Get(t.Context(), "k"); err != nil || v[0] != 3 {
		t.Errorf("set 3: got %v, %v", v, err)
	}
}

func TestSetWithoutRedis(t *testing.T) {
	c := newLocal(t, tiered.Config[string, string]{Name: "a"})
	_, err := c.Get(t.Context(), "k")
	wantIs(t, "Get of what was never set", err, tiered.ErrNotFound)
	for i := range 500 {
		key, want := fmt.Sprint("k", i%7), fmt.Sprint(i)
		if err := c.Set(t.Context(), key, want); err != nil {
			t.Fatal(err)
		}
		mustGet(t, c, key, want)
	}
	if err := c.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = c.Get(t.Context(), "k1")
	wantIs(t, "Get after Clear", err, tiered.ErrNotFound)
}
