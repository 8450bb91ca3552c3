package l2_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/l2"
)

// broken is a codec that encodes nothing, and decodes nothing.
type broken struct{ plain }

func (broken) Append([]byte, string) ([]byte, error) { return nil, errors.New("cannot encode") }
func (broken) Decode([]byte) (string, error)         { return "half", errors.New("cannot decode") }

// panicking is one with a bug, which hostile or older bytes meet.
type panicking struct{ plain }

func (panicking) Append([]byte, string) ([]byte, error) { panic("boo") }
func (panicking) Decode([]byte) (string, error)         { panic("boo") }

// overwriting is one that takes dst for a buffer.
type overwriting struct{ broken }

func (overwriting) Append(dst []byte, v string) ([]byte, error) {
	return append(dst[:0], "a text that is longer than the head of a word: "+v...), nil
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { _ = client.Close() })
	for want, config := range map[string]l2.Config[string]{
		"Redis is nil":                  {},
		"Schema is 4294967296: at most": {Redis: client, Schema: 1 << 32},
	} {
		if _, err := l2.New(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	_, err := l2.New(l2.Config[func()]{Redis: client})
	wantError(t, err, "l2: Codec: MessagePack: func(): func cannot be stored; remove it from the cached type")
	_, err = l2.New(l2.Config[func()]{Redis: client, Codec: l2.JSON[func()]()})
	wantError(t, err, "l2: Codec: JSON: func(): func cannot be stored; remove it from the cached type")
}

// never is the expiry of what does not expire while a test runs.
const never = math.MaxInt64

// load fills an entry as a read does, and returns its lease.
func load(t *testing.T, s *l2.Store[string], e l2.Entry, v l2.Value[string]) *l2.Lease {
	t.Helper()
	v.TTL = time.Minute
	if v.Expires == 0 {
		v.Expires = never
	}
	lease, met, err := s.Lease(t.Context(), e, l2.Word[string]{}, v.TTL, v.Generation, 0)
	if err != nil || lease == nil {
		t.Fatalf("no lease: met %+v, %v", met, err)
	}
	if stored, err := s.Fill(t.Context(), e, lease, v); err != nil || !stored {
		t.Fatalf("not stored: %v, %v", stored, err)
	}
	return lease
}

func TestLoadAndRead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, ctx := r.store(t, nil, 0), t.Context()
	for _, e := range []l2.Entry{r.entry("k"), r.entry("tagged", "one", "two")} {
		if w, err := s.Get(ctx, e, 1, 0); err != nil || w.Kind != l2.Absent {
			t.Fatalf("at first: got %+v, %v", w, err)
		}
		load(t, s, e, l2.Value[string]{Value: "hello", Generation: 1, Expires: 99})
		if w, err := s.Get(ctx, e, 1, 0); err != nil || w.Kind != l2.Found || w.Value != "hello" || w.Expires != 99 {
			t.Errorf("stored: got %+v, %v", w, err)
		}
		w, err := s.Get(ctx, e, 2, 0)
		if err != nil || w.Kind != l2.Stale {
			t.Fatalf("of an older generation: got %+v, %v", w, err)
		}
		lease, _, err := s.Lease(ctx, e, w, time.Minute, 2, 0)
		if err != nil || lease == nil {
			t.Fatalf("a lease over what was seen: got %v, %v", lease, err)
		}
		if w, err := s.Get(ctx, e, 2, 0); err != nil || w.Kind != l2.Leased {
			t.Errorf("leased: got %+v, %v", w, err)
		}
		second, met, err := s.Lease(ctx, e, w, time.Minute, 2, 0)
		if err != nil || second != nil || met.Kind != l2.Leased || !strings.HasPrefix(r.at(t, e.Key), "L"+met.Token) {
			t.Errorf("a second lease: got %v, %+v, %v", second, met, err)
		}
		if !s.Renew(ctx, l2.Filling{Entry: e, Lease: lease}) {
			t.Error("not renewed")
		}
		if stored, err := s.Fill(ctx, e, lease, l2.Value[string]{Missing: true, Generation: 2, TTL: time.Minute, Expires: never}); err != nil || !stored {
			t.Errorf("filled: got %v, %v", stored, err)
		}
		if w, err := s.Get(ctx, e, 2, 0); err != nil || w.Kind != l2.Found || !w.Missing {
			t.Errorf("the source has none: got %+v, %v", w, err)
		}
		if s.Renew(ctx, l2.Filling{Entry: e, Lease: lease}) {
			t.Error("a lease that has ended was renewed")
		}
	}
}

