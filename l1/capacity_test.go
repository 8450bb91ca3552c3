package l1_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/tieredcache/tieredcache/internal/epoch"
	"github.com/tieredcache/tieredcache/l1"
)

// TestCapacityAsValuesGrow puts larger values in the place of those that are there.
func TestCapacityAsValuesGrow(t *testing.T) {
	t.Parallel()
	const keys, allowed = 1000, 1 << 20
	r := newRig[int, string](t, allowed)
	for _, size := range []int{10, 1000, 100_000, 2 * allowed} {
		for k := range keys {
			r.Put(k, strings.Repeat("x", 10), r.places(strconv.Itoa(k)), r.epochs.Now(), never, int64(size))
			r.Wait()
		}
		if used := r.Usage(); used.Bytes > allowed || size < allowed/2 && used.Entries == 0 {
			t.Errorf("values of %d bytes: %d entries take %d of %d bytes", size, used.Entries, used.Bytes, allowed)
		}
	}
}

// TestCapacityAgainstTheHeap fills caches far beyond their capacity and compares what lives with what was allowed.
func TestCapacityAgainstTheHeap(t *testing.T) {
	const allowed = 8 << 20
	epochs := l1.NewEpochs() // the process's, not the cache's
	for _, size := range []int{64, 256, 1 << 10, 8 << 10} {
		before := heap()
		var counter l1.Counter
		c, err := l1.New[int, []byte](l1.Config{Capacity: allowed, Epochs: epochs, Cache: &counter})
		if err != nil {
			t.Fatal(err)
		}
		empty := int64(heap() - before)
		offered := 2 * allowed / (size + l1.Overhead)
		for i := range offered {
			p := epoch.At(&counter, uint32(i))
			c.Put(i, make([]byte, size), p, epochs.Now(), never, int64(size)+24)
			if i%128 == 0 {
				c.Wait(0) // ristretto drops what comes too fast
			}
		}
		c.Wait(0)
		grown := int64(heap() - before)
		var kept int64
		for i := range offered {
			if _, _, ok := c.Get(i, 0); ok {
				kept++
			}
		}
		used := c.Usage()
		if int64(used.Entries) != kept || used.Bytes > allowed || used.Bytes < allowed*9/10 || used.Evicted == 0 {
			t.Errorf("values of %d bytes: got %+v with %d entries kept", size, used, kept)
		}
		c.Close()
		if closed := c.Usage(); closed != (l1.Usage{Evicted: used.Evicted}) {
			t.Errorf("closed: got %+v", closed)
		}
		ratio := float64(grown) / allowed
		t.Logf("values of %d: %d of %d kept, %.2f of the capacity (empty %.2f), %d beyond Size each", size, kept, offered,
			ratio, float64(empty)/allowed, (grown-empty)/kept-int64(size)-24)
		if ratio < 0.8 || ratio > 1.2 {
			t.Errorf("values of %d bytes: the heap grew by %.2f of the capacity", size, ratio)
		}
	}
}

// TestEvictedIsWhatWasHeld: ristretto may name one entry twice where it drops several for a large one.
func TestEvictedIsWhatWasHeld(t *testing.T) {
	t.Parallel()
	for range 50 {
		r := newRig[int, string](t, 4096)
		for k := range 4 {
			r.Put(k, "v", r.places(strconv.Itoa(k)), r.epochs.Now(), never, 1000-l1.Overhead-8)
			r.Wait()
		}
		held := r.Usage().Entries
		r.Put(9, "v", r.places("9"), r.epochs.Now(), never, 4000-l1.Overhead-8)
		r.Wait()
		if after := r.Usage(); after.Evicted != uint64(held) || after.Entries != 1 {
			t.Fatalf("got %+v after %d entries have made room for one", after, held)
		}
		r.Close()
	}
}

// TestCapacityOfKeysAndValuesInFront is TestCapacityAgainstTheHeap for what stands in the table itself, or just not.
func TestCapacityOfKeysAndValuesInFront(t *testing.T) {
	ofHeap(t, func(i int) int { return i }, [8]byte{})
	ofHeap(t, func(i int) int { return i }, largestInline{})
	ofHeap(t, func(i int) int { return i }, smallestBoxed{})
	ofHeap(t, func(i int) int { return i }, large{})
	ofHeap(t, func(i int) (k [24]byte) { return [24]byte{byte(i), byte(i >> 8), byte(i >> 16)} }, largestInline{})
	ofHeap(t, func(i int) (k [24]byte) { return [24]byte{byte(i), byte(i >> 8), byte(i >> 16)} }, smallestBoxed{})
	ofHeap(t, func(i int) (k [64]byte) { return [64]byte{byte(i), byte(i >> 8), byte(i >> 16)} }, [8]byte{})
	ofHeap(t, func(i int) (k [300]byte) { return [300]byte{byte(i), byte(i >> 8), byte(i >> 16)} }, largestInline{})
	ofHeap(t, func(i int) (k [1000]byte) { return [1000]byte{byte(i), byte(i >> 8), byte(i >> 16)} }, largestInline{})
}

func ofHeap[K comparable, V any](t *testing.T, key func(int) K, v V) {
	t.Helper()
	const allowed = 8 << 20
	epochs := l1.NewEpochs()
	before := heap()
	var own l1.Counter
	c, err := l1.New[K, V](l1.Config{Capacity: allowed, Epochs: epochs, Cache: &own})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	each := l1.Size(v)
	for i := range 2 * allowed / int(each+l1.Size(key(0))+l1.Overhead) {
		c.Put(key(i), v, epoch.At(&own, uint32(i)), 0, never, each)
		if i%128 == 0 {
			c.Wait(0)
		}
	}
	c.Wait(0)
	ratio := float64(heap()-before) / allowed
	t.Logf("keys %T, values %T: the heap grew by %.2f of the capacity", *new(K), v, ratio)
	if ratio < 0.8 || ratio > 1.2 {
		t.Errorf("keys %T, values %T: the heap grew by %.2f of the capacity", *new(K), v, ratio)
	}
}
