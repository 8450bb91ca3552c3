package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tieredcache/tieredcache/internal/torture/truth"
)

// report prints the last lines. Its error says why the run did not pass.
func (r *run) report() error {
	c := &r.table.Counts
	fmt.Fprintf(r.out, "torture: loads=%d told_errors=%d excused_loads=%d stale=%d stalls=%d unanswered=%d\n", c.Loads.Load(), c.ToldErrors.Load(), c.ExcusedLoads.Load(), c.Stale.Load(), r.stalls.Load(), c.Unanswered.Load())
	for e := truth.IntentRefused; e < truth.Excuses; e++ {
		fmt.Fprintf(r.out, "torture: excused because of %v: %d\n", e, c.ExcusedBy[e].Load())
	}
	var kinds []string
	for k := truth.Freeze; k < truth.Kinds; k++ {
		kinds = append(kinds, fmt.Sprintf("%v:%d", k, r.landed[k]))
	}
	missing := r.missing()
	fmt.Fprintf(r.out, "torture: seed=%d reads=%d l1_hits=%.1f%% writes=%d faults=%s excused=%d stale_p50=%v stale_p99=%v stale_max=%v",
		r.seed, c.Reads.Load(), 100*float64(c.MemoryHits.Load())/float64(max(c.Reads.Load(), 1)), c.Writes.Load(), strings.Join(kinds, ","), c.Excused.Load(),
		short(c.Staleness(0.5)), short(c.Staleness(0.99)), short(c.Staleness(1)))
	broken := int64(0)
	for v := range truth.Violations {
		n := c.Violations[v].Load()
		broken += n
		fmt.Fprintf(r.out, " %v=%d", v, n)
	}
	fmt.Fprintln(r.out)
	switch {
	case r.without != "" && broken == 0:
		return fmt.Errorf("the %s was taken out, and no violation was found", r.without)
	case r.without != "":
		return nil
	case broken > 0:
		return fmt.Errorf("%d violations", broken)
	case len(missing) > 0:
		return fmt.Errorf("these faults have never landed, give it more time: %s", strings.Join(missing, ", "))
	case c.Reads.Load() == 0 || c.Writes.Load() == 0:
		return errors.New("nothing was read or written")
	}
	return nil
}

// missing names the kinds of faults that have not landed.
func (r *run) missing() (kinds []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := truth.Freeze; k < truth.Kinds; k++ {
		if r.landed[k] == 0 {
			kinds = append(kinds, k.String())
		}
	}
	return kinds
}

func short(d time.Duration) time.Duration {
	if d < time.Millisecond {
		return d.Truncate(time.Microsecond)
	}
	return d.Truncate(10 * time.Microsecond)
}
