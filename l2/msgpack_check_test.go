package l2_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/tinylib/msgp/msgp"

	"github.com/tieredcache/tieredcache/l2"
)

type Preference struct {
	ID   string
	Meta []struct{ X any }
}

type locked struct {
	sync.Mutex
	N int
}

type secret struct {
	Name string
	salt []byte
}

type stamped struct {
	time.Time
	By string
}

type embedsPointer struct{ *base }

// generated stands for what the msgp tool makes of a type.
type generated struct {
	N  int64
	In struct{ At *time.Time }
}

func (g generated) MarshalMsg(b []byte) ([]byte, error)    { return msgp.AppendInt64(b, g.N), nil }
func (g *generated) UnmarshalMsg(b []byte) ([]byte, error) { return b, nil }

type listing struct{ Names []string }

func (g listing) MarshalMsg(b []byte) ([]byte, error)    { return b, nil }
func (g *listing) UnmarshalMsg(b []byte) ([]byte, error) { return b, nil }

// leaving and halfway have fields that the msgp tool passes over.
type leaving struct {
	Name  string
	Score int64 `msg:"-"`
}

func (g leaving) MarshalMsg(b []byte) ([]byte, error)    { return b, nil }
func (g *leaving) UnmarshalMsg(b []byte) ([]byte, error) { return b, nil }

// skipping and dashed have fields that it passes over, too.
type skipping struct {
	Name  string
	Score int64 `msgpack:"-"`
}

func (g skipping) MarshalMsg(b []byte) ([]byte, error)    { return msgp.AppendString(b, g.Name), nil }
func (g *skipping) UnmarshalMsg(b []byte) ([]byte, error) { return b, nil }

type dashed struct {
	Name  string
	Score int64 `msg:"-,omitempty" msgpack:"score"`
}

func (g dashed) MarshalMsg(b []byte) ([]byte, error)    { return msgp.AppendString(b, g.Name), nil }
func (g *dashed) UnmarshalMsg(b []byte) ([]byte, error) { return b, nil }

type calling struct{ Back func() }

func (g calling) MarshalMsg(b []byte) ([]byte, error)    { return b, nil }
func (g *calling) UnmarshalMsg(b []byte) ([]byte, error) { return b, nil }

// older stands for code that does not know of a field, and whose tags do not show it.
type older struct {
	base
	Next *older
	In   *inside
}

type inside struct {
	At    [2]int8
	On    bool
	Up    uint8
	Name  string
	Half  float32
	Score complex64
}

func (g older) MarshalMsg(b []byte) ([]byte, error) {
	b = fmt.Append(b, g.base, g.Next != nil, g.In != nil)
	if g.In != nil {
		b = fmt.Append(b, g.In.At, g.In.On, g.In.Up, g.In.Name, g.In.Half)
	}
	return b, nil
}
func (g *older) UnmarshalMsg(b []byte) ([]byte, error) { return b, nil }

// omitting and emptied leave out what equals zero, as omitempty does.
type omitting struct{ F [2]float32 }

func (g omitting) MarshalMsg(b []byte) ([]byte, error) {
	if g == (omitting{}) {
		return b, nil
	}
	return fmt.Append(b, g.F), nil
}
func (g *omitting) UnmarshalMsg(b []byte) ([]byte, error) { return b, nil }

type emptied struct{ In *struct{ C complex128 } }

func (g emptied) MarshalMsg(b []byte) ([]byte, error) {
	if g.In == nil || g.In.C == 0 {
		return fmt.Append(b, g.In != nil), nil
	}
	return fmt.Append(b, g.In.C), nil
}
func (g *emptied) UnmarshalMsg(b []byte) ([]byte, error) { return b, nil }

// picky takes only some values, of which a check knows nothing.
type picky struct {
	Level uint8
	Next  *picky
}

func (g *picky) MarshalMsg(b []byte) ([]byte, error) {
	if g.Level > 0 {
		return b, io.ErrUnexpectedEOF
	}
	if g.Next != nil {
		panic("no next")
	}
	return b, nil
}
func (g *picky) UnmarshalMsg(b []byte) ([]byte, error) { return b, nil }

type halfway struct {
	Name  string
	level int64
}

func (g halfway) MarshalMsg(b []byte) ([]byte, error)    { return msgp.AppendInt64(b, g.level), nil }
func (g *halfway) UnmarshalMsg(b []byte) ([]byte, error) { return b, nil }

