package coherence

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tieredcache/tieredcache/internal/word"
)

// Ref names what a write changes: one entry of a cache, or a tag. The zero Ref names nothing and is refused.
type Ref struct{ name string }

// Tag names a tag from its parts: Tag("user", "acme", "ada"). Parts are escaped, so that different lists of parts never
// meet. Tags belong to the bus: one may name entries of several caches. Tag() without parts is the zero Ref.
func Tag(parts ...string) Ref {
	if len(parts) == 0 {
		return Ref{}
	}
	return Ref{name: word.TagName(word.Join(parts...))}
}

// Entry names an entry by its cache's name and its escaped key: what a cache's Ref method returns, which is the way to
// one. A name that no cache can have, or a key that is not escaped, gives the zero Ref.
func Entry(cache, key string) Ref {
	if !word.ValidName(cache) || cache == word.Reserved || !word.Escaped(key) {
		return Ref{}
	}
	return Ref{name: word.EntryName(cache, key)}
}

// IsTag says whether the ref names a tag.
func (r Ref) IsTag() bool { return isTag(r.name) }

func isTag(name string) bool { return strings.HasPrefix(name, word.TagName("")) }

// String returns the name under which the ref's word lives in Redis.
func (r Ref) String() string { return r.name }

func names(refs []Ref) ([]string, error) {
	if len(refs) == 0 {
		return nil, errors.New("coherence: no refs: name what changes with Cache.Ref or Tag")
	}
	list := make([]string, 0, len(refs))
	for i, r := range refs {
		if r.name == "" {
			return nil, fmt.Errorf("coherence: refs[%d] is the zero Ref: make refs with Cache.Ref or Tag", i)
		}
		list = append(list, r.name)
	}
	if len(list) > 1 {
		slices.Sort(list)
		list = slices.Compact(list) // one that is named twice has one word
	}
	return list, nil
}
