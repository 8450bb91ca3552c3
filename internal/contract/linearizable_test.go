package contract

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/tieredcache/tieredcache/internal/contract/replica"
	"github.com/tieredcache/tieredcache/internal/contract/source"
)

// In a Linearizable cache on a Strict bus, reads and updates of a key are linearizable: with slow loads, writers that
// are killed or told an error, outcomes that nobody knows, and a replica whose messages are lost. Under the same load a
// cache that is not Linearizable is caught.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	t.Run("on", func(t *testing.T) {
		t.Parallel()
		l := newLinear(t, true)
		histories := either(300, 24)
		for range histories {
			l.play(t)
		}
		figure(t, "histories=%d operations=%d linearizable=%d illegal=%d unknown_outcomes=%d writers_killed=%d",
			histories, l.operations, l.ok, l.illegal, l.unknown.Load(), l.killed)
		if l.ok != histories {
			t.Errorf("%d of %d histories are linearizable", l.ok, histories)
		}
		if l.unknown.Load() == 0 || l.killed == 0 {
			t.Error("no writer died, or no outcome was unknown")
		}
	})
	t.Run("off", func(t *testing.T) {
		t.Parallel()
		l := newLinear(t, false)
		const most = 20
		tries := 0
		for tries < most && l.illegal == 0 {
			l.play(t)
			tries++
		}
		figure(t, "histories=%d illegal=%d", tries, l.illegal)
		if l.illegal == 0 {
			t.Errorf("porcupine did not object to any of %d histories", most)
		}
	})
}

// linear plays histories, each on a key of its own.
type linear struct {
	cluster *cluster
	options replica.Options

	values, unknown atomic.Int64
	mu              sync.Mutex
	plots           map[string]plot // by key

	played, operations, ok, illegal, killed int
}

func newLinear(t *testing.T, on bool) *linear {
	t.Helper()
	o := replica.Options{Strict: true, Linearizable: on, IntentLife: 2 * time.Second}
	l := &linear{cluster: open(t, 2, o), options: o, plots: map[string]plot{}}
	through := startProxy(t, l.cluster.redis.Addr)
	o.Redis = through.addr()
	l.cluster.ready(t, l.cluster.add(t, o))
	through.deafen(true)
	l.cluster.source.OnLoad(func(source.Load) error { dawdle(slowLoad); return nil })
	l.cluster.source.OnWrite(l.write)
	return l
}

// A load may be so slow that writes begin and end while it runs.
const slowLoad, slowWrite = 40 * time.Millisecond, 6 * time.Millisecond

// plot is what goes wrong in a history. A write of which nobody knows how it ended leaves the key uncached until its
// intent expires, so that most of what could go wrong can not any more: only in some histories there is one.
type plot struct {
	doomed  *process // is to die in a write
	unknown bool     // writers are told errors after which the commit may land, or may have landed
}

// dawdle is slow now and then.
func dawdle(most time.Duration) {
	if rand.N(3) == 0 {
		<-time.After(rand.N(most))
	}
}

// write is the source's, and has many ways to go wrong.
func (l *linear) write(w source.Write, commit func()) error {
	l.mu.Lock()
	plot := l.plots[w.Key]
	doomed := plot.doomed
	mine := doomed != nil && doomed.options.Name == w.Replica
	l.mu.Unlock()
	dawdle(slowWrite)
	fate := rand.N(20)
	switch {
	case mine && fate < 4: // before the commit, which lands all the same
		doomed.kill()
		dawdle(slowWrite)
		commit()
		return nil
	case mine && fate < 8:
		commit()
		doomed.kill()
		return nil
	case fate == 8, fate == 9:
		return source.ErrRolledBack
	case fate == 10 && plot.unknown:
		commit()
		return errors.New("the answer was lost")
	case fate == 11 && plot.unknown:
		return errors.New("the request was lost")
	case fate == 12 && plot.unknown:
		go func() { dawdle(slowWrite); commit() }()
		return errors.New("the answer was lost, the commit comes later")
	}
	commit()
	dawdle(slowWrite)
	return nil
}

// play plays one history and has it checked.
func (l *linear) play(t *testing.T) {
	t.Helper()
	const readers, reads, writes = 3, 6, 7 // readers of one replica may share a flight, or must not
	key := keys("h", l.played+1)[l.played]
	replicas := append([]*process(nil), l.cluster.replicas[:3]...)
	writers := replicas[:2:2]
	plot := plot{unknown: l.played%3 == 1}
	if l.played%3 == 2 {
		plot.doomed = l.cluster.add(t, l.options)
		l.cluster.ready(t, plot.doomed)
		writers = append(writers, plot.doomed)
	}
	l.mu.Lock()
	l.plots[key] = plot
	l.mu.Unlock()
	l.played++
	for _, p := range replicas {
		p.get(t, key)
	}
	var h history
	var all sync.WaitGroup
	for n := range readers * len(replicas) {
		all.Go(func() {
			for range reads {
				h.read(t, n, replicas[n%len(replicas)], key)
				<-time.After(rand.N(6 * time.Millisecond))
			}
		})
	}
	for n, p := range writers {
		all.Go(func() {
			for range writes {
				h.write(t, l, readers*len(replicas)+n, p, key)
				<-time.After(rand.N(10 * time.Millisecond))
			}
		})
	}
	all.Wait()
	if plot.doomed != nil && plot.doomed.dead() {
		l.killed++
	}
	l.operations += len(h.operations)
	switch result := porcupine.CheckOperationsTimeout(register, h.operations, time.Minute); result {
	case porcupine.Ok:
		l.ok++
	case porcupine.Illegal:
		l.illegal++
	default:
		t.Errorf("%s: porcupine did not come to an end: %v", key, result)
	}
}
