package l1_test

import (
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/dgraph-io/ristretto/v2"

	"github.com/tieredcache/tieredcache/internal/epoch"
	"github.com/tieredcache/tieredcache/l1"
)

func TestFrontFollowsAPut(t *testing.T) {
	t.Parallel()
	c := newRig[string, int](t, capacity)
	p := c.places("k")
	c.Put("k", 1, p, c.epochs.Now(), never, 1)
	c.Wait()
	prove(t, c, "k")
	c.epochs.Raise(p.Key())
	c.Put("k", 2, p, c.epochs.Now(), never, 1)
	c.Wait()
	for range 10 {
		if got, _, ok := c.Get("k", 0); !ok || got != 2 {
			t.Fatalf("got %d, %v, want 2", got, ok)
		}
	}
	if n := c.Stray(); n != 0 {
		t.Errorf("%d entries stand in front that were replaced", n)
	}
}

func TestFrontExpires(t *testing.T) {
	t.Parallel()
	c := newRig[string, int](t, capacity)
	p := c.places("k")
	c.Put("k", 1, p, c.epochs.Now(), time.Second, 1)
	c.Wait()
	prove(t, c, "k")
	if _, _, ok := c.Get("k", time.Second); ok {
		t.Error("a hit at the time of expiry")
	}
}

func TestFrontAfterClose(t *testing.T) {
	t.Parallel()
	c := newRig[string, int](t, capacity)
	p := c.places("k")
	c.Put("k", 1, p, c.epochs.Now(), never, 1)
	c.Wait()
	prove(t, c, "k")
	c.Close()
	if _, _, ok := c.Get("k", 0); ok {
		t.Error("a hit after Close")
	}
}

func TestNothingIsPutInFrontAfterItIsGone(t *testing.T) {
	t.Parallel()
	c := newRig[string, int](t, capacity)
	c.Put("before", 1, c.places("before"), c.epochs.Now(), never, 1) // so that it is not the first that is taken
	c.Put("k", 1, c.places("k"), c.epochs.Now(), never, 1)
	c.DropHalfway("k")
	if c.InFront("k") || !c.InFront("before") {
		t.Error("an entry that ristretto has dropped stands in front: its memory is nobody's")
	}
}

// TestWaitAddsToFront: when Wait returns, front has what was put before, also where somebody else waits at the same
// time and has taken it.
func TestWaitAddsToFront(t *testing.T) {
	t.Parallel()
	c := newRig[string, int](t, capacity)
	p := c.places("k")
	c.Put("k", 1, p, c.epochs.Now(), never, 1)
	finish := c.WaitHalfway()
	waited := make(chan bool)
	go func() {
		c.Wait()
		waited <- c.InFront("k")
	}()
	select {
	case <-waited:
		finish()
		t.Fatal("Wait returned before who had taken the entry had put it in front")
	case <-time.After(20 * time.Millisecond):
	}
	if finish(); !<-waited {
		t.Error("front was not given the entry")
	}
}

// TestFrontGrows: entries may be much smaller than usual; all of them have a place nevertheless.
func TestFrontGrows(t *testing.T) {
	t.Parallel()
	const least = 20_000
	c := newRig[int, int](t, least*512)
	before, _, _, _ := c.Front()
	n := 0
	for ; n <= least || !c.Growing(); n++ { // until it is in the midst of growing, and nothing more is put
		p := epoch.At(&c.member, uint32(n))
		if c.Put(n, -n, p, c.epochs.Now(), never, 8); n%500 == 0 || n > least {
			c.Wait()
		}
	}
	eventually(t, "front has grown", 10*time.Second, func() bool { c.Wait(); return !c.Growing() })
	room, held, standing, displaced := c.Front()
	t.Logf("room for %d, then %d; %d held, %d of them not in their own bucket", before, room, held, displaced)
	if before >= n || held != n || standing != n || room > 2*n || displaced > n/20 {
		t.Errorf("room for %d, then %d; %d of %d held, %d have a place, %d not in their own bucket", before, room, held, n, standing, displaced)
	}
	for i := range n {
		if v, _, ok := c.Get(i, 0); !ok || v != -i {
			t.Fatalf("%d: got %d, %v", i, v, ok)
		}
	}
	if c.Full() {
		t.Error("something had to make room: this shows nothing")
	}
}

