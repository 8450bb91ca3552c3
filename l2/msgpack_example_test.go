package l2_test

import (
	"fmt"
	"math/big"

	"github.com/tieredcache/tieredcache/l2"
)

// A big.Int hides its digits, so its encoding has to be taught.
func ExampleExtend() {
	type account struct {
		Owner   string
		Balance big.Int
	}
	fmt.Println(l2.MessagePack[account]().Check())

	codec := l2.MessagePack[account](l2.Extend(1,
		func(dst []byte, v big.Int) ([]byte, error) { return v.Append(dst, 36), nil },
		func(src []byte) (v big.Int, err error) {
			if _, ok := v.SetString(string(src), 36); !ok {
				err = fmt.Errorf("%q is no number", src)
			}
			return v, err
		}))
	rich := account{Owner: "ada"}
	rich.Balance.Exp(big.NewInt(10), big.NewInt(30), nil)
	b, err := codec.Append(nil, rich)
	if err != nil {
		fmt.Println(err)
		return
	}
	back, err := codec.Decode(b)
	fmt.Println(&back.Balance, err)
	// Output:
	// MessagePack: account.Balance.neg: unexported field would be lost; export it or teach its struct with an Extension
	// 1000000000000000000000000000000 <nil>
}
