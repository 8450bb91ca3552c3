package services

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j/config"
)

//go:embed neo4j/Neo4j.java
var launcher []byte

// Neo4jOptions says how [StartNeo4j] starts its server. The zero value starts an empty one.
type Neo4jOptions struct {
	// Dir is an existing folder for the server's data and its log. Empty: a new temporary one, which Stop removes.
	Dir string

	// Port is the loopback port of Bolt. Zero: a free one.
	Port int

	// Password of the user neo4j. Empty: a random one.
	Password string

	// remember is told of the process as soon as there is one. Nil: the server dies with this program.
	remember func(process) error
}

// Neo4j is a running Neo4j Community that belongs to one test. The caller ends it with Stop.
// One goroutine at a time may call its methods.
type Neo4j struct {
	// URI is for neo4j.NewDriverWithContext.
	URI string

	// User and Password are for neo4j.BasicAuth.
	User, Password string

	// Addr is host:port of Bolt.
	Addr string

	opt  Neo4jOptions
	temp bool
	proc process
}

// StartNeo4j starts a Neo4j and returns when Bolt answers: 10 s on a quiet machine, and more where its jars are not yet
// in the user's cache folder. It ends with Stop, or when this program dies; the end of ctx only ends the waiting.
// Where Java or Maven is missing they are installed as [Up] would.
func StartNeo4j(ctx context.Context, opt Neo4jOptions) (*Neo4j, error) {
	if opt.Password == "" {
		opt.Password = rand.Text()
	}
	n := &Neo4j{User: "neo4j", Password: opt.Password, opt: opt}
	if opt.Dir == "" {
		dir, err := os.MkdirTemp("", "tieredcache-neo4j-")
		if err != nil {
			return nil, fmt.Errorf("start Neo4j: %w", err)
		}
		n.opt.Dir, n.temp = dir, true
	}
	err := onFreePort(opt.Port, func(port int) error {
		n.opt.Port = port
		return n.start(ctx)
	})
	if err != nil {
		return nil, errors.Join(err, n.Stop())
	}
	return n, nil
}

func (n *Neo4j) start(ctx context.Context) error {
	k, err := prepareNeo4j(ctx)
	if err != nil {
		return fmt.Errorf("start Neo4j: %w", err)
	}
	var options []string
	if k.archive != "" {
		options = append(options, "-XX:SharedArchiveFile="+k.archive)
	}
	if n.opt.remember == nil { // it lives for one test: the slow compiler would never earn its time back
		options = append(options, "-XX:TieredStopAtLevel=1")
	}
	if err := os.Remove(n.log()); err != nil && !errors.Is(err, os.ErrNotExist) { // an old "ready" would deceive
		return fmt.Errorf("start Neo4j: %w", err)
	}
	l, err := k.launch(n.opt.Dir, n.opt.Port, n.Password, options...)
	if err != nil {
		return fmt.Errorf("start Neo4j: %w", err)
	}
	l.remember = n.opt.remember
	n.Addr = "127.0.0.1:" + strconv.Itoa(n.opt.Port)
	n.URI = "bolt://" + n.Addr
	if n.proc, err = l.start(); err != nil {
		return err
	}
	return awaitServer(ctx, "Neo4j", n.proc, n.log(), 3*time.Minute, func(ctx context.Context) error {
		// Bolt answers before the password is set, and a refused login slows down the next: so the line comes first.
		if !saysReady(n.log()) {
			return errors.New("not yet ready")
		}
		return checkNeo4j(ctx, n.URI, n.User, n.Password)
	})
}

// launch writes the launcher's source into dir and describes its start.
func (k kit) launch(dir string, port int, password string, options ...string) (launch, error) {
	source := filepath.Join(dir, "Neo4j.java")
	if err := os.WriteFile(source, launcher, 0o600); err != nil {
		return launch{}, err
	}
	args := append([]string{"-Xmx512m", "-XX:+UseSerialGC"}, options...)
	for _, pkg := range []string{"java.nio", "java.io", "sun.nio.ch", "java.util.concurrent", "java.lang"} {
		args = append(args, "--add-opens=java.base/"+pkg+"=ALL-UNNAMED")
	}
	args = append(args, "-cp", filepath.Join(k.lib, "*"), source, dir, strconv.Itoa(port))
	return launch{name: "java", path: k.java, args: args, stdin: password + "\n", dir: dir, log: filepath.Join(dir, "neo4j.log")}, nil
}

// saysReady reports whether the log holds the launcher's line.
func saysReady(log string) bool {
	data, err := os.ReadFile(log)
	return err == nil && bytes.Contains(append([]byte("\n"), data...), []byte("\nready\n"))
}

func (n *Neo4j) log() string { return filepath.Join(n.opt.Dir, "neo4j.log") }

// Kill ends the server with SIGKILL and returns when it is gone.
func (n *Neo4j) Kill() error { return n.proc.kill() }

// Pause freezes the server: it accepts connections and never answers. Resume goes on.
func (n *Neo4j) Pause() error { return n.proc.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (n *Neo4j) Resume() error { return n.proc.signal(syscall.SIGCONT) }

// Restart kills the server where it still runs and starts one on the same port, data and password. It returns when
// that answers.
func (n *Neo4j) Restart(ctx context.Context) error {
	if err := n.Kill(); err != nil {
		return err
	}
	return n.start(ctx)
}

// Stop kills the server and removes its temporary folder. A second Stop does nothing.
func (n *Neo4j) Stop() error {
	err := n.Kill()
	if n.temp {
		err = errors.Join(err, os.RemoveAll(n.opt.Dir))
	}
	return err
}

// checkNeo4j reports whether the server at uri lets the user in and answers a query. Its errors never hold the password.
func checkNeo4j(ctx context.Context, uri, user, password string) error {
	where, err := url.Parse(uri)
	if err != nil || where.Host == "" {
		return errors.New("not a Neo4j URI of the form bolt://host:port or neo4j://host:port")
	}
	if where.User != nil {
		return errors.New("a Neo4j URI holds no user and password: they go into NEO4J_USER and NEO4J_PASSWORD")
	}
	driver, err := neo4j.NewDriverWithContext(uri, neo4j.BasicAuth(user, password, ""), func(c *config.Config) {
		c.MaxTransactionRetryTime = 0
	})
	if err != nil {
		return fmt.Errorf("Neo4j at %s: %w", uri, err)
	}
	defer driver.Close(ctx)
	if err := driver.VerifyConnectivity(ctx); err != nil {
		return fmt.Errorf("no answer from Neo4j at %s: %w", uri, err)
	}
	return nil
}
