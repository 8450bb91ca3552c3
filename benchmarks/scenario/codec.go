package scenario

import (
	"context"
	"fmt"
	"reflect"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/sample"
	"github.com/tieredcache/tieredcache/l2"
	"github.com/tieredcache/tieredcache/neo4jstore"
)

// codecs measures what a value costs on its way to Redis and back, against a codec written by hand for its type.
func codecs(ctx context.Context, _ Env, o measure.Options) ([]measure.Row, error) {
	list := sample.Preferences(1)
	floor, err := codecOps("hand-written", sample.Codec{}, list)
	if err != nil {
		return nil, err
	}
	var others []codecOf
	for _, c := range []struct {
		name  string
		codec l2.Codec[sample.List]
	}{
		{ours + ", preference store", storeCodec()},
		{ours + ", MessagePack", l2.MessagePack[sample.List]()},
		{ours + ", JSON", l2.JSON[sample.List]()},
	} {
		ops, err := codecOps(c.name, c.codec, list)
		if err != nil {
			return nil, err
		}
		others = append(others, ops)
	}
	var rows []measure.Row
	for i, what := range []string{"encode", "decode", "both"} {
		var subjects []measure.Op
		for _, c := range others {
			subjects = append(subjects, c[i])
		}
		row, err := measure.Paired(ctx, o, floor[i], subjects...)
		if err != nil {
			return rows, err
		}
		row.Scenario = "codec/" + what
		rows = append(rows, row)
	}
	return rows, nil
}

// storeCodec is what neo4jstore.PreferenceStore encodes lists with.
func storeCodec() l2.Codec[sample.List] { return neo4jstore.Codec[sample.List]() }

// codecOf is encode, decode, and one after the other.
type codecOf [3]measure.Op

func codecOps(name string, codec l2.Codec[sample.List], list sample.List) (codecOf, error) {
	encoded, err := codec.Append(nil, list)
	if err != nil {
		return codecOf{}, fmt.Errorf("%s: %w", name, err)
	}
	if back, err := codec.Decode(encoded); err != nil || !reflect.DeepEqual(back, list) {
		return codecOf{}, fmt.Errorf("%s: another list came back: %w", name, err)
	}
	encode := func(context.Context, int) error {
		// Into a slice that is large enough: what growing one costs is no codec's.
		b, err := codec.Append(make([]byte, 0, len(encoded)), list)
		if err == nil && len(b) != len(encoded) {
			err = fmt.Errorf("%d bytes, want %d", len(b), len(encoded))
		}
		return err
	}
	decode := func(context.Context, int) error {
		got, err := codec.Decode(encoded)
		if err == nil && len(got) != len(list) {
			err = fmt.Errorf("%d preferences, want %d", len(got), len(list))
		}
		return err
	}
	both := func(ctx context.Context, i int) error {
		if err := encode(ctx, i); err != nil {
			return err
		}
		return decode(ctx, i)
	}
	note := fmt.Sprintf("%d B", len(encoded))
	return codecOf{
		{Name: name, Run: repeat(encode), Note: note},
		{Name: name, Run: repeat(decode), Note: note},
		{Name: name, Run: repeat(both), Note: note},
	}, nil
}
