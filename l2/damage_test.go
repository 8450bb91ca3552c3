package l2_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/l2"
)

// TestDamage flips every bit of a stored word, changes every byte and cuts the word at every length. A read is never an
// error and never finds another value, and the next load repairs what cannot be read.
func TestDamage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, ctx := r.store(t, plain{}, 7), t.Context()
	e := r.entry("damage", "a", "b")
	const value, generation = "the value", 5
	lease, met, err := s.Lease(ctx, e, l2.Word[string]{}, time.Minute, generation, r.now(t))
	if err != nil || lease == nil {
		t.Fatalf("no lease: met %+v, %v", met, err)
	}
	now := r.now(t)
	stored, err := s.Fill(ctx, e, lease, l2.Value[string]{Value: value, Generation: generation, TTL: time.Minute, Expires: now + 60_000})
	if err != nil || !stored {
		t.Fatalf("not stored: %v", err)
	}
	good := []byte(r.at(t, e.Key))

	try := func(damaged []byte, what string, at int) {
		t.Helper()
		if err := r.Set(ctx, e.Key, damaged, time.Minute).Err(); err != nil {
			t.Fatal(err)
		}
		w, err := s.Get(ctx, e, generation, now)
		if err != nil {
			t.Fatalf("%s %d: %v", what, at, err)
		}
		if w.Kind == l2.Found {
			if w.Value != value || w.Missing || w.Expires != now+60_000 {
				t.Errorf("%s %d: found %+v", what, at, w)
			}
			if what != "flip" || at == 0 || at >= 9 { // the id alone is not part of what is checked
				t.Errorf("%s %d: found", what, at)
			}
			return
		}
		lease, met, err := s.Lease(ctx, e, w, time.Minute, generation, now)
		if err != nil || lease == nil {
			t.Errorf("%s %d: read as kind %d, and no lease is granted: met %+v, %v", what, at, w.Kind, met, err)
		}
	}
	for i := range good {
		for bit := range 8 {
			damaged := bytes.Clone(good)
			damaged[i] ^= 1 << bit
			try(damaged, "flip", i)
		}
		for _, b := range []byte{0, 0xff, 'L', 'I', 'V', ';', '+'} {
			if damaged := bytes.Clone(good); damaged[i] != b {
				damaged[i] = b
				try(damaged, "flip", i)
			}
		}
		try(good[:i], "cut at", i)
	}
	try(append(bytes.Clone(good), 0), "longer than", len(good))
}
