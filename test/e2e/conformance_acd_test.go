package e2e

import (
	"fmt"
	"testing"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/packet"
)

// The rules for address conflict detection (RFC 5227), line by line, on Open
// vSwitch.
func TestConformanceACD(t *testing.T) {
	t.Parallel()
	s := newStage(t, "conf-acd", 4, "")
	s.run("P1-a-probe-teaches-nothing", probeTeachesNothing)
	s.run("P2-a-probe-for-a-known-address", probeForKnownAddress)
	s.run("P3-a-probe-for-an-unknown-address", probeForUnknownAddress)
	s.run("P3-a-probe-in-the-middle-of-a-search", probeDuringSearch)
	s.run("P4-announcements", announcements)
}

// probesFor is the guest's ARP probe for an address (RFC 5227 §2.1.1).
func (g guest) probesFor(tpa string) []byte { return request(g.mac, "0.0.0.0", tpa) }

// conformance: P1
func probeTeachesNothing(s *stage) {
	g := s.guest("h1")
	s.exchange("probe", "h1", g.probesFor(g.ip), s.everywhere("h1", g.probesFor(g.ip))...)
	s.unbound(g.ip)
	s.unbound("0.0.0.0")
	// The prober's rival is asked about, and still not known.
	if out := s.explain(g.ip); out.Binding != nil || out.Outcome != "searched" {
		s.t.Errorf("after a probe: %+v", out)
	}
	// A probe for an address that somebody else has does not make it doubtful.
	owner := s.known4(s.guest("h2"))
	s.exchange("probe for a known address", "h1", g.probesFor(owner.ip), at("h1", conflict(owner, g)))
	s.bound(owner.ip, owner.mac, "reachable")
}

// conflict is the answer to a probe.
func conflict(owner, prober guest) []byte {
	prober.ip = "0.0.0.0"
	return answer(owner, prober)
}

// conformance: P2
func probeForKnownAddress(s *stage) {
	owner, prober := s.known4(s.guest("h1")), s.guest("h2")
	for i := range 3 { // PROBE_NUM (RFC 5227 §1.1)
		s.exchange(fmt.Sprint("probe ", i+1), "h2", prober.probesFor(owner.ip), at("h2", conflict(owner, prober)))
	}
	// A neighbour on the owner's own port is told as well.
	neighbour := s.guest("h1")
	s.exchange("probe of the owner's neighbour", "h1", neighbour.probesFor(owner.ip), at("h1", conflict(owner, neighbour)))
	// arping -D is the tool that hosts' scripts use; it ends with 1 on a conflict.
	if out, code := s.exec("h3", "arping", "-D", "-c", "2", "-w", "3", "-I", "eth0", owner.ip); code != 1 {
		s.t.Errorf("arping -D for a known address: code %d\n%s", code, out)
	}
}

// conformance: P3
func probeForUnknownAddress(s *stage) {
	const ip = "10.1.200.1"
	first, rival := s.guest("h1"), s.guest("h2")
	s.exchange("probe", "h1", first.probesFor(ip), s.everywhere("h1", first.probesFor(ip))...)
	s.exchange("the rival's probe in the same second", "h2", rival.probesFor(ip), s.everywhere("h2", rival.probesFor(ip))...)
	// The limit counts per prober.
	limited := s.counter("search-relay-limited")
	s.send("h1", first.probesFor(ip))
	s.send("h1", first.probesFor(ip))
	s.still()
	sent := count(s.at["h3"].Frames(), func(f lab.Frame) bool { return string(f.Data) == string(first.probesFor(ip)) })
	if n := s.counter("search-relay-limited") - limited; n+uint64(sent) != 3 || n == 0 {
		s.t.Errorf("of three probes %d were passed on and %d held back", sent, n)
	}
	s.received()
	// Nobody who probes for a free address hears anything.
	if out, code := s.exec("h4", "arping", "-D", "-c", "2", "-w", "3", "-I", "eth0", ip); code != 0 {
		s.t.Errorf("arping -D for a free address: code %d\n%s", code, out)
	}
}

// conformance: P3
func probeDuringSearch(s *stage) {
	owner, asker, prober := s.guest("h4"), s.known4(s.guest("h1")), s.guest("h2")
	s.send("h1", asker.asks(owner.ip))
	s.eventually("a search", func() (bool, string) {
		status := s.status()
		return status.Searches == 1 && status.Parked == 1, fmt.Sprint(status)
	})
	s.still()
	s.received()
	s.send("h2", prober.probesFor(owner.ip))
	for _, port := range []string{"h1", "h3", "h4"} {
		s.waitFrame(port, prober.probesFor(owner.ip))
	}
	// The owner defends itself with an answer to the prober, and the asker is
	// answered on the way (RFC 5227 §2.4).
	s.send("h4", conflict(owner, prober))
	s.waitFrame("h2", conflict(owner, prober))
	s.waitFrame("h1", answer(owner, asker))
	s.bound(owner.ip, owner.mac, "reachable")
}

// conformance: P4
func announcements(s *stage) {
	for what, op := range map[string]uint16{"request": packet.ARPRequest, "reply": packet.ARPReply} {
		g, asker := s.guest("h1"), s.known4(s.guest("h3"))
		announcement := arpOp(op, packet.Broadcast, g, g.ip)
		s.exchange("new, as "+what, "h1", announcement, s.everywhere("h1", announcement)...)
		s.bound(g.ip, g.mac, "reachable")
		s.exchange("again, as "+what, "h1", announcement, s.everywhere("h1", announcement)...)
		// Somebody else announces the same address: it is his once the old owner
		// keeps quiet, and then everybody hears of it (S8).
		heir := s.guest("h2")
		heir.ip = g.ip
		claim := arpOp(op, packet.Broadcast, heir, heir.ip)
		s.send("h2", claim)
		for _, d := range s.everywhere("h2", claim) {
			s.waitFrame(d.at, d.frame)
		}
		s.bound(g.ip, heir.mac, "reachable")
		s.exchange("question afterwards", "h3", asker.asks(g.ip), at("h3", answer(heir, asker)))
	}
}
