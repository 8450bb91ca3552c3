package contract

import (
	"sync"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/internal/contract/mono"
	"github.com/tieredcache/tieredcache/internal/contract/replica"
)

// Show 7: a replica that was frozen reads nothing stale on waking. It reads all the time; the first of its reads that
// begins when it is awake begins long after the write, and is judged as any other.
func TestFrozenReplica(t *testing.T) {
	t.Parallel()
	runs, sleepers := either(200, 8), either(10, 4)
	frozen, bound := either(5*time.Second, 1500*time.Millisecond), either(2*time.Second, time.Second)
	c := open(t, 1+sleepers, replica.Options{MaxStaleness: bound})
	writer, asleep := c.replicas[0], c.replicas[1:]
	var f frozenRuns
	for round := range runs / sleepers {
		var all sync.WaitGroup
		for n, p := range asleep {
			all.Go(func() { f.run(t, c, writer, p, keys("k", runs)[round*sleepers+n], frozen, bound) })
		}
		all.Wait()
	}
	figure(t, "runs=%d frozen=%v bound=%v stale_first_reads=%d first_read_after_waking_max=%v held_in_memory_before=%d",
		runs, frozen, bound, f.stale, f.slowest.Round(time.Microsecond), f.held)
	if f.stale > 0 {
		t.Errorf("%d replicas read something stale on waking", f.stale)
	}
	if f.held != runs {
		t.Errorf("in %d runs memory did not hold the key before", runs-f.held)
	}
}

type frozenRuns struct {
	mu          sync.Mutex
	stale, held int
	slowest     time.Duration
}

func (f *frozenRuns) run(t *testing.T, c *cluster, writer, p *process, key string, frozen, bound time.Duration) {
	t.Helper()
	p.keep(t, key)
	p.watch(t, replica.Watching{Keys: []string{key}, Readers: 2, Pace: 50 * time.Microsecond})
	_, held := p.peek(t, key)[key]
	p.freeze(t)
	done := writer.update(t, key)
	pause(frozen)
	woken := mono.Now()
	p.thaw(t)
	eventually(t, "it has read on waking", func() bool { return p.get(t, key).Row.Version == done.Version })
	report := p.watched(t)
	v := judge([]written{{writer, key, done.Version, done.Ended}}, map[*process]replica.Report{p: report}, bound)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stale += min(v.beyondBound+v.backwards, 1)
	if held {
		f.held++
	}
	for _, s := range report.Spans {
		if s.Version == done.Version {
			f.slowest = max(f.slowest, s.FirstEnd-woken)
		}
	}
	v.beyondBound, v.backwards = 0, 0 // counted
	v.hold(t)
}
