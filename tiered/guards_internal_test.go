package tiered

import (
	"context"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
)

// A flight is known until memory shows what it has put: who comes between would fly once more, answer with something
// newer, and the next reader would hit what was put first.
func TestPutsLingerUntilTheyAreVisible(t *testing.T) {
	c, err := New(Config[string, string]{Name: "a", Load: func(context.Context, string) (string, error) { return "v", nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for round := range 2000 {
		for i := range 50 { // work for ristretto's queue
			other := "other" + strconv.Itoa(i)
			p := c.places(other)
			c.l1.Put(other, "", p, c.member.Epoch(), c.bus.Now()+time.Minute, 1)
		}
		key := strconv.Itoa(round)
		if _, err := c.Get(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		c.flights.mu.Lock()
		lingers := c.flights.byName[c.Ref(key).String()] != nil
		c.flights.mu.Unlock()
		if _, ok := c.Peek(key); !ok && !lingers {
			t.Fatalf("round %d: the flight is forgotten, and its put is not visible", round)
		}
	}
}

// Who has missed in memory looks there again once it flies, if memory has got something meanwhile: from a flight that is
// forgotten by then, or from a Set, whose value a load would replace.
func TestMemoryIsAskedAgain(t *testing.T) {
	for name, put := range map[string]func(c *Cache[string, string]) error{
		"after a flight": func(c *Cache[string, string]) error { _, err := c.Get(t.Context(), "k"); return err },
		"after a Set":    func(c *Cache[string, string]) error { return c.Set(t.Context(), "k", "new") },
		"after neither":  func(*Cache[string, string]) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			loads, value, none := 0, "new", name == "after neither"
			c, err := New(Config[string, string]{Name: "a", Load: func(context.Context, string) (string, error) { loads++; return value, nil }})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			missed := c.flights.sweeps.Load() + 1
			if _, asked, ok := c.near("k"); ok || !asked {
				t.Fatalf("an empty memory: asked %v, hit %v", asked, ok)
			}
			if err := put(c); err != nil {
				t.Fatal(err)
			}
			for lingers := true; lingers; {
				c.flights.mark(func() { lingers = len(c.flights.byName) > 0 })
			}
			value = "old"
			for name, fly := range map[string]func() answer[string]{
				"alone": func() answer[string] {
					late := new(flight[string, string])
					late.missed = missed
					if err := c.plan(&late.trip, "k", c.load); err != nil {
						t.Fatal(err)
					}
					return c.fly(t.Context(), late)
				},
				"in a batch": func() answer[string] {
					p := &passage[string, string]{keys: []string{"k"}}
					c.flyMany(t.Context(), p, missed)
					c.arrive(t.Context(), p)
					return p.answers[0]
				},
			} {
				before := loads
				a := fly()
				if none {
					if loads != before+1 {
						t.Errorf("%s: got %d loads, want one", name, loads-before)
					}
					return
				}
				if a.err != nil || a.value != "new" || loads != before {
					t.Errorf("%s: got %q, %v, and %d more loads", name, a.value, a.err, loads-before)
				}
			}
		})
	}
}

// TestNoFlightBeginsWhileSetRaisesTheEpoch: one that missed the key before would load, and put that in the place of what
// was Set.
func TestNoFlightBeginsWhileSetRaisesTheEpoch(t *testing.T) {
	c, asked := onTrip(t)
	epoch, sweeps := c.member.Epoch(), c.flights.sweeps.Load()
	raised := func() bool { return !c.member.Holds(epoch, &asked.places) || c.flights.sweeps.Load() != sweeps }
	done := make(chan error)
	c.flights.mark(func() { // here none begins
		go func() { done <- c.setNear(asked, "set", time.Hour) }()
		for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end) && !t.Failed(); runtime.Gosched() {
			if raised() {
				t.Error("the epoch or the sweeps changed, and a flight could have begun")
			}
		}
	})
	if err := <-done; err != nil || !raised() {
		t.Errorf("%v, raised %v", err, raised())
	}
}

// TestNoSweepWhileASetPuts: between a sweep's look at an epoch and its put no Set may come, whose value it would take the
// place of.
func TestNoSweepWhileASetPuts(t *testing.T) {
	c, asked := onTrip(t)
	func() {
		c.putting.Lock() // as Set does
		defer c.putting.Unlock()
		if _, err := c.Get(t.Context(), asked.key); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); runtime.Gosched() {
			if _, ok := c.Peek(asked.key); ok {
				t.Fatal("it was put")
			}
		}
	}()
	for end := time.Now().Add(20 * time.Second); ; runtime.Gosched() {
		if _, ok := c.Peek(asked.key); ok {
			return
		}
		if time.Now().After(end) {
			t.Fatal("it is not put when the Set has")
		}
	}
}

