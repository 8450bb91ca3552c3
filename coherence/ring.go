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
	heard    time.Duration // when the SYNC was sent that was answered last
	began    time.Duration // that, when the turn began that is being filled
	now, old turn

	after     turn // what was written since a new incarnation was noticed: its predecessor may have taken it
	gathering int  // how many were noticed of late
}

type turn struct {
	ids  map[string]string // by name: the id of what a Set stored, "" after any other write
	full bool
	last time.Duration // when something was put
}

func (t *turn) put(now time.Duration, name, id string) {
	switch t.last = now; {
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
		b.ring.add(b.Now(), names, id)
	}
}

// hear says that the Redis is still the same that took what was put: it had answered by then.
func (r *ring) hear(at time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard = at
	if r.heard-r.began >= ringLife && r.heard-r.old.last >= ringLife {
		r.now, r.old, r.began = turn{}, r.now, r.heard
	}
}

// add remembers names; id is of the value that a Set stores.
func (r *ring) add(now time.Duration, names []string, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range names {
		r.now.put(now, n, id)
		if r.gathering > 0 {
			r.after.put(now, n, id)
		}
	}
}

// again remembers what Redis takes late, as if it were written now, but for what was written since.
func (r *ring) again(now time.Duration, some []owed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range some {
		id, since := r.old.ids[o.name]
		if !since {
			id = o.stays
		}
		if _, since = r.now.ids[o.name]; !since {
			r.now.put(now, o.name, id)
		}
	}
	r.now.last = now
}

// overflow remembers that there was more.
func (r *ring) overflow(now time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now.full, r.now.last = true, now
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
