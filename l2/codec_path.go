package l2

import (
	"errors"
	"fmt"
	"reflect"
)

// pathError says where in a value something happened. The path is built on the way out, so that a value without errors
// pays nothing for it.
type pathError struct {
	path string
	bare string // the same without the keys of maps
	err  error
}

func (e *pathError) Error() string {
	path := e.path
	if len(path) > 240 { // a cycle of a thousand steps
		path = path[:120] + "…" + path[len(path)-120:]
	}
	return path + ": " + e.err.Error()
}

// WithoutKeys returns an error of encoding without the keys of maps that it names, for a log.
func WithoutKeys(err error) error {
	if e, ok := errors.AsType[*pathError](err); ok {
		return fmt.Errorf("%w: %w", ErrEncode, &pathError{path: e.bare, err: e.err})
	}
	return err
}

func (e *pathError) Unwrap() error { return e.err }

// at puts step before the path of err.
func at(step string, err error) error { return atStep(step, step, err) }

func atStep(step, bare string, err error) error {
	if e, ok := err.(*pathError); ok { //nolint:errorlint // only one that was not wrapped may be extended
		e.path, e.bare = step+e.path, bare+e.bare
		return e
	}
	return &pathError{path: step, bare: bare, err: err}
}

func atIndex(i int, err error) error { return at(fmt.Sprintf("[%d]", i), err) }

func atKey(key reflect.Value, err error) error {
	step := fmt.Sprintf("[%.40s]", fmt.Sprint(key))
	if key.Kind() == reflect.String {
		step = fmt.Sprintf("[%.40q]", key.String())
	}
	return atStep(step, "[key]", err)
}

// typeName is the name of t without packages: the start of a path.
func typeName(t reflect.Type) string {
	if t.Name() != "" {
		return t.Name()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + typeName(t.Elem())
	case reflect.Slice:
		return "[]" + typeName(t.Elem())
	case reflect.Array:
		return fmt.Sprintf("[%d]%s", t.Len(), typeName(t.Elem()))
	case reflect.Map:
		return fmt.Sprintf("map[%s]%s", typeName(t.Key()), typeName(t.Elem()))
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return "any"
		}
	}
	return t.String()
}
