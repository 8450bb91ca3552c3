package contract

import (
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/internal/contract/replica"
	"github.com/tieredcache/tieredcache/internal/contract/source"
	"github.com/tieredcache/tieredcache/internal/services"
)

// C7: Redis is stopped under load. No reader gets an error, or anything past the bound; the source is asked for a key by
// one load of each process at a time, and by no more loads at once than are configured; and what was written meanwhile
// is delivered before a fence opens.
func TestC7RedisStopped(t *testing.T) {
	t.Parallel()
	resume := func(t *testing.T, r *services.Redis) error { t.Helper(); return r.Resume() }
	restart := func(t *testing.T, r *services.Redis) error { t.Helper(); return r.Restart(t.Context()) }
	for name, fault := range map[string]struct {
		stop  func(*services.Redis) error
		start func(*testing.T, *services.Redis) error
	}{
		"killed": {(*services.Redis).Kill, restart}, // and comes back from its append-only file, old values and all
		"frozen": {(*services.Redis).Pause, resume},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const maxLoads, readers = 8, 24
			outage, bound := either(10*time.Second, 3*time.Second), either(2*time.Second, 800*time.Millisecond)
			c := open(t, 3, replica.Options{MaxStaleness: bound, MaxLoads: maxLoads}, "--appendonly", "yes", "--appendfsync", "always")
			c.source.OnLoad(func(source.Load) error { <-time.After(5 * time.Millisecond); return nil })
			names := keys("k", 100)
			for _, p := range c.replicas {
				p.keep(t, names...)
			}
			// One process writes: the others have nothing pending, and open their fences with old values in Redis.
			s := brew(t, c, names, readers, 1, 2*time.Millisecond)
			s.during(t, 50)
			before := s.count()
			stopped := time.Now()
			check(t, fault.stop(c.redis))
			c.source.TakeMost()
			pause(outage - bound - 500*time.Millisecond)
			s.calm() // so that all that was written is older than the bound when the fences open
			meanwhile := s.count() - before
			pending := 0
			for _, p := range c.replicas {
				state := p.state(t)
				if pending += state.Pending; state.Condition != "fenced" {
					t.Errorf("%s is %s without Redis", p.options.Name, state.Condition)
				}
			}
			pause(outage - time.Since(stopped))
			lasted, most := time.Since(stopped), c.source.TakeMost()
			check(t, fault.start(t, c.redis))
			left := 0
			for _, p := range c.replicas {
				c.ready(t, p)
				left += p.opened(t).Pending
			}
			for _, p := range c.replicas {
				p.keep(t, names...) // memory and Redis are used again
			}
			v := s.judge(t, bound)
			figure(t, "outage=%v bound=%v writes_meanwhile=%d pending=%d pending_when_a_fence_opened=%d loads_of_a_key_at_once=%d loads_at_once=%d of %d readers and %d places; %v",
				lasted.Round(time.Millisecond), bound, meanwhile, pending, left, most.OfKey, most.OfReplica, readers, maxLoads, v)
			v.hold(t)
			if pending == 0 || meanwhile == 0 {
				t.Error("nothing was pending while Redis was away")
			}
			if left > 0 {
				t.Errorf("%d invalidations were not delivered when a fence opened", left)
			}
			if most.OfKey != 1 || most.OfReplica > maxLoads {
				t.Errorf("%d loads of one key and %d in all ran at once in one process, want 1 and at most %d", most.OfKey, most.OfReplica, maxLoads)
			}
		})
	}
}

// opened returns the last event of the replica's fence opening.
func (p *process) opened(t *testing.T) (last replica.Event) {
	t.Helper()
	eventually(t, "the fence is told to have opened", func() bool { // a moment after it has
		last = replica.Event{}
		for _, e := range p.state(t).Events {
			switch e.Kind {
			case "fence closed":
				last = replica.Event{}
			case "fence opened":
				last = e
			}
		}
		return last.Kind != ""
	})
	return last
}