// TestLeaseMeetsAValue: who wanted to load finds what another has stored meanwhile, checked like any value.
func TestLeaseMeetsAValue(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.store(t, nil, 0)
	e := r.entry("k", "tag")
	load(t, s, e, l2.Value[string]{Value: "hello", Generation: 5})
	for generation, want := range map[uint64]l2.Kind{5: l2.Found, 6: l2.Stale} {
		lease, w, err := s.Lease(t.Context(), e, l2.Word[string]{}, time.Minute, generation, 0)
		if err != nil || lease != nil || w.Kind != want || (want == l2.Found) != (w.Value == "hello") {
			t.Errorf("generation %d: got %v, %+v, %v, want kind %d", generation, lease, w, err, want)
		}
	}
}

func TestGetWithTags(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, ctx := r.store(t, nil, 0), t.Context()
	now := r.now(t)
	for _, c := range []struct {
		name string
		tag  state
		want l2.Kind
	}{
		{"missing", state{}, l2.Stale},
		{"changed", state{word: "V" + version, px: second}, l2.Stale},
		{"I live", state{word: "I{live}:aa;", px: second}, l2.Intended},
		{"I expired", state{word: "I{past}:aa;", px: second}, l2.Stale},
		{"I of another form", state{word: "I{live}:aa;;", px: second}, l2.Stale},
		{"garbage", state{word: "hello", px: second}, l2.Stale},
		{"empty", state{empty: true}, l2.Stale},
		{"V short", state{word: "V", px: second}, l2.Stale},
		{"another type", state{list: true}, l2.Stale},
	} {
		e := r.entry(c.name, "other", c.name)
		load(t, s, e, l2.Value[string]{Value: "hello", Generation: 1})
		check(t, r.Del(ctx, e.Tags[1]).Err())
		r.arrange(t, e.Tags[1], c.tag)
		w, err := s.Get(ctx, e, 1, now)
		if err != nil || w.Kind != c.want || w.Value != "" {
			t.Errorf("%s: got %+v, %v, want kind %d and no value", c.name, w, err, c.want)
		}
		lease, met, err := s.Lease(ctx, e, w, time.Minute, 1, now)
		if granted := lease != nil; err != nil || granted != (c.want == l2.Stale) {
			t.Errorf("%s: lease granted: %v, met %+v, %v", c.name, granted, met, err)
		}
	}
}

// TestNoVersionIsNoZeroVersion: a tag that is missing is not taken for one whose version is all zeros.
func TestNoVersionIsNoZeroVersion(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.store(t, nil, 0)
	e := r.entry("k", "tag")
	r.arrange(t, e.Tags[0], state{word: "V" + strings.Repeat("\x00", 8), px: time.Minute})
	load(t, s, e, l2.Value[string]{Value: "hello"})
	if w, err := s.Get(t.Context(), e, 0, 0); err != nil || w.Kind != l2.Found {
		t.Fatalf("got %+v, %v", w, err)
	}
	check(t, r.Del(t.Context(), e.Tags[0]).Err())
	if w, err := s.Get(t.Context(), e, 0, 0); err != nil || w.Kind != l2.Stale || w.Value != "" {
		t.Errorf("the tag is gone: got %+v, %v, want it stale and without a value", w, err)
	}
}

// TestAnotherReleasesValue is left alone by reads; only somebody who has seen nothing better may ask for a lease.
func TestAnotherReleasesValue(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	e := r.entry("k")
	load(t, r.store(t, plain{}, 2), e, l2.Value[string]{Value: "theirs"})
	before := r.at(t, e.Key)
	for name, s := range map[string]*l2.Store[string]{"schema": r.store(t, plain{}, 1), "codec": r.store(t, plain{9}, 2)} {
		if w, err := s.Get(t.Context(), e, 0, 0); err != nil || w.Kind != l2.Foreign || w.Value != "" {
			t.Errorf("another %s: got %+v, %v", name, w, err)
		}
		lease, w, err := s.Lease(t.Context(), e, l2.Word[string]{}, time.Minute, 0, 0)
		if err != nil || lease != nil || w.Kind != l2.Foreign {
			t.Errorf("another %s: lease %v, %+v, %v", name, lease, w, err)
		}
	}
	if r.at(t, e.Key) != before {
		t.Error("the word was touched")
	}
}

// TestCodecFails: what a codec does wrong with a word, or with a value, is garbage, or an error of who stores it; a panic
// as well.
func TestCodecFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	for name, codec := range map[string]l2.Codec[string]{"errors": broken{}, "panics": panicking{}, "does not append": overwriting{}} {
		s, e := r.store(t, codec, 0), r.entry(name)
		load(t, r.store(t, plain{}, 0), e, l2.Value[string]{Value: "hello"})
		w, err := s.Get(ctx, e, 0, 0)
		if err != nil || w.Kind != l2.Garbage || w.Value != "" {
			t.Fatalf("%s: cannot decode: got %+v, %v", name, w, err)
		}
		lease, _, err := s.Lease(ctx, e, w, time.Minute, 0, 0)
		if err != nil || lease == nil {
			t.Fatalf("%s: got %v, %v, want a lease over it", name, lease, err)
		}
		if stored, err := s.Fill(ctx, e, lease, l2.Value[string]{TTL: time.Minute}); stored || !errors.Is(err, l2.ErrEncode) {
			t.Errorf("%s: cannot encode: got %v, %v", name, stored, err)
		}
		if got := r.at(t, e.Key); got != "" {
			t.Errorf("%s: the lease is not given up: %q", name, got)
		}
		if stored, _, err := s.Set(ctx, e, l2.Value[string]{TTL: time.Minute}, [8]byte{1}); stored || !errors.Is(err, l2.ErrEncode) {
			t.Errorf("%s: Set: got %v, %v", name, stored, err)
		}
	}
}

