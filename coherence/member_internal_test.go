package coherence

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"
)

func TestRarely(t *testing.T) {
	var r rarely
	for _, c := range []struct {
		now  time.Duration
		want bool
	}{{0, true}, {time.Second, false}, {10*time.Second - 1, false}, {10 * time.Second, true}, {19 * time.Second, false}, {time.Hour, true}} {
		if got := r.again(c.now); got != c.want {
			t.Errorf("at %v: %v, want %v", c.now, got, c.want)
		}
	}
}

// What was written after a failover is gathered for one telling, and not for the next failover's.
func TestRingSince(t *testing.T) {
	var r ring
	since := func(want ...string) {
		t.Helper()
		ids, more := r.since(0)
		if got := slices.Sorted(maps.Keys(ids)); !slices.Equal(got, want) || more {
			t.Errorf("got %v, %v, want %v", got, more, want)
		}
	}
	r.add(0, []string{"a"}, "")
	r.all(0)
	r.add(0, []string{"b"}, "id")
	r.again(0, []owed{{debt: debt{name: "c"}}})
	r.all(0) // another, before the first was told twice
	r.add(0, []string{"d"}, "")
	since("b", "d")
	since("b", "d")
	r.add(0, []string{"e"}, "")
	r.all(0)
	since()
}

// Redis repeats the arguments of a command that it does not know, as one that was renamed: keys are among them.
func TestNoKeysAreTold(t *testing.T) {
	unknown := errors.New("ERR unknown command 'GET', with args beginning with: 'prefs:acme:ada' ")
	if got, want := withoutArguments(unknown).Error(), "ERR unknown command 'GET'"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if other := errors.New("OOM"); withoutArguments(other) != other { //nolint:errorlint // it is the same
		t.Error("another error is not left as it is")
	}
}
