package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/isat-sdn/isat/internal/lab"
)

const (
	readyTime = 20 * time.Second // for the controller to listen
	endTime   = 10 * time.Second // for it to end after it was told to
)

// record is what is written of a controller, so that another process can end it.
type record struct {
	PID    int    `json:"pid"`
	Listen string `json:"listen"` // where switches connect
	API    string `json:"api"`
}

// controller is a running "isat run" of the demo's own.
type controller struct {
	record
	file string // of the record
	log  string
	done chan struct{} // closed when it has ended, if this process started it
}

func recordFile(base, name string) string { return filepath.Join(base, name+".controller.json") }
func logFile(base, name string) string    { return filepath.Join(base, name+".controller.log") }

// startController runs a controller on free ports of the loopback interface. If
// it is not to be kept it ends with this process, whatever becomes of that.
func startController(ctx context.Context, self, base, name string, keep bool) (*controller, error) {
	if err := os.MkdirAll(base, 0o755); err != nil {
		return nil, fmt.Errorf("start isat: %w", err)
	}
	c := &controller{file: recordFile(base, name), log: logFile(base, name), done: make(chan struct{})}
	log, err := os.Create(c.log)
	if err != nil {
		return nil, fmt.Errorf("start isat: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(self, "run", "--listen", "tcp:127.0.0.1:0", "--api-listen", "127.0.0.1:0", "--log-format", "json")
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a Ctrl-C is for the demo, which ends it in order
	if !keep {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
	}
	started := make(chan error, 1)
	go func() {
		defer close(c.done)
		// The death signal comes when the thread that started the process ends.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start isat: %w", err)
	}
	c.PID = cmd.Process.Pid
	if err := c.waitReady(ctx); err != nil {
		return nil, errors.Join(err, c.end())
	}
	text, err := json.Marshal(c.record)
	if err == nil {
		err = os.WriteFile(c.file, append(text, '\n'), 0o644)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start isat: %w", err), c.end())
	}
	return c, nil
}

// waitReady reads from the log where the controller listens.
func (c *controller) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	return lab.WaitFor(ctx, "isat to listen", func() (bool, error) {
		select {
		case <-c.done:
			return false, fmt.Errorf("isat ended: %s", c.lastLine())
		default:
		}
		text, err := os.ReadFile(c.log)
		if err != nil {
			return false, err
		}
		for line := range bytes.Lines(text) {
			var entry struct {
				Msg      string   `json:"msg"`
				Switches []string `json:"switches"`
				API      string   `json:"api"`
			}
			if json.Unmarshal(line, &entry) == nil && len(entry.Switches) == 1 && entry.API != "" {
				c.Listen, c.API = entry.Switches[0], entry.API
				return true, nil
			}
		}
		return false, nil
	})
}

// lastLine is the end of the log.
func (c *controller) lastLine() string {
	text, err := os.ReadFile(c.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// warnings are the lines of the log that are warnings or worse.
func (c *controller) warnings() (list []string) {
	f, err := os.Open(c.log)
	if err != nil {
		return []string{err.Error()}
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if !strings.Contains(lines.Text(), `"level":"INFO"`) {
			list = append(list, lines.Text())
		}
	}
	return list
}

// end ends the controller and removes what is written of it.
func (c *controller) end() error {
	err := endProcess(c.PID, c.done)
	for _, file := range []string{c.file, c.log} {
		if e := os.Remove(file); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	_ = os.Remove(filepath.Dir(c.file)) // only if it is empty, which is the point
	return err
}

// endProcess asks a process to end, and after a while makes it. done is closed
// when it has ended, or nil if it is no child of this process.
func endProcess(pid int, done <-chan struct{}) error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := syscall.Kill(pid, signal); err != nil {
			if errors.Is(err, syscall.ESRCH) {
				return nil
			}
			return fmt.Errorf("end isat, process %d: %w", pid, err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), endTime)
		err := lab.WaitFor(ctx, "isat to end", func() (bool, error) {
			if done != nil {
				select {
				case <-done:
					return true, nil
				default:
					return false, nil
				}
			}
			return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH), nil
		})
		cancel()
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("end isat: process %d does not end", pid)
}

// readRecord finds the controller that a demo left running. ok is false if
// there is none; a record whose process is gone is removed.
func readRecord(base, name string) (c *controller, ok bool, err error) {
	c = &controller{file: recordFile(base, name), log: logFile(base, name)}
	text, err := os.ReadFile(c.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read what was started: %w", err)
	}
	if err := json.Unmarshal(text, &c.record); err != nil {
		return nil, false, fmt.Errorf("read %s: %w", c.file, err)
	}
	if !runsController(c.PID, c.log) {
		return nil, false, errors.Join(os.Remove(c.file), os.Remove(c.log))
	}
	return c, true, nil
}

// runsController says whether the process is the controller that writes this
// log: process ids are used again.
func runsController(pid int, log string) bool {
	var theirs, ours unix.Stat_t
	return unix.Stat(fmt.Sprintf("/proc/%d/fd/2", pid), &theirs) == nil && unix.Stat(log, &ours) == nil &&
		theirs.Dev == ours.Dev && theirs.Ino == ours.Ino
}