func TestRedisAway(t *testing.T) {
	t.Parallel()
	s, e := local(t, 0, plain{}), l2.Entry{Key: "k", Name: "k"}
	tagged := l2.Entry{Key: "k", Name: "k", Tags: []string{"t"}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, get := s.Get(ctx, e, 0, 0)
	_, mget := s.Get(ctx, tagged, 0, 0)
	lease, _, ask := s.Lease(ctx, e, l2.Word[string]{}, time.Minute, 0, 0)
	both, _, together := s.GetOrLease(ctx, e, time.Minute, 0, 0)
	script, _, tagsToo := s.GetOrLease(ctx, tagged, time.Minute, 0, 0)
	_, fill := s.Fill(ctx, e, &l2.Lease{}, l2.Value[string]{})
	_, _, set := s.Set(ctx, tagged, l2.Value[string]{}, [8]byte{1})
	for what, err := range map[string]error{"l2: get": get, "l2: get: ": mget, "l2: lease": ask, "l2: lease:": together, "l2: lease: ": tagsToo, "l2: fill": fill, "l2: set": set} {
		if err == nil || !strings.HasPrefix(err.Error(), what) {
			t.Errorf("got %v, want an error of %q", err, what)
		}
	}
	if !s.Renew(ctx, l2.Filling{Entry: e, Lease: &l2.Lease{}}) {
		t.Error("a lease that may still be held is said to be lost")
	}
	if lease == nil || both == nil || script == nil {
		t.Error("no lease beside an error: Redis may have granted it, and nobody could give it up")
	}
}

// TestGetOrLease: what Get would find is found, and nothing changes; where there is nothing, there is a lease.
func TestGetOrLease(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, ctx, now := r.store(t, plain{}, 0), t.Context(), r.now(t)
	for _, tags := range [][]string{nil, {"one", "two"}} {
		e := r.entry(fmt.Sprint("k", tags), tags...)
		lease, w, err := s.GetOrLease(ctx, e, time.Minute, 1, now)
		if err != nil || lease == nil || w.Kind != l2.Absent || r.at(t, e.Key)[0] != 'L' {
			t.Fatalf("%v: at first: got %v, %+v, %v", tags, lease, w, err)
		}
		if second, w, err := s.GetOrLease(ctx, e, time.Minute, 1, now); err != nil || second != nil || w.Kind != l2.Leased {
			t.Errorf("%v: leased: got %v, %+v, %v", tags, second, w, err)
		}
		if stored, err := s.Fill(ctx, e, lease, l2.Value[string]{Value: "hello", Generation: 1, TTL: time.Minute, Expires: never}); err != nil || !stored {
			t.Fatalf("%v: filled: got %v, %v", tags, stored, err)
		}
		for generation, want := range map[uint64]l2.Kind{1: l2.Found, 2: l2.Stale} {
			lease, w, err := s.GetOrLease(ctx, e, time.Minute, generation, now)
			if err != nil || lease != nil || w.Kind != want || (want == l2.Found) != (w.Value == "hello") {
				t.Errorf("%v: generation %d: got %v, %+v, %v, want kind %d", tags, generation, lease, w, err, want)
			}
		}
		_, stale, _ := s.GetOrLease(ctx, e, time.Minute, 2, now)
		if lease, _, err := s.Lease(ctx, e, stale, time.Minute, 2, now); err != nil || lease == nil {
			t.Errorf("%v: a lease over what was seen: got %v, %v", tags, lease, err)
		}
		for text, want := range map[string]l2.Kind{"I{live}:aa;": l2.Intended, "hello": l2.Garbage} {
			check(t, r.Del(ctx, e.Key).Err())
			r.arrange(t, e.Key, state{word: text, px: second})
			lease, w, err := s.GetOrLease(ctx, e, time.Minute, 1, now)
			if err != nil || w.Kind != want || lease != nil && (want != l2.Garbage || tags == nil) {
				t.Errorf("%v: %s: got %v, %+v, %v, want kind %d", tags, text, lease, w, err, want)
			}
		}
		check(t, r.Del(ctx, e.Key).Err())
		r.arrange(t, e.Key, state{list: true})
		if _, w, err := s.GetOrLease(ctx, e, time.Minute, 1, now); err != nil || w.Kind != l2.Garbage {
			t.Errorf("%v: another type: got %+v, %v", tags, w, err)
		}
	}
}
