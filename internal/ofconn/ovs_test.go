package ofconn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/openflow"
)

// vswitch is a real Open vSwitch with dummy datapaths, in a directory of its own.
type vswitch struct {
	t       testing.TB
	dir     string
	daemons map[string]*exec.Cmd
}

// requireOVS skips the test without Open vSwitch, or fails it where it has to run.
func requireOVS(t testing.TB) {
	t.Helper()
	for _, tool := range []string{"ovsdb-server", "ovs-vswitchd", "ovsdb-tool", "ovs-vsctl", "ovs-ofctl", "ovs-appctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("ISAT_TEST_REQUIRE") == "1" {
				t.Fatalf("%s is missing: apt-get install openvswitch-switch", tool)
			}
			t.Skipf("%s is missing: apt-get install openvswitch-switch", tool)
		}
	}
}

func startOVS(t testing.TB) *vswitch {
	t.Helper()
	requireOVS(t)
	// Not t.TempDir(): the paths of unix sockets are short.
	dir, err := os.MkdirTemp("", "ofconn")
	if err != nil {
		t.Fatal(err)
	}
	v := &vswitch{t: t, dir: dir, daemons: make(map[string]*exec.Cmd)}
	t.Cleanup(func() {
		v.kill("ovs-vswitchd")
		v.kill("ovsdb-server")
		if t.Failed() {
			if b, err := os.ReadFile(filepath.Join(dir, "ovs-vswitchd.log")); err == nil {
				t.Logf("ovs-vswitchd.log:\n%s", b[max(0, len(b)-8000):])
			}
		}
		os.RemoveAll(dir)
	})
	v.run("ovsdb-tool", "create", dir+"/conf.db", "/usr/share/openvswitch/vswitch.ovsschema")
	v.daemon("ovsdb-server", dir+"/conf.db", "--remote=punix:"+dir+"/db.sock")
	waitFor(t, "ovsdb-server", func() bool { return exists(dir + "/db.sock") })
	v.run("ovs-vsctl", "--no-wait", "init")
	v.startSwitchd()
	return v
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (v *vswitch) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	for _, dir := range []string{"OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR", "OVS_SYSCONFDIR"} {
		cmd.Env = append(cmd.Env, dir+"="+v.dir)
	}
	cmd.Env = append(cmd.Env, "PATH="+os.Getenv("PATH"))
	return cmd
}

func (v *vswitch) daemon(name string, args ...string) {
	v.t.Helper()
	cmd := v.command(name, append(args, "--log-file="+v.dir+"/"+name+".log", "--pidfile="+v.dir+"/"+name+".pid", "-voff:console")...)
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	v.daemons[name] = cmd
}

func (v *vswitch) kill(name string) {
	if cmd := v.daemons[name]; cmd != nil {
		cmd.Process.Kill()
		cmd.Wait()
		delete(v.daemons, name)
	}
}

func (v *vswitch) startSwitchd() {
	v.t.Helper()
	v.daemon("ovs-vswitchd", "unix:"+v.dir+"/db.sock", "--enable-dummy", "--disable-system",
		"--unixctl="+v.dir+"/vswitchd.ctl")
	waitFor(v.t, "ovs-vswitchd", func() bool {
		return v.command("ovs-appctl", "-t", v.dir+"/vswitchd.ctl", "version").Run() == nil
	})
}

