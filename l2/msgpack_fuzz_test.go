package l2_test

import (
	"testing"

	"github.com/tieredcache/tieredcache/l2"
)

// FuzzDecodeMessagePack holds that bytes never make Decode panic, and that what it makes of them is stable.
func FuzzDecodeMessagePack(f *testing.F) {
	c := everythingCodec()
	b, err := c.Append(nil, aLot())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	if b, err = c.Append(nil, everything{}); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	anyBytes, rings := l2.MessagePackAny[any](celsiusExt(1), l2.Extend[Named](2, nil, nil)), l2.MessagePack[ring]()
	if b, err = anyBytes.Append(nil, aLot().Any); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{0x92, 0xc0, 0x91, 0x90})
	f.Add([]byte{0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0xc7, 19, 127, 3, 0, 0, 0, 0, 0x66, 0, 0, 0, 0, 0, 0, 1, 0, 3, 'C', 'E', 'T', 'C'})
	f.Fuzz(func(t *testing.T, b []byte) {
		again(t, c, b)
		again(t, anyBytes, b)
		again(t, rings, b)
	})
}
