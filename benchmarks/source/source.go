// Package source is the database behind the caches that are measured: it answers lists of preferences after a delay,
// counts what it is asked, and remembers when each version of a key was overtaken by the next. Processes reach it over
// a socket.
//
// # Concurrency
//
// A Source and a Client are safe for concurrent use.
package source

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tieredcache/tieredcache/benchmarks/sample"
	"github.com/tieredcache/tieredcache/neo4jstore"
)

// kinds is how many different lists there are: key i has list i modulo kinds, so that a million keys share their lists
// and what a cache takes beside its values can be seen.
const kinds = 1024

// Source is a table of lists. Make it with New.
type Source struct {
	lists [kinds]sample.List
	loads atomic.Int64
	delay atomic.Int64

	mu   sync.Mutex
	rows map[string]*row // those that were written
}

// row is what became of one key.
type row struct {
	overtaken []time.Duration // on the clock of Now: when version i was overtaken
	list      sample.List
}

// New returns a source that answers after delay, every key at version 0.
func New(delay time.Duration) *Source {
	s := &Source{rows: map[string]*row{}}
	for i := range s.lists {
		s.lists[i] = sample.Preferences(i)
	}
	s.SetDelay(delay)
	return s
}

// SetDelay says how long loads take from now on.
func (s *Source) SetDelay(d time.Duration) { s.delay.Store(int64(d)) }

// Loads returns how many keys were asked for so far.
func (s *Source) Loads() int64 { return s.loads.Load() }

// Load reads the list of a key, then waits: what is written meanwhile it has not seen. ctx ends the wait.
func (s *Source) Load(ctx context.Context, key string) (sample.List, error) {
	list, err := s.read(key)
	if err != nil {
		return nil, err
	}
	return list, s.wait(ctx)
}

// LoadMany reads several lists in one go.
func (s *Source) LoadMany(ctx context.Context, keys []string) (map[string]sample.List, error) {
	found := make(map[string]sample.List, len(keys))
	for _, k := range keys {
		list, err := s.read(k)
		if err != nil {
			return nil, err
		}
		found[k] = list
	}
	return found, s.wait(ctx)
}

func (s *Source) read(key string) (sample.List, error) {
	s.loads.Add(1)
	return s.Now(key)
}

func (s *Source) wait(ctx context.Context) error {
	d := time.Duration(s.delay.Load())
	if d == 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Now returns the list of a key at once, and does not count.
func (s *Source) Now(key string) (sample.List, error) {
	i, err := index(key)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rows[key]; r != nil {
		return r.list, nil
	}
	return s.lists[i%kinds], nil
}

// Write makes the next version of a key, and returns its number.
func (s *Source) Write(key string) (version int64, err error) {
	i, err := index(key)
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rows[key]
	if r == nil {
		r = &row{}
		s.rows[key] = r
	}
	r.overtaken = append(r.overtaken, now())
	version = int64(len(r.overtaken))
	r.list = append(sample.List(nil), s.lists[i%kinds]...)
	for j := range r.list {
		r.list[j].Rejections = version
	}
	return version, nil
}

// Overtaken returns when a version of a key was overtaken by the next one, on the clock of all processes; 0, if it was not.
func (s *Source) Overtaken(key string, version int64) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rows[key]
	if r == nil || version < 0 || version >= int64(len(r.overtaken)) {
		return 0
	}
	return r.overtaken[version]
}

// Version returns the version of a list.
func Version(list sample.List) int64 {
	if len(list) == 0 {
		return -1
	}
	return list[len(list)-1].Rejections // the sample's own last one has none
}

// Key returns the i-th key with a prefix, which keeps caches on one Redis apart.
func Key(prefix string, i int) string { return prefix + sample.Text(i) }

// Keys returns the first n of them.
func Keys(prefix string, n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = Key(prefix, i)
	}
	return keys
}

func index(key string) (int, error) {
	i, err := strconv.Atoi(key[strings.LastIndexByte(key, '-')+1:])
	if err != nil || i < 0 {
		return 0, fmt.Errorf("source: %q is none of Keys", key)
	}
	return i, nil
}

// Same says whether two lists hold the same, times compared as instants: some codecs lose the zone.
func Same(a, b sample.List) bool {
	return slices.EqualFunc(a, b, func(a, b neo4jstore.Preference) bool {
		same := a.CreatedAt.Equal(b.CreatedAt) && a.UpdatedAt.Equal(b.UpdatedAt)
		a.CreatedAt, a.UpdatedAt, b.CreatedAt, b.UpdatedAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
		return same && a == b
	})
}
