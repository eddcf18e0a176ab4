package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// DefaultBase is the directory under which labs have their run directories.
const DefaultBase = "/run/isat-lab"

const (
	stateFile    = "state.json"
	stateVersion = 1
)

// state is what a lab remembers in its run directory. It is written before anything is made, so
// whatever exists of a lab is named in it.
type state struct {
	Version    int       `json:"version"`
	Name       string    `json:"name"`
	Created    time.Time `json:"created"`
	Complete   bool      `json:"complete"` // going up ended well
	Controller string    `json:"controller,omitempty"`
	Topology   Topology  `json:"topology"`
	Namespaces []string  `json:"namespaces"`
	Processes  []process `json:"processes"`
}

// process is a process with its start time, which tells it from a later one of the same id.
type process struct {
	Name  string `json:"name"`
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks after boot, proc_pid_stat(5) field 22
}

func (p process) alive() bool {
	start, err := startTime(p.PID)
	return err == nil && start == p.Start
}

// startTime returns the start time of a process that is not a zombie.
func startTime(pid int) (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The command, field 2, is in parentheses and may hold anything; the rest is plain.
	_, rest, ok := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
	f := strings.Fields(rest)
	if !ok || len(f) < 20 {
		return 0, fmt.Errorf("unexpected /proc/%d/stat", pid)
	}
	if f[0] == "Z" || f[0] == "X" {
		return 0, os.ErrProcessDone
	}
	return strconv.ParseUint(f[19], 10, 64)
}

func newProcess(name string, pid int) (process, error) {
	start, err := startTime(pid)
	if err != nil {
		return process{}, fmt.Errorf("look at %s: %w", name, err)
	}
	return process{Name: name, PID: pid, Start: start}, nil
}

// fault says what is broken about the lab, or nothing if it is whole.
func (s *state) fault() string {
	if !s.Complete {
		return "it was interrupted while going up"
	}
	for _, p := range s.Processes {
		if !p.alive() {
			return p.Name + " has ended"
		}
	}
	for _, ns := range s.Namespaces {
		if _, err := os.Stat(namespacePath(ns)); err != nil {
			return "namespace " + ns + " is gone"
		}
	}
	return ""
}

// save writes the state so that a crash leaves the old or the new one.
func (s *state) save(dir string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("save lab state: %w", err)
	}
	tmp := filepath.Join(dir, stateFile+".new")
	if err := os.WriteFile(tmp, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("save lab state: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(dir, stateFile)); err != nil {
		return fmt.Errorf("save lab state: %w", err)
	}
	return nil
}

// loadState reads a lab's state. A missing one is fs.ErrNotExist.
func loadState(dir string) (*state, error) {
	file := filepath.Join(dir, stateFile)
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read lab state: %w", err)
	}
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("read lab state %s: %w", file, err)
	}
	if s.Version != stateVersion {
		return nil, fmt.Errorf("read lab state %s: version %d, this isat knows %d", file, s.Version, stateVersion)
	}
	return &s, nil
}

// lockBase makes the directory of labs if need be and takes its lock, which every going up and
// down holds. It returns the function that releases it and drops the directory if it is empty.
func lockBase(base string) (release func(), err error) {
	for {
		if err := os.MkdirAll(base, 0o755); err != nil {
			return nil, fmt.Errorf("make directory of labs: %w", err)
		}
		dir, err := os.Open(base)
		if err != nil {
			return nil, fmt.Errorf("lock labs: %w", err)
		}
		for err = unix.EINTR; errors.Is(err, unix.EINTR); {
			err = unix.Flock(int(dir.Fd()), unix.LOCK_EX)
		}
		if err != nil {
			dir.Close()
			return nil, fmt.Errorf("lock labs: %w", err)
		}
		// Whoever held the lock before may have removed the directory that we hold now.
		held, err1 := dir.Stat()
		there, err2 := os.Stat(base)
		if err1 == nil && err2 == nil && os.SameFile(held, there) {
			return func() {
				_ = os.Remove(base) // only if it is empty, which is the point
				dir.Close()
			}, nil
		}
		dir.Close()
	}
}

// runDir returns the run directory of a lab.
func runDir(base, name string) string { return filepath.Join(base, name) }

// labNames returns the names of the labs that have a state file under base, sorted.
func labNames(base string) ([]string, error) {
	entries, err := os.ReadDir(base)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list labs: %w", err)
	}
	var names []string
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(base, e.Name(), stateFile)); err == nil && labName.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	return names, nil
}
