package coherence_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
	"github.com/tieredcache/tieredcache/internal/word"
)

// TestRefusedKey: a key that Redis refuses to the user holds up neither the fence nor what other keys are owed; it is asked
// again later.
func TestRefusedKey(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, rights := r.limited(t, coherence.Config{MaxStaleness: d})
	bad, tag := entry("bad"), coherence.Tag("t")
	rights("-eval", "-evalsha")
	check(t, p.Invalidate(t.Context(), bad, tag))
	for i := range 20 {
		k := entry(fmt.Sprint("good", i))
		r.put(t, k, "Vversion1")
		check(t, p.Invalidate(t.Context(), k))
	}
	eventually(t, "the fence closes", soon, func() bool { return p.State().Condition == coherence.Fenced })
	rights("+@all", "resetkeys", "~"+r.layout.Key("tieredcache:")+"*", "~"+r.layout.Key("test:good")+"*")
	eventually(t, "the fence opens", soon, func() bool { return p.State().Condition == coherence.Open && p.State().Pending == 1 })
	for i := range 20 {
		if w := r.word(t, entry(fmt.Sprint("good", i))); w != "" {
			t.Errorf("good%d is still %q", i, w)
		}
	}
	if p.usable(bad) || !p.usable(entry("good1")) || len(r.word(t, tag)) != 9 {
		t.Errorf("bad: %t, good: %t, the tag %q", p.usable(bad), p.usable(entry("good1")), r.word(t, tag))
	}
	rights("allkeys")
	eventually(t, "it is delivered in the end", 20*time.Second, func() bool { return p.usable(bad) && p.State().Pending == 0 })
}

// TestRefusedClear: a Clear whose cache Redis refuses is set aside, and so is that cache where an overflow clears them all.
func TestRefusedClear(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, rights := r.limited(t, coherence.Config{MaxStaleness: d})
	gone, err := p.Join("gone", 1)
	check(t, err)
	eventually(t, "it learns its generation", soon, func() bool { return gone.Generation() != 0 })
	rights("-eval", "-evalsha")
	check(t, gone.Clear(t.Context()))
	gone.Leave()
	eventually(t, "the fence closes", soon, func() bool { return p.State().Condition == coherence.Fenced })
	other := r.layout.Key(word.GenerationName("other"))
	check(t, r.Set(t.Context(), other, "5", 0).Err())
	allowed := []string{"+@all", "resetkeys", "~" + other, "~" + r.layout.Key(word.GenerationName("test"))}
	for _, key := range []string{r.layout.Sequence(), r.layout.Journal(), r.layout.Heartbeat(), r.layout.Incarnation()} {
		allowed = append(allowed, "~"+key)
	}
	rights(allowed...)
	alone := func() bool { return p.State().Condition == coherence.Open && p.State().Pending == 1 }
	eventually(t, "the fence opens", soon, alone)
	p.OverflowAt(0)
	eventually(t, "the overflow is made good", soon, func() bool { return alone() && r.text(t, other) != "5" })
}

// TestRefusedWritesDoNotHammer: a Redis that refuses writes is not asked to SYNC for each of them.
func TestRefusedWritesDoNotHammer(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, rights := r.limited(t, coherence.Config{})
	rights("resetkeys", "~"+r.layout.Key("tieredcache:")+"*")
	for _, c := range []struct {
		refs  []coherence.Ref
		every time.Duration // SYNC
	}{
		{[]coherence.Ref{entry("k")}, 250 * time.Millisecond},
		{[]coherence.Ref{entry("k"), coherence.Tag("t")}, 10 * time.Millisecond},
	} {
		before, began := p.Stats().Syncs, time.Now()
		for range 2000 {
			check(t, p.Invalidate(t.Context(), c.refs...))
		}
		took, syncs := time.Since(began), p.Stats().Syncs-before
		if most := uint64(took/c.every) + 3; syncs > most {
			t.Errorf("%v: %d SYNCs in %v, want at most %d", c.refs, syncs, took, most)
		}
	}
}
