package word

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// Longer parts, and longer joins, are replaced by their SHA-256, so that a Redis key stays below 1 kB. Each has a mark
// of its own: neither can be written as an escape, so a hash is never another key's text.
const (
	maxPart    = 200
	MaxJoin    = 700
	partMark   = "%~"
	joinMark   = "%="
	upperHex   = "0123456789ABCDEF"
	escapeSize = 3
)

// Join escapes each part and joins them with ':'. Different lists of parts of one length give different strings.
func Join(parts ...string) string {
	if len(parts) == 1 {
		return Part(parts[0])
	}
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(Part(p))
	}
	return Shorten(b.String())
}

// Part escapes one part: ':', '%', braces (a Redis hash tag), control bytes and invalid UTF-8.
func Part(s string) string { return shorten(escape(s, true), maxPart, partMark, s) }

// Path escapes a key whose parts are joined already: as Part, but ':' stays.
func Path(s string) string { return shorten(escape(s, false), MaxJoin, joinMark) }

// Escaped says whether a key holds nothing that Path would escape, but for escapes.
func Escaped(key string) bool {
	for i := 0; i < len(key); {
		n, ok := plain(key[i:], false)
		if !ok && key[i] != '%' {
			return false
		}
		i += n
	}
	return true
}

func escape(s string, colon bool) string {
	for i := 0; i < len(s); {
		n, ok := plain(s[i:], colon)
		if !ok {
			return escapeFrom(s, i, colon)
		}
		i += n
	}
	return s
}

func escapeFrom(s string, i int, colon bool) string {
	b := append(make([]byte, 0, len(s)+4*escapeSize), s[:i]...)
	for i < len(s) {
		n, ok := plain(s[i:], colon)
		if ok {
			b = append(b, s[i:i+n]...)
		} else {
			b = append(b, '%', upperHex[s[i]>>4], upperHex[s[i]&15])
		}
		i += n
	}
	return string(b)
}

// plain returns the length of the first character of s and whether it may stand as it is.
func plain(s string, colon bool) (int, bool) {
	switch c := s[0]; {
	case c == '%' || c == '{' || c == '}' || c < ' ' || c == 0x7f:
		return 1, false
	case c == ':':
		return 1, !colon
	case c < utf8.RuneSelf:
		return 1, true
	}
	r, n := utf8.DecodeRuneInString(s)
	return n, r != utf8.RuneError || n > 1
}

// Shorten is what Join makes of parts that are escaped and joined already.
func Shorten(join string) string { return shorten(join, MaxJoin, joinMark) }

// shorten replaces s, or what it was made from, by its hash if s is longer than limit.
func shorten(s string, limit int, mark string, from ...string) string {
	if len(s) <= limit {
		return s
	}
	if len(from) > 0 {
		s = from[0]
	}
	sum := sha256.Sum256([]byte(s))
	return mark + hex.EncodeToString(sum[:])
}
