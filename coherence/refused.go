package coherence

import (
	"errors"
	"maps"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/internal/word"
)

// What Redis lets its user not touch is told all the same, by the bus's own words: in place of an entry its cache is owed a
// Clear, and in place of a tag all caches are. Where it refuses a Clear, too, that is set aside, and tried again seldom:
// nothing waits for it.

// isRefusedKey says whether Redis lets its user not touch one of the keys that it was sent; others may be well.
func isRefusedKey(err error) bool {
	var words redis.Error // its own: in err's may be the name of a host
	return redis.HasErrorPrefix(err, "NOPERM") && errors.As(err, &words) &&
		(strings.Contains(words.Error(), "one of the keys") || strings.Contains(words.Error(), "access a key"))
}

// cacheOf returns the cache that a name is of, that of all tags being the reserved one; isClear: the name is of its Clear.
func cacheOf(name string) (cache string, isClear bool) {
	if cache, isClear = strings.CutPrefix(name, word.GenerationName("")); isClear {
		return cache, true
	}
	cache, _, _ = strings.Cut(name, ":")
	return cache, false
}

// refuse turns what names are owed that were taken, and that Redis refuses, into a Clear, or sets it aside. It says whether
// that overflowed.
func (p *pending) refuse(some []owed, place func(string) uint32) (overflowed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, was := range some {
		o := p.owed[was.name]
		delete(p.owed, was.name)
		if _, isClear := cacheOf(was.name); isClear {
			p.setAside(o)
			continue
		}
		overflowed = p.clearInstead(was.name, place) || overflowed
		p.settle(was.name, o.count, place)
	}
	return overflowed
}

// clearInstead counts a Clear of a name's cache, or of all. The caller holds mu.
func (p *pending) clearInstead(name string, place func(string) uint32) (overflowed bool) {
	if isTag(name) {
		return p.full()
	}
	cache, _ := cacheOf(name)
	instead := word.GenerationName(cache)
	p.add([]uint32{place(instead)})
	p.owe(debt{name: instead})
	return false
}

// setAside sets a Clear aside. The caller holds mu.
func (p *pending) setAside(o *owed) {
	if p.aside == nil {
		p.aside = map[string]*owed{}
	}
	p.aside[o.name] = o
}

// refuseClear sets a Clear aside that nobody counts yet.
func (p *pending) refuseClear(name string, place func(string) uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.owed[name] == nil && p.aside[name] == nil {
		p.add([]uint32{place(name)})
		p.setAside(&owed{debt: debt{name: name}, count: 1})
	}
}

// retry puts what was refused back on the list.
func (p *pending) retry() {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.Copy(p.owed, p.aside)
	clear(p.aside)
	for _, i := range p.intents {
		i.aside = false
	}
}
