package coherence

import (
	"strconv"
	"strings"
	"sync"

	"github.com/tieredcache/tieredcache/internal/word"
)

// A message is "<n>|<refs>", an invalidation with its number in the sequence, or "f|<name>", which wakes who waits for
// the name and changes nothing. refs are names with '\n' between them; a cleared cache is named by its generation's
// name, '=' and the generation. The journal keeps the refs alone, under the number.
const refSeparator = "\n"

func joinRefs(names []string) string { return strings.Join(names, refSeparator) }

// hear applies one message, of a subscription that was made when the connections had been made anew that often. One that
// is older may be another server's: what it says is applied, but does not count.
func (b *Bus) hear(payload string, renewed int) {
	b.counters.messages.Add(1)
	head, refs, ok := strings.Cut(payload, "|")
	if !ok {
		b.counters.garbage.Add(1)
		return
	}
	if head == "f" {
		b.waiters.wake(refs)
		return
	}
	n, err := strconv.ParseUint(head, 10, 64)
	if err != nil {
		b.counters.garbage.Add(1)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.apply(refs)
	switch {
	case renewed != b.renewed:
	case n == b.applied+1:
		b.applied = n
	case n > b.applied+1:
		b.counters.gaps.Add(1)
		b.syncNow()
	}
}

// apply raises the epochs of what refs name: always, never only "if newer". The caller holds mu.
func (b *Bus) apply(refs string) {
	names := strings.Split(refs, refSeparator)
	places := make([]uint32, 0, len(names))
	for _, name := range names {
		if cache, g, ok := cleared(name); ok {
			if m := b.members[cache]; m != nil {
				m.Learn(g)
			}
			continue
		}
		places = append(places, b.epochs.Place(name))
	}
	b.epochs.Raise(places...)
	for _, name := range names {
		b.waiters.wake(name)
	}
}

// cleared takes the ref of a cleared cache apart.
func cleared(ref string) (cache string, generation uint64, ok bool) {
	name, number, ok := strings.Cut(ref, "=")
	if !ok {
		return "", 0, false
	}
	cache, ok = strings.CutPrefix(name, word.GenerationName(""))
	if !ok {
		return "", 0, false
	}
	g, err := strconv.ParseUint(number, 10, 64)
	return cache, g, err == nil
}

// waiters are those who wait for a name to be told: the end of somebody's load.
type waiters struct {
	mu     sync.Mutex
	byName map[string]map[chan struct{}]struct{}
}

// Listen returns a channel that receives when a message names the entry, and a function that ends it.
func (b *Bus) Listen(entry Ref) (told <-chan struct{}, stop func()) {
	w, c := &b.waiters, make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byName == nil {
		w.byName = map[string]map[chan struct{}]struct{}{}
	}
	if w.byName[entry.name] == nil {
		w.byName[entry.name] = map[chan struct{}]struct{}{}
	}
	w.byName[entry.name][c] = struct{}{}
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.byName[entry.name], c)
		if len(w.byName[entry.name]) == 0 {
			delete(w.byName, entry.name)
		}
	}
}

func (w *waiters) wake(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.byName[name] {
		select {
		case c <- struct{}{}:
		default: // it has been told and has not looked yet
		}
	}
}
