package measure

import (
	"math"
	"slices"
	"strconv"
)

// Median returns the median of what was measured, NaN of nothing.
func Median(of []float64) float64 { return Quantile(of, 0.5) }

// Quantile returns the value below which the share q of them lies, between its neighbours by line; NaN of nothing.
func Quantile(of []float64, q float64) float64 {
	if len(of) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(of))
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// Short shows a number to three digits, and never with an exponent.
func Short(v float64) string {
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64) // it has just been made
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
