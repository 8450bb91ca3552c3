package truth

import (
	"time"

	"golang.org/x/sys/unix"
)

// clock reads CLOCK_MONOTONIC, which all processes of the machine share, through Go's own monotonic clock: a read of it
// costs a tenth of a system call.
type clock struct {
	base time.Time
	at   int64 // CLOCK_MONOTONIC at base, never later than it was
}

// newClock takes the tightest of some looks at both clocks.
func newClock() (c clock, err error) {
	best := time.Duration(1 << 62)
	for range 200 {
		var ts unix.Timespec
		before := time.Now()
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			return c, err
		}
		after := time.Now()
		if took := after.Sub(before); took < best {
			best, c = took, clock{base: after, at: ts.Nano()}
		}
	}
	return c, nil
}

// now returns nanoseconds of CLOCK_MONOTONIC.
func (c clock) now() int64 { return c.at + int64(time.Since(c.base)) }
