package l2_test

import (
	"encoding/json"
	"math"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/l2"
)

// Each kind of value that nests, with what adds no level itself.
type (
	jsonList  []jsonList
	jsonMap   map[string]jsonMap
	jsonEmbed struct{ jsonLink }
	jsonLink  struct {
		Next  *jsonEmbed
		Bytes []byte
		At    time.Time
		Nil   []int
	}
	jsonArray [1]*jsonArray
	jsonKept  struct {
		Next *jsonKept
		Kept [1]int `json:",omitempty"`
	}
	nesting int
	jsonOwn struct {
		Next *jsonOwn `json:",omitempty"`
		Own  nesting  `json:",omitempty"`
	}
)

func (n nesting) MarshalJSON() ([]byte, error) {
	return []byte(strings.Repeat("[", int(n)) + `"[{\"["` + strings.Repeat("]", int(n))), nil
}

func (n *nesting) UnmarshalJSON(b []byte) error {
	*n = nesting(strings.IndexByte(string(b), '"'))
	return nil
}

func deepMap(n int) jsonMap {
	m := jsonMap(nil)
	for range n {
		m = jsonMap{"key": m}
	}
	return m
}

// encoding/json reads no deeper than this, and writes what is deeper.
func TestJSONDepth(t *testing.T) {
	const most = 10_000
	t.Run("slices", func(t *testing.T) {
		deepest(t, most, func(n int) jsonList {
			v := jsonList(nil)
			for range n {
				v = jsonList{v}
			}
			return v
		})
	})
	t.Run("maps", func(t *testing.T) { deepest(t, most, deepMap) })
	t.Run("embedded structs", func(t *testing.T) {
		deepest(t, most, func(n int) *jsonEmbed {
			v := (*jsonEmbed)(nil)
			for range n {
				v = &jsonEmbed{jsonLink{Next: v, Bytes: []byte("x")}}
			}
			return v
		})
	})
	t.Run("arrays", func(t *testing.T) {
		deepest(t, most, func(n int) *jsonArray {
			v := (*jsonArray)(nil)
			for range n {
				v = &jsonArray{v}
			}
			return v
		})
	})
	t.Run("not left out", func(t *testing.T) {
		deepest(t, most, func(n int) *jsonKept {
			v := (*jsonKept)(nil)
			for range n - 1 {
				v = &jsonKept{Next: v}
			}
			return v
		})
	})
	t.Run("methods", func(t *testing.T) {
		deepest(t, most, func(n int) *jsonOwn {
			v := &jsonOwn{Own: nesting(n - 3_000)}
			for range 2_999 {
				v = &jsonOwn{Next: v}
			}
			return v
		})
	})
}

// What has methods of its own is as deep as its deepest part, wherever that is, and however many parts there are.
func TestJSONDepthOfMethods(t *testing.T) {
	type row struct{ Own nesting }
	many := make([]row, 10_001)
	for i := range many {
		many[i].Own = 1
	}
	roundTrip(t, l2.JSON[[]row](), many)
	deep := &jsonOwn{Own: 8_000} // more at once encoding/json would refuse
	for range 3_000 {
		deep = &jsonOwn{Next: deep}
	}
	wantJSONDepth(t, l2.JSON[[]*jsonOwn](), []*jsonOwn{{Own: 1}, deep, {Own: 1}})
}

// deepest fails unless make(most) is encoded and decoded, and make(most+1) is refused.
func deepest[V any](t *testing.T, most int, make func(n int) V) {
	t.Helper()
	c := l2.JSON[V]()
	if _, err := c.Decode(encode(t, c, make(most))); err != nil {
		t.Errorf("encoded, and then: %.120v", err)
	}
	wantJSONDepth(t, c, make(most+1))
	b, err := json.Marshal(make(most + 1))
	check(t, err)
	if _, err = c.Decode(b); err == nil {
		t.Errorf("encoding/json reads deeper than %d", most)
	}
}

func wantJSONDepth[V any](t *testing.T, c l2.Codec[V], v V) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := c.Append(nil, v)
	runtime.ReadMemStats(&after)
	if err == nil || !strings.HasSuffix(err.Error(), ": nested deeper than the 10000 that encoding/json reads, or cyclic") || len(err.Error()) > 400 {
		t.Errorf("got error %.500v", err)
	}
	if got, want := after.TotalAlloc-before.TotalAlloc, uint64(64<<20); got > want {
		t.Errorf("the error took %d bytes, want at most %d", got, want)
	}
}

