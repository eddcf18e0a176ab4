package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrUnavailable is the cause when this machine or user can't run a lab. The message says what is
// missing and how to get it.
var ErrUnavailable = errors.New("lab unavailable")

type unavailable string

func (u unavailable) Error() string        { return string(u) }
func (u unavailable) Is(target error) bool { return target == ErrUnavailable }

// RequireEnv is the environment variable that, set to 1, makes tests fail instead of skip when the
// lab can't run: the setting for continuous integration.
const RequireEnv = "ISAT_TEST_REQUIRE"

// Check returns why no lab can run here, or nil. The error is one line and matches ErrUnavailable.
func Check() error {
	if err := checkRoot(); err != nil {
		return err
	}
	if err := checkCommands(); err != nil {
		return err
	}
	if err := checkNamespaces(); err != nil {
		return err
	}
	return checkTun()
}

func checkRoot() error {
	if os.Geteuid() != 0 {
		return unavailable("isat lab needs root: run it with sudo")
	}
	return nil
}

func checkCommands() error {
	packages := map[string][]string{
		"Open vSwitch": {"ovsdb-server", "ovsdb-tool", "ovs-vswitchd", "ovs-vsctl", "ovs-ofctl", "ovs-appctl"},
		"iproute2":     {"ip"},
	}
	install := map[string]string{"Open vSwitch": "openvswitch-switch", "iproute2": "iproute2"}
	for _, name := range []string{"Open vSwitch", "iproute2"} {
		for _, command := range packages[name] {
			if _, err := findCommand(command); err != nil {
				return unavailable(fmt.Sprintf("%s is not installed (no %s): run apt-get install %s", name, command, install[name]))
			}
		}
	}
	if _, err := schemaFile(); err != nil {
		return unavailable(err.Error() + ": run apt-get install openvswitch-switch")
	}
	return nil
}

// checkNamespaces makes a namespace on a thread that ends with it.
func checkNamespaces() error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is in another namespace now
		done <- unix.Unshare(unix.CLONE_NEWNET)
	}()
	if err := <-done; err != nil {
		return unavailable(fmt.Sprintf("network namespaces are not permitted here (%v): "+
			"in a container, run it with --privileged", err))
	}
	return nil
}

// checkTun tries the device that the userspace datapath needs for a bridge's own port.
func checkTun() error {
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err == nil {
		return f.Close()
	}
	how := "run modprobe tun"
	if errors.Is(err, os.ErrPermission) || strings.Contains(err.Error(), "no such device") {
		how = "load the module with modprobe tun; in a container, run it with --device /dev/net/tun"
	}
	return unavailable(fmt.Sprintf("/dev/net/tun can't be used (%v): %s", errors.Unwrap(err), how))
}

// TB is the part of testing.TB that the helpers for tests use. The package doesn't import testing,
// because it is part of the isat binary.
type TB interface {
	Helper()
	Cleanup(func())
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
	TempDir() string
}

// Require skips the test if no lab can run here, with the reason, or fails it if ISAT_TEST_REQUIRE
// is 1.
func Require(t TB) {
	t.Helper()
	err := Check()
	switch {
	case err == nil:
	case os.Getenv(RequireEnv) == "1":
		t.Fatalf("%v (and %s=1)", err, RequireEnv)
	default:
		t.Skipf("%v", err)
	}
}

// testPrefix starts the names of labs that tests make, so that a test never clears away a person's lab.
const testPrefix = "t-"

// Start brings a lab up for one test and takes it down at its end; it skips or fails the test as
// Require does. The lab's name gets the prefix t- if it hasn't got it. Whatever lab of that name is
// there is removed first: an interrupted run left it behind. Without Options.Base the lab is in a
// temporary directory of the test.
func Start(t TB, topology Topology, opts Options) *Lab {
	t.Helper()
	Require(t)
	if opts.Base == "" {
		opts.Base = t.TempDir()
	}
	if opts.Name == "" {
		opts.Name = topology.Name
	}
	if !strings.HasPrefix(opts.Name, testPrefix) {
		opts.Name = testPrefix + opts.Name
	}
	if err := remove(opts.Base, opts.Name); err != nil {
		t.Fatalf("clear away lab %s: %v", opts.Name, err)
	}
	l, err := Up(context.Background(), topology, opts)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if err := l.Down(); err != nil {
			t.Errorf("%v", err)
		}
	})
	return l
}
