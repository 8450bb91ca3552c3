package neo4jstore

import "time"

// sendable returns a parameter as Neo4j takes it, a copy where it has to differ: a time.Time is sent with the name of its
// zone, and of one that Neo4j does not know the server answers as of a broken message, after which the driver hands the
// connection on to the next caller as it is.
func sendable(param any) any {
	switch param := param.(type) {
	case time.Time:
		return withOffset(param)
	case []time.Time:
		return each(param, withOffset)
	case []any:
		return each(param, sendable)
	case []map[string]any:
		return each(param, sendableMap)
	case map[string]any:
		return sendableMap(param)
	}
	return param
}

func sendableMap(params map[string]any) map[string]any {
	all := make(map[string]any, len(params))
	for name, param := range params {
		all[name] = sendable(param)
	}
	return all
}

func each[T any](list []T, change func(T) T) []T {
	all := make([]T, len(list))
	for i, one := range list {
		all[i] = change(one)
	}
	return all
}

// withOffset gives a time of time.Local, or of a zone that is but an offset, the zone that the driver sends as an offset.
// Another is of the time zone database, as UTC is, and has the name that Neo4j knows.
func withOffset(t time.Time) time.Time {
	const asOffset = "Offset" // the driver's name for it
	zone, offset := t.Zone()
	if name := t.Location().String(); name == "Local" || name == zone && (name != "UTC" || offset != 0) {
		return t.In(time.FixedZone(asOffset, offset))
	}
	return t
}
