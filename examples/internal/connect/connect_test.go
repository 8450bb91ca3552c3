package connect_test

import (
	"net"
	"strings"
	"testing"

	"github.com/tieredcache/tieredcache/examples/internal/connect"
	"github.com/tieredcache/tieredcache/examples/internal/testkit"
	"github.com/tieredcache/tieredcache/internal/services"
)

const secret = "s3cr3t-p4ss"

// TestRedisDoesNotAnswer: one clear line, and never a password.
func TestRedisDoesNotAnswer(t *testing.T) {
	t.Parallel()
	locked, err := services.StartRedis(t.Context(), services.RedisOptions{Password: "another"})
	testkit.Check(t, err)
	t.Cleanup(func() { testkit.Check(t, locked.Stop()) })
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts and never answers
	testkit.Check(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	for name, tt := range map[string]struct{ url, says string }{
		"nobody":           {"redis://u:" + secret + "@127.0.0.1:1/0", "no Redis at 127.0.0.1:1"},
		"a wrong password": {"redis://:" + secret + "@" + locked.Addr + "/0", "WRONGPASS"},
		"no password":      {"redis://" + locked.Addr + "/0", "NOAUTH"},
		"silent":           {"redis://:" + secret + "@" + silent.Addr().String() + "/0", "does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := connect.Redis(t.Context(), func(string) string { return tt.url })
			if client != nil || err == nil || !strings.HasPrefix(err.Error(), "REDIS_URL: ") || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("%v, %v, want an error that says %q", client, err, tt.says)
			}
			if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: a password, or more than a line", err)
			}
		})
	}
}
