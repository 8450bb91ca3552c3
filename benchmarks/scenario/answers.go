package scenario

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/rival"
	"github.com/tieredcache/tieredcache/benchmarks/source"
)

// answers compares what each rival answers with what the source gave it, to the last field: from Redis, by an instance
// that has not read it before, and then from memory. The zone of a time is a part of it.
func answers(ctx context.Context, env Env, _ measure.Options) ([]measure.Row, error) {
	n := pick(env, 100, 100, 10)
	return onStand(ctx, func(s *stand) ([]measure.Row, error) {
		row := measure.Row{Scenario: "answers", Unit: fmt.Sprintf("lists of %d that are not what the source gave", n), Floor: exactly("none", 0)}
		for _, r := range rivals(env, 0) {
			f, err := s.answer(ctx, r, n)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if f.Name = r.Name; err != nil {
				f.Err = err.Error()
			}
			row.Subjects = append(row.Subjects, f)
		}
		return []measure.Row{row}, nil
	})
}

func (s *stand) answer(ctx context.Context, r rival.Rival, n int) (f measure.Figure, err error) {
	on := s
	if !r.Tiers.Has(rival.Redis) {
		on = nil
	}
	j := on.subject(r, 2*n)
	keys := source.Keys(j.prefix, n)
	if on != nil {
		if err := s.fill(ctx, j, keys); err != nil {
			return f, err
		}
	}
	if err := j.open(ctx); err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	wrong := map[string]bool{}
	for range 3 { // from Redis or the source first, then from memory
		for _, k := range keys {
			got, err := j.cache.Get(ctx, k)
			if err != nil {
				return f, err
			}
			want, err := j.source.Now(k)
			if err != nil {
				return f, err
			}
			switch {
			case reflect.DeepEqual(got, want):
				continue
			case source.Same(got, want):
				f.Note = fmt.Sprintf("%v came back as %v: the same instant, in another location", want[0].CreatedAt, got[0].CreatedAt)
			default:
				f.Note = fmt.Sprintf("%+v came back as %+v", want, got)
			}
			wrong[k] = true
		}
	}
	f.Value = float64(len(wrong))
	return f, nil
}
