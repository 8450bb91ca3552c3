package l1

import "time"

// ristretto goes by how often a key was asked for, also where its entry answers nobody any more: what has expired or is
// of a raised epoch would keep its room against what is read now, until the sketch has forgotten it. So a hand goes
// round front, on with each put, and drops the dead.
const (
	dead   = 16 // entries dropped for each put, or
	living = 1  // looked at for nothing: each takes a twentieth of a put, and
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
	put := c.fresh.len()
	left := put * dead
	for range min(put*steps, len(*c.front.table.Load())) {
		if left <= 0 {
			return
		}
		var hashes [places]uint64
		found, alive := c.deadIn(&hashes, now)
		for _, h := range hashes[:found] {
			c.store.Del(h)
		}
		left -= found + alive*dead/living
	}
}

// deadIn moves the hand on; it returns how many in its bucket are dead, and what their hashes are, and how many are not.
func (c *Cache[K, V]) deadIn(hashes *[places]uint64, now time.Duration) (found, alive int) {
	c.front.mu.Lock()
	defer c.front.mu.Unlock()
	t := *c.front.table.Load()
	c.hand = t.after(c.hand) // or the first, if the table is another, and smaller
	b := &t[c.hand]
	for i := range b.slots {
		switch {
		case b.tag(i) == 0:
		case c.valid(b, &b.slots[i], now):
			alive++
		default:
			hashes[found] = c.hash(b.slots[i].key)
			found++
		}
	}
	return found, alive
}
