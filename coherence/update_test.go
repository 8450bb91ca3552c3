package coherence_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
)

func notRun(t testing.TB) func(context.Context) error {
	t.Helper()
	return func(context.Context) error {
		t.Error("write was run")
		return nil
	}
}

// TestUpdateRaisesBeforeAndAfter: what a reader here looked up before or during a write is never valid after it, and
// while it runs memory and Redis are not used for what it changes.
func TestUpdateRaisesBeforeAndAfter(t *testing.T) {
	t.Parallel()
	r := shared(t)
	p := r.openPeer(t, coherence.Config{})
	r.awaitSubscribed(t)
	k, tag, beside := entry("k"), coherence.Tag("t"), entry("beside")
	before, other := p.epoch(k, tag), p.epoch(beside)
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "caller's")
	var during uint64
	err := p.Update(ctx, []coherence.Ref{k, tag}, func(ctx context.Context) error {
		if ctx.Value(key{}) != "caller's" {
			t.Error("write has a context of its own")
		}
		if during = p.epoch(k, tag); during <= before {
			t.Errorf("during the write: epoch %d, before it %d", during, before)
		}
		eventually(t, "its own message is heard, which raises both too", soon, func() bool {
			during = p.epoch(k, tag)
			return during == before+2
		})
		if p.usable(k) || p.usable(beside, tag) || p.member.Settled() {
			t.Error("memory and Redis may be used for what is being written")
		}
		if !p.usable(beside) {
			t.Error("memory and Redis may not be used for what is not being written")
		}
		return nil
	})
	check(t, err)
	if after := p.epoch(k, tag); after <= during {
		t.Errorf("after the write: epoch %d, during it %d", after, during)
	}
	eventually(t, "memory and Redis may be used after the write", soon, func() bool { return p.usable(k, tag) && p.member.Settled() })
	if got := p.epoch(beside); got != other {
		t.Errorf("an entry that was not written: epoch %d, before %d", got, other)
	}
}

// TestUpdateInRedis: words of entries go, tags get a new version, and what somebody else is writing keeps its intent.
func TestUpdateInRedis(t *testing.T) {
	t.Parallel()
	r := shared(t)
	p := r.openPeer(t, coherence.Config{})
	refs := map[string][]coherence.Ref{}
	arrange := func(kind, w string) {
		refs[kind] = []coherence.Ref{entry(kind), coherence.Tag(kind)}
		for _, ref := range refs[kind] {
			if w != "" {
				r.put(t, ref, w)
			}
		}
	}
	live := r.intent(t, time.Minute)
	arrange("absent", "")
	arrange("value", "VVERSION1")
	arrange("lease", "L0123456789abcdef+")
	arrange("garbage", "hello")
	arrange("over", r.intent(t, -time.Second))
	arrange("written", live)
	for kind, list := range refs {
		check(t, p.Update(t.Context(), list, func(context.Context) error { return nil }))
		eventually(t, "DONE has been acknowledged", soon, p.member.Settled)
		key, tag := r.word(t, list[0]), r.word(t, list[1])
		if kind == "written" {
			if key != live || tag != live {
				t.Errorf("the intent of somebody else became %q and %q", key, tag)
			}
			continue
		}
		if key != "" {
			t.Errorf("%s: the entry is %q, want nothing", kind, key)
		}
		if len(tag) != 9 || tag[0] != 'V' || tag == "VVERSION1" {
			t.Errorf("%s: the tag is %q, want a new version", kind, tag)
		}
		if life := r.PTTL(t.Context(), r.layout.Key(list[1].String())).Val(); life < 59*time.Minute {
			t.Errorf("%s: the tag lives for %v, want an hour", kind, life)
		}
	}
	journal := r.XRevRangeN(t.Context(), r.layout.Journal(), "+", "-", 1).Val()
	if len(journal) != 1 || journal[0].ID != r.text(t, r.layout.Sequence())+"-0" || !strings.Contains(journal[0].Values["r"].(string), "\ntieredcache:tag:") {
		t.Errorf("the journal ends in %v", journal)
	}
}

// TestManyRefs are told in messages and entries of the journal of a bounded length, and all of them arrive.
func TestManyRefs(t *testing.T) {
	t.Parallel()
	r := shared(t)
	a, b := r.openPeer(t, coherence.Config{MaxStaleness: patient, Timeout: 5 * time.Second}), r.openPeer(t, coherence.Config{})
	refs := make([]coherence.Ref, 2500)
	before := make([]uint64, len(refs))
	for i := range refs {
		refs[i] = entry(strconv.Itoa(i))
		before[i] = b.epoch(refs[i])
	}
	r.put(t, refs[0], "V1")
	r.put(t, refs[2499], "V1")
	check(t, a.Invalidate(t.Context(), refs...))
	if r.word(t, refs[0]) != "" || r.word(t, refs[2499]) != "" {
		t.Error("a word is left")
	}
	if n := r.XLen(t.Context(), r.layout.Journal()).Val(); n != 3 {
		t.Errorf("%d entries in the journal, want 3", n)
	}
	for i, ref := range refs {
		eventually(t, "the peer hears of each", soon, func() bool { return b.epoch(ref) > before[i] })
	}
}

