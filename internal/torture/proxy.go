package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// proxy is a toxiproxy between a replica and Redis.
type proxy struct {
	*toxiproxy.Proxy
	server *toxiproxy.ApiServer
}

// newProxy starts a proxy.
func newProxy(upstream string) (*proxy, error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	p := &proxy{toxiproxy.NewProxy(server, address, address, upstream), server}
	return p, p.Start()
}

// freePort returns a loopback port on which nothing listens. Redis and the proxies leave theirs for a while and come
// back: so it lies below what kernels give to outgoing connections, and below what internal/services gives to servers.
func freePort() (int, error) {
	const first, last = 10000, 20000
	for range 100 {
		port := first + rand.IntN(last-first)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port on 127.0.0.1")
}

func (p *proxy) address() string { return p.Listen }
func (p *proxy) close()          { p.Stop() }

// cut closes every connection and refuses new ones.
func (p *proxy) cut() error {
	p.Stop()
	return nil
}

func (p *proxy) restore() error {
	limit := time.Now().Add(10 * time.Second)
	err := p.Start()
	for ; err != nil && time.Now().Before(limit); err = p.Start() {
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

// add puts a toxic into each of the streams.
func (p *proxy) add(kind, attributes string, streams ...string) error {
	for _, stream := range streams {
		_, err := p.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"type": %q, "stream": %q, "attributes": %s}`, kind, stream, attributes)))
		if err != nil {
			return fmt.Errorf("toxic %s: %w", kind, err)
		}
	}
	return nil
}

// blackhole swallows what either side says, on connections old and new, and closes nothing.
func (p *proxy) blackhole() error {
	return p.add("timeout", `{"timeout": 0}`, "upstream", "downstream")
}

// slow delays what either side says, by most at most.
func (p *proxy) slow(most time.Duration) error {
	half := most.Milliseconds() / 4 // of each direction: latency and jitter
	return p.add("latency", fmt.Sprintf(`{"latency": %d, "jitter": %d}`, half, half), "upstream", "downstream")
}

// deafen keeps from the client that the server has closed a connection.
func (p *proxy) deafen() error { return p.add("slow_close", `{"delay": 3600000}`, "downstream") }

// heal ends the connections, whose losses cannot be made good, and puts a proxy without toxics in this one's place.
// Taking them out may never return: a latency that has outlived its connection holds what nobody takes from it.
func (p *proxy) heal() error {
	p.Stop()
	p.Proxy = toxiproxy.NewProxy(p.server, p.Name, p.Listen, p.Upstream)
	return p.restore()
}
