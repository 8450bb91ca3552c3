package services

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// classArchive returns the file that holds Neo4j's classes as Java keeps them in memory (class data sharing). A start
// that maps it takes less than half the processor time of one that loads 20,000 classes from 213 jars. It is made by one
// start that ends cleanly. It fits one build of Java, which its name identifies; an empty file says that this Java can
// make none, so that nobody tries again.
func classArchive(ctx context.Context, home string, k kit) (string, error) {
	build, err := javaBuild(k.java)
	if err != nil {
		return "", nil // an unusual Java starts without an archive
	}
	archive := filepath.Join(home, "classes-"+build+".jsa")
	if info, err := os.Stat(archive); err == nil {
		if info.Size() == 0 {
			return "", nil
		}
		return archive, nil
	}
	dir, err := os.MkdirTemp(home, "archive-")
	if err != nil {
		return "", fmt.Errorf("archive Neo4j's classes: %w", err)
	}
	defer os.RemoveAll(dir)
	made := filepath.Join(dir, "classes.jsa")
	if err := dumpClasses(ctx, dir, k, made); err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("archive Neo4j's classes: %w", err)
		}
		return "", os.WriteFile(archive, nil, 0o600)
	}
	if err := os.Rename(made, archive); err != nil {
		return "", fmt.Errorf("archive Neo4j's classes: %w", err)
	}
	return archive, nil
}

// dumpClasses starts a Neo4j in dir and ends it by SIGTERM, on which Java writes the archive.
func dumpClasses(ctx context.Context, dir string, k kit, archive string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	l, err := k.launch(dir, port, rand.Text(), "-XX:TieredStopAtLevel=1", "-XX:ArchiveClassesAtExit="+archive)
	if err != nil {
		return err
	}
	p, err := l.start()
	if err != nil {
		return err
	}
	err = awaitServer(ctx, "Neo4j", p, l.log, 3*time.Minute, func(context.Context) error {
		if !saysReady(l.log) {
			return errors.New("not yet ready")
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if err := poll(ctx, func() (bool, error) { return !p.alive(), nil }); err != nil {
		return errors.Join(err, p.kill())
	}
	if !present(archive) {
		return errors.New("java wrote no archive")
	}
	return nil
}

// javaBuild identifies the Java at path by its class library, which every release replaces.
func javaBuild(path string) (string, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	modules := filepath.Join(filepath.Dir(filepath.Dir(path)), "lib", "modules")
	info, err := os.Stat(modules)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", modules, info.Size(), info.ModTime().UnixNano()))
	return fmt.Sprintf("%x", sum[:6]), nil
}
