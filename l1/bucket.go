package l1

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/tieredcache/tieredcache/internal/epoch"
)

// bucket begins with what a look reads first.
type bucket[K comparable, V any] struct {
	tags  [2]atomic.Uint64 // a byte of each entry's hash, 0 where there is none; the last byte counts what passed the bucket
	more  atomic.Pointer[[places]*[]uint32]
	slots [places]slot[K, V]
}

type slot[K comparable, V any] struct {
	epoch   Counter // its value was valid then
	expires time.Duration
	stripes epoch.Stripes
	state   atomic.Uint32 // 0: free; else its number, whether its key has no value, and how often ristretto has been told of it
	key     K
	value   V
}

const (
	places = 15   // of a bucket
	many   = 0xff // entries that passed a bucket: it counts no further, nor down again

	// proven: ristretto is told of so many hits of each entry, and from then on of
	proven = 4
	// one hit in told.
	told = 16

	missing  = 1 << 7 // its key has no value
	tagged   = 1 << 6 // it has more tags than its stripes have room for
	tellings = tagged - 1
	numbers  = 8 // the number is above
)

// match marks the bytes of tags that equal a tag, in their highest bits. A byte above one that does may be marked
// falsely, if it is another entry's: https://graphics.stanford.edu/~seander/bithacks.html#ValueInWord
func match(tags, tag uint64) uint64 {
	const each = 0x0101_0101_0101_0101
	x := tags ^ tag*each
	return (x - each) & ^x & (0x80 * each)
}

// passed says how many entries stand in later buckets since this one had no room for them; many: or more.
func (b *bucket[K, V]) passed() uint64 { return b.tags[1].Load() >> 56 }

func (b *bucket[K, V]) pass(n int) {
	if b.passed() < many {
		b.tags[1].Store(b.tags[1].Load() + uint64(n)<<56)
	}
}

func (b *bucket[K, V]) tag(i int) uint64 { return b.tags[i>>3].Load() >> (8 * (i & 7)) & 0xff }

func (b *bucket[K, V]) mark(i int, tag uint64) {
	word, shift := &b.tags[i>>3], 8*(i&7)
	word.Store(word.Load()&^(0xff<<shift) | tag<<shift)
}

// holds returns the slot of an entry, or -1. Numbers begin again, so hashes are compared, too, as far as a token has them.
func (b *bucket[K, V]) holds(hash, tag uint64, number uint32, of func(K) uint64) int {
	for w := range b.tags {
		for m := match(b.tags[w].Load(), tag); m != 0; m &= m - 1 {
			i := 8*w + bits.TrailingZeros64(m)/8
			if i < places && b.slots[i].number() == number && of(b.slots[i].key)>>32 == hash>>32 {
				return i
			}
		}
	}
	return -1
}

func (b *bucket[K, V]) add(p *put[K, V], first int, tag uint64) bool {
	for n := range places {
		i := (first + n) % places
		if b.slots[i].state.Load() == 0 {
			b.fill(i, p)
			b.mark(i, tag)
			return true
		}
	}
	return false
}

// fill writes into a slot that no reader looks at.
func (b *bucket[K, V]) fill(i int, p *put[K, V]) {
	s := &b.slots[i]
	s.key, s.value, s.expires, s.stripes = p.key, p.value, p.expires, p.stripes
	s.epoch.Store(p.at)
	state := p.number << numbers
	if p.missing {
		state |= missing
	}
	if p.more != nil {
		state |= tagged
	}
	s.state.Store(state)
	if p.more == nil {
		return
	}
	more := b.more.Load()
	if more == nil {
		more = new([places]*[]uint32)
		b.more.Store(more)
	}
	more[i] = p.more
}

// entry is what fill has written.
func (b *bucket[K, V]) entry(i int) put[K, V] {
	s := &b.slots[i]
	return put[K, V]{
		key: s.key, value: s.value, expires: s.expires, stripes: s.stripes, more: b.rest(s), at: s.epoch.Load(),
		number: s.number(), missing: s.missing(),
	}
}

// rest are the stripes of the tags that an entry's stripes have no room for.
func (b *bucket[K, V]) rest(s *slot[K, V]) *[]uint32 {
	if s.state.Load()&tagged == 0 {
		return nil
	}
	for i := range b.slots {
		if &b.slots[i] == s {
			return b.more.Load()[i]
		}
	}
	return nil
}

// free makes a slot usable again that no reader looks at.
func (b *bucket[K, V]) free(i int) {
	s := &b.slots[i]
	s.key, s.value = *new(K), *new(V)
	if more := b.more.Load(); more != nil {
		more[i] = nil
	}
	s.state.Store(0)
}

func (s *slot[K, V]) number() uint32 { return s.state.Load() >> numbers }

func (s *slot[K, V]) missing() bool { return s.state.Load()&missing != 0 }

func (s *slot[K, V]) proven() bool { return s.state.Load()&tellings >= proven }

// prove counts a hit that ristretto is told of.
func (s *slot[K, V]) prove() {
	if was := s.state.Load(); was&tellings < proven {
		s.state.CompareAndSwap(was, was+1)
	}
}
