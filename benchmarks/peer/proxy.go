package peer

import (
	"bytes"
	"net"
	"sync"
)

// Proxy stands between a peer and Redis, and can cut the connections that bring invalidations: those that have
// subscribed, or asked for CLIENT TRACKING.
type Proxy struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu     sync.Mutex
	cut    bool
	closed bool
	conns  map[net.Conn]bool // the peer's ends; true once it brings invalidations
}

// NewProxy returns a proxy to a host:port.
func NewProxy(target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: listener, target: target, conns: map[net.Conn]bool{}}
	p.running.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() { p.carry(c) })
		}
	})
	return p, nil
}

// Addr is where the peer connects.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Cut closes the connections that bring invalidations and refuses new ones, or ends that. It returns how many it closed.
func (p *Proxy) Cut(cut bool) (closed int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	if !cut {
		return 0
	}
	for c, brings := range p.conns {
		if brings {
			_ = c.Close()
			closed++
		}
	}
	return closed
}

// Close ends everything.
func (p *Proxy) Close() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

func (p *Proxy) carry(c net.Conn) {
	defer c.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.conns[c] = false
	p.mu.Unlock()
	p.running.Go(func() {
		defer server.Close()
		p.up(c, server)
	})
	copyTo(c, server, func([]byte) bool { return true })
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// up carries what the peer says, and notes when it asks to be told.
func (p *Proxy) up(c, server net.Conn) {
	copyTo(server, c, func(said []byte) bool {
		said = bytes.ToLower(said)
		if !bytes.Contains(said, []byte("\r\nsubscribe\r\n")) && !bytes.Contains(said, []byte("\r\ntracking\r\n")) {
			return true
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.conns[c] = true
		return !p.cut
	})
}

func copyTo(to, from net.Conn, pass func([]byte) bool) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil || !pass(buffer[:n]) {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
