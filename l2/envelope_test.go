package l2_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/l2"
)

// local returns a store that never meets Redis.
func local(t testing.TB, schema uint, codec l2.Codec[string]) *l2.Store[string] {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"}) // connects when it is used, and it is not
	t.Cleanup(func() { _ = client.Close() })
	return (&rig{Client: client}).store(t, codec, schema)
}

var twoTags = [][8]byte{[8]byte([]byte("tag-one.")), [8]byte([]byte("tag-two."))}

// encodeWord returns the word of a value, with an id that is the same each time.
func encodeWord(t testing.TB, s *l2.Store[string], v l2.Value[string], versions [][8]byte) []byte {
	t.Helper()
	if v.Expires == 0 {
		v.Expires = never
	}
	b, err := s.EncodeWith(v, versions)
	check(t, err)
	copy(b[1:9], "value-id")
	return b
}

// sealed returns a word that is whole: its checksum, at 10, is right.
func sealed(w string) []byte {
	b := []byte(w)
	l2.Seal(b)
	return b
}

// flip returns the word with one byte changed.
func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	return must(t, b, err)
}

// TestLayoutOfAWord holds the documented layout, byte by byte: other releases read it.
func TestLayoutOfAWord(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		value    l2.Value[string]
		versions [][8]byte
		want     []string
	}{
		{"value with two tags", l2.Value[string]{Value: "hello", Generation: 0x0102030405060708, Expires: 0x1112131415161718}, twoTags, []string{
			"56",               // V
			"76616c75652d6964", // id: value-id
			"01",               // format
			"xxxxxxxx",         // CRC-32C, below
			"00000007",         // schema
			"706c6e03",         // codec
			"0102030405060708", // generation
			"02",               // tags
			"7461672d6f6e652e", // tag-one.
			"7461672d74776f2e", // tag-two.
			"1112131415161718", // expiry
			"01",               // a payload follows
			"68656c6c6f",       // hello
		}},
		{"no value", l2.Value[string]{Value: "ignored", Missing: true, Generation: 1, Expires: 2}, nil, []string{
			"56", "76616c75652d6964", "01", "xxxxxxxx", "00000007", "706c6e03", "0000000000000001", "00", "0000000000000002", "00",
		}},
	} {
		got := encodeWord(t, local(t, 7, plain{3}), c.value, c.versions)
		sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
		sum.Write(got[9:10])
		sum.Write(got[14:])
		c.want[3] = hex.EncodeToString(sum.Sum(nil))
		if want := unhex(t, strings.Join(c.want, "")); !bytes.Equal(got, want) {
			t.Errorf("%s:\n got %x\nwant %x", c.name, got, want)
		}
	}
}

func TestEnvelopeRoundTrip(t *testing.T) {
	t.Parallel()
	s := local(t, 7, plain{})
	for _, v := range []l2.Value[string]{
		{Value: "hello", Generation: 5, Expires: 1 << 50},
		{Value: "", Generation: 0, Expires: 1},
		{Value: string(make([]byte, 100_000)), Generation: 1<<64 - 1, Expires: 1<<63 - 1},
		{Missing: true, Generation: 5, Expires: 9},
	} {
		for _, n := range []int{0, 1, l2.MaxTags} {
			versions := slices.Repeat(twoTags[:1], n)
			b := encodeWord(t, s, v, versions)
			got := s.Read(b, versions, v.Generation, 0)
			if got.Kind != l2.Found || got.Value != v.Value || got.Missing != v.Missing || got.Expires != v.Expires {
				t.Errorf("%d tags: got %+.80v, want %+.80v", n, got, v)
			}
		}
	}
	if _, err := s.EncodeWith(l2.Value[string]{}, make([][8]byte, l2.MaxTags+1)); err == nil {
		t.Error("more tags than a byte counts: no error")
	}
	a, err := s.EncodeWith(l2.Value[string]{}, nil)
	check(t, err)
	b, err := s.EncodeWith(l2.Value[string]{}, nil)
	check(t, err)
	if bytes.Equal(a[1:9], b[1:9]) {
		t.Error("two stores of one value have one id")
	}
}

