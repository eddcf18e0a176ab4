package lab

import (
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/isat-sdn/isat/packet"
)

// Tagged hosts reach each other by the kernel's own means or, where it has none, by the helper.
func TestTaggers(t *testing.T) {
	Require(t)
	t.Parallel()
	for _, helper := range [][]string{nil, {os.Args[0], "test-helper"}} {
		base := t.TempDir()
		l := up(t, builtin(t, "vlan"), Options{Base: base, Name: "t-taggers", Helper: helper, softVLAN: true})
		settle(t, l)
		for _, to := range []string{"10.1.0.3", "fd01::3", "10.1.0.9", "fd01::9"} {
			ping(t, l, "v1", to)
		}
		mustExec(t, l, "t1", "sh", "-c", "! ping -c 1 -W 1 10.2.0.1") // h2 is untagged
		if err := l.SetLink("v1", false); err != nil {
			t.Fatal(err)
		}
		if err := l.SetLink("v1", true); err != nil {
			t.Fatal(err)
		}
		settle(t, l)
		ping(t, l, "t1", "fd01::2")
		if err := l.RemoveHost(testContext(t), "v1"); err != nil {
			t.Error(err)
		}
		if err := l.Down(); err != nil {
			t.Error(err)
		}
		if left := leftovers(t, base, "t-taggers"); left != nil {
			t.Errorf("left over: %q", left)
		}
	}
}

func TestCapture(t *testing.T) {
	Require(t)
	t.Parallel()
	l := up(t, builtin(t, "vlan"), Options{Base: t.TempDir(), Name: "t-capture"})
	settle(t, l)
	ctx := testContext(t)
	all, err := l.Capture("v2", "")
	if err != nil {
		t.Fatal(err)
	}
	requests, err := l.Capture("v2", "in request tagged broadcast")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	ping(t, l, "v1", "10.1.0.3")
	ping(t, l, "t1", "10.1.0.3")
	frames, err := requests.Wait(ctx, func(f []Frame) bool { return len(f) >= 2 })
	if err != nil {
		t.Fatal(err)
	}
	var f packet.Frame
	var arp packet.ARP
	if err := f.Parse(frames[0].Data); err != nil || !f.Tagged || f.VLAN != 10 || f.EtherType != 0x0806 {
		t.Fatalf("%x: %+v, %v", frames[0].Data, f, err)
	}
	if err := arp.Parse(f.Payload); err != nil || arp.TPA != [4]byte{10, 1, 0, 3} || arp.SHA != f.Src {
		t.Errorf("%+v, %v", arp, err)
	}
	if at := frames[0].Time; at.Before(began.Add(-time.Second)) || at.After(time.Now().Add(time.Second)) {
		t.Errorf("captured at %v, between %v and now", at, began)
	}
	out := 0
	for _, f := range all.Frames() {
		if f.Out {
			out++
		}
	}
	if out == 0 || out == len(all.Frames()) {
		t.Errorf("%d of %d frames go out", out, len(all.Frames()))
	}

	// What is sent goes out as it is, tag included, and is seen on the other side as it was.
	frame := append([]byte(nil), frames[0].Data...)
	copy(frame[6:], []byte{0x02, 0, 0, 0, 0x77, 0x77})
	count := len(requests.Frames())
	if err := l.Send("h1", frame); err != nil {
		t.Fatal(err)
	}
	got, err := requests.Wait(ctx, func(f []Frame) bool { return len(f) > count })
	if err != nil {
		t.Fatal(err)
	}
	if string(got[count].Data) != string(frame) {
		t.Errorf("sent     %x\nreceived %x", frame, got[count].Data)
	}
	if n, err := requests.Dropped(); n != 0 || err != nil {
		t.Errorf("%d dropped, %v", n, err)
	}
	// A link that goes down and up again doesn't end the capture.
	for _, up := range []bool{false, true} {
		if err := l.SetLink("v2", up); err != nil {
			t.Fatal(err)
		}
	}
	count = len(requests.Frames())
	if err := WaitFor(ctx, "the link", func() (bool, error) {
		return len(requests.Frames()) > count, l.Send("h1", frame)
	}); err != nil {
		t.Error(err)
	}
	if err := requests.Close(); err != nil {
		t.Error(err)
	}
	if _, err := requests.Wait(ctx, func([]Frame) bool { return false }); err == nil {
		t.Error("waits on a closed capture")
	}
}

