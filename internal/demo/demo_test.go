package demo

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/packet"
)

var (
	mac1, mac2 = packet.MAC{2, 0, 0, 0, 0, 1}, packet.MAC{2, 0, 0, 0, 0, 2}
	ip1, ip2   = netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	six1, six2 = netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2")
)

func arpFrame(op uint16, dst, sha packet.MAC, spa netip.Addr, tha packet.MAC, tpa netip.Addr) []byte {
	a := packet.ARP{Op: op, SHA: sha, SPA: spa.As4(), THA: tha, TPA: tpa.As4()}
	return packet.AppendARP(nil, dst, sha, false, 0, &a)
}

func solicitation(dst packet.MAC, src netip.Addr) []byte {
	group := packet.SolicitedNode(six2.As16())
	return packet.AppendNS(nil, dst, mac1, false, 0, src.As16(), group, six2.As16(), &mac1, nil)
}

func echoFrame4(icmpType byte, src, dst netip.Addr) []byte {
	b := append(append(append([]byte{}, mac2[:]...), mac1[:]...), 0x08, 0x00)
	ip := make([]byte, 28)
	ip[0], ip[9], ip[20] = 0x45, protoICMP, icmpType
	copy(ip[12:], src.AsSlice())
	copy(ip[16:], dst.AsSlice())
	return append(b, ip...)
}

func echoFrame6(icmpType byte, src, dst netip.Addr) []byte {
	b := append(append(append([]byte{}, mac2[:]...), mac1[:]...), 0x86, 0xdd)
	ip := make([]byte, 48)
	ip[0], ip[5], ip[6], ip[40] = 0x60, 8, protoICMPv6, icmpType
	copy(ip[8:], src.AsSlice())
	copy(ip[24:], dst.AsSlice())
	return append(b, ip...)
}

func TestMessages(t *testing.T) {
	multicast := packet.MulticastMAC(packet.SolicitedNode(six2.As16()))
	for _, c := range []struct {
		what  string
		frame []byte
		want  message
	}{
		{"request", arpFrame(1, packet.Broadcast, mac1, ip1, packet.MAC{}, ip2), message{question, ipv4, ip2, ip1}},
		{"unicast request", arpFrame(1, mac2, mac1, ip1, packet.MAC{}, ip2), message{}},
		{"announcement", arpFrame(1, packet.Broadcast, mac1, ip1, packet.MAC{}, ip1), message{}},
		{"probe", arpFrame(1, packet.Broadcast, mac1, netip.IPv4Unspecified(), packet.MAC{}, ip1), message{}},
		{"reply", arpFrame(2, mac1, mac2, ip2, mac1, ip1), message{answer, ipv4, ip2, ip1}},
		{"solicitation", solicitation(multicast, six1), message{question, ipv6, six2, six1}},
		{"unicast solicitation", solicitation(mac2, six1), message{}},
		{"echo", echoFrame4(8, ip1, ip2), message{echo, ipv4, ip2, ip1}},
		{"echo reply", echoFrame4(0, ip2, ip1), message{echoReply, ipv4, ip2, ip1}},
		{"IPv6 echo", echoFrame6(128, six1, six2), message{echo, ipv6, six2, six1}},
		{"IPv6 echo reply", echoFrame6(129, six2, six1), message{echoReply, ipv6, six2, six1}},
		{"nothing", nil, message{}},
	} {
		if got := messageOf(c.frame); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.what, got, c.want)
		}
	}
}

func FuzzMessageOf(f *testing.F) {
	f.Add(arpFrame(1, packet.Broadcast, mac1, ip1, packet.MAC{}, ip2))
	f.Add(echoFrame4(8, ip1, ip2))
	f.Add(echoFrame6(128, six1, six2))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m := messageOf(b); m.kind != other && !m.peer.IsValid() {
			t.Errorf("a message without a peer: %+v", m)
		}
	})
}

