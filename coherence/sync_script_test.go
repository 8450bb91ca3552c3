package coherence_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/word"
)

// aSecond of Redis time, in µs: within a script it goes on.
const aSecond = 1_000_000

// syncAnswer is the reply of the script of SYNC.
type syncAnswer struct {
	node   string
	now, s int64
	g      int64
	missed []any
}

func (r *rig) sync(t *testing.T, applied, known string) syncAnswer {
	t.Helper()
	l := r.layout
	keys := []string{l.Heartbeat(), l.Sequence(), l.Journal(), l.Incarnation(), l.Key(word.GenerationName("test"))}
	reply, err := coherence.SyncScript.Run(t.Context(), r, keys, applied, "abcdef", 1000, 60_000, 1<<20, known).Slice()
	check(t, err)
	number := func(v any) int64 {
		n, err := strconv.ParseInt(v.(string), 10, 64)
		check(t, err)
		return n
	}
	generations := reply[3].([]any)
	if len(generations) != 1 {
		t.Fatalf("got %d generations, want 1", len(generations))
	}
	return syncAnswer{reply[0].(string), number(reply[1]), number(reply[2]), number(generations[0]), reply[4].([]any)}
}

// TestSyncScriptFirst: on an empty Redis everything is made, from its clock, and the node is written down.
func TestSyncScriptFirst(t *testing.T) {
	t.Parallel()
	r := shared(t)
	got := r.sync(t, "", "0")
	if got.s < 1_700_000_000_000_000 || got.s > got.now+aSecond || got.g < 1_700_000_000_000_000 || got.g > got.now+aSecond || len(got.missed) != 0 {
		t.Errorf("got %+v", got)
	}
	if got.node != r.text(t, r.layout.Incarnation()) || len(got.node) != 80 {
		t.Errorf("the incarnation is %q, want run_id and master_replid", got.node)
	}
	if beat := r.text(t, r.layout.Heartbeat()); beat != strconv.FormatInt(got.now, 10) {
		t.Errorf("the heartbeat is %q, want %d", beat, got.now)
	}
	if life := r.PTTL(t.Context(), r.layout.Heartbeat()).Val(); life <= 0 || life > time.Minute {
		t.Errorf("the heartbeat lives for %v", life)
	}
	again := r.sync(t, "", "0")
	if again.s != got.s || again.g != got.g || again.node != got.node {
		t.Errorf("asked again: got %+v, before %+v", again, got)
	}
}

func TestSyncScriptGeneration(t *testing.T) {
	t.Parallel()
	r := shared(t)
	key := r.layout.Key(word.GenerationName("test"))
	for _, c := range []struct {
		name, stored, known string
		want                int64 // 0: from TIME
	}{
		{"known", "1700000000000000", "1700000000000000", 1700000000000000},
		{"newer than known", "1700000000000001", "1700000000000000", 1700000000000001},
		{"fallen", "5", "1700000000000000", 1700000000000000},
		{"gone", "", "1700000000000000", 0},
		{"gone, known is ahead of the clock", "", "3000000000000000", 3000000000000000},
		{"no number", "x", "1700000000000000", 0},
		{"a zero in front", "01700000000000000", "0", 0},
		{"the last that Lua counts", "9007199254740991", "0", 9007199254740991},
		{"one more", "9007199254740992", "0", 0},
		{"known is the last that Lua counts", "1700000000000000", "9007199254740991", 9007199254740991},
		{"known is one more", "1700000000000000", "9007199254740992", 1700000000000000},
	} {
		check(t, r.Del(t.Context(), key).Err())
		if c.stored != "" {
			check(t, r.Set(t.Context(), key, c.stored, 0).Err())
		}
		got := r.sync(t, "", c.known)
		if c.want == 0 && got.g >= got.now && got.g < got.now+aSecond {
			c.want = got.g
		}
		if got.g != c.want || r.text(t, key) != strconv.FormatInt(c.want, 10) {
			t.Errorf("%s: got %d, stored %s, want %d", c.name, got.g, r.text(t, key), c.want)
		}
	}
}

func TestSyncScriptJournal(t *testing.T) {
	t.Parallel()
	r := shared(t)
	s := r.sync(t, "", "0").s
	add := func(n int) {
		t.Helper()
		pipe := r.Pipeline()
		for range n {
			s++
			id := strconv.FormatInt(s, 10) + "-0"
			pipe.XAdd(t.Context(), &redis.XAddArgs{Stream: r.layout.Journal(), ID: id, Values: []string{"r", "test:" + id}})
		}
		pipe.Set(t.Context(), r.layout.Sequence(), s, 0)
		_, err := pipe.Exec(t.Context())
		check(t, err)
	}
	add(1000)
	for _, c := range []struct {
		name    string
		applied int64
		want    int // entries
	}{
		{"nothing missed", s, 0},
		{"one", s - 1, 1},
		{"the most that is sent", s - 1000, 1000},
		{"one more", s - 1001, 0},
		{"the sequence fell", s + 5, 0},
	} {
		got := r.sync(t, strconv.FormatInt(c.applied, 10), "0")
		if len(got.missed) != 2*c.want || got.s != s {
			t.Errorf("%s: got %d of the journal, sequence %d; want %d, %d", c.name, len(got.missed)/2, got.s, c.want, s)
			continue
		}
		for i := range c.want {
			id := fmt.Sprintf("%d-0", c.applied+int64(i)+1)
			if got.missed[2*i] != id || got.missed[2*i+1] != "test:"+id {
				t.Errorf("%s: entry %d is %v, want %s", c.name, i, got.missed[2*i:2*i+2], id)
				break
			}
		}
	}
}

// TestJournalHoldsWhatSyncReads, and hardly more: what SYNC never sends costs memory for nothing.
func TestJournalHoldsWhatSyncReads(t *testing.T) {
	t.Parallel()
	r := shared(t)
	r.sync(t, "", "0")
	check(t, coherence.DoneScript.Load(t.Context(), r).Err())
	pipe, k := r.Pipeline(), entry("k")
	keys := []string{r.layout.Sequence(), r.layout.Journal(), r.layout.Key(k.String())}
	for range 1500 {
		coherence.DoneScript.EvalSha(t.Context(), pipe, keys, r.layout.Channel(), k.String(), 3_600_000, "1", "", "")
	}
	_, err := pipe.Exec(t.Context())
	check(t, err)
	if n := r.XLen(t.Context(), r.layout.Journal()).Val(); n < 1000 || n > 1200 { // Redis trims a block at once
		t.Errorf("%d entries in the journal, want the 1,000 that SYNC reads", n)
	}
	s := r.sync(t, "", "0").s
	if got := r.sync(t, strconv.FormatInt(s-1000, 10), "0"); len(got.missed) != 2*1000 {
		t.Errorf("SYNC brings %d, want 1000", len(got.missed)/2)
	}
}

// TestJournalIsBoundedInBytes: refs that are long are told, not kept. Who has missed them forgets everything.
func TestJournalIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	r := shared(t)
	p := r.openPeer(t, coherence.Config{})
	r.awaitSubscribed(t)
	q := r.openPeer(t, coherence.Config{})
	var refs []coherence.Ref
	for i := range 1000 {
		refs = append(refs, entry(fmt.Sprintf("%0100d", i)))
	}
	before := p.epoch(refs[0])
	check(t, q.Invalidate(t.Context(), refs...))
	eventually(t, "the peer is told", soon, func() bool { return p.epoch(refs[0]) > before })
	check(t, q.Invalidate(t.Context(), refs[:100]...))
	kept := r.XRange(t.Context(), r.layout.Journal(), "-", "+").Val()
	if len(kept) != 1 || len(kept[0].Values["r"].(string)) < 10_000 {
		t.Errorf("the journal holds %v, want 100 refs of 1,000 and 100", kept)
	}
	s := r.sync(t, "", "0").s
	for _, missed := range []int64{1, 2} { // of the second nothing more is brought: the reply is incomplete
		if got := r.sync(t, strconv.FormatInt(s-missed, 10), "0"); len(got.missed) != 2 {
			t.Errorf("SYNC brings %d of the last %d, want 1", len(got.missed)/2, missed)
		}
	}
}

// TestNumbersThatLuaDoesNotCount are nobody's: two announcements with one number would be one, and a generation would not
// rise.
func TestNumbersThatLuaDoesNotCount(t *testing.T) {
	t.Parallel()
	r := shared(t)
	l, name, k := r.layout, word.GenerationName("test"), entry("k")
	s, g := l.Sequence(), l.Key(name)
	invalidate := func() string {
		t.Helper()
		keys := []string{s, l.Journal(), l.Key(k.String())}
		n, err := coherence.DoneScript.Run(t.Context(), r, keys, l.Channel(), k.String(), 3_600_000, "1", "", "").Text()
		check(t, err)
		return n
	}
	raise := func() string {
		t.Helper()
		n, err := coherence.ClearScript.Run(t.Context(), r, []string{s, l.Journal(), g}, l.Channel(), name).Text()
		check(t, err)
		return n
	}
	for _, c := range []struct {
		name, key string
		next      func() string
	}{{"sequence", s, invalidate}, {"generation", g, raise}} {
		for _, stored := range []string{"9007199254740991", "9007199254740992", "9007199254740993", "9999999999999999"} {
			check(t, r.Set(t.Context(), c.key, stored, 0).Err())
			seen := map[string]bool{}
			for range 3 {
				n := c.next()
				if seen[n] || len(n) != 16 || r.text(t, c.key) != n {
					t.Errorf("%s %s: the next is %s, stored %s, after %v", c.name, stored, n, r.text(t, c.key), seen)
				}
				seen[n] = true
			}
		}
	}
}

// TestSyncScriptNewNode: where the node is another than the journal's, the sequence rises, never falls, and the journal
// goes.
func TestSyncScriptNewNode(t *testing.T) {
	t.Parallel()
	r := shared(t)
	for _, stored := range []string{"", "5", "3000000000000000", "x", "007", "12345678901234567", "9007199254740992", "1e300"} {
		before := r.sync(t, "", "0")
		check(t, r.Set(t.Context(), r.layout.Incarnation(), "another node", 0).Err())
		check(t, r.Del(t.Context(), r.layout.Sequence()).Err())
		if stored != "" {
			check(t, r.Set(t.Context(), r.layout.Sequence(), stored, 0).Err())
		}
		check(t, r.XAdd(t.Context(), &redis.XAddArgs{Stream: r.layout.Journal(), ID: "3000000000000009-0", Values: []string{"r", "x"}}).Err())
		got := r.sync(t, strconv.FormatInt(before.s, 10), "0")
		least := got.now
		if stored == "3000000000000000" {
			least = 3000000000000001
		}
		if got.s < least || got.s > least+aSecond || got.node != before.node || len(got.missed) != 0 || r.Exists(t.Context(), r.layout.Journal()).Val() != 0 {
			t.Errorf("sequence %q: got %+v, want %d and no journal", stored, got, least)
		}
		check(t, r.Del(t.Context(), r.layout.Sequence()).Err())
	}
}
