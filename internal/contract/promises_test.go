package contract

import (
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/internal/contract/replica"
)

// C1: on the process that wrote, no read that began after the write returned sees what was before. Loads are slow, so that
// many of them began before a write and are still under way after it. Also while Redis is dead, and when it comes back
// empty.
func TestC1ReadYourWrites(t *testing.T) {
	t.Parallel()
	c := open(t, 3, replica.Options{})
	uneven(c.source, 50*time.Millisecond, 2*time.Millisecond)
	s := brew(t, c, keys("k", 3), 8, 3, time.Millisecond)
	n := either(2000, 250)
	s.during(t, n)
	check(t, c.redis.Kill())
	s.during(t, n)
	check(t, c.redis.Restart(t.Context()))
	s.during(t, n)
	s.calm()
	v := s.judge(t, 2*time.Second)
	figure(t, "writes=%d, a third of them while Redis was dead; %v", s.count(), v)
	v.hold(t)
}

// C2: no process reads what was before a write later than MaxStaleness after the write has returned, whatever was lost:
// messages, Redis for a while, a process for a while.
func TestC2BoundedStaleness(t *testing.T) {
	t.Parallel()
	const bound = time.Second
	c := open(t, 2, replica.Options{MaxStaleness: bound})
	through := startProxy(t, c.redis.Addr)
	c.ready(t, c.add(t, replica.Options{MaxStaleness: bound, Redis: through.addr()}))
	uneven(c.source, 10*time.Millisecond, 10*time.Millisecond)
	s := brew(t, c, keys("k", 8), 4, 2, time.Millisecond)
	last := c.replicas[2]
	n := either(100, 40)
	for range either(10, 1) {
		s.during(t, n)
		through.deafen(true) // its messages are lost
		s.during(t, n)
		through.deafen(false)
		s.during(t, n)
		last.freeze(t)
		pause(3 * bound / 2)
		last.thaw(t)
		s.during(t, n)
		check(t, c.redis.Pause())
		pause(3 * bound / 2)
		check(t, c.redis.Resume())
		s.during(t, n)
		check(t, c.redis.Restart(t.Context())) // empty
		s.during(t, n)
	}
	s.calm()
	v := s.judge(t, bound)
	figure(t, "bound=%v writes=%d %v", bound, s.count(), v)
	v.hold(t)
	if v.memory < v.reads/10 {
		t.Errorf("memory answered %d of %d reads: it was not put to the test", v.memory, v.reads)
	}
}

// C5: a process that has answered a version never answers an older one to a read that begins afterwards. Few keys, many
// readers, loads that overlap with writes, words and tiers that come and go.
func TestC5NeverBackwards(t *testing.T) {
	t.Parallel()
	c := open(t, 3, replica.Options{})
	uneven(c.source, 5*time.Millisecond, 5*time.Millisecond)
	names := keys("k", 4)
	s := brew(t, c, names, 8, 3, 200*time.Microsecond)
	for range either(200, 10) {
		s.during(t, 20)
		check(t, c.client.Del(t.Context(), replica.Cache+":"+names[0]).Err()) // as an eviction would
		check(t, c.client.ClientKillByFilter(t.Context(), "TYPE", "normal", "SKIPME", "yes").Err())
	}
	s.calm()
	v := s.judge(t, 2*time.Second)
	figure(t, "writes=%d %v", s.count(), v)
	v.hold(t)
}

// pause lets a fault last.
func pause(d time.Duration) { <-time.After(d) }
