package l2

import (
	"bytes"
	"strconv"

	"github.com/tieredcache/tieredcache/internal/word"
)

// mostDigits is the same in the scripts, which take a longer number for garbage.
const mostDigits = 15

// intended says whether a word is an intent, I<exp:token;exp:token;...>, exp in ms of Redis time, the token in hex, and
// whether one of its tokens is alive. now never lags behind Redis's clock, so an intent that is still alive is seldom taken
// for an expired one; LEASE has the last word.
func intended(w []byte, now int64) (is, alive bool) {
	if len(w) < 2 || w[0] != word.Intent || w[len(w)-1] != ';' {
		return false, false
	}
	for token := range bytes.SplitSeq(w[1:len(w)-1], []byte{';'}) {
		exp, name, ok := bytes.Cut(token, []byte{':'})
		ms, err := strconv.ParseInt(string(exp), 10, 64)
		if !ok || err != nil || len(exp) > mostDigits || exp[0] == '+' || exp[0] == '-' || !isHex(name) {
			return false, false
		}
		alive = alive || ms > now
	}
	return true, alive
}

func isHex(s []byte) bool {
	return len(s) > 0 && len(bytes.Trim(s, "0123456789abcdefABCDEF")) == 0
}
