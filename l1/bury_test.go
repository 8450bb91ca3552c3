package l1_test

import (
	"sync"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/internal/epoch"
	"github.com/tieredcache/tieredcache/l1"
)

// TestTheDeadMakeRoom: what answers nobody any more, however often it was read, does not keep out what is read now.
func TestTheDeadMakeRoom(t *testing.T) {
	for name, c := range map[string]struct {
		die  func(*rig[int, int])
		then time.Duration
	}{
		"of an epoch that is over": {func(c *rig[int, int]) { c.epochs.RaiseCounter(&c.member) }, 0},
		"of a stripe":              {func(c *rig[int, int]) { raise(c, 0, 1200) }, 0},
		"expired":                  {func(*rig[int, int]) {}, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig[int, int](t, 1<<20)
			for range 20 {
				readThrough(r, 0, 1200, 0, time.Minute)
			}
			before := r.Usage()
			if !r.Full() || before.Entries < 900 {
				t.Fatalf("%+v: this shows nothing", before)
			}
			c.die(r)
			for range 2 {
				readThrough(r, 10_000, 250, c.then, never)
			}
			if missed := readThrough(r, 10_000, 250, c.then, never); missed > 10 {
				t.Errorf("%d of 250 keys are not in memory, beside %d entries that are dead", missed, before.Entries)
			}
			readThrough(r, 20_000, 250, c.then, never)
			after := r.Usage()
			if after.Entries > 500 {
				t.Errorf("%d entries stand there after 500 puts, of which 500 live", after.Entries)
			}
			if made := after.Evicted - before.Evicted; made > 100 {
				t.Errorf("%d entries are said to have made room: the dead are not counted", made)
			}
			if n := r.Stray(); n != 0 {
				t.Errorf("%d entries stand in front that ristretto does not have", n)
			}
		})
	}
}

// TestTheLivingStay: in a full memory nothing is dropped that answers.
func TestTheLivingStay(t *testing.T) {
	t.Parallel()
	r := newRig[int, int](t, 1<<20)
	readThrough(r, 0, 1200, 0, never)
	before := r.Usage()
	var here []int
	for k := range 1200 {
		if r.InFront(k) {
			here = append(here, k)
		}
	}
	for range 100 {
		r.Put(here[0], 1, placeOf(r, here[0]), r.epochs.Now(), never, 1000-l1.Overhead) // the hand goes on
		r.Wait()
	}
	if after := r.Usage(); !r.Full() || after != before {
		t.Errorf("got %+v, want %+v", after, before)
	}
}

// TestNoPutIsBuried: what is put in the place of what is dead stays, also where somebody else waits meanwhile.
func TestNoPutIsBuried(t *testing.T) {
	t.Parallel()
	r := newRig[int, int](t, 1<<20)
	readThrough(r, 0, 1200, 0, never) // full,
	r.epochs.RaiseCounter(&r.member)
	readThrough(r, 0, 100, 0, never) // and from then on there is room
	done := make(chan struct{})
	var other sync.WaitGroup
	other.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				r.Wait()
			}
		}
	})
	for i := range 3000 {
		for k := range 10 {
			r.epochs.Raise(uint32(k))
			if !r.Put(k, i, placeOf(r, k), r.epochs.Now(), never, 1000) {
				t.Fatal("a put is refused")
			}
		}
		r.Wait()
		for k := range 10 {
			if got, _, ok := r.Get(k, 0); !ok || got != i {
				t.Fatalf("put %d of %d: got %d, %v", i, k, got, ok)
			}
		}
	}
	close(done)
	other.Wait()
}

// TestBuryBesideAllElse is for the race detector, and for what is left.
func TestBuryBesideAllElse(t *testing.T) {
	t.Parallel()
	r := newRig[int, int](t, 1<<20)
	var all sync.WaitGroup
	for g := range 3 {
		all.Go(func() {
			for i := range 30 {
				now := time.Duration(i) * time.Second
				readThrough(r, 100*g+400*i, 500, now, now+3*time.Second)
				if i%5 == 0 {
					r.epochs.RaiseCounter(&r.member)
				}
				raise(r, 400*i, 50)
			}
		})
	}
	all.Wait()
	r.Wait()
	if used := r.Usage(); used.Bytes > 1<<20 || r.Stray() != 0 {
		t.Errorf("%+v, and %d entries in front that ristretto does not have", used, r.Stray())
	}
	all.Go(r.Close)
	all.Go(func() { readThrough(r, 0, 500, time.Hour, never) })
	all.Wait()
}

// readThrough reads n keys, and puts those that are missed, 1 kB each, until they expire; it returns how many.
func readThrough(r *rig[int, int], from, n int, now, expires time.Duration) (missed int) {
	for k := from; k < from+n; k++ {
		if _, _, ok := r.Get(k, now); !ok {
			missed++
			r.Put(k, k, placeOf(r, k), r.epochs.Now(), expires, 1000-l1.Overhead)
		}
		if k%32 == 0 {
			r.Cache.Wait(now)
		}
	}
	r.Cache.Wait(now)
	return missed
}

func placeOf(r *rig[int, int], k int) l1.Places { return epoch.At(&r.member, uint32(k)) }

func raise(r *rig[int, int], k, n int) {
	for i := range n {
		r.epochs.Raise(uint32(k + i))
	}
}
