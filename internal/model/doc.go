// Package model explores the coherence protocol state by state, breadth first, and checks the contract C1 to C5 in each.
package model
