// Command benchmarks measures this library beside its rivals and beside bare floors, in turn, on a real Redis and a real
// Neo4j, and says which goals are met. From the root of a checkout:
//
//	make bench         all of it, into results/ and the README: under 30 minutes
//	make bench-quick   a first impression, into a folder of its own: under 5 minutes
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"github.com/tieredcache/tieredcache/benchmarks/goals"
	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/peer"
	"github.com/tieredcache/tieredcache/benchmarks/report"
	"github.com/tieredcache/tieredcache/benchmarks/scenario"
)

//go:embed goals.json
var goalsText []byte

//go:embed go.mod
var gomod string

// options are the flags.
type options struct {
	quick       bool
	render      bool
	run         *regexp.Regexp
	out, readme string
	measure     measure.Options
}

func main() {
	peer.Main() // where this is a process of a scenario, it ends here
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse() (options, error) {
	var o options
	pattern := flag.String("run", "", "only the scenarios whose ID matches this `regexp`")
	flag.BoolVar(&o.quick, "quick", false, "a first impression: short slices, few entries")
	flag.BoolVar(&o.render, "render", false, "measure nothing: draw and judge what -o holds")
	flag.StringVar(&o.out, "o", "", "the `folder` for results and plots (default: a new temporary one)")
	flag.StringVar(&o.readme, "readme", "", "the `file` whose table is to be filled")
	flag.Parse()
	var err error
	switch o.run, err = regexp.Compile(*pattern); {
	case err != nil:
		return o, fmt.Errorf("-run: %w", err)
	case o.readme != "" && (o.quick || *pattern != ""):
		return o, errors.New("-readme: the table is filled by whole runs alone, without -quick and -run")
	case o.render && (o.out == "" || o.quick || *pattern != ""):
		return o, errors.New("-render: give -o, the folder of a run, and neither -quick nor -run")
	case flag.NArg() > 0:
		return o, fmt.Errorf("%q: no arguments are known", flag.Arg(0))
	}
	o.measure = measure.Options{Rounds: 31, Time: 50 * time.Millisecond}
	if o.quick {
		o.measure = measure.Options{Rounds: 9, Time: 20 * time.Millisecond}
	}
	if o.out == "" {
		o.out, err = os.MkdirTemp("", "tieredcache-bench-")
	}
	return o, err
}

func run() error {
	o, err := parse()
	if err != nil {
		return err
	}
	all, err := goals.Parse(goalsText)
	if err != nil {
		return err
	}
	if o.render {
		return publish(o, all)
	}
	env, err := scenario.NewEnv(os.Getenv)
	if err != nil {
		return err
	}
	env.Quick = o.quick
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command := "make bench"
	if o.quick {
		command = "make bench-quick"
	}
	about, err := report.Describe(ctx, env, command, gomod)
	if err != nil {
		return err
	}
	fmt.Printf("%s, %d cores, Go %s, Redis %s, Neo4j %s\n", about.CPU, about.Cores, about.Go, about.Redis, about.Neo4j)
	results, failed := measureAll(ctx, env, o)
	if ctx.Err() != nil {
		return errors.New("interrupted: nothing was written")
	}
	if err := report.Write(o.out, about, results); err != nil {
		return errors.Join(err, failed)
	}
	return errors.Join(publish(o, all), failed)
}

// scenarioTime is the longest that one scenario may take.
const scenarioTime = 10 * time.Minute

// measureAll runs the scenarios one after the other. One that fails is a result, and the others go on.
func measureAll(ctx context.Context, env scenario.Env, o options) (results []report.Result, failed error) {
	begin := time.Now()
	for _, s := range scenario.All() {
		if !o.run.MatchString(s.ID) || ctx.Err() != nil {
			continue
		}
		fmt.Printf("\n== %s (%s, after %v)\n", s.Title, s.ID, time.Since(begin).Round(time.Second))
		limited, cancel := context.WithTimeout(ctx, scenarioTime)
		rows, err := s.Run(limited, env, o.measure)
		cancel()
		report.Print(os.Stdout, rows)
		r := report.Result{ID: s.ID, Title: s.Title, Rows: rows}
		if err != nil {
			r.Err = err.Error()
			err = fmt.Errorf("%s: %w", s.ID, err)
			fmt.Println("FAILS:", err)
			failed = errors.Join(failed, err)
		}
		results = append(results, r)
	}
	return results, failed
}

// publish shows what was written.
func publish(o options, all []goals.Goal) error {
	about, results, err := report.Read(o.out)
	if err != nil {
		return err
	}
	rows := report.Rows(results)
	if err := report.Plot(o.out, rows); err != nil {
		return err
	}
	table := report.Table(about, results, all)
	if o.readme == "" {
		fmt.Printf("\n%s", table)
	} else if err := fill(o.readme, table); err != nil {
		return err
	}
	fmt.Printf("\nresults and plots: %s\n%s", filepath.Clean(o.out), goals.Summary(goals.Judge(all, rows)))
	return nil
}

func fill(path, table string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	filled, err := report.Fill(string(text), table)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return os.WriteFile(path, []byte(filled), 0o644) //nolint:gosec // a document for everybody to read
}
