package neo4jstore

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/tiered"
)

// Query returns a loader that runs cypher in a read transaction and decodes each row; no row is an empty list, not
// ErrNotFound. params makes the query's parameters from the key; nil: none, and K is named then, as in Query[string].
// decode may be called again for the same row, when the driver retries. A time.Time among the parameters, also within
// []any, []time.Time, map[string]any and []map[string]any, may be in any zone: Neo4j gets its offset where the zone has no
// name that it knows, as time.Local.
//
// Errors: the driver's and decode's, as they are; one that says that the source has no driver, or that decode is nil. A
// tiered.ErrNotFound of decode is one row's, and not the list's: it becomes an error that is not ErrNotFound, so that
// nobody caches the list as missing. What is to be left out is left out by the query.
func Query[K, T any](source Source, cypher string, params func(K) map[string]any, decode func(*neo4j.Record) (T, error)) func(context.Context, K) ([]T, error) {
	return func(ctx context.Context, key K) ([]T, error) {
		rows, err := read(ctx, source, cypher, paramsOf(params, key), decode)
		if errors.Is(err, tiered.ErrNotFound) {
			err = errors.New("neo4jstore: decode says of one row of the list: " + err.Error())
		}
		return rows, err
	}
}

// QueryOne is Query for at most one row: none is tiered.ErrNotFound, as is the one of which decode says so; a second one
// is an error.
func QueryOne[K, T any](source Source, cypher string, params func(K) map[string]any, decode func(*neo4j.Record) (T, error)) func(context.Context, K) (T, error) {
	return func(ctx context.Context, key K) (one T, err error) {
		rows, err := read(ctx, source, cypher, paramsOf(params, key), decode)
		switch {
		case err != nil:
			return one, err
		case len(rows) == 0:
			return one, tiered.ErrNotFound
		case len(rows) > 1:
			return one, fmt.Errorf("neo4jstore: the query returned %d rows for one key: add LIMIT 1, or load with Query", len(rows))
		}
		return rows[0], nil
	}
}

// QueryMany returns a batch loader, for tiered.Config.LoadMany. The query gets its keys as the list $keys: what params
// makes of each, and with it the key's number, index. It returns that number with the row it found for the key, and no
// row for a key that has none:
//
//	UNWIND $keys AS key
//	MATCH (c:City {name: key.name})
//	RETURN key.index AS index, c.population AS population
//
// decode gets the whole row. A tiered.ErrNotFound of decode says that the key of the row has none.
//
// Errors of one key are in a *tiered.BatchError[K], beside what was found for the others: decode's, as they are,
// ErrNotFound included, and several rows for the key (a value that is a list is made with collect()). Errors of all keys:
// the driver's, as they are; a row whose index is none of $keys; params that use the name index; a source without a
// driver; a decode that is nil.
func QueryMany[K comparable, T any](source Source, cypher string, params func(K) map[string]any, decode func(*neo4j.Record) (T, error)) func(context.Context, []K) (map[K]T, error) {
	type row struct {
		index int64
		value T
		err   error // decode's, of this row alone
	}
	return func(ctx context.Context, keys []K) (map[K]T, error) {
		if decode == nil {
			return nil, errNoDecode
		}
		list := make([]any, len(keys))
		for i, key := range keys {
			one, err := indexed(paramsOf(params, key), i)
			if err != nil {
				return nil, err
			}
			list[i] = one
		}
		rows, err := read(ctx, source, cypher, map[string]any{"keys": list}, func(record *neo4j.Record) (r row, err error) {
			if r.index, err = indexOf(record, len(keys)); err == nil {
				r.value, r.err = decode(record)
			}
			return r, err
		})
		if err != nil {
			return nil, err
		}
		found, failed := make(map[K]T, len(rows)), map[K]error{}
		seen := make([]bool, len(keys))
		for _, r := range rows {
			key := keys[r.index]
			switch {
			case seen[r.index]:
				delete(found, key)
				failed[key] = fmt.Errorf("neo4jstore: the query returned two rows for keys[%d]: gather them with collect()", r.index)
			case r.err != nil:
				failed[key] = r.err
			default:
				found[key] = r.value
			}
			seen[r.index] = true
		}
		if len(failed) > 0 {
			return found, &tiered.BatchError[K]{Failed: failed}
		}
		return found, nil
	}
}

func paramsOf[K any](params func(K) map[string]any, key K) map[string]any {
	if params == nil {
		return nil
	}
	return params(key)
}

// indexed adds the number of a key to a copy of its parameters.
func indexed(params map[string]any, index int) (map[string]any, error) {
	one := make(map[string]any, len(params)+1)
	maps.Copy(one, params)
	if _, taken := one["index"]; taken {
		return nil, errors.New(`neo4jstore: params uses the name "index", which is the number of the key in $keys: use another`)
	}
	one["index"] = index
	return one, nil
}

func indexOf(record *neo4j.Record, keys int) (int64, error) {
	value, _ := record.Get("index")
	index, ok := value.(int64)
	if !ok || index < 0 || index >= int64(keys) {
		return 0, fmt.Errorf("neo4jstore: a row's index is %v: RETURN key.index AS index, of the key in $keys that the row is for", value)
	}
	return index, nil
}
