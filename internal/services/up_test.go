package services_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/internal/services"
)

// TestUp is one story, as starting Neo4j takes its time: up twice at once, losses, down.
func TestUp(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := services.Config{Root: t.TempDir(), Log: t.Output()}
	t.Cleanup(func() { check(t, services.Down(t.Context(), c)) })
	bystander := startRedis(t)

	if _, err := services.Find(ctx, c); err == nil || !strings.Contains(err.Error(), "make services") {
		t.Errorf("Find before Up: got %v, want an error that says how to start them", err)
	}

	var envs [2]services.Env
	var errs [2]error
	var both sync.WaitGroup
	for i := range envs {
		both.Go(func() { envs[i], errs[i] = services.Up(ctx, c) })
	}
	both.Wait()
	check(t, errs[0])
	check(t, errs[1])
	if envs[0] != envs[1] {
		t.Fatal("two Ups at once gave different services")
	}
	first := envs[0]
	if found, err := services.Find(ctx, c); err != nil || found != first {
		t.Errorf("Find: got other services, or %v", err)
	}

	kill(t, pidOf(t, c, "redis"), syscall.SIGKILL)
	second := up(t, c)
	if !answers(t, second.RedisURL) || second.Neo4jURI != first.Neo4jURI {
		t.Error("after Redis was killed: want a Redis that answers, and the same Neo4j")
	}

	frozen := pidOf(t, c, "redis")
	kill(t, frozen, syscall.SIGSTOP)
	third := up(t, c)
	if !answers(t, third.RedisURL) || third.Neo4jURI != first.Neo4jURI {
		t.Error("after Redis froze: want a Redis that answers, and the same Neo4j")
	}
	if err := syscall.Kill(frozen, 0); err == nil && !zombie(frozen) {
		t.Error("the frozen Redis was left behind")
	}

	kill(t, pidOf(t, c, "neo4j"), syscall.SIGKILL)
	fourth := up(t, c)
	if fourth.RedisURL != third.RedisURL || fourth.Neo4jPassword == first.Neo4jPassword {
		t.Error("after Neo4j was killed: want the same Redis, and a new Neo4j")
	}
	if file, ok := secretIn(t, fourth.Neo4jPassword, c.Root, ".services/*/*.log"); ok {
		t.Errorf("the password is in %s", file)
	}

	pid := pidOf(t, c, "neo4j")
	check(t, services.Down(ctx, c))
	check(t, services.Down(ctx, c))
	if answers(t, fourth.RedisURL) {
		t.Error("Redis answers after Down")
	}
	if err := syscall.Kill(pid, 0); err == nil && !zombie(pid) {
		t.Error("Neo4j runs after Down")
	}
	for _, name := range []string{"redis", "neo4j", "state.json"} {
		if _, err := os.Stat(filepath.Join(c.Root, ".services", name)); !os.IsNotExist(err) {
			t.Errorf("%s is there after Down: %v", name, err)
		}
	}
	if !answers(t, bystander.URL) {
		t.Error("Down stopped a Redis that Up had not started")
	}
}

func TestGivenServices(t *testing.T) {
	t.Parallel()
	server, err := services.StartRedis(t.Context(), services.RedisOptions{Password: "right"})
	check(t, err)
	t.Cleanup(func() { check(t, server.Stop()) })
	tests := map[string]struct {
		env  map[string]string
		want string
	}{
		"refused password": {map[string]string{"REDIS_URL": strings.Replace(server.URL, "right", "hunter2", 1)}, "WRONGPASS"},
		"nobody listens":   {map[string]string{"REDIS_URL": "redis://:hunter2@127.0.0.1:1/0"}, "connection refused"},
		"no URL":           {map[string]string{"REDIS_URL": "redis://:hunter2@a b:%zz"}, "not a Redis URL"},
		"no Neo4j":         {map[string]string{"NEO4J_URI": "bolt://127.0.0.1:1", "NEO4J_PASSWORD": "hunter2"}, "NEO4J_URI is set, but"},
		"no URI":           {map[string]string{"NEO4J_URI": "bolt://neo4j:hunter2@127.0.0.1:1"}, "NEO4J_PASSWORD"},
		"another scheme":   {map[string]string{"NEO4J_URI": "http://127.0.0.1:1", "NEO4J_PASSWORD": "hunter2"}, "scheme"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := services.Config{Root: t.TempDir(), Getenv: func(name string) string { return tt.env[name] }}
			_, err := services.Up(t.Context(), c)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Error("the error shows the password")
			}
		})
	}
}

func up(t *testing.T, c services.Config) services.Env {
	t.Helper()
	env, err := services.Up(t.Context(), c)
	check(t, err)
	return env
}

// answers reports whether the Redis at url does.
func answers(t *testing.T, url string) bool {
	t.Helper()
	opt, err := redis.ParseURL(url)
	check(t, err)
	opt.MaxRetries = -1
	client := redis.NewClient(opt)
	defer client.Close()
	return client.Ping(t.Context()).Err() == nil
}

// pidOf reads the process of a service from the state folder.
func pidOf(t *testing.T, c services.Config, name string) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(c.Root, ".services", "state.json"))
	check(t, err)
	var state struct {
		Services map[string]struct{ Process struct{ PID int } }
	}
	check(t, json.Unmarshal(data, &state))
	return state.Services[name].Process.PID
}

func kill(t *testing.T, pid int, sig syscall.Signal) {
	t.Helper()
	if pid <= 1 {
		t.Fatalf("no process: %d", pid)
	}
	check(t, syscall.Kill(pid, sig))
}
