package services_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/internal/services"
)

func TestRedisKillRestartPause(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	server, err := services.StartRedis(ctx, services.RedisOptions{
		Password: `p"a\s @:/%s`,
		Args:     []string{"--appendonly", "yes", "--appendfsync", "always"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, server.Stop()) })
	opt, err := redis.ParseURL(server.URL)
	if err != nil {
		t.Fatal("URL does not parse")
	}
	opt.MaxRetries, opt.ContextTimeoutEnabled = -1, true
	client := redis.NewClient(opt)
	defer client.Close()
	check(t, client.Set(ctx, "k", "v", 0).Err())

	check(t, server.Kill())
	if client.Ping(ctx).Err() == nil {
		t.Fatal("a killed Redis answers")
	}
	check(t, server.Restart(ctx))
	if got, err := client.Get(ctx, "k").Result(); err != nil || got != "v" {
		t.Fatalf("after a restart with an append-only file: got %q, %v; want v", got, err)
	}

	check(t, server.Pause())
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if client.Ping(short).Err() == nil {
		t.Fatal("a paused Redis answers")
	}
	check(t, server.Resume())
	check(t, client.Ping(ctx).Err())

	check(t, server.Stop())
	check(t, server.Stop())
}

func TestRedisThatCannotStartShowsItsLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := services.StartRedis(t.Context(), services.RedisOptions{Dir: dir, Args: []string{"--no-such-setting", "1"}})
	if err == nil || !strings.Contains(err.Error(), "Bad directive") {
		t.Fatalf("got %v, want the log's tail with Bad directive", err)
	}
}

func TestRedisOnATakenPort(t *testing.T) {
	t.Parallel()
	first := startRedis(t)
	port := first.Addr[strings.LastIndexByte(first.Addr, ':')+1:]
	_, err := services.StartRedis(t.Context(), services.RedisOptions{Args: []string{"--port", port}})
	if err == nil {
		t.Fatal("a second Redis started on the first one's port")
	}
	opt, err := redis.ParseURL(first.URL)
	check(t, err)
	client := redis.NewClient(opt)
	defer client.Close()
	check(t, client.Ping(t.Context()).Err())
}

func TestNeo4jKillRestart(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	server, err := services.StartNeo4j(ctx, services.Neo4jOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, server.Stop()) })
	driver, err := neo4j.NewDriverWithContext(server.URI, neo4j.BasicAuth(server.User, server.Password, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer driver.Close(ctx)
	query := func(ctx context.Context, cypher string) (*neo4j.EagerResult, error) {
		return neo4j.ExecuteQuery(ctx, driver, cypher, nil, neo4j.EagerResultTransformer, neo4j.ExecuteQueryWithDatabase("neo4j"))
	}
	if _, err := query(ctx, "CREATE (:N {v: 7})"); err != nil {
		t.Fatal(err)
	}
	check(t, server.Kill())
	if err := driver.VerifyConnectivity(ctx); err == nil {
		t.Fatal("a killed Neo4j answers")
	}
	check(t, server.Restart(ctx))
	result, err := query(ctx, "MATCH (n:N) RETURN n.v AS v")
	if err != nil || len(result.Records) != 1 {
		t.Fatalf("after a restart: got %v, %v; want the committed node", result, err)
	}
	if dir, ok := secretIn(t, server.Password, os.TempDir(), "tieredcache-neo4j-*/neo4j.log"); ok {
		t.Fatalf("the password is in %s", dir)
	}
}

// secretIn reports the first file below dir that matches pattern and holds the secret.
func secretIn(t *testing.T, secret, dir, pattern string) (string, bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	check(t, err)
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil && bytes.Contains(data, []byte(secret)) {
			return file, true
		}
	}
	return "", false
}

// zombie reports whether the process has ended and only waits for its parent, this test, to notice.
func zombie(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func startRedis(t *testing.T) *services.Redis {
	t.Helper()
	server, err := services.StartRedis(t.Context(), services.RedisOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, server.Stop()) })
	return server
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
