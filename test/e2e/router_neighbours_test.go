package e2e

import (
	octets "encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/isat-sdn/isat/packet"
)

// conformance: P2, N6
func answersForGateway(s *stage) {
	before := s.status().Counters
	asker := s.known(s.guest("h1"))
	known := s.status().Counters
	s.exchange("request", "h1", asker.asks(leftRouter.ip), at("h1", answer(leftRouter, asker)))
	s.exchange("NS", "h1", asker.solicits(leftRouter.ip6), at("h1", advertised(leftRouter, asker, true)))
	if n := s.counter("punt-learn") - known["punt-learn"]; n != 0 {
		s.t.Errorf("%d copies for questions of a known host", n)
	}
	local := linkLocal(leftMAC)
	s.exchange("NS for the link-local address", "h1", asker.solicits(local), at("h1", advertised(guest{mac: leftMAC, ip6: local}, asker, true)))
	prober := s.guest("h2")
	s.exchange("probe", "h2", prober.probesFor(leftRouter.ip), at("h2", conflict(leftRouter, prober)))
	s.exchange("DAD", "h2", prober.probes(leftRouter.ip6, nonce...), at("h2", defended(leftRouter, true)))
	s.exchange("DAD for the link-local address", "h2", prober.probes(local, nonce...), at("h2", defended(guest{mac: leftMAC, ip6: local}, true)))
	if n := s.counter("search-started") - before["search-started"]; n != 0 {
		s.t.Errorf("%d searches", n)
	}
}

// conformance: A9, N10
func gatewayIsAlive(s *stage) {
	asker := s.known(s.guest("h1"))
	before := s.status().Counters
	s.exchange("unicast request", "h1", arpOp(packet.ARPRequest, leftMAC, asker, leftRouter.ip), at("h1", answer(leftRouter, asker)))
	ns := asker.solicitsFor(leftRouter.ip6)
	ns.to, ns.dst = leftMAC, leftRouter.ip6
	s.exchange("unicast NS", "h1", ns.frame(), at("h1", advertised(leftRouter, asker, true)))
	after := s.status().Counters
	for _, name := range []string{"punt-learn", "punt-answer", "punt-compose", "question-answered-at-once"} {
		if after[name] != before[name] {
			s.t.Errorf("%s grew by %d", name, after[name]-before[name])
		}
	}
	// Without the link-layer option, which a unicast NS may leave out (RFC 4861
	// §4.3), the answer is the same.
	ns.options = nil
	s.exchange("unicast NS without an option", "h1", ns.frame(), at("h1", advertised(leftRouter, asker, true)))
	// A unicast question for somebody else is not the router's to answer.
	other := s.known(s.guest("h2"))
	s.exchange("unicast request for a neighbour", "h1", arpOp(packet.ARPRequest, leftMAC, asker, other.ip))
}

func gatewayIsNobodyElses(s *stage) {
	asker, liar := s.known(s.guest("h1")), s.guest("h2")
	liar.ip, liar.ip6 = leftRouter.ip, leftRouter.ip6
	for what, frame := range map[string][]byte{
		"announcement": liar.asks(liar.ip),
		"reply":        arpOp(packet.ARPReply, asker.mac, liar, asker.ip),
		"NA":           liar.advertise(false, false, true),
	} {
		s.counted(what+" of a liar", []string{"binding-refused-configured"}, func() { s.send("h2", frame) })
		s.received()
	}
	s.exchange("request", "h1", asker.asks(leftRouter.ip), at("h1", answer(leftRouter, asker)))
	s.exchange("NS", "h1", asker.solicits(leftRouter.ip6), at("h1", advertised(leftRouter, asker, true)))
	to := s.known(s.right("h3"))
	d := udp(asker, leftMAC, to.ip, "hello")
	s.exchange("routed", "h1", d.frame(), at("h3", d.forwarded(to.mac, rightMAC).frame()))
}

