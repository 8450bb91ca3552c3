package l2_test

import (
	"math"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/l2"
)

func TestMessagePackAny(t *testing.T) {
	c := l2.MessagePackAny[any](celsiusExt(1), l2.Extend[Nested](2, nil, nil))
	one := 1
	values := []any{
		nil, false, true, int64(0), int64(-1), int64(math.MaxInt64), int64(math.MinInt64), 0.0, math.Copysign(0, -1), math.Inf(-1),
		math.Float64frombits(0x7ff0_0000_0000_0001), "", "\xff", []byte(nil),
		[]byte{},
		[]byte("x"),
		time.Time{},
		time.Date(2024, 7, 1, 0, 0, 0, 1, location(t, "Europe/Paris")), []any(nil),
		[]any{},
		[]any{nil, []any{int64(1)}},
		map[string]any(nil),
		map[string]any{},
		map[string]any{"a": nil, "b": map[string]any{"c": []byte{1}}},
		celsius{3.5},
		Nested{},
		Nested{[2][]*int{{&one, nil}, {}}},
	}
	seen := map[string]int{}
	for i, v := range values {
		roundTrip(t, c, v)
		b := string(encode(t, c, v))
		if j, ok := seen[b]; ok {
			t.Errorf("values %d and %d are written the same: %x", j, i, b)
		}
		seen[b] = i
	}
	roundTrip(t, c, any(values))
	roundTrip(t, l2.MessagePackAny[[]any](), []any(nil))
	roundTrip(t, l2.MessagePackAny[[]any](), []any{})
	roundTrip(t, l2.MessagePackAny[[]map[string]any](), []map[string]any{nil, {}, {"x": int64(1), "a": "b"}})
	roundTrip(t, l2.MessagePackAny[*any](), nil)
	roundTrip(t, l2.MessagePackAny[*any](), new(any(nil)))
	type row struct {
		Name  string
		Value any
		More  map[string]any
	}
	roundTrip(t, l2.MessagePackAny[[]row](), []row{{}, {"x", []any{"y"}, map[string]any{}}})
}

func TestMessagePackAnyIsAClosedSet(t *testing.T) {
	c := l2.MessagePackAny[map[string]any](celsiusExt(1))
	for want, v := range map[string]any{
		"int32": int32(1), "int": 1, "uint64": uint64(1), "float32": float32(1), "[]string": []string{"a"}, "*int64": new(int64(1)),
		"l2_test.color": color("red"), "*l2_test.celsius": &celsius{}, "map[string]string": map[string]string{}, "func()": func() {},
		"struct {}": struct{}{}, "l2_test.day": day{}, "*time.Time": &time.Time{}, "[]map[string]interface {}": []map[string]any{},
	} {
		_, err := c.Append(nil, map[string]any{"a": []any{nil, map[string]any{"b": v}}})
		wantError(t, err, `l2: encode map[string]any["a"][1]["b"]: type `+want+` cannot be inside an any; use a type that the codec names`)
	}
}
