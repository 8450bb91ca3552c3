package l2_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/l2"
)

// saying returns a client of something that answers every MGET alike.
func saying(t *testing.T, reply string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{
		Addr: "canned", Protocol: 2, DisableIdentity: true, MaxRetries: -1, PoolSize: 1,
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go answer(theirs, reply)
			return ours, nil
		},
	})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// answer reads commands until the connection ends.
func answer(conn net.Conn, reply string) {
	defer func() { _ = conn.Close() }()
	number := func(r *bufio.Reader) int {
		line, _ := r.ReadString('\n')
		n, _ := strconv.Atoi(strings.TrimSpace(strings.TrimLeft(line, "*$")))
		return n
	}
	for r := bufio.NewReader(conn); ; {
		var words []string
		for range number(r) {
			word := make([]byte, number(r)+2)
			if _, err := io.ReadFull(r, word); err != nil {
				return
			}
			words = append(words, strings.TrimSpace(string(word)))
		}
		said := "-ERR unknown command\r\n"
		switch {
		case len(words) == 0:
			return
		case strings.EqualFold(words[0], "mget"):
			said = reply
		case strings.EqualFold(words[0], "ping"):
			said = "+PONG\r\n"
		}
		if _, err := io.WriteString(conn, said); err != nil {
			return
		}
	}
}

// Whatever answers an MGET, and be it no Redis, it is words or an error, and the connection is good for the next command.
func TestReplies(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1000)
	for reply, want := range map[string]string{
		"*2\r\n$-1\r\n$-1\r\n":                   "absent absent",
		"*2\r\n_\r\n$3\r\nxyz\r\n":               "absent garbage",
		"*2\r\n$0\r\n\r\n$2\r\n\r\n\r\n":         "garbage garbage",
		"*2\r\n$2\r\n*9\r\n$-1\r\n":              "garbage absent",
		"-LOADING Redis is loading\r\n":          "LOADING Redis is loading",
		"*1\r\n$-1\r\n":                          `MGET of 2 keys is answered "*1"`,
		"*3\r\n$-1\r\n$1\r\nx\r\n$-1\r\n":        `MGET of 2 keys is answered "*3"`,
		"*-1\r\n":                                `MGET of 2 keys is answered "*-1"`,
		"*0\r\n":                                 `MGET of 2 keys is answered "*0"`,
		"+OK\r\n":                                `MGET of 2 keys is answered "+OK"`,
		":2\r\n":                                 `MGET of 2 keys is answered ":2"`,
		"$1\r\nx\r\n":                            "MGET of 2 keys is answered with 1 words",
		"*2\r\n:5\r\n$-1\r\n":                    `MGET of 2 keys is answered ":5"`,
		"*2\r\n*2\r\n$-1\r\n$-1\r\n$-1\r\n":      `MGET of 2 keys is answered "*2"`,
		"*2\r\n-ERR one of them\r\n$-1\r\n":      "ERR one of them",
		"*2\r\n=5\r\ntxt:x\r\n$-1\r\n":           `MGET of 2 keys is answered "=5"`,
		"*2\r\n$9223372036854775807\r\n":         `MGET is answered "$9223372036854775807"`,
		"*2\r\n$1000\r\n" + long + "\r\n$-1\r\n": "garbage absent",
	} {
		t.Run(strconv.Quote(reply[:min(len(reply), 40)]), func(t *testing.T) {
			t.Parallel()
			c := saying(t, reply)
			s, err := l2.New(l2.Config[string]{Redis: c})
			must(t, s, err)
			words, err := s.GetMany(t.Context(), []l2.Entry{{Key: "a"}, {Key: "b"}}, 0)
			names := map[l2.Kind]string{l2.Absent: "absent", l2.Garbage: "garbage"}
			got := names[words.Word(0, 1).Kind] + " " + names[words.Word(1, 1).Kind]
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, want) {
				t.Errorf("got %s, want %s", got, want)
			}
			if redis.HasErrorPrefix(err, "LOADING") != strings.HasPrefix(want, "LOADING") {
				t.Errorf("%v: is it an error of Redis's?", err)
			}
			if err := c.Ping(t.Context()).Err(); err != nil {
				t.Errorf("the next command: %v", err)
			}
			lost := strings.HasPrefix(want, "MGET is") // what follows cannot be read
			if made := c.PoolStats().Misses; made != 1 && !lost {
				t.Errorf("%d connections were made", made)
			}
		})
	}
}