func TestJSONCycles(t *testing.T) {
	cycle := &document{}
	cycle.Parent, cycle.Kids = cycle, []*document{cycle}
	wantJSONDepth(t, l2.JSON[[]document](), []document{*cycle})
	m := jsonMap{}
	m["self"] = m
	wantJSONDepth(t, l2.JSON[jsonMap](), m)
	list := jsonList{nil}
	list[0] = list
	wantJSONDepth(t, l2.JSON[jsonList](), list)
}

type branch struct {
	Name        string `json:",omitempty"`
	Left, Right *branch
}

// Pointers that are shared make a small value a long encoding, or an endless one.
func TestJSONLength(t *testing.T) {
	const want = "more than the 512 MB that a Redis string can hold"
	tree := &branch{Name: strings.Repeat("x", 1<<20)}
	for range 100 {
		tree = &branch{tree.Name, tree, tree}
	}
	text, b := strings.Repeat("x", 64<<20), make([]byte, 64<<20)
	short := make([][]byte, 1000)
	for i := range short {
		short[i] = b[:256<<10]
	}
	keys := make([]map[string]int, 9)
	for i := range keys {
		keys[i] = map[string]int{text: i}
	}
	for name, err := range map[string]error{
		"a tree":   appendError(l2.JSON[*branch](), tree),
		"strings":  appendError(l2.JSON[[]string](), []string{text, text, text, text, text, text, text, text}),
		"bytes":    appendError(l2.JSON[[][]byte](), [][]byte{b, b, b, b, b, b}),
		"short":    appendError(l2.JSON[[9][][]byte](), [9][][]byte{short, short, short, short, short, short, short, short, short}),
		"keys":     appendError(l2.JSON[[]map[string]int](), keys),
		"no bytes": appendError(l2.JSON[[]struct{}](), make([]struct{}, math.MaxInt)),
	} {
		if err == nil || !strings.HasSuffix(err.Error(), ": "+want) || len(err.Error()) > 400 {
			t.Errorf("%s: got error %.500v", name, err)
		}
	}
}

// The length that counts is that of the encoding, of which a part is known before: never more than there is.
func TestJSONLengthIsExact(t *testing.T) {
	at := time.Date(2024, 7, 1, 12, 0, 0, 0, time.UTC)
	exactly(t, "<&>")
	exactly(t, []int{1, 22, -333})
	exactly(t, []struct{}{{}, {}})
	exactly(t, [][]byte{nil, {}, {1}, {1, 2}, {1, 2, 3}, {1, 2, 3, 4}})
	exactly(t, [4]byte{1, 2, 3, 4})
	exactly(t, []time.Time{{}, at})
	exactly(t, []bool{true, false})
	exactly(t, map[string][]string{"": nil, "a": {}, "b": {""}})
	exactly(t, map[int8]*int{1: nil, 2: new(3)})
	exactly(t, []branch{{}, {Name: "x", Left: &branch{}}})
	exactly(t, []document{{}, {Named: Named{"x"}, ID: "1", Half: 2, At: at, Until: &at, Zero: at, Counts: map[string]int{"a": 1}, Kids: []*document{nil, {}}}})
	exactly(t, []bothWays{{1}, {2}})
	exactly(t, []netip.Addr{{}, netip.MustParseAddr("::1")})
}

// exactly fails unless v is encoded where it has just as many bytes as it needs, and not in one less.
func exactly[V any](t *testing.T, v V) {
	t.Helper()
	b := encode(t, l2.JSON[V](), v)
	if err := appendError(l2.ShortJSON[V](len(b)), v); err != nil {
		t.Errorf("%s: got error %v", b, err)
	}
	if err := appendError(l2.ShortJSON[V](len(b)-1), v); err == nil || !strings.HasSuffix(err.Error(), "that a Redis string can hold") {
		t.Errorf("%s: with a byte less, got error %v", b, err)
	}
}

func appendError[V any](c l2.Codec[V], v V) error {
	_, err := c.Append(nil, v)
	return err
}
