package l2_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"

	"github.com/tieredcache/tieredcache/l2"
)

// appended has an AppendBinary, and a MarshalBinary that would copy.
type appended struct{ n uint64 }

func (a appended) AppendBinary(b []byte) ([]byte, error) {
	return binary.BigEndian.AppendUint64(b, a.n), nil
}

func (appended) MarshalBinary() ([]byte, error) { return nil, errors.New("not needed") }

func (a *appended) UnmarshalBinary(b []byte) error {
	if len(b) != 8 {
		return errors.New("not 8 bytes")
	}
	a.n = binary.BigEndian.Uint64(b)
	return nil
}

// appender has AppendBinary alone.
type appender struct{ n byte }

func (a *appender) AppendBinary(b []byte) ([]byte, error) { return append(b, a.n), nil }

func (a *appender) UnmarshalBinary(b []byte) error {
	a.n = b[0] // panics for hostile bytes
	return nil
}

// forgetful has an AppendBinary that another type brought, and that leaves the other field out.
type forgetful struct {
	appended
	Name string
}

func TestMessagePackAppendsBinary(t *testing.T) {
	c := l2.MessagePack[appended]()
	roundTrip(t, c, appended{7})
	roundTrip(t, l2.MessagePack[map[string][]appended](), map[string][]appended{"a": {{1}, {2}}})
	roundTrip(t, l2.MessagePack[[]appender](), []appender{{1}, {2}})
	roundTrip(t, l2.MessagePack[netip.Prefix](), netip.MustParsePrefix("2001:db8::/32"))
	if err := l2.MessagePack[forgetful]().Check(); err == nil {
		t.Error("a type whose AppendBinary is another's was taken")
	}
	_, err := l2.MessagePack[appender]().Decode([]byte{0xc7, 0, 125})
	wantError(t, err, "l2: decode appender: its decoder panicked: runtime error: index out of range [0] with length 0")

	// The bytes are those of MarshalBinary, so a type may gain AppendBinary.
	addr := netip.MustParseAddrPort("127.0.0.1:6379")
	marshalled, err := addr.MarshalBinary()
	check(t, err)
	if got := encode(t, l2.MessagePack[netip.AddrPort](), addr); !bytes.HasSuffix(got, marshalled) || len(got) != 3+len(marshalled) {
		t.Errorf("got %x, want the bytes of MarshalBinary: %x", got, marshalled)
	}
	buf := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { buf, _ = c.Append(buf[:0], appended{7}) }); n > 0 {
		t.Errorf("Append: got %v allocations", n)
	}
}
