package services

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// beganAt identifies the running process pid by the second in which it began. A zombie counts as ended.
func beganAt(pid int) (string, error) {
	out, err := exec.Command("ps", "-o", "state=,lstart=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return "", err
	}
	state, began, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if state == "" || state[0] == 'Z' {
		return "", os.ErrProcessDone
	}
	return strings.TrimSpace(began), nil
}

// dieWithParent does nothing: macOS has no such request. A killed test leaves its servers behind.
func dieWithParent(*syscall.SysProcAttr) {}
