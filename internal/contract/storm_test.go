package contract

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/internal/contract/replica"
	"github.com/tieredcache/tieredcache/internal/contract/source"
)

// storm is readers in every replica and writers in some, while the test does what it likes to them.
type storm struct {
	cluster *cluster
	keys    []string
	stop    chan struct{}
	writers sync.WaitGroup

	mu     sync.Mutex
	writes []written
}

// brew begins a storm: in each replica readers read the keys at a pace, and in each of the first few one writer writes
// one of them after the other.
func brew(t *testing.T, c *cluster, names []string, readers, writers int, pace time.Duration) *storm {
	t.Helper()
	s := &storm{cluster: c, keys: names, stop: make(chan struct{})}
	for _, p := range c.replicas {
		p.watch(t, replica.Watching{Keys: names, Readers: readers, Pace: pace})
	}
	for _, p := range c.replicas[:writers] {
		s.writers.Go(func() { s.write(t, p) })
	}
	return s
}

func (s *storm) write(t *testing.T, p *process) {
	t.Helper()
	for {
		select {
		case <-s.stop:
			return
		case <-time.After(rand.N(10 * time.Millisecond)):
		}
		s.once(t, p, s.keys[rand.N(len(s.keys))])
	}
}

// once writes a key, and remembers that.
func (s *storm) once(t *testing.T, p *process, key string) {
	t.Helper()
	done := p.update(t, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, written{p, key, done.Version, done.Ended})
}

// calm ends the writers; the readers read on.
func (s *storm) calm() {
	close(s.stop)
	s.writers.Wait()
}

// count says how many writes have returned.
func (s *storm) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.writes)
}

// judge ends the readers and judges what they read.
func (s *storm) judge(t *testing.T, bound time.Duration) verdict {
	t.Helper()
	reports := map[*process]replica.Report{}
	for _, p := range s.cluster.replicas {
		reports[p] = p.watched(t)
	}
	return judge(s.writes, reports, bound)
}

// uneven makes loads and writes slow now and then, the write on both sides of its commit.
func uneven(s *source.Source, loads, writes time.Duration) {
	now := func(most time.Duration) {
		if rand.N(3) == 0 {
			<-time.After(rand.N(most))
		}
	}
	s.OnLoad(func(source.Load) error { now(loads); return nil })
	s.OnWrite(func(_ source.Write, commit func()) error { now(writes); commit(); now(writes); return nil })
}

// during waits until a storm has written so many times more.
func (s *storm) during(t *testing.T, writes int) {
	t.Helper()
	from := s.count()
	eventually(t, "the storm writes", func() bool { return s.count() >= from+writes })
}
