package word_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tieredcache/tieredcache/internal/word"
)

// hostile are parts that try to be something else: separators, escapes, marks of hashes, other parts' escaped form.
var hostile = []string{
	"", ":", "::", "%", "%3A", "%25", "%253A", "%~", "%=", "{", "}", "{a}", "%7B", "\n", "\x00", "\x7f", " ", "=", "|", ";",
	"a", "A", "a:b", "b:c", "b", "c", "a%3Ab", "a%253Ab", "\xff", "%FF", "\xc3", "\xc3\x28", "\uFFFD", "%EF%BF%BD", "é", "e\u0301", "\u2028",
	strings.Repeat("x", 199), strings.Repeat("x", 200), strings.Repeat("x", 201),
	strings.Repeat(":", 66), strings.Repeat(":", 67), strings.Repeat("\xff", 300), strings.Repeat("é", 100), strings.Repeat("é", 101),
	word.Part(strings.Repeat("x", 201)), word.Part(word.Part(strings.Repeat("x", 201))),
	strings.TrimPrefix(word.Part(strings.Repeat("x", 201)), "%~"),
	word.Join(slices.Repeat([]string{strings.Repeat("x", 200)}, 4)...),
	"prefs", "tieredcache", "tieredcache:g:prefs=1",
}

// long are parts of 100 kB.
var long = []string{strings.Repeat("x", 100_000), strings.Repeat("x", 99_999) + "y", strings.Repeat("%", 100_000)}

func TestPartText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ part, want string }{
		{"", ""},
		{"ada", "ada"},
		{"a b/c=d|é", "a b/c=d|é"},
		{"a:b", "a%3Ab"},
		{"100%", "100%25"},
		{"{x}", "%7Bx%7D"},
		{"\n\x00\x7f", "%0A%00%7F"},
		{"a\xffb", "a%FFb"},
		{"\xc3", "%C3"},
		{"\uFFFD", "\uFFFD"},
		{strings.Repeat("x", 200), strings.Repeat("x", 200)},
		{strings.Repeat("x", 201), "%~84a0678c90937f5dcf9994d5866668da6b995109c8ad845410559b48a4ecafed"},
	} {
		if got := word.Part(c.part); got != c.want {
			t.Errorf("Part(%.20q): got %q, want %q", c.part, got, c.want)
		}
		if got := string(word.AppendPart([]byte("a:"), c.part)); got != "a:"+c.want { // what is joined has the same text
			t.Errorf("AppendPart(%.20q): got %q, want %q", c.part, got, "a:"+c.want)
		}
	}
}

// TestPathKeepsSeparators: who joins the parts of a key gets them as they are.
func TestPathKeepsSeparators(t *testing.T) {
	t.Parallel()
	if got, want := word.Path("acme:ada%\n"), "acme:ada%25%0A"; got != want {
		t.Errorf("Path: got %q, want %q", got, want)
	}
	checkText(t, word.Path(strings.Repeat("x:", 1000)))
}

// TestJoinNeverCollides compares every list of one or two hostile parts with every other, and the paths among them.
func TestJoinNeverCollides(t *testing.T) {
	t.Parallel()
	joined, paths := map[string][]string{}, map[string]string{}
	add := func(parts ...string) {
		text := word.Join(parts...)
		checkText(t, text)
		if other, ok := joined[text]; ok && !slices.Equal(other, parts) {
			t.Errorf("%.60q and %.60q are both %q", other, parts, text)
		}
		joined[text] = slices.Clone(parts)
	}
	for _, a := range long {
		add(a)
		add(a, a)
		add("a", a)
		add(a, "a")
	}
	for _, a := range hostile {
		add(a)
		for _, b := range hostile {
			add(a, b)
		}
		path := word.Path(a)
		checkText(t, path)
		if other, ok := paths[path]; ok && other != a {
			t.Errorf("the paths of %.60q and %.60q are both %q", other, a, path)
		}
		paths[path] = a
	}
}

// FuzzJoin: lists of parts that differ, in length or in a part, never give one text. Tags rely on the former, the keys
// of one cache on the latter.
func FuzzJoin(f *testing.F) {
	for i, a := range hostile {
		b, c := hostile[(i+1)%len(hostile)], hostile[(i+7)%len(hostile)]
		f.Add(a, b, c, b, a, c, uint8(3), uint8(3))
		f.Add(a, b, "", a+":"+b, "", "", uint8(2), uint8(1))
		f.Add(a, b, c, word.Join(a, b, c), "", "", uint8(3), uint8(1))
		f.Add(a, "", "", word.Part(a), "", "", uint8(1), uint8(1))
	}
	f.Fuzz(func(t *testing.T, a1, a2, a3, b1, b2, b3 string, na, nb uint8) {
		a, b := []string{a1, a2, a3}[:1+na%3], []string{b1, b2, b3}[:1+nb%3]
		ja, jb := word.Join(a...), word.Join(b...)
		if (ja == jb) != slices.Equal(a, b) {
			t.Errorf("Join(%q) = %q, Join(%q) = %q", a, ja, b, jb)
		}
		if pa, pb := word.Path(a1), word.Path(b1); (pa == pb) != (a1 == b1) {
			t.Errorf("Path(%q) = %q, Path(%q) = %q", a1, pa, b1, pb)
		}
		checkText(t, ja)
		checkText(t, word.Path(a1))
	})
}

// checkText checks what must hold for every escaped text: it fits into a Redis key below 1 kB beside the longest
// namespace and name, it separates nothing in a message, and it carries no hash tag.
func checkText(t *testing.T, text string) {
	t.Helper()
	longest := strings.Repeat("n", 64)
	layout := word.NewLayout(longest)
	for _, key := range []string{layout.Key(word.EntryName(longest, text)), layout.Key(word.TagName(text))} {
		if len(key) >= 1024 {
			t.Errorf("a key of %d bytes: %.60q...", len(key), key)
		}
	}
	if !utf8.ValidString(text) {
		t.Errorf("not UTF-8: %.80q", text)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == '{' || r == '}' }) {
		t.Errorf("a control byte or a brace in %.80q", text)
	}
}