// TestHitsAreToldWhereThereIsNoRoom, and only there: ristretto has to know what it chooses among.
func TestHitsAreToldWhereThereIsNoRoom(t *testing.T) {
	t.Parallel()
	c := newRig[string, int](t, 64<<10)
	put := func(key string) {
		p := c.places(key)
		c.Put(key, 1, p, c.epochs.Now(), never, 500)
		c.Wait()
	}
	put("k")
	prove(t, c, "k")
	if n := c.Told("k"); n != 0 || c.Full() {
		t.Errorf("told of %d hits in an empty cache, want 0 (full: %v)", n, c.Full())
	}
	for i := 0; !c.Full(); i++ {
		put(strconv.Itoa(i))
	}
	for range 100 { // it may be refused, and find no place
		put("k")
		if c.InFront("k") {
			break
		}
	}
	prove(t, c, "k")
	if n := c.Told("k"); n < 4 {
		t.Errorf("told of %d hits of 10 where there is no room", n)
	}
}

// TestMissesAreToldWhereThereIsNoRoom, with the put that follows, and only there: the reader does not ask ristretto.
func TestMissesAreToldWhereThereIsNoRoom(t *testing.T) {
	t.Parallel()
	c := newRig[string, int](t, 64<<10)
	asked := func(what string, want uint64, do func()) {
		t.Helper()
		before := c.Asked()
		do()
		if n := c.Asked() - before; n != want {
			t.Errorf("full %v: %s asked ristretto %d times, want %d", c.Full(), what, n, want)
		}
	}
	put := func(key string) {
		p := c.places(key)
		c.Put(key, 1, p, c.epochs.Now(), never, 500)
	}
	asked("a miss", 0, func() { c.Get("k", 0) })
	asked("a put", 0, func() { put("k") })
	c.Wait()
	for i := 0; !c.Full(); i++ {
		put(strconv.Itoa(i))
		c.Wait()
	}
	asked("a miss", 0, func() { c.Get("another", 0) })
	asked("a put", 1, func() { put("another") })
	asked("a miss of what is on its way", 0, func() { c.Get("another", 0) })
}

// TestHitRatioOfFront: front answers reads, and ristretto keeps as much as if it answered all.
// Not parallel: beside other tests ristretto drops much of what it is told.
func TestHitRatioOfFront(t *testing.T) {
	const keys, held, reads = 50_000, 500, 300_000
	c := newRig[int, int](t, held*(l1.Overhead+8+1))
	mine := zipfHits(keys, reads, func(k int) bool {
		if _, _, ok := c.Get(k, 0); ok {
			return true
		}
		p := epoch.At(&c.member, uint32(k))
		c.Put(k, 1, p, c.epochs.Now(), never, 1)
		c.Wait()
		return false
	})
	alone, err := ristretto.NewCache(&ristretto.Config[int, int]{NumCounters: 10 * held, MaxCost: held, BufferItems: 64, IgnoreInternalCost: true})
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	theirs := zipfHits(keys, reads, func(k int) bool {
		if _, ok := alone.Get(k); ok {
			return true
		}
		alone.Set(k, 1, 1)
		alone.Wait()
		return false
	})
	t.Logf("%d hits, ristretto alone %d", mine, theirs)
	if float64(mine) < 0.985*float64(theirs) {
		t.Errorf("%d hits, ristretto alone %d", mine, theirs)
	}
	if !c.Full() {
		t.Error("nothing had to make room: this shows nothing")
	}
}