// TestWhatAWordIs: who may use a value, and who must leave it alone.
func TestWhatAWordIs(t *testing.T) {
	t.Parallel()
	const g, now = 100, 1_000_000
	s := local(t, 7, plain{})
	word := func(change func(b []byte)) []byte {
		b := encodeWord(t, s, l2.Value[string]{Value: "v", Generation: g, Expires: now + 1}, twoTags)
		if change != nil {
			change(b)
			l2.Seal(b)
		}
		return b
	}
	longer := append(word(nil), "beyond the value"...)
	missing := encodeWord(t, s, l2.Value[string]{Missing: true, Generation: g}, twoTags)
	missing = append(missing, "payload"...)
	l2.Seal(missing)
	for _, c := range []struct {
		name string
		raw  []byte
		want l2.Kind
	}{
		{"as stored", word(nil), l2.Found},
		{"newer format", word(func(b []byte) { b[9] = 2 }), l2.Foreign},
		{"newest format", word(func(b []byte) { b[9] = 255 }), l2.Foreign},
		{"newer format of 14 bytes", sealed("Vvalue-id\x02...."), l2.Foreign},
		{"no format", word(func(b []byte) { b[9] = 0 }), l2.Garbage},
		{"newer format, bad checksum", flip(word(func(b []byte) { b[9] = 2 }), 40), l2.Garbage},
		{"another schema", encodeWord(t, local(t, 8, plain{}), l2.Value[string]{Generation: g}, twoTags), l2.Foreign},
		{"another codec", encodeWord(t, local(t, 7, plain{1}), l2.Value[string]{Generation: g}, twoTags), l2.Foreign},
		{"another codec, older generation", encodeWord(t, local(t, 7, plain{1}), l2.Value[string]{}, twoTags), l2.Stale},
		{"older generation", word(func(b []byte) { binary.BigEndian.PutUint64(b[22:], g-1) }), l2.Stale},
		{"newer generation", word(func(b []byte) { binary.BigEndian.PutUint64(b[22:], g+1) }), l2.Found},
		{"another version of a tag", word(func(b []byte) { b[46]++ }), l2.Stale},
		{"versions the other way round", encodeWord(t, s, l2.Value[string]{Generation: g}, [][8]byte{twoTags[1], twoTags[0]}), l2.Stale},
		{"expired", word(func(b []byte) { binary.BigEndian.PutUint64(b[47:], now) }), l2.Stale},
		{"a tag less", encodeWord(t, s, l2.Value[string]{Generation: g}, twoTags[:1]), l2.Stale},
		{"no tags", encodeWord(t, s, l2.Value[string]{Generation: g}, nil), l2.Stale},
		{"more tags than there is word", word(func(b []byte) { b[30] = 255 }), l2.Garbage},
		{"what follows is unknown", word(func(b []byte) { b[55] = 3 }), l2.Garbage},
		{"no value, and a payload", missing, l2.Garbage},
		{"bytes added", longer, l2.Garbage},
		{"V alone", []byte("V"), l2.Garbage},
		{"V and an id", []byte("Vvalue-id"), l2.Garbage},
		{"empty", nil, l2.Garbage},
		{"something else", []byte("hello"), l2.Garbage},
		{"lease", []byte("L" + token), l2.Leased},
		{"intent", []byte("I1000001:ab;"), l2.Intended},
		{"intents, one alive", []byte("I5:ab;1000001:cd;"), l2.Intended},
		{"intent expired", []byte("I1000000:ab;"), l2.Stale},
		{"intent for longer than anybody sets", []byte("I1000000000000000:ab;"), l2.Garbage},
		{"intent of another form", []byte("I1000001:ab;;"), l2.Garbage},
		{"intent with a sign", []byte("I+1000001:ab;"), l2.Garbage},
		{"intent with a token that is not hex", []byte("I1000001:xy;"), l2.Garbage},
		{"intent with the longest time", []byte("I999999999999999:ab;"), l2.Intended},
		{"intent without a time", []byte("I:ab;"), l2.Garbage},
		{"intent whose time is no number", []byte("I1e9:ab;"), l2.Garbage},
		{"intent whose time is negative", []byte("I-5:ab;"), l2.Garbage},
		{"intent without token", []byte("I1000001:;"), l2.Garbage},
		{"intent without end", []byte("I1000001:ab"), l2.Garbage},
		{"I alone", []byte("I"), l2.Garbage},
		{"I;", []byte("I;"), l2.Garbage},
	} {
		got := s.Read(c.raw, twoTags, g, now)
		if got.Kind != c.want {
			t.Errorf("%s: got kind %d, want %d", c.name, got.Kind, c.want)
		}
		if got.Kind != l2.Found && (got.Value != "" || got.Expires != 0 || got.Missing) {
			t.Errorf("%s: got %+v, and only a Found word has a value", c.name, got)
		}
	}
	if got := s.Read([]byte("L"+token+"+"), nil, 0, now); got.Token != token {
		t.Errorf("an awaited lease: got token %q, want %q", got.Token, token)
	}
}

// FuzzParse: no bytes make it panic, and no byte that changes at or after the format makes another value of a word.
func FuzzParse(f *testing.F) {
	f.Add([]byte("V"), "hello", uint16(9), byte(1))
	f.Add([]byte("L"+token+"+"), "", uint16(40), byte(0x80))
	f.Add([]byte("I12:ab;"), "x", uint16(30), byte(0xff))
	f.Add(sealed("Vvalue-id\x01....0123456789abcdef0123456789"), "x", uint16(13), byte(3))
	f.Fuzz(func(t *testing.T, raw []byte, payload string, at uint16, change byte) {
		s := local(t, 7, plain{})
		for _, versions := range [][][8]byte{nil, twoTags} {
			s.Read(raw, versions, 5, 5)
			if len(raw) > 14 {
				r := bytes.Clone(raw)
				r[0] = 'V'
				l2.Seal(r)
				s.Read(r, versions, 5, 5)
			}
			b := encodeWord(t, s, l2.Value[string]{Value: payload, Generation: 5, Expires: 6}, versions)
			if got := s.Read(b, versions, 5, 5); got.Kind != l2.Found || got.Value != payload {
				t.Fatalf("as stored: got %+v, want %q", got, payload)
			}
			i := 9 + int(at)%(len(b)-9)
			if change == 0 {
				continue
			}
			b[i] ^= change
			if got := s.Read(b, versions, 5, 5); got.Kind == l2.Found {
				t.Errorf("byte %d ^ %#x: found %q", i, change, got.Value)
			}
		}
	})
}
