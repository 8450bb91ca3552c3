package l2_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/l2"
)

func TestSet(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, ctx := r.store(t, nil, 0), t.Context()
	v := l2.Value[string]{Value: "hello", Generation: 7, TTL: time.Minute, Expires: 99}
	for _, e := range []l2.Entry{r.entry("k"), r.entry("tagged", "one", "two")} {
		r.arrange(t, r.generation(), state{word: "7"})
		heard := r.listen(t)
		stored, newer, err := s.Set(ctx, e, v, [8]byte{1})
		if err != nil || !stored || newer != 0 {
			t.Fatalf("got %v, %d, %v, want it stored", stored, newer, err)
		}
		if w, err := s.Get(ctx, e, 7, 0); err != nil || w.Kind != l2.Found || w.Value != "hello" || w.Expires != 99 {
			t.Errorf("read back: got %+v, %v", w, err)
		}
		if got, want := heard(), []string{r.at(t, r.layout.Sequence()) + "|" + e.Name}; !slices.Equal(got, want) {
			t.Errorf("published %q, want %q", got, want)
		}

		check(t, r.Set(ctx, r.generation(), "8", 0).Err())
		stored, newer, err = s.Set(ctx, e, v, [8]byte{1})
		if err != nil || stored || newer != 8 {
			t.Errorf("of an older generation: got %v, %d, %v, want 8", stored, newer, err)
		}
		check(t, r.Set(ctx, r.generation(), "7", 0).Err())
		for _, at := range append(e.Tags, e.Key) {
			r.arrange(t, at, state{word: "I{live}:ab;", px: second})
			stored, newer, err := s.Set(ctx, e, v, [8]byte{1})
			if err != nil || stored || newer != 0 {
				t.Errorf("while %s is written: got %v, %d, %v", at, stored, newer, err)
			}
			check(t, r.Del(ctx, at).Err())
		}
	}
}

// TestSetAfterAFlush: a generation that Redis has lost comes back as a newer one, made from its clock.
func TestSetAfterAFlush(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, e := r.store(t, nil, 0), r.entry("k")
	v := l2.Value[string]{Generation: 7, TTL: time.Minute}
	stored, newer, err := s.Set(t.Context(), e, v, [8]byte{1})
	if err != nil || stored || strconv.FormatUint(newer, 10) != r.at(t, r.generation()) {
		t.Fatalf("got %v, %d, %v", stored, newer, err)
	}
	v.Generation = newer
	if stored, newer, err = s.Set(t.Context(), e, v, [8]byte{1}); err != nil || !stored || newer != 0 {
		t.Errorf("again: got %v, %d, %v", stored, newer, err)
	}
}

// TestLostLease: what was loaded under a lease that has ended, or was taken over, is not stored.
func TestLostLease(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, ctx := r.store(t, nil, 0), t.Context()
	for name, then := range map[string]state{
		"invalidated": {}, "taken over": {word: "L" + other, px: second}, "written": {word: "I{live}:ab;", px: second}, "set": {word: "Vother-idand more", px: second},
	} {
		e := r.entry(name)
		lease, _, err := s.Lease(ctx, e, l2.Word[string]{}, time.Minute, 0, 0)
		if err != nil || lease == nil {
			t.Fatalf("%s: no lease: %v", name, err)
		}
		check(t, r.Del(ctx, e.Key).Err())
		r.arrange(t, e.Key, then)
		before := r.at(t, e.Key)
		if s.Renew(ctx, l2.Filling{Entry: e, Lease: lease}) {
			t.Errorf("%s: renewed", name)
		}
		if stored, err := s.Fill(ctx, e, lease, l2.Value[string]{Value: "old", TTL: time.Minute}); err != nil || stored {
			t.Errorf("%s: filled: got %v, %v", name, stored, err)
		}
		check(t, s.GiveUp(ctx, e, lease))
		if got := r.at(t, e.Key); got != before {
			t.Errorf("%s: the word became %q", name, got)
		}
	}
}

// TestAwaitedLeaseWakes: the holder's end is published to who met the lease, however it ends.
func TestAwaitedLeaseWakes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, ctx := r.store(t, nil, 0), t.Context()
	heard := r.listen(t)
	for name, end := range map[string]func(e l2.Entry, l *l2.Lease) error{
		"filled": func(e l2.Entry, l *l2.Lease) error {
			_, err := s.Fill(ctx, e, l, l2.Value[string]{TTL: second})
			return err
		},
		"given up": func(e l2.Entry, l *l2.Lease) error { return s.GiveUp(ctx, e, l) },
	} {
		e := r.entry(name)
		lease, _, err := s.Lease(ctx, e, l2.Word[string]{}, time.Minute, 0, 0)
		check(t, err)
		if _, met, err := s.Lease(ctx, e, l2.Word[string]{}, time.Minute, 0, 0); err != nil || met.Kind != l2.Leased {
			t.Fatalf("%s: met %+v, %v", name, met, err)
		}
		check(t, end(e, lease))
		if got, want := heard(), []string{"f|" + e.Name}; !slices.Equal(got, want) {
			t.Errorf("%s: published %q, want %q", name, got, want)
		}
	}
}
