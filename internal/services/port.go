package services

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// freePort returns a loopback port on which nothing listens. It lies below the range that kernels give to outgoing
// connections, so that none of those takes it while a killed server is away.
func freePort() (int, error) {
	const first, last = 20000, 32000
	for range 100 {
		port := first + rand.IntN(last-first)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port on 127.0.0.1 between 20000 and 32000")
}
