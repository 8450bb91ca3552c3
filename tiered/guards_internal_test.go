package tiered

import (
	"context"
	"strconv"
	"testing"
	"time"
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
			c.l1.Put(other, "", p, c.member.Epoch(&p), c.bus.Now()+time.Minute, 1)
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
