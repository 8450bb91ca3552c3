package l1

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieredcache/tieredcache/internal/epoch"
)

// TestNobodyReadsWhatIsWrittenOver: a slot is not used again while somebody may be looking at it, whatever the phase that
// he has begun in; and it is, soon after he has left.
func TestNobodyReadsWhatIsWrittenOver(t *testing.T) {
	t.Parallel()
	for turns := range 4 {
		s := newShelf(8, spread)
		for range turns {
			s.readers.turn()
		}
		number := s.put(1, 10)
		look := s.readers.begin(s.readers.mine())
		_, sl := s.find(s.hash(1), 1)
		s.drop(1, number)
		for k := 2; k < 9; k++ {
			s.put(k, k)
			if sl.key != 1 || sl.value != 10 || sl.number() != number {
				t.Fatalf("after %d turns and %d puts, a slot that is looked at holds key %d", turns, k-1, sl.key)
			}
		}
		if _, ok := s.get(1); ok {
			t.Error("what was dropped is found")
		}
		look.misses.Add(1)
		if s.add(nil); sl.state.Load() != 0 || sl.value != 0 {
			t.Errorf("after %d turns, nobody looks at it any more, and it is not free", turns)
		}
	}
}

// TestALookBeginsInTheOldPhase: who has read the phase, and begins when it is over, does not find what was taken out
// before, and is waited for.
func TestALookBeginsInTheOldPhase(t *testing.T) {
	t.Parallel()
	s := newShelf(8, spread)
	first, second := s.put(1, 10), s.put(2, 20)
	late := &s.readers.mine().looks[s.readers.phase.Load()%phases]
	s.drop(1, first)
	s.add(nil)
	late.begun.Add(1)
	if _, sl := s.find(s.hash(1), 1); sl != nil {
		t.Error("what was taken out is found")
	}
	_, sl := s.find(s.hash(2), 2)
	s.drop(2, second)
	for range 5 {
		s.add(nil)
	}
	if sl.value != 20 {
		t.Error("a slot is free that somebody looks at, who began in an earlier phase")
	}
	late.hits.Add(1)
	if s.add(nil); sl.value != 0 {
		t.Error("nobody looks at it any more, and it is not free")
	}
}

// TestNoLookHidesAnother: while somebody looks, the phase that he began in is not found without looks, however many begin
// and end beside him.
func TestNoLookHidesAnother(t *testing.T) {
	t.Parallel()
	var readers tally
	c := readers.mine()
	stays := readers.begin(c)
	if !readers.turn() {
		t.Fatal("nobody has begun in the other phase")
	}
	done := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			for range 100 {
				stays.begun.Add(1)
				stays.hits.Add(1)
			}
		}
	})
	for range 200_000 {
		if readers.turn() {
			t.Error("the phase is over, and somebody looks who began in it")
			break
		}
	}
	close(done)
	others.Wait()
	stays.misses.Add(1)
	if !readers.turn() {
		t.Error("nobody looks, and the phase is not over")
	}
}

// TestTheTableIsNotForWhatNobodyCanUse: while somebody looks, slots that are left cannot be used; the table is made anew
// for that, and not larger, and what is put is found.
func TestTheTableIsNotForWhatNobodyCanUse(t *testing.T) {
	t.Parallel()
	const keys = 1000
	for _, atOnce := range []int{1, 32, 1000} {
		s := newShelf(keys, spread)
		look := s.readers.begin(s.readers.mine())
		room := len(*s.table.Load())
		numbers := map[int]uint32{}
		for round := range 20 {
			var lot []put[int, int]
			for k := range keys {
				s.last++
				numbers[k] = s.last
				lot = append(lot, put[int, int]{key: k, value: round, hash: spread(k), number: s.last})
				if len(lot) == atOnce || k == keys-1 {
					s.add(lot)
					lot = nil
				}
			}
			for k := range keys {
				if v, ok := s.get(k); !ok || v != round {
					t.Fatalf("%d at once, round %d, key %d: got %d, %v", atOnce, round, k, v, ok)
				}
			}
			if held, waiting := s.counts(); held != keys || waiting > room*places {
				t.Fatalf("%d at once, round %d: %d held, %d wait to be free", atOnce, round, held, waiting)
			}
		}
		for range room {
			s.add(nil) // what has begun ends
		}
		if now := len(*s.table.Load()); now != room {
			t.Errorf("%d at once: the table has %d buckets, want %d", atOnce, now, room)
		}
		look.hits.Add(1)
		for k, number := range numbers {
			if !s.drop(k, number) {
				t.Fatalf("key %d does not stand", k)
			}
		}
		if held, _ := s.counts(); held != 0 {
			t.Errorf("front counts %d entries of none", held)
		}
	}
}

