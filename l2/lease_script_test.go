package l2_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/l2"
)

const (
	other    = "fedcba9876543210" // somebody else's token
	seenID   = "seen-id."
	otherID  = "other-id"
	random   = "\x01\x02\x03\x04\x05\x06\x07\x08"
	version  = "VERSION1"
	leaseFor = int64(1000)
	tagFor   = int64(60_000)
)

// TestLeaseScript: what LEASE does with every word that it can meet at the entry's key.
func TestLeaseScript(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range []struct {
		name string
		at   state
		want string // G granted, R granted over garbage, W met
		then string // the word afterwards, where it is not what was there
	}{
		{name: "absent", want: "G"},
		{name: "V seen", at: state{word: "V" + seenID + "rest", px: second}, want: "G"},
		{name: "V other", at: state{word: "V" + otherID + "rest", px: second}, want: "W"},
		{name: "V other without expiry", at: state{word: "V" + otherID + "rest"}, want: "W"},
		{name: "V short", at: state{word: "V" + otherID, px: second}, want: "R"},
		{name: "V alone", at: state{word: "V", px: second}, want: "R"},
		{name: "empty", at: state{empty: true}, want: "R"},
		{name: "another letter", at: state{word: "X" + otherID + "rest", px: second}, want: "R"},

		{name: "L live", at: state{word: "L" + other, px: second}, want: "W", then: "L" + other + "+"},
		{name: "L live, awaited", at: state{word: "L" + other + "+", px: second}, want: "W"},
		{name: "L without expiry", at: state{word: "L" + other}, want: "R"},
		{name: "L awaited without expiry", at: state{word: "L" + other + "+"}, want: "R"},
		{name: "L longer than a lease", at: state{word: "L" + other, px: 5 * second}, want: "R"},
		{name: "L alone", at: state{word: "L", px: second}, want: "R"},
		{name: "L short", at: state{word: "L" + other[1:], px: second}, want: "R"},
		{name: "L long", at: state{word: "L" + other + "0", px: second}, want: "R"},
		{name: "L not hex", at: state{word: "L" + strings.Repeat("z", 16), px: second}, want: "R"},
		{name: "L awaited twice", at: state{word: "L" + other + "++", px: second}, want: "R"},

		{name: "I live", at: state{word: "I{live}:" + other + ";", px: 5 * second}, want: "W"},
		{name: "I one of two live", at: state{word: "I{past}:aa;{live}:bb;", px: 5 * second}, want: "W"},
		{name: "I expired", at: state{word: "I{past}:" + other + ";", px: 5 * second}, want: "R"},
		{name: "I both expired", at: state{word: "I{past}:aa;{past}:bb;", px: 5 * second}, want: "R"},
		{name: "I alone", at: state{word: "I", px: second}, want: "R"},
		{name: "I without a token", at: state{word: "I{live}:;", px: second}, want: "R"},
		{name: "I without a time", at: state{word: "I:" + other + ";", px: second}, want: "R"},
		{name: "I not closed", at: state{word: "I{live}:" + other, px: second}, want: "R"},
		{name: "I with a part too many", at: state{word: "I{live}:" + other + ";;", px: second}, want: "R"},
		{name: "I with garbage before", at: state{word: "Iabc;{live}:" + other + ";", px: second}, want: "R"},
		{name: "I with garbage after", at: state{word: "I{live}:" + other + ";zz", px: second}, want: "R"},

		{name: "another type", at: state{list: true}, want: "R"},
	} {
		key := r.key("lease:" + c.name)
		r.arrange(t, key, c.at)
		before := ""
		if !c.at.list {
			before = r.at(t, key)
		}
		reply, err := l2.LeaseScript.Run(t.Context(), r, []string{key}, token, leaseFor, seenID, tagFor).Slice()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		then := before
		if c.want != "W" {
			then = "L" + token
		} else if c.then != "" {
			then = c.then
		}
		met := ""
		if c.want == "W" {
			met = then
		}
		if reply[0] != c.want || reply[1] != met {
			t.Errorf("%s: got %q and %q, want %q and %q", c.name, reply[0], reply[1], c.want, met)
		}
		if got := r.at(t, key); got != then {
			t.Errorf("%s: the word is %q, want %q", c.name, got, then)
		}
		most := c.at.px
		if c.want != "W" {
			most = second
		}
		if got := r.life(t, key); most > 0 && (got <= 0 || got > most) {
			t.Errorf("%s: the word lives for %v, want at most %v", c.name, got, most)
		}
	}
}

// TestLeaseScriptTags: the words of tags are read, made and kept alive before the entry's is looked at.
func TestLeaseScriptTags(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range tagCases {
		good := r.key("good:" + c.name)
		r.arrange(t, good, state{word: "V" + version, px: time.Hour})
		key, tag := r.key("entry:"+c.name), r.key("tag:"+c.name)
		r.arrange(t, tag, c.at)
		reply, err := l2.LeaseScript.Run(t.Context(), r, []string{key, good, tag}, token, leaseFor, "", tagFor, "unused..", random).Slice()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		versions := reply[2].([]any)
		if c.version == "" {
			if reply[0] != "T" || len(versions) != 0 || r.at(t, key) != "" {
				t.Errorf("%s: got %q, the entry is %q; want T and nothing granted", c.name, reply, r.at(t, key))
			}
			continue
		}
		if reply[0] != "G" || len(versions) != 2 || versions[0] != version || versions[1] != c.version {
			t.Errorf("%s: got %q, want it granted with version %q", c.name, reply, c.version)
		}
		c.checkTag(t, r, tag)
	}
}

// tagCase is a word of a tag, and what a script that wants its version makes of it.
type tagCase struct {
	name    string
	at      state
	version string        // "": somebody writes, so there is none
	life    time.Duration // about, afterwards; -1: for ever
}

var tagCases = []tagCase{
	{"missing", state{}, random, 60 * second},
	{"present", state{word: "V" + version, px: 60 * second}, version, 60 * second},
	{"short of life", state{word: "V" + version, px: second}, version, 60 * second},
	{"long of life", state{word: "V" + version, px: time.Hour}, version, time.Hour},
	{"without expiry", state{word: "V" + version}, version, -1},
	{"I live", state{word: "I{live}:" + other + ";", px: second}, "", 0},
	{"I expired", state{word: "I{past}:" + other + ";", px: second}, random, 60 * second},
	{"I of another form", state{word: "I{live}:" + other + ";;", px: second}, random, 60 * second},
	{"V short", state{word: "V" + version[1:], px: second}, random, 60 * second},
	{"V long", state{word: "V" + version + "x", px: second}, random, 60 * second},
	{"L", state{word: "L" + other, px: second}, random, 60 * second},
	{"empty", state{empty: true}, random, 60 * second},
	{"another type", state{list: true}, random, 60 * second},
}

func (c tagCase) checkTag(t *testing.T, r *rig, tag string) {
	t.Helper()
	if got := r.at(t, tag); got != "V"+c.version {
		t.Errorf("%s: the tag is %q, want V%s", c.name, got, c.version)
	}
	got := r.life(t, tag)
	if c.life > 0 && (got > c.life || got < c.life-20*second) || c.life < 0 && got > 0 {
		t.Errorf("%s: the tag lives for %v, want %v", c.name, got, c.life)
	}
}