// An exchange with one flooded copy, as three hosts see it.
func TestTraffic(t *testing.T) {
	at := func(ms int64) time.Time { return time.UnixMilli(ms) }
	sent := func(ms int64, data []byte) lab.Frame { return lab.Frame{Time: at(ms), Out: true, Data: data} }
	got := func(ms int64, data []byte) lab.Frame { return lab.Frame{Time: at(ms), Data: data} }
	request := arpFrame(1, packet.Broadcast, mac1, ip1, packet.MAC{}, ip2)
	reply := arpFrame(2, mac1, mac2, ip2, mac1, ip1)
	out, in := echoFrame4(8, ip1, ip2), echoFrame4(0, ip2, ip1)
	w := wire{
		owner: map[netip.Addr]string{ip1: "h1", ip2: "h2"},
		frames: map[string][]lab.Frame{
			"h1": {sent(10, request), got(12, reply), sent(13, out), got(15, in)},
			"h2": {got(11, request), sent(11, reply), got(14, out), sent(14, in)},
			"h3": {got(11, request)},
		},
	}
	seen := w.traffic(ipv4)
	if seen.sent != 1 || seen.answers != 1 || seen.fromOwner != 1 || seen.atOwner != 1 || seen.atOthers != 1 || seen.reached["h3"] != 1 {
		t.Errorf("traffic: %+v", seen)
	}
	p := ping{from: "h1", to: ip2, began: at(9), ended: at(16)}
	w.follow(&p)
	if !p.answered || !p.resolved || p.took != 5*time.Millisecond {
		t.Errorf("ping: %+v", p)
	}
	late := ping{from: "h1", to: ip2, began: at(9), ended: at(14)}
	if w.follow(&late); late.answered {
		t.Errorf("a reply after the end counts: %+v", late)
	}
}

func TestWrongFigures(t *testing.T) {
	right := func(s stage) figures {
		f := figures{stage: s, pings: []ping{{answered: true}}, wire: traffic{sent: 2, answers: 2}}
		switch s {
		case firstContact:
			f.searches = 1
		case known:
			f.bySwitch = 2
		case nobody:
			f.pings, f.wire = []ping{{}}, traffic{sent: 3, reached: map[string]int{"h2": 3}}
			f.searches, f.silent = 1, true
		}
		return f
	}
	for _, c := range []struct {
		stage stage
		spoil func(*figures)
		want  string
	}{
		{firstContact, func(*figures) {}, ""},
		{known, func(*figures) {}, ""},
		{nobody, func(*figures) {}, ""},
		{firstContact, func(f *figures) { f.pings[0].answered = false }, "pings lost: 1 instead of 0"},
		{firstContact, func(f *figures) { f.lostFrame = 2 }, "frames that a capture missed: 2 instead of 0"},
		{known, func(f *figures) { f.packetIns = 1 }, "packet-ins: 1 instead of 0"},
		{known, func(f *figures) { f.bySwitch = 1 }, "requests answered by the switch: 1 instead of 2"},
		{known, func(f *figures) { f.wire.atOthers = 4 }, "requests that reached bystanders: 4 instead of 0"},
		{known, func(f *figures) { f.wire.sent, f.wire.answers, f.bySwitch = 0, 0, 0 }, "requests sent: 0 instead of 1 or more"},
		{nobody, func(f *figures) { f.silent = false }, "it is not remembered as silent"},
		{nobody, func(f *figures) { f.wire.reached["h2"] = 4 }, "requests that reached h2: 4 instead of 3"},
	} {
		f := right(c.stage)
		c.spoil(&f)
		got := strings.Join(f.wrong(), "; ")
		if c.want == "" && got != "" || c.want != "" && got != fmt.Sprintf("%s, %s: %s", f.family, c.stage, c.want) {
			t.Errorf("%s: %q, want %q", c.stage, got, c.want)
		}
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	rows := []*figures{
		{stage: known, wire: traffic{sent: 2}, bySwitch: 2, pings: []ping{{answered: true, resolved: true, took: 1500 * time.Microsecond}}},
		{stage: nobody, family: ipv6, wire: traffic{sent: 3, atOthers: 9}, searches: 1, silent: true, pings: []ping{{}}},
	}
	if err := printFigures(&b, rows); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) != 4 || !strings.Contains(lines[2], "1.5 ms") || !strings.HasSuffix(lines[3], "silent") {
		t.Errorf("table:\n%s", b.String())
	}
	for _, l := range lines {
		if len(l) != len(lines[0]) {
			t.Errorf("columns are not aligned:\n%s", b.String())
			break
		}
	}
}

