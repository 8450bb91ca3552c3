package main

import "syscall"

// dieWithParent has the kernel kill the child when the thread that started it ends.
func dieWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGKILL }
