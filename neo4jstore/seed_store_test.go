package neo4jstore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/neo4jstore"
	"github.com/tieredcache/tieredcache/tiered"
)

// ended calls use with stores that are closed, with a cache and without.
func ended(t *testing.T, r *rig, use func(*process) error) {
	t.Helper()
	for name, p := range map[string]*process{"with a cache": r.process(), "without": r.uncached()} {
		must(t, p.Close())
		must(t, p.Close())
		if err := use(p); !errors.Is(err, tiered.ErrClosed) {
			t.Errorf("%s: got %v, want ErrClosed", name, err)
		}
	}
	if _, err := neo4jstore.NewPreferenceStore(neo4jstore.PreferenceConfig{}); err == nil || !strings.Contains(err.Error(), "Driver") {
		t.Errorf("a store of nothing: %v", err)
	}
}

func seedUnconnectedWrite(t *testing.T, r *rig) {
	espresso := neo4jstore.NewPreference{Key: "food.coffee", Value: "espresso", Sentiment: neo4jstore.Positive}
	ended(t, r, func(p *process) error {
		_, err := p.Create(r.ctx, r.user, espresso)
		return err
	})
	ended(t, r, func(p *process) error {
		_, err := p.UpdateConfidence(r.ctx, r.user, "id", 0.1)
		return err
	})
	ended(t, r, func(p *process) error { return p.Delete(r.ctx, r.user, "id") })
	ended(t, r, func(p *process) error {
		_, err := p.DeleteAll(r.ctx, r.user)
		return err
	})
	ended(t, r, func(p *process) error {
		_, err := p.AddSituation(r.ctx, r.user, morning)
		return err
	})
	ended(t, r, func(p *process) error {
		_, err := p.CleanupOrphanedSituations(r.ctx, r.user.Tenant)
		return err
	})
	ended(t, r, func(p *process) error { return p.EnsureSchema(r.ctx) })
}

func seedUnconnectedRead(t *testing.T, r *rig) {
	ended(t, r, func(p *process) error {
		_, err := p.List(r.ctx, r.user)
		return err
	})
	ended(t, r, func(p *process) error {
		_, err := p.Get(r.ctx, r.user, "id")
		return err
	})
	ended(t, r, func(p *process) error {
		_, err := p.ForContext(r.ctx, r.user, morning)
		return err
	})
}

func seedUnconnectedInvalidate(t *testing.T, r *rig) {
	ended(t, r, func(p *process) error { return p.ClearCache(r.ctx, r.user) })
}

func seedMissReads(t *testing.T, r *rig) {
	p := r.process()
	from(t, p.list(r.user))
	from(t, p.context(r.user, morning))
	if _, err := p.Get(r.ctx, r.user, "unknown"); !errors.Is(err, tiered.ErrNotFound) {
		t.Error(err)
	}
	check(t, "reads of the database", p.spy.reads.Load(), int64(3))
}

func seedHitDoesNot(t *testing.T, r *rig) {
	here, there := r.process(), r.process()
	for range 50 {
		from(t, here.list(r.user))
		from(t, here.context(r.user, morning))
	}
	check(t, "reads of the database", here.spy.reads.Load(), int64(2))
	for range 50 {
		from(t, there.list(r.user))
		from(t, there.context(r.user, morning))
	}
	check(t, "reads of another process", there.spy.reads.Load(), int64(0))
	settle(t, here.list(r.user)) // a put becomes visible a moment after the answer
	settle(t, here.context(r.user, morning))
	stats := here.Stats()
	if stats.Lists.MemoryHits == 0 || stats.Contexts.MemoryHits == 0 || there.Stats().Lists.RedisHits == 0 {
		t.Errorf("both tiers were used, but the counters say %+v", stats)
	}
}

// seen checks that a write is seen at once where it was made, and soon in another process, in everything cached.
func seen(t *testing.T, r *rig, write func(p *process, made neo4jstore.Preference) []neo4jstore.Preference) {
	t.Helper()
	here, there := r.process(), r.process()
	made := here.createIn(t, r.user, "food.coffee", morning)
	for _, p := range []*process{here, there} {
		settle(t, p.list(r.user))
		settle(t, p.context(r.user, morning))
		settle(t, p.get(r.user, made.ID))
	}
	want := write(here, made)
	all := func(p *process, soon func(func() bool)) {
		soon(func() bool {
			list, _ := from(t, p.list(r.user))
			return equal(list, want)
		})
		linked := slicesOf(want, made.ID)
		soon(func() bool {
			found, _ := from(t, p.context(r.user, morning))
			return equal(found, linked)
		})
		soon(func() bool {
			one, err := p.Get(r.ctx, r.user, made.ID)
			if len(linked) == 0 {
				return errors.Is(err, tiered.ErrNotFound)
			}
			return err == nil && one == linked[0]
		})
	}
	all(here, func(holds func() bool) {
		if !holds() {
			t.Error("the writer does not see what it wrote")
		}
	})
	all(there, func(holds func() bool) { eventually(t, 10*time.Second, holds) })
}

