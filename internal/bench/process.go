package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// startTimeout is how long a controller may take until it is ready, and how
// long it may take to end.
const startTimeout = 20 * time.Second

// controller is a child process that fake switches connect to.
type controller struct {
	address string // HOST:PORT for switches
	api     string // URL; empty for the floor
	pid     int
	ended   <-chan struct{} // closed when it has ended, for isat
	stop    func() error
}

// isatFlags are those of an "isat run" whose log followIsat reads, on ports of
// loopback that are free.
func isatFlags() []string {
	return []string{"--listen", "tcp:127.0.0.1:0", "--api-listen", "127.0.0.1:0", "--log-format", "json"}
}

// startIsat starts "isat run", with more flags if need be.
func startIsat(ctx context.Context, program []string, flags ...string) (*controller, error) {
	return followIsat(child(ctx, program, slices.Concat([]string{"run"}, isatFlags(), flags)...))
}

// followIsat starts a command that is "isat run" with isatFlags, and waits until
// it listens.
func followIsat(cmd *exec.Cmd) (*controller, error) {
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("start isat run: %w", err)
	}
	wait, err := launch(cmd)
	if err != nil {
		return nil, fmt.Errorf("start isat run: %w", err)
	}
	ready, over := make(chan *controller, 1), make(chan struct{})
	var log logTail
	go func() {
		log.follow(stderr, ready)
		close(over)
	}()
	stop := func() error {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended already, which wait tells
		<-over
		return ended("isat run", wait(), &log)
	}
	select {
	case c := <-ready:
		if c == nil {
			return nil, stop()
		}
		c.pid, c.ended, c.stop = cmd.Process.Pid, over, stop
		return c, nil
	case <-time.After(startTimeout):
		return nil, errors.Join(fmt.Errorf("isat run is not ready after %v", startTimeout), stop())
	}
}

// startFloor starts the floor.
func startFloor(ctx context.Context, program []string) (*controller, error) {
	cmd := child(ctx, program, "bench", "floor")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the floor: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the floor: %w", err)
	}
	wait, err := launch(cmd)
	if err != nil {
		return nil, fmt.Errorf("start the floor: %w", err)
	}
	stop := func() error {
		stdin.Close()
		if err := wait(); err != nil {
			return fmt.Errorf("floor: %w: %s", err, strings.TrimSpace(stderr.String()))
		}
		return nil
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		if stopped := stop(); stopped != nil {
			return nil, stopped
		}
		return nil, fmt.Errorf("floor does not say where it listens: %w", err)
	}
	return &controller{address: strings.TrimSpace(line), pid: cmd.Process.Pid, stop: stop}, nil
}

// child is a command that ends when the context does.
func child(ctx context.Context, program []string, args ...string) *exec.Cmd {
	return asChild(exec.CommandContext(ctx, program[0], append(program[1:len(program):len(program)], args...)...))
}

// asChild makes a command of a context end in order when the context or this
// process does.
func asChild(cmd *exec.Cmd) *exec.Cmd {
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = startTimeout
	// Not even a bench that is killed leaves a controller behind.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	return cmd
}

// launch starts a command of asChild. The kernel sends the signal of a parent's
// death when the thread ends that started the child, so that one is kept until
// wait has been called, which is to be done once.
func launch(cmd *exec.Cmd) (wait func() error, err error) {
	started, release := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			<-release
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return func() error {
		defer close(release)
		return cmd.Wait()
	}, nil
}

// logTail keeps the last line of a log, which says why its process ended.
type logTail struct{ last string }

// follow reads a log in JSON to its end. The line that says that isat is ready
// has its addresses; without such a line it sends nil.
func (l *logTail) follow(r io.Reader, ready chan<- *controller) {
	said := false
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		l.last = lines.Text()
		var line struct {
			Msg      string   `json:"msg"`
			Switches []string `json:"switches"`
			API      string   `json:"api"`
		}
		if !said && json.Unmarshal(lines.Bytes(), &line) == nil && line.API != "" && len(line.Switches) == 1 {
			said = true
			ready <- &controller{address: strings.TrimPrefix(line.Switches[0], "tcp:"), api: line.API}
		}
	}
	_, _ = io.Copy(io.Discard, r) // after a line too long for the scanner; the process must not block on its log
	if !said {
		ready <- nil
	}
}

func ended(what string, err error, log *logTail) error {
	if err != nil {
		return fmt.Errorf("%s: %w: %s", what, err, log.last)
	}
	return nil
}

// cpuTime is what a process has used of the processors, user and system.
func cpuTime(pid int) (time.Duration, error) {
	// The clock of another process, as clock_getcpuclockid(3) makes it.
	const schedulerClock = 2
	clock := int32(^pid<<3 | schedulerClock)
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, fmt.Errorf("read the processor time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// onOneProcessor keeps every thread of a process on one processor, or, with a
// negative one, lets them run on all again. Threads that come later inherit it.
func onOneProcessor(pid, processor int) error {
	var set unix.CPUSet
	for n := range runtime.NumCPU() {
		if processor < 0 || n == processor {
			set.Set(n)
		}
	}
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return fmt.Errorf("bind process %d to processors: %w", pid, err)
	}
	for _, task := range tasks {
		id, err := strconv.Atoi(task.Name())
		if err != nil {
			continue
		}
		// A thread may have ended meanwhile.
		if err := unix.SchedSetaffinity(id, &set); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("bind process %d to processors: %w", pid, err)
		}
	}
	return nil
}

// peakMemory is the most that a process had resident, in bytes.
func peakMemory(pid int) (uint64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	for line := range strings.Lines(string(data)) {
		if kib, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kib), "kB")), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("read the memory of process %d: no VmHWM in its status", pid)
}
