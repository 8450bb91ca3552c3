package l1_test

import (
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/l1"
)

// TestCloseUnderLoad: readers and writers that run while Close does see a cache that misses and refuses, no race and no
// panic, and nothing is left behind.
func TestCloseUnderLoad(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 5 {
		c := newRig[int, string](t, capacity)
		var all sync.WaitGroup
		var reads atomic.Int64
		begin, stop := make(chan struct{}), make(chan struct{})
		running := func() bool {
			select {
			case <-stop:
				return false
			default:
				return true
			}
		}
		for worker := range 6 {
			all.Go(func() {
				<-begin
				for i := worker; running(); i++ {
					p := c.places(strconv.Itoa(i % 50))
					if got, _, ok := c.Get(i%50, 0); ok && got != strconv.Itoa(i%50) {
						t.Errorf("key %d: got %q", i%50, got)
					}
					c.Put(i%50, strconv.Itoa(i%50), p, c.epochs.Now(), never, 8)
					switch i % 16 {
					case 0:
						c.Wait()
					case 8:
						c.epochs.Raise(p.Key())
					}
					reads.Add(1)
				}
			})
		}
		close(begin)
		eventually(t, "the cache is busy", never, func() bool { return reads.Load() > 200 })
		for range 2 {
			all.Go(c.Close)
		}
		c.Close()
		at := reads.Load()
		eventually(t, "the closed cache is used", never, func() bool { return reads.Load() > at+200 })
		close(stop)
		all.Wait()
	}
	goroutinesGone(t, before)
}

// TestCloseWaitsForLookups: ristretto must not be closed under a lookup that has begun.
func TestCloseWaitsForLookups(t *testing.T) {
	t.Parallel()
	c := newRig[int, int](t, capacity)
	end := c.BeginLookup()
	closed := make(chan struct{})
	go func() {
		c.Close()
		close(closed)
	}()
	select {
	case <-closed:
		t.Error("Close returned while a lookup was under way")
	case <-time.After(50 * time.Millisecond):
	}
	end()
	<-closed
}

// TestNeverOlder: a lookup that starts after a raise has returned never finds what was put under the epoch before it,
// however late ristretto makes a put visible.
func TestNeverOlder(t *testing.T) {
	t.Parallel()
	c := newRig[string, int](t, capacity)
	p := c.places("k")
	var newest atomic.Int64
	var all sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				least := int(newest.Load())
				if got, _, ok := c.Get("k", 0); ok && got < least {
					t.Errorf("got version %d after a raise past %d", got, least)
					return
				}
			}
		})
	}
	for version := range 3000 {
		e0 := c.epochs.Now()
		c.Put("k", version, p, e0, never, 8)
		c.epochs.Raise(p.Key())
		newest.Store(int64(version + 1))
	}
	close(done)
	all.Wait()
}

func TestEntries(t *testing.T) {
	t.Parallel()
	for capacity, want := range map[int64]int64{1: 1 << 10, 1 << 20: 1 << 10, 64 << 20: 64 << 10} {
		if got := l1.Entries(capacity); got != want {
			t.Errorf("Entries(%d): got %d, want %d", capacity, got, want)
		}
	}
}
