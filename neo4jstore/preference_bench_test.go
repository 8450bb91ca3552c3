package neo4jstore_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/l2"
	"github.com/tieredcache/tieredcache/neo4jstore"
)

// ten are the preferences that figures are about.
func ten() []neo4jstore.Preference {
	list := make([]neo4jstore.Preference, 10)
	for i := range list {
		at := time.Date(2024, 7, 1, 12, i, 0, 123_456_789, time.UTC)
		list[i] = neo4jstore.Preference{
			ID: fmt.Sprintf("6f9619ff-8b86-d011-b42d-%012d", i), Tenant: "acme", User: "ada", Key: fmt.Sprintf("food.cuisine.%d", i),
			Value: "prefers vegetarian dishes, and coffee without sugar", Sentiment: neo4jstore.Positive, Domain: "food", Confidence: 0.75,
			CreatedAt: at, UpdatedAt: at.Add(time.Hour), Reinforcements: int64(i), Rejections: 300,
		}
	}
	return list
}

// byHand is the floor: what one would write for ten preferences with times in UTC, and nothing else.
func byHand(dst []byte, list []neo4jstore.Preference) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for i := range list {
		p := &list[i]
		for _, s := range [...]string{p.ID, p.Tenant, p.User, p.Key, p.Value, p.Sentiment, p.Domain} {
			dst = append(binary.AppendUvarint(dst, uint64(len(s))), s...)
		}
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(p.Confidence))
		dst = binary.LittleEndian.AppendUint64(dst, uint64(p.CreatedAt.UnixNano()))
		dst = binary.LittleEndian.AppendUint64(dst, uint64(p.UpdatedAt.UnixNano()))
		dst = binary.AppendVarint(binary.AppendVarint(dst, p.Reinforcements), p.Rejections)
	}
	return dst
}

var errShort = errors.New("short")

// readByHand cuts the strings out of one copy of src.
func readByHand(src []byte) ([]neo4jstore.Preference, error) {
	all, at := string(src), 0
	count, n := binary.Uvarint(src)
	if n <= 0 || count > uint64(len(src)) {
		return nil, errShort
	}
	at = n
	list := make([]neo4jstore.Preference, count)
	for i := range list {
		p := &list[i]
		for _, s := range [...]*string{&p.ID, &p.Tenant, &p.User, &p.Key, &p.Value, &p.Sentiment, &p.Domain} {
			size, n := binary.Uvarint(src[at:])
			if at += n; n <= 0 || size > uint64(len(src)-at) {
				return nil, errShort
			}
			*s = all[at : at+int(size)]
			at += int(size)
		}
		if len(src)-at < 24 {
			return nil, errShort
		}
		p.Confidence = math.Float64frombits(binary.LittleEndian.Uint64(src[at:]))
		p.CreatedAt = time.Unix(0, int64(binary.LittleEndian.Uint64(src[at+8:]))).UTC()
		p.UpdatedAt = time.Unix(0, int64(binary.LittleEndian.Uint64(src[at+16:]))).UTC()
		at += 24
		for _, x := range [...]*int64{&p.Reinforcements, &p.Rejections} {
			if *x, n = binary.Varint(src[at:]); n <= 0 {
				return nil, errShort
			}
			at += n
		}
	}
	if at != len(src) {
		return nil, errShort
	}
	return list, nil
}

// BenchmarkPreferencesCodec encodes and decodes ten preferences, each codec and the floor in turn, and reports the
// median of the ratios of rounds that followed each other.
func BenchmarkPreferencesCodec(b *testing.B) {
	const calls = 500 // in a round
	list := ten()
	hand := byHand(nil, list)
	if got, err := readByHand(hand); err != nil || !slices.Equal(got, list) {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		codec l2.Codec[[]neo4jstore.Preference]
	}{{"generated", neo4jstore.Codec[[]neo4jstore.Preference]()}, {"MessagePack", l2.MessagePack[[]neo4jstore.Preference]()}} {
		encoded, err := c.codec.Append(nil, list)
		must(b, err)
		buf := make([]byte, 0, 8192)
		for _, way := range []struct {
			name        string
			floor, ours func()
		}{
			{"encode", func() { buf = byHand(buf[:0], list) }, func() { buf, _ = c.codec.Append(buf[:0], list) }},
			{"decode", func() { _, _ = readByHand(hand) }, func() { _, _ = c.codec.Decode(encoded) }},
			{
				"both",
				func() { buf = byHand(buf[:0], list); _, _ = readByHand(buf) },
				func() { buf, _ = c.codec.Append(buf[:0], list); _, _ = c.codec.Decode(buf) },
			},
		} {
			b.Run(c.name+"/"+way.name, func(b *testing.B) {
				var ratios []float64
				var floor, ours time.Duration
				for b.Loop() {
					f, o := repeat(calls, way.floor), repeat(calls, way.ours)
					floor, ours = floor+f, ours+o
					ratios = append(ratios, float64(o)/float64(f))
				}
				slices.Sort(ratios)
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(ratios[len(ratios)/2], "x")
				b.ReportMetric(float64(floor.Nanoseconds())/float64(len(ratios)*calls), "ns-by-hand")
				b.ReportMetric(float64(ours.Nanoseconds())/float64(len(ratios)*calls), "ns-here")
				b.ReportMetric(float64(len(encoded)), "bytes")
			})
		}
	}
}

func repeat(n int, call func()) time.Duration {
	start := time.Now()
	for range n {
		call()
	}
	return time.Since(start)
}
