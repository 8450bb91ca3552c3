package sample_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/benchmarks/sample"
	"github.com/tieredcache/tieredcache/l2"
)

var _ l2.Codec[sample.List] = sample.Codec{}

func TestHandWrittenCodecKeepsListsWhole(t *testing.T) {
	for _, want := range []sample.List{sample.Preferences(7), {}} {
		got, err := sample.Decode(sample.Encode(want))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	zoned := sample.Preferences(1)
	zoned[0].CreatedAt = zoned[0].CreatedAt.In(time.FixedZone("", 3600))
	got, err := sample.Decode(sample.Encode(zoned))
	if err != nil || got[0].CreatedAt.Format(time.RFC3339Nano) != zoned[0].CreatedAt.Format(time.RFC3339Nano) {
		t.Errorf("got %v, %v, want %v", got[0].CreatedAt, err, zoned[0].CreatedAt)
	}
}

func TestHandWrittenCodecRefusesDamage(t *testing.T) {
	whole := sample.Encode(sample.Preferences(1))
	for n := range whole {
		if _, err := sample.Decode(whole[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were decoded", n, len(whole))
		}
	}
	if _, err := sample.Decode(append(whole, 0)); err == nil {
		t.Error("a byte too many was decoded")
	}
}

// The floor is worth its name: one allocation to encode, three at most to decode, and less than JSON's half in size.
func TestHandWrittenCodecIsAFloor(t *testing.T) {
	list := sample.Preferences(1)
	encoded := sample.Encode(list)
	if got := testing.AllocsPerRun(100, func() { sample.Encode(list) }); got != 1 {
		t.Errorf("encode: %v allocations, want 1", got)
	}
	if got := testing.AllocsPerRun(100, func() { _, _ = sample.Decode(encoded) }); got > 3 {
		t.Errorf("decode: %v allocations, want at most 3", got)
	}
	text, err := json.Marshal(list)
	if err != nil || len(encoded) > len(text)/2 {
		t.Errorf("%d bytes, JSON %d, %v", len(encoded), len(text), err)
	}
	t.Logf("%d bytes, JSON %d", len(encoded), len(text))
}

func TestKeysDiffer(t *testing.T) {
	seen := map[string]bool{}
	for i := range 1000 {
		seen[sample.Text(i)] = true
		if p := sample.Preferences(i); p[0].User != sample.Key(i).User || len(p) != sample.Size {
			t.Fatalf("list %d is %v", i, p)
		}
	}
	if len(seen) != 1000 {
		t.Errorf("%d different keys of 1000", len(seen))
	}
}
