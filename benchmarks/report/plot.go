package report

import (
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
)

var (
	oursColor   = color.RGBA{R: 0x1f, G: 0x77, B: 0xb4, A: 0xff}
	othersColor = color.RGBA{R: 0xb0, G: 0xb0, B: 0xb0, A: 0xff}
)

// Plot draws each row into a folder: how its subjects stand to its floor. Plots of another run go.
func Plot(dir string, rows []measure.Row) error {
	old, err := filepath.Glob(filepath.Join(dir, "*.svg"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	for _, r := range rows {
		name := strings.ReplaceAll(r.Scenario, "/", "-") + ".svg"
		if err := plotRow(filepath.Join(dir, name), r); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// plotRow draws a bar for the floor and each subject, each under its name: the ratio with its quartiles, or the value
// where there is none.
func plotRow(path string, r measure.Row) error {
	all := append([]measure.Figure{r.Floor}, r.Subjects...)
	values, label := values(r)
	p := plot.New()
	p.Title.Text, p.X.Label.Text = r.Scenario, label
	p.HideY()
	var spread spreads
	names := plotter.XYLabels{}
	most, near := 0.0, values[0]
	for i, f := range all {
		at, v := float64(len(all)-1-i), values[i] // the first stands at the top
		bar, err := plotter.NewBarChart(plotter.Values{v}, vg.Points(9))
		if err != nil {
			return err
		}
		bar.Horizontal, bar.XMin, bar.LineStyle.Width = true, at, 0
		if bar.Color = othersColor; strings.HasPrefix(f.Name, ours) {
			bar.Color, near = oursColor, max(near, v)
		}
		p.Add(bar)
		most = max(most, v)
		if f.Err == "" && f.Ratio > 0 && v == f.Ratio {
			spread.add(v, at, f.Low, f.High)
			most = max(most, f.High)
		}
		names.XYs = append(names.XYs, plotter.XY{X: 0, Y: at})
		names.Labels = append(names.Labels, f.Name+": "+said(f, v))
	}
	bars, err := plotter.NewXErrorBars(spread)
	if err != nil {
		return err
	}
	texts, err := plotter.NewLabels(names)
	if err != nil {
		return err
	}
	texts.Offset = vg.Point{X: vg.Points(2), Y: vg.Points(7)}
	p.Add(bars, texts)
	if most > 4*near && near > 0 {
		most = 4 * near // bars that reach the edge go on beyond it; their number stands above them
	}
	p.X.Min, p.X.Max = 0, 1.05*max(most, math.SmallestNonzeroFloat32)
	p.Y.Min, p.Y.Max = -0.5, float64(len(all))-0.2
	return p.Save(16*vg.Centimeter, vg.Length(len(all))*1.0*vg.Centimeter+2*vg.Centimeter, path)
}

// ours is what the names of this library's figures begin with.
const ours = "tieredcache"

// values returns the ratios of the floor and the subjects; or their values, where one has no ratio.
func values(r measure.Row) ([]float64, string) {
	ratios, plain := []float64{1}, []float64{r.Floor.Value}
	whole := true
	for _, f := range r.Subjects {
		ratios, plain = append(ratios, f.Ratio), append(plain, f.Value)
		whole = whole && (f.Ratio > 0 || f.Err != "")
	}
	if whole {
		return ratios, fmt.Sprintf("times the floor's %s", r.Unit)
	}
	return plain, r.Unit
}

func said(f measure.Figure, v float64) string {
	if f.Err != "" {
		return "fails"
	}
	return measure.Short(v)
}

// spreads are quartiles around medians.
type spreads struct {
	plotter.XYs
	plotter.XErrors
}

func (s *spreads) add(x, y, low, high float64) {
	s.XYs = append(s.XYs, plotter.XY{X: x, Y: y})
	s.XErrors = append(s.XErrors, struct{ Low, High float64 }{low - x, high - x})
}
