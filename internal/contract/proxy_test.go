package contract

import (
	"bytes"
	"net"
	"sync"
	"testing"
)

// proxy stands between one replica and Redis, and can cut the connection of the messages alone.
type proxy struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu     sync.Mutex
	deaf   bool
	cut    bool
	closed bool
	conns  map[net.Conn]bool // the replica's ends; true once it has subscribed
	lost   int               // messages and connections that were lost
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	p := &proxy{listener: listener, target: target, conns: map[net.Conn]bool{}}
	p.running.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() { p.carry(c) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		p.mu.Lock()
		p.closed = true
		for c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.running.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// deafen has what Redis says on the subscribed connections vanish, or ends that, and those connections with it: a gap
// in the middle of the stream would be another fault.
func (p *proxy) deafen(deaf bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf = deaf
	if !deaf {
		p.closeSubscribed()
	}
}

// sever closes the subscribed connections and refuses new ones, or ends that.
func (p *proxy) sever(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	if cut {
		p.closeSubscribed()
	}
}

func (p *proxy) closeSubscribed() {
	for c, subscribed := range p.conns {
		if subscribed {
			_ = c.Close()
			p.lost++
		}
	}
}

// losses says how many messages and connections were lost.
func (p *proxy) losses() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

func (p *proxy) carry(c net.Conn) {
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
	p.down(c, server)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// up carries what the replica says, and notes when it subscribes.
func (p *proxy) up(c, server net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := c.Read(buffer)
		if err != nil {
			return
		}
		if bytes.Contains(buffer[:n], []byte("\r\nsubscribe\r\n")) {
			p.mu.Lock()
			p.conns[c] = true
			refused := p.cut
			if refused {
				p.lost++
			}
			p.mu.Unlock()
			if refused {
				return
			}
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// down carries what Redis says.
func (p *proxy) down(c, server net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		p.mu.Lock()
		vanish := p.deaf && p.conns[c]
		if vanish {
			p.lost++
		}
		p.mu.Unlock()
		if vanish {
			continue
		}
		if _, err := c.Write(buffer[:n]); err != nil {
			return
		}
	}
}
