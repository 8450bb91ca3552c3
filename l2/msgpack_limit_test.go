package l2_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/tieredcache/tieredcache/l2"
)

// A payload of any length that a codec may write makes a word that one Redis string holds, however many tags it has.
func TestLongestPayloadFits(t *testing.T) {
	head, err := local(t, 1, plain{}).EncodeWith(l2.Value[string]{Missing: true}, make([][8]byte, l2.MaxTags))
	check(t, err)
	if got := len(head) + l2.MaxEncoded; got != 512<<20 {
		t.Errorf("the longest word has %d bytes, want %d", got, 512<<20)
	}
}

// What is too long for Redis is not built first: a list of one large value, a thousand times, is left where it gets too
// long.
func TestMessagePackStopsWhereItIsTooLong(t *testing.T) {
	const left = 1000
	written := 0
	ext := l2.Extend(1, func(dst []byte, _ Named) ([]byte, error) {
		written++
		return append(dst, make([]byte, left/10)...), nil
	}, func([]byte) (Named, error) { return Named{}, nil })
	entries := map[int]Named{}
	for i := range 100 {
		entries[i] = Named{}
	}
	full := make([]byte, l2.MaxEncoded-left, 512<<20+1<<20) // of the one string that all is in
	for name, appendTo := range map[string]func() error{
		"slice": func() error { _, err := l2.MessagePack[[]Named](ext).Append(full, make([]Named, 100)); return err },
		"array": func() error { _, err := l2.MessagePack[[100]Named](ext).Append(full, [100]Named{}); return err },
		"map":   func() error { _, err := l2.MessagePack[map[int]Named](ext).Append(full, entries); return err },
	} {
		written = 0
		err := appendTo()
		if err == nil || !strings.HasSuffix(err.Error(), ": more than the 512 MB that a Redis string can hold") {
			t.Errorf("%s: got error %v", name, err)
		}
		if written > 12 {
			t.Errorf("%s: %d elements were written, want those that there is room for, and at most one more", name, written)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := appendError(l2.MessagePack[[]struct{}](), make([]struct{}, l2.MaxEncoded+1))
	runtime.ReadMemStats(&after)
	wantError(t, err, "l2: encode []struct {}: more than the 512 MB that a Redis string can hold")
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("a list that is too long in any case took %d bytes", got)
	}
}
