package tiered_test

import (
	"context"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/word"
	"github.com/tieredcache/tieredcache/tiered"
)

// A config that New refuses, and what its error must say: the field, and the remedy.
func TestNewRefuses(t *testing.T) {
	type config = tiered.Config[string, string]
	for name, test := range map[string]struct {
		config config
		want   []string
	}{
		"no name":        {config{}, []string{"Name", "empty", `"prefs"`}},
		"bad name":       {config{Name: "a:b"}, []string{`Name "a:b"`, "a-z"}},
		"long name":      {config{Name: strings.Repeat("x", 65)}, []string{"Name", "1 to 64"}},
		"reserved name":  {config{Name: "tieredcache"}, []string{`"tieredcache"`, "choose another"}},
		"negative ttl":   {config{Name: "a", TTL: -1}, []string{"TTL is -1ns", "zero for 5m"}},
		"tiny ttl":       {config{Name: "a", TTL: 1}, []string{"TTL is 1ns", "at least 1ms"}},
		"missing ttl":    {config{Name: "a", MissingTTL: -time.Second}, []string{"MissingTTL is -1s", "zero for 30s"}},
		"endless ttl":    {config{Name: "a", TTL: math.MaxInt64}, []string{"TTL is 2562047h", "at most 100 years", "zero for 5m"}},
		"capacity":       {config{Name: "a", Capacity: -1}, []string{"Capacity is -1", "bytes"}},
		"of entries":     {config{Name: "a", Capacity: 1000}, []string{"Capacity is 1000", "bytes, at least 1024", "zero for 67108864"}},
		"loads":          {config{Name: "a", MaxLoads: -1}, []string{"MaxLoads is -1", "zero for 64"}},
		"load timeout":   {config{Name: "a", LoadTimeout: 30}, []string{"LoadTimeout is 30ns", "at least 1ms", "zero for 1m0s"}},
		"compress":       {config{Name: "a", CompressAbove: -1}, []string{"CompressAbove is -1", "zero for never"}},
		"schema too big": {config{Name: "a", Schema: 1 << 40}, []string{"Schema", "at most"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tiered.New(test.config)
			wantError(t, err, test.want...)
			if begin := "tiered: cache \"" + test.config.Name + "\": "; !strings.HasSuffix(name, " name") && !strings.HasPrefix(err.Error(), begin) {
				t.Errorf("got %q, want it to begin with %q", err, begin)
			}
		})
	}
}

func TestNewRefusesTypes(t *testing.T) {
	_, err := tiered.New(tiered.Config[struct{ A, B any }, int]{Name: "a"})
	wantError(t, err, "Key", ".A is interface {}, an interface")
	_, err = tiered.New(tiered.Config[any, int]{Name: "a"})
	wantError(t, err, `tiered: cache "a": Key: key type interface {}, an interface: use`)
	type keyed struct {
		A string
		F [2]int
	}
	_, err = tiered.New(tiered.Config[keyed, int]{Name: "a"})
	wantError(t, err, "Key", ".F is [2]int", "give Key")
	_, err = tiered.New(tiered.Config[[2]int, int]{Name: "a"})
	wantError(t, err, `tiered: cache "a": Key: key type [2]int: use strings`)
	_, err = tiered.New(tiered.Config[[2]float64, int]{Name: "a", Key: func(k [2]float64) string { return strconv.Itoa(int(k[0])) }})
	wantError(t, err, "Key", "[] is float64", "0 and -0")
	type inside struct {
		ID int
		At struct{ X float64 }
	}
	_, err = tiered.New(tiered.Config[inside, int]{Name: "a", Key: func(k inside) string { return strconv.Itoa(int(k.At.X)) }})
	wantError(t, err, "Key", ".At.X", "float64", "0 and -0")
	_, err = tiered.New(tiered.Config[float64, int]{Name: "a"})
	wantError(t, err, `tiered: cache "a": Key: key type float64, whose 0 and -0`)
	_, err = tiered.New(tiered.Config[string, map[string]any]{Name: "a", Bus: newBus(t, coherence.Config{})})
	wantError(t, err, "Codec", "any")
}

