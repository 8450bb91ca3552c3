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

// kit is what a Neo4j is started from.
type kit struct {
	java    string // the program
	lib     string // the folder with the jars
	archive string // of loaded classes; "" where this Java can make none
}

// prepareNeo4j returns the kit. The first call on a machine has Maven fetch 116 MB into the user's cache folder and makes
// the archive. Both appear under their names only when they are complete.
func prepareNeo4j(ctx context.Context) (k kit, err error) {
	if k.java, err = need(ctx, java); err != nil {
		return kit{}, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return kit{}, fmt.Errorf("no folder to keep Neo4j's jars in: %w", err)
	}
	var project struct {
		Version string `xml:"properties>neo4j.version"`
	}
	if err := xml.Unmarshal(pom, &project); err != nil {
		return kit{}, fmt.Errorf("neo4j/pom.xml: %w", err)
	}
	home := filepath.Join(cache, "tieredcache", "neo4j-"+project.Version)
	if err := os.MkdirAll(home, 0o755); err != nil {
		return kit{}, fmt.Errorf("folder for Neo4j's jars: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(home, "lock")) // another program may be at it
	if err != nil {
		return kit{}, err
	}
	defer unlock() //nolint:errcheck // closing frees the lock, whatever it returns
	k.lib = filepath.Join(home, "lib")
	if !present(k.lib) {
		if err := fetchJars(ctx, home, k.lib); err != nil {
			return kit{}, err
		}
	}
	k.archive, err = classArchive(ctx, home, k)
	return k, err
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
