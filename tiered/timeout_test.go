package tiered_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieredcache/tieredcache/tiered"
)

// A loader that never returns ends its readers after LoadTimeout, also where it does not heed its context and new readers
// join all the time; the key can be loaded then.
func TestLoaderHangs(t *testing.T) {
	for _, heeds := range []bool{false, true} {
		for _, many := range []bool{false, true} {
			t.Run(fmt.Sprintf("heeds %v, many %v", heeds, many), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { loaderHangs(t, heeds, many) })
			})
		}
	}
}

func loaderHangs(t *testing.T, heeds, many bool) {
	t.Helper()
	const limit = 10 * time.Second
	var loads atomic.Int64
	goOn := make(chan struct{})
	load := func(ctx context.Context, _ int) (string, error) {
		if loads.Add(1) > 1 {
			return "v", nil
		}
		if end, ok := ctx.Deadline(); !ok || time.Until(end) != limit {
			t.Errorf("the loader's deadline is in %v", time.Until(end))
		}
		if !heeds {
			<-goOn
			return "late", nil
		}
		<-ctx.Done()
		return "", ctx.Err()
	}
	config := tiered.Config[int, string]{LoadTimeout: limit, Load: load}
	if many {
		config.Load, config.LoadMany = nil, func(ctx context.Context, keys []int) (map[int]string, error) {
			v, err := load(ctx, keys[0])
			return map[int]string{keys[0]: v}, err
		}
	}
	config.Name = "a"
	c, err := tiered.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithTimeout(t.Context(), time.Hour)
	defer leave()
	began := time.Now()
	read := func() (string, error) {
		found, err := c.GetMany(ctx, []int{1})
		return found[1], err
	}
	late := make(chan error)
	go func() {
		time.Sleep(limit - time.Second) //nolint:forbidigo // of the bubble's clock
		_, err := c.Get(ctx, 1)
		late <- err
	}()
	_, err = read()
	for _, err := range []error{err, <-late} {
		wantIs(t, "a reader", err, context.DeadlineExceeded)
		wantError(t, err, "LoadTimeout, 10s")
	}
	if took := time.Since(began); took != limit {
		t.Errorf("it took %v", took)
	}
	if v, err := read(); v != "v" || err != nil {
		t.Errorf("then: %q, %v", v, err)
	}
	close(goOn)
	synctest.Wait()
	if v, err := c.Get(t.Context(), 1); v != "v" || err != nil || c.Stats().LoadErrors != 1 {
		t.Errorf("in the end: %q, %v, %+v", v, err, c.Stats())
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// Another process does not wait for a loader that hangs longer than its LoadTimeout, nor for what waits behind it.
func TestHungLoaderLetsOthersLoad(t *testing.T) {
	hang, goOn := make(chan struct{}), make(chan struct{})
	var loads atomic.Int64
	config := tiered.Config[int, string]{MaxLoads: 1, LoadTimeout: 2 * time.Second, Load: func(context.Context, int) (string, error) {
		if loads.Add(1) == 1 {
			close(hang)
			<-goOn
			return "late", nil
		}
		return "v", nil
	}}
	c, other := pair(t, config)
	defer close(goOn)
	failed := make(chan error, 2)
	get := func(k int) {
		_, err := c.Get(t.Context(), k)
		failed <- err
	}
	go get(1)
	<-hang
	go get(2)
	eventually(t, "the second waits for the first", 20*time.Second, func() bool { return c.Stats().Queued == 1 })
	mustGet(t, other, 1, "v")
	mustGet(t, other, 2, "v")
	for range 2 {
		wantIs(t, "a reader of the hung process", <-failed, context.DeadlineExceeded)
	}
	mustGet(t, c, 1, "v")
	if s := c.Stats(); s.Loading != 1 || s.Queued != 0 || s.Loads != 1 || s.LoadErrors != 1 || s.NoPlace != 1 { // the first has not returned
		t.Errorf("got %+v", s)
	}
}

// NoPlace counts no reader who has left before a place came free.
func TestNoPlaceForWhoLeaves(t *testing.T) {
	hang, goOn := make(chan struct{}), make(chan struct{})
	load := func(_ context.Context, k int) (string, error) {
		if k == 1 {
			close(hang)
			<-goOn
		}
		return "v", nil
	}
	c, err := tiered.New(tiered.Config[int, string]{Name: "a", MaxLoads: 1, Load: load, LoadMany: func(context.Context, []int) (map[int]string, error) {
		return nil, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	first := make(chan error, 1)
	go func() {
		_, err := c.Get(t.Context(), 1)
		first <- err
	}()
	<-hang
	for what, read := range map[string]func(context.Context) error{
		"Get":     func(ctx context.Context) error { _, err := c.Get(ctx, 2); return err },
		"GetMany": func(ctx context.Context) error { _, err := c.GetMany(ctx, []int{2, 3}); return err },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { left <- read(ctx) }()
		eventually(t, what+" waits for a place", 20*time.Second, func() bool { return c.Stats().Queued == 1 })
		cancel()
		wantIs(t, what, <-left, context.Canceled)
		eventually(t, what+" waits no more", 20*time.Second, func() bool { return c.Stats().Queued == 0 })
	}
	close(goOn)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if s := c.Stats(); s.NoPlace != 0 || s.Loads != 1 {
		t.Errorf("%d keys found no place, %d loads", s.NoPlace, s.Loads)
	}
}

// Of a batch that waits for a place, a key that nobody waits for any more is not asked, and counted nowhere.
func TestKeysThatAreLeftAreNotCounted(t *testing.T) {
	for name, free := range map[string]bool{"a place comes free": true, "none does": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				goOn := make(chan struct{})
				var asked []int
				c, err := tiered.New(tiered.Config[int, string]{
					Name: "a", MaxLoads: 1, LoadTimeout: time.Minute,
					LoadMany: func(_ context.Context, keys []int) (map[int]string, error) {
						asked = keys
						return nil, errTimeout
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				var all sync.WaitGroup
				all.Go(func() {
					_, _ = c.Fetch(t.Context(), 0, func(context.Context, int) (string, error) { <-goOn; return "v", nil })
				})
				synctest.Wait()
				ctx, leave := context.WithCancel(t.Context())
				all.Go(func() { _, _ = c.GetMany(ctx, []int{1, 2}) })
				synctest.Wait()
				all.Go(func() { _, _ = c.Get(t.Context(), 2) })
				synctest.Wait()
				leave()
				synctest.Wait()
				want := tiered.Stats{Loads: 1, LoadErrors: 1, NoPlace: 1} // of 0, which takes too long
				if free {
					close(goOn)
					want = tiered.Stats{Loads: 2, LoadErrors: 1}
				}
				all.Wait()
				s := c.Stats()
				if got := (tiered.Stats{Loads: s.Loads, LoadErrors: s.LoadErrors, NoPlace: s.NoPlace}); got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
				if free != slices.Equal(asked, []int{2}) {
					t.Errorf("asked for %v", asked)
				}
				if !free {
					close(goOn)
				}
			})
		})
	}
}

// Without a LoadTimeout a loader may take as long as it likes, and has no deadline.
func TestNoLoadTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := tiered.New(tiered.Config[int, string]{Name: "a", LoadTimeout: -1, Load: func(ctx context.Context, _ int) (string, error) {
			if _, ok := ctx.Deadline(); ok {
				return "", errors.New("it has a deadline")
			}
			time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's clock
			return "v", nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		mustGet(t, c, 1, "v")
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A value lives for its TTL from when it is there, however long its load took, alone as in a batch.
func TestLifeBeginsAfterTheLoad(t *testing.T) {
	for _, many := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			loads := 0
			c, err := tiered.New(tiered.Config[int, int]{Name: "slow", TTL: time.Second, LoadMany: func(_ context.Context, keys []int) (map[int]int, error) {
				loads++
				time.Sleep(3 * time.Second) //nolint:forbidigo // of the bubble's clock
				return map[int]int{keys[0]: loads}, nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			get := func() {
				if _, err := c.GetMany(t.Context(), []int{1}); err != nil {
					t.Error(err)
				}
			}
			if !many {
				get = func() {
					if _, err := c.Get(t.Context(), 1); err != nil {
						t.Error(err)
					}
				}
			}
			get()
			time.Sleep(500 * time.Millisecond) //nolint:forbidigo // of the bubble's clock
			if get(); loads != 1 {
				t.Errorf("many %t: %d loads within the life of the first one's value", many, loads)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Fetch without a loader says so, and does not pass for a key that has no value.
func TestFetchWithoutALoader(t *testing.T) {
	c := newLocal(t, tiered.Config[string, string]{Load: func(_ context.Context, k string) (string, error) { return k, nil }})
	_, err := c.Fetch(t.Context(), "k", nil)
	wantError(t, err, "fetch test:k: load is nil")
	if errors.Is(err, tiered.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}
