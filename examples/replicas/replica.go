package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/tieredcache/tieredcache/examples/internal/child"
)

const (
	count     = 3
	firstPort = 8081
)

// replica is an instance of the service.
type replica struct {
	number  int
	url     string
	process *child.Process
	said    *bufio.Reader
}

// start starts an instance; it is sent to ended when it has ended.
func start(number int, ended chan<- *replica) (*replica, error) {
	p, err := child.Start(prefixed(fmt.Sprintf("replica %d: ", number)), []string{"ADDR=" + address(firstPort+number-1)}, serveArgument)
	if err != nil {
		return nil, fmt.Errorf("start replica %d: %w", number, err)
	}
	r := &replica{number: number, process: p, said: bufio.NewReader(p.Stdout)}
	go func() {
		<-p.Ended()
		ended <- r
	}()
	return r, nil
}

// address is the port where that is free, else one that the instance chooses.
func address(port int) string {
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "127.0.0.1:0"
	}
	listener.Close()
	return addr
}

// await waits until the instance says where it listens.
func (r *replica) await(ctx context.Context) error {
	line := make(chan string, 1)
	go func() {
		text, _ := r.said.ReadString('\n') // an error is an empty line, and so is the end
		line <- text
	}()
	select {
	case text := <-line:
		url, ok := strings.CutPrefix(strings.TrimSpace(text), "listening on ")
		if !ok {
			return fmt.Errorf("replica %d did not start: its log says why", r.number)
		}
		r.url = url
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop stops the instance. How it ended is its own to say, and it has.
func (r *replica) stop() { _ = r.process.Stop() }

// prefixed returns a writer to standard error that puts a prefix before each line.
func prefixed(prefix string) io.Writer {
	read, write := io.Pipe()
	go func() {
		for lines := bufio.NewScanner(read); lines.Scan(); {
			fmt.Fprintln(os.Stderr, prefix+lines.Text())
		}
	}()
	return write
}
