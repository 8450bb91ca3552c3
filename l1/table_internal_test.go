package l1

import (
	"slices"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/internal/epoch"
)

// TestTableSizes: a table begins small, doubles up to the size that the capacity usually needs, which it meets, and
// grows by a quarter beyond, each time when eight of ten places are taken.
func TestTableSizes(t *testing.T) {
	t.Parallel()
	for entries, first := range map[int64]int64{1 << 10: 1 << 10, 5000: 625, 1<<16 + 1: 1 << 10, 1 << 24: 1 << 10} {
		s := newShelf(entries, spread)
		usual := buckets(float64(entries))
		if got, want := len(*s.table.Load()), buckets(float64(first)); got != want || s.usual != usual {
			t.Errorf("%d entries: begins with %d buckets, %d are usual, want %d and %d", entries, got, s.usual, want, usual)
		}
	}
	const entries = 5000
	s := newShelf(entries, spread)
	usual := s.usual
	sizes := []int{len(*s.table.Load())}
	for k := range 3 * entries {
		grows := s.growing()
		s.put(k, k)
		size := sizes[len(sizes)-1]
		if full := float64(s.count()) / float64(size*places); !grows && s.growing() && (full < roomFor || full > roomFor+0.03) {
			t.Errorf("%d buckets grow with %d entries, %.2f of the places", size, s.count(), full)
		}
		if n := len(*s.table.Load()); n != size {
			sizes = append(sizes, n)
		}
	}
	if !slices.Contains(sizes, usual) {
		t.Errorf("sizes are %v, %d is usual", sizes, usual)
	}
	for i := range sizes[1:] {
		by := float64(sizes[i+1]) / float64(sizes[i])
		if ok := sizes[i] < usual && by >= 1.5 && by <= 3 || sizes[i] >= usual && by >= 1.2 && by <= 1.3; !ok {
			t.Errorf("sizes are %v, %d is usual: %.2f times as large", sizes, usual, by)
		}
	}
	if beyond := sizes[len(sizes)-1]; beyond < 2*usual || float64(beyond) > 1.3*float64(buckets(3*entries)) {
		t.Errorf("%d buckets for %d entries", beyond, 3*entries)
	}
	for k := range 3 * entries {
		if v, ok := s.get(k); !ok || v != k {
			t.Fatalf("%d: got %d, %v", k, v, ok)
		}
	}
}

// TestAddsBesideAReaderWhoStays: what is replaced while somebody looks takes places that nobody can use. Nevertheless all
// that is added has one, in tables that are no larger, and when he has left, all places are used again.
func TestAddsBesideAReaderWhoStays(t *testing.T) {
	t.Parallel()
	const keys = 400
	s := newShelf(1<<10, spread)
	room := len(*s.table.Load()) * places
	look := s.readers.begin(s.readers.mine())
	for n := range 10 * room {
		k := n % keys
		s.put(k, n)
		if v, ok := s.get(k); !ok || v != n {
			t.Fatalf("put %d: got %d, %v", n, v, ok)
		}
	}
	look.misses.Add(1)
	s.add(nil)
	if _, n := s.counts(); n != 0 {
		t.Errorf("nobody looks, and %d slots cannot be used", n)
	}
	size := room / places
	for n := range 10 * room {
		s.put(n%keys, n)
	}
	if s.count() != keys || len(*s.table.Load()) != size {
		t.Errorf("%d of %d entries are counted; %d buckets, then %d", s.count(), keys, size, len(*s.table.Load()))
	}
}

// TestDroppedWhileATableIsFilled: what is dropped or replaced then is in neither, whether it had been moved or not.
func TestDroppedWhileATableIsFilled(t *testing.T) {
	t.Parallel()
	s := newShelf(1<<12, spread)
	numbers := map[int]uint32{}
	n := 0
	for ; !s.growing(); n++ {
		numbers[n] = s.put(n, n)
	}
	filled := s.count()
	for k := range n {
		switch k % 3 {
		case 0:
			s.drop(k, numbers[k])
		case 1:
			s.put(k, -k) // ends the filling
		}
	}
	if s.growing() || s.count() != filled-(n+2)/3 {
		t.Fatalf("%d of %d entries are counted", s.count(), filled)
	}
	for k := range n {
		want := map[int]int{1: -k, 2: k}[k%3]
		if v, ok := s.get(k); ok != (k%3 != 0) || v != want {
			t.Errorf("%d: got %d, %v, want %d", k, v, ok, want)
		}
	}
}

// TestNumbersBeginAgain: after 2^23 puts they do, and nothing is lost of what was put before or after, or dropped though
// it was not.
func TestNumbersBeginAgain(t *testing.T) {
	t.Parallel()
	const keys = 40
	for _, back := range []uint64{1, 7, keys, 100} {
		d := newDesk[int, int](t, 1<<20)
		d.fresh.next = numbered - back
		put := func(k, v int) {
			t.Helper()
			if !d.Put(k, v, epoch.At(&d.own, 0), 0, time.Hour, 8) {
				t.Fatal("a put is refused")
			}
		}
		for round := range 4 {
			for k := range keys {
				put(k, round)
			}
			d.store.Wait()
			d.store.Del(d.hash(-1))               // nothing is here to be dropped
			d.store.Del(d.hash(keys - 1 - round)) // before it stands in front
			d.Wait(0)
			d.store.Del(d.hash(10 + round)) // and when it does
			for k := range keys {
				v, _, ok := d.Get(k, 0)
				if want := k != keys-1-round && k != 10+round; ok != want || ok && v != round {
					t.Fatalf("%d before: round %d, key %d: got %d, %v", back, round, k, v, ok)
				}
			}
			if n := d.Stray(); n != 0 || d.front.count() != keys-2 {
				t.Fatalf("%d before: %d entries stand in front, %d of them ristretto does not have", back, d.front.count(), n)
			}
		}
		if d.fresh.next <= numbered {
			t.Fatal("no number was used again: this shows nothing")
		}
	}
}

// TestNumbersAreNever0: a slot of the number 0 would be free.
func TestNumbersAreNever0(t *testing.T) {
	t.Parallel()
	var f fresh[int, int]
	for _, next := range []uint64{0, 1, numbered - 1, numbered, 2 * numbered, 1 << 32} {
		f.next = next
		p := put[int, int]{}
		if f.add(&p); p.number == 0 || p.number>>(32-numbers) != 0 || uint64(p.number)%numbered != next%numbered {
			t.Errorf("put %d has the number %d", next, p.number)
		}
		if tok := token(1<<63, p.number); uint32(tok%(2*numbered)) != p.number || tok == 0 {
			t.Errorf("number %d: the token is %x", p.number, tok)
		}
	}
}
