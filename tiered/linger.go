package tiered

import (
	"slices"
	"time"
)

// lingerTime is how long a flight lingers before its answer is put into memory: many are put at once, so that nobody
// wakes ristretto for each.
const lingerTime = 2 * time.Millisecond

// end lets a flight go that does nothing more. If memory may keep its answer, it lingers until the put is visible or
// refused. The registry is locked.
func (c *Cache[K, V]) end(f *flight[K, V]) {
	r := &c.flights
	if f.onward != nil && f.cancel != nil {
		f.cancel(nil)
	}
	if !f.put {
		r.remove(f)
	} else if r.lingering = append(r.lingering, f); len(r.lingering) == 1 {
		r.flying.Add(1)
		time.AfterFunc(lingerTime, c.sweep)
	}
	if r.aloft--; r.aloft == 0 {
		r.flying.Done()
	}
}

// lot is how many flights are put and forgotten at once. ristretto works while the puts of a lot are waited for: more at
// once would take two cores from who reads, and from Redis.
const lot = 32

// sweep puts into memory what flights that linger have brought, and forgets them once that is visible or refused.
func (c *Cache[K, V]) sweep() {
	r := &c.flights
	defer r.flying.Done()
	var all []*flight[K, V]
	r.mark(func() { all, r.lingering = r.lingering, nil })
	for some := range slices.Chunk(all, lot) {
		c.putAll(some)
		r.mark(func() {
			for _, f := range some {
				r.remove(f)
			}
			r.sweeps.Add(1)
		})
	}
}

// putAll returns when what flights have brought is visible or refused. No Set without Redis comes
// between the look at an epoch and that.
func (c *Cache[K, V]) putAll(flights []*flight[K, V]) {
	c.putting.Lock()
	defer c.putting.Unlock()
	for _, f := range flights {
		if f.answer.err == nil && c.member.Holds(f.e0, &f.places) {
			c.put(f)
		}
	}
	c.l1.Wait(c.bus.Now())
}

func (c *Cache[K, V]) put(f *flight[K, V]) {
	if f.answer.missing {
		c.l1.PutMissing(f.key, f.places, f.e0, f.expires)
		return
	}
	c.l1.Put(f.key, f.answer.value, f.places, f.e0, f.expires, f.size)
}
