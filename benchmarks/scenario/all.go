package scenario

import "slices"

// All is every scenario, in the order in which they run and are told of.
func All() []Scenario { return slices.Concat(beside(), alone()) }

// alone are the scenarios that need no rival but a bare floor.
func alone() []Scenario {
	return []Scenario{}
}
