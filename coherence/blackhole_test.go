package coherence_test

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
)

// blackHole listens, accepts and never answers.
func blackHole(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	closed := make(chan struct{})
	t.Cleanup(func() {
		_ = l.Close()
		<-closed
	})
	go func() {
		defer close(closed)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close() // all of them, in the end
		}
	}()
	return l.Addr().String()
}

// TestBlackHole: a Redis that accepts and never answers costs each operation the Redis timeout, also where the caller's
// client was made with go-redis's defaults (5 s, whatever the context says).
func TestBlackHole(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]redis.Options{
		"defaults":    {},
		"TLS":         {TLSConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}},
		"pool of one": {PoolSize: 1, MinIdleConns: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options.Addr = blackHole(t)
			client := redis.NewClient(&options)
			t.Cleanup(func() { _ = client.Close() })
			bounded := func(what string, do func()) {
				t.Helper()
				began := time.Now()
				do()
				took := time.Since(began)
				t.Logf("%s: %v", what, took)
				if took > 700*time.Millisecond { // a busy machine's share included
					t.Errorf("%s took %v", what, took)
				}
			}
			var p peer
			bounded("New and Join", func() {
				var err error
				p.Bus, err = coherence.New(coherence.Config{Redis: client})
				check(t, err)
				p.member, err = p.Join("test", 1)
				check(t, err)
			})
			bounded("Ready", func() { p.member.Ready(t.Context()) })
			k := entry("k")
			bounded("Update", func() {
				check(t, p.Update(t.Context(), []coherence.Ref{k}, func(context.Context) error { return nil }))
			})
			bounded("Invalidate", func() { check(t, p.Invalidate(t.Context(), k)) })
			bounded("Clear", func() { check(t, p.member.Clear(t.Context())) })
			bounded("a read", func() {
				ctx, cancel := context.WithTimeout(t.Context(), p.Timeout())
				defer cancel()
				if err := p.Redis().Get(ctx, "k").Err(); err == nil {
					t.Error("an answer")
				}
			})
			if p.usable(k) || p.State().Condition != coherence.Fenced {
				t.Errorf("got %+v", p.State())
			}
			bounded("Close", func() { wantError(t, p.Close(), "2 invalidations were not delivered") })
		})
	}
}

// TestBlackHoleDeadline: a read whose context is shorter than the Redis timeout ends with its context.
func TestBlackHoleDeadline(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: blackHole(t)})
	t.Cleanup(func() { _ = client.Close() })
	bus, err := coherence.New(coherence.Config{Redis: client, MaxStaleness: patient, Timeout: 2 * time.Second})
	check(t, err)
	t.Cleanup(func() { check(t, bus.Close()) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := bus.Redis().Get(ctx, "k").Err(); err == nil {
		t.Error("an answer")
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v, the context 50ms", took)
	}
}
