package coherence_test

import (
	"bytes"
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
)

// unsubscribing is a connection that ends as soon as a subscription on it is confirmed.
type unsubscribing struct {
	net.Conn
	subscribed atomic.Bool
	count      *atomic.Int64
}

func (c *unsubscribing) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("\r\nsubscribe\r\n")) && !c.subscribed.Swap(true) {
		c.count.Add(1)
	}
	return c.Conn.Write(b)
}

func (c *unsubscribing) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.subscribed.Load() && bytes.Contains(b[:n], []byte("subscribe")) {
		_ = c.Close()
	}
	return n, err
}

// TestSubscriptionsThatEndAtOnce, as a proxy ends them that carries none, are made less and less often, and each is one
// connection.
func TestSubscriptionsThatEndAtOnce(t *testing.T) {
	t.Parallel()
	r := shared(t)
	var subscriptions atomic.Int64
	client := redis.NewClient(&redis.Options{Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", r.Options().Addr)
		if err != nil {
			return nil, err
		}
		return &unsubscribing{Conn: conn, count: &subscriptions}, nil
	}})
	t.Cleanup(func() { _ = client.Close() })
	began := time.Now()
	p := r.openPeer(t, coherence.Config{Redis: client})
	const lost = 7 // after waits of at least 25, 50, 100, 200, 400 and 500 ms
	eventually(t, "it is lost again and again", soon, func() bool { return p.Stats().Reconnects >= lost })
	if took := time.Since(began); took < 1200*time.Millisecond {
		t.Errorf("lost %d times in %v", lost, took)
	}
	if n, most := subscriptions.Load(), p.Stats().Reconnects+1; n > int64(most) {
		t.Errorf("%d connections for %d subscriptions", n, most)
	}
}

// TestRetriesOfSyncAreSpread: processes that an outage has brought into step do not ask a Redis that comes back all at once.
func TestRetriesOfSyncAreSpread(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { _ = client.Close() })
	bus, err := coherence.New(coherence.Config{Redis: client})
	check(t, err)
	t.Cleanup(func() { check(t, bus.Close()) })
	began := time.Now()
	const failures = 16
	eventually(t, "SYNCs fail", soon, func() bool { return bus.Stats().SyncFailures >= failures })
	if took := time.Since(began); took < failures*250*time.Millisecond*9/10 || took > failures*450*time.Millisecond {
		t.Errorf("%d SYNCs took %v: in step they would take half a second each", failures, took)
	}
}

// TestOwnReconnectIsNotTold as a lost subscription: the bus makes it anew itself, after a failover.
func TestOwnReconnectIsNotTold(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: d})
	for n := uint64(1); n <= 2; n++ { // the second time MaxStaleness later
		eventually(t, "it is subscribed", soon, func() bool { return p.State().Subscribed })
		if n == 1 {
			r.becomeAnother(t)
		}
		eventually(t, "the subscription is made anew", soon, func() bool { return p.Stats().Reconnects >= n })
	}
	if told := p.events.of(coherence.SubscriptionLost); len(told) > 0 {
		t.Errorf("told of %v", told)
	}
}

// TestSubscribed: a channel that Redis refuses leaves the fence open, and only the state says that no message comes.
func TestSubscribed(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p, rights := r.limited(t, coherence.Config{MaxStaleness: patient})
	subscribed := func() bool { return p.State().Subscribed }
	eventually(t, "it is subscribed", soon, subscribed)
	rights("resetchannels") // which ends the subscription
	eventually(t, "it is not", soon, func() bool { return !subscribed() })
	syncs := p.Stats().Syncs
	eventually(t, "Redis answers", soon, func() bool { return p.Stats().Syncs > syncs+2 })
	if s := p.State(); s.Condition != coherence.Open || s.Subscribed {
		t.Errorf("got %+v", s)
	}
	rights("&*")
	eventually(t, "it is subscribed again", soon, subscribed)
	check(t, server.Kill())
	eventually(t, "it is not, without Redis", soon, func() bool { return !subscribed() })
	check(t, server.Restart(t.Context()))
	rights("on", ">x", "~*", "&*", "+@all")
	eventually(t, "it is subscribed once more", soon, subscribed)
	check(t, p.Close())
	if subscribed() || localPeer(t).State().Subscribed {
		t.Error("subscribed after Close, or without Redis")
	}
}
