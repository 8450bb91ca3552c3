//go:build !linux

package main

import "syscall"

// dieWithParent: here the end of the standard input alone says that the parent has ended.
func dieWithParent(*syscall.SysProcAttr) {}
