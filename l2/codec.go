package l2

// Codec turns the values of one type into bytes and back.
//
// A codec is safe for concurrent use. What it decodes equals what was encoded, in every respect that a caller can
// see: nil and empty, the offset and zone of a time, the width of a number. A codec that cannot do this for its type
// says so in Check.
type Codec[V any] interface {
	// ID names the encoding, and is written beside each value. Values that were written under another ID are left
	// alone and never decoded, so an ID changes whenever the bytes for one value change.
	ID() uint32
	// Append appends the encoding of v to dst and returns the extended slice.
	Append(dst []byte, v V) ([]byte, error)
	// Decode reads what Append wrote. It must not keep or change src, and it must return an error, never panic, for any other
	// bytes, bytes that are left over included.
	Decode(src []byte) (V, error)
	// Check returns nil, or an error that names the part of V that does not survive Append and Decode.
	Check() error
}
