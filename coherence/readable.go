//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd || solaris || illumos

package coherence

import (
	"errors"
	"io"
	"syscall"
)

// readable says whether there is something to read, and leaves it there; the error is that the socket has ended.
func readable(socket syscall.Conn) (some bool, err error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return false, err
	}
	closed := raw.Read(func(fd uintptr) bool {
		var n int
		n, _, err = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case n > 0:
			some = true
		case err == nil:
			err = io.EOF
		case errors.Is(err, syscall.EAGAIN):
			err = nil
		}
		return true
	})
	return some, errors.Join(closed, err)
}
