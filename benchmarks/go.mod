module github.com/tieredcache/tieredcache/benchmarks

go 1.26.0

replace github.com/tieredcache/tieredcache => ../

require (
	github.com/redis/go-redis/v9 v9.23.0
	github.com/tieredcache/tieredcache v0.0.0
)
