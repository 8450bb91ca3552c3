package services

import (
	"context"
	_ "embed"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed neo4j/pom.xml
var pom []byte

// jars returns the folder with Neo4j's jars, in the user's cache folder. The first call on a machine has Maven fetch
// them, 116 MB. The folder appears under its name only when it is complete.
func jars(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder to keep Neo4j's jars in: %w", err)
	}
	var project struct {
		Version string `xml:"properties>neo4j.version"`
	}
	if err := xml.Unmarshal(pom, &project); err != nil {
		return "", fmt.Errorf("neo4j/pom.xml: %w", err)
	}
	home := filepath.Join(cache, "tieredcache", "neo4j-"+project.Version)
	lib := filepath.Join(home, "lib")
	if present(lib) {
		return lib, nil
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", fmt.Errorf("folder for Neo4j's jars: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(home, "lock")) // another program may be fetching them
	if err != nil {
		return "", err
	}
	defer unlock() //nolint:errcheck // closing frees the lock, whatever it returns
	if present(lib) {
		return lib, nil
	}
	return lib, fetchJars(ctx, home, lib)
}

func fetchJars(ctx context.Context, home, lib string) error {
	mvn, err := need(ctx, maven)
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp(home, "fetch-")
	if err != nil {
		return fmt.Errorf("folder for Neo4j's jars: %w", err)
	}
	defer os.RemoveAll(temp)
	if err := os.WriteFile(filepath.Join(temp, "pom.xml"), pom, 0o600); err != nil {
		return fmt.Errorf("folder for Neo4j's jars: %w", err)
	}
	cmd := exec.CommandContext(ctx, mvn, "-B", "-q", "dependency:copy-dependencies", "-DoutputDirectory=lib", "-DincludeScope=runtime")
	cmd.Dir = temp
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fetch Neo4j's jars with %s: %w\n%s", mvn, errors.Join(err, context.Cause(ctx)), out)
	}
	if err := os.Rename(filepath.Join(temp, "lib"), lib); err != nil {
		return fmt.Errorf("fetch Neo4j's jars: %w", err)
	}
	return nil
}

func present(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
