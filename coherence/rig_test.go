package coherence_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
	"github.com/tieredcache/tieredcache/internal/word"
)

// soon is far more than what is waited for takes, also on a busy machine.
const soon = 20 * time.Second

// rig is a namespace of its own on a Redis, with a plain client to look at it and to tamper with it.
type rig struct {
	*redis.Client
	namespace string
	layout    word.Layout
}

// shared returns a rig on the Redis that the tests share.
func shared(t testing.TB) *rig {
	t.Helper()
	url := os.Getenv("REDIS_URL")
	if url == "" {
		t.Fatal("REDIS_URL is not set: `make test` brings services up, `make services` prints the variables")
	}
	return at(t, url)
}

// own returns a rig on a Redis that the test may kill, and that Redis.
func own(t testing.TB, options services.RedisOptions) (*rig, *services.Redis) {
	t.Helper()
	server, err := services.StartRedis(t.Context(), options)
	check(t, err)
	t.Cleanup(func() { check(t, server.Stop()) })
	return at(t, server.URL), server
}

func at(t testing.TB, url string) *rig {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal("the URL of Redis does not parse")
	}
	r := &rig{Client: redis.NewClient(options), namespace: rand.Text()}
	r.layout = word.NewLayout(r.namespace)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		l := r.layout
		r.Del(ctx, l.Sequence(), l.Journal(), l.Heartbeat(), l.Incarnation(), l.Key(word.GenerationName("test")))
		_ = r.Close()
	})
	return r
}

// peer is a process: a bus with the seat of one cache.
type peer struct {
	*coherence.Bus
	member *coherence.Member
	events *events
}

// peer returns a bus on the rig, with a seat of the cache "test". It may not have synced yet.
func (r *rig) peer(t testing.TB, config coherence.Config) *peer {
	t.Helper()
	p := &peer{events: &events{}}
	if config.Redis == nil {
		config.Redis = r.Client
	}
	config.Namespace, config.OnEvent = r.namespace, p.events.add
	var err error
	p.Bus, err = coherence.New(config)
	check(t, err)
	t.Cleanup(func() { _ = p.Close() })
	p.member, err = p.Join("test", 1)
	check(t, err)
	return p
}

// openPeer returns a peer that has synced.
func (r *rig) openPeer(t testing.TB, config coherence.Config) *peer {
	t.Helper()
	p := r.peer(t, config)
	p.awaitOpen(t)
	return p
}

func (p *peer) awaitOpen(t testing.TB) {
	t.Helper()
	k := entry("any")
	eventually(t, "the fence opens", soon, func() bool { return p.usable(k) })
}

// awaitSubscribed waits until a bus hears messages: the fence may open before.
func (r *rig) awaitSubscribed(t testing.TB) {
	t.Helper()
	eventually(t, "it is subscribed", soon, func() bool {
		n, err := r.PubSubNumSub(t.Context(), r.layout.Channel()).Result()
		return err == nil && n[r.layout.Channel()] > 0
	})
}

func entry(key string) coherence.Ref { return coherence.Entry("test", key) }

func (p *peer) usable(ref coherence.Ref, tags ...coherence.Ref) bool {
	places := p.member.Places(ref, tags)
	return p.member.Usable(p.Now(), &places)
}

func (p *peer) epoch(ref coherence.Ref, tags ...coherence.Ref) uint64 {
	places := p.member.Places(ref, tags)
	return p.Epochs().Last(&places)
}

// lose invalidates as another process does, at one moment, but nobody gets the message.
func (r *rig) lose(t testing.TB, refs ...coherence.Ref) int64 {
	t.Helper()
	names := make([]string, len(refs))
	for i, ref := range refs {
		names[i] = ref.String()
	}
	n, err := r.Eval(t.Context(), `
		local n = redis.call('INCR', KEYS[1])
		redis.call('XADD', KEYS[2], string.format('%.0f', n) .. '-0', 'r', ARGV[1])
		return n`, []string{r.layout.Sequence(), r.layout.Journal()}, strings.Join(names, "\n")).Int64()
	check(t, err)
	return n
}

// word returns the word of a ref, "" if there is none.
func (r *rig) word(t testing.TB, ref coherence.Ref) string {
	t.Helper()
	return r.text(t, r.layout.Key(ref.String()))
}

func (r *rig) text(t testing.TB, key string) string {
	t.Helper()
	w, err := r.Get(t.Context(), key).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		t.Fatal(err)
	}
	return w
}

func (r *rig) put(t testing.TB, ref coherence.Ref, w string) {
	t.Helper()
	check(t, r.Set(t.Context(), r.layout.Key(ref.String()), w, time.Minute).Err())
}

// intent returns the word of an intent that lives for d, or has been over for -d.
func (r *rig) intent(t testing.TB, d time.Duration) string {
	t.Helper()
	now, err := r.Time(t.Context()).Result()
	check(t, err)
	return "I" + strconv.FormatInt(now.Add(d).UnixMilli(), 10) + ":0123456789abcdef;"
}

// events are what a bus has told.
type events struct {
	mu   sync.Mutex
	list []coherence.Event
}

func (e *events) add(event coherence.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, event)
}

// of returns the errors of the events of a kind.
func (e *events) of(kind coherence.Kind) (errs []error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range e.list {
		if event.Kind == kind {
			errs = append(errs, event.Err)
		}
	}
	return errs
}

// eventually polls: the one place where tests wait for what nothing announces.
func eventually(t testing.TB, what string, within time.Duration, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
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

func wantError(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want one that says %q", err, want)
	}
}

func wantIs(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}
