package coherence

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// The receive loop is the bus's own: go-redis's PubSub.Channel hides reconnects and drops messages when its buffer is
// full. A connection that stays silent for silence, although it was pinged, is given up.
const (
	pingEvery  = time.Second
	silence    = 3 * time.Second
	retryFirst = 50 * time.Millisecond
	retryMost  = time.Second
)

func (b *Bus) receiveLoop() {
	wait := retryFirst
	for b.ctx.Err() == nil {
		subscribed, err := b.receive()
		if b.ctx.Err() != nil {
			return
		}
		b.counters.reconnects.Add(1)
		b.emit(Event{Kind: SubscriptionLost, Err: err})
		if subscribed {
			wait = retryFirst
		}
		select {
		case <-b.ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, retryMost)
	}
}

// receive hears messages until the connection fails, and says whether it ever was subscribed.
func (b *Bus) receive() (subscribed bool, err error) {
	b.mu.Lock()
	renewed := b.renewed
	b.mu.Unlock()
	connection := b.control.Subscribe(b.ctx, b.layout.Channel())
	closing := context.AfterFunc(b.ctx, func() { _ = connection.Close() })
	defer func() {
		if closing() {
			_ = connection.Close()
		}
	}()
	pings := b.ping(connection)
	defer pings()
	for {
		received, err := connection.ReceiveTimeout(b.ctx, silence)
		if err != nil {
			return subscribed, err // the parser may have lost its place, whatever the error is: never read on
		}
		switch m := received.(type) {
		case *redis.Subscription:
			if b.renewedSince(renewed) {
				return subscribed, errRenewed
			}
			subscribed = true
			b.syncNow() // what was said before is in the journal
		case *redis.Message:
			b.hear(m.Payload, renewed)
		}
	}
}

var errRenewed = errors.New("the connections were made anew meanwhile")

// renewedSince says whether the connections were made anew after they had been that often: what a subscription says that
// was counted before does not count.
func (b *Bus) renewedSince(renewed int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.renewed != renewed
}

// ping makes a connection that is alive say so, and returns what ends it.
func (b *Bus) ping(connection *redis.PubSub) (stop func()) {
	ctx, cancel := context.WithCancel(b.ctx)
	b.done.Go(func() {
		every := time.NewTicker(pingEvery)
		defer every.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-every.C:
				_ = connection.Ping(ctx) // its failure is silence, and the receiver hears that
			}
		}
	})
	return cancel
}
