package services

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// errPortTaken says that somebody else took the port between its choice and the start.
var errPortTaken = errors.New("port is in use")

// onFreePort calls start with port or, where port is zero, with a free one, and again if somebody else is quicker.
func onFreePort(port int, start func(port int) error) error {
	if port != 0 {
		return start(port)
	}
	var err error
	for range 3 {
		if port, err = freePort(); err != nil {
			return err
		}
		if err = start(port); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return err
}

// awaitServer waits until check succeeds. It kills the server when its process ends, limit passes or ctx ends first;
// the error then holds the end of its log.
func awaitServer(ctx context.Context, name string, p process, log string, limit time.Duration, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not ready within %s", limit))
	defer cancel()
	last := errors.New("not yet ready")
	err := poll(ctx, func() (bool, error) {
		if !p.alive() {
			return false, errors.New("the process ended")
		}
		last = check(ctx)
		return last == nil, nil
	})
	if err == nil {
		return nil
	}
	end := tail(log)
	if strings.Contains(strings.ToLower(end), "address already in use") {
		err = errPortTaken
	}
	return errors.Join(fmt.Errorf("start %s: %w (last answer: %w); the end of its log:\n%s", name, err, last, end), p.kill())
}

// escape makes text fit for the user part of a URL.
func escape(text string) string { return strings.TrimPrefix(url.UserPassword("", text).String(), ":") }
