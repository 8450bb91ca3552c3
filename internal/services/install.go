package services

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// tool is a program that a service needs.
type tool struct {
	program string
	pkg     string                                       // Debian's package
	check   func(ctx context.Context, path string) error // nil: being there is enough
}

var (
	redisServer = tool{program: "redis-server", pkg: "redis-server"}
	java        = tool{program: "java", pkg: "default-jdk-headless", check: checkJava}
	maven       = tool{program: "mvn", pkg: "maven"}
)

// installing holds back a second apt-get of this program; dpkg has a lock for other programs.
var installing sync.Mutex

// need returns the path of a program. Root on a Debian system gets it installed where it is missing;
// everybody else gets an error with the command to run.
func need(ctx context.Context, t tool) (string, error) {
	path, missing := t.find(ctx)
	if missing == nil {
		return path, nil
	}
	command := "apt-get update && apt-get install -y --no-install-recommends " + t.pkg
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "", fmt.Errorf("%w: install it (Debian's package is %s)", missing, t.pkg)
	}
	if os.Geteuid() != 0 {
		return "", fmt.Errorf("%w: install the package %s: sudo sh -c '%s'", missing, t.pkg, command)
	}
	installing.Lock()
	defer installing.Unlock()
	if path, err := t.find(ctx); err == nil { // somebody else was quicker
		return path, nil
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w, and %q failed: %w\n%s", missing, command, err, out)
	}
	return t.find(ctx)
}

func (t tool) find(ctx context.Context) (string, error) {
	path, err := exec.LookPath(t.program)
	if err != nil {
		return "", fmt.Errorf("%s is missing", t.program)
	}
	if t.check != nil {
		if err := t.check(ctx, path); err != nil {
			return "", err
		}
	}
	return path, nil
}

// checkJava asks for what Neo4j 5.26 and the launching of its one source file need: Java 17 or later, with a compiler.
func checkJava(ctx context.Context, path string) error {
	out, err := exec.CommandContext(ctx, path, "-XshowSettings:properties", "-version").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s -version: %w", path, err)
	}
	setting := func(name string) string {
		_, rest, _ := strings.Cut(string(out), " "+name+" = ")
		value, _, _ := strings.Cut(rest, "\n")
		return strings.TrimSpace(value)
	}
	version := setting("java.specification.version")
	if major, err := strconv.Atoi(version); err != nil || major < 17 {
		return fmt.Errorf("java is version %q and Neo4j needs 17 or later", version)
	}
	if !present(filepath.Join(setting("java.home"), "bin", "javac")) {
		return errors.New("java is a runtime without a compiler and Neo4j's launcher needs a JDK")
	}
	return nil
}
