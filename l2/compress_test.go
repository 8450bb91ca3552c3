package l2_test

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/l2"
)

const follows = 39 // where a word without tags says what follows

// compressing returns a store that never meets Redis and compresses what is longer.
func compressing(t testing.TB, above int) *l2.Store[string] {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { _ = client.Close() })
	s, err := l2.New(l2.Config[string]{Redis: client, Codec: plain{}, CompressAbove: above})
	return must(t, s, err)
}

func noise(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

func TestCompression(t *testing.T) {
	t.Parallel()
	never, above := compressing(t, 0), compressing(t, 100)
	for _, c := range []struct {
		name  string
		value string
		want  byte
	}{
		{"nothing", "", 1},
		{"at the size", strings.Repeat("a", 100), 1},
		{"above it", strings.Repeat("a", 101), 2},
		{"does not shrink", noise(10_000), 1},
		{"shrinks a little", noise(3_000) + strings.Repeat("a", 1_000), 2},
		{"shrinks as much as it can", string(make([]byte, 10<<20)), 2},
		{"text", strings.Repeat("prefers vegetarian dishes, and coffee without sugar; ", 50), 2},
	} {
		plain := encodeWord(t, never, l2.Value[string]{Value: c.value}, nil)
		b := encodeWord(t, above, l2.Value[string]{Value: c.value}, nil)
		if got := b[follows]; got != c.want {
			t.Errorf("%s: %d follows, want %d", c.name, got, c.want)
		}
		if shrunk := len(b) < len(plain); shrunk != (c.want == 2) {
			t.Errorf("%s: %d bytes became %d", c.name, len(plain), len(b))
		}
		for _, s := range []*l2.Store[string]{never, above} {
			for _, w := range [][]byte{plain, b} {
				if got := s.Read(w, nil, 0, 0); got.Kind != l2.Found || got.Value != c.value {
					t.Errorf("%s: kind %d, %d bytes came back", c.name, got.Kind, len(got.Value))
				}
			}
		}
	}
	missing := encodeWord(t, above, l2.Value[string]{Missing: true}, nil)
	if got := above.Read(missing, nil, 0, 0); got.Kind != l2.Found || !got.Missing || missing[follows] != 0 {
		t.Errorf("no value: got %+v, %d follows", got, missing[follows])
	}
}

// TestCompressedWordsThatAreNone: a claim that no block can keep is refused before it is allocated.
func TestCompressedWordsThatAreNone(t *testing.T) {
	s := compressing(t, 100)
	whole := encodeWord(t, s, l2.Value[string]{Value: strings.Repeat("text ", 1000)}, nil)
	head := whole[:follows+1]
	block := whole[follows+1:]
	for name, hostile := range map[string][]byte{
		"empty":                nil,
		"4 GB claimed":         append([]byte{0xff, 0xff, 0xff, 0xff, 0x0f}, block...),
		"1 GB claimed of 1 MB": append([]byte{0x80, 0x80, 0x80, 0x80, 0x04}, make([]byte, 1<<20)...),
		"more than 64 bits":    bytes.Repeat([]byte{0xff}, 20),
		"cut":                  block[:len(block)-1],
		"longer":               append(bytes.Clone(block), 0, 'x'),
		"another length":       append([]byte{block[0] ^ 1}, block[1:]...),
		"not compressed":       []byte(noise(1000)),
	} {
		b := append(bytes.Clone(head), hostile...)
		l2.Seal(b)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := s.Read(b, nil, 0, 0)
		runtime.ReadMemStats(&after)
		if got.Kind != l2.Garbage || got.Value != "" {
			t.Errorf("%s: got %+.80v, want garbage", name, got)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 64*uint64(len(b))+64<<10 {
			t.Errorf("%s: %d bytes of word made it allocate %d", name, len(b), n)
		}
	}
	for i := follows; i < len(whole); i++ {
		for bit := range 8 {
			damaged := bytes.Clone(whole)
			damaged[i] ^= 1 << bit
			if got := s.Read(damaged, nil, 0, 0); got.Kind != l2.Garbage {
				t.Fatalf("bit %d of byte %d: got %+.80v", bit, i, got)
			}
		}
	}
}

func TestCompressionInRedis(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, err := l2.New(l2.Config[string]{
		Redis: r.Client, Generation: r.generation(), CompressAbove: 100,
		Sequence: r.layout.Sequence(), Journal: r.layout.Journal(), Channel: r.layout.Channel(),
	})
	check(t, err)
	value := strings.Repeat("text ", 1000)
	filled, set := r.entry("filled"), r.entry("set")
	load(t, s, filled, l2.Value[string]{Value: value})
	check(t, r.Set(t.Context(), r.generation(), "7", 0).Err())
	stored, _, err := s.Set(t.Context(), set, l2.Value[string]{Value: value, Generation: 7, TTL: time.Minute, Expires: never}, [8]byte{1})
	if err != nil || !stored {
		t.Fatalf("got %v, %v", stored, err)
	}
	for _, e := range []l2.Entry{filled, set} {
		if n := len(r.at(t, e.Key)); n > 1000 {
			t.Errorf("%s takes %d bytes", e.Name, n)
		}
		if w, err := s.Get(t.Context(), e, 0, 0); err != nil || w.Value != value {
			t.Errorf("%s: got %+.80v, %v", e.Name, w, err)
		}
	}
}

// FuzzCompressed: any block is a value or garbage, and any value comes back.
func FuzzCompressed(f *testing.F) {
	f.Add([]byte("text text text text text text"), []byte{5, 0x10, 'h', 'e', 'l', 'l', 'o'})
	f.Add(make([]byte, 1000), []byte{0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte(noise(100)), []byte{0xe8, 7, 0, 'a', 0xfe, 1, 0})
	f.Fuzz(func(t *testing.T, value, block []byte) {
		s := compressing(t, 1)
		b := encodeWord(t, s, l2.Value[string]{Value: string(value)}, nil)
		if got := s.Read(b, nil, 0, 0); got.Kind != l2.Found || got.Value != string(value) {
			t.Fatalf("%x came back as %+v", value, got)
		}
		b = append(b[:follows], 2)
		b = append(b, block...)
		l2.Seal(b)
		if got := s.Read(b, nil, 0, 0); got.Kind != l2.Garbage && (got.Kind != l2.Found || len(got.Value) > 22*len(block)) {
			t.Errorf("%x was read as %+.80v", block, got)
		}
	})
}
