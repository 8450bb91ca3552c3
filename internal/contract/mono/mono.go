// Package mono is the clock that all processes of one machine share: monotonic, running on while a process is frozen.
package mono

import (
	"time"

	"golang.org/x/sys/unix"
)

// Now returns the time on the clock. It means nothing on another machine, or after a restart of this one.
func Now() time.Duration {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &at); err != nil {
		panic(err) // there is no system without it
	}
	return time.Duration(at.Nano())
}

// Until returns how long it is until a time on the clock.
func Until(at time.Duration) time.Duration { return at - Now() }
