package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
)

// countedDriver counts the reads of the source where they happen, and notes when a write was committed.
type countedDriver struct {
	neo4j.DriverWithContext
	reads atomic.Int64
	last  atomic.Pointer[time.Time]
}

func (d *countedDriver) committed() time.Time { return *d.last.Load() }

// NewSession returns a session of the driver.
func (d *countedDriver) NewSession(ctx context.Context, config neo4j.SessionConfig) neo4j.SessionWithContext {
	if config.AccessMode == neo4j.AccessModeRead {
		d.reads.Add(1)
	}
	return &timedSession{d.DriverWithContext.NewSession(ctx, config), d}
}

type timedSession struct {
	neo4j.SessionWithContext
	driver *countedDriver
}

// ExecuteWrite runs a managed transaction; it has been committed when it returns.
func (s *timedSession) ExecuteWrite(ctx context.Context, work neo4j.ManagedTransactionWork, configure ...func(*neo4j.TransactionConfig)) (any, error) {
	result, err := s.SessionWithContext.ExecuteWrite(ctx, work, configure...)
	now := time.Now()
	s.driver.last.Store(&now)
	return result, err
}
