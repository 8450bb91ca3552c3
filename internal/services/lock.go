package services

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock takes the exclusive lock on the file at path, waiting for other programs, and returns the function that frees
// it. The kernel frees it too when this program dies.
func lock(ctx context.Context, path string) (unlock func() error, err error) {
	return flock(ctx, path, syscall.LOCK_EX)
}

func flock(ctx context.Context, path string, how int) (unlock func() error, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	err = poll(ctx, func() (bool, error) {
		switch err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB); {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK), errors.Is(err, syscall.EINTR):
			return false, nil
		default:
			return false, err
		}
	})
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return file.Close, nil
}