func TestNewRefusesANameTwice(t *testing.T) {
	bus, err := coherence.New(coherence.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	a, err := tiered.New(tiered.Config[string, string]{Name: "a", Bus: bus})
	if err != nil {
		t.Fatal(err)
	}
	_, err = tiered.New(tiered.Config[string, string]{Name: "a", Bus: bus})
	wantError(t, err, `"a"`, "one per name")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := tiered.New(tiered.Config[string, string]{Name: "a", Bus: bus})
	if err != nil {
		t.Fatalf("the name was not free after Close: %v", err)
	}
	defer again.Close()
}

// The text of a key, as Redis shows it.
func TestKeyText(t *testing.T) {
	type user struct{ Tenant, User string }
	type part struct {
		user
		Page int8
		Size uint64
	}
	check := func(t *testing.T, got interface{ String() string }, want string) {
		t.Helper()
		if got.String() != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	users := newLocal(t, tiered.Config[user, string]{Name: "prefs"})
	check(t, users.Ref(user{"acme", "ada"}), "prefs:acme:ada")
	check(t, users.Ref(user{"acme", ""}), "prefs:acme:")
	check(t, users.Ref(user{"a:b", "c"}), "prefs:a%3Ab:c")
	check(t, users.Ref(user{"a", "b:c"}), "prefs:a:b%3Ac")
	check(t, users.Ref(user{"a%3Ab", "{c}\n"}), "prefs:a%253Ab:%7Bc%7D%0A")
	parts := newLocal(t, tiered.Config[part, string]{Name: "parts"})
	check(t, parts.Ref(part{user{"acme", "ada"}, -1, 1 << 63}), "parts:acme:ada:-1:9223372036854775808")
	type every struct{ M [0]int }
	type integers struct {
		A int
		B int8
		C int16
		D int32
		E int64
		F uint
		G uint8
		H uint16
		I uint32
		J uint64
		K uintptr
		L string
	}
	if _, err := tiered.New(tiered.Config[every, string]{Name: "every"}); err == nil || !strings.Contains(err.Error(), "every.M is [0]int") {
		t.Errorf("an array in a key: got %v", err)
	}
	all := newLocal(t, tiered.Config[integers, string]{Name: "all"})
	check(t, all.Ref(integers{-1, -2, -3, -4, -5, 6, 7, 8, 9, 10, 11, "l"}), "all:-1:-2:-3:-4:-5:6:7:8:9:10:11:l")
	check(t, all.Ref(integers{
		math.MinInt, math.MinInt8, math.MinInt16, math.MinInt32, math.MinInt64,
		math.MaxUint, math.MaxUint8, math.MaxUint16, math.MaxUint32, math.MaxUint64, math.MaxUint, "",
	}), "all:-9223372036854775808:-128:-32768:-2147483648:-9223372036854775808:"+
		"18446744073709551615:255:65535:4294967295:18446744073709551615:18446744073709551615:")
	type wide struct{ A, B, C, D string }
	wides := newLocal(t, tiered.Config[wide, string]{Name: "wide"})
	w := strings.Repeat("w", 199)
	check(t, wides.Ref(wide{w, w, w, w}), "wide:"+word.Join(w, w, w, w))
	custom := newLocal(t, tiered.Config[[1]int, string]{Name: "custom", Key: func([1]int) string { return "x:{y}" }})
	check(t, custom.Ref([1]int{1}), "custom:x:%7By%7D")
	long := users.Ref(user{strings.Repeat("t", 100_000), strings.Repeat("u", 100_000)}).String()
	if len(long) > 1000 || long == users.Ref(user{strings.Repeat("t", 100_001), strings.Repeat("u", 100_000)}).String() {
		t.Errorf("a long key became %d bytes: %q", len(long), long)
	}
}

func TestClosed(t *testing.T) {
	ctx := t.Context()
	load := func(_ context.Context, k string) (string, error) { return k, nil }
	for name, c := range map[string]*tiered.Cache[string, string]{
		"memory": newLocal(t, tiered.Config[string, string]{Name: "a", Load: load}),
		"redis":  newCache(t, newBus(t, coherence.Config{}), tiered.Config[string, string]{Name: "a", Load: load}),
	} {
		t.Run(name, func(t *testing.T) {
			mustGet(t, c, "k", "k")
			for range 2 {
				if err := c.Close(); err != nil {
					t.Fatalf("Close: %v", err)
				}
			}
			_, get := c.Get(ctx, "k")
			_, many := c.GetMany(ctx, []string{"k", "l"})
			_, fetch := c.Fetch(ctx, "k", load)
			for what, err := range map[string]error{
				"Get": get, "GetMany": many, "Fetch": fetch, "Set": c.Set(ctx, "k", "v"), "Invalidate": c.Invalidate(ctx, "k"),
				"Clear": c.Clear(ctx), "Update": c.Update(ctx, "k", func(context.Context) error { t.Error("write ran"); return nil }),
			} {
				wantIs(t, what, err, tiered.ErrClosed)
			}
			if _, ok := c.Peek("k"); ok {
				t.Error("Peek found something after Close")
			}
		})
	}
}