// program is the isat that the demo starts.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if lab.Check() != nil {
			return m.Run() // the tests that need it skip, or fail, by themselves
		}
		dir, err := os.MkdirTemp("", "isat-demo")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "isat")
		build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "../../cmd/isat")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return 1
		}
		return m.Run()
	}())
}

// configFor is a demo in a lab of the test's own.
func configFor(t *testing.T, name string) Config {
	t.Helper()
	t.Parallel()
	lab.Require(t)
	return Config{Self: program, Name: name, Base: filepath.Join(t.TempDir(), "labs")}
}

// remains lists what is left of a demo.
func remains(t *testing.T, base, name string) (left []string) {
	t.Helper()
	for _, pattern := range []string{filepath.Join(base, "*"), "/run/netns/isat-" + name + "-*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, found...)
	}
	return left
}

// The whole demo: the figures are right, and nothing is left of it.
func TestDemo(t *testing.T) {
	config := configFor(t, "t-demo-whole")
	config.Rounds = 2
	var out strings.Builder
	config.Out = &out
	if err := Run(t.Context(), config); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	if left := remains(t, config.Base, config.Name); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// An interrupt in the middle leaves nothing either.
func TestDemoInterrupted(t *testing.T) {
	config := configFor(t, "t-demo-int")
	ctx, cancel := context.WithCancel(t.Context())
	out := &cancelAt{text: "known", cancel: cancel}
	config.Out = out
	if err := Run(ctx, config); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context canceled", err)
	}
	if left := remains(t, config.Base, config.Name); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// cancelAt cancels when a text is written.
type cancelAt struct {
	text   string
	cancel func()
}

func (c *cancelAt) Write(b []byte) (int, error) {
	if strings.Contains(string(b), c.text) {
		c.cancel()
	}
	return len(b), nil
}

// What is kept goes on running, and is ended by Stop, once.
func TestDemoKept(t *testing.T) {
	config := configFor(t, "t-demo-keep")
	config.Rounds, config.Keep = 1, true
	var out strings.Builder
	config.Out = &out
	t.Cleanup(func() { _ = Stop(config) })
	if err := Run(t.Context(), config); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	c, there, err := readRecord(config.Base, config.Name)
	if err != nil || !there {
		t.Fatalf("no record of what is kept: %v", err)
	}
	if list, err := lab.List(config.Base); err != nil || len(list) != 1 || list[0].State != "up" {
		t.Errorf("the lab is not up: %+v, %v", list, err)
	}
	if err := Run(t.Context(), config); err == nil || !strings.Contains(err.Error(), "isat demo --stop --name t-demo-keep") {
		t.Errorf("a second demo: %v", err)
	}
	if err := Stop(config); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(c.PID, 0); err == nil && !isZombie(c.PID) {
		t.Error("isat still runs")
	}
	if left := remains(t, config.Base, config.Name); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := Stop(config); !errors.Is(err, lab.ErrNotUp) {
		t.Errorf("stopped twice: %v", err)
	}
}

// isZombie says whether a process has ended and waits for its parent.
func isZombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err == nil && slices.ContainsFunc(strings.Split(string(text), "\n"), func(l string) bool { return strings.HasPrefix(l, "State:\tZ") })
}
