package l2_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/l2"
)

type document struct {
	Named
	base
	ID     string `json:"id"`
	Score  float64
	Half   float32 `json:"half,omitempty"`
	Big    uint64
	Small  int64 `json:",string"`
	Tags   []string
	Raw    []byte
	Four   [4]byte
	At     time.Time
	Until  *time.Time     `json:"until,omitempty"`
	Zero   time.Time      `json:",omitzero"`
	Counts map[string]int `json:",omitzero"`
	ByN    map[int8][]string
	Parent *document
	Kids   []*document
	Addr   netip.Addr
}

func TestJSONRoundTrip(t *testing.T) {
	c := l2.JSON[[]document]()
	at := time.Date(2024, 7, 1, 12, 0, 0, 123_456_789, time.UTC)
	roundTrip(t, c, nil)
	roundTrip(t, c, []document{})
	roundTrip(t, c, []document{{}, {
		Named: Named{"<&>\u2028"}, base: base{ID: "inner"}, ID: "1", Score: math.Copysign(0, -1), Half: 0.1, Big: math.MaxUint64, Small: math.MinInt64,
		Tags: []string{}, Raw: []byte{}, Four: [4]byte{1, 2, 3, 255}, At: at, Until: &at, Counts: map[string]int{}, ByN: map[int8][]string{-1: nil, 2: {}},
		Parent: &document{Score: math.MaxFloat64}, Kids: []*document{nil, {}}, Addr: netip.MustParseAddr("::1"),
	}})
	type texts struct {
		Zero float64 `json:",string"`
	}
	roundTrip(t, l2.JSON[texts](), texts{Zero: math.Copysign(0, -1)}) // no option leaves it out
	roundTrip(t, l2.JSON[map[coded]coded](), map[coded]coded{"a": "\xff", "b": "\xfe"})
	roundTrip(t, l2.JSON[map[string][]byte](), map[string][]byte{"nil": nil, "empty": {}, "\x00": {0}})
}

type bothWays struct{ n int }

func (b bothWays) MarshalJSON() ([]byte, error)    { return json.Marshal(b.n) }
func (b *bothWays) UnmarshalJSON(src []byte) error { return json.Unmarshal(src, &b.n) }
func TestJSONUsesMethods(t *testing.T)             { roundTrip(t, l2.JSON[[]bothWays](), []bothWays{{1}, {2}}) }

// coded has JSON methods, which encoding/json asks a value for and no key.
type coded string

func (c coded) MarshalJSON() ([]byte, error) { return json.Marshal([]byte(c)) }

func (c *coded) UnmarshalJSON(src []byte) error {
	var b []byte
	err := json.Unmarshal(src, &b)
	*c = coded(b)
	return err
}

// nullable is written as null where it is not valid.
type nullable struct {
	N     int
	Valid bool
}

func (n nullable) MarshalJSON() ([]byte, error) {
	if n.N < 0 {
		return nil, errors.New("too few")
	}
	if !n.Valid {
		return []byte(" null "), nil
	}
	return json.Marshal(n.N)
}

func (n *nullable) UnmarshalJSON(src []byte) error {
	if n.Valid = string(src) != "null"; !n.Valid {
		return nil
	}
	return json.Unmarshal(src, &n.N)
}

// A pointer that is not nil comes back as one, or is refused.
func TestJSONNull(t *testing.T) {
	roundTrip(t, l2.JSON[[]nullable](), []nullable{{}, {1, true}})
	roundTrip(t, l2.JSON[map[string]*nullable](), map[string]*nullable{"nil": nil, "zero": {0, true}})
	const want = "a pointer to what MarshalJSON writes as null; JSON would make it nil"
	wantError(t, appendError(l2.JSON[*nullable](), &nullable{}), "l2: encode *nullable: "+want)
	wantError(t, appendError(l2.JSON[[]*nullable](), []*nullable{nil, {}}), "l2: encode []*nullable[1]: "+want)
	wantError(t, appendError(l2.JSON[*nullable](), &nullable{N: -1}), "l2: encode *nullable: too few")
}

// slug has text methods.
type slug string

