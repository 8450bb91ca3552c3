package coherence

import (
	"context"
	_ "embed"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/internal/word"
)

//go:embed lua/intent.lua
var intentLua string

//go:embed lua/done.lua
var doneLua string

//go:embed lua/clear.lua
var clearLua string

var (
	intentScript = redis.NewScript(word.Lib + intentLua)
	doneScript   = redis.NewScript(word.Lib + doneLua)
	clearScript  = redis.NewScript(word.Lib + clearLua)
)

// refsAtOnce is how many refs one script, one message and one entry of the journal take. Each script has a Timeout of its
// own: how many refs a write names is no reason to do without its intent.
const refsAtOnce = 1000

// debt is what the word of a name is owed: the tokens that may stand on it, and the id of the value that may stay.
type debt struct {
	name   string
	tokens []string
	stays  string
}

// debts says that a token may stand on the words of names; "" is none.
func debts(names []string, token string) []debt {
	list := make([]debt, len(names))
	for i, n := range names {
		list[i].name = n
		if token != "" {
			list[i].tokens = []string{token}
		}
	}
	return list
}

// new returns what the script takes for the word that stays.
func (d debt) new() string {
	switch {
	case isTag(d.name):
		version := word.Random()
		return "T" + string(version[:])
	case d.stays != "":
		return "K" + d.stays
	default:
		return ""
	}
}

// abandoned is the one token of all writes that have ended and may still land. No DONE takes it away, and it expires with
// the last of them: a token each would make the word of a hot tag as long as its writes are many.
const abandoned = "0000000000000000"

// sendIntent is INTENT. Where over names a token, the token that is sent takes its place. It stops early, with no error,
// when stop says so.
func (b *Bus) sendIntent(ctx context.Context, client *redis.Client, names []string, token, over string, stop func() bool) error {
	for some := range slices.Chunk(names, refsAtOnce) {
		if stop() {
			return nil
		}
		once, cancel := context.WithTimeout(ctx, b.config.Timeout)
		err := intentScript.Run(once, client, b.scriptKeys(some), b.layout.Channel(), joinRefs(some), token, b.config.IntentLife.Milliseconds(), over).Err()
		if cancel(); err != nil {
			return b.server.failed("coherence: intent", err)
		}
	}
	return nil
}

// sendDone is DONE, or INVALIDATE where lost says that what stands there must go in any case. It says whether anything
// was announced: a token was missing, or lost.
func (b *Bus) sendDone(ctx context.Context, client redis.Scripter, list []debt, lost bool) (announced bool, err error) {
	for some := range slices.Chunk(list, refsAtOnce) {
		names := make([]string, len(some))
		for i, d := range some {
			names[i] = d.name
		}
		flag := "0"
		if lost {
			flag = "1"
		}
		args := []any{b.layout.Channel(), joinRefs(names), word.TagLife.Milliseconds(), flag}
		for _, d := range some {
			tokens := ""
			if len(d.tokens) > 0 {
				tokens = ";" + strings.Join(d.tokens, ";") + ";"
			}
			args = append(args, tokens, d.new())
		}
		once, cancel := context.WithTimeout(ctx, b.config.Timeout)
		reply, err := doneScript.Run(once, client, b.scriptKeys(names), args...).Text()
		if cancel(); err != nil {
			return announced, b.server.failed("coherence: done", err)
		}
		announced = announced || reply != ""
	}
	return announced, nil
}

// sendClear is CLEAR.
func (b *Bus) sendClear(ctx context.Context, client redis.Scripter, cache string) error {
	ctx, cancel := context.WithTimeout(ctx, b.config.Timeout)
	defer cancel()
	name := word.GenerationName(cache)
	g, err := clearScript.Run(ctx, client, b.scriptKeys([]string{name}), b.layout.Channel(), name).Uint64()
	if err != nil {
		return b.server.failed("coherence: clear", err)
	}
	b.mu.Lock()
	m := b.members[cache]
	b.mu.Unlock()
	if m != nil {
		m.Learn(g)
	}
	return nil
}

func (b *Bus) scriptKeys(names []string) []string {
	keys := append(make([]string, 0, len(names)+2), b.layout.Sequence(), b.layout.Journal())
	for _, n := range names {
		keys = append(keys, b.Key(n))
	}
	return keys
}
