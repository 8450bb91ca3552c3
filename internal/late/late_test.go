package late_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/internal/late"
)

// behind is a context whose timer has not fired.
type behind struct {
	context.Context
	deadline time.Time
}

func (b behind) Deadline() (time.Time, bool) { return b.deadline, true }

func TestErr(t *testing.T) {
	t.Parallel()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		want error
	}{
		"runs":                     {t.Context(), nil},
		"runs, with a deadline":    {behind{t.Context(), time.Now().Add(time.Hour)}, nil},
		"is late":                  {behind{t.Context(), time.Now()}, context.DeadlineExceeded},
		"cancelled":                {over, context.Canceled},
		"cancelled, and then late": {behind{over, time.Now()}, context.Canceled},
	} {
		if got := late.Err(c.ctx); !errors.Is(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
