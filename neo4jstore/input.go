package neo4jstore

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// ErrInvalid is wrapped by the error that says which part of an input is unusable and why. Nothing was written.
var ErrInvalid = errors.New("invalid input")

// maxIndexed is how many bytes a text in an index may have. A range index of Neo4j holds 8,164 together, and the one on
// tenant and user holds two texts; a longer one would fail the write with an error of the database.
const maxIndexed = 4000

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
}

// check says why no preference can belong to the user.
func (u UserKey) check() error {
	if err := checkTenant(u.Tenant); err != nil {
		return err
	}
	return checkIndexed("User", u.User)
}

func checkTenant(tenant string) error {
	if tenant == "" {
		return invalid("Tenant is empty")
	}
	return checkIndexed("Tenant", tenant)
}

func checkIndexed(field, s string) error {
	if len(s) > maxIndexed {
		return invalid("%s has %d bytes: at most %d fit into Neo4j's indexes", field, len(s), maxIndexed)
	}
	return checkText(field, s)
}

// checkText refuses what Neo4j cannot hold: it would store U+FFFD for each invalid byte, and two texts would be one.
func checkText(field, s string) error {
	if !utf8.ValidString(s) {
		return invalid("%s is not valid UTF-8", field)
	}
	return nil
}

func (n NewPreference) check() error {
	if n.Key == "" {
		return invalid("Key is empty")
	}
	if err := checkIndexed("Key", n.Key); err != nil {
		return err
	}
	if err := checkText("Value", n.Value); err != nil {
		return err
	}
	if n.Sentiment != Positive && n.Sentiment != Negative {
		return invalid("Sentiment is %.40q: give %q or %q", n.Sentiment, Positive, Negative)
	}
	if c := n.Confidence; c != nil && !(*c >= 0 && *c <= MaxConfidence) { // NaN is neither
		return invalid("Confidence is %v: give 0 to %v, or nil for %v", *c, MaxConfidence, DefaultConfidence)
	}
	return nil
}

func checkDelta(delta float64) error {
	if math.IsNaN(delta) || math.IsInf(delta, 0) {
		return invalid("delta is %v: give a finite number", delta)
	}
	return nil
}

func checkFactors(factors map[string]string) error {
	for name, value := range factors {
		if name == "" {
			return invalid("a factor's name is empty")
		}
		if err := checkText("a factor's name", name); err != nil {
			return err
		}
		if err := checkText(fmt.Sprintf("factor %.40q", name), value); err != nil {
			return err
		}
	}
	return nil
}
