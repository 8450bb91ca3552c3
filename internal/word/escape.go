package word

import (
	"crypto/sha256"
	"encoding/hex"
	"unicode/utf8"
)

// Longer parts, and longer joins, are replaced by their SHA-256, so that a Redis key stays below 1 kB. Each has a mark
// of its own: neither can be written as an escape, so a hash is never another key's text.
const (
	maxPart  = 200
	MaxJoin  = 700
	partMark = "%~"
	joinMark = "%="
	upperHex = "0123456789ABCDEF"
)

// Join escapes each part and joins them with ':'. Different lists of parts of one length give different strings.
func Join(parts ...string) string {
	if len(parts) == 1 {
		return Part(parts[0])
	}
	var usual [100]byte
	b := usual[:0]
	for i, p := range parts {
		if i > 0 {
			b = append(b, ':')
		}
		b = AppendPart(b, p)
	}
	return Shorten(string(b))
}

// Part escapes one part: ':', '%', braces (a Redis hash tag), control bytes and invalid UTF-8.
func Part(s string) string {
	if len(s) <= maxPart && plain(s, true) == len(s) {
		return s
	}
	return string(AppendPart(nil, s))
}

// AppendPart appends what Part makes of a string.
func AppendPart(dst []byte, s string) []byte {
	begin := len(dst)
	dst = appendEscaped(dst, s, true)
	if len(dst)-begin > maxPart {
		return append(append(dst[:begin], partMark...), hash(s)...)
	}
	return dst
}

// Path escapes a key whose parts are joined already: as Part, but ':' stays.
func Path(s string) string {
	if plain(s, false) < len(s) {
		s = string(appendEscaped(nil, s, false))
	}
	return Shorten(s)
}

// Escaped says whether a key holds nothing that Path would escape, but for escapes.
func Escaped(key string) bool {
	for len(key) > 0 {
		key = key[plain(key, false):]
		if len(key) > 0 {
			if key[0] != '%' {
				return false
			}
			key = key[1:]
		}
	}
	return true
}

func appendEscaped(dst []byte, s string, colon bool) []byte {
	for len(s) > 0 {
		n := plain(s, colon)
		dst = append(dst, s[:n]...)
		if s = s[n:]; len(s) > 0 {
			dst = append(dst, '%', upperHex[s[0]>>4], upperHex[s[0]&15])
			s = s[1:]
		}
	}
	return dst
}

// plain returns how many bytes at the beginning of s may stand as they are.
func plain(s string, colon bool) (n int) {
	for n < len(s) {
		switch c := s[n]; {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(s[n:])
			if r == utf8.RuneError && size == 1 {
				return n
			}
			n += size
		case special[c] || c == ':' && colon:
			return n
		default:
			n++
		}
	}
	return n
}

// special are the ASCII bytes that are always escaped.
var special = func() (is [utf8.RuneSelf]bool) {
	for c := range byte(' ') {
		is[c] = true
	}
	is['%'], is['{'], is['}'], is[0x7f] = true, true, true, true
	return is
}()

// Shorten is what Join makes of parts that are escaped and joined already.
func Shorten(join string) string {
	if len(join) <= MaxJoin {
		return join
	}
	return joinMark + hash(join)
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
