package neo4jstore_test

import (
	"bytes"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tieredcache/tieredcache/l2"
	"github.com/tieredcache/tieredcache/neo4jstore"
)

// TestPreferenceCodecs compares what comes back with what went in, and with what comes back from l2.MessagePack.
func TestPreferenceCodecs(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	zones := []*time.Location{
		time.UTC, time.UTC, time.Local, time.FixedZone("Offset", 3600), time.FixedZone("UTC", 0), load(t, "Europe/Paris"), load(t, "Asia/Kathmandu"),
	}
	lists := [][]neo4jstore.Preference{nil, {}, ten(), make([]neo4jstore.Preference, 3)}
	for range 100 {
		list := make([]neo4jstore.Preference, r.IntN(20))
		for i := range list {
			list[i] = randomPreference(t, r, zones)
		}
		lists = append(lists, list)
	}
	for _, list := range lists {
		comesBack(t, neo4jstore.Codec[[]neo4jstore.Preference](), l2.MessagePack[[]neo4jstore.Preference](), list)
		for _, p := range list {
			comesBack(t, neo4jstore.Codec[neo4jstore.Preference](), l2.MessagePack[neo4jstore.Preference](), p)
		}
	}
}

// randomPreference fills every field, also those that somebody adds.
func randomPreference(t *testing.T, r *rand.Rand, zones []*time.Location) (p neo4jstore.Preference) {
	t.Helper()
	for _, f := range reflect.ValueOf(&p).Elem().Fields() {
		switch x := f.Addr().Interface().(type) {
		case *string:
			b := make([]byte, r.IntN(4)*r.IntN(1<<r.IntN(9)))
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			*x = string(b)
		case *float64:
			*x = math.Float64frombits(r.Uint64())
		case *int64:
			*x = int64(r.Uint64()>>r.IntN(65)) * int64(1-2*r.IntN(2))
		case *time.Time:
			sec := int64(r.Uint64()>>r.IntN(64)) * int64(1-2*r.IntN(2))
			if r.IntN(2) == 0 {
				sec >>= 30 // in our times
			}
			*x = time.Unix(sec, r.Int64N(1e9)).In(zones[r.IntN(len(zones))])
		default:
			t.Fatalf("a field of type %v: teach packed, and this test", f.Type())
		}
	}
	return p
}

func comesBack[V any](t *testing.T, c, other l2.Codec[V], v V) {
	t.Helper()
	must(t, c.Check())
	b, err := c.Append([]byte("before"), v)
	must(t, err)
	b, ok := bytes.CutPrefix(b, []byte("before"))
	if !ok {
		t.Fatal("Append has changed what was there")
	}
	got, err := c.Decode(b)
	must(t, err)
	clear(b)
	if diff := cmp.Diff(v, got, same); diff != "" {
		t.Fatalf("came back different (-want +got):\n%s", diff)
	}
	b, err = other.Append(nil, v)
	must(t, err)
	want, err := other.Decode(b)
	must(t, err)
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Fatalf("l2.MessagePack brings back another value (-it +got):\n%s", diff)
	}
}

// TestPreferenceCodecsKeepTheirBytes: whoever changes them changes the ID too.
func TestPreferenceCodecsKeepTheirBytes(t *testing.T) {
	t.Parallel()
	p := neo4jstore.Preference{
		ID: "id", Tenant: "t", User: "u", Key: "a.b", Value: "v", Sentiment: neo4jstore.Positive, Domain: "a", Confidence: 0.5,
		CreatedAt: time.Unix(1, 2).UTC(), UpdatedAt: time.Unix(-1, 0).UTC(), Reinforcements: 3, Rejections: -4,
	}
	zoned := p
	zoned.CreatedAt = p.CreatedAt.In(time.FixedZone("Z", 60))
	const text = "db00000011" + "6964" + "74" + "75" + "612e62" + "76" + "706f736974697665" + "61"
	const lengths = "9d" + "02010103010801" + "cb3fe0000000000000"
	one := text + lengths + "d23b9aca02" + "d2c4653600" + "c400" + "03fc"
	frozen(t, neo4jstore.Codec[neo4jstore.Preference](), 0x70726f01, p, one)
	frozen(t, neo4jstore.Codec[[]neo4jstore.Preference](), 0x70726601, []neo4jstore.Preference{p}, text+"91"+one[len(text):])
	frozen(t, neo4jstore.Codec[[]neo4jstore.Preference](), 0x70726601, []neo4jstore.Preference{}, "db0000000090")
	frozen(t, neo4jstore.Codec[[]neo4jstore.Preference](), 0x70726601, nil, "c0")
	frozen(t, neo4jstore.Codec[neo4jstore.Preference](), 0x70726f01, zoned, text+lengths+"0000"+"c423"+
		"92"+"c70f7f02"+"0000000000000001"+"00000002"+"78"+"5a"+"c70d7f00"+"ffffffffffffffff"+"00000000"+"03fc")
}

