package l2_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/l2"
)

// Redis refuses the connection itself: everybody who shares the way is told, and nobody takes it for a word.
func TestUnopened(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	check(t, r.Close())
	r.Client = redis.NewClient(&redis.Options{Addr: r.Options().Addr, Username: "nobody", Password: "x"})
	s := crowded(t, r)
	refused := func(what string, lease *l2.Lease, w l2.Word[string], err error) {
		t.Helper()
		if !redis.HasErrorPrefix(err, "WRONGPASS") || lease == nil || w.Kind != l2.Absent {
			t.Errorf("%s: got %v, %+v, %v, want a lease that may be, and that the password is wrong", what, lease, w, err)
		}
	}

	entries := []l2.Entry{r.entry("plain"), r.entry("tagged", "tag"), r.entry("other")}
	leases := s.LeaseMany(t.Context(), entries, make([]l2.Word[string], len(entries)), time.Minute)
	for i, e := range entries {
		lease, w, err := leases.Lease(i, 1, 0)
		refused(e.Name, lease, w, err)
	}

	g, alone := newGate(t, r), r.entry("alone")
	g.all.Go(func() { _, _ = s.Get(t.Context(), alone, 1, 0) })
	g.holds(t, 1)
	for i := range 20 {
		e := r.entry(fmt.Sprint(i))
		g.all.Go(func() {
			lease, w, err := s.GetOrLease(t.Context(), e, time.Minute, 1, 0)
			refused(e.Name, lease, w, err)
		})
	}
	g.carries(t, s, r, 21)
	g.open()
	g.all.Wait()
}
