package coherence_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
	"github.com/tieredcache/tieredcache/internal/word"
)

// onlyGood are the rights of a user who may touch the bus's own keys and, of the cache "test", those that begin with good.
func (r *rig) onlyGood() []string {
	return []string{"+@all", "resetkeys", "~" + r.layout.Key("tieredcache:") + "*", "~" + r.layout.Key("test:good") + "*"}
}

// TestRefusedKey: a key that Redis refuses to the user holds up neither the fence nor what others are owed. In its place the
// cache is cleared, so that no other process answers it from Redis or memory for longer than MaxStaleness.
func TestRefusedKey(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, rights := r.limited(t, coherence.Config{MaxStaleness: d})
	other := r.openPeer(t, coherence.Config{MaxStaleness: d})
	beside, tag := coherence.Entry("beside", "k"), coherence.Tag("t")
	r.put(t, beside, "Vversion1")
	g := other.member.Generation()
	rights("-eval", "-evalsha")
	check(t, p.Invalidate(t.Context(), entry("bad"), beside, tag))
	eventually(t, "the fence closes", soon, func() bool { return p.State().Condition == coherence.Fenced })
	rights(append(r.onlyGood(), "~"+r.layout.Key("beside:")+"*")...)
	eventually(t, "the fence opens", soon, func() bool { return p.State().Condition == coherence.Open && p.State().Pending == 0 })
	if r.word(t, beside) != "" || len(r.word(t, tag)) != 9 {
		t.Errorf("beside is %q, the tag %q", r.word(t, beside), r.word(t, tag))
	}
	eventually(t, "the other hears of a Clear", d, func() bool { return other.member.Generation() > g })
	g = other.member.Generation()
	check(t, p.Update(t.Context(), []coherence.Ref{entry("bad")}, func(context.Context) error { return nil }))
	eventually(t, "and of another", d, func() bool { return other.member.Generation() > g })
	eventually(t, "all is told", soon, p.member.Settled)
	if !p.usable(entry("good")) || p.State().Condition != coherence.Open {
		t.Errorf("got %+v", p.State())
	}
}

// TestRefusedTag: in place of a tag that Redis refuses, all caches are cleared.
func TestRefusedTag(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, rights := r.limited(t, coherence.Config{MaxStaleness: d})
	g, before := p.member.Generation(), p.Stats().Overflows
	rights(r.without(word.TagName(""))...)
	check(t, p.Invalidate(t.Context(), coherence.Tag("t")))
	eventually(t, "the cache is cleared", soon, func() bool { return p.member.Generation() > g && p.member.Settled() })
	if n := p.Stats().Overflows - before; n != 1 {
		t.Errorf("%d overflows", n)
	}
	check(t, p.Invalidate(t.Context(), coherence.Tag("t")))
	eventually(t, "again", soon, func() bool { return p.Stats().Overflows-before == 2 && p.member.Settled() })
	if n := len(p.events.of(coherence.Overflowed)); n != 1 {
		t.Errorf("told of %d overflows in a moment", n)
	}
}

// without are the rights of a user who may touch the bus's own keys and the cache "test", but not what has a prefix.
func (r *rig) without(prefix string) []string {
	allowed := []string{"+@all", "resetkeys", "~" + r.layout.Key("test:") + "*"}
	for _, key := range []string{r.layout.Sequence(), r.layout.Journal(), r.layout.Heartbeat(), r.layout.Incarnation()} {
		allowed = append(allowed, "~"+key)
	}
	for _, name := range []string{word.GenerationName("test"), word.GenerationName("other")} {
		if !strings.HasPrefix(name, prefix) {
			allowed = append(allowed, "~"+r.layout.Key(name))
		}
	}
	return allowed
}