// CaptureOwn sees what the host sends and what is for its MAC, and not what is for
// everybody.
func TestCaptureOwn(t *testing.T) {
	Require(t)
	t.Parallel()
	l := up(t, builtin(t, "vlan"), Options{Base: t.TempDir(), Name: "t-own"})
	settle(t, l)
	host, err := l.Host("v2")
	if err != nil {
		t.Fatal(err)
	}
	all, err := l.Capture("v2", "in broadcast")
	if err != nil {
		t.Fatal(err)
	}
	own, err := l.CaptureOwn("v2", "")
	if err != nil {
		t.Fatal(err)
	}
	ping(t, l, "v1", "10.1.0.3") // begins with a question to everybody
	if _, err := all.Wait(testContext(t), func(f []Frame) bool { return len(f) > 0 }); err != nil {
		t.Fatal(err)
	}
	ping(t, l, "v1", "10.1.0.3") // what comes of it is captured after the question
	// The requests of both pings and their replies.
	frames, err := own.Wait(testContext(t), func(f []Frame) bool { return len(f) >= 4 })
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		if !f.Out && packet.MAC(f.Data[:6]) != host.MAC {
			t.Errorf("captured a frame to %v: %x", packet.MAC(f.Data[:6]), f.Data)
		}
	}
}

// A controller in the machine's namespace is reached through the relay, be it part of the process
// or a process, and its end is noticed.
// What the kernel has seen when the frames are asked for is among them.
func TestCaptureIsComplete(t *testing.T) {
	Require(t)
	t.Parallel()
	l := up(t, builtin(t, "pair"), Options{Base: t.TempDir(), Name: "t-complete"})
	settle(t, l)
	h, err := l.Host("h1")
	if err != nil {
		t.Fatal(err)
	}
	request := packet.ARP{Op: packet.ARPRequest, SHA: h.MAC, SPA: [4]byte{10, 9, 9, 1}, TPA: [4]byte{10, 9, 9, 2}}
	frame := packet.AppendARP(nil, packet.Broadcast, h.MAC, false, 0, &request)
	c, err := l.Capture("h1", "out arp request")
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 2*atOnce; n++ {
		if err := l.Send("h1", frame); err != nil {
			t.Fatal(err)
		}
		seen := 0
		for _, f := range c.Frames() {
			if string(f.Data) == string(frame) {
				seen++
			}
		}
		if seen != n {
			t.Fatalf("%d of %d frames are there", seen, n)
		}
	}
}

func TestController(t *testing.T) {
	Require(t)
	t.Parallel()
	for _, helper := range [][]string{nil, {os.Args[0], "test-helper"}} {
		name := "in process"
		if helper != nil {
			name = "own process"
		}
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			port := ln.Addr().(*net.TCPAddr).Port
			l := Start(t, builtin(t, "pair"), Options{
				Base: t.TempDir(), Name: "t-controller", Controller: "tcp:127.0.0.1:" + strconv.Itoa(port), Helper: helper,
			})
			for range 2 { // it comes back after the connection was cut
				greet(t, ln)
			}
			if err := l.SetController(testContext(t), ""); err != nil {
				t.Fatal(err)
			}
			if out, err := l.Vsctl("get-controller", "s1"); err != nil || out != "" {
				t.Errorf("%q, %v", out, err)
			}
			if err := l.SetController(testContext(t), "tcp:127.0.0.1:"+strconv.Itoa(port)); err != nil {
				t.Fatal(err)
			}
			greet(t, ln)
			accepted(t, l, ln)
		})
	}
}

// greet accepts one connection, expects an OpenFlow hello on it and cuts it.
func greet(t *testing.T, ln net.Listener) {
	t.Helper()
	if err := ln.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	hello := make([]byte, 8)
	if _, err := c.Read(hello); err != nil || hello[0] != 6 || hello[1] != 0 { // OpenFlow 1.5, OFPT_HELLO
		t.Errorf("read %x, %v", hello, err)
	}
}

// accepted answers the switch's hello and waits until the switch takes itself for connected.
func accepted(t *testing.T, l *Lab, ln net.Listener) {
	t.Helper()
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte{4, 0, 0, 8, 0, 0, 0, 1}); err != nil { // OpenFlow 1.3, OFPT_HELLO
		t.Fatal(err)
	}
	if err := l.WaitConnected(testContext(t)); err != nil {
		t.Error(err)
	}
}

func TestDuplicateAddress(t *testing.T) {
	Require(t)
	t.Parallel()
	topo := builtin(t, "pair")
	topo.Hosts = append(topo.Hosts, topo.Hosts[1])
	topo.Hosts[2].Name, topo.Hosts[2].Down = "rival", true
	l := up(t, topo, Options{Base: t.TempDir(), Name: "t-dad"})
	settle(t, l)
	if err := l.SetLink("rival", true); err != nil {
		t.Fatal(err)
	}
	settle(t, l)
	if out := mustExec(t, l, "rival", "ip", "-6", "addr", "show", "eth0"); !strings.Contains(out, "dadfailed") {
		t.Errorf("a duplicate passed: %s", out)
	}
	if out := mustExec(t, l, "h2", "ip", "-6", "addr", "show", "eth0"); strings.Contains(out, "dadfailed") || strings.Contains(out, "tentative") {
		t.Errorf("an honest address failed: %s", out)
	}
}
