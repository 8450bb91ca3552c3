package report

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
)

// Print shows rows as they come.
func Print(w io.Writer, rows []measure.Row) {
	for _, r := range rows {
		fmt.Fprintf(w, "%s, %s\n", r.Scenario, r.Unit)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for i, f := range append([]measure.Figure{r.Floor}, r.Subjects...) {
			switch {
			case f.Err != "":
				fmt.Fprintf(t, "  %s\tFAILS: %s\n", f.Name, f.Err)
			case i == 0:
				fmt.Fprintf(t, "  %s\t%.4g\t1\t(slices %.2f to %.2f)\t%s\t%s\n", f.Name, f.Value, f.Low, f.High, allocs(r, f), f.Note)
			case f.Ratio == 0:
				fmt.Fprintf(t, "  %s\t%.4g\t\t\t\t%s\n", f.Name, f.Value, f.Note)
			default:
				fmt.Fprintf(t, "  %s\t%.4g\t%.3f\t(%.3f to %.3f)\t%s\t%s\n", f.Name, f.Value, f.Ratio, f.Low, f.High, allocs(r, f), f.Note)
			}
		}
		_ = t.Flush()
	}
}

func allocs(r measure.Row, f measure.Figure) string {
	if r.Unit != measure.Nanoseconds {
		return ""
	}
	return fmt.Sprintf("%.4g allocs", f.Allocs)
}