func (s slug) MarshalText() ([]byte, error) {
	if strings.Contains(string(s), " ") {
		return nil, errors.New("a space in a slug")
	}
	return []byte(s), nil
}

func (s *slug) UnmarshalText(b []byte) error {
	*s = slug(b)
	return nil
}

type oneWay struct{ N int }

func (oneWay) MarshalJSON() ([]byte, error) { return []byte("{}"), nil }

type onPointer struct{ N int }

func (*onPointer) MarshalText() ([]byte, error) { return nil, nil }
func (*onPointer) UnmarshalText([]byte) error   { return nil }

type few int

func (f *few) IsZero() bool { return *f < 10 }

type none string

func (n none) IsZero() bool { return n == "none" }

type grade int

func (l grade) String() string         { return fmt.Sprint(int(l)) }
func (l grade) IsZero(than grade) bool { return l < than }

type dayPointer *coded

func TestJSONCheck(t *testing.T) {
	for _, c := range []struct {
		got  error
		want string
	}{
		{l2.JSON[Preference]().Check(), "Preference.Meta[].X: interface type any; name a concrete type"},
		{l2.JSON[map[string]any]().Check(), "map[string]any[]: interface type any; name a concrete type"},
		{l2.JSON[secret]().Check(), "secret.salt: unexported field would be lost; export it"},
		{l2.JSON[day]().Check(), "day.wall: unexported field would be lost; export it"},
		{l2.JSON[dayPointer]().Check(), "dayPointer: pointer type with a name, which does without the methods of what it points to; use a plain pointer"},
		{l2.JSON[**int]().Check(), "**int: pointer to what may be null itself; point to a struct"},
		{l2.JSON[complex64]().Check(), "complex64: complex64 cannot be stored; remove it from the cached type"},
		{l2.JSON[map[bool]int]().Check(), "map[bool]int[key]: bool is no JSON key; use a string or an integer"},
		{l2.JSON[map[netip.Addr]int]().Check(), "map[Addr]int[key]: Addr is no JSON key; use a string or an integer"},
		{l2.JSON[[]json.RawMessage]().Check(), "[]RawMessage[]: json.RawMessage loses its white space, and nil; use the type of its content, or a string"},
		{l2.JSON[json.Number]().Check(), "Number: an empty json.Number comes back as 0; use a string or a number"},
		{l2.JSON[stamped]().Check(), "stamped: embedded Time may bring its MarshalJSON, which leaves the other fields out; give the field a name"},
		{l2.JSON[oneWay]().Check(), "oneWay: needs MarshalJSON on the value and UnmarshalJSON; one alone reads back something else"},
		{l2.JSON[[]onPointer]().Check(), "[]onPointer[]: needs MarshalText on the value and UnmarshalText; one alone reads back something else"},
		{l2.JSON[struct{ *Named }]().Check(), "struct { *l2_test.Named }.Named: embedded pointer, whose nil is lost; give the field a name"},
		{
			l2.JSON[struct {
				Named
				Alias string `json:"Name"`
			}]().Check(),
			`struct { l2_test.Named; Alias string "json:\"Name\"" }.Alias: a second field of the name "Name" hides it; rename one`,
		},
		{
			l2.JSON[struct {
				A string `json:"-"`
			}]().Check(), `struct { A string "json:\"-\"" }.A: tagged "-", so it would be lost; remove it from the cached type`,
		},
		{
			l2.JSON[struct {
				A string `json:"a\\b"` //nolint:staticcheck // what is refused
			}]().Check(),
			`struct { A string "json:\"a\\\\b\"" }.A: the name "a\\b" is none that encoding/json takes; use letters, digits and plain punctuation`,
		},
		{
			l2.JSON[struct {
				Named `json:"'n'"`
			}]().Check(),
			`struct { l2_test.Named "json:\"'n'\"" }.Named: the name "'n'" is none that encoding/json takes; use letters, digits and plain punctuation`,
		},
		{
			l2.JSON[struct {
				A []int `json:",omitempty"`
			}]().Check(), `struct { A []int "json:\",omitempty\"" }.A: omitempty does not bring every []int back; remove the option`,
		},
		{
			l2.JSON[struct {
				A []int `json:",omitzero,omitempty"`
			}]().Check(), `struct { A []int "json:\",omitzero,omitempty\"" }.A: omitempty does not bring every []int back; remove the option`,
		},
		{
			l2.JSON[struct {
				A Named `json:",omitempty,omitzero"` //nolint:modernize // what is refused
			}]().Check(), `struct { A l2_test.Named "json:\",omitempty,omitzero\"" }.A: omitzero does not bring every Named back; remove the option`,
		},
		{
			l2.JSON[struct {
				A few `json:",omitzero"`
			}]().Check(), `struct { A l2_test.few "json:\",omitzero\"" }.A: omitzero does not bring every few back; remove the option`,
		},
		{
			l2.JSON[struct {
				A none `json:",omitzero"`
			}]().Check(), `struct { A l2_test.none "json:\",omitzero\"" }.A: omitzero does not bring every none back; remove the option`,
		},
		{
			l2.JSON[struct {
				A *time.Time `json:",omitzero"`
			}]().Check(), `struct { A *time.Time "json:\",omitzero\"" }.A: omitzero does not bring every *Time back; remove the option`,
		},
		{
			l2.JSON[struct {
				A slog.Level `json:",string"`
			}]().Check(), `struct { A slog.Level "json:\",string\"" }.A: string does not bring every Level back; remove the option`,
		},
		{
			l2.JSON[struct {
				A *coded `json:",omitempty,string"`
			}]().Check(), `struct { A *l2_test.coded "json:\",omitempty,string\"" }.A: string does not bring every *coded back; remove the option`,
		},
	} {
		if c.got == nil || c.got.Error() != "JSON: "+c.want {
			t.Errorf("got\n\t%v\nwant\n\tJSON: %s", c.got, c.want)
		}
	}
}

