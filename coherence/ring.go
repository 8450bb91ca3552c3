package coherence

import (
	"maps"
	"sync"
	"time"
)

// ringLife is how far the ring reaches back at least, and half of how far it does at most.
const ringLife = 30 * time.Second

// ring remembers what writes named: a Redis that lost them is told again. It reaches back from when that Redis was heard
// last, for while one is away nobody knows yet what it has lost. It keeps two turns, the one that is being filled and the
// one before.
type ring struct {
	mu       sync.Mutex
	began    time.Duration // when the SYNC was sent with which the turn began that is being filled
	now, old turn

	after     turn // what was written since a new incarnation was noticed: its predecessor may have taken it
	gathering int  // how many were noticed of late
}

type turn struct {
	ids  map[string]string // by name: the id of what a Set stored, "" after any other write
	full bool
}

func (t *turn) put(name, id string) {
	switch {
	case t.ids == nil:
		t.ids = map[string]string{}
	case len(t.ids) >= maxUndelivered:
		t.full = true
		return
	}
	t.ids[name] = id
}

// remember puts names into the ring, where there is a Redis that could lose them.
func (b *Bus) remember(names []string, id string) {
	if b.data != nil {
		b.ring.add(names, id)
	}
}

// hear says that the Redis is still the same that took what was put: it has answered a SYNC that was sent then.
func (r *ring) hear(sent time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if sent-r.began >= ringLife {
		r.now, r.old, r.began = turn{}, r.now, sent
	}
}

// add remembers names; id is of the value that a Set stores.
func (r *ring) add(names []string, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range names {
		r.now.put(n, id)
		if r.gathering > 0 {
			r.after.put(n, id)
		}
	}
}

// again remembers what Redis takes late, as if it were written now, but for what was written since.
func (r *ring) again(some []owed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range some {
		id, since := r.old.ids[o.name]
		if !since {
			id = o.stays
		}
		if _, since = r.now.ids[o.name]; !since {
			r.now.put(o.name, id)
		}
	}
}

// overflow remembers that there was more.
func (r *ring) overflow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now.full = true
}

// empty says whether nothing is remembered.
func (r *ring) empty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.now.ids)+len(r.old.ids) == 0 && !r.now.full && !r.old.full
}

// all returns what is remembered, and whether there was more. What is written from now on is gathered until since is called
// as often.
func (r *ring) all() (ids map[string]string, full bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gathering++
	ids = map[string]string{}
	maps.Copy(ids, r.old.ids)
	maps.Copy(ids, r.now.ids)
	return ids, r.now.full || r.old.full
}

// since returns what was gathered, and whether there was more.
func (r *ring) since() (ids map[string]string, full bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids, full = maps.Clone(r.after.ids), r.after.full
	if r.gathering--; r.gathering == 0 {
		r.after = turn{}
	}
	return ids, full
}
