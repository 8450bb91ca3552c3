package coherence

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// Before go-redis uses a connection again it looks at its socket, if it is given one: what ended meanwhile costs no command
// then, and none is sent again here. Over TLS it is given none, and may not be: what is read there may be TLS's own.

// covered is a connection whose socket lies under something, TLS for one, or is not to be seen at all.
type covered struct{ *connection }

// SyscallConn returns what go-redis looks at.
func (c covered) SyscallConn() (syscall.RawConn, error) { return look{c.connection}, nil }

// look is a look at a connection.
type look struct{ at *connection }

// Read says whether the connection has ended. It does not hand out the socket, where what is TLS's own may be.
func (l look) Read(func(uintptr) bool) error { return l.at.ended() }

// Write is not for looking.
func (look) Write(func(uintptr) bool) error { return errors.ErrUnsupported }

// Control is not for looking.
func (look) Control(func(uintptr)) error { return errors.ErrUnsupported }

var errUnasked = errors.New("the connection says what it was not asked for")

// ended returns nil for a connection that can be used again. There is nothing to read on it as a rule. If there is, whoever
// lies over the socket reads it: of TLS it may be a ticket, or its leave. An answer comes to nobody any more.
func (c *connection) ended() error {
	if c.isCut.Load() {
		return net.ErrClosed
	}
	socket, ok := c.socket().(syscall.Conn)
	if !ok {
		return nil
	}
	some, err := readable(socket)
	if err != nil || !some {
		return err
	}
	_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
	n, err := c.Read(make([]byte, 1))
	_ = c.SetReadDeadline(time.Time{})
	switch {
	case n > 0:
		return errUnasked
	case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
		return err
	}
	if some, err = readable(socket); some {
		return errUnasked
	}
	return err
}

// socket is what lies under the connection, as far as can be seen.
func (c *connection) socket() net.Conn {
	socket := c.Conn
	for range 8 { // one that leads to itself has no end
		over, ok := socket.(interface{ NetConn() net.Conn })
		if !ok || over.NetConn() == nil {
			break
		}
		socket = over.NetConn()
	}
	return socket
}