// What the option string does not change may have methods, and it.
func TestJSONQuotes(t *testing.T) {
	type row struct {
		Number *int       `json:",string"`
		Text   string     `json:",string"`
		Addr   netip.Addr `json:",string"` //nolint:staticcheck // an option that does nothing
		Levels []grade    `json:",string"` //nolint:staticcheck // likewise
	}
	roundTrip(t, l2.JSON[[]row](), []row{{}, {Number: new(7), Text: "null", Addr: netip.MustParseAddr("::1"), Levels: []grade{1}}})
}

func TestJSONNames(t *testing.T) {
	type row struct {
		A int `json:"é世9"`
		B int `json:"!#$%&()*+-./:;<=>?@[]^_{|}~ "`
		C int `json:"-,"` //nolint:staticcheck // a name that is a dash
		D int `json:"d,string"`
	}
	c := l2.JSON[row]()
	got := encode(t, c, row{1, 2, 3, 4})
	if want := `{"é世9":1,"!#$%\u0026()*+-./:;\u003c=\u003e?@[]^_{|}~ ":2,"-":3,"d":"4"}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	roundTrip(t, c, row{1, 2, 3, 4})
}

// Every name that Check lets pass is one that encoding/json writes.
func TestJSONTakesTheNamesOfEncodingJSON(t *testing.T) {
	var names []string
	for r := rune(' '); r < 0x500; r++ {
		names = append(names, "x"+string(r))
	}
	for _, name := range append(names, "\xff", "\u2028", "\ufffd", "😀", "x\u0301", "٣", "²") {
		tag := reflect.StructTag("json:" + strconv.Quote(name))
		typ := reflect.StructOf([]reflect.StructField{{Name: "A", Type: reflect.TypeFor[int](), Tag: tag}})
		b, err := json.Marshal(reflect.Zero(typ).Interface())
		check(t, err)
		read := map[string]int{}
		check(t, json.Unmarshal(b, &read))
		name, _, _ = strings.Cut(name, ",")
		_, taken := read[name]
		if err := l2.CheckJSON(typ); (err == nil) != taken {
			t.Errorf("encoding/json makes %s of the name %q, and Check says %v", b, name, err)
		}
	}
}

// encoding/json asks an IsZero() bool, of the value or of its pointer, and no other method.
func TestJSONLeavesOutWhatComesBack(t *testing.T) {
	type row struct {
		Level grade            `json:",omitzero"`
		Count *grade           `json:",omitzero"`
		Few   few              `json:",omitempty"`
		By    map[string]grade `json:",omitzero"`
	}
	c := l2.JSON[[]row]()
	got := encode(t, c, []row{{}})
	if want := "[{}]"; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	roundTrip(t, c, []row{{}, {Level: 1, Count: new(grade(0)), Few: 5, By: map[string]grade{}}})
}

func TestJSONRefusesValuesThatItWouldChange(t *testing.T) {
	c := l2.JSON[[]document]()
	for _, bad := range []struct {
		v    document
		want string
	}{
		{document{Score: math.NaN()}, "json: unsupported value: NaN"},
		{document{Score: math.Inf(1)}, "json: unsupported value: +Inf"},
		{document{At: time.Date(2024, 1, 1, 0, 0, 0, 0, location(t, "Europe/Paris"))}, "[1].At: a time that is not in UTC; JSON would lose its zone"},
		{document{Parent: &document{Tags: []string{"ok", "\xff"}}}, "[1].Parent.Tags[1]: a string that is not UTF-8; JSON would change it"},
		{document{Counts: map[string]int{"\xff": 1}}, "[1].Counts[key]: a string that is not UTF-8; JSON would change it"},
		{document{ByN: map[int8][]string{5: {"\xff"}}}, "[1].ByN[5][0]: a string that is not UTF-8; JSON would change it"},
		{document{Addr: netip.MustParseAddr("fe80::1").WithZone("\xff")}, "[1].Addr: a string that is not UTF-8; JSON would change it"},
		{document{Half: float32(math.Copysign(0, -1))}, "[1].Half: a negative zero that would be left out"},
	} {
		_, err := c.Append(nil, []document{{}, bad.v})
		want := "l2: encode []document"
		if !strings.HasPrefix(bad.want, "[") {
			want += ": "
		}
		wantError(t, err, want+bad.want)
	}
	wantError(t, appendError(l2.JSON[map[coded]int](), map[coded]int{"\xff": 1, "\xfe": 2}), "l2: encode map[coded]int[key]: a string that is not UTF-8; JSON would change it")
	wantError(t, appendError(l2.JSON[*slug](), new(slug("\xff"))), "l2: encode *slug: a string that is not UTF-8; JSON would change it")
	wantError(t, appendError(l2.JSON[[]slug](), []slug{"a b"}), "l2: encode []slug[0]: a space in a slug")
	cycle := &document{}
	cycle.Parent = cycle
	if _, err := c.Append(nil, []document{*cycle}); err == nil {
		t.Error("a cycle was encoded")
	}
}

func TestJSONDecodesNothingElse(t *testing.T) {
	c := l2.JSON[oneName]()
	for src, want := range map[string]string{
		``:                   "l2: decode oneName: EOF",
		`{"Name":"x"} {}`:    "l2: decode oneName: bytes are left over",
		`{"Name":"x"}x`:      "l2: decode oneName: bytes are left over",
		`{"Name":1}`:         "l2: decode oneName: json: cannot unmarshal number into Go struct field oneName.Name of type string",
		`{"Other":"x"}`:      `l2: decode oneName: json: unknown field "Other"`,
		`{"Name":"x"`:        "l2: decode oneName: unexpected EOF",
		`[[[[[[[[[[[[[[[[[[`: "l2: decode oneName: unexpected EOF",
	} {
		_, err := c.Decode([]byte(src))
		wantError(t, err, want)
	}
}

type oneName struct{ Name string }

func FuzzDecodeJSON(f *testing.F) {
	c := l2.JSON[[]document]()
	at := time.Date(2024, 7, 1, 12, 0, 0, 123_456_789, time.UTC)
	b, err := c.Append(nil, []document{{}, {ID: "1", Tags: []string{"x"}, Until: &at, Parent: &document{}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`[{"id":"x","At":"2024-07-01T12:00:00Z","Small":"5"}]`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := c.Decode(b)
		if err != nil {
			return
		}
		first, err := c.Append(nil, v)
		if err != nil {
			return // a time in another zone, which Append never writes
		}
		again(t, c, first)
	})
}
