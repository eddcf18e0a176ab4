package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// netnsDir is where iproute2 keeps named network namespaces (ip-netns(8)).
const netnsDir = "/run/netns"

// namespacePrefix starts the name of every namespace of every lab.
const namespacePrefix = "isat-"

// namespaceName returns the namespace of a lab's member. Members have no dash in their names, so
// the last dash divides the two.
func namespaceName(lab, member string) string { return namespacePrefix + lab + "-" + member }

func namespacePath(name string) string { return filepath.Join(netnsDir, name) }

// namespacesOf returns the names of the namespaces that a lab of that name has, found on the
// machine and not from memory.
func namespacesOf(lab string) ([]string, error) {
	entries, err := os.ReadDir(netnsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list namespaces: %w", err)
	}
	var names []string
	for _, e := range entries {
		i := strings.LastIndexByte(e.Name(), '-')
		if i > 0 && e.Name()[:i] == namespacePrefix+lab {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// addNamespace makes a namespace with its loopback up. It goes through ip(8), which also arranges
// mount propagation so that the name goes away for every process when the namespace is removed.
func addNamespace(ctx context.Context, name string) error {
	if _, err := run(ctx, nil, "ip", "netns", "add", name); err != nil {
		return fmt.Errorf("add namespace %s: %w", name, err)
	}
	if _, err := run(ctx, nil, "ip", "-n", name, "link", "set", "lo", "up"); err != nil {
		return fmt.Errorf("bring up loopback of namespace %s: %w", name, err)
	}
	return nil
}

// removeNamespace removes the name; the kernel ends the namespace with its last process or socket.
func removeNamespace(name string) error {
	if _, err := run(context.Background(), nil, "ip", "netns", "del", name); err != nil {
		if _, gone := os.Lstat(namespacePath(name)); errors.Is(gone, fs.ErrNotExist) {
			return nil
		}
		// A name without a namespace: the machine was restarted, or it was left half made.
		if rm := os.Remove(namespacePath(name)); rm == nil {
			return nil
		}
		return fmt.Errorf("remove namespace %s: %w", name, err)
	}
	return nil
}

// inNamespace runs f on a thread that is in the named namespace. Sockets that f opens and processes
// that it starts stay there.
func inNamespace(name string, f func() error) error {
	file, err := os.Open(namespacePath(name))
	if err != nil {
		return fmt.Errorf("enter namespace %s: %w", name, err)
	}
	defer file.Close()
	if err := onNamespaceThread(int(file.Fd()), f); err != nil {
		return fmt.Errorf("in namespace %s: %w", name, err)
	}
	return nil
}

// onNamespaceThread runs f on a thread of its own in the namespace that fd refers to. The thread is
// given back to the runtime only if it found its way home; otherwise it ends with its goroutine.
func onNamespaceThread(fd int, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			done <- err
			return
		}
		defer home.Close()
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("setns: %w", err)
			return
		}
		err = f()
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

// namespaceID identifies a namespace on this machine.
type namespaceID struct{ dev, ino uint64 }

func namespaceIDOf(path string) (namespaceID, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return namespaceID{}, fmt.Errorf("stat %s: %w", path, err)
	}
	return namespaceID{st.Dev, st.Ino}, nil
}

// processesIn returns the processes whose network namespace is one of these, without this one.
func processesIn(ids map[namespaceID]bool) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if id, err := namespaceIDOf(fmt.Sprintf("/proc/%d/ns/net", pid)); err == nil && ids[id] {
			pids = append(pids, pid)
		}
	}
	return pids
}

const (
	termGrace = 2 * time.Second // between SIGTERM and SIGKILL
	killGrace = 5 * time.Second // for the kernel to end a killed process
	killRound = 8               // rounds of looking for what the ended ones had started meanwhile
)

// endProcessesIn ends every process in these namespaces: first by SIGTERM, then by SIGKILL.
func endProcessesIn(names []string) error {
	ids := map[namespaceID]bool{}
	for _, name := range names {
		if id, err := namespaceIDOf(namespacePath(name)); err == nil {
			ids[id] = true
		}
	}
	// A name that is a plain file (its namespace is gone) has the identity of that file, which no
	// process's namespace has.
	for range killRound {
		pids := processesIn(ids)
		if len(pids) == 0 {
			return nil
		}
		endProcesses(pids, ids)
	}
	if left := processesIn(ids); len(left) > 0 {
		return fmt.Errorf("processes %v in the lab's namespaces can't be ended", left)
	}
	return nil
}

// endProcesses ends these processes as long as they are in one of the namespaces. A pidfd keeps the
// identity: a process id that was reused meanwhile is somebody else's.
func endProcesses(pids []int, ids map[namespaceID]bool) {
	var fds []int
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue
		}
		if id, err := namespaceIDOf(fmt.Sprintf("/proc/%d/ns/net", pid)); err != nil || !ids[id] {
			unix.Close(fd)
			continue
		}
		fds = append(fds, fd)
	}
	for _, fd := range fds {
		defer unix.Close(fd)
	}
	signalAll(fds, unix.SIGTERM)
	rest := waitEnded(fds, termGrace)
	signalAll(rest, unix.SIGKILL)
	waitEnded(rest, killGrace)
}

func signalAll(fds []int, sig unix.Signal) {
	for _, fd := range fds {
		// ESRCH: it has ended already, which is what was wanted.
		_ = unix.PidfdSendSignal(fd, sig, nil, 0)
	}
}

// waitEnded waits until the processes have ended and returns those that have not in time.
func waitEnded(fds []int, limit time.Duration) []int {
	deadline := time.Now().Add(limit)
	for len(fds) > 0 {
		left := time.Until(deadline)
		if left <= 0 {
			return fds
		}
		polls := make([]unix.PollFd, len(fds))
		for i, fd := range fds {
			polls[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
		}
		if _, err := unix.Poll(polls, int(left.Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
			return fds
		}
		var rest []int
		for i, p := range polls {
			if p.Revents == 0 {
				rest = append(rest, fds[i])
			}
		}
		fds = rest
	}
	return nil
}
