package contract

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/internal/contract/replica"
)

// goal is how much longer, at the median, an invalidation may take to reach a peer than a PUBLISH of the same run.
const goal = 1.5

// Show 8: from the call of Invalidate to the moment that a peer's memory does not hold the entry any more, beside what a
// bare PUBLISH takes that the same two processes hear; and from the commit of an Update to the peer's first fresh read.
func TestInvalidationLatency(t *testing.T) {
	alone(t)
	samples := either(2000, 200)
	c := open(t, 2, replica.Options{Timeout: calm, MaxStaleness: 4 * calm})
	writer, peer := c.replicas[0], c.replicas[1]
	names := keys("k", samples)
	peer.keep(t, names...)
	const channel = "bare"
	for _, p := range c.replicas { // as many as hear of an invalidation
		call[struct{}](t, p, "Subscribe", channel)
	}

	var bare, gone durations
	for _, key := range names {
		published := call[time.Duration](t, writer, "Publish", channel)
		bare = append(bare, call[time.Duration](t, peer, "Heard", struct{}{})-published)
		call[time.Duration](t, writer, "Heard", struct{}{})
		call[struct{}](t, peer, "Expect", key)
		invalidated := call[replica.Written](t, writer, "Invalidate", key)
		gone = append(gone, call[time.Duration](t, peer, "Gone", key)-invalidated.Began)
	}
	half, most := ratio(gone, bare, 50), ratio(gone, bare, 99)
	figure(t, "samples=%d bare_publish %v; invalidate_to_gone %v; ratio p50=%.2f p99=%.2f", samples, bare, gone, half, most)
	if *long && half > goal {
		t.Errorf("at the median an invalidation takes %.2f times a PUBLISH, want at most %v", half, goal)
	}

	fresh := c.firstFresh(t, writer, peer, samples/4)
	figure(t, "samples=%d commit_to_first_fresh_read %v", len(fresh), fresh)
}

// firstFresh measures from each commit to the peer's first read that saw it, or something newer, beginning and all.
func (c *cluster) firstFresh(t *testing.T, writer, peer *process, samples int) (fresh durations) {
	t.Helper()
	const key = "fresh"
	peer.keep(t, key)
	peer.watch(t, replica.Watching{Keys: []string{key}, Readers: 1})
	var writes []written
	for range samples {
		done := writer.update(t, key)
		writes = append(writes, written{writer, key, done.Version, done.Ended})
		pause(3 * time.Millisecond)
	}
	report := peer.watched(t)
	judge(writes, map[*process]replica.Report{peer: report}, 4*calm).hold(t)
	for _, s := range report.Spans {
		if s.Version > 0 {
			fresh = append(fresh, s.FirstEnd-c.source.Committed(key, s.Version))
		}
	}
	if len(fresh) < samples/2 {
		t.Errorf("the peer saw %d of %d versions", len(fresh), samples)
	}
	return fresh
}

type durations []time.Duration

func (d durations) percentile(p int) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[(len(d)-1)*p/100]
}

// String gives the figures.
func (d durations) String() string {
	return fmt.Sprintf("p50=%v p99=%v", d.percentile(50).Round(time.Microsecond), d.percentile(99).Round(time.Microsecond))
}

func ratio(a, b durations, percentile int) float64 {
	return float64(a.percentile(percentile)) / float64(b.percentile(percentile))
}
