package l2_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/l2"
)

// maker makes random values of any type, and prefers the odd ones.
type maker struct {
	*rand.Rand
	locations []*time.Location
}

func (m maker) value(t reflect.Type, depth int) reflect.Value {
	v := reflect.New(t).Elem()
	m.fill(v, depth)
	return v
}

func (m maker) fill(v reflect.Value, depth int) {
	t := v.Type()
	switch {
	case t.Kind() == reflect.Struct && t.ConvertibleTo(reflect.TypeFor[time.Time]()):
		v.Set(reflect.ValueOf(m.time()).Convert(t))
		return
	case t == reflect.TypeFor[celsius]():
		v.Set(reflect.ValueOf(celsius{float64(m.IntN(100))}))
		return
	case t == reflect.TypeFor[hidden]():
		v.Set(reflect.ValueOf(hidden{m.Int64()}))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(m.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(m.Uint64()>>m.IntN(65)) * int64(1-2*m.IntN(2)))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(m.Uint64() >> m.IntN(65))
	case reflect.Float32:
		*v.Addr().Convert(reflect.TypeFor[*float32]()).Interface().(*float32) = math.Float32frombits(m.Uint32())
	case reflect.Float64:
		v.SetFloat(math.Float64frombits(m.Uint64()))
	case reflect.String:
		v.SetString(string(m.bytes()))
	case reflect.Pointer:
		if depth > 0 && m.IntN(4) > 0 {
			v.Set(reflect.New(t.Elem()))
			m.fill(v.Elem(), depth-1)
		}
	case reflect.Slice:
		if depth > 0 && m.IntN(4) > 0 {
			n := m.IntN(4)
			v.Set(reflect.MakeSlice(t, n, n))
			for i := range n {
				m.fill(v.Index(i), depth-1)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			m.fill(v.Index(i), depth-1)
		}
	case reflect.Map:
		if depth > 0 && m.IntN(4) > 0 {
			v.Set(reflect.MakeMap(t))
			for range m.IntN(4) {
				v.SetMapIndex(m.value(t.Key(), depth-1), m.value(t.Elem(), depth-1))
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := t.Field(i); f.IsExported() || f.Anonymous && f.Type.Kind() == reflect.Struct {
				m.fill(v.Field(i), depth)
			}
		}
	case reflect.Interface:
		if x := m.any(depth); x != nil {
			v.Set(reflect.ValueOf(x))
		}
	}
}

func (m maker) bytes() []byte {
	b := make([]byte, m.IntN(6)*m.IntN(60))
	for i := range b {
		b[i] = byte(m.Uint32())
	}
	return b
}

func (m maker) time() time.Time {
	t := time.Unix(int64(m.Uint64()>>(20+m.IntN(44)))*int64(1-2*m.IntN(2)), m.Int64N(1e9))
	return t.In(m.locations[m.IntN(len(m.locations))])
}

func (m maker) any(depth int) any {
	kinds := []reflect.Type{
		reflect.TypeFor[bool](), reflect.TypeFor[int64](), reflect.TypeFor[float64](), reflect.TypeFor[string](), reflect.TypeFor[[]byte](),
		reflect.TypeFor[time.Time](), reflect.TypeFor[[]any](), reflect.TypeFor[map[string]any](), reflect.TypeFor[celsius](), reflect.TypeFor[Named](),
	}
	i := m.IntN(len(kinds) + 1)
	if i == len(kinds) {
		return nil
	}
	return m.value(kinds[i], depth-1).Interface()
}

// survivesRandomly says whether random values come back the same; times as keys are tested elsewhere, as maps that
// hold them cannot be compared.
func survivesRandomly[V any](t *testing.T, c l2.Codec[V]) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	m := maker{rand.New(rand.NewPCG(seed, 0)), []*time.Location{
		time.UTC, time.Local, time.FixedZone("Offset", 3600), time.FixedZone("", -1), location(t, "Europe/Paris"),
		location(t, "America/St_Johns"), location(t, "CET"), location(t, "Etc/GMT-14"), custom(t, "Nowhere/Land", "NWT", 4321),
	}}
	for range 150 {
		roundTrip(t, c, m.value(reflect.TypeFor[V](), 4).Interface().(V))
		if t.Failed() {
			return
		}
	}
}

func TestMessagePackProperty(t *testing.T) {
	type allKinds struct {
		A  bool
		B  int
		C  int8
		D  int16
		E  int32
		F  int64
		G  uint
		H  uint8
		I  uint16
		J  uint32
		K  uint64
		L  float32
		M  float64
		N  ratio
		O  string
		P  color
		Q  time.Duration
		R  []byte
		S  octets
		T  [5]byte
		U  []*[]string
		V  map[string]map[int8][]byte
		W  map[[2]bool]**int
		X  time.Time
		Y  *day
		Z  []map[uint16]time.Time
		AA [3]Named
		BB map[Named]struct{ X, Y *[]int }
	}
	t.Run("all kinds", func(t *testing.T) { survivesRandomly(t, l2.MessagePack[allKinds]()) })
	t.Run("recursive", func(t *testing.T) { survivesRandomly(t, l2.MessagePack[shape]()) })
	t.Run("any", func(t *testing.T) {
		survivesRandomly(t, l2.MessagePackAny[struct {
			X any
			Y []any
			Z map[string]any
		}](celsiusExt(1), l2.Extend[Named](2, nil, nil)))
	})
}
