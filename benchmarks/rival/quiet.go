package rival

import (
	"github.com/redis/go-redis/v9/logging"
	"github.com/zeromicro/go-zero/core/logx"
)

// Quiet silences what rivals would write beside the results: go-zero its statistics, go-redis a line for each dial that
// fails.
func Quiet() {
	logx.Disable()
	logging.Disable()
}
