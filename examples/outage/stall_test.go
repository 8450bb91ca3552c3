package outage

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// stalls remembers when the machine, busy with something else, did not let this process run: a timer of a millisecond
// that is late by more than late. What a read costs is then measured without that.
type stalls struct {
	mu   sync.Mutex
	list []stall
}

type stall struct{ from, to time.Time }

const late = 3 * time.Millisecond

// watch watches until ctx ends.
func (s *stalls) watch(ctx context.Context) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tick := time.NewTimer(0)
	for due := time.Now(); ctx.Err() == nil; {
		<-tick.C
		now := time.Now()
		if now.Sub(due) > late {
			s.mu.Lock()
			s.list = append(s.list, stall{due, now})
			s.mu.Unlock()
		}
		due = time.Now().Add(time.Millisecond)
		tick.Reset(time.Millisecond)
	}
}

// during returns how much of a time the process could not run.
func (s *stalls) during(from, to time.Time) (sum time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.list) - 1; i >= 0 && s.list[i].to.After(from); i-- {
		a, b := s.list[i].from, s.list[i].to
		if a.Before(from) {
			a = from
		}
		if b.After(to) {
			b = to
		}
		sum += max(0, b.Sub(a))
	}
	return sum
}
