package service

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// dialer gives a bus connections whose faults come apart: commands go through one proxy, a subscription through another.
// Nothing tells the two apart when they are dialled, so a connection begins at the proxy for commands and moves, with
// what its client has said so far, when it says SUBSCRIBE. failed is told when Redis did not answer a command.
func dialer(commands, pubsub string, failed func()) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		connection, err := (&net.Dialer{}).DialContext(ctx, network, commands)
		if err != nil {
			failed()
			return nil, err
		}
		return &moving{at: connection, network: network, pubsub: pubsub, failed: failed}, nil
	}
}

// moving is a connection that moves once. While it does, nobody reads from it: a client subscribes before it receives.
type moving struct {
	network, pubsub string
	failed          func()

	mu    sync.Mutex
	at    net.Conn
	said  []byte // by the client, so long as it may still move
	moved bool
	limit time.Time
}

// handshake is more than any client says before it subscribes; one that has said more does not.
const handshake = 4096

// Write sends on, and moves first where a subscription begins.
func (m *moving) Write(b []byte) (int, error) {
	m.mu.Lock()
	switch {
	case m.moved || len(m.said) > handshake:
	case bytes.Contains(bytes.ToLower(b), []byte("\r\nsubscribe\r\n")):
		if err := m.move(); err != nil {
			m.mu.Unlock()
			return 0, err
		}
	default:
		m.said = append(m.said, b...)
	}
	at := m.at
	m.mu.Unlock()
	return at.Write(b)
}

// move repeats the handshake at the other proxy and reads its replies away, up to that to a marker.
func (m *moving) move() error {
	limit := m.limit
	if limit.IsZero() {
		limit = time.Now().Add(time.Second)
	}
	to, err := (&net.Dialer{Deadline: limit}).Dial(m.network, m.pubsub)
	if err != nil {
		return err
	}
	_ = to.SetDeadline(limit)
	marker := rand.Text()
	reply := []byte(fmt.Sprintf("$%d\r\n%s\r\n", len(marker), marker))
	_, err = fmt.Fprintf(to, "%s*2\r\n$4\r\nECHO\r\n%s", m.said, reply)
	var heard []byte
	for b := make([]byte, 1); err == nil && !bytes.HasSuffix(heard, reply); heard = append(heard, b...) {
		_, err = io.ReadFull(to, b)
	}
	if err != nil {
		to.Close()
		return err
	}
	_ = to.SetDeadline(m.limit)
	m.at.Close()
	m.at, m.moved, m.said = to, true, nil
	return nil
}

func (m *moving) now() net.Conn {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at
}

// Read receives from where the connection is now.
func (m *moving) Read(b []byte) (int, error) {
	n, err := m.now().Read(b)
	if err != nil && !errors.Is(err, net.ErrClosed) && !m.hasMoved() {
		m.failed()
	}
	return n, err
}

func (m *moving) hasMoved() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.moved
}

// Close closes it where it is now.
func (m *moving) Close() error { return m.now().Close() }

// LocalAddr is of where it is now.
func (m *moving) LocalAddr() net.Addr { return m.now().LocalAddr() }

// RemoteAddr is of where it is now.
func (m *moving) RemoteAddr() net.Addr { return m.now().RemoteAddr() }

// SetDeadline holds for the move as well.
func (m *moving) SetDeadline(t time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = t
	return m.at.SetDeadline(t)
}

// SetReadDeadline is for where it is now.
func (m *moving) SetReadDeadline(t time.Time) error { return m.now().SetReadDeadline(t) }

// SetWriteDeadline holds for the move as well.
func (m *moving) SetWriteDeadline(t time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = t
	return m.at.SetWriteDeadline(t)
}

// SyscallConn lets the client see that a connection was closed before it uses it.
func (m *moving) SyscallConn() (syscall.RawConn, error) {
	c, ok := m.now().(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("a %T has no file", m.now())
	}
	return c.SyscallConn()
}
