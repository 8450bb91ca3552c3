package contract

import (
	"fmt"
	"sync"
	"testing"

	"github.com/tieredcache/tieredcache/internal/contract/replica"
	"github.com/tieredcache/tieredcache/internal/contract/source"
)

// C3: a value that was read from the source before a write is never stored in Redis after it, and never answered from
// memory past C2. In each run a load reads the old value and is held; the write is made, by the same process or by the
// other; then the load goes on, after the write has returned or between its commit and its return.
func TestC3NoStaleFill(t *testing.T) {
	t.Parallel()
	runs, atOnce := either(1000, 60), 20
	c := open(t, 2, replica.Options{})
	var stale slowLoads
	for first := 0; first < runs; first += atOnce {
		var all sync.WaitGroup
		for n := first; n < first+atOnce; n++ {
			stale.gates.Store(raceKey(n), newGate(n%3 == 0))
		}
		c.source.OnLoad(stale.load)
		c.source.OnWrite(stale.write)
		for n := first; n < first+atOnce; n++ {
			all.Go(func() { stale.run(t, c, n) })
		}
		all.Wait()
		for n := first; n < first+atOnce; n++ {
			stale.look(t, c, n)
		}
	}
	figure(t, "runs=%d loads_overtaken_by_the_write=%d old_in_redis=%d old_in_memory=%d old_read_afterwards=%d",
		runs, stale.overtaken, stale.inRedis, stale.inMemory, stale.read)
	if stale.overtaken != runs {
		t.Errorf("in %d runs the write did not overtake the load", runs-stale.overtaken)
	}
	if stale.inRedis+stale.inMemory+stale.read > 0 {
		t.Error("an old value was stored")
	}
}

func raceKey(n int) string { return fmt.Sprintf("race%d", n) }

// gate holds one key's first load, and, where early is set, its write after the commit.
type gate struct {
	first  sync.Once
	opened sync.Once
	loaded chan struct{} // closed when the load has read the old value
	goOn   chan struct{} // closed to let the load go on
	landed chan struct{} // closed when the reader has its answer
	early  bool          // the load goes on, and the reader is answered, before the write returns
}

func newGate(early bool) *gate {
	return &gate{loaded: make(chan struct{}), goOn: make(chan struct{}), landed: make(chan struct{}), early: early}
}

// open lets the load go on.
func (g *gate) open() { g.opened.Do(func() { close(g.goOn) }) }

type slowLoads struct {
	gates sync.Map // by key

	mu                                 sync.Mutex
	overtaken, inRedis, inMemory, read int
}

func (s *slowLoads) gate(key string) *gate {
	g, _ := s.gates.Load(key)
	return g.(*gate)
}

func (s *slowLoads) load(l source.Load) error {
	g := s.gate(l.Key)
	g.first.Do(func() {
		close(g.loaded)
		<-g.goOn
	})
	return nil
}

func (s *slowLoads) write(w source.Write, commit func()) error {
	commit()
	if g := s.gate(w.Key); g.early {
		g.open()
		<-g.landed
	}
	return nil
}

func (s *slowLoads) run(t *testing.T, c *cluster, n int) {
	t.Helper()
	key := raceKey(n)
	g := s.gate(key)
	defer g.open()
	reader, writer := c.replicas[0], c.replicas[n%2]
	var slow sync.WaitGroup
	slow.Go(func() {
		defer close(g.landed)
		old := reader.get(t, key)
		s.mu.Lock()
		defer s.mu.Unlock()
		if old.Row.Version == 0 && old.Tier == "source" {
			s.overtaken++
		}
	})
	select {
	case <-g.loaded:
	case <-g.landed: // answered without a load, and counted as not overtaken
	}
	writer.update(t, key)
	g.open()
	slow.Wait()
	if w := c.word(t, key); w != "" && w[0] == 'V' { // nobody has loaded the new value yet
		s.mu.Lock()
		defer s.mu.Unlock()
		s.inRedis++
	}
}

// look looks once more, when what memory takes late has become visible.
func (s *slowLoads) look(t *testing.T, c *cluster, n int) {
	t.Helper()
	key := raceKey(n)
	for _, p := range c.replicas {
		if version, held := p.peek(t, key)[key]; held && version == 0 {
			s.inMemory++
		}
		if p.get(t, key).Row.Version == 0 {
			s.read++
		}
	}
}