// TestSmallTablesHaveRoom: all that is put at once has a place, in tables of all the sizes that a step of growing may just
// not move whole.
func TestSmallTablesHaveRoom(t *testing.T) {
	t.Parallel()
	for entries := int64(948); entries <= 984; entries += 12 {
		s := newShelf(entries, spread)
		s.readers.begin(s.readers.mine()) // and stays
		keys := len(*s.table.Load()) * places * 79 / 100
		for n := range 400 {
			lot := make([]put[int, int], addAtOnce)
			for i := range lot {
				s.last++
				k := int(s.last) % keys
				lot[i] = put[int, int]{key: k, value: n, hash: spread(k), number: s.last}
			}
			s.addSome(lot)
			for _, p := range lot {
				if v, ok := s.get(p.key); !ok || v != n {
					t.Fatalf("for %d entries, key %d: got %d, %v", entries, p.key, v, ok)
				}
			}
		}
	}
}

// TestATableIsFilled, though nothing is put any more.
func TestATableIsFilled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(1<<14, spread)
		n := 0
		for ; !s.growing() || len(*s.table.Load()) < 500; n++ {
			s.put(n, n)
		}
		s.mu.Lock()
		before := len(*s.table.Load())
		s.mu.Unlock()
		time.Sleep(time.Minute) //nolint:forbidigo // of the bubble's clock
		synctest.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		if now := len(*s.table.Load()); s.next != nil || now <= before || s.later != nil {
			t.Errorf("%d buckets, then %d; it grows: %v, a timer runs: %v", before, now, s.next != nil, s.later != nil)
		}
	})
}

// TestDroppedIsLetGo: what was dropped while somebody looked is let go when he has left, though nothing changes any more.
func TestDroppedIsLetGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(8, spread)
		number := s.put(1, 10)
		look := s.readers.begin(s.readers.mine())
		_, sl := s.find(s.hash(1), 1)
		s.drop(1, number)
		time.Sleep(10 * tidyAfter) //nolint:forbidigo // of the bubble's clock
		if sl.value != 10 {
			t.Fatal("it is let go while somebody looks at it")
		}
		look.hits.Add(1)
		time.Sleep(2 * tidyAfter) //nolint:forbidigo // of the bubble's clock
		synctest.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		if sl.value != 0 || s.later != nil {
			t.Errorf("nobody looks at it, and it is %d; a timer runs: %v", sl.value, s.later != nil)
		}
	})
}

// TestNumbersComeAgain: entries of one number are told apart, also in one bucket, by what drops them.
func TestNumbersComeAgain(t *testing.T) {
	t.Parallel()
	s := newShelf(8, func(k int) uint64 { return uint64(k) << 32 })
	for k := range 10 {
		s.last = 6
		s.put(k, -k)
	}
	for k := range 10 {
		if !s.drop(k, 7) || s.drop(k, 7) {
			t.Fatalf("key %d is not dropped, or twice", k)
		}
		for other := range 10 {
			if _, ok := s.get(other); ok != (other > k) {
				t.Fatalf("after the drop of key %d, key %d is found: %v", k, other, ok)
			}
		}
	}
}

// TestSlotsAreUsedAgainThoughLooksNeverEnd: each look begins before the last has ended. Looks of the phase that is over
// become fewer nevertheless.
func TestSlotsAreUsedAgainThoughLooksNeverEnd(t *testing.T) {
	t.Parallel()
	s := newShelf(8, spread)
	number := s.put(1, 10)
	look := s.readers.begin(s.readers.mine())
	_, sl := s.find(s.hash(1), 1)
	s.drop(1, number)
	for range 2 * phases {
		next := s.readers.begin(s.readers.mine())
		s.add(nil)
		look.others.Add(1)
		s.add(nil)
		look = next
	}
	if sl.state.Load() != 0 || sl.value != 0 {
		t.Error("all who looked when it was dropped have left, and its slot is not free")
	}
	look.others.Add(1)
}

// TestLookupsOfBothPhases: all are counted, whatever the phase that they begin in.
func TestLookupsOfBothPhases(t *testing.T) {
	t.Parallel()
	d := newDesk[int, int](t, 1<<20)
	d.put(t, 1, 1)
	for range 2 * phases {
		d.hits(1)
		d.hits(2)
		d.tally.turn()
	}
	if hits, misses := d.Lookups(); hits != 2*phases || misses != 2*phases {
		t.Errorf("%d hits and %d misses, want %d of each", hits, misses, 2*phases)
	}
}

// TestReadersOfACacheLeave: whatever the way in which a look ends, it has ended.
func TestReadersOfACacheLeave(t *testing.T) {
	t.Parallel()
	d := newDesk[int, int](t, 64<<10)
	for name, look := range map[string]func(){
		"hit":      func() { d.Get(1, 0) },
		"miss":     func() { d.Get(2, 0) },
		"expired":  func() { d.Get(1, 2*time.Hour) },
		"prefetch": func() { d.Prefetch([]int{1, 2}) },
		"put":      func() { d.Put(1, 1, epoch.At(&d.own, 0), 0, time.Hour, 8) },
		"missing":  func() { d.PutMissing(1, epoch.At(&d.own, 0), 0, time.Hour) },
		"full":     func() { d.full.Store(true); d.Get(1, 0); d.Get(2, 0); d.Wait(0); d.full.Store(false) },
	} {
		d.put(t, 1, 1)
		look()
		for range phases {
			if !d.tally.turn() {
				t.Fatalf("%s: somebody looks for ever", name)
			}
		}
	}
}
