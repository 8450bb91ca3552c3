package l2

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/internal/word"
)

//go:embed lua/tags.lua
var tagsLua string

//go:embed lua/set.lua
var setLua string

var (
	tagsScript = redis.NewScript(word.Lib + tagsLua)
	setScript  = redis.NewScript(word.Lib + setLua)
)

// Set stores a value whose source is the caller and announces it, in one round trip, or two where there are tags. It
// returns a generation that is newer than the value's, if that is why nothing was stored; stored is false too where the
// entry or a tag of it is being written, or a tag changed between the two round trips. id is 64 random bits, new with
// every Set: by it the word is known again.
func (s *Store[V]) Set(ctx context.Context, e Entry, v Value[V], id [8]byte) (stored bool, newer uint64, err error) {
	versions, ok, err := s.tagVersions(ctx, e, v)
	if err != nil || !ok {
		return false, 0, err
	}
	w, err := s.encode(v, versions, id)
	if err != nil {
		return false, 0, err
	}
	keys := append([]string{s.config.Sequence, s.config.Journal, s.config.Generation, e.Key}, e.Tags...)
	args := []any{s.config.Channel, e.Name, w, ms(v.TTL), strconv.FormatUint(v.Generation, 10)}
	for _, version := range versions {
		args = append(args, version[:])
	}
	why, err := setScript.Run(ctx, s.config.Redis, keys, args...).Text()
	if err != nil {
		return false, 0, fmt.Errorf("l2: set: %w", err)
	}
	switch why {
	case "":
		return true, 0, nil
	case "I", "V":
		return false, 0, nil
	}
	newer, err = strconv.ParseUint(why, 10, 64)
	if err != nil {
		return false, 0, fmt.Errorf("l2: set: unexpected reply: %w", err)
	}
	return false, newer, nil
}

// tagVersions returns the versions of the entry's tags; false: one is being written.
func (s *Store[V]) tagVersions(ctx context.Context, e Entry, v Value[V]) ([]version, bool, error) {
	if len(e.Tags) == 0 {
		return nil, true, nil
	}
	args := addRandom([]any{max(v.TTL, word.TagLife).Milliseconds()}, len(e.Tags))
	reply, err := tagsScript.Run(ctx, s.config.Redis, e.Tags, args...).Slice()
	if err != nil {
		return nil, false, fmt.Errorf("l2: set: %w", err)
	}
	versions := readVersions(reply)
	return versions, len(versions) == len(e.Tags), nil
}
