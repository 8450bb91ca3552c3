package word_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/tieredcache/tieredcache/internal/word"
)

func TestValidName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"prefs": true, "P": true, "a.b_c-9": true, "-": true, "azAZ09": true, strings.Repeat("n", 64): true,
		"": false, strings.Repeat("n", 65): false, "a b": false, "a:b": false, "a/b": false, "a%b": false, "{a}": false,
		"a=b": false, "a|b": false, "a\n": false, "\x00": false, "é": false, "\xff": false,
	} {
		if got := word.ValidName(name); got != want {
			t.Errorf("ValidName(%q): got %v, want %v", name, got, want)
		}
	}
}

// TestWhereWordsLive: the names of keys are part of what users see, and of what releases agree on.
func TestWhereWordsLive(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ namespace, prefix string }{{"", ""}, {"staging", "staging/"}} {
		l := word.NewLayout(c.namespace)
		for _, n := range []struct{ got, want string }{
			{l.Key(word.EntryName("prefs", word.Join("acme", "ada"))), "prefs:acme:ada"},
			{l.Key(word.TagName(word.Join("user", "acme", "ada"))), "tieredcache:tag:user:acme:ada"},
			{l.Key(word.GenerationName("prefs")), "tieredcache:g:prefs"},
			{l.Sequence(), "tieredcache:s"},
			{l.Journal(), "tieredcache:j"},
			{l.Channel(), "tieredcache:ch"},
			{l.Heartbeat(), "tieredcache:hb"},
			{l.Incarnation(), "tieredcache:inc"},
		} {
			if want := c.prefix + n.want; n.got != want {
				t.Errorf("namespace %q: got %q, want %q", c.namespace, n.got, want)
			}
		}
	}
}

// TestNamespacesNeverMeet: the first '/' of a namespaced key stands before any ':', of another key never.
func TestNamespacesNeverMeet(t *testing.T) {
	t.Parallel()
	inside := word.NewLayout("a").Key(word.EntryName("b", "c"))
	for _, outside := range []string{
		word.NewLayout("").Key(word.EntryName("b", word.Path("a/b:c"))),
		word.NewLayout("").Key(word.TagName(word.Join("a/b", "c"))),
		word.NewLayout("b").Key(word.EntryName("b", "c")),
	} {
		if inside == outside {
			t.Errorf("%q lives in two namespaces", inside)
		}
	}
}

// TestPartitions: with one partition keys read as the user expects; with several, each has its own tag before all else,
// which is what Redis hashes, and every process finds an entry in the same.
func TestPartitions(t *testing.T) {
	t.Parallel()
	l := word.NewLayout("staging")
	if got := l.In(0, 1); got != l {
		t.Errorf("one partition: got %q", got.Key("x"))
	}
	seen := map[int]bool{}
	for i := range 1000 {
		name := word.EntryName("prefs", strconv.Itoa(i))
		p := word.Partition(name, 64)
		seen[p] = true
		tag := fmt.Sprintf("{%02d}", p)
		in := l.In(p, 64)
		for _, key := range []string{in.Key(name), in.Sequence(), in.Journal(), in.Incarnation(), in.Key(word.TagName("t"))} {
			if !strings.HasPrefix(key, tag+"staging/") {
				t.Errorf("%q is not in partition %d", key, p)
			}
		}
	}
	if len(seen) != 64 {
		t.Errorf("1000 entries are in %d of 64 partitions", len(seen))
	}
	if got := word.Partition("prefs:acme:ada", 64); got != 22 {
		t.Errorf("prefs:acme:ada is in partition %d, was in 22: processes of two releases would not meet", got)
	}
	if got := word.Partition("prefs:acme:ada", 1); got != 0 {
		t.Errorf("got partition %d of 1", got)
	}
}

// TestTokens: the scripts know a token by its form, and two that are alike would be one lease.
func TestTokens(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		token := word.Token()
		if _, err := strconv.ParseUint(token, 16, 64); err != nil || len(token) != 16 || seen[token] {
			t.Fatalf("got %q after %d others", token, len(seen))
		}
		seen[token] = true
	}
}