// routerAsks is the router's question on its right for a next hop.
func routerAsks(g guest) []byte { return rightRouter.asks(g.ip) }

func oneBinding(s *stage) {
	from, neighbour := s.known(s.guest("h1")), s.known(s.right("h4"))
	// The router searches, and what it finds answers a neighbour.
	found := s.right("h3")
	first := udp(from, leftMAC, found.ip, "first")
	s.exchange("a first packet", "h1", first.frame(), at("h3", routerAsks(found)), at("h4", routerAsks(found)))
	s.exchange("the answer", "h3", answer(found, rightRouter), at("h3", first.forwarded(found.mac, rightMAC).frame()))
	s.bindingIn("right", 0, found.ip, found.mac)
	s.revalidated()
	s.exchange("a neighbour's request", "h4", neighbour.asks(found.ip), at("h4", answer(found, neighbour)))

	first = udp(from, leftMAC, found.ip6, "first")
	s.exchange("a first packet, IPv6", "h1", first.frame(), at("h3", rightRouter.solicits(found.ip6)), at("h4", rightRouter.solicits(found.ip6)))
	s.exchange("the answer, IPv6", "h3", advertised(found, rightRouter, false), at("h3", first.forwarded(found.mac, rightMAC).frame()))
	s.bindingIn("right", 0, found.ip6, found.mac)
	s.revalidated()
	s.exchange("a neighbour's NS", "h4", neighbour.solicits(found.ip6), at("h4", advertised(found, neighbour, false)))

	// And the other way round.
	met := s.right("h3")
	s.exchange("a neighbour's search", "h4", neighbour.asks(met.ip), at("h3", neighbour.asks(met.ip)))
	s.exchange("its answer", "h3", answer(met, neighbour), at("h4", answer(met, neighbour)))
	s.bindingIn("right", 0, met.ip, met.mac)
	s.revalidated()
	held := s.counter("held")
	d := udp(from, leftMAC, met.ip, "not the first")
	s.exchange("routed", "h1", d.frame(), at("h3", d.forwarded(met.mac, rightMAC).frame()))
	if n := s.counter("held") - held; n != 0 {
		s.t.Errorf("%d packets were held for a known host", n)
	}
}

func nextHopMoves(s *stage) {
	from, to := s.known(s.guest("h1")), s.known(s.right("h3"))
	heir := s.right("h4")
	heir.ip, heir.ip6 = to.ip, to.ip6
	for _, ip := range families(to) {
		d := udp(from, leftMAC, ip, "to the old one")
		s.exchange("before", "h1", d.frame(), at("h3", d.forwarded(to.mac, rightMAC).frame()))
	}
	// Its claims reach others once the old owner has been asked, and kept quiet.
	s.send("h4", heir.asks(heir.ip))
	s.waitFrame("h3", heir.asks(heir.ip))
	s.send("h4", heir.advertise(false, false, true))
	s.waitFrame("h3", heir.advertise(false, false, true))
	s.revalidated()
	for _, ip := range families(to) {
		d := udp(from, leftMAC, ip, "to the new one")
		s.exchange("after", "h1", d.frame(), at("h4", d.forwarded(heir.mac, rightMAC).frame()))
	}
	// The same MAC at another port: the next packet goes there.
	s.send("h3", heir.asks(heir.ip))
	s.eventually("the heir behind h3", func() (bool, string) {
		list := s.bindings("right", heir.ip)
		return len(list) == 1 && list[0].Port == "h3", fmt.Sprint(list)
	})
	s.revalidated()
	for _, ip := range families(to) {
		d := udp(from, leftMAC, ip, "to the new place")
		s.exchange("moved", "h1", d.frame(), at("h3", d.forwarded(heir.mac, rightMAC).frame()))
	}
}

