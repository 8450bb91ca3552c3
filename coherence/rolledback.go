package coherence

import "slices"

// RolledBack marks a write's error as "surely nothing was committed": its refs are usable again at once. Without the
// mark they stay uncached until the intent expires, because the commit may still land. nil stays nil; errors.Is and
// errors.As see through the mark. An error that wraps a marked one counts as marked; of errors that were joined, all must
// be.
func RolledBack(err error) error {
	if err == nil {
		return nil
	}
	return rolledBackError{err}
}

type rolledBackError struct{ error }

func (e rolledBackError) Unwrap() error { return e.error }

func isRolledBack(err error) bool {
	switch e := err.(type) { //nolint:errorlint // each layer is looked at: of errors that were joined, all must be marked
	case rolledBackError:
		return true
	case interface{ Unwrap() error }:
		return isRolledBack(e.Unwrap())
	case interface{ Unwrap() []error }:
		parts := e.Unwrap()
		return len(parts) > 0 && !slices.ContainsFunc(parts, func(part error) bool { return !isRolledBack(part) })
	default:
		return false
	}
}
