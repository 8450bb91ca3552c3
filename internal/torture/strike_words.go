package main

import (
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/torture/service"
	"github.com/tieredcache/tieredcache/internal/torture/truth"
)

// words has something done to some words of Redis's, one by one and each on record. It prefers intents, then leases:
// most words are values.
func (r *run) words(kind truth.Kind, harm func(context.Context, *mathrand.Rand, string) (bool, error)) strike {
	return func(ctx context.Context, random *mathrand.Rand) (landed bool, err error) {
		for round := range 4 {
			keys, err := r.choose(ctx, random, round == 0)
			if err != nil {
				return false, err
			}
			for _, key := range keys {
				done := r.record(kind, truth.Everybody, wordOf(key))
				struck, err := harm(ctx, random, key)
				done()
				if err != nil {
					return false, err
				}
				landed = landed || struck
			}
			rest(ctx, limits.Bound/10)
		}
		return landed, nil
	}
}

// choose draws ten words, and perhaps one of the bus's own.
func (r *run) choose(ctx context.Context, random *mathrand.Rand, bus bool) ([]string, error) {
	drawn := make([]*redis.StringCmd, 300)
	pipe := r.admin.Pipeline()
	for i := range drawn {
		drawn[i] = pipe.RandomKey(ctx)
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	types := map[string]*redis.StringCmd{}
	var own []string
	for _, d := range drawn {
		switch key := d.Val(); {
		case key == "" || key == witness:
		case wordOf(key) == truth.NoWord:
			own = append(own, key)
		default:
			types[key] = pipe.GetRange(ctx, key, 0, 0)
		}
	}
	_, _ = pipe.Exec(ctx) // a word of another type is a V to us
	var keys []string
	for key := range types {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int { // I, L, V
		if c := strings.Compare(types[a].Val(), types[b].Val()); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	keys = keys[:min(len(keys), 10)]
	if bus && len(own) > 0 {
		keys = append(keys, own[random.IntN(len(own))])
	}
	return keys, nil
}

// wordOf says what a Redis key is the word of.
func wordOf(key string) int {
	entry := strings.TrimSuffix(coherence.Entry(service.Name, "0").String(), "0")
	tag := strings.TrimSuffix(service.TagOf(0).String(), "0")
	if rest, ok := strings.CutPrefix(key, entry); ok {
		if n, err := strconv.Atoi(rest); err == nil {
			return n
		}
	}
	if rest, ok := strings.CutPrefix(key, tag); ok {
		if n, err := strconv.Atoi(rest); err == nil {
			return truth.TagWord(n * truth.Group)
		}
	}
	return truth.NoWord
}

// evict takes a word away, as Redis does when its memory is full.
func (r *run) evict(ctx context.Context, _ *mathrand.Rand, key string) (bool, error) {
	n, err := r.admin.Unlink(ctx, key).Result()
	return n > 0, err
}

// spoil makes a word one that nobody wrote.
func (r *run) spoil(ctx context.Context, random *mathrand.Rand, key string) (bool, error) {
	was, err := r.admin.Get(ctx, key).Bytes()
	if err != nil { // gone, or of another type
		was = nil
	}
	noise := make([]byte, 1+random.IntN(40))
	_, _ = rand.Read(noise)
	var word string
	switch random.IntN(7) {
	case 0:
		word = string(noise)
	case 1:
		word = "L" + string(noise)
	case 2:
		word = "L0123456789abcdef" // without an expiry
	case 3:
		word = "I" + string(noise)
	case 4:
		word = "V" + string(noise)
	case 5:
		if len(was) > 0 {
			was[random.IntN(len(was))] ^= 1 << random.IntN(8)
		}
		return true, r.admin.Set(ctx, key, was, redis.KeepTTL).Err()
	case 6:
		_, err := r.admin.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Del(ctx, key)
			p.LPush(ctx, key, noise)
			return nil
		})
		return true, err
	}
	return true, r.admin.Set(ctx, key, word, 0).Err()
}