// A next hop that is known from its question alone is asked itself, before it is
// relied on.
//
// conformance: N8
func staleNextHop(s *stage) {
	from, to := s.known(s.guest("h1")), s.right("h3")
	asker := s.known(s.right("h4"))
	s.send("h3", to.solicits(asker.ip6))
	s.eventually("a stale binding", func() (bool, string) {
		list := s.bindings("right", to.ip6)
		return len(list) == 1 && list[0].State == "stale", fmt.Sprint(list)
	})
	s.revalidated()
	d := udp(from, leftMAC, to.ip6, "hello")
	s.exchange("a packet", "h1", d.frame(), at("h3", toMAC(rightRouter.solicits(to.ip6), to.mac)))
	s.exchange("the answer", "h3", advertised(to, rightRouter, false), at("h3", d.forwarded(to.mac, rightMAC).frame()))
}

// advertisingIntent is the stage's, with advertisements on its left.
var advertisingIntent = strings.Replace(rawRouterIntent, "    addresses: [10.1.255.1/16", "    advertise: {interval: 30m}\n    addresses: [10.1.255.1/16", 1)

// Solicitations are answered to who sent them (RFC 4861 §6.1.1, §6.2.6), and
// pass on to other routers.
func solicitations(s *stage) {
	s.reload(advertisingIntent)
	host := s.guest("h1")
	local := linkLocal(host.mac)
	for _, c := range []struct {
		what     string
		answered bool
		change   func(rs *solicitation)
	}{
		{"from a link-local address", true, func(*solicitation) {}},
		{"from ::", true, func(rs *solicitation) { rs.src, rs.options = "::", nil }},
		{"without an option", true, func(rs *solicitation) { rs.options = nil }},
		{"with an unknown option", true, func(rs *solicitation) { rs.options = append(rs.options, option(200, 1, 2, 3, 4, 5, 6)...) }},
		{"hop limit 64", false, func(rs *solicitation) { rs.hops = 64 }},
		{"code 1", false, func(rs *solicitation) { rs.code = 1 }},
		{"from :: with an option", false, func(rs *solicitation) { rs.src = "::" }},
		{"an option of length 0", false, func(rs *solicitation) { rs.options[1] = 0 }},
		{"a wrong checksum", false, func(rs *solicitation) { rs.spoil = 1 }},
	} {
		rs := solicitation{src: local, hops: 255, options: option(1, host.mac[:]...)}
		c.change(&rs)
		frame := rs.frame(host.mac)
		s.send("h1", frame)
		s.still()
		answers := 0
		for _, d := range s.received() {
			switch {
			case string(d.frame) == string(frame) && d.at == "h2":
			case d.frame[0] == 0x33 && d.frame[54] == 134: // unsolicited
			case d.at == "h1" && d.frame[54] == 134 && packet.MAC(d.frame[:6]) == host.mac && packet.MAC(d.frame[6:12]) == leftMAC:
				answers++
			default:
				s.t.Errorf("%s: %x at %s", c.what, d.frame, d.at)
			}
		}
		if want := map[bool]int{true: 1}[c.answered]; answers != want {
			s.t.Errorf("%s: %d answers, want %d", c.what, answers, want)
		}
	}
	s.reload(rawRouterIntent)
}

// solicitation is a router solicitation of which everything can be wrong (RFC
// 4861 §4.1).
type solicitation struct {
	src     string
	hops    byte
	code    byte
	spoil   uint16
	options []byte
}

func (rs solicitation) frame(from packet.MAC) []byte {
	dst := "ff02::2"
	src, to := addr(rs.src), addr(dst)
	body := append([]byte{133, rs.code, 0, 0, 0, 0, 0, 0}, rs.options...)
	octets.BigEndian.PutUint16(body[2:], packet.ICMPv6Checksum(src, to, body)^rs.spoil)
	group := packet.MulticastMAC(to)
	b := slices.Concat(group[:], from[:], []byte{0x86, 0xdd, 0x60, 0, 0, 0, 0, byte(len(body)), 58, rs.hops}, src[:], to[:], body)
	return b
}
