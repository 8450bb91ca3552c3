package coherence

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// connections are those that are open. go-redis cannot close the ones that it lends out.
type connections struct {
	mu      sync.Mutex
	open    map[*connection]struct{}
	renewed int                    // how often all were closed
	last    atomic.Pointer[string] // where the last that was made leads to
}

type connection struct {
	net.Conn
	of    *connections
	isCut atomic.Bool
}

// rawConnection is a connection whose socket go-redis looks at before it is used again.
type rawConnection struct {
	*connection
	syscall.Conn
}

// dialled is in a context whether something was dialled in it.
type dialled struct{}

// dialOnce returns a context in which one connection is dialled, and no other: go-redis makes one more for a subscription
// that has ended, before it says so, and the bus makes its own.
func dialOnce(ctx context.Context) context.Context {
	return context.WithValue(ctx, dialled{}, new(atomic.Bool))
}

func (c *connections) tracked(dial dialer) dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if was, only := ctx.Value(dialled{}).(*atomic.Bool); only && was.Swap(true) {
			return nil, errEnded
		}
		c.mu.Lock()
		renewed := c.renewed
		c.mu.Unlock()
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if to := conn.RemoteAddr(); to != nil {
			addr := to.String()
			c.last.Store(&addr)
		}
		tracked := &connection{Conn: conn, of: c}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.renewed != renewed { // it may lead where those led that were closed meanwhile
			tracked.cut()
			return nil, errRenewed
		}
		if c.open == nil {
			c.open = map[*connection]struct{}{}
		}
		c.open[tracked] = struct{}{}
		if raw, ok := conn.(syscall.Conn); ok {
			return rawConnection{tracked, raw}, nil
		}
		return covered{tracked}, nil
	}
}

// Close closes the connection, and forgets it. One that was cut is closed.
func (c *connection) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	if err := c.Conn.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// cut closes the socket alone: TLS would take its leave first, from a server that may not listen.
func (c *connection) cut() {
	c.isCut.Store(true)
	_ = c.socket().Close()
}

// closeAll closes those that are open, and those that are being dialled when they stand: the clients make others.
func (c *connections) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.renewed++
	for conn := range c.open {
		conn.cut() // go-redis closes the connection when it meets that
	}
}
