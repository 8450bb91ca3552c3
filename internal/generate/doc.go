// Package generate holds the generators of code that is committed, in a module of its own: the library does not depend on
// what they need. `go generate ./...` runs them.
package generate
