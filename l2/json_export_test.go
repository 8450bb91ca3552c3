package l2

import "reflect"

// CheckJSON is the Check of a codec for t, which a test may make as it runs.
func CheckJSON(t reflect.Type) error {
	c := jsonCheck{seen: map[reflect.Type]int{}}
	c.check(t, typeName(t))
	return c.problem
}

// ShortJSON returns a codec that encodes no more than most bytes.
func ShortJSON[V any](most int) Codec[V] {
	j := JSON[V]().(jsonCodec[V])
	j.most = most
	return j
}
