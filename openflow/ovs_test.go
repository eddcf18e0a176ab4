package openflow_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/isat-sdn/isat/openflow"
)

// requireTool skips the test when Open vSwitch is not installed, or fails it when the environment
// says that nothing may be skipped.
func requireTool(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("ISAT_TEST_REQUIRE") == "1" {
				t.Fatalf("%s is missing; install openvswitch-switch", name)
			}
			t.Skipf("%s is missing; install openvswitch-switch to run this test", name)
		}
	}
}

// ovs is an Open vSwitch of the test's own, with dummy ports and its own directory.
type ovs struct {
	t   *testing.T
	dir string
}

const bridgeName = "br0"

func startOVS(t *testing.T) *ovs {
	t.Helper()
	requireTool(t, "ovsdb-server", "ovsdb-tool", "ovs-vswitchd", "ovs-vsctl", "ovs-ofctl")
	dir, err := os.MkdirTemp("", "ofovs") // unix socket paths are short, so not t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	o := &ovs{t: t, dir: dir}
	t.Cleanup(func() { os.RemoveAll(dir) })
	o.run("ovsdb-tool", "create", o.path("conf.db"))
	o.daemon(o.path("db.sock"), "ovsdb-server", "--remote=punix:"+o.path("db.sock"), o.path("conf.db"))
	o.vsctl("--no-wait", "init")
	o.daemon(o.path("ovs-vswitchd.ctl"), "ovs-vswitchd", "--enable-dummy", "--disable-system", "--unixctl="+o.path("ovs-vswitchd.ctl"),
		"unix:"+o.path("db.sock"))
	o.vsctl("--", "add-br", bridgeName, "--", "set", "bridge", bridgeName, "datapath_type=dummy",
		"protocols=OpenFlow13", "fail-mode=secure", "other-config:datapath-id=00000000000000ab")
	for i := 1; i <= 4; i++ {
		p := fmt.Sprintf("p%d", i)
		o.vsctl("add-port", bridgeName, p, "--", "set", "interface", p, "type=dummy", fmt.Sprintf("ofport_request=%d", i))
	}
	return o
}

func (o *ovs) path(name string) string { return filepath.Join(o.dir, name) }

func (o *ovs) command(name string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	o.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "OVS_RUNDIR="+o.dir, "OVS_DBDIR="+o.dir, "OVS_LOGDIR="+o.dir, "OVS_SYSCONFDIR="+o.dir)
	return cmd
}

func (o *ovs) run(name string, args ...string) string {
	o.t.Helper()
	var out, stderr bytes.Buffer
	cmd := o.command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		o.t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, &out, &stderr)
	}
	return out.String()
}

func (o *ovs) vsctl(args ...string) {
	o.t.Helper()
	o.run("ovs-vsctl", append([]string{"--db=unix:" + o.path("db.sock"), "--timeout=20"}, args...)...)
}

// ofctl runs an ovs-ofctl command on the bridge in OpenFlow 1.3.
func (o *ovs) ofctl(command string, args ...string) string {
	o.t.Helper()
	all := append([]string{"-O", "OpenFlow13", command, "unix:" + o.path(bridgeName+".mgmt")}, args...)
	return o.run("ovs-ofctl", all...)
}

// daemon starts a process that ends with the test and waits for the socket that it makes.
func (o *ovs) daemon(socket, name string, args ...string) {
	o.t.Helper()
	log, err := os.Create(o.path(name + ".out"))
	if err != nil {
		o.t.Fatal(err)
	}
	cmd := exec.Command(name, append(args, "-vconsole:info")...)
	cmd.Env = o.command(name).Env
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		log.Close()
		if o.t.Failed() {
			text, _ := os.ReadFile(log.Name())
			o.t.Logf("%s: ...%s", name, text[max(0, len(text)-2000):])
		}
	})
	deadline := time.Now().Add(20 * time.Second)
	for {
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			o.t.Fatalf("%s does not listen: %v", name, err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// session is an OpenFlow connection of the test to its bridge.
type session struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	xid  uint32
}

func (o *ovs) connect() *session {
	o.t.Helper()
	conn, err := net.Dial("unix", o.path(bridgeName+".mgmt"))
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { conn.Close() })
	s := &session{t: o.t, conn: conn, r: bufio.NewReaderSize(conn, 1<<17)}
	conn.SetDeadline(time.Now().Add(60 * time.Second))
	s.send(openflow.NewHello())
	if h, ok := s.receive().(*openflow.Hello); !ok || !h.Supports(openflow.Version) {
		o.t.Fatalf("switch answers the hello with %#v", h)
	}
	return s
}

