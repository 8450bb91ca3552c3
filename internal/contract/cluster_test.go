package contract

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/internal/contract/replica"
	"github.com/tieredcache/tieredcache/internal/contract/source"
	"github.com/tieredcache/tieredcache/internal/services"
)

// cluster is replicas on a Redis and a source that belong to one test.
type cluster struct {
	redis    *services.Redis
	client   *redis.Client // the test's own look at Redis
	source   *source.Source
	replicas []*process
}

// open starts a Redis, a source, and n replicas of one kind, and waits until their fences are open.
func open(t *testing.T, n int, o replica.Options, redisArgs ...string) *cluster {
	t.Helper()
	c := &cluster{}
	var err error
	c.redis, err = services.StartRedis(t.Context(), services.RedisOptions{Args: redisArgs})
	check(t, err)
	t.Cleanup(func() { check(t, c.redis.Stop()) })
	c.source, err = source.Start()
	check(t, err)
	t.Cleanup(c.source.Close)
	c.client = redis.NewClient(&redis.Options{Addr: c.redis.Addr})
	t.Cleanup(func() { _ = c.client.Close() })
	t.Cleanup(func() {
		for _, p := range c.replicas { // all at once: each takes a while
			_ = p.stdin.Close()
		}
		for _, p := range c.replicas {
			p.stop(t)
		}
	})
	for range n {
		c.add(t, o)
	}
	for _, p := range c.replicas {
		c.ready(t, p)
	}
	return c
}

// add starts one more replica. It goes to the cluster's Redis unless o says otherwise.
func (c *cluster) add(t *testing.T, o replica.Options) *process {
	t.Helper()
	if o.Redis == "" {
		o.Redis = c.redis.Addr
	}
	o.Source = c.source.Addr()
	o.Name = fmt.Sprintf("replica%d", len(c.replicas))
	p := start(t, o)
	c.replicas = append(c.replicas, p)
	return p
}

// ready waits until a replica's fence is open.
func (c *cluster) ready(t *testing.T, p *process) {
	t.Helper()
	eventually(t, "the fence opens", func() bool { return p.state(t).Condition == "open" })
}

// word returns the word of a key in Redis, "" where there is none.
func (c *cluster) word(t *testing.T, key string) string {
	t.Helper()
	w, err := c.client.Get(t.Context(), replica.Cache+":"+key).Result()
	if err != nil && err != redis.Nil { //nolint:errorlint // go-redis never wraps it
		t.Fatal(err)
	}
	return w
}

// keys makes names of keys.
func keys(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return list
}
