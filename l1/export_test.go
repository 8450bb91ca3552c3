package l1

import (
	"reflect"
	"time"
)

// PutInPlaceOf stores an entry of key where other's belongs: what two keys of one hash would do.
func (c *Cache[K, V]) PutInPlaceOf(other, key K, value V, places Places, expires time.Duration) {
	p := putOf(key, value, places, c.epochs.Now(), expires)
	p.hash = c.hash(other)
	c.fresh.add(&p)
	c.Wait(0)
}

// BeginLookup begins a lookup of ristretto as Get does, and returns what ends it.
func (c *Cache[K, V]) BeginLookup() (end func()) {
	count := c.tally.mine()
	count.asked.Add(1)
	return func() { count.heard.Add(1) }
}

// InFront says whether a key's entry stands where readers find it, valid or not.
func (c *Cache[K, V]) InFront(key K) bool { return c.holds(c.hash(key), key) }

// WaitHalfway waits as Wait does, up to the moment when it has taken what was put; finish is the rest.
func (c *Cache[K, V]) WaitHalfway() (finish func()) {
	m := c
	m.waits.Lock()
	some := m.fresh.take()
	return func() {
		defer m.waits.Unlock()
		m.store.Wait()
		m.front.add(some)
		m.fresh.done()
	}
}

// DropHalfway has ristretto drop the entry of a key that has been put, when a Wait has taken it already.
func (c *Cache[K, V]) DropHalfway(key K) {
	m := c
	m.waits.Lock()
	defer m.waits.Unlock()
	some := m.fresh.take()
	m.store.Wait()
	m.store.Del(m.hash(key))
	m.front.add(some)
	m.fresh.done()
}

// Told returns how many hits of an entry in front ristretto was told of, those beyond the first ones not included.
func (c *Cache[K, V]) Told(key K) int {
	_, s := c.front.find(c.hash(key), key)
	return int(s.state.Load() & tellings)
}

// MaxFresh is how many puts are remembered for front.
const MaxFresh = maxFresh

// Fresh returns how many are.
func (c *Cache[K, V]) Fresh() int { return c.fresh.len() }

// Asked returns how often ristretto was asked.
func (c *Cache[K, V]) Asked() (n uint64) {
	for i := range c.tally.cells {
		n += c.tally.cells[i].asked.Load()
	}
	return n
}

// Full says whether something had to make room.
func (c *Cache[K, V]) Full() bool { return c.full.Load() }

// Each is what an entry costs beyond its key and value.
func Each[K comparable, V any](c *Cache[K, V]) int64 {
	if b, ok := c.boxes.(inBoxes[K, V]); ok {
		return b.each
	}
	return c.each
}

// Boxed says whether values stand elsewhere than in front.
func (c *Cache[K, V]) Boxed() bool { return c.boxes != nil }

// Front returns how many entries front has places for, how many it counts and how many stand in it, with how many of them
// not in their own bucket.
func (c *Cache[K, V]) Front() (room, held, standing, displaced int) {
	f := &c.front
	f.mu.Lock()
	defer f.mu.Unlock()
	t := *f.table.Load()
	f.standing(func(at int, b *bucket[K, V], i int) {
		standing++
		if home, _, _ := t.home(c.hash(b.slots[i].key)); home != at {
			displaced++
		}
	})
	return len(t) * places, f.held, standing, displaced
}

// Growing says whether a larger table is being filled.
func (c *Cache[K, V]) Growing() bool { return c.front.growing() }

func (f *front[K, V]) growing() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.next != nil
}

// Stray returns how many entries stand in front that ristretto does not have.
func (c *Cache[K, V]) Stray() (n int) {
	f := &c.front
	f.mu.Lock()
	defer f.mu.Unlock()
	f.standing(func(_ int, b *bucket[K, V], i int) {
		hash := c.hash(b.slots[i].key)
		if has, ok := c.store.Get(hash); !ok || has != token(hash, b.slots[i].number()) {
			n++
		}
	})
	return n
}

func (f *front[K, V]) standing(each func(at int, b *bucket[K, V], i int)) {
	t := *f.table.Load()
	for at := range t {
		for i := range t[at].slots {
			if t[at].tag(i) != 0 {
				each(at, &t[at], i)
			}
		}
	}
}

// Match is front's search for a tag.
func Match(tags, tag uint64) uint64 { return match(tags, tag) }

// MapSize returns what a map of a type takes, what its keys and values refer to not included.
func MapSize(t reflect.Type, entries int) int64 { return tableOf(t).size(entries) }
