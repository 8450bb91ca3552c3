package l2_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/tieredcache/tieredcache/l2"
)

type preference struct {
	ID, Tenant, User, Key, Value, Sentiment, Domain string
	Confidence                                      float64
	CreatedAt, UpdatedAt                            time.Time
	Reinforcements, Rejections                      int64
}

func preferences(n int) []preference {
	list := make([]preference, n)
	for i := range list {
		at := time.Date(2024, 7, 1, 12, i, 0, 123_456_789, time.UTC)
		list[i] = preference{
			ID: fmt.Sprintf("6f9619ff-8b86-d011-b42d-%012d", i), Tenant: "acme", User: "ada", Key: fmt.Sprintf("food.cuisine.%d", i),
			Value: "prefers vegetarian dishes, and coffee without sugar", Sentiment: "positive", Domain: "food", Confidence: 0.75,
			CreatedAt: at, UpdatedAt: at.Add(time.Hour), Reinforcements: int64(i), Rejections: 300,
		}
	}
	return list
}

// byHand is what one would write for preferences alone, with times in UTC alone.
func byHand(dst []byte, list []preference) []byte {
	dst = msgp.AppendArrayHeader(dst, uint32(len(list)))
	for i := range list {
		p := &list[i]
		dst = msgp.AppendArrayHeader(dst, 12)
		for _, s := range [...]string{p.ID, p.Tenant, p.User, p.Key, p.Value, p.Sentiment, p.Domain} {
			dst = msgp.AppendString(dst, s)
		}
		dst = msgp.AppendFloat64(dst, p.Confidence)
		dst = msgp.AppendTime(msgp.AppendTime(dst, p.CreatedAt), p.UpdatedAt)
		dst = msgp.AppendInt64(msgp.AppendInt64(dst, p.Reinforcements), p.Rejections)
	}
	return dst
}

func readByHand(src []byte) ([]preference, error) {
	n, src, err := msgp.ReadArrayHeaderBytes(src)
	if err != nil {
		return nil, err
	}
	list := make([]preference, n)
	for i := range list {
		p := &list[i]
		if _, src, err = msgp.ReadArrayHeaderBytes(src); err != nil {
			return nil, err
		}
		for _, s := range [...]*string{&p.ID, &p.Tenant, &p.User, &p.Key, &p.Value, &p.Sentiment, &p.Domain} {
			if *s, src, err = msgp.ReadStringBytes(src); err != nil {
				return nil, err
			}
		}
		if p.Confidence, src, err = msgp.ReadFloat64Bytes(src); err != nil {
			return nil, err
		}
		for _, t := range [...]*time.Time{&p.CreatedAt, &p.UpdatedAt} {
			if *t, src, err = msgp.ReadTimeUTCBytes(src); err != nil {
				return nil, err
			}
		}
		for _, n := range [...]*int64{&p.Reinforcements, &p.Rejections} {
			if *n, src, err = msgp.ReadInt64Bytes(src); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

func BenchmarkPreferences(b *testing.B) {
	list := preferences(10)
	hand := byHand(nil, list)
	b.Run("encode/hand", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, 8192)
		for b.Loop() {
			buf = byHand(buf[:0], list)
		}
	})
	b.Run("decode/hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := readByHand(hand); err != nil {
				b.Fatal(err)
			}
		}
	})
	benchmark(b, "MessagePack", l2.MessagePack[[]preference](), list)
	benchmark(b, "JSON", l2.JSON[[]preference](), list)
	rows := make([]any, len(list))
	for i, p := range list {
		rows[i] = map[string]any{
			"id": p.ID, "tenant": p.Tenant, "user": p.User, "key": p.Key, "value": p.Value, "sentiment": p.Sentiment, "domain": p.Domain,
			"confidence": p.Confidence, "created_at": p.CreatedAt, "updated_at": p.UpdatedAt, "n": p.Reinforcements, "m": p.Rejections,
		}
	}
	benchmark(b, "MessagePackAny", l2.MessagePackAny[[]any](), rows)
}

func benchmark[V any](b *testing.B, name string, c l2.Codec[V], v V) {
	b.Helper()
	encoded, err := c.Append(nil, v)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode/"+name, func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, 8192)
		for b.Loop() {
			if buf, err = c.Append(buf[:0], v); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(encoded)), "bytes")
	})
	b.Run("decode/"+name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Decode(encoded); err != nil {
				b.Fatal(err)
			}
		}
	})
}
