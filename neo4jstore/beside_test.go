package neo4jstore_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/tiered"
)

func atOnce(n int, call func()) {
	var all sync.WaitGroup
	for range n {
		all.Go(call)
	}
	all.Wait()
}

// TestDeletesAtOnce: each node is deleted by one of them, and counted once.
func TestDeletesAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.uncached()
	var one, all, orphans atomic.Int64
	count := func(to *atomic.Int64, n int, err error) {
		to.Add(int64(n))
		if err != nil {
			t.Error(err)
		}
	}
	const rounds, many = 20, 5
	for range rounds {
		made := p.create(t, r.user, "k")
		atOnce(4, func() {
			switch err := p.Delete(r.ctx, r.user, made.ID); {
			case err == nil:
				one.Add(1)
			case !errors.Is(err, tiered.ErrNotFound):
				t.Error(err)
			}
		})
		for range many {
			p.create(t, r.user, "k")
			_, err := p.AddSituation(r.ctx, r.user, morning)
			must(t, err)
		}
		atOnce(4, func() { n, err := p.DeleteAll(r.ctx, r.user); count(&all, n, err) })
		atOnce(4, func() { n, err := p.CleanupOrphanedSituations(r.ctx, r.user.Tenant); count(&orphans, n, err) })
	}
	check(t, "Deletes of a preference", one.Load(), int64(rounds))
	check(t, "DeleteAll", all.Load(), int64(rounds*many))
	check(t, "CleanupOrphanedSituations", orphans.Load(), int64(rounds*many))
}

// TestBesideDelete: whatever meets a preference that is being deleted finds it, or does not.
func TestBesideDelete(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.uncached()
	for range 30 {
		p.createIn(t, r.user, "stays", morning)
	}
	var made atomic.Pointer[string]
	var over atomic.Bool
	var all, deletes sync.WaitGroup
	deletes.Go(func() {
		for !over.Load() {
			goes := p.createIn(t, r.user, "goes", morning)
			made.Store(&goes.ID)
			if err := p.Delete(r.ctx, r.user, goes.ID); err != nil {
				t.Error(err)
			}
		}
	})
	eventually(t, 10*time.Second, func() bool { return made.Load() != nil })
	for name, call := range map[string]func(id string) (int, error){
		"List":             func(string) (int, error) { list, err := p.List(r.ctx, r.user); return len(list), err },
		"ForContext":       func(string) (int, error) { list, err := p.ForContext(r.ctx, r.user, morning); return len(list), err },
		"Get":              func(id string) (int, error) { _, err := p.Get(r.ctx, r.user, id); return 30, err },
		"UpdateConfidence": func(id string) (int, error) { _, err := p.UpdateConfidence(r.ctx, r.user, id, 0.1); return 30, err },
		"AddSituation":     func(id string) (int, error) { _, err := p.AddSituation(r.ctx, r.user, evening, id); return 30, err },
	} {
		all.Go(func() {
			for range 200 {
				n, err := call(*made.Load())
				if n < 30 && err == nil || err != nil && !errors.Is(err, tiered.ErrNotFound) {
					t.Errorf("%s: %d, %v", name, n, err)
					return
				}
			}
		})
	}
	all.Wait()
	over.Store(true)
	deletes.Wait()
}
