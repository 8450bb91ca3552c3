package contract

import "syscall"

// dieWithParent has the kernel kill a replica when the test ends, also one that is frozen.
func dieWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGKILL }
