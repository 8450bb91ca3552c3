package l2_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/l2"
)

// TestFillScript: the end of a load, over every word that it can meet.
func TestFillScript(t *testing.T) {
	t.Parallel()
	const stored = "Vvalue-idenvelope"
	for _, c := range []struct {
		name   string
		at     state
		giveUp bool
		held   bool
		wakes  bool
	}{
		{name: "mine", at: state{word: "L" + token, px: second}, held: true},
		{name: "mine, awaited", at: state{word: "L" + token + "+", px: second}, held: true, wakes: true},
		{name: "another's", at: state{word: "L" + other, px: second}},
		{name: "another's, awaited", at: state{word: "L" + other + "+", px: second}},
		{name: "mine and more", at: state{word: "L" + token + "++", px: second}},
		{name: "absent"},
		{name: "V", at: state{word: "V" + otherID + "rest", px: second}},
		{name: "I", at: state{word: "I{live}:" + token + ";", px: second}},
		{name: "another type", at: state{list: true}},
		{name: "given up", at: state{word: "L" + token, px: second}, giveUp: true, held: true},
		{name: "given up, awaited", at: state{word: "L" + token + "+", px: second}, giveUp: true, held: true, wakes: true},
		{name: "given up, another's", at: state{word: "L" + other + "+", px: second}, giveUp: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			key := r.key("fill")
			r.arrange(t, key, c.at)
			heard := r.listen(t)
			word, then := stored, r.expand(t, c.at.word)
			if c.held {
				then = stored
			}
			if c.giveUp {
				word = ""
				if c.held {
					then = ""
				}
			}
			held, err := l2.FillScript.Run(t.Context(), r, []string{key}, token, word, 60_000, r.layout.Channel(), "test:k").Bool()
			if err != nil || held != c.held {
				t.Fatalf("got %v, %v, want %v", held, err, c.held)
			}
			if !c.at.list {
				if got := r.at(t, key); got != then {
					t.Errorf("the word is %q, want %q", got, then)
				}
			}
			if life := r.life(t, key); c.held && !c.giveUp && (life > time.Minute || life < time.Minute/2) {
				t.Errorf("the value lives for %v, want a minute", life)
			}
			var want []string
			if c.wakes {
				want = []string{"f|test:k"}
			}
			if got := heard(); !slices.Equal(got, want) {
				t.Errorf("published %q, want %q", got, want)
			}
		})
	}
}

// TestFillScriptIsRefused: a Redis that is full takes no value, and here one that is to live for 0 ms. The lease ends all the
// same: nobody waits for it.
func TestFillScriptIsRefused(t *testing.T) {
	t.Parallel()
	for _, mark := range []string{"", "+"} {
		r := newRig(t)
		key := r.key("refused")
		r.arrange(t, key, state{word: "L" + token + mark, px: second})
		heard := r.listen(t)
		err := l2.FillScript.Run(t.Context(), r, []string{key}, token, "Vvalue-idenvelope", 0, r.layout.Channel(), "test:k").Err()
		if err == nil || !strings.Contains(err.Error(), "invalid expire time") {
			t.Errorf("got error %v, want that of SET", err)
		}
		if got := r.at(t, key); got != "" {
			t.Errorf("the word is %q, want none", got)
		}
		if got := heard(); len(got) != len(mark) {
			t.Errorf("published %q where the mark was %q", got, mark)
		}
	}
}

func TestRenewScript(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range []struct {
		name string
		at   state
		held bool
	}{
		{"mine", state{word: "L" + token, px: second}, true},
		{"mine, awaited", state{word: "L" + token + "+", px: second}, true},
		{"another's", state{word: "L" + other, px: second}, false},
		{"absent", state{}, false},
		{"V", state{word: "V" + token + "rest", px: second}, false},
		{"I", state{word: "I{live}:" + token + ";", px: second}, false},
		{"another type", state{list: true}, false},
	} {
		key := r.key("renew:" + c.name)
		r.arrange(t, key, c.at)
		before := r.life(t, key)
		held, err := l2.RenewScript.Run(t.Context(), r, []string{key}, token, 60_000).Bool()
		if err != nil || held != c.held {
			t.Errorf("%s: got %v, %v, want %v", c.name, held, err, c.held)
		}
		life := r.life(t, key)
		if c.held && life < 30*second || !c.held && life > before {
			t.Errorf("%s: lives for %v, and %v before", c.name, life, before)
		}
		if want := r.expand(t, c.at.word); !c.at.list && r.at(t, key) != want {
			t.Errorf("%s: the word is %q, want %q", c.name, r.at(t, key), want)
		}
	}
}

func TestTagsScript(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range tagCases {
		good, tag := r.key("good:"+c.name), r.key("tag:"+c.name)
		r.arrange(t, good, state{word: "V" + version, px: time.Hour})
		r.arrange(t, tag, c.at)
		reply, err := l2.TagsScript.Run(t.Context(), r, []string{good, tag}, tagFor, "unused..", random).Slice()
		switch {
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.version == "":
			if len(reply) != 0 {
				t.Errorf("%s: got %q, want nothing", c.name, reply)
			}
		case len(reply) != 2 || reply[0] != version || reply[1] != c.version:
			t.Errorf("%s: got %q, want %q and %q", c.name, reply, version, c.version)
		default:
			c.checkTag(t, r, tag)
		}
	}
}

// What Redis has not answered for is neither stored nor held, as far as anybody knows.
func TestFillWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, e := r.store(t, plain{}, 0), r.entry("unanswered")
	lease, _, err := s.Lease(t.Context(), e, l2.Word[string]{}, time.Minute, 0, r.now(t))
	if check(t, err); lease == nil {
		t.Fatal("no lease")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if stored, err := s.Fill(ctx, e, lease, l2.Value[string]{Value: "v", TTL: time.Minute}); stored || err == nil {
		t.Errorf("Fill: got %v, %v", stored, err)
	}
	for _, f := range s.FillMany(ctx, []l2.Filling{{Entry: e, Lease: lease}}) {
		if f.Held || f.Err == nil {
			t.Errorf("FillMany: got %+v", f)
		}
	}
}

// The words of tags live as long as the values that need them, and an hour at least.
func TestLifeOfTags(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.store(t, plain{}, 0)
	for ttl, least := range map[time.Duration]time.Duration{time.Second: 59 * time.Minute, 5 * time.Hour: 299 * time.Minute} {
		e := r.entry(ttl.String(), ttl.String())
		_, _, err := s.Lease(t.Context(), e, l2.Word[string]{}, ttl, 0, r.now(t))
		check(t, err)
		if got := r.life(t, e.Tags[0]); got < least {
			t.Errorf("a tag of values that live for %v lives for %v", ttl, got)
		}
	}
}

// repliesLost loses the replies of what it lets through.
type repliesLost struct{ on bool }

func (h *repliesLost) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *repliesLost) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h *repliesLost) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if h.on {
			err = errors.New("the reply is lost")
			cmd.SetErr(err)
		}
		return err
	}
}

// A lease that may have been granted, by a command or by the script, is one that can be given up.
func TestLeaseOfALostReply(t *testing.T) {
	t.Parallel()
	for name, tags := range map[string][]string{"a command": nil, "the script": {"t"}} {
		r := newRig(t)
		s, e := r.store(t, plain{}, 0), r.entry("lost", tags...)
		_, _, err := s.Lease(t.Context(), r.entry("first", "t"), l2.Word[string]{}, time.Minute, 0, r.now(t)) // the script is loaded
		check(t, err)
		now := r.now(t)
		h := &repliesLost{on: true}
		r.AddHook(h)
		lease, _, err := s.GetOrLease(t.Context(), e, time.Minute, 0, now)
		h.on = false
		if lease == nil || err == nil {
			t.Fatalf("%s: got %v, %v", name, lease, err)
		}
		if !strings.HasPrefix(r.at(t, e.Key), "L") {
			t.Fatalf("%s: it was not granted: this shows nothing", name)
		}
		check(t, s.GiveUp(t.Context(), e, lease))
		if w := r.at(t, e.Key); w != "" {
			t.Errorf("%s: %q stands", name, w)
		}
	}
}
