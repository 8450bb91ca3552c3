//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd || solaris || illumos)

package coherence

import "syscall"

// readable is not asked here: go-redis looks at no connection.
func readable(syscall.Conn) (some bool, err error) { return false, nil }
