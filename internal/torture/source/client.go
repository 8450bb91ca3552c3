package source

import (
	"context"
	"encoding/binary"
	"io"
	"net"

	"github.com/tieredcache/tieredcache/internal/torture/truth"
)

// client asks the source's process. A request that was sent is waited for: the source answers at once.
type client struct {
	path string
	idle chan net.Conn
}

// Dial returns the source whose process listens on a Unix socket.
func Dial(path string) Source { return &client{path: path, idle: make(chan net.Conn, 64)} }

// Read asks for one version.
func (c *client) Read(ctx context.Context, key int) (uint64, error) {
	versions, err := c.ask(ctx, opRead, key, truth.Write{}, 1)
	if err != nil {
		return 0, err
	}
	return versions[0], nil
}

// Commit is one request, so that a group changes while its writer waits once.
func (c *client) Commit(ctx context.Context, key int, w truth.Write) (map[int]uint64, error) {
	keys, op := changed(key, w.Tag), byte(opCommit)
	if w.Tag {
		op = opCommitGroup
	}
	versions, err := c.ask(ctx, op, key, w, len(keys))
	if err != nil {
		return nil, err
	}
	committed := map[int]uint64{}
	for i, k := range keys {
		committed[k] = versions[i]
	}
	return committed, nil
}

func (c *client) ask(ctx context.Context, op byte, key int, w truth.Write, n int) ([]uint64, error) {
	connection, err := c.connection(ctx)
	if err != nil {
		return nil, err
	}
	reply := make([]byte, 8*n)
	err = writeRequest(connection, op, key, w)
	if err == nil {
		_, err = io.ReadFull(connection, reply)
	}
	if err != nil {
		connection.Close()
		return nil, err
	}
	select {
	case c.idle <- connection:
	default:
		connection.Close()
	}
	versions := make([]uint64, n)
	for i := range versions {
		versions[i] = binary.LittleEndian.Uint64(reply[8*i:])
	}
	return versions, nil
}

func (c *client) connection(ctx context.Context) (net.Conn, error) {
	select {
	case connection := <-c.idle:
		return connection, nil
	default:
		return (&net.Dialer{}).DialContext(ctx, "unix", c.path)
	}
}

// Close closes the connections that are idle.
func (c *client) Close() error {
	for {
		select {
		case connection := <-c.idle:
			connection.Close()
		default:
			return nil
		}
	}
}
