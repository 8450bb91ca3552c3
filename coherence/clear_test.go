package coherence_test

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
	"github.com/tieredcache/tieredcache/internal/word"
)

// TestClear raises the generation and the epoch of one cache in every process, and touches no entry in Redis.
func TestClear(t *testing.T) {
	t.Parallel()
	r := shared(t)
	a, b := r.openPeer(t, coherence.Config{}), r.openPeer(t, coherence.Config{})
	beside, err := a.Join("beside", 1)
	check(t, err)
	eventually(t, "the other cache learns its generation", soon, func() bool { return beside.Generation() != 0 })
	beside.Ready(t.Context()) // and its epoch has risen by that
	k := entry("k")
	r.put(t, k, "Vvalue-id and the rest")
	other := beside.Places(coherence.Entry("beside", "k"), nil)
	g, atA, atB, besideA := a.member.Generation(), a.epoch(k), b.epoch(k), a.Epochs().Last(&other)
	if got := b.member.Generation(); got != g {
		t.Fatalf("generations %d and %d", g, got)
	}
	check(t, a.member.Clear(t.Context()))
	raised := a.member.Generation()
	if raised <= g || a.epoch(k) <= atA {
		t.Errorf("here: generation %d after %d, epoch %d after %d", raised, g, a.epoch(k), atA)
	}
	if got := r.text(t, r.layout.Key(word.GenerationName("test"))); got != strconv.FormatUint(raised, 10) {
		t.Errorf("in Redis: generation %s, want %d", got, raised)
	}
	eventually(t, "the peer learns the generation", soon, func() bool { return b.member.Generation() == raised && b.epoch(k) > atB })
	if got := a.Epochs().Last(&other); got != besideA {
		t.Error("another cache's epoch was raised")
	}
	if r.word(t, k) == "" {
		t.Error("an entry's word was touched")
	}
	if !a.usable(k) {
		t.Error("not usable after Clear")
	}
}

// TestClearCostsOneScript, whatever the cache holds.
func TestClearCostsOneScript(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{})
	check(t, p.member.Clear(t.Context())) // loads the script
	pairs := make([]any, 0, 2*5000)
	for i := range 5000 {
		pairs = append(pairs, r.layout.Key(entry(strconv.Itoa(i)).String()), "V")
	}
	check(t, r.MSet(t.Context(), pairs...).Err())
	check(t, r.ConfigResetStat(t.Context()).Err())
	const clears = 20
	for range clears {
		check(t, p.member.Clear(t.Context()))
	}
	calls := r.calls(t)
	for command, most := range map[string]int{"set": 8, "xadd": 2, "publish": 2, "incr": 2, "get": 8} { // SYNCs set and get too
		if calls[command] > most*clears {
			t.Errorf("%d clears called %s %d times", clears, command, calls[command])
		}
	}
	for _, never := range []string{"scan", "keys", "del", "unlink", "flushdb", "flushall", "mget"} {
		if calls[never] != 0 {
			t.Errorf("%d clears called %s %d times", clears, never, calls[never])
		}
	}
}

var callsOf = regexp.MustCompile(`cmdstat_([^:]+):calls=(\d+)`)

// calls returns how often each command was called.
func (r *rig) calls(t testing.TB) map[string]int {
	t.Helper()
	info, err := r.Info(t.Context(), "commandstats").Result()
	check(t, err)
	calls := map[string]int{}
	for _, m := range callsOf.FindAllStringSubmatch(info, -1) {
		n, err := strconv.Atoi(m[2])
		check(t, err)
		calls[strings.SplitN(m[1], "|", 2)[0]] += n
	}
	return calls
}

// TestGenerationNeverFalls: neither a late message nor an old reply takes it back.
func TestGenerationNeverFalls(t *testing.T) {
	t.Parallel()
	p := shared(t).openPeer(t, coherence.Config{})
	g, e := p.member.Generation(), p.epoch(entry("k"))
	name := word.GenerationName("test") + "="
	p.Hear("1|" + name + strconv.FormatUint(g-1, 10))
	p.Hear("2|" + name + strconv.FormatUint(g, 10))
	p.member.Learn(0)
	if got := p.member.Generation(); got != g || p.epoch(entry("k")) != e {
		t.Errorf("got generation %d, epoch %d, want %d, %d", got, p.epoch(entry("k")), g, e)
	}
	p.Hear("3|" + name + strconv.FormatUint(g+1, 10))
	if got := p.member.Generation(); got != g+1 || p.epoch(entry("k")) <= e {
		t.Errorf("a rise: got generation %d, epoch %d, want %d, more than %d", got, p.epoch(entry("k")), g+1, e)
	}
}

// TestLateJoin: a cache that joins a bus that runs gets its generation at once, not at the next SYNC.
func TestLateJoin(t *testing.T) {
	t.Parallel()
	r := shared(t)
	p := r.openPeer(t, coherence.Config{})
	m, err := p.Join("late", 1)
	check(t, err)
	places := m.Places(coherence.Entry("late", "k"), nil)
	if m.Generation() == 0 && m.Usable(p.Now(), &places) {
		t.Error("usable before its generation is known")
	}
	m.Ready(t.Context())
	eventually(t, "it is usable", soon, func() bool { return m.Generation() != 0 && m.Usable(p.Now(), &places) })
	check(t, r.Del(t.Context(), r.layout.Key(word.GenerationName("late"))).Err())
}

// Whoever learns of a generation returns only when the epoch has risen, also if another learnt of it first: the message
// of a Clear may overtake its reply, and a read after Clear must not hit what was before.
func TestLearnReturnsWithTheEpochRaised(t *testing.T) {
	t.Parallel()
	bus, err := coherence.New(coherence.Config{})
	check(t, err)
	t.Cleanup(func() { check(t, bus.Close()) })
	member, err := bus.Join("a", 1)
	check(t, err)
	places := member.Places(coherence.Entry("a", "k"), nil)
	for g := member.Generation() + 1; g < 50_000; g++ {
		before := bus.Epochs().Last(&places)
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				member.Learn(g)
				if bus.Epochs().Last(&places) == before {
					t.Errorf("generation %d was learnt, and the epoch is still %d", g, before)
				}
			})
		}
		both.Wait()
		if t.Failed() {
			return
		}
	}
}