func TestMessagePackCheck(t *testing.T) {
	for _, c := range []struct {
		got  error
		want string
	}{
		{l2.MessagePack[Preference]().Check(), "Preference.Meta[].X: interface type any; name a concrete type, or use MessagePackAny"},
		{l2.MessagePack[[]Preference]().Check(), "[]Preference[].Meta[].X: interface type any; name a concrete type, or use MessagePackAny"},
		{l2.MessagePack[map[string]*Preference]().Check(), "map[string]*Preference[].Meta[].X: interface type any; name a concrete type, or use MessagePackAny"},
		{l2.MessagePack[any]().Check(), "any: interface type any; name a concrete type, or use MessagePackAny"},
		{l2.MessagePack[struct{ E error }]().Check(), "struct { E error }.E: interface type error; name a concrete type"},
		{l2.MessagePackAny[[]io.Reader]().Check(), "[]Reader[]: interface type Reader; name a concrete type"},
		{l2.MessagePackAny[[]fmt.Stringer]().Check(), "[]Stringer[]: interface type Stringer; name a concrete type"},
		{l2.MessagePack[func()]().Check(), "func(): func cannot be stored; remove it from the cached type"},
		{l2.MessagePack[[2]chan int]().Check(), "[2]chan int[]: chan cannot be stored; remove it from the cached type"},
		{l2.MessagePack[uintptr]().Check(), "uintptr: uintptr cannot be stored; remove it from the cached type"},
		{l2.MessagePack[unsafe.Pointer]().Check(), "Pointer: unsafe.Pointer cannot be stored; remove it from the cached type"},
		{l2.MessagePack[secret]().Check(), "secret.salt: unexported field would be lost; export it or teach its struct with an Extension"},
		{l2.MessagePack[locked]().Check(), "locked.Mutex.mu: unexported field would be lost; export it or teach its struct with an Extension"},
		{l2.MessagePack[embedsPointer]().Check(), "embedsPointer.base: unexported field would be lost; export it or teach its struct with an Extension"},
		{l2.MessagePack[map[*int]int]().Check(), "map[*int]int[key]: ptr in a map key loses its identity; use plain data as the key"},
		{l2.MessagePack[map[struct{ P *int }]int]().Check(), "map[struct { P *int }]int[key]: ptr in a map key loses its identity; use plain data as the key"},
		{l2.MessagePackAny[map[any]int]().Check(), "map[any]int[key]: interface in a map key loses its identity; use plain data as the key"},
		{
			l2.MessagePack[generated]().Check(),
			"generated.In.At: the zone of a time may not survive the MarshalMsg of generated; remove the method or teach generated with an Extension",
		},
		{
			l2.MessagePack[[]listing]().Check(),
			"[]listing[].Names: nil or empty may not survive the MarshalMsg of listing; remove the method or teach listing with an Extension",
		},
		{
			l2.MessagePack[leaving]().Check(),
			`leaving.Score: what is tagged "-" may not survive the MarshalMsg of leaving; remove the method or teach leaving with an Extension`,
		},
		{
			l2.MessagePack[skipping]().Check(),
			`skipping.Score: what is tagged "-" may not survive the MarshalMsg of skipping; remove the method or teach skipping with an Extension`,
		},
		{
			l2.MessagePack[dashed]().Check(),
			`dashed.Score: what is tagged "-" may not survive the MarshalMsg of dashed; remove the method or teach dashed with an Extension`,
		},
		{
			l2.MessagePack[calling]().Check(),
			"calling.Back: a func may not survive the MarshalMsg of calling; remove the method or teach calling with an Extension",
		},
		{
			l2.MessagePack[map[string]older]().Check(),
			"map[string]older[].In.Score: what it holds may not survive the MarshalMsg of older; remove the method or teach older with an Extension",
		},
		{
			l2.MessagePack[omitting]().Check(),
			"omitting.F: a negative zero may not survive the MarshalMsg of omitting; remove the method or teach omitting with an Extension",
		},
		{
			l2.MessagePack[emptied]().Check(),
			"emptied.In.C: a negative zero may not survive the MarshalMsg of emptied; remove the method or teach emptied with an Extension",
		},
		{
			l2.MessagePack[[]halfway]().Check(),
			"[]halfway[].level: what is unexported may not survive the MarshalMsg of halfway; remove the method or teach halfway with an Extension",
		},
		{l2.MessagePack[celsius](l2.Extension{}).Check(), "Extension 0: is not for a concrete type; make it with Extend"},
		{l2.MessagePack[celsius](l2.Extend[any](1, nil, nil)).Check(), "Extension 1: is not for a concrete type; make it with Extend"},
		{l2.MessagePack[celsius](celsiusExt(-1)).Check(), "Extension celsius: has tag -1; use 0 to 119"},
		{l2.MessagePack[celsius](celsiusExt(127)).Check(), "Extension celsius: has tag 127; use 0 to 119"},
		{l2.MessagePack[celsius](celsiusExt(1), celsiusExt(2)).Check(), "Extension celsius: is given twice"},
		{l2.MessagePack[celsius](celsiusExt(1), l2.Extend[Named](1, nil, nil)).Check(), "Extension Named: has tag 1, as celsius has; give it its own"},
		{
			l2.MessagePack[celsius](l2.Extend(1, nil, func([]byte) (celsius, error) { return celsius{}, nil })).Check(),
			"Extension celsius: has one function of two; give both or none",
		},
	} {
		if c.got == nil || c.got.Error() != "MessagePack: "+c.want {
			t.Errorf("got\n\t%v\nwant\n\tMessagePack: %s", c.got, c.want)
		}
	}
}

