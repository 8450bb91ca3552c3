package main

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/torture/service"
	"github.com/tieredcache/tieredcache/internal/torture/truth"
)

// TestWords: a fault that hits the word of a key or a tag is on record as that, or it would excuse too much or too little.
func TestWords(t *testing.T) {
	bus, err := coherence.New(coherence.Config{Redis: redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})})
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	sequence, journal, _ := bus.Announce()
	for key, want := range map[string]int{
		bus.Key(coherence.Entry(service.Name, "0").String()):    0,
		bus.Key(coherence.Entry(service.Name, "1917").String()): 1917,
		bus.Key(service.TagOf(0).String()):                      truth.TagWord(0),
		bus.Key(service.TagOf(1917).String()):                   truth.TagWord(1917),
		bus.GenerationKey(service.Name):                         truth.NoWord,
		sequence:                                                truth.NoWord,
		journal:                                                 truth.NoWord,
		"torture:x":                                             truth.NoWord,
	} {
		if got := wordOf(key); got != want {
			t.Errorf("%s: got %d, want %d", key, got, want)
		}
	}
}
