package ovstest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Bridge is the name of the bridge.
const Bridge = "br0"

// patience bounds every wait. Nothing here takes a second on an idle machine.
const patience = 30 * time.Second

// Switch is an Open vSwitch with one bridge that ends with the test.
type Switch struct {
	t     testing.TB
	dir   string
	Ports int // besides the local port; port n is called pn
}

// Require skips the test where Open vSwitch is not installed, or fails it if the environment says
// that nothing may be skipped.
func Require(t testing.TB) {
	t.Helper()
	for _, name := range []string{"ovsdb-server", "ovsdb-tool", "ovs-vswitchd", "ovs-vsctl", "ovs-ofctl"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("ISAT_TEST_REQUIRE") == "1" {
				t.Fatalf("%s is missing; install openvswitch-switch", name)
			}
			t.Skipf("%s is missing; install openvswitch-switch to run this test", name)
		}
	}
}

// Start starts a switch whose bridge has the local port and the ports 1 to n.
func Start(t testing.TB, n int) *Switch {
	t.Helper()
	Require(t)
	dir, err := os.MkdirTemp("", "ovst") // the paths of unix sockets are short, so not t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &Switch{t: t, dir: dir, Ports: n}
	s.run("ovsdb-tool", "create", s.path("conf.db"))
	s.daemon("db.sock", "ovsdb-server", "--remote=punix:"+s.path("db.sock"), s.path("conf.db"))
	s.VSCtl("--no-wait", "init")
	s.daemon("ctl", "ovs-vswitchd", "--enable-dummy", "--disable-system", "--unixctl="+s.path("ctl"), "unix:"+s.path("db.sock"))
	args := []string{"add-br", Bridge, "--", "set", "bridge", Bridge, "datapath_type=dummy",
		"protocols=OpenFlow13", "fail-mode=secure", "other-config:datapath-id=0000000000000001"}
	for i := 1; i <= n; i++ {
		p := fmt.Sprintf("p%d", i)
		args = append(args, "--", "add-port", Bridge, p, "--", "set", "interface", p, "type=dummy",
			fmt.Sprintf("ofport_request=%d", i), "options:pstream=punix:"+s.path(p))
	}
	s.VSCtl(args...)
	return s
}

func (s *Switch) path(name string) string { return filepath.Join(s.dir, name) }

func (s *Switch) environment() []string {
	return append(os.Environ(), "OVS_RUNDIR="+s.dir, "OVS_DBDIR="+s.dir, "OVS_LOGDIR="+s.dir, "OVS_SYSCONFDIR="+s.dir)
}

func (s *Switch) run(name string, args ...string) string {
	s.t.Helper()
	return s.runWith("", name, args...)
}

func (s *Switch) runWith(stdin, name string, args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = s.environment()
	var out, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &stderr
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, &out, &stderr)
	}
	return out.String()
}

// VSCtl runs ovs-vsctl.
func (s *Switch) VSCtl(args ...string) {
	s.t.Helper()
	s.run("ovs-vsctl", append([]string{"--db=unix:" + s.path("db.sock"), "--timeout=20"}, args...)...)
}

// OFCtl runs an ovs-ofctl command on the bridge.
func (s *Switch) OFCtl(command string, args ...string) string {
	s.t.Helper()
	return s.OFCtlWith("", command, args...)
}

// OFCtlWith is OFCtl with a standard input.
func (s *Switch) OFCtlWith(stdin, command string, args ...string) string {
	s.t.Helper()
	words := strings.Fields(command) // "--strict del-flows" has an option before the command
	all := append([]string{"-O", "OpenFlow13"}, words...)
	all = append(append(all, "unix:"+s.path(Bridge+".mgmt")), args...)
	return s.runWith(stdin, "ovs-ofctl", all...)
}

// Flows returns the flows of the bridge as ovs-ofctl prints them, without counters.
func (s *Switch) Flows() []string {
	s.t.Helper()
	var out []string
	for line := range strings.Lines(s.OFCtl("dump-flows", "--no-stats")) {
		out = append(out, strings.TrimSpace(line))
	}
	return out
}

// daemon starts a process that ends with the test, and waits for the socket that it makes.
func (s *Switch) daemon(socket, name string, args ...string) {
	s.t.Helper()
	log, err := os.Create(s.path(name + ".out"))
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(name, append(args, "-vconsole:info")...)
	cmd.Env, cmd.Stdout, cmd.Stderr = s.environment(), log, log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		log.Close()
		if s.t.Failed() {
			text, _ := os.ReadFile(log.Name())
			s.t.Logf("%s: ...%s", name, text[max(0, len(text)-2000):])
		}
	})
	s.dial(socket).Close()
}

// dial connects to one of the switch's sockets as soon as it is there.
func (s *Switch) dial(socket string) net.Conn {
	s.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; {
		conn, err := net.Dial("unix", s.path(socket))
		if err == nil {
			return conn
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("connect to the switch: %v", err)
		}
		<-tick.C
	}
}

// Ctl runs a command of ovs-appctl(8) and returns what it prints. It speaks to the control socket
// itself (JSON-RPC), because a process for each of thousands of commands takes too long.
func (s *Switch) Ctl(method string, args ...string) (string, error) {
	s.t.Helper()
	conn := s.dial("ctl")
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if args == nil {
		args = []string{}
	}
	request := map[string]any{"id": 0, "method": method, "params": args}
	if err := json.NewEncoder(conn).Encode(request); err != nil {
		return "", fmt.Errorf("control %s: %w", method, err)
	}
	var reply struct{ Result, Error *string }
	if err := json.NewDecoder(conn).Decode(&reply); err != nil {
		return "", fmt.Errorf("control %s: %w", method, err)
	}
	if reply.Error != nil {
		return "", fmt.Errorf("control %s: %s", method, *reply.Error)
	}
	if reply.Result == nil {
		return "", errors.New("control " + method + ": neither result nor error")
	}
	return *reply.Result, nil
}
