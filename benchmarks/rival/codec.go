package rival

import (
	"github.com/tieredcache/tieredcache/benchmarks/sample"
	"github.com/tieredcache/tieredcache/l2"
	"github.com/tieredcache/tieredcache/neo4jstore"
)

// Codec is the codec of this library's caches, of the bare floor, and of those rivals that leave the codec to the user:
// the preference store's own, which is generated for these values.
func Codec() l2.Codec[sample.List] { return neo4jstore.Codec[sample.List]() }
