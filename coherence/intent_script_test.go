package coherence_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
)

const (
	mine   = "00000000000000aa"
	others = "00000000000000bb"
)

// expand makes a word from a pattern: I<mine>, <others>, <abandoned> stand for tokens that live for a minute, <dead> and
// <abandoned ago> for such that are over.
func (r *rig) expand(t testing.TB, pattern string) string {
	t.Helper()
	now, err := r.Time(t.Context()).Result()
	check(t, err)
	at := func(d time.Duration, token string) string {
		return strconv.FormatInt(now.Add(d).UnixMilli(), 10) + ":" + token + ";"
	}
	return strings.NewReplacer("<mine>", at(time.Minute, mine), "<others>", at(time.Minute, others), "<dead>", at(-time.Second, others),
		"<abandoned>", at(time.Minute, abandoned), "<abandoned ago>", at(-time.Second, abandoned)).Replace(pattern)
}

// tokens returns the word with its times taken out.
func tokens(w string) string { return regexp.MustCompile(`\d{13}:`).ReplaceAllString(w, "") }

// words are what an intent may find.
var words = []string{"", "Vvalue-id and the rest", "L0123456789abcdef+", "L0123456789abcdef", "hello", "I", "I12", "I<dead>", "I<dead>x", "I99999999999999999999:ab;", "I<others>", "I<dead><others>", "I<mine>", "I<others><mine>"}

// TestIntentScript: my token stands on each word, once, beside those of others that live.
func TestIntentScript(t *testing.T) {
	t.Parallel()
	r := shared(t)
	k := entry("k")
	for _, before := range words {
		if before != "" {
			r.put(t, k, r.expand(t, before))
		}
		want := "I" + mine + ";"
		if strings.Contains(before, "<others>") {
			want = "I" + others + ";" + mine + ";"
		}
		keys := []string{r.layout.Sequence(), r.layout.Journal(), r.layout.Key(k.String())}
		n, err := coherence.IntentScript.Run(t.Context(), r, keys, r.layout.Channel(), k.String(), mine, 20_000, "").Text()
		check(t, err)
		if got := tokens(r.word(t, k)); got != want {
			t.Errorf("%q became %q, want %q", before, got, want)
		}
		if n != r.text(t, r.layout.Sequence()) {
			t.Errorf("%q: got number %q, the sequence is at %s", before, n, r.text(t, r.layout.Sequence()))
		}
		life, most := r.PTTL(t.Context(), r.layout.Key(k.String())).Val(), 20*time.Second
		if strings.Contains(before, "<others>") || strings.Contains(before, "<mine>") {
			most = time.Minute // the word lives as long as its last token, and no token's life is cut short
		}
		if life > most || life < most-10*time.Second {
			t.Errorf("%q: the word lives for %v, want %v", before, life, most)
		}
		check(t, r.Del(t.Context(), keys[2]).Err())
	}
	check(t, r.RPush(t.Context(), r.layout.Key(k.String()), "a list").Err())
	keys := []string{r.layout.Sequence(), r.layout.Journal(), r.layout.Key(k.String())}
	check(t, coherence.IntentScript.Run(t.Context(), r, keys, r.layout.Channel(), k.String(), mine, 20_000, "").Err())
	if got := tokens(r.word(t, k)); got != "I"+mine+";" {
		t.Errorf("a list became %q", got)
	}
}

