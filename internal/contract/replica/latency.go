package replica

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tieredcache/tieredcache/internal/contract/mono"
)

const patience = 10 * time.Second

// Expect begins to wait until a message has taken a key out of memory.
func (r *Replica) Expect(key string, _ *struct{}) error {
	told, stop := r.bus.Listen(r.cache.Ref(key))
	gone := make(chan time.Duration, 1)
	go func() {
		defer stop()
		for range told {
			if _, held := r.cache.Peek(key); !held {
				gone <- mono.Now()
				return
			}
		}
	}()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone[key] = gone
	return nil
}

// Gone waits for what Expect expects, and says when it was.
func (r *Replica) Gone(key string, at *time.Duration) error {
	r.mu.Lock()
	gone := r.gone[key]
	delete(r.gone, key)
	r.mu.Unlock()
	return await(gone, at)
}

// Subscribe begins to hear a channel of Redis, without the library and as go-redis offers it: like Expect, it is told
// by a goroutine that receives.
func (r *Replica) Subscribe(channel string, _ *struct{}) error {
	s := r.redis.Subscribe(context.Background(), channel)
	if _, err := s.Receive(context.Background()); err != nil {
		return errors.Join(err, s.Close())
	}
	heard, ended := make(chan time.Duration, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for range s.Channel() {
			heard <- mono.Now()
		}
	}()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard = heard
	r.stopped = func() { _ = s.Close(); <-ended }
	return nil
}

// Publish says something on a channel, and when it was called.
func (r *Replica) Publish(channel string, at *time.Duration) error {
	*at = mono.Now()
	return r.redis.Publish(context.Background(), channel, "1|"+Cache+":k").Err()
}

// Heard waits for what was published, and says when it came.
func (r *Replica) Heard(_ struct{}, at *time.Duration) error { return await(r.heard, at) }

func await(c <-chan time.Duration, at *time.Duration) error {
	select {
	case *at = <-c:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("not within %v", patience)
	}
}