// TestMessageReachesEverybody: each bus of the namespace hears an invalidation, also the one that sent it, and no bus of
// another namespace does.
func TestMessageReachesEverybody(t *testing.T) {
	t.Parallel()
	r, elsewhere := shared(t), shared(t)
	a, b, c := r.openPeer(t, coherence.Config{}), r.openPeer(t, coherence.Config{}), elsewhere.openPeer(t, coherence.Config{})
	k, tag, beside := entry("k"), coherence.Tag("t"), entry("beside")
	atA, atB, atC, besideB := a.epoch(k), b.epoch(k), c.epoch(k, tag), b.epoch(beside)
	check(t, a.Invalidate(t.Context(), k, tag))
	eventually(t, "the peer hears of both", soon, func() bool { return b.epoch(k) > atB && b.epoch(beside, tag) > besideB })
	eventually(t, "the sender hears of it too", soon, func() bool { return a.epoch(k) >= atA+2 }) // once by itself
	if got := b.epoch(beside); got != besideB {
		t.Errorf("an entry that was not named: epoch %d, before %d", got, besideB)
	}
	if got := c.epoch(k, tag); got != atC {
		t.Errorf("another namespace: epoch %d, before %d", got, atC)
	}
	if s := b.Stats(); s.Flushes != 0 || s.Garbage != 0 {
		t.Errorf("got %+v", s)
	}
	check(t, a.member.Clear(t.Context()))
	if s := a.Stats(); s.Invalidations != 2 {
		t.Errorf("got %d invalidations, want 2: a Clear is one", s.Invalidations)
	}
}

// TestHowWritesEnd: only a write of which it is known whether it was committed takes its intent away.
func TestHowWritesEnd(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	for name, c := range map[string]struct {
		write func(cancel func()) error
		err   bool
		left  bool // the intent is
	}{
		"nil":                 {write: func(func()) error { return nil }},
		"error":               {write: func(func()) error { return failed }, err: true, left: true},
		"rolled back":         {write: func(func()) error { return coherence.RolledBack(failed) }, err: true},
		"rolled back, inside": {write: func(func()) error { return fmt.Errorf("x: %w", coherence.RolledBack(failed)) }, err: true},
		"both rolled back": {write: func(func()) error {
			return errors.Join(coherence.RolledBack(failed), coherence.RolledBack(errors.New("x")))
		}, err: true},
		"one rolled back": {write: func(func()) error { return errors.Join(coherence.RolledBack(failed), errors.New("x")) }, err: true, left: true},
		"panic":           {write: func(func()) error { panic(failed) }, err: true, left: true},
		"Goexit":          {write: func(func()) error { runtime.Goexit(); return nil }, left: true},
		"cancelled":       {write: func(cancel func()) error { cancel(); return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := shared(t)
			a, b := r.openPeer(t, coherence.Config{}), r.openPeer(t, coherence.Config{})
			k := entry("k")
			r.put(t, k, "Vvalue-id and the rest")
			before, peers := a.epoch(k), b.epoch(k)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan any, 1)
			go func() {
				result := any("Goexit")
				defer func() {
					if p := recover(); p != nil {
						result = p
					}
					ended <- result
				}()
				result = a.Update(ctx, []coherence.Ref{k}, func(context.Context) error { return c.write(cancel) })
			}()
			err, _ := (<-ended).(error)
			if errors.Is(err, failed) != c.err {
				t.Errorf("got %v, want write's own end", err)
			}
			if name == "error" && err != failed { //nolint:errorlint // the very error, not one around it
				t.Errorf("got %T, want the error as write returned it", err)
			}
			if a.epoch(k) <= before {
				t.Error("the epoch was not raised")
			}
			eventually(t, "the end has been acknowledged", soon, func() bool { return a.usable(k) })
			switch w := r.word(t, k); {
			case c.left && (w == "" || w[0] != 'I'):
				t.Errorf("the word is %q, want an intent: the commit may still land", w)
			case !c.left && w != "":
				t.Errorf("the word is %q, want none", w)
			}
			if n := a.Stats().UnknownUpdates; n == 1 != c.left {
				t.Errorf("%d writes of unknown outcome were counted", n)
			}
			eventually(t, "the peer hears of it", soon, func() bool { return b.epoch(k) > peers })
		})
	}
}

// TestWithoutRedis: a bus of this process alone keeps what it can promise.
func TestWithoutRedis(t *testing.T) {
	t.Parallel()
	bus, err := coherence.New(coherence.Config{})
	check(t, err)
	m, err := bus.Join("test", 1)
	check(t, err)
	p := &peer{Bus: bus, member: m}
	k := entry("k")
	if s := bus.State(); s.Condition != coherence.Open || !p.usable(k) || m.Generation() == 0 || bus.Redis() != nil {
		t.Fatalf("got %+v, generation %d", s, m.Generation())
	}
	m.Ready(t.Context())
	e0 := p.epoch(k)
	check(t, bus.Update(t.Context(), []coherence.Ref{k}, func(context.Context) error {
		if p.usable(k) {
			t.Error("usable while it is written")
		}
		return nil
	}))
	e1 := p.epoch(k)
	check(t, bus.Invalidate(t.Context(), k))
	e2 := p.epoch(k)
	check(t, m.Clear(t.Context()))
	if e3 := p.epoch(k); e1 <= e0 || e2 <= e1 || e3 <= e2 || !p.usable(k) {
		t.Errorf("epochs %d, %d, %d, %d", e0, e1, e2, e3)
	}
	m.Remember(k)
	if n := bus.Remembered(); n != 0 {
		t.Errorf("%d names are remembered for a Redis that there is not", n)
	}
	check(t, bus.Close())
	if p.usable(k) {
		t.Error("usable after Close")
	}
}
