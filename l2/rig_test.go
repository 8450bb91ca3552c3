package l2_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/internal/word"
	"github.com/tieredcache/tieredcache/l2"
)

const (
	token  = "0123456789abcdef"
	second = time.Second
)

// rig is a namespace of its own on the Redis that the tests share.
type rig struct {
	*redis.Client
	layout word.Layout
	keys   []string
}

func newRig(t testing.TB) *rig {
	t.Helper()
	url := os.Getenv("REDIS_URL")
	if url == "" {
		t.Fatal("REDIS_URL is not set: `make test` brings services up, `make services` prints the variables")
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal("REDIS_URL is not a Redis URL")
	}
	r := &rig{Client: redis.NewClient(options), layout: word.NewLayout(rand.Text())}
	r.keys = []string{r.layout.Sequence(), r.layout.Journal(), r.generation()}
	t.Cleanup(func() {
		r.Del(context.WithoutCancel(t.Context()), r.keys...)
		_ = r.Close()
	})
	return r
}

// key returns a key of the rig's own, which is deleted in the end.
func (r *rig) key(name string) string {
	k := r.layout.Key(name)
	r.keys = append(r.keys, k)
	return k
}

func (r *rig) generation() string { return r.layout.Key(word.GenerationName("test")) }

func (r *rig) entry(name string, tags ...string) l2.Entry {
	e := l2.Entry{Key: r.key("test:" + name), Name: "test:" + name}
	for _, tag := range tags {
		e.Tags = append(e.Tags, r.key(word.TagName(tag)))
	}
	return e
}

// store returns a store of strings in the rig's namespace.
func (r *rig) store(t testing.TB, codec l2.Codec[string], schema uint) *l2.Store[string] {
	t.Helper()
	s, err := l2.New(l2.Config[string]{
		Redis: r.Client, Codec: codec, Schema: schema, Generation: r.generation(),
		Sequence: r.layout.Sequence(), Journal: r.layout.Journal(), Channel: r.layout.Channel(),
	})
	return must(t, s, err)
}

func (r *rig) now(t testing.TB) int64 {
	t.Helper()
	now, err := r.Time(t.Context()).Result()
	return must(t, now, err).UnixMilli()
}

// state is what stands at a key. The zero state is nothing.
type state struct {
	word  string // with {live} and {past}: an expiry that is to come, one that has passed
	px    time.Duration
	empty bool // the empty string
	list  bool // another Redis type
}

func (r *rig) arrange(t testing.TB, key string, s state) {
	t.Helper()
	ctx := t.Context()
	if s.list {
		check(t, r.RPush(ctx, key, "x").Err())
		return
	}
	if s.word != "" || s.empty {
		check(t, r.Set(ctx, key, r.expand(t, s.word), s.px).Err())
	}
}

func (r *rig) expand(t testing.TB, w string) string {
	t.Helper()
	if !strings.Contains(w, "{") {
		return w
	}
	now := r.now(t)
	return strings.NewReplacer("{live}", strconv.FormatInt(now/100_000*100_000+10_000_000, 10), "{past}", strconv.FormatInt(now-1000, 10)).Replace(w)
}

// at returns the word at a key, "" if there is none.
func (r *rig) at(t testing.TB, key string) string {
	t.Helper()
	w, err := r.Get(t.Context(), key).Result()
	if errors.Is(err, redis.Nil) {
		return ""
	}
	return must(t, w, err)
}

func (r *rig) life(t testing.TB, key string) time.Duration {
	t.Helper()
	d, err := r.PTTL(t.Context(), key).Result()
	return must(t, d, err)
}

// listen returns a function that returns the messages published since.
func (r *rig) listen(t testing.TB) func() []string {
	t.Helper()
	ctx := t.Context()
	sub := r.Subscribe(ctx, r.layout.Channel())
	t.Cleanup(func() { _ = sub.Close() })
	_, err := sub.Receive(ctx)
	check(t, err)
	return func() (heard []string) {
		t.Helper()
		const last = "that was all"
		check(t, r.Publish(ctx, r.layout.Channel(), last).Err())
		for {
			m, err := sub.ReceiveMessage(ctx)
			check(t, err)
			if m.Payload == last {
				return heard
			}
			heard = append(heard, m.Payload)
		}
	}
}

// eventually polls until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("not within 10 s: %s", what)
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // the one polling helper
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[T any](t testing.TB, v T, err error) T {
	t.Helper()
	check(t, err)
	return v
}

// plain is the codec of strings that are their own encoding.
type plain struct{ id uint32 }

func (p plain) ID() uint32                                { return 0x706c6e00 + p.id }
func (plain) Append(dst []byte, v string) ([]byte, error) { return append(dst, v...), nil }
func (plain) Decode(src []byte) (string, error)           { return string(src), nil }
func (plain) Check() error                                { return nil }
