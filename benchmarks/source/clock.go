package source

import (
	"time"

	"golang.org/x/sys/unix"
)

// Clock returns the time on the clock that all processes of this machine share.
func Clock() time.Duration { return now() }

func now() time.Duration {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &at); err != nil {
		panic(err) // there is no system without it
	}
	return time.Duration(at.Nano())
}
