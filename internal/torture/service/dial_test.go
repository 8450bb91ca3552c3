package service

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/internal/services"
)

// relay passes connections on to an address, and counts the bytes that come back.
func relay(t *testing.T, to string) (address string, back *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	back = new(atomic.Int64)
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", to)
			if err != nil {
				from.Close()
				continue
			}
			go func() { _, _ = io.Copy(upstream, from); upstream.Close() }()
			go func() { n, _ := io.Copy(from, upstream); back.Add(n); from.Close() }()
		}
	}()
	return l.Addr().String(), back
}

// TestSubscriptionsMove: commands stay with one proxy, a subscription goes to the other, with its client's name, and is
// heard there.
func TestSubscriptionsMove(t *testing.T) {
	server, err := services.StartRedis(t.Context(), services.RedisOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	commands, viaCommands := relay(t, server.Addr)
	pubsub, viaPubSub := relay(t, server.Addr)
	client := redis.NewClient(&redis.Options{Addr: commands, Dialer: dialer(commands, pubsub, func() {}), ClientName: ClientName(3)})
	defer client.Close()

	subscription := client.Subscribe(t.Context(), "channel")
	defer subscription.Close()
	if _, err := subscription.ReceiveTimeout(t.Context(), 10*time.Second); err != nil {
		t.Fatalf("subscribe: %v", err)
	}
	if err := client.Publish(t.Context(), "channel", "a message").Err(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	message, err := subscription.ReceiveMessage(ctx)
	if err != nil || message.Payload != "a message" {
		t.Fatalf("got %v, %v", message, err)
	}
	if err := client.Set(ctx, "key", make([]byte, 1000), 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.Get(ctx, "key").Err(); err != nil {
		t.Fatal(err)
	}
	list, err := client.ClientList(ctx).Result()
	if err != nil {
		t.Fatal(err)
	}
	subscription.Close()
	client.Close()
	_ = server.Stop() // ends the relays' connections, which are counted then
	for limit := time.Now().Add(10 * time.Second); viaCommands.Load() < 1000 && time.Now().Before(limit); {
		pause(t)
	}
	if viaCommands.Load() < 1000 || viaPubSub.Load() == 0 || viaPubSub.Load() > 1000 {
		t.Errorf("bytes back: %d over commands, %d over pubsub; clients:\n%s", viaCommands.Load(), viaPubSub.Load(), list)
	}
}

// pause is this package's one polling helper.
func pause(t *testing.T) {
	t.Helper()
	select {
	case <-t.Context().Done():
	case <-time.After(10 * time.Millisecond):
	}
}
