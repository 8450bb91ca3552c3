package coherence

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// privateOptions makes options of the bus's own from those of the caller's client. A caller's client made with the
// defaults waits 5 s on a Redis that accepts and never answers, whatever the context says; and a command sent again
// after a lost reply may undo another process's.
func privateOptions(client redis.UniversalClient, timeout time.Duration) (redis.Options, error) {
	single, ok := client.(*redis.Client)
	if !ok {
		return redis.Options{}, fmt.Errorf("coherence: Redis is a %T: give a *redis.Client (redis.NewClient or redis.NewFailoverClient)", client)
	}
	o := *single.Options()
	o.ContextTimeoutEnabled = true
	o.MaxRetries = -1
	o.DialerRetries = 1
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = timeout, timeout, timeout, timeout
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.ClientSideCacheConfig, o.ClientSideCache = nil, nil
	o.PushNotificationProcessor = nil // the caller's would be told of connections that are not its client's
	o.Dialer = bounded(o.Dialer)
	return o, nil
}

type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)

// bounded makes a dialer return when its context ends. The caller's client has filled in one of its own, which knows
// the caller's timeout only and, with TLS, no context: a server that never answers the handshake kept Close for 9 s.
func bounded(dial dialer) dialer {
	type result struct {
		conn net.Conn
		err  error
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		done := make(chan result, 1)
		go func() { // ends with the caller's own dial timeout
			conn, err := dial(ctx, network, addr)
			done <- result{conn, err}
		}()
		select {
		case r := <-done:
			return r.conn, r.err
		case <-ctx.Done():
			go func() {
				if r := <-done; r.err == nil { // a conn beside an error is a nil *tls.Conn
					_ = r.conn.Close()
				}
			}()
			return nil, ctx.Err()
		}
	}
}

// newClients returns a client for the caches and a small one for SYNC and the subscription.
func newClients(o redis.Options) (data, control *redis.Client) {
	small := o
	small.PoolSize, small.MinIdleConns, small.MaxIdleConns, small.MaxActiveConns = 2, 0, 2, 0
	return redis.NewClient(&o), redis.NewClient(&small)
}
