// Package late reads contexts whose timers are late: go-redis goes by a context's deadline, and its error may come before
// the context's own.
package late

import (
	"cmp"
	"context"
	"time"
)

// Err returns why a context has ended, or is about to, its deadline having passed.
func Err(ctx context.Context) error {
	if deadline, has := ctx.Deadline(); has && !time.Now().Before(deadline) {
		return cmp.Or(ctx.Err(), context.DeadlineExceeded)
	}
	return ctx.Err()
}
