package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/packet"
)

const strictIntent = `
kind: network
name: default
number: 1
ports:
  - {switch: s1, port: h1, security: strict, allow: [{mac: "02:00:00:00:00:01", ips: [10.0.0.1, "fd00::1"]}]}
`

// A host behind a strict port has its own addresses, and can't be anybody else
// with the tools that there are for it.
//
// conformance: S1, S2, S3, S5
func TestStrictPort(t *testing.T) {
	need(t, "arpspoof", "atk6-fake_advertise6", "atk6-fake_router6")
	w := newWorld(t, hosts("strict", 3), strictIntent)
	w.run("own", strictOwn)
	w.run("another", strictAnother)
	w.run("arpspoof", strictARPSpoof)
	w.run("advertise", strictAdvertise)
	w.run("router", rogueRouter)
}

// The kernel's own DAD has let it have its addresses, when the world began.
func strictOwn(w *world) {
	for _, ip := range []string{"10.0.0.2", "fd00::2", linkLocal(w.mac("h2")) + "%eth0"} {
		w.must("h1", "ping", "-c", "1", "-W", "5", ip)
	}
	for _, ip := range []string{"10.0.0.1", "fd00::1", linkLocal(w.mac("h1")) + "%eth0"} {
		w.must("h2", "ping", "-c", "1", "-W", "5", ip)
	}
	if n := w.counter("decision-refused-unlisted-address") + w.counter("decision-refused-unlisted-mac"); n != 0 {
		w.t.Errorf("%d refused of a host that only did what it may", n)
	}
}

func strictAnother(w *world) {
	w.must("h1", "ip", "addr", "add", "10.0.0.9/24", "dev", "eth0")
	defer w.must("h1", "ip", "addr", "del", "10.0.0.9/24", "dev", "eth0")
	if out, code := w.exec("h1", "ping", "-c", "2", "-W", "1", "-I", "10.0.0.9", "10.0.0.2"); code == 0 {
		w.t.Errorf("an address that is not listed works:\n%s", out)
	}
	w.eventually("it refused", func() (bool, string) {
		n := w.counter("decision-refused-unlisted-address")
		return n > 0, fmt.Sprint(n)
	})
	if b := w.bindings("default", "10.0.0.9"); len(b) != 0 {
		w.t.Errorf("it is bound: %v", b)
	}
}

// nothingFrom fails if a host has received a frame of the attacker's that is
// meant.
func nothingFrom(w *world, seen *lab.Capture, attacker, victim string, meant func(f *packet.Frame) bool) {
	w.t.Helper()
	w.barrier("h3", victim, seen)
	mac := w.mac(attacker)
	for _, f := range seen.Frames() {
		var v packet.Frame
		if !f.Out && v.Parse(f.Data) == nil && v.Src == mac && meant(&v) {
			w.t.Errorf("%s received %x", victim, f.Data)
		}
	}
}

func strictARPSpoof(w *world) {
	seen := w.capture("h2")
	before := w.counter("decision-refused-unlisted-address")
	out, _ := w.exec("h1", "timeout", "4", "arpspoof", "-i", "eth0", "-t", "10.0.0.2", "10.0.0.3")
	if !strings.Contains(out, "arp reply 10.0.0.3 is-at") {
		w.t.Fatalf("arpspoof did nothing:\n%s", out)
	}
	nothingFrom(w, seen, "h1", "h2", func(v *packet.Frame) bool {
		var a packet.ARP
		return v.EtherType == packet.EtherTypeARP && a.Parse(v.Payload) == nil && a.SPA == [4]byte{10, 0, 0, 3}
	})
	if after := w.counter("decision-refused-unlisted-address"); after == before {
		w.t.Errorf("nothing was refused:\n%s", out)
	}
}

func strictAdvertise(w *world) {
	seen := w.capture("h2")
	before := w.counter("decision-refused-unlisted-address")
	w.exec("h1", "timeout", "10", "atk6-fake_advertise6", "-n", "2", "-w", "1", "eth0", "fd00::3", "fd00::2")
	nothingFrom(w, seen, "h1", "h2", func(v *packet.Frame) bool {
		var n packet.ND
		return v.EtherType == packet.EtherTypeIPv6 && n.Parse(v.Payload) == nil && n.Type == packet.NDAdvertisement && n.Target == addr("fd00::3")
	})
	if after := w.counter("decision-refused-unlisted-address"); after == before {
		w.t.Error("nothing was refused")
	}
}

// rogueRouter has a host behind a plain port say that it is a router, in all the
// ways that are meant to get past a switch (RFC 7113 §2).
func rogueRouter(w *world) {
	seen := w.capture("h1")
	for _, hidden := range []string{"", "-H", "-F", "-D"} {
		before := w.counter("decision-refused-router") + w.counter("decision-refused-hidden")
		cmd := []string{"timeout", "3", "atk6-fake_router6"}
		if hidden != "" {
			cmd = append(cmd, hidden)
		}
		out, _ := w.exec("h2", append(cmd, "eth0", "2001:db8:bad::/64")...)
		w.settled()
		if after := w.counter("decision-refused-router") + w.counter("decision-refused-hidden"); after == before {
			w.t.Errorf("fake_router6 %s: nothing was refused:\n%s", hidden, out)
		}
	}
	nothingFrom(w, seen, "h2", "h1", func(v *packet.Frame) bool {
		later := v.EtherType == packet.EtherTypeIPv6 && v.Payload[6] == 44 && (v.Payload[42] != 0 || v.Payload[43]>>3 != 0)
		return v.Dst == packet.MAC{0x33, 0x33, 0, 0, 0, 1} && v.EtherType == packet.EtherTypeIPv6 && !later // nothing without the first
	})
	for _, host := range []string{"h1", "h3"} {
		if out := w.must(host, "ip", "-6", "route"); strings.Contains(out, "2001:db8:bad") {
			w.t.Errorf("%s believes it:\n%s", host, out)
		}
	}
}