func zipfHits(keys, reads int, read func(k int) bool) (hits int) {
	zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 1)), 1.01, 1, uint64(keys-1))
	for range reads {
		if read(int(zipf.Uint64())) {
			hits++
		}
		runtime.Gosched() // ristretto learns beside, and drops what comes too fast
	}
	return hits
}

func TestMatch(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		tags, tag := random.Uint64(), random.Uint64()&0x7f|0x80
		for i := range 8 {
			if random.IntN(4) == 0 {
				tags = tags&^(0xff<<(8*i)) | tag<<(8*i)
			}
		}
		got := l1.Match(tags, tag)
		for i := range 8 {
			is, marked := tags>>(8*i)&0xff == tag, got>>(8*i)&0xff == 0x80
			other := tags>>(8*i)&0x80 != 0 && i > 0 // it may be marked falsely
			if is && !marked || marked && !is && !other {
				t.Fatalf("tags %016x, tag %02x: %016x", tags, tag, got)
			}
		}
	}
}

// TestFrontHoldsWhatRistrettoHolds: whatever the order of lookups, puts and evictions, nothing stays in front that was
// dropped.
func TestFrontHoldsWhatRistrettoHolds(t *testing.T) {
	t.Parallel()
	c := newRig[string, int](t, 64<<10)
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 20_000 {
				key := strconv.Itoa((i*(w+1) + i/100) % 500)
				if _, _, ok := c.Get(key, 0); !ok {
					p := c.places(key)
					c.Put(key, i, p, c.epochs.Now(), never, 500)
				}
				if i%50 == 0 {
					c.epochs.Raise(c.epochs.Place(key))
				}
				if i%100 == 0 {
					c.Wait()
				}
			}
		})
	}
	all.Wait()
	c.Wait()
	if n := c.Stray(); n != 0 {
		t.Errorf("%d entries stand in front that ristretto has dropped", n)
	}
	if _, held, standing, _ := c.Front(); standing != held {
		t.Errorf("front counts %d entries, and %d have a place", held, standing)
	}
}

// TestMorePutsThanAreRemembered: where nobody waits, what is put is remembered for front up to a bound, and the rest is
// refused: front would not know of it.
func TestMorePutsThanAreRemembered(t *testing.T) {
	t.Parallel()
	c := newRig[int, int](t, 1<<30)
	put := func(i int) bool {
		p := epoch.At(&c.member, uint32(i))
		return c.Put(i, i, p, c.epochs.Now(), never, 8)
	}
	var taken []int
	for i := 0; c.Fresh() < l1.MaxFresh; i++ {
		if put(i) { // else ristretto's queue is full
			taken = append(taken, i)
		}
	}
	if put(-1) {
		t.Error("a put that is not remembered is taken")
	}
	c.Wait()
	for _, i := range taken {
		if v, _, ok := c.Get(i, 0); !ok || v != i {
			t.Fatalf("%d: got %d, %v", i, v, ok)
		}
	}
	if _, held, standing, _ := c.Front(); held != len(taken) || standing != held {
		t.Errorf("front counts %d of %d entries, and %d have a place", held, len(taken), standing)
	}
	if !put(-1) {
		t.Error("a put after Wait is refused")
	}
}

// Prefetch changes nothing that can be seen, and needs nothing to be there.
func TestPrefetch(t *testing.T) {
	t.Parallel()
	c := newRig[int, int](t, 1<<20)
	keys := []int{1, 2, 3}
	c.Prefetch(nil)
	c.Prefetch(keys)
	p := epoch.At(&c.member, 1)
	c.Put(1, 10, p, c.epochs.Now(), never, 8)
	c.Wait()
	c.Prefetch(keys)
	for _, k := range keys {
		if v, _, ok := c.Get(k, 0); ok != (k == 1) || ok && v != 10 {
			t.Errorf("%d: got %d, %v", k, v, ok)
		}
	}
	if hits, misses := c.Lookups(); hits != 1 || misses != 2 {
		t.Errorf("%d hits and %d misses, want 1 and 2", hits, misses)
	}
	c.Close()
	c.Prefetch(keys)
}
