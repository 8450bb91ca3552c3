package l1

import (
	"hash/maphash"
	"math/rand/v2"
	"testing"
	"time"
)

// TestFrontIsAMap: whatever is added, replaced and dropped, in whatever order and however the hashes collide, a look finds
// the last entry of its key, and at the end nothing is left.
func TestFrontIsAMap(t *testing.T) {
	t.Parallel()
	seed := maphash.MakeSeed()
	for name, hash := range map[string]func(int) uint64{
		"one bucket":         func(int) uint64 { return 1 << 20 },
		"the last bucket":    func(k int) uint64 { return 0xffff_ffff_ffff_ff00 | uint64(k)&0xff },
		"one of two buckets": func(k int) uint64 { return maphash.Comparable(seed, k) & (1<<63 | 0xff) },
		"any bucket":         func(k int) uint64 { return maphash.Comparable(seed, k) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const keys = 200 // fewer pass a bucket than are counted
			random := rand.New(rand.NewPCG(3, 4))
			var f front[int, int]
			f.init(8)
			last, passed := map[int]*entry[int, int]{}, false
			var replaced []*entry[int, int]
			for step := range 20_000 {
				k := random.IntN(keys)
				switch e := last[k]; {
				case e != nil && random.IntN(2) == 0:
					f.drop(e, hash(k))
					delete(last, k)
				case len(replaced) > 0 && random.IntN(4) == 0: // ristretto may be late
					f.drop(replaced[0], hash(replaced[0].key))
					replaced = replaced[1:]
				default:
					if e != nil {
						replaced = append(replaced, e)
					}
					last[k] = &entry[int, int]{key: k, value: step}
					f.add([]*entry[int, int]{last[k]}, hash)
				}
				if got := f.find(hash(k), k); got != last[k] {
					t.Fatalf("step %d, key %d: got %v, want %v", step, k, got, last[k])
				}
				passed = passed || counted(*f.table.Load()) > 0
			}
			for k := range keys {
				if got := f.find(hash(k), k); got != last[k] {
					t.Errorf("key %d: got %v, want %v", k, got, last[k])
				}
				if last[k] != nil {
					replaced = append(replaced, last[k])
				}
			}
			for _, e := range replaced {
				f.drop(e, hash(e.key))
			}
			if n := counted(*f.table.Load()); n != 0 || f.held != 0 {
				t.Errorf("nothing is left, and front counts %d entries, of which %d passed a bucket", f.held, n)
			}
			if !passed {
				t.Error("nothing ever passed a bucket: this shows nothing")
			}
		})
	}
}

// TestManyPassABucket: more than are counted.
func TestManyPassABucket(t *testing.T) {
	t.Parallel()
	const keys = many + 100
	hash := func(k int) uint64 { return uint64(k) & 0xff }
	var f front[int, int]
	f.init(2 * keys)
	all := make([]*entry[int, int], keys)
	for k := range all {
		all[k] = &entry[int, int]{key: k}
	}
	for range 2 {
		f.add(all, hash)
		for k, e := range all {
			if got := f.find(hash(k), k); got != e {
				t.Fatalf("key %d: got %v, want %v", k, got, e)
			}
		}
		for k, e := range all {
			f.drop(e, hash(k))
			if got := f.find(hash(k), k); got != nil {
				t.Fatalf("key %d: got %v after it was dropped", k, got)
			}
			e.state.Store(0)
		}
	}
	if n := (*f.table.Load())[0].passed(); n != many {
		t.Errorf("the bucket counts %d, want %d for ever", n, many)
	}
}

// TestRefusedPuts: front does not hold what ristretto has not taken, also where Wait was quicker than it refused.
func TestRefusedPuts(t *testing.T) {
	t.Parallel()
	var own Counter
	c, err := New[int, int](Config{Capacity: 1 << 20, Epochs: NewEpochs(), Cache: &own})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.store.Close() // it refuses, as with a full queue
	if c.Put(1, 1, Places{Cache: &own}, 0, time.Hour, 8) {
		t.Error("a put that ristretto has refused is taken")
	}
	c.Wait()
	if e := c.front.find(c.hash(1), 1); e != nil {
		t.Errorf("front holds %v", e)
	}
}

func counted(t table[int, int]) (n uint64) {
	for i := range t {
		n += t[i].passed()
	}
	return n
}
