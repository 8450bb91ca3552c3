package tiered

import (
	"sync/atomic"

	"github.com/tieredcache/tieredcache/l2"
)

// odds guess whether Redis has what is looked for, from the last looks: a cold cache, a scan, or keys that are read once.
// A wrong guess costs time alone. Updates may be lost.
type odds struct{ of atomic.Int32 } // 0, all were there, to certain

const (
	certain = 1 << 10
	looks   = 8
)

func (o *odds) saw(k l2.Kind, err error) {
	was := o.of.Load()
	is := was - was/looks
	switch {
	case err != nil:
		is = 0 // a Redis that refuses to write may answer those who read
	case k == l2.Absent:
		is = was + (certain-was)/looks
	}
	if is != was {
		o.of.Store(is)
	}
}

// absent says that at least half of the last looks found nothing.
func (o *odds) absent() bool { return o.of.Load() >= certain/2 }
