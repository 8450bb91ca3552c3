package l1

import "time"

// ristretto goes by how often a key was asked for, also where its entry answers nobody any more: what has expired or is
// of a raised epoch would keep its room against what is read now, until the sketch has forgotten it. So a hand goes
// round front, on with each put, and drops the dead.
const (
	dead   = 16 // entries dropped for each put, or
	living = 1  // looked at for nothing: each is a wait for memory, a twentieth of a put, and
	steps  = 16 // buckets at most: few hold anything where values are large
)

// bury drops what is dead in the next buckets; what is dead stays so. No put comes between a look and its drop: that
// would drop what was just put. It may wait for ristretto's queue, whose end locks front: nobody may hold that here.
func (c *Cache[K, V]) bury(now time.Duration) {
	c.puts.Lock()
	defer c.puts.Unlock()
	if c.closed.Load() {
		return
	}
	t, put := *c.front.table.Load(), c.fresh.len()
	left := put * dead
	for range min(put*steps, len(t)) {
		if left <= 0 {
			return
		}
		c.hand = t.after(min(c.hand, len(t)-1)) // the table may be another
		left -= c.buryIn(&t[c.hand], now)
	}
}

// buryIn returns what a bucket has cost, in dead entries.
func (c *Cache[K, V]) buryIn(b *bucket[K, V], now time.Duration) (cost int) {
	for n := range b {
		if b[n].tags.Load()<<8 == 0 { // all but what it counts
			continue
		}
		for i := range b[n].places {
			switch e := b[n].places[i].Load(); {
			case e == nil, e.state.Load()&gone != 0: // which has left
			case c.valid(e, now):
				cost += dead / living
			default:
				c.store.Del(c.hash(e.key))
				cost++
			}
		}
	}
	return cost
}
