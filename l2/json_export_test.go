package l2

import "reflect"

// CheckJSON is the Check of a codec for t, which a test may make as it runs.
func CheckJSON(t reflect.Type) error {
	c := jsonCheck{seen: map[reflect.Type]int{}}
	c.check(t, typeName(t))
	return c.problem
}