func (v *vswitch) run(name string, args ...string) string {
	v.t.Helper()
	out, err := v.command(name, args...).CombinedOutput()
	if err != nil {
		v.t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// bridge makes a bridge with two ports whose controller is at target.
func (v *vswitch) bridge(name string, dpid uint64, protocols, target string) {
	v.t.Helper()
	v.run("ovs-vsctl", "add-br", name, "--", "set", "bridge", name, "datapath_type=dummy", "fail-mode=secure",
		"protocols="+protocols, fmt.Sprintf("other-config:datapath-id=%016x", dpid), "other-config:disable-in-band=true",
		"--", "add-port", name, name+"-p1", "--", "set", "interface", name+"-p1", "type=dummy", "ofport_request=1",
		"--", "add-port", name, name+"-p2", "--", "set", "interface", name+"-p2", "type=dummy", "ofport_request=2",
		"--", "set-controller", name, target)
	v.run("ovs-vsctl", "set", "controller", name, "max-backoff=1000")
}

const of13 = "OpenFlow13,OpenFlow14,OpenFlow15"

func (v *vswitch) flows(bridge string) string {
	v.t.Helper()
	return v.run("ovs-ofctl", "-O", "OpenFlow13", "--no-stats", "dump-flows", bridge)
}

func flowAdd(priority uint16, port uint32) *openflow.FlowMod {
	m := openflow.NewFlowMod(openflow.FlowAdd, 0, priority)
	m.Match = openflow.Match{}.U32(openflow.InPort, 1)
	m.Instructions.Apply = []openflow.Action{openflow.Output{Port: port}}
	return m
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func TestOpenVSwitchHandshake(t *testing.T) {
	r := listening(t, Config{})
	v := startOVS(t)
	v.bridge("br0", 0x2a, of13, "tcp:"+r.addr)
	up := wait(t, r.h.ups, "session")
	if up.st.DatapathID != 0x2a || up.s.DatapathID() != 0x2a {
		t.Errorf("datapath id %x, %x", up.st.DatapathID, up.s.DatapathID())
	}
	if !strings.HasPrefix(up.st.Address, "tcp:127.0.0.1:") {
		t.Errorf("address %q", up.st.Address)
	}
	if !strings.Contains(up.st.Desc.Manufacturer, "Nicira") {
		t.Errorf("description %+v", up.st.Desc)
	}
	if got := v.run("ovs-ofctl", "-O", "OpenFlow13", "get-frags", "br0"); strings.TrimSpace(got) != "nx-match" {
		t.Errorf("first fragments are handled as %q", got)
	}
	// Ports may be in the dump or, added a moment later, in port-status messages.
	names := make(map[string]uint32)
	for _, p := range up.st.Ports {
		names[p.Name] = p.No
	}
	for names["br0-p1"] == 0 || names["br0-p2"] == 0 {
		p := wait(t, r.h.ports, "port status").Port
		names[p.Name] = p.No
	}
	if names["br0-p1"] != 1 || names["br0-p2"] != 2 || names["br0"] != openflow.PortLocal {
		t.Errorf("ports %v", names)
	}

	v.run("ovs-vsctl", "del-port", "br0-p2")
	for {
		if m := wait(t, r.h.ports, "port status"); m.Reason == openflow.PortDelete {
			if m.Port.Name != "br0-p2" {
				t.Errorf("deleted port is %+v", m.Port)
			}
			break
		}
	}
}

// A session that comes again is told what the first one left on the switch.
func TestOpenVSwitchSyncAndDump(t *testing.T) {
	r := listening(t, Config{})
	v := startOVS(t)
	v.bridge("br0", 1, of13, "tcp:"+r.addr)
	up := wait(t, r.h.ups, "session")
	if n := up.st.Flows.Len(); n != 0 {
		t.Errorf("a new bridge has %d flows", n)
	}
	meter := &openflow.MeterMod{Command: openflow.MeterAdd, Flags: openflow.MeterFlagPktps, ID: 7,
		Bands: []openflow.Band{openflow.DropBand(100, 0)}}
	group := &openflow.GroupMod{Command: openflow.GroupAdd, GroupType: openflow.GroupTypeAll, ID: 9,
		Buckets: []openflow.Bucket{openflow.NewBucket(openflow.Output{Port: 2})}}
	toGroup := openflow.NewFlowMod(openflow.FlowAdd, 3, 5)
	toGroup.Instructions.Meter = 7
	toGroup.Instructions.Apply = []openflow.Action{openflow.Group{ID: 9}}
	bundle := []openflow.Message{group, toGroup}
	const many = 5000
	for i := range uint32(many) {
		m := openflow.NewFlowMod(openflow.FlowAdd, 4, 10)
		m.Cookie = uint64(i)
		m.Match = openflow.Match{}.U32(openflow.Reg0, i)
		m.Instructions.Apply = []openflow.Action{openflow.Output{Port: 2}}
		bundle = append(bundle, m)
	}
	if err := up.s.Sync(within(t), []openflow.Message{meter}, bundle); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(v.flows("br0"), "table=4"); got != many {
		t.Errorf("%d flows on the switch, want %d", got, many)
	}
	if got := r.Counters().FlowMods.Load(); got != many+1 {
		t.Errorf("flow-mods counted: %d", got)
	}
	if err := up.s.Barrier(within(t)); err != nil {
		t.Error(err)
	}

	up.s.Close(errors.New("test is done with it"))
	if down := wait(t, r.h.downs, "end of session"); down.s != up.s || down.err.Error() != "test is done with it" {
		t.Errorf("down %v", down.err)
	}
	again := wait(t, r.h.ups, "second session").st
	if again.Flows.Len() != many+1 || len(again.Groups) != 1 || len(again.Meters) != 1 {
		t.Fatalf("dump has %d flows, %d groups, %d meters", again.Flows.Len(), len(again.Groups), len(again.Meters))
	}
	if again.Groups[0].ID != 9 || again.Meters[0].ID != 7 {
		t.Errorf("groups %+v, meters %+v", again.Groups, again.Meters)
	}
}

// A message that the switch refuses is named, and nothing of its bundle is applied.
func TestOpenVSwitchSyncRefused(t *testing.T) {
	r := listening(t, Config{})
	v := startOVS(t)
	v.bridge("br0", 1, of13, "tcp:"+r.addr)
	s := wait(t, r.h.ups, "session").s
	keep := flowAdd(1, 2)
	if err := s.Sync(within(t), nil, []openflow.Message{keep}); err != nil {
		t.Fatal(err)
	}
	before := v.flows("br0")

	badWhenAdded := openflow.NewFlowMod(openflow.FlowAdd, 0, 9) // a prerequisite is missing
	badWhenAdded.Instructions.Apply = []openflow.Action{
		openflow.SetField{Field: openflow.ARPOp, Value: []byte{0, 2}}}
	badWhenCommitted := openflow.NewFlowMod(openflow.FlowAdd, 0, 9)
	badWhenCommitted.Instructions.Apply = []openflow.Action{openflow.Group{ID: 404}}
	badMeter := &openflow.MeterMod{Command: openflow.MeterModify, Flags: openflow.MeterFlagPktps, ID: 404,
		Bands: []openflow.Band{openflow.DropBand(1, 0)}}
	for _, tc := range []struct {
		name        string
		pre, bundle []openflow.Message
		bundled     bool
		index       int
		code        string
	}{
		{"refused when added", nil, []openflow.Message{flowAdd(2, 2), badWhenAdded, flowAdd(3, 2)}, true, 1, "OFPBAC_MATCH_INCONSISTENT"},
		{"refused when committed", nil, []openflow.Message{flowAdd(2, 2), flowAdd(3, 2), badWhenCommitted}, true, 2, "OFPBAC_BAD_OUT_GROUP"},
		{"refused before the bundle", []openflow.Message{badMeter}, []openflow.Message{flowAdd(2, 2)}, false, 0, "OFPMMFC_UNKNOWN_METER"},
		{"no bundle", []openflow.Message{badMeter}, nil, false, 0, "OFPMMFC_UNKNOWN_METER"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := s.Sync(within(t), tc.pre, tc.bundle)
			var refused *SyncError
			if !errors.As(err, &refused) {
				t.Fatalf("error is %v", err)
			}
			if len(refused.Errors) != 1 || refused.Total != 1 {
				t.Fatalf("errors %+v", refused)
			}
			e := refused.Errors[0]
			if e.Bundled != tc.bundled || e.Index != tc.index || e.Switch.String() != tc.code {
				t.Errorf("error %+v: %v", e, err)
			}
			want := append(tc.pre, tc.bundle...)[tc.index]
			if e.Message != want {
				t.Errorf("message is %+v", e.Message)
			}
			if after := v.flows("br0"); after != before {
				t.Errorf("flows changed to %s", after)
			}
		})
	}
	// The session is as good as before.
	if err := s.Sync(within(t), nil, []openflow.Message{flowAdd(2, 2)}); err != nil {
		t.Error(err)
	}
}

func TestOpenVSwitchPacketInAndOut(t *testing.T) {
	r := newRig(Config{})
	type seen struct {
		userdata string
		packet   int
		port     uint32
	}
	got := make(chan seen, 16)
	r.h.packetIn = func(_ *Session, p *openflow.PacketIn2View, out []byte) []byte {
		got <- seen{string(p.Userdata), len(p.Packet), p.InPort()}
		return openflow.AppendPacketOut(out, 0, openflow.PortController,
			openflow.AppendActions(nil, openflow.Output{Port: 2}), p.Packet)
	}
	r.serve(t)
	v := startOVS(t)
	v.bridge("br0", 1, of13, "tcp:"+r.addr)
	s := wait(t, r.h.ups, "session").s
	punt := openflow.NewFlowMod(openflow.FlowAdd, 0, 9)
	punt.Instructions.Apply = []openflow.Action{openflow.Controller2{MaxLen: 0xffff, MeterID: openflow.NoMeter,
		Reason: openflow.ReasonAction, Userdata: []byte("why")}}
	if err := s.Sync(within(t), nil, []openflow.Message{punt}); err != nil {
		t.Fatal(err)
	}
	frame := bytes.Repeat([]byte{0x02}, 60)
	v.run("ovs-appctl", "-t", v.dir+"/vswitchd.ctl", "netdev-dummy/receive", "br0-p1", fmt.Sprintf("%x", frame))
	if p := wait(t, got, "packet-in"); p != (seen{"why", 60, 1}) {
		t.Errorf("packet-in %+v", p)
	}
	waitFor(t, "packet sent by the switch", func() bool {
		return strings.Contains(v.run("ovs-ofctl", "-O", "OpenFlow13", "dump-ports", "br0", "2"), "tx pkts=1,")
	})
	if in, out := r.Counters().PacketIns.Load(), r.Counters().PacketOuts.Load(); in != 1 || out != 1 {
		t.Errorf("counted %d packet-ins, %d packet-outs", in, out)
	}

	// Flow-removed comes as a message.
	del := openflow.NewFlowMod(openflow.FlowAdd, 1, 1)
	del.HardTimeout, del.Flags = 1, openflow.FlagSendFlowRem
	if err := s.Send(openflow.Append(nil, 5, del)); err != nil {
		t.Fatal(err)
	}
	if m, ok := wait(t, r.h.messages, "flow-removed").(*openflow.FlowRemoved); !ok || m.Reason != openflow.RemovedHardTimeout {
		t.Errorf("message %+v", m)
	}
	// An error for a message of the handler is the handler's.
	bad := openflow.NewFlowMod(openflow.FlowAdd, 0, 1)
	bad.Instructions.Apply = []openflow.Action{openflow.Group{ID: 404}}
	if err := s.Send(openflow.Append(nil, 6, bad)); err != nil {
		t.Fatal(err)
	}
	if m, ok := wait(t, r.h.messages, "error").(*openflow.Error); !ok || m.String() != "OFPBAC_BAD_OUT_GROUP" {
		t.Errorf("message %+v", m)
	}
}

func TestOpenVSwitchRestart(t *testing.T) {
	r := listening(t, Config{})
	v := startOVS(t)
	v.bridge("br0", 1, of13, "tcp:"+r.addr)
	first := wait(t, r.h.ups, "session")
	v.kill("ovs-vswitchd")
	if down := wait(t, r.h.downs, "end of session"); !errors.Is(down.err, ErrPeerClosed) {
		t.Errorf("down: %v", down.err)
	}
	if err := first.s.Sync(within(t), nil, []openflow.Message{flowAdd(1, 2)}); !errors.Is(err, ErrPeerClosed) {
		t.Errorf("sync on a session that has ended: %v", err)
	}
	if err := first.s.Send(openflow.Append(nil, 1, flowAdd(1, 2))); !errors.Is(err, ErrPeerClosed) {
		t.Errorf("send on a session that has ended: %v", err)
	}
	v.startSwitchd()
	if up := wait(t, r.h.ups, "second session"); up.st.DatapathID != 1 {
		t.Errorf("datapath id %x", up.st.DatapathID)
	}
}

// conformance: O3
func TestOpenVSwitchSameDatapathTwice(t *testing.T) {
	r := listening(t, Config{})
	v := startOVS(t)
	v.bridge("br0", 7, of13, "tcp:"+r.addr)
	older := wait(t, r.h.ups, "session")
	// A second bridge with the same id is what a copied machine looks like.
	newer := r.dial(t, 7)
	up := r.up(t, newer)
	if up.st.DatapathID != 7 {
		t.Errorf("datapath id %x", up.st.DatapathID)
	}
	down := wait(t, r.h.downs, "end of the older session")
	if down.s != older.s || !errors.Is(down.err, ErrReplaced) {
		t.Errorf("down of %s: %v", down.s.Address(), down.err)
	}
	if got := r.h.calls(); !strings.HasPrefix(got, "up 1, down 1, up 2") {
		t.Errorf("calls: %s", got)
	}
	if r.log.lines("newer connection wins") == 0 || r.log.lines("replaced by a newer connection") == 0 {
		t.Errorf("log:\n%s", r.log)
	}
}

func TestOpenVSwitchWrongVersion(t *testing.T) {
	r := listening(t, Config{})
	v := startOVS(t)
	v.bridge("br0", 1, "OpenFlow10", "tcp:"+r.addr)
	want := "speaks OpenFlow 1.0, not 1.3: ovs-vsctl set bridge BR protocols=OpenFlow13"
	waitFor(t, "two attempts", func() bool { return r.Counters().Refused.Load() >= 2 })
	if n := r.log.lines(want); n != 1 {
		t.Errorf("%d lines say so:\n%s", n, r.log)
	}
	v.run("ovs-vsctl", "set", "bridge", "br0", "protocols="+of13)
	wait(t, r.h.ups, "session after the hint was followed")
}

// Open vSwitch connects only to unix sockets in its own run directory.
func TestOpenVSwitchUnixSocket(t *testing.T) {
	v := startOVS(t)
	path := v.dir + "/br0.controller"
	r := newRig(Config{})
	l, err := Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	r.serveOn(t, l)
	v.bridge("br0", 1, of13, "unix:"+path)
	if up := wait(t, r.h.ups, "session"); up.st.Address != "unix:"+path {
		t.Errorf("address %q", up.st.Address)
	}
}

// Many sessions of one switch process at a time, with traffic of Sync on all.
func TestOpenVSwitchManyBridges(t *testing.T) {
	const n = 8
	r := listening(t, Config{})
	v := startOVS(t)
	for i := range n {
		v.bridge(fmt.Sprintf("br%d", i), uint64(i+1), of13, "tcp:"+r.addr)
	}
	errs := make(chan error, n)
	for range n {
		s := wait(t, r.h.ups, "session").s
		go func() {
			var bundle []openflow.Message
			for i := range 500 {
				bundle = append(bundle, flowAdd(uint16(i+1), 2))
			}
			errs <- s.Sync(within(t), nil, bundle)
		}()
	}
	for range n {
		if err := wait(t, errs, "sync"); err != nil {
			t.Error(err)
		}
	}
	if got := r.Counters().Sessions.Load(); got != n {
		t.Errorf("%d sessions", got)
	}
}