func frozen[V any](t *testing.T, c l2.Codec[V], id uint32, v V, want string) {
	t.Helper()
	b, err := c.Append(nil, v)
	must(t, err)
	if got := hex.EncodeToString(b); c.ID() != id || got != want {
		t.Errorf("ID %x:\n got %s\nwant %s", c.ID(), got, want)
	}
}

func TestPreferenceCodecsDecodeNothingElse(t *testing.T) {
	t.Parallel()
	list := ten()
	list[3].UpdatedAt = list[3].UpdatedAt.In(time.FixedZone("there", 60))
	onlyThat(t, neo4jstore.Codec[[]neo4jstore.Preference](), list)
	onlyThat(t, neo4jstore.Codec[[]neo4jstore.Preference](), nil)
	onlyThat(t, neo4jstore.Codec[neo4jstore.Preference](), list[3])
	b, err := neo4jstore.Codec[[]neo4jstore.Preference]().Append(nil, list[:1])
	must(t, err)
	for name, hostile := range map[string][]byte{
		"texts left over": append([]byte("\xa3abc"), 0x90), "nil and more": {0xc0, 0xc0},
		"texts too short": bytes.Replace(b, []byte{0x9d, 36}, []byte{0x9d, 127}, 1),
	} {
		if _, err := neo4jstore.Codec[[]neo4jstore.Preference]().Decode(hostile); err == nil || bytes.Equal(hostile, b) {
			t.Errorf("%s: %x was decoded", name, hostile)
		}
	}
}

func onlyThat[V any](t *testing.T, c l2.Codec[V], v V) {
	t.Helper()
	b, err := c.Append(nil, v)
	must(t, err)
	for n := range b {
		if _, err := c.Decode(b[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were decoded", n, len(b))
		}
	}
	if _, err := c.Decode(append(bytes.Clone(b), 0xc0)); err == nil {
		t.Error("a byte too many was decoded")
	}
	for i := range b {
		for _, x := range []byte{0, 0x7f, 0xc0, 0xc6, 0xdb, 0xdd, 0xff, b[i] ^ 1} {
			hostile := bytes.Clone(b)
			hostile[i] = x
			stable(t, c, hostile)
		}
	}
}

func TestPreferencesCodecAllocations(t *testing.T) {
	list, c := ten(), neo4jstore.Codec[[]neo4jstore.Preference]()
	b, err := c.Append(nil, list)
	must(t, err)
	buf := make([]byte, 0, 2*len(b))
	if got := testing.AllocsPerRun(100, func() { buf, _ = c.Append(buf[:0], list) }); got > 0 {
		t.Errorf("Append: got %v allocations", got)
	}
	if got := testing.AllocsPerRun(100, func() { _, _ = c.Decode(b) }); got > 2 {
		t.Errorf("Decode: got %v allocations, want the list and its texts", got)
	}
	hostile := append([]byte{0xa0, 0xdd, 0xff, 0xff, 0xff, 0xff}, bytes.Repeat([]byte{0x9d}, 64<<10)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = c.Decode(hostile)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; err == nil || got > 1<<20 {
		t.Errorf("64 kB that claim 4 billion preferences made Decode allocate %d bytes: %v", got, err)
	}
}

// FuzzPreferencesCodec holds that bytes never make Decode panic, and that what it makes of them is stable.
func FuzzPreferencesCodec(f *testing.F) {
	c, one := neo4jstore.Codec[[]neo4jstore.Preference](), neo4jstore.Codec[neo4jstore.Preference]()
	list := ten()
	list[1].CreatedAt = list[1].CreatedAt.In(load(f, "Europe/Paris"))
	b, err := c.Append(nil, list)
	must(f, err)
	f.Add(b)
	b, err = one.Append(nil, list[1])
	must(f, err)
	f.Add(b)
	f.Add([]byte{0xc0})
	f.Add([]byte{0xdb, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		stable(t, c, b)
		stable(t, one, b)
	})
}

// TestTextsBeyondARedisString: a list whose texts would fill one is an error, before memory is taken for it.
func TestTextsBeyondARedisString(t *testing.T) {
	list, text := make([]neo4jstore.Preference, 257), strings.Repeat("x", 1<<20)
	for i := range list {
		list[i].Value = text
	}
	if _, err := neo4jstore.Codec[[]neo4jstore.Preference]().Append(nil, list); err == nil || !strings.Contains(err.Error(), "256 MB") {
		t.Errorf("got %v", err)
	}
}
