package coherence

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// privateOptions makes options of the bus's own from those of the caller's client. A caller's client made with the
// defaults waits 5 s on a Redis that accepts and never answers, whatever the context says; and a command sent again
// after a lost reply may undo another process's.
func privateOptions(client redis.UniversalClient, timeout time.Duration, all *connections) (redis.Options, error) {
	single, ok := client.(*redis.Client)
	if !ok {
		return redis.Options{}, fmt.Errorf("coherence: Redis is a %T: give a *redis.Client (redis.NewClient or redis.NewFailoverClient)", client)
	}
	if single == nil {
		return redis.Options{}, errors.New("coherence: Redis is a nil *redis.Client: give one, or nil for this process alone")
	}
	o := *single.Options()
	o.ContextTimeoutEnabled = true
	o.MaxRetries = -1
	o.DialerRetries = 1
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = timeout, timeout, timeout, timeout
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.Protocol = 2 // RESP3's pushes are not used, and to look for them costs each reply
	o.ClientSideCacheConfig, o.ClientSideCache = nil, nil
	o.PushNotificationProcessor = nil // the caller's would be told of connections that are not its client's
	o.Dialer = all.tracked(bounded(o.Dialer))
	return o, nil
}

// server says which Redis the bus speaks to, for reasons: never who as, nor with which password.
type server struct {
	addr string
	db   int
	all  *connections
}

// byFailover is what go-redis calls the address of a client that asks Sentinel for it.
const byFailover = "FailoverClient"

// String returns the address and the DB. Where Sentinel knows the address, it is that of the last connection.
func (s *server) String() string {
	addr := s.addr
	if addr == byFailover {
		addr = "by Sentinel"
		if last := s.all.last.Load(); last != nil {
			addr += ", last " + *last
		}
	}
	return fmt.Sprintf("redis %s/%d", addr, s.db)
}

// failed says what failed, with which Redis, and why.
func (s *server) failed(what string, err error) error {
	for _, unknown := range []string{"NOAUTH ", "unauthenticated multibulk length", "unauthenticated bulk length"} {
		if strings.Contains(err.Error(), unknown) { // the latter two answer to a command that is long
			err = fmt.Errorf("no password was given, and Redis asks for one: %w", err)
			break
		}
	}
	return fmt.Errorf("%s with %s: %w", what, s, withoutArguments(err))
}

// withoutArguments leaves out what Redis repeats of a command that it does not know: keys are in it.
func withoutArguments(err error) error {
	what, _, repeats := strings.Cut(err.Error(), ", with args beginning with")
	if !repeats {
		return err
	}
	return errors.New(what)
}

// late says that no SYNC was answered, and by whom.
func (b *Bus) late() error { return b.server.failed("coherence: sync", errLate) }

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

// controlPool is the size of the pool of SYNC, which needs two connections. After as many failed dials, three a second,
// go-redis dials once a second alone, and the fence would open late by that: nine hours of outages. A place takes 8 B.
const controlPool = 100_000

// newClients returns a client for the caches and a small one for SYNC and the subscription.
func newClients(o redis.Options) (data, control *redis.Client) {
	small := o
	small.PoolSize, small.MinIdleConns, small.MaxIdleConns, small.MaxActiveConns = controlPool, 0, 2, 0
	return redis.NewClient(&o), redis.NewClient(&small)
}