// TestRefusedClear: a Clear whose cache Redis refuses is set aside, and so is that cache where an overflow clears them all.
// Both are tried again.
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
	other, more := r.layout.Key(word.GenerationName("other")), r.layout.Key(word.GenerationName("more"))
	check(t, r.MSet(t.Context(), other, "5", more, "5").Err())
	rights(r.without(word.GenerationName("gone"))...)
	aside := func(n int) func() bool {
		return func() bool { return p.State().Condition == coherence.Open && p.State().Pending == n }
	}
	eventually(t, "the fence opens", soon, aside(1))
	wantError(t, errors.New(p.State().Why), "NOPERM")
	p.OverflowAt(0)
	eventually(t, "the overflow is made good", soon, func() bool { return r.text(t, other) != "5" && aside(2)() })
	if g := r.text(t, more); g != "5" {
		t.Errorf("what is refused is at %s", g)
	}
	rights("allkeys")
	eventually(t, "they are cleared in the end", soon, func() bool { return aside(0)() && r.text(t, more) != "5" })
}

// TestOverflowWhileWritesGoOn: one that writes renew, of a tag that Redis refuses, is made good all the same, however long the
// search for generations takes.
func TestOverflowWhileWritesGoOn(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	var l link
	options := l.options(r.Options().Addr)
	options.Username, options.Password = "limited", "x"
	rules := []any{"ACL", "SETUSER", "limited", "on", ">x", "&*"}
	for _, rule := range append(r.without(word.TagName("")), "~"+r.layout.Key(word.GenerationName("o"))+"*") {
		rules = append(rules, rule)
	}
	check(t, r.Do(t.Context(), rules...).Err())
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	p := r.openPeer(t, coherence.Config{Redis: client, MaxStaleness: d})
	const keys, caches = 40_000, 20
	var all []any
	for i := range keys {
		all = append(all, fmt.Sprint("other", i), "1")
	}
	generation := func(i int) string { return r.layout.Key(word.GenerationName(fmt.Sprint("o", i))) }
	for i := range caches {
		all = append(all, generation(i), "5")
	}
	check(t, r.MSet(t.Context(), all...).Err())
	l.each.Store(int64(10 * time.Millisecond)) // a SCAN of all takes longer than a delivery may
	eventually(t, "all are cleared", soon, func() bool {
		check(t, p.Invalidate(t.Context(), coherence.Tag("t")))
		left := 0
		for i := range caches {
			if r.text(t, generation(i)) == "5" {
				left++
			}
		}
		return left == 0
	})
}

// TestRefusedIntents hold up neither the fence nor the INTENTs of other writes.
func TestRefusedIntents(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, rights := r.limited(t, coherence.Config{MaxStaleness: d})
	rights(r.onlyGood()...)
	const refused = 100
	for i := range refused {
		err := p.Update(t.Context(), []coherence.Ref{entry(fmt.Sprint("bad", i))}, func(context.Context) error { return errWrite })
		wantIs(t, "Update", err, errWrite)
	}
	good := entry("good")
	s := p.update(t, nil, good)
	check(t, r.Del(t.Context(), r.layout.Key(good.String())).Err())
	r.becomeAnother(t)
	eventually(t, "the intent of a write that runs stands again", 4*d, func() bool { return intended(r.word(t, good)) })
	check(t, s.end())
	rights("-eval", "-evalsha")
	eventually(t, "the fence closes", soon, func() bool { return p.State().Condition == coherence.Fenced })
	rights(r.onlyGood()...)
	eventually(t, "the fence opens", 5*time.Second, func() bool { return p.State().Condition == coherence.Open })
	if n := p.State().Pending; n < refused {
		t.Errorf("%d pending: their commits may still land", n)
	}
}

var errWrite = errors.New("the database said no")

