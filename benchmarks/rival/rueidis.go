package rival

import (
	"context"
	"sync"

	"github.com/redis/rueidis"

	"github.com/tieredcache/tieredcache/benchmarks/sample"
	"github.com/tieredcache/tieredcache/l2"
)

func rueidisCache() []Rival {
	const module = "github.com/redis/rueidis"
	return []Rival{
		{
			Name: "rueidis", Module: module, Tiers: Memory | Redis, Tells: true, Needs: true, Bytes: true,
			How:  "DoCache and MGetCache; SET after a miss; the codec is left to the user: tieredcache's",
			Open: openRueidis(false),
		},
		{
			Name: "rueidis, no memory", Module: module, Tiers: Redis, Needs: true,
			How:  "DisableCache: its pipelining alone",
			Open: openRueidis(true),
		},
	}
}

type rueidisClient struct {
	config Config
	client rueidis.Client
	codec  l2.Codec[sample.List]

	mu      sync.Mutex
	watched map[string]chan struct{}
}

// entryBytes is about what rueidis counts for a list.
const entryBytes = 2 << 10

func openRueidis(noMemory bool) func(context.Context, Config) (Cache, error) {
	return func(_ context.Context, c Config) (Cache, error) {
		if c.Redis == "" {
			return nil, ErrNeedsRedis
		}
		r := &rueidisClient{config: c, codec: Codec(), watched: map[string]chan struct{}{}}
		option := rueidis.ClientOption{InitAddress: []string{c.Redis}, DisableCache: noMemory}
		if !noMemory {
			option.OnInvalidations = r.invalidated
			option.CacheSizeEachConn = max(c.Entries*entryBytes, rueidis.DefaultCacheBytes)
		}
		var err error
		if r.client, err = rueidis.NewClient(option); err != nil {
			return nil, err
		}
		return r, nil
	}
}

func (r *rueidisClient) Get(ctx context.Context, key string) (sample.List, error) {
	found, err := r.client.DoCache(ctx, r.client.B().Get().Key(key).Cache(), TTL).ToString()
	if err == nil {
		return r.codec.Decode([]byte(found))
	}
	if !rueidis.IsRedisNil(err) {
		return nil, err
	}
	list, err := r.config.Load(ctx, key)
	if err != nil {
		return nil, err
	}
	set, err := r.set(key, list)
	if err != nil {
		return nil, err
	}
	return list, r.client.Do(ctx, set).Error()
}

func (r *rueidisClient) set(key string, list sample.List) (rueidis.Completed, error) {
	encoded, err := r.codec.Append(nil, list)
	return r.client.B().Set().Key(key).Value(rueidis.BinaryString(encoded)).Px(TTL).Build(), err
}

// GetMany is MGetCache, one load, and one DoMulti of SETs.
func (r *rueidisClient) GetMany(ctx context.Context, keys []string) (map[string]sample.List, error) {
	words, err := rueidis.MGetCache(r.client, ctx, TTL, keys)
	if err != nil {
		return nil, err
	}
	found := make(map[string]sample.List, len(keys))
	var missing []string
	for _, k := range keys {
		word := words[k]
		text, err := word.ToString()
		switch {
		case rueidis.IsRedisNil(err):
			missing = append(missing, k)
			continue
		case err != nil:
			return nil, err
		}
		if found[k], err = r.codec.Decode([]byte(text)); err != nil {
			return nil, err
		}
	}
	if len(missing) == 0 {
		return found, nil
	}
	loaded, err := r.config.LoadMany(ctx, missing)
	if err != nil {
		return nil, err
	}
	sets := make(rueidis.Commands, 0, len(loaded))
	for k, list := range loaded {
		set, err := r.set(k, list)
		if err != nil {
			return nil, err
		}
		sets, found[k] = append(sets, set), list
	}
	for _, reply := range r.client.DoMulti(ctx, sets...) {
		if err := reply.Error(); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (r *rueidisClient) Invalidate(ctx context.Context, key string) error {
	return r.client.Do(ctx, r.client.B().Del().Key(key).Build()).Error()
}

// Watch implements Watcher: rueidis calls OnInvalidations when it has dropped the keys.
func (r *rueidisClient) Watch(key string) (<-chan struct{}, func()) {
	gone := make(chan struct{}, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watched[key] = gone
	return gone, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.watched, key)
	}
}

func (r *rueidisClient) invalidated(keys []rueidis.RedisMessage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range keys {
		key, err := keys[i].ToString()
		if err != nil {
			continue
		}
		if gone := r.watched[key]; gone != nil {
			gone <- struct{}{}
			delete(r.watched, key)
		}
	}
}

func (r *rueidisClient) Close() error {
	r.client.Close()
	return nil
}