// TestIntentScriptTakesThePlaceOfAnother: the token that goes is gone, the one that comes stands once, with the later of
// its expiries, and the others stay.
func TestIntentScriptTakesThePlaceOfAnother(t *testing.T) {
	t.Parallel()
	r := shared(t)
	k := entry("k")
	key := r.layout.Key(k.String())
	for _, c := range []struct {
		before, after string
		life          time.Duration
	}{
		{"", "I" + abandoned + ";", 20 * time.Second},
		{"Vvalue-id and the rest", "I" + abandoned + ";", 20 * time.Second},
		{"I<mine>", "I" + abandoned + ";", 20 * time.Second},
		{"I<others><mine>", "I" + others + ";" + abandoned + ";", time.Minute},
		{"I<abandoned>", "I" + abandoned + ";", time.Minute},
		{"I<mine><abandoned><others>", "I" + others + ";" + abandoned + ";", time.Minute},
		{"I<abandoned ago><mine>", "I" + abandoned + ";", 20 * time.Second},
	} {
		check(t, r.Del(t.Context(), key).Err())
		if c.before != "" {
			r.put(t, k, r.expand(t, c.before))
		}
		keys := []string{r.layout.Sequence(), r.layout.Journal(), key}
		check(t, coherence.IntentScript.Run(t.Context(), r, keys, r.layout.Channel(), k.String(), abandoned, 20_000, mine).Err())
		if got := tokens(r.word(t, k)); got != c.after {
			t.Errorf("%q became %q, want %q", c.before, got, c.after)
		}
		if life := r.PTTL(t.Context(), key).Val(); life > c.life || life < c.life-10*time.Second {
			t.Errorf("%q: the word lives for %v, want %v", c.before, life, c.life)
		}
	}
}

// TestDoneScript: my token goes. Where it was missing, what was filled meanwhile goes too, and that is announced; what
// somebody else is writing keeps its intent.
func TestDoneScript(t *testing.T) {
	t.Parallel()
	r := shared(t)
	const none = ""
	for _, c := range []struct {
		before, mine, lost, new string
		after                   string
		announced               bool
	}{
		{before: "I<mine>", after: none},
		{before: "I<mine>", new: "T12345678", after: "V12345678"},
		{before: "I<others><mine>", after: "I" + others + ";"},
		{before: "I<others><mine>", new: "T12345678", after: "I" + others + ";"},
		{before: "I<dead><mine>", after: none},
		{before: "I<mine>", lost: "1", after: none, announced: true},
		{before: "I<others><mine>", lost: "1", after: "I" + others + ";", announced: true},
		{before: "", after: none, announced: true},
		{before: "", new: "T12345678", after: "V12345678", announced: true},
		{before: "Vvalue-id and the rest", after: none, announced: true},
		{before: "Vvalue-i", new: "T12345678", after: "V12345678", announced: true},
		{before: "L0123456789abcdef", after: none, announced: true},
		{before: "hello", after: none, announced: true},
		{before: "I<others>", after: "I" + others + ";", announced: true},
		{before: "I<dead>", after: none, announced: true},
		// INVALIDATE, which has no token.
		{before: "Vvalue-id and the rest", mine: "-", lost: "1", after: none, announced: true},
		{before: "I<others>", mine: "-", lost: "1", after: "I" + others + ";", announced: true},
		{before: "Vvalue-i", mine: "-", lost: "1", new: "T12345678", after: "V12345678", announced: true},
		// What was Set stays if it is that.
		{before: "Vvalue-id and the rest", mine: "-", lost: "1", new: "Kvalue-id", after: "Vvalue-id and the rest", announced: true},
		{before: "Vvalue-ID and the rest", mine: "-", lost: "1", new: "Kvalue-id", after: none, announced: true},
		{before: "L0123456789abcdef", mine: "-", lost: "1", new: "Kvalue-id", after: none, announced: true},
		{before: "I<others>", mine: "-", lost: "1", new: "Kvalue-id", after: "I" + others + ";", announced: true},
	} {
		k := entry("k")
		key := r.layout.Key(k.String())
		check(t, r.Del(t.Context(), key).Err())
		if c.before != "" {
			r.put(t, k, r.expand(t, c.before))
		}
		token := ";" + mine + ";"
		if c.mine == "-" {
			token = ""
		}
		reply, err := coherence.DoneScript.Run(t.Context(), r, []string{r.layout.Sequence(), r.layout.Journal(), key},
			r.layout.Channel(), k.String(), 3_600_000, c.lost, token, c.new).Text()
		check(t, err)
		if got := tokens(r.word(t, k)); got != c.after {
			t.Errorf("%+v: the word is %q", c, got)
		}
		if (reply != "") != c.announced || c.announced && reply != r.text(t, r.layout.Sequence()) {
			t.Errorf("%+v: got reply %q", c, reply)
		}
	}
}
