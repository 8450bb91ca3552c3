package services

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// state is what a checkout remembers of the services that it started. Who reads or writes it holds its lock.
type state struct {
	// Keep is true once somebody asked for the services with Up. Else the last Run to end stops them.
	Keep bool `json:"keep"`

	// Services holds each started service under its name.
	Services map[string]instance `json:"services"`

	path string
	mu   sync.Mutex // the services of one checkout are started at the same time
}

func loadState(path string) (*state, error) {
	s := &state{Services: map[string]instance{}, path: path}
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(data, s)
	}
	if err != nil {
		return nil, fmt.Errorf("remembered services: %w", err)
	}
	return s, nil
}

func (s *state) put(name string, i instance) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Services[name] = i
	return s.save()
}

func (s *state) remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.Services, name)
	return s.save()
}

// save replaces the file as a whole, so that a kill in the middle leaves the old one. No service: no file.
func (s *state) save() error {
	if len(s.Services) == 0 {
		if err := os.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("forget services: %w", err)
		}
		return nil
	}
	data, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return fmt.Errorf("remember services: %w", err)
	}
	temp := filepath.Join(filepath.Dir(s.path), "state.new")
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		return fmt.Errorf("remember services: %w", err)
	}
	if err := os.Rename(temp, s.path); err != nil {
		return fmt.Errorf("remember services: %w", err)
	}
	return nil
}
