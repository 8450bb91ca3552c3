package tiered_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/tieredcache/tieredcache/tiered"
)

// A load that ends by Goexit gives its lease up, as one that fails does: else who reads next waits until it is over.
func TestGoexitInALoadLeavesNoLease(t *testing.T) {
	c, key, rdb := processes(t, 1, tiered.Config[string, string]{
		Load: func(context.Context, string) (string, error) { runtime.Goexit(); return "", nil },
	})
	_, err := c[0].Get(t.Context(), "k")
	wantError(t, err, "Goexit")
	if w := rdb.Get(t.Context(), key("k")).Val(); w != "" {
		t.Errorf("the word %q was left behind", w)
	}
}
