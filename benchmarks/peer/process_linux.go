package peer

import "syscall"

// dieWithParent has the kernel kill a peer when the benchmark ends.
func dieWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGKILL }
