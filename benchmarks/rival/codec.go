package rival

import (
	"github.com/tieredcache/tieredcache/benchmarks/sample"
	"github.com/tieredcache/tieredcache/l2"
)

// Codec is the codec of this library's caches, of the bare floor, and of those rivals that leave the codec to the user.
func Codec() l2.Codec[sample.List] { return l2.MessagePack[sample.List]() }