// TestRefusedChannel costs what SYNC takes: no write is refused, and nothing stays pending.
func TestRefusedChannel(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	for name, rule := range map[string]string{"channel": "resetchannels", "command": "-publish"} {
		p, rights := r.limited(t, coherence.Config{MaxStaleness: d, Mode: coherence.Strict})
		other := r.openPeer(t, coherence.Config{MaxStaleness: d})
		rights("allchannels", "+@all")
		rights(rule)
		k := entry(name)
		before := other.epoch(k)
		check(t, p.Update(t.Context(), []coherence.Ref{k}, func(context.Context) error { return nil }))
		eventually(t, "another process hears of it", soon, func() bool { return other.epoch(k) > before })
		eventually(t, "it is told", soon, p.member.Settled)
		check(t, p.Invalidate(t.Context(), k))
		if s := p.State(); s.Condition != coherence.Open || s.Pending != 0 {
			t.Errorf("%s: got %+v", name, s)
		}
	}
}

// TestRefusedCommandHarmsNobodyElse: what a user may not read counts as read by nobody, not as damaged: who may would lose
// sequence and journal by it, and all in memory twice a second.
func TestRefusedCommandHarmsNobodyElse(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"get", "incr", "xadd"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			r, _ := own(t, services.RedisOptions{})
			other := r.openPeer(t, coherence.Config{MaxStaleness: d})
			p, rights := r.limited(t, coherence.Config{MaxStaleness: d})
			rights("-" + command)
			check(t, p.Invalidate(t.Context(), entry("k")))
			syncs, flushes := other.Stats().Syncs, other.Stats().Flushes
			eventually(t, "the other SYNCs", soon, func() bool { return other.Stats().Syncs > syncs+5 })
			if n := other.Stats().Flushes - flushes; n > 0 && command != "xadd" {
				t.Errorf("it flushed %d times", n)
			}
			eventually(t, "somebody is told why", soon, func() bool { return p.State().Pending > 0 || p.Stats().SyncFailures > 0 })
			rights("+" + command)
			eventually(t, "all is well", soon, func() bool { return p.member.Settled() && p.usable(entry("k")) })
		})
	}
}

// TestUnknownCommandTellsNoKeys: a Redis that does not know a command repeats its arguments, and keys are among them.
func TestUnknownCommandTellsNoKeys(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{Args: []string{"--rename-command", "EVALSHA", ""}})
	p := r.peer(t, coherence.Config{MaxStaleness: d})
	k := entry("secret")
	check(t, p.Update(t.Context(), []coherence.Ref{k}, func(context.Context) error { return nil }))
	check(t, p.Invalidate(t.Context(), k))
	for _, kind := range []coherence.Kind{coherence.SyncFailed, coherence.IntentFailed, coherence.InvalidationPending} {
		eventually(t, "it is told", soon, func() bool { return len(p.events.of(kind)) > 0 })
		for _, err := range p.events.of(kind) {
			wantError(t, err, "unknown command")
			if strings.Contains(err.Error(), "with args") {
				t.Errorf("%v: %v", kind, err)
			}
		}
	}
}

// TestRefusedWritesDoNotHammer: a Redis that refuses writes is not asked to SYNC for each of them.
func TestRefusedWritesDoNotHammer(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, rights := r.limited(t, coherence.Config{})
	rights("resetkeys", "~"+r.layout.Key("tieredcache:")+"*")
	fail := func(context.Context) error { return errWrite }
	for name, write := range map[string]func(){
		"a key":     func() { check(t, p.Invalidate(t.Context(), entry("k"))) },
		"and a tag": func() { check(t, p.Invalidate(t.Context(), entry("k"), coherence.Tag("t"))) },
		"failing":   func() { wantIs(t, "Update", p.Update(t.Context(), []coherence.Ref{entry("k")}, fail), errWrite) },
	} {
		before, began := p.Stats().Syncs, time.Now()
		for range 2000 {
			write()
		}
		took, syncs := time.Since(began), p.Stats().Syncs-before
		if most := uint64(took/(250*time.Millisecond)) + 3; syncs > most {
			t.Errorf("%s: %d SYNCs in %v, want at most %d", name, syncs, took, most)
		}
	}
}