// TestAgainSeesASetThatHasBegun after it had looked for one: the value of before is gone from memory, and that of the Set
// is not there yet.
func TestAgainSeesASetThatHasBegun(t *testing.T) {
	begin := func() {}
	c, err := New(Config[string, string]{
		Name: "a", Load: func(context.Context, string) (string, error) { return "loaded", nil },
		Tags: func(string) []coherence.Ref { begin(); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var asked trip[string, string]
	if err := c.plan(&asked, "k", c.load); err != nil {
		t.Fatal(err)
	}
	set := &flight[string, string]{
		trip: asked, put: true, answered: true, answer: answer[string]{held: held[string]{value: "set"}, tier: Memory}, expires: c.bus.Now() + time.Hour,
	}
	err = c.Update(t.Context(), "another", func(context.Context) error { // while something is pending, a look in memory asks for tags
		begin = func() {
			begin = func() {}
			c.flights.mark(func() {
				c.member.Raise(&asked.places)
				c.begin(set)
			})
		}
		if a, answered := c.again(&flight[string, string]{trip: asked}); !answered || a.value != "set" {
			t.Errorf("got %q, %v, want what is being set", a.value, answered)
		}
		c.flights.mark(func() { c.flights.remove(set) })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A batch loads nothing that nobody waits for any more, beside what somebody does.
func TestBatchLoadsNothingForNobody(t *testing.T) {
	var asked []string
	c, err := New(Config[string, string]{Name: "a", LoadMany: func(_ context.Context, keys []string) (map[string]string, error) {
		asked = append(asked, keys...)
		return nil, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	over, leave := context.WithCancel(t.Context())
	leave()
	var flights []*flight[string, string]
	for key, ctx := range map[string]context.Context{"left": over, "awaited": t.Context()} {
		f := new(flight[string, string])
		if err := c.plan(&f.trip, key, c.load); err != nil {
			t.Fatal(err)
		}
		c.flights.mark(func() { c.lead(f, nil) })
		c.prepare(f)
		c.detach(ctx, f)
		flights = append(flights, f)
	}
	c.convoy(flights)
	if want := []string{"awaited"}; !slices.Equal(asked, want) {
		t.Errorf("the source was asked for %v, want %v", asked, want)
	}
}

// A place that a load waited for after a read is given back if its loader reads again meanwhile, since what it reads may
// need that place, or has returned, since nobody would leave it.
func TestPlaceThatIsNotNeededIsGivenBack(t *testing.T) {
	for name, over := range map[string]bool{"it reads again": false, "it is over": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, err := New(Config[string, string]{Name: "a", MaxLoads: 1})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				ctx, l := c.newLoading(t.Context())
				_, other := c.newLoading(t.Context())
				if err := l.begin(); err != nil {
					t.Fatal(err)
				}
				goOn := c.rest(ctx)
				if err := other.begin(); err != nil {
					t.Fatal(err)
				}
				go goOn()
				synctest.Wait() // it waits for the place
				if over {
					l.end()
				} else {
					c.rest(ctx)
				}
				other.end()
				synctest.Wait() // it has had it
				if !c.slots.TryAcquire(1) {
					t.Error("a load holds the only place that does not need it")
				}
			})
		})
	}
}

// Close waits for who waits for a place after a read that gave up.
func TestCloseWaitsForWhoComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Config[string, string]{Name: "a", MaxLoads: 1})
		if err != nil {
			t.Fatal(err)
		}
		loads, end := context.WithCancel(t.Context())
		ctx, l := c.newLoading(loads)
		_, other := c.newLoading(t.Context())
		if err := l.begin(); err != nil {
			t.Fatal(err)
		}
		read, giveUp := context.WithCancel(ctx)
		goOn := c.rest(read)
		if err := other.begin(); err != nil {
			t.Fatal(err)
		}
		giveUp()
		goOn()
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			_ = c.Close()
		}()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("Close has returned, and a goroutine of the cache waits")
		default:
		}
		end()
		<-closed
	})
}