// What MarshalMsg does with values that it never gets is no reason to refuse its type.
func TestMessagePackCheckOfPickyMethods(t *testing.T) {
	check(t, l2.MessagePack[picky]().Check())
}

// tree nests without end, and not by structs.
type tree [2]*tree

func (t tree) MarshalMsg([]byte) ([]byte, error) { return nil, errors.New("it says nothing") }

func (t *tree) UnmarshalMsg(b []byte) ([]byte, error) { return b[1:], nil }

// wide is one of types of which each leads to two of the next: what can be reached is more than can be tried.
type wide[T any] struct{ A, B *T }

type (
	wide4  = wide[wide[wide[wide[int]]]]
	wide8  = wide[wide[wide[wide[wide4]]]]
	wide16 struct {
		X wide[wide[wide[wide[wide[wide[wide[wide[wide8]]]]]]]]
	}
)

func (w wide16) MarshalMsg(b []byte) ([]byte, error) { return json.Marshal(w) }

func (w *wide16) UnmarshalMsg(b []byte) ([]byte, error) { return nil, json.Unmarshal(b, w) }

// TestProbeEnds: types without an end, or with more than can be tried, are looked at for a moment.
func TestProbeEnds(t *testing.T) {
	began := time.Now()
	check(t, l2.MessagePack[tree]().Check())
	check(t, l2.MessagePack[wide16]().Check())
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestMessagePackRefusesToLose(t *testing.T) {
	c := l2.MessagePack[secret]()
	want := "l2: MessagePack: secret.salt: unexported field would be lost; export it or teach its struct with an Extension"
	_, err := c.Append(nil, secret{"x", nil})
	wantError(t, err, want)
	_, err = c.Decode([]byte{0xc0})
	wantError(t, err, want)
}

// time.Time brings its MarshalBinary to a struct that embeds it, where it would leave out the other fields.
func TestMessagePackIgnoresPromotedMethods(t *testing.T) {
	roundTrip(t, l2.MessagePack[stamped](), stamped{time.Date(2024, 1, 1, 0, 0, 0, 0, location(t, "Europe/Paris")), "ada"})
}

type chain struct {
	Next *chain
	N    int
}

type loop map[string]loop

type ring []ring

func TestMessagePackRecursion(t *testing.T) {
	list := &chain{}
	for i := range 900 {
		list = &chain{list, i}
	}
	c := l2.MessagePack[*chain]()
	roundTrip(t, c, list)
	for i := range 200 {
		list = &chain{list, i}
	}
	wantDepth(t, c, list)
	cycle := &chain{}
	cycle.Next = cycle
	wantDepth(t, c, cycle)

	m := loop{}
	m["self"] = m
	wantDepth(t, l2.MessagePack[loop](), m)
	r := ring{nil}
	r[0] = r
	wantDepth(t, l2.MessagePack[ring](), r)
	a := []any{nil}
	a[0] = a
	wantDepth(t, l2.MessagePackAny[any](), any(a))
	wantDepth(t, l2.MessagePackAny[[]any](), a)
	roundTrip(t, l2.MessagePack[loop](), loop{"a": {"b": nil}, "c": {}})
	roundTrip(t, l2.MessagePack[ring](), ring{nil, {}, {{}}})
}

func wantDepth[V any](t *testing.T, c l2.Codec[V], v V) {
	t.Helper()
	_, err := c.Append(nil, v)
	if err == nil || !strings.HasSuffix(err.Error(), "nested deeper than 1000, or cyclic") || len(err.Error()) > 400 {
		t.Errorf("got error %.500v", err)
	}
}