func (s *session) send(m openflow.Message) uint32 {
	s.t.Helper()
	s.xid++
	s.sendRaw(openflow.Append(nil, s.xid, m))
	return s.xid
}

func (s *session) sendRaw(b []byte) {
	s.t.Helper()
	if _, err := s.conn.Write(b); err != nil {
		s.t.Fatal(err)
	}
}

// receiveRaw reads one message and checks that decoding and encoding gives the same bytes.
func (s *session) receiveRaw() (uint32, openflow.Message, []byte) {
	s.t.Helper()
	head, err := s.r.Peek(openflow.HeaderLen)
	if err != nil {
		s.t.Fatal(err)
	}
	h, err := openflow.ParseHeader(head)
	if err != nil {
		s.t.Fatal(err)
	}
	b := make([]byte, h.Length)
	if _, err := io.ReadFull(s.r, b); err != nil {
		s.t.Fatal(err)
	}
	xid, m, err := openflow.Decode(b)
	if err != nil {
		s.t.Fatalf("%v\n%x", err, b)
	}
	if again := openflow.Append(nil, xid, m); !bytes.Equal(again, b) {
		s.t.Errorf("%s changes when it is decoded and encoded\ngot  %x\nwant %x", h.Type, again, b)
	}
	return xid, m, b
}

// receive gives the next message that is not an echo request, which it answers.
func (s *session) receive() openflow.Message {
	s.t.Helper()
	for {
		xid, m, _ := s.receiveRaw()
		if e, ok := m.(*openflow.EchoRequest); ok {
			s.sendRaw(openflow.Append(nil, xid, &openflow.EchoReply{Data: e.Data}))
			continue
		}
		return m
	}
}

// barrier returns what the switch says until it has done everything, errors above all.
func (s *session) barrier() (before []openflow.Message) {
	s.t.Helper()
	s.send(&openflow.BarrierRequest{})
	for {
		m := s.receive()
		if _, ok := m.(*openflow.BarrierReply); ok {
			return before
		}
		before = append(before, m)
	}
}

// quietBarrier fails when the switch reports an error.
func (s *session) quietBarrier() {
	s.t.Helper()
	for _, m := range s.barrier() {
		var e *openflow.Error
		if err, ok := m.(error); ok && errors.As(err, &e) {
			s.t.Errorf("%v (data %x)", e, e.Data)
		}
	}
}

// multipart sends a request and collects the bodies of the reply.
func (s *session) multipart(body openflow.MultipartBody) []openflow.MultipartBody {
	s.t.Helper()
	s.send(openflow.Request(body))
	var out []openflow.MultipartBody
	for {
		switch m := s.receive().(type) {
		case *openflow.MultipartReply:
			out = append(out, m.Body)
			if !m.More() {
				return out
			}
		case *openflow.Error:
			s.t.Fatalf("%s: %v", body.Part(), m)
		}
	}
}

func (s *session) flows() []openflow.FlowStats {
	s.t.Helper()
	var out []openflow.FlowStats
	for _, b := range s.multipart(&openflow.FlowRequest{FlowSelector: openflow.AllFlows()}) {
		out = append(out, b.(*openflow.FlowReply).Flows...)
	}
	return out
}

// ofpPrint is what ovs-ofctl makes of a message.
func ofpPrint(t testing.TB, b []byte) string {
	t.Helper()
	requireTool(t, "ovs-ofctl")
	cmd := exec.Command("ovs-ofctl", "ofp-parse", "-")
	cmd.Stdin = bytes.NewReader(b)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("ovs-ofctl ofp-parse: %v\n%s", err, out)
	}
	return string(out)
}