func seedCreateInvalidates(t *testing.T, r *rig) {
	seen(t, r, func(p *process, made neo4jstore.Preference) []neo4jstore.Preference {
		return []neo4jstore.Preference{p.create(t, r.user, "food.tea"), made}
	})
}

func seedUpdateInvalidates(t *testing.T, r *rig) {
	seen(t, r, func(p *process, made neo4jstore.Preference) []neo4jstore.Preference {
		got, err := p.UpdateConfidence(r.ctx, r.user, made.ID, 0.2)
		must(t, err)
		return []neo4jstore.Preference{got}
	})
}

func seedDeleteInvalidates(t *testing.T, r *rig) {
	seen(t, r, func(p *process, made neo4jstore.Preference) []neo4jstore.Preference {
		must(t, p.Delete(r.ctx, r.user, made.ID))
		return nil
	})
	seen(t, r, func(p *process, _ neo4jstore.Preference) []neo4jstore.Preference {
		n, err := p.DeleteAll(r.ctx, r.user)
		must(t, err)
		check(t, "deleted", n, 1)
		return nil
	})
}

// equal compares lists; nil and empty are one.
func equal(got, want []neo4jstore.Preference) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if got[i] != want[i] {
			return false
		}
	}
	return true
}

// slicesOf returns the one of a list with the id, if there is one.
func slicesOf(list []neo4jstore.Preference, id string) []neo4jstore.Preference {
	for i := range list {
		if list[i].ID == id {
			return list[i : i+1]
		}
	}
	return nil
}

func seedWithoutCache(t *testing.T, r *rig) {
	p := r.uncached()
	coffee := p.createIn(t, r.user, "food.coffee", morning)
	tea := p.create(t, r.user, "food.tea")
	list, _ := from(t, p.list(r.user))
	check(t, "list", list, []neo4jstore.Preference{tea, coffee})
	found, _ := from(t, p.context(r.user, morning))
	check(t, "context", found, []neo4jstore.Preference{coffee})
	got, err := p.UpdateConfidence(r.ctx, r.user, tea.ID, -0.2)
	must(t, err)
	one, _ := from(t, p.get(r.user, tea.ID))
	check(t, "one", one, got)
	check(t, "reads of the database", p.spy.reads.Load(), int64(3))
	must(t, p.ClearCache(r.ctx, r.user))
	must(t, p.Delete(r.ctx, r.user, coffee.ID))
	if _, err := p.Get(r.ctx, r.user, coffee.ID); !errors.Is(err, tiered.ErrNotFound) {
		t.Errorf("after Delete: %v", err)
	}
	n, err := p.CleanupOrphanedSituations(r.ctx, r.user.Tenant)
	must(t, err)
	check(t, "orphans", n, 1)
	n, err = p.DeleteAll(r.ctx, r.user)
	must(t, err)
	check(t, "deleted", n, 1)
	if keys := r.keys("*"); len(keys) > 0 {
		t.Errorf("a store without a bus wrote %q", keys)
	}
}

func seedEntriesApart(t *testing.T, r *rig) {
	p := r.process()
	other := neo4jstore.UserKey{Tenant: r.tenant(), User: r.user.User}
	mine, theirs := p.createIn(t, r.user, "food.coffee", morning), p.createIn(t, other, "food.tea", morning)
	for user, want := range map[neo4jstore.UserKey]neo4jstore.Preference{r.user: mine, other: theirs} {
		check(t, "list", settle(t, p.list(user)), []neo4jstore.Preference{want})
		check(t, "context", settle(t, p.context(user, morning)), []neo4jstore.Preference{want})
		check(t, "one", settle(t, p.get(user, want.ID)), want)
	}
	if lists, contexts := r.keys("prefs"), r.keys("context"); len(lists) != 2 || len(contexts) != 2 {
		t.Errorf("keys: %q %q", lists, contexts)
	}
	if _, err := p.Get(r.ctx, other, mine.ID); !errors.Is(err, tiered.ErrNotFound) {
		t.Errorf("the other tenant reads it by its id: %v", err)
	}
}
