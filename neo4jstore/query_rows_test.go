package neo4jstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/neo4jstore"
	"github.com/tieredcache/tieredcache/tiered"
)

var errUnlucky = errors.New("unlucky")

// decodeMarked is decodeInt for rows of which 13 is marked as deleted, and 4 cannot be decoded.
func decodeMarked(record *neo4j.Record) (int64, error) {
	n, err := decodeInt(record)
	switch n {
	case 13:
		return 0, tiered.ErrNotFound
	case 4:
		return 0, errUnlucky
	default:
		return n, err
	}
}

// TestQueryManyByRow: what decode says of a row concerns the key of that row alone, here and in other processes.
func TestQueryManyByRow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	load := neo4jstore.QueryMany(r.source(), "UNWIND $keys AS key UNWIND range(1, CASE key.n WHEN 5 THEN 2 ELSE 1 END) AS _ RETURN key.index AS index, key.n AS n", upTo, decodeMarked)
	open := func() *tiered.Cache[int, int64] {
		cache, err := tiered.New(tiered.Config[int, int64]{Name: "many", Bus: r.bus(), LoadMany: load})
		must(t, err)
		t.Cleanup(func() { cache.Close() })
		return cache
	}
	here, there := open(), open()
	want := map[int]int64{1: 1, 2: 2}

	found, err := load(r.ctx, []int{1, 13, 4, 5, 2})
	check(t, "found", found, want)
	var failed *tiered.BatchError[int]
	if !errors.As(err, &failed) || len(failed.Failed) != 3 || !errors.Is(failed.Failed[13], tiered.ErrNotFound) || !errors.Is(failed.Failed[4], errUnlucky) {
		t.Errorf("the loader says %v", err)
	} else if two := failed.Failed[5]; two == nil || !strings.Contains(two.Error(), "two rows for keys[3]") {
		t.Errorf("of the key with two rows: %v", two)
	}
	found, err = load(r.ctx, []int{1, 1})
	must(t, err)
	check(t, "a key twice", found, map[int]int64{1: 1})

	found, err = here.GetMany(r.ctx, []int{1, 13, 4, 5, 2})
	check(t, "found through the cache", found, want)
	failed = nil
	if !errors.As(err, &failed) || len(failed.Failed) != 3 || !errors.Is(failed.Failed[13], tiered.ErrNotFound) || !errors.Is(failed.Failed[4], errUnlucky) {
		t.Errorf("the cache says %v", err)
	}
	for k, v := range want {
		got, _ := from(t, func(ctx context.Context) (int64, error) { return there.Get(ctx, k) })
		check(t, "in another process", got, v)
	}
	if _, err := there.Get(r.ctx, 4); !errors.Is(err, errUnlucky) {
		t.Errorf("a key that cannot be decoded, in another process: %v", err)
	}
	if _, err := there.Get(r.ctx, 13); !errors.Is(err, tiered.ErrNotFound) {
		t.Errorf("a key that has none, in another process: %v", err)
	}
}

// TestQueryRowNotFound: one row that is not there is no list that is not there, which would be cached.
func TestQueryRowNotFound(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const upToN = "UNWIND range(1, $n) AS i RETURN i"
	load := neo4jstore.Query(r.source(), upToN, upTo, func(record *neo4j.Record) (int64, error) {
		n, err := decodeInt(record)
		if n == 2 {
			err = tiered.ErrNotFound
		}
		return n, err
	})
	got, err := load(r.ctx, 1)
	must(t, err)
	check(t, "one row", got, []int64{1})
	if got, err = load(r.ctx, 3); err == nil || errors.Is(err, tiered.ErrNotFound) || !strings.Contains(err.Error(), "one row of the list: not found") {
		t.Errorf("three rows, of which one is not there: %v, %v", got, err)
	}
	one := neo4jstore.QueryOne(r.source(), upToN, upTo, func(*neo4j.Record) (int64, error) { return 0, tiered.ErrNotFound })
	if _, err = one(r.ctx, 1); !errors.Is(err, tiered.ErrNotFound) {
		t.Errorf("the one row is not there: %v", err)
	}
}

// TestTornRow: a node that lacks a property is being deleted, or was made so. It is read again, and counts as made so in the
// end.
func TestTornRow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for torn, want := range map[int]int{2: 3, 9: 3} {
		decoded := 0
		load := neo4jstore.Query(r.source(), "RETURN 7 AS n", func(int) map[string]any { return nil }, func(record *neo4j.Record) (int64, error) {
			if decoded++; decoded <= torn {
				return 0, neo4jstore.ErrTorn
			}
			return decodeInt(record)
		})
		list, err := load(r.ctx, 1)
		if decoded != want || (torn < want) != (err == nil && len(list) == 1 && list[0] == 7) {
			t.Errorf("torn %d times: decoded %d times: %v, %v", torn, decoded, list, err)
		}
	}
}
