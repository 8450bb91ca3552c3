package peer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tieredcache/tieredcache/benchmarks/rival"
	"github.com/tieredcache/tieredcache/benchmarks/source"
)

// Expect reads a key into memory and begins to wait until another process's invalidation has taken it out.
func (p *Peer) Expect(key string, _ *struct{}) error {
	w, ok := p.cache.(rival.Watcher)
	if !ok {
		return errors.New("is told nothing by other processes")
	}
	if err := p.Keep([]string{key}, nil); err != nil {
		return err
	}
	gone, stop := w.Watch(key)
	p.expect(key, func() time.Duration {
		defer stop()
		<-gone
		return source.Clock()
	})
	return nil
}

// Subscribe begins to wait for a message on a channel of Redis, as go-redis receives it.
func (p *Peer) Subscribe(channel string, _ *struct{}) error {
	s := p.redis.Subscribe(context.Background(), channel)
	if _, err := s.Receive(context.Background()); err != nil {
		return errors.Join(err, s.Close())
	}
	messages := s.Channel()
	p.expect(channel, func() time.Duration {
		<-messages
		at := source.Clock()
		_ = s.Close() // it has done its work
		return at
	})
	return nil
}

func (p *Peer) expect(name string, came func() time.Duration) {
	at := make(chan time.Duration, 1)
	p.mu.Lock()
	p.expected[name] = at
	p.mu.Unlock()
	go func() { at <- came() }()
}

// Came waits for what Expect or Subscribe expects, and says when it came.
func (p *Peer) Came(name string, at *time.Duration) error {
	p.mu.Lock()
	expected := p.expected[name]
	delete(p.expected, name)
	p.mu.Unlock()
	select {
	case *at = <-expected:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("not within %v", patience)
	}
}

// Invalidate invalidates a key, and says when it was asked to.
func (p *Peer) Invalidate(key string, at *time.Duration) error {
	*at = source.Clock()
	return p.cache.Invalidate(context.Background(), key)
}

// Publish says something on a channel of Redis, and when it was asked to.
func (p *Peer) Publish(channel string, at *time.Duration) error {
	*at = source.Clock()
	return p.redis.Publish(context.Background(), channel, "x").Err()
}
