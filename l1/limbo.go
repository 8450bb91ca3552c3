package l1

import "slices"

// limbo has the slots that were taken out of front until nobody can be looking at them any more. Looks are counted in two
// phases; a slot is free when, after it was taken out, no look of either phase was under way for a moment. Those that begin
// later do not find it. Phases take turns so that such a moment comes though looks never end:
// https://www.kernel.org/doc/html/latest/RCU/Design/Requirements/Requirements.html#sleepable-rcu (SRCU).
//
// Nobody waits for readers: what cannot be freed yet is freed when front changes next, or a little later.
type limbo[K comparable, V any] struct {
	readers *tally
	turns   uint64 // how often the phase has changed, each time when the other phase had no looks
	slots   []left[K, V]
}

type left[K comparable, V any] struct {
	bucket *bucket[K, V]
	slot   int
	turns  uint64 // when it was taken out
}

// afterTurns a slot is free: each of the two phases had no looks at the change that followed it, or at the one after.
const (
	afterTurns = 2
	takeAtOnce = 64
)

func (l *limbo[K, V]) take(b *bucket[K, V], slot int) {
	l.slots = append(l.slots, left[K, V]{b, slot, l.turns})
	if len(l.slots)%takeAtOnce == 0 {
		l.release()
	}
}

// release frees what can be freed.
func (l *limbo[K, V]) release() {
	if len(l.slots) == 0 {
		return
	}
	for range afterTurns {
		if !l.readers.turn() {
			break
		}
		l.turns++
	}
	n := 0
	for ; n < len(l.slots) && l.slots[n].turns+afterTurns <= l.turns; n++ {
		l.slots[n].bucket.free(l.slots[n].slot)
	}
	l.slots = slices.Delete(l.slots, 0, n)
}
