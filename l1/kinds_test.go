package l1_test

import (
	"math"
	"testing"
)

// TestKindsOfKeys: keys are equal as == says.
func TestKindsOfKeys(t *testing.T) {
	t.Parallel()
	type padded struct {
		a uint8
		b uint64
		c uint16
		s string
		e any
	}
	text := func(s string) string { return string(append([]byte(nil), s...)) } // not the same bytes
	t.Run("interface", func(t *testing.T) {
		t.Parallel()
		keys(t, []any{1, int8(1), "1", 1.0, nil, struct{}{}, [2]int{1, 1}, &struct{ a int }{1}}, nil)
	})
	t.Run("float", func(t *testing.T) {
		t.Parallel()
		keys(t, []float64{0, 1, math.Inf(1), math.SmallestNonzeroFloat64}, []float64{math.NaN()})
		c := newRig[float64, int](t, capacity)
		c.Put(math.Copysign(0, -1), 7, c.places("0"), c.epochs.Now(), never, 8)
		c.Wait()
		if got, _, ok := c.Get(0, 0); !ok || got != 7 {
			t.Errorf("0 is not -0: got %d, %v", got, ok)
		}
	})
	t.Run("large", func(t *testing.T) {
		t.Parallel()
		keys(t, [][300]byte{{}, {0: 1}, {299: 1}, {150: 1}}, nil)
	})
	t.Run("struct", func(t *testing.T) {
		t.Parallel()
		keys(t, []padded{
			{}, {a: 1}, {b: 1}, {c: 1}, {s: text("x")}, {e: text("x")}, {e: 1.0}, {1, 1, 1, text("y"), text("z")},
		}, []padded{{e: math.NaN()}})
		c := newRig[padded, int](t, capacity)
		c.Put(padded{s: text("same"), e: text("same")}, 7, c.places("0"), c.epochs.Now(), never, 8)
		c.Wait()
		if got, _, ok := c.Get(padded{s: text("same"), e: text("same")}, 0); !ok || got != 7 {
			t.Errorf("texts that are equal: got %d, %v", got, ok)
		}
	})
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		keys(t, []struct{}{{}}, nil)
	})
}

func keys[K comparable](t *testing.T, taken, refused []K) {
	t.Helper()
	c := newRig[K, int](t, capacity)
	for i, k := range taken {
		if !c.Put(k, i, c.places("k"), c.epochs.Now(), never, 8) {
			t.Errorf("%v is refused", k)
		}
	}
	for _, k := range refused {
		if c.Put(k, -1, c.places("k"), c.epochs.Now(), never, 8) {
			t.Errorf("%v is taken", k)
		}
	}
	c.Wait()
	for i, k := range taken {
		if got, _, ok := c.Get(k, 0); !ok || got != i {
			t.Errorf("%v: got %d, %v, want %d", k, got, ok, i)
		}
	}
	for _, k := range refused {
		if got, _, ok := c.Get(k, 0); ok {
			t.Errorf("%v: got %d", k, got)
		}
	}
	if _, held, standing, _ := c.Front(); held != len(taken) || standing != held || c.Stray() != 0 {
		t.Errorf("front counts %d of %d entries, and %d have a place", held, len(taken), standing)
	}
}

// TestKeysThatCannotBeCompared panic as they do in a map, and hold up nobody.
func TestKeysThatCannotBeCompared(t *testing.T) {
	t.Parallel()
	c := newRig[any, int](t, capacity)
	for name, do := range map[string]func(){
		"Get":      func() { c.Get([]int{1}, 0) },
		"Put":      func() { c.Put([]int{1}, 1, c.places("k"), 0, never, 8) },
		"Prefetch": func() { c.Prefetch([]any{[]int{1}}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			do()
		}()
	}
	for i := range 3 {
		c.Put("k", i, c.places("k"), c.epochs.Now(), never, 8)
		c.Wait()
		if got, _, ok := c.Get("k", 0); !ok || got != i {
			t.Errorf("got %d, %v, want %d", got, ok, i)
		}
	}
	c.Close()
}

// TestKindsOfValues: they come back as they were put.
func TestKindsOfValues(t *testing.T) {
	t.Parallel()
	n := 1
	pointers := newRig[int, *int](t, capacity)
	anything := newRig[int, any](t, capacity)
	pointers.Put(1, &n, pointers.places("k"), pointers.epochs.Now(), never, 8)
	pointers.Put(2, nil, pointers.places("k"), pointers.epochs.Now(), never, 8)
	anything.Put(1, []int{1}, anything.places("k"), anything.epochs.Now(), never, 8)
	anything.Put(2, nil, anything.places("k"), anything.epochs.Now(), never, 8)
	pointers.Wait()
	anything.Wait()
	if got, missing, ok := pointers.Get(1, 0); !ok || missing || got != &n {
		t.Errorf("a pointer: got %v, %v, %v", got, missing, ok)
	}
	if got, missing, ok := pointers.Get(2, 0); !ok || missing || got != nil {
		t.Errorf("no pointer: got %v, %v, %v", got, missing, ok)
	}
	if got, missing, ok := anything.Get(1, 0); !ok || missing || got.([]int)[0] != 1 {
		t.Errorf("what cannot be compared: got %v, %v, %v", got, missing, ok)
	}
	if got, missing, ok := anything.Get(2, 0); !ok || missing || got != nil {
		t.Errorf("no interface: got %v, %v, %v", got, missing, ok)
	}
}
