package contract

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/internal/contract/mono"
	"github.com/tieredcache/tieredcache/internal/contract/replica"
	"github.com/tieredcache/tieredcache/internal/contract/source"
)

const (
	stampeders = 8   // processes
	crowd      = 100 // readers in each
	mostForOne = 60  // Redis commands of a stampede whose load takes 50 ms
	slowdown   = 1.3 // the slowest reader's time by the load's
)

// calm is for tests that count: what a busy machine makes late is not to become another load.
const calm = time.Second

// Show 5, and C6: however many readers in however many processes miss a key at once, one loads it, also where the load
// outlives the lease, and Redis is asked little.
func TestStampede(t *testing.T) {
	alone(t)
	c := open(t, stampeders, replica.Options{Timeout: calm, MaxStaleness: 4 * calm})
	c.crowd(t, "warm") // connections are made, scripts are loaded
	idle := c.idle(t)
	for _, load := range []time.Duration{50 * time.Millisecond, 3 * time.Second} {
		key := "cold" + load.String()
		check(t, c.client.ConfigResetStat(t.Context()).Err())
		c.source.OnLoad(func(source.Load) error { <-time.After(load); return nil })
		all := c.crowd(t, key)
		commands := c.statistics(t).without(idle)
		ratio := float64(all.Slowest) / float64(load)
		figure(t, "load=%v readers=%d loads=%d redis_commands=%d slowest=%v ratio=%.2f (%v)",
			load, stampeders*crowd, c.source.Loads(key), commands.sum(), all.Slowest.Round(time.Millisecond), ratio, commands)
		if all.Errors > 0 || all.Values != stampeders*crowd {
			t.Errorf("%d readers have a value and %d an error, want %d and none", all.Values, all.Errors, stampeders*crowd)
		}
		if n := c.source.Loads(key); n != 1 {
			t.Errorf("%v: %d loads, want 1", load, n)
		}
		short := load < time.Second
		if n := commands.sum(); short && n > mostForOne {
			t.Errorf("%v: %d Redis commands, want at most %d", load, n, mostForOne)
		}
		// The race detector slows 800 readers down by more than a third of 50 ms.
		if ratio > slowdown && (*long || !short) {
			t.Errorf("%v: the slowest reader took %.2f times the load, want at most %v", load, ratio, slowdown)
		}
	}
}

// crowd has all readers of all processes read a key at one moment.
func (c *cluster) crowd(t *testing.T, key string) (sum replica.Crowded) {
	t.Helper()
	what := replica.Crowd{Key: key, Readers: crowd, At: mono.Now() + 300*time.Millisecond}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, p := range c.replicas {
		all.Go(func() {
			one := call[replica.Crowded](t, p, "Crowd", what)
			mu.Lock()
			defer mu.Unlock()
			sum.Values, sum.Errors, sum.Slowest = sum.Values+one.Values, sum.Errors+one.Errors, max(sum.Slowest, one.Slowest)
		})
	}
	all.Wait()
	return sum
}

// calls is how often each command was called, in scripts or by themselves.
type calls map[string]int

// statistics asks the server. Its snapshot lies between two scripts, never in one, and holds no trace of itself.
func (c *cluster) statistics(t *testing.T) calls {
	t.Helper()
	info, err := c.client.Info(t.Context(), "commandstats").Result()
	check(t, err)
	n := calls{}
	for line := range strings.Lines(info) {
		name, rest, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		if !ok {
			continue
		}
		number, _, _ := strings.Cut(rest, ",")
		n[name], err = strconv.Atoi(number)
		check(t, err)
	}
	delete(n, "config|resetstat") // the test's own
	delete(n, "ping")             // the subscription's
	return n
}

// syncs says how many SYNCs are among the calls: they alone ask for INFO, twice each.
func (n calls) syncs() int { return n["info"] / 2 }

// idle returns what one SYNC calls.
func (c *cluster) idle(t *testing.T) calls {
	t.Helper()
	check(t, c.client.ConfigResetStat(t.Context()).Err())
	var n calls
	asked := 0
	eventually(t, "SYNCs in peace", func() bool {
		n = c.statistics(t)
		n["info"] -= asked // the test's own
		asked++
		return n.syncs() >= 3*stampeders
	})
	one := calls{}
	for name, total := range n {
		if one[name] = total / n.syncs(); one[name]*n.syncs() != total {
			t.Fatalf("%d SYNCs called %s %d times: the server was not idle (%v)", n.syncs(), name, total, n)
		}
	}
	return one
}

// without subtracts the SYNCs.
func (n calls) without(idle calls) calls {
	syncs, rest := n.syncs(), calls{}
	for name, total := range n {
		if left := total - syncs*idle[name]; left != 0 {
			rest[name] = left
		}
	}
	return rest
}

func (n calls) sum() (sum int) {
	for _, calls := range n {
		sum += calls
	}
	return sum
}

// String lists the calls, the most frequent first.
func (n calls) String() string {
	var list []string
	for name, calls := range n {
		list = append(list, fmt.Sprintf("%5d %s", calls, name))
	}
	slices.Sort(list)
	slices.Reverse(list)
	return strings.Join(strings.Fields(strings.Join(list, " ")), " ")
}
