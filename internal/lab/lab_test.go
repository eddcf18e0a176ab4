package lab

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The test binary stands in for isat where a lab starts a process of isat's.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "test-helper" {
		if err := RunHelper(context.Background(), os.Args[2:]); err != nil {
			println(err.Error())
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 4 && os.Args[1] == "test-become" {
		l, err := Open(os.Args[2], os.Args[3])
		if err == nil {
			err = l.Become(os.Args[4], os.Args[5:]...)
		}
		println(err.Error())
		var c *CommandError
		if errors.As(err, &c) {
			os.Exit(c.ExitCode())
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func builtin(t *testing.T, name string) Topology {
	t.Helper()
	topo, err := LoadBuiltin(name)
	if err != nil {
		t.Fatal(err)
	}
	return topo
}

// up brings a lab up for one test, with a switch that learns by itself.
func up(t *testing.T, topo Topology, opts Options) *Lab {
	t.Helper()
	l := Start(t, topo, opts)
	normal(t, l)
	return l
}

// again brings a lab up where one of the same name was, without Start's clearing away.
func again(t *testing.T, topo Topology, opts Options) *Lab {
	t.Helper()
	l, err := Up(testContext(t), topo, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Down(); err != nil {
			t.Error(err)
		}
	})
	normal(t, l)
	return l
}

func normal(t *testing.T, l *Lab) {
	t.Helper()
	for _, s := range l.Topology().Switches {
		if _, err := l.Ofctl("add-flow", s.Name, "actions=NORMAL"); err != nil {
			t.Fatal(err)
		}
	}
}

func settle(t *testing.T, l *Lab) {
	t.Helper()
	if err := l.WaitAddresses(testContext(t)); err != nil {
		t.Fatal(err)
	}
}

func mustExec(t *testing.T, l *Lab, member string, cmd ...string) string {
	t.Helper()
	out, code, err := l.Exec(testContext(t), member, cmd...)
	if err != nil || code != 0 {
		t.Fatalf("%v in %s: code %d, %v\n%s", cmd, member, code, err, out)
	}
	return out
}

func ping(t *testing.T, l *Lab, from, to string) {
	t.Helper()
	mustExec(t, l, from, "ping", "-c", "1", "-W", "5", to)
}

// leftovers returns what there is of a lab.
func leftovers(t *testing.T, base, name string) []string {
	t.Helper()
	found, err := namespacesOf(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(runDir(base, name)); err == nil {
		found = append(found, runDir(base, name))
	}
	procs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range procs {
		if text, err := os.ReadFile(p); err == nil && strings.Contains(string(text), runDir(base, name)+"/") {
			found = append(found, strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return found
}

func TestDemo(t *testing.T) {
	Require(t)
	t.Parallel()
	base := t.TempDir()
	l := up(t, builtin(t, "demo"), Options{Base: base, Name: "t-demo"})
	settle(t, l)
	for _, to := range []string{"10.0.0.2", "10.0.0.3", "10.0.0.4", "fd00::2", "fd00::3", "fd00::4"} {
		ping(t, l, "h1", to)
	}
	for _, name := range []string{"h1", "s1", "ovs-netdev"} {
		if _, err := net.InterfaceByName(name); err == nil {
			t.Errorf("the machine itself has a link %s", name)
		}
	}
	t.Run("switch", func(t *testing.T) {
		out, err := l.Ofctl("show", "s1")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"dpid:0000000000000001", "1(h1)", "4(h4)"} {
			if !strings.Contains(out, want) {
				t.Errorf("ovs-ofctl show lacks %q:\n%s", want, out)
			}
		}
		if out, err := l.Appctl("dpif/show"); err != nil || !strings.Contains(out, "netdev@ovs-netdev") {
			t.Errorf("dpif/show: %v\n%s", err, out)
		}
		// Inside the switch's namespace the tools find the lab's switch by themselves.
		if out := mustExec(t, l, "s1", "ovs-vsctl", "list-ports", "s1"); out != "h1\nh2\nh3\nh4\n" {
			t.Errorf("list-ports: %q", out)
		}
	})
	t.Run("list", func(t *testing.T) {
		list, err := List(base)
		if err != nil || len(list) != 1 {
			t.Fatalf("%v, %v", list, err)
		}
		if list[0].State != "up" || list[0].Reason != "" || len(list[0].Hosts) != 4 || list[0].Hosts[1].MAC != "02:00:00:00:00:02" {
			t.Errorf("%+v", list[0])
		}
	})
	t.Run("second up", func(t *testing.T) {
		_, err := Up(testContext(t), builtin(t, "demo"), Options{Base: base, Name: "t-demo"})
		if !errors.Is(err, ErrExists) {
			t.Errorf("%v", err)
		}
		_, err = Up(testContext(t), builtin(t, "demo"), Options{Base: t.TempDir(), Name: "t-demo"})
		if !errors.Is(err, ErrExists) {
			t.Errorf("under another base: %v", err)
		}
		ping(t, l, "h1", "10.0.0.2")
	})
	t.Run("tcp", func(t *testing.T) { carriesTCP(t, l) })
	t.Run("down", func(t *testing.T) {
		// What runs in a host is ended with it, also if it ignores SIGTERM.
		c, err := l.Command(context.Background(), "h1", "sh", "-c", "trap '' TERM; echo ready; while :; do read -r x </dev/zero; done")
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 16)); err != nil {
			t.Fatal(err)
		}
		if err := l.Down(); err != nil {
			t.Error(err)
		}
		_ = c.Wait()
		if left := leftovers(t, base, "t-demo"); left != nil {
			t.Errorf("left over: %q", left)
		}
		if err := l.Down(); err != nil {
			t.Errorf("down again: %v", err)
		}
		if err := Down(base, "t-demo"); !errors.Is(err, ErrNotUp) {
			t.Errorf("down of nothing: %v", err)
		}
	})
}

// carriesTCP checks what checksum offload would break.
func carriesTCP(t *testing.T, l *Lab) {
	var ln net.Listener
	err := l.In("h2", func() (err error) {
		ln, err = net.Listen("tcp", "10.0.0.2:7")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		if c, err := ln.Accept(); err == nil {
			_, _ = c.Write(make([]byte, 100000))
			c.Close()
		}
	}()
	err = l.In("h1", func() error {
		c, err := net.DialTimeout("tcp", "10.0.0.2:7", 10*time.Second)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			return err
		}
		n := 0
		for buf := make([]byte, 65536); ; {
			m, err := c.Read(buf)
			n += m
			if err != nil {
				if n != 100000 {
					t.Errorf("%d bytes of 100000: %v", n, err)
				}
				return nil
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
}

func TestCrash(t *testing.T) {
	Require(t)
	t.Parallel()
	for _, victim := range []string{"ovs-vswitchd", "ovsdb-server", "relay"} {
		t.Run(victim, func(t *testing.T) {
			base := t.TempDir()
			opts := Options{Base: base, Name: "t-crash", Controller: "tcp:127.0.0.1:1", Helper: []string{os.Args[0], "test-helper"}}
			l := Start(t, builtin(t, "pair"), opts)
			killMember(t, l, victim)
			list, err := List(base)
			if err != nil || len(list) != 1 || list[0].State != "broken" || list[0].Reason != victim+" has ended" {
				t.Errorf("after the crash: %+v, %v", list, err)
			}
			l = again(t, builtin(t, "pair"), opts)
			settle(t, l)
			ping(t, l, "h1", "fd00::2")
			killMember(t, l, victim)
			if err := Down(base, "t-crash"); err != nil {
				t.Error(err)
			}
			if left := leftovers(t, base, "t-crash"); left != nil {
				t.Errorf("left over: %q", left)
			}
		})
	}
}

// killMember kills one process of the lab and waits until it is gone.
func killMember(t *testing.T, l *Lab, name string) {
	t.Helper()
	for _, p := range l.state.Processes {
		if p.Name != name {
			continue
		}
		fd, err := unix.PidfdOpen(p.PID, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil {
			t.Fatal(err)
		}
		if rest := waitEnded([]int{fd}, 5*time.Second); rest != nil {
			t.Fatalf("%s lives on", name)
		}
		return
	}
	t.Fatalf("no process %s in %+v", name, l.state.Processes)
}

// A run directory that was removed by hand, or never finished, doesn't stand in the way.
func TestRemains(t *testing.T) {
	Require(t)
	t.Parallel()
	base := t.TempDir()
	opts := Options{Base: base, Name: "t-remains"}
	l := Start(t, builtin(t, "pair"), opts)
	if err := os.RemoveAll(l.Dir()); err != nil {
		t.Fatal(err)
	}
	if err := Down(base, "t-remains"); err != nil {
		t.Errorf("down without a run directory: %v", err)
	}
	if left := leftovers(t, base, "t-remains"); left != nil {
		t.Errorf("left over: %q", left)
	}
	mustMkdir(t, filepath.Join(base, "t-remains"))
	if err := os.WriteFile(filepath.Join(base, "t-remains", "state.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if list, err := List(base); err != nil || len(list) != 1 || list[0].State != "broken" {
		t.Errorf("%+v, %v", list, err)
	}
	l = again(t, builtin(t, "pair"), opts)
	ping(t, l, "h1", "10.0.0.2")
	if err := l.Down(); err != nil {
		t.Error(err)
	}
	// Somebody else's directory is left alone.
	precious := filepath.Join(base, "t-remains", "precious")
	mustMkdir(t, filepath.Dir(precious))
	if err := os.WriteFile(precious, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Up(testContext(t), builtin(t, "pair"), opts); err == nil {
		t.Error("took over a directory that isn't a lab's")
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}

func mustMkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestTwoLabs(t *testing.T) {
	Require(t)
	t.Parallel()
	base := t.TempDir()
	a := up(t, builtin(t, "pair"), Options{Base: base, Name: "t-side"})
	b := up(t, builtin(t, "pair"), Options{Base: base, Name: "t-side-b"})
	settle(t, a)
	settle(t, b)
	ping(t, a, "h1", "10.0.0.2")
	ping(t, b, "h1", "fd00::2")
	if _, _, err := Find(base, "", "h1"); err == nil || !strings.Contains(err.Error(), "several labs") {
		t.Errorf("%v", err)
	}
	if l, member, err := Find(base, "", "t-side-b/h1"); err != nil || l.Name() != "t-side-b" || member != "h1" {
		t.Errorf("%v", err)
	}
	// The name of one begins with the name of the other.
	if err := Down(base, "t-side"); err != nil {
		t.Error(err)
	}
	ping(t, b, "h2", "10.0.0.1")
	names, err := DownAll(base)
	if err != nil || len(names) != 1 || names[0] != "t-side-b" {
		t.Errorf("%v, %v", names, err)
	}
	if _, err := os.Stat(base); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the empty directory of labs stays: %v", err)
	}
}

func TestExec(t *testing.T) {
	Require(t)
	t.Parallel()
	base := t.TempDir()
	l := Start(t, builtin(t, "pair"), Options{Base: base, Name: "t-exec"})
	for _, tt := range []struct {
		cmd  []string
		code int
		out  string
	}{
		{[]string{"true"}, 0, ""},
		{[]string{"sh", "-c", "echo out; echo err >&2; exit 7"}, 7, "out\nerr\n"},
		{[]string{"sh", "-c", "ls /sys/class/net | tr '\\n' ' '"}, 0, "eth0 lo "},
		{[]string{"sh", "-c", "printf $ISAT_LAB/$ISAT_LAB_HOST"}, 0, "t-exec/h1"},
	} {
		out, code, err := l.Exec(testContext(t), "h1", tt.cmd...)
		if err != nil || code != tt.code || out != tt.out {
			t.Errorf("exec %v: %q, %d, %v", tt.cmd, out, code, err)
		}
		out, code = become(t, base, "h1", tt.cmd...)
		if code != tt.code || out != tt.out {
			t.Errorf("become %v: %q, %d", tt.cmd, out, code)
		}
	}
	if _, _, err := l.Exec(testContext(t), "h1", "no-such-command"); err == nil {
		t.Error("a missing command is no error")
	}
	if out, code := become(t, base, "h1", "no-such-command"); code != 127 || !strings.Contains(out, `run "no-such-command"`) {
		t.Errorf("missing command: %q, %d", out, code)
	}
	if out, code := become(t, base, "h9", "true"); code != 1 || !strings.Contains(out, `no host or switch "h9": there are h1, h2, s1`) {
		t.Errorf("missing host: %q, %d", out, code)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, _, err := l.Exec(ctx, "h1", "sleep", "60"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
}

func become(t *testing.T, base, member string, cmd ...string) (string, int) {
	t.Helper()
	c := exec.Command(os.Args[0], append([]string{"test-become", base, "t-exec", member}, cmd...)...)
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), c.ProcessState.ExitCode()
}

func TestChanges(t *testing.T) {
	Require(t)
	t.Parallel()
	topo := builtin(t, "pair")
	topo.Switches = append(topo.Switches, Switch{Name: "s2"})
	topo.Links = []Link{{"s1", "s2"}}
	for i := range topo.Hosts {
		topo.Hosts[i].Switch = "s1"
	}
	l := up(t, topo, Options{Base: t.TempDir(), Name: "t-changes"})
	ctx := testContext(t)

	h3 := Host{Name: "h3", Switch: "s2", Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.3/24")}}
	if err := l.AddHost(ctx, h3); err != nil {
		t.Fatal(err)
	}
	ping(t, l, "h1", "10.0.0.3")
	if err := l.AddHost(ctx, h3); err == nil {
		t.Error("the same host twice")
	}

	if err := l.MoveHost(ctx, "h3", "s1", 0); err != nil {
		t.Fatal(err)
	}
	if h, err := l.Host("h3"); err != nil || h.Switch != "s1" || h.Port != 3 {
		t.Errorf("%+v, %v", h, err)
	}
	if out, err := l.Vsctl("iface-to-br", "h3"); err != nil || out != "s1\n" {
		t.Errorf("%q, %v", out, err)
	}
	ping(t, l, "h3", "10.0.0.1")
	ping(t, l, "h2", "10.0.0.3")

	for _, up := range []bool{false, true} {
		if err := l.SetLink("h2", up); err != nil {
			t.Fatal(err)
		}
		want := map[bool]string{false: "LINK_DOWN", true: "state:      LIVE"}[up]
		if err := WaitFor(ctx, want, func() (bool, error) {
			out, err := l.Ofctl("dump-ports-desc", "s1", "2")
			return strings.Contains(out, want), err
		}); err != nil {
			out, _ := l.Ofctl("dump-ports-desc", "s1", "2")
			t.Fatalf("%v\n%s", err, out)
		}
	}
	settle(t, l)
	ping(t, l, "h1", "fd00::2")

	if err := l.RemoveHost(ctx, "h2"); err != nil {
		t.Fatal(err)
	}
	if out, err := l.Vsctl("list-ports", "s1"); err != nil || out != "h1\nh3\ns1-s2\n" {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := os.Stat(namespacePath("isat-t-changes-h2")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("namespace: %v", err)
	}
	if dpid, err := l.Dpid("s2"); err != nil || dpid != 2 {
		t.Errorf("%d, %v", dpid, err)
	}
}

// A failed or cancelled Up leaves nothing.
func TestUpFails(t *testing.T) {
	Require(t)
	t.Parallel()
	base := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Up(ctx, builtin(t, "demo"), Options{Base: base, Name: "t-fails"}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if left := leftovers(t, base, "t-fails"); left != nil {
		t.Errorf("left over: %q", left)
	}
	opts := Options{Base: base, Name: "t-fails", Controller: "tcp:127.0.0.1:6653", Helper: []string{"/bin/false"}}
	if _, err := Up(context.Background(), builtin(t, "demo"), opts); err == nil || !strings.Contains(err.Error(), "start relay") {
		t.Errorf("relay that fails: %v", err)
	}
	if left := leftovers(t, base, "t-fails"); left != nil {
		t.Errorf("left over: %q", left)
	}
}
