package coherence

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// The receive loop is the bus's own: go-redis's PubSub.Channel hides reconnects and drops messages when its buffer is
// full. A connection that stays silent for silence after a PING is given up.
const (
	pingEvery  = time.Second
	silence    = 2 * time.Second
	retryFirst = 50 * time.Millisecond
	retryMost  = time.Second
	steady     = 5 * time.Second // a subscription that ends sooner counts as one that failed
)

func (b *Bus) receiveLoop() {
	wait := retryFirst
	for b.ctx.Err() == nil {
		lasted, err := b.receive()
		if b.ctx.Err() != nil {
			return
		}
		b.counters.reconnects.Add(1)
		if lasted {
			wait = retryFirst
		}
		if !errors.Is(err, errRenewed) {
			b.tellOnce(&b.told.subscriptions, Event{Kind: SubscriptionLost, Err: b.server.failed("coherence: subscription", err)})
		}
		if b.idleness.lull.Load() != nil {
			b.syncNow() // what cut it may be an outage, which an idle bus would learn of late
		}
		select {
		case <-b.ctx.Done():
		case <-time.After(spread(wait)):
		}
		wait = min(2*wait, retryMost)
	}
}

// spread returns half of a wait and something more, at most the wait: those whom one outage has brought into step must not
// come back together.
func spread(wait time.Duration) time.Duration { return wait/2 + rand.N(wait/2) }

// receive hears messages until the connection fails, and says whether the subscription has lasted: for long, or until the
// bus itself made its connections anew.
func (b *Bus) receive() (lasted bool, err error) {
	b.mu.Lock()
	renewed := b.renewed
	b.mu.Unlock()
	var since time.Duration // when it was subscribed; 0: not yet
	defer func() {
		if b.renewedSince(renewed) {
			err = errRenewed
		}
		lasted = since > 0 && (b.Now()-since >= steady || errors.Is(err, errRenewed))
	}()
	defer b.subscribed.Store(false)
	ctx := dialOnce(b.ctx)
	connection := b.control.Subscribe(ctx)
	closing := context.AfterFunc(b.ctx, func() { _ = connection.Close() })
	defer func() {
		if closing() {
			_ = connection.Close()
		}
	}()
	var pulse pulse
	pings := b.ping(ctx, connection, &pulse)
	defer pings()
	if err := connection.Subscribe(ctx, b.layout.Channel()); err != nil {
		return false, err
	}
	for {
		received, err := connection.ReceiveTimeout(ctx, idleEvery+2*silence)
		if pulse.silent.Load() {
			err = errSilent
		}
		if err != nil {
			return false, err // the parser may have lost its place, whatever the error is: never read on
		}
		pulse.heard.Store(int64(b.Now()))
		switch m := received.(type) {
		case *redis.Subscription:
			if b.renewedSince(renewed) {
				return false, errRenewed
			}
			since = b.Now()
			b.subscribed.Store(true)
			b.syncNow() // what was said before is in the journal
		case *redis.Message:
			b.hear(m.Payload, renewed)
		}
	}
}

var (
	errEnded   = errors.New("the connection of the subscription has ended")
	errRenewed = errors.New("the connections were made anew meanwhile")
	errSilent  = errors.New("nothing was heard, also after a PING")
)

// renewedSince says whether the connections were made anew after they had been that often: what a subscription says that
// was counted before does not count.
func (b *Bus) renewedSince(renewed int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.renewed != renewed
}

// pulse is of one connection: when something was heard last, on the clock of Now, and whether it was closed as silent.
type pulse struct {
	heard  atomic.Int64
	silent atomic.Bool
}

// ping makes a connection that is alive say so, closes one that says nothing, and returns what ends that.
func (b *Bus) ping(ctx context.Context, connection *redis.PubSub, p *pulse) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	b.done.Go(func() {
		every := time.NewTicker(pingEvery)
		defer every.Stop()
		asked := b.Now() // when the oldest PING was sent that nothing was heard after; to subscribe is one
		for {
			select {
			case <-ctx.Done():
				return
			case <-every.C:
			}
			now, last := b.Now(), time.Duration(p.heard.Load())
			switch answered := last >= asked; {
			case answered && b.idleness.lull.Load() != nil && now-last < idleEvery:
				continue
			case answered:
				asked = now
			case now-asked >= silence:
				p.silent.Store(true)
				_ = connection.Close()
				return
			}
			_ = connection.Ping(ctx) // its failure is silence
		}
	})
	return cancel
}
