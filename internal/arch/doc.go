// Package arch holds the test of the arrows between the library's packages; it has no code of its own.
package arch
