package coherence

import (
	"maps"
	"sync"
	"time"
)

// ringLife is how far the ring reaches back at least, and half of how far it does at most.
const ringLife = 30 * time.Second

// ring remembers what the writes of the last 30 s named: a Redis that lost them is told again. It keeps two turns, the
// one that is being filled and the one before.
type ring struct {
	mu       sync.Mutex
	began    time.Duration // of the turn that is being filled
	now, old turn
}

type turn struct {
	ids  map[string]string // by name: the id of what a Set stored, "" after any other write
	full bool
}

// remember puts names into the ring, where there is a Redis that could lose them.
func (b *Bus) remember(names []string, id string) {
	if b.data != nil {
		b.ring.add(b.Now(), names, id)
	}
}

// add remembers names; id is of the value that a Set stores.
func (r *ring) add(now time.Duration, names []string, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roll(now)
	for _, n := range names {
		r.put(n, id)
	}
}

// again remembers what Redis has taken late, as if it had been written now, but for what was written since.
func (r *ring) again(now time.Duration, some []owed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roll(now)
	for _, o := range some {
		id, since := r.old.ids[o.name]
		if !since {
			id = o.stays
		}
		if _, since = r.now.ids[o.name]; !since {
			r.put(o.name, id)
		}
	}
}

// overflow remembers that there was more.
func (r *ring) overflow(now time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roll(now)
	r.now.full = true
}

func (r *ring) put(name, id string) {
	switch {
	case r.now.ids == nil:
		r.now.ids = map[string]string{}
	case len(r.now.ids) >= maxUndelivered:
		r.now.full = true
		return
	}
	r.now.ids[name] = id
}

func (r *ring) roll(now time.Duration) {
	switch past := now - r.began; {
	case past >= 2*ringLife:
		r.now, r.old, r.began = turn{}, turn{}, now
	case past >= ringLife:
		r.now, r.old, r.began = turn{}, r.now, now
	}
}

// empty says whether nothing is remembered.
func (r *ring) empty(now time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roll(now)
	return len(r.now.ids)+len(r.old.ids) == 0
}

// all returns what is remembered, and whether there was more.
func (r *ring) all(now time.Duration) (ids map[string]string, full bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roll(now)
	ids = map[string]string{}
	maps.Copy(ids, r.old.ids)
	maps.Copy(ids, r.now.ids)
	return ids, r.now.full || r.old.full
}
