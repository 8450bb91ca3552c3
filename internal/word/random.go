package word

import (
	"crypto/rand"
	"encoding/hex"
)

// Random returns 64 random bits: a value's id, or a tag's version.
func Random() (b [8]byte) {
	_, _ = rand.Read(b[:]) // never fails: it would end the process
	return b
}

// Token returns what names a lease or an intent: 64 random bits in 16 hex digits.
func Token() string {
	b := Random()
	return hex.EncodeToString(b[:])
}
