package contract

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/internal/contract/replica"
	"github.com/tieredcache/tieredcache/internal/contract/source"
)

// C6: one load of each key, however long it takes. Where the process that loads is killed, its peers wait for its lease
// at most, and then one of them loads.
func TestC6OneLoad(t *testing.T) {
	t.Parallel()
	const load, lease = 2500 * time.Millisecond, time.Second
	c := open(t, 4, replica.Options{Timeout: calm, MaxStaleness: 4 * calm})
	names := keys("k", either(100, 10))
	loading := make(chan source.Load, 100) // where the promise is broken, there are many
	c.source.OnLoad(func(l source.Load) error {
		if l.Key == "orphan" {
			loading <- l
		}
		<-time.After(load)
		return nil
	})
	var all sync.WaitGroup
	for _, key := range names {
		for _, p := range c.replicas {
			all.Go(func() { p.get(t, key) })
		}
	}
	all.Wait()
	for _, key := range names {
		if n := c.source.Loads(key); n != 1 {
			t.Errorf("%s: %d loads, want 1", key, n)
		}
	}

	victim, peers := c.replicas[0], c.replicas[1:]
	all.Go(func() { _ = victim.rpc.Call("Replica.Get", "orphan", new(replica.Reading)) })
	<-loading
	for _, p := range peers {
		all.Go(func() { p.get(t, "orphan") })
	}
	eventually(t, "the peers wait", func() bool {
		w := c.word(t, "orphan")
		return w != "" && w[len(w)-1] == '+'
	})
	victim.kill()
	killed := time.Now()
	<-loading
	waited := time.Since(killed)
	all.Wait()
	figure(t, "keys=%d processes=4 load=%v loads_of_each=1; the loader killed: its peers waited %v for a lease of %v, loads=%d",
		len(names), load, waited.Round(time.Millisecond), lease, c.source.Loads("orphan"))
	if most := lease + 500*time.Millisecond; waited > most {
		t.Errorf("the peers waited %v, want at most %v", waited, most)
	}
	if n := c.source.Loads("orphan"); n != 2 {
		t.Errorf("%d loads after the first loader was killed, want 2", n)
	}
}

// Show 5: where the loader fails after a second, everybody has an error or a value within four.
func TestFailingLoader(t *testing.T) {
	t.Parallel()
	const load, within = time.Second, 4 * time.Second
	c := open(t, stampeders, replica.Options{Timeout: calm, MaxStaleness: 4 * calm})
	c.crowd(t, "warm")
	c.source.OnLoad(func(source.Load) error { <-time.After(load); return errors.New("the source fails") })
	sum := c.crowd(t, "cold")
	figure(t, "readers=%d values=%d errors=%d slowest=%v loads=%d",
		stampeders*crowd, sum.Values, sum.Errors, sum.Slowest.Round(time.Millisecond), c.source.Loads("cold"))
	if sum.Errors != stampeders*crowd {
		t.Errorf("%d readers have an error and %d a value, want %d and none", sum.Errors, sum.Values, stampeders*crowd)
	}
	if sum.Slowest > within {
		t.Errorf("the slowest reader took %v, want at most %v", sum.Slowest, within)
	}
}
