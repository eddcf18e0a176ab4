package e2e

import (
	octets "encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/packet"
)

const arpIntent = `
kind: network
name: default
number: 1
subnets:
  - {prefix: 10.1.0.0/16}
  - {prefix: "fd00:1::/64"}
`

// The rules for ARP, line by line, on Open vSwitch.
func TestConformanceARP(t *testing.T) {
	t.Parallel()
	s := newStage(t, "conf-arp", 4, arpIntent)
	s.run("A1-malformed-is-dropped", malformedARP)
	s.run("A2-any-opcode-teaches", anyOpcodeTeaches)
	s.run("A3-other-opcodes-are-not-answered", otherOpcodes)
	s.run("A4-reply", replyToTheAsker)
	s.run("A5-one-search", oneSearch)
	s.run("A6-addresses-of-nobody", addressesOfNobody)
	s.run("A7-own-address", ownAddress)
	s.run("A8-answers-are-no-sign-of-life", answersAreNoSignOfLife)
	s.run("A9-unicast-reaches-the-host", unicastReachesTheHost)
	s.run("A11-sender-mismatch", senderMismatch)
	s.run("A12-group-and-null-senders", groupSenders)
}

// arpOp is an ARP message with any opcode.
func arpOp(op uint16, dst packet.MAC, from guest, tpa string) []byte {
	return arp(op, dst, from.mac, from.ip, packet.MAC{}, tpa)
}

// conformance: A1
func malformedARP(s *stage) {
	owner, stranger := s.known4(s.guest("h1")), s.guest("h2")
	good := stranger.asks(owner.ip)
	for _, c := range []struct {
		what, counter string
		change        func(b []byte) []byte
	}{
		{"hardware type 6", "malformed-arp-hardware-type", func(b []byte) []byte { b[15] = 6; return b }},
		{"hardware type 257", "malformed-arp-hardware-type", func(b []byte) []byte { b[14] = 1; return b }},
		{"protocol type IPv6", "malformed-arp-protocol-type", func(b []byte) []byte { b[16], b[17] = 0x86, 0xdd; return b }},
		{"hardware length 8", "malformed-arp-address-length", func(b []byte) []byte { b[18] = 8; return b }},
		{"hardware length 0", "malformed-arp-address-length", func(b []byte) []byte { b[18] = 0; return b }},
		{"protocol length 16", "malformed-arp-address-length", func(b []byte) []byte { b[19] = 16; return b }},
		{"cut before the target", "malformed-arp-truncated", func(b []byte) []byte { return b[:14+24] }},
		{"nothing but a header", "malformed-arp-truncated", func(b []byte) []byte { return b[:14] }},
		{"opcode 0", "punt-malformed", func(b []byte) []byte { b[21] = 0; return b }},
		{"opcode 257", "punt-malformed", func(b []byte) []byte { b[20] = 1; return b }},
	} {
		frame := c.change(slices.Clone(good))
		s.counted(c.what, []string{c.counter}, func() { s.exchange(c.what, "h2", frame) })
	}
	s.unbound(stranger.ip)
	s.exchange("the same request in order", "h2", good, at("h2", answer(owner, stranger)))
}

// conformance: A2
func anyOpcodeTeaches(s *stage) {
	other := s.known4(s.guest("h3"))
	for name, frame := range map[string]func(g guest) []byte{
		"request":              func(g guest) []byte { return g.asks(other.ip) },
		"unicast request":      func(g guest) []byte { return arpOp(packet.ARPRequest, other.mac, g, other.ip) },
		"reply":                func(g guest) []byte { return arpOp(packet.ARPReply, other.mac, g, other.ip) },
		"broadcast reply":      func(g guest) []byte { return arpOp(packet.ARPReply, packet.Broadcast, g, other.ip) },
		"announcement":         func(g guest) []byte { return g.asks(g.ip) },
		"announcement (reply)": func(g guest) []byte { return arpOp(packet.ARPReply, packet.Broadcast, g, g.ip) },
		"reverse request":      func(g guest) []byte { return arpOp(3, packet.Broadcast, g, other.ip) },
		"inverse request":      func(g guest) []byte { return arpOp(8, packet.Broadcast, g, other.ip) },
		"experiment 1":         func(g guest) []byte { return arpOp(24, other.mac, g, other.ip) },
	} {
		g := s.guest("h1")
		s.send("h1", frame(g))
		s.bound(g.ip, g.mac, "reachable")
		// An existing binding is updated by it as well: the address has a new
		// owner, and the old one does not defend it.
		heir := s.guest("h2")
		heir.ip = g.ip
		s.send("h2", frame(heir))
		s.bound(g.ip, heir.mac, "reachable")
		asker := s.guest("h4")
		s.exchange(name, "h4", asker.asks(g.ip), at("h4", answer(heir, asker)))
	}
}

// conformance: A3
func otherOpcodes(s *stage) {
	owner, asker := s.known4(s.guest("h1")), s.known4(s.guest("h2"))
	for _, op := range []uint16{2, 3, 4, 5, 8, 9, 10, 23, 24, 25, 255} {
		what := fmt.Sprintf("opcode %d", op)
		broadcast := arpOp(op, packet.Broadcast, asker, owner.ip)
		s.exchange(what, "h2", broadcast, s.everywhere("h2", broadcast)...)
		unicast := arpOp(op, owner.mac, asker, owner.ip)
		s.exchange(what+" by unicast", "h2", unicast, at("h1", unicast))
		unknown := arpOp(op, packet.Broadcast, asker, "10.1.250.250")
		s.exchange(what+" for an unknown address", "h2", unknown, s.everywhere("h2", unknown)...)
	}
}

// conformance: A4
func replyToTheAsker(s *stage) {
	owner, asker := s.known4(s.guest("h1")), s.known4(s.guest("h2"))
	s.exchange("request", "h2", asker.asks(owner.ip), at("h2", answer(owner, asker)))
	// Two hosts on one port: the answer goes back out of it.
	neighbour := s.known4(s.guest("h1"))
	s.exchange("request of the owner's neighbour", "h1", neighbour.asks(owner.ip), at("h1", answer(owner, neighbour)))
	// The target hardware address of a request means nothing (RFC 826).
	odd := arp(packet.ARPRequest, packet.Broadcast, asker.mac, asker.ip, packet.Broadcast, owner.ip)
	s.exchange("request with a target hardware address", "h2", odd, at("h2", answer(owner, asker)))
}

// conformance: A5
func oneSearch(s *stage) {
	owner := s.guest("h1")
	askers := []guest{s.known4(s.guest("h2")), s.known4(s.guest("h3")), s.known4(s.guest("h3"))}
	asked := broadcastRequest(owner.ip)
	for range 5 {
		for _, a := range askers {
			s.send(a.at, a.asks(owner.ip))
		}
	}
	s.eventually("three waiting", func() (bool, string) {
		status := s.status()
		return status.Parked == 3, fmt.Sprint(status)
	})
	s.eventually("the second request", func() (bool, string) {
		n := count(s.at["h4"].Frames(), asked)
		return n >= 2, fmt.Sprint(n)
	})
	var times []int64
	for _, f := range s.at["h4"].Frames() {
		if asked(f) {
			times = append(times, f.Time.UnixMilli())
		}
	}
	if gap := times[1] - times[0]; gap < 950 {
		s.t.Errorf("requests were %d ms apart, want a second", gap)
	}
	// The owner answers the asker whom it heard; the switch and isat do the rest.
	s.send("h1", answer(owner, askers[0]))
	for _, a := range askers {
		s.wait(s.at[a.at], "the answer for "+a.ip, func(f lab.Frame) bool { return !f.Out && string(f.Data) == string(answer(owner, a)) })
	}
	s.bound(owner.ip, owner.mac, "reachable")
	for _, a := range askers {
		if n := count(s.at[a.at].Frames(), func(f lab.Frame) bool { return string(f.Data) == string(answer(owner, a)) }); n != 1 {
			s.t.Errorf("%s got %d answers, want 1", a.ip, n)
		}
	}
}

// conformance: A6
func addressesOfNobody(s *stage) {
	g := s.known4(s.guest("h1"))
	own := g.asks(g.ip)
	s.exchange("its own address", "h1", own, s.everywhere("h1", own)...)
	nobodies := []string{"10.1.255.255", "0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.1.2.3", "255.255.255.255"}
	started := s.counter("search-started")
	for _, ip := range nobodies {
		s.exchange("request for "+ip, "h1", g.asks(ip))
	}
	if n := s.counter("search-started") - started; n != 0 {
		s.t.Errorf("%d searches for addresses that nobody can have", n)
	}
	// Somebody says that he has them: that changes nothing.
	liar := s.guest("h2")
	for _, ip := range nobodies {
		liar.ip = ip
		s.send("h2", liar.asks(g.ip))
		s.send("h2", liar.asks(ip))
		s.still()
		s.received()
		s.exchange("request for "+ip+" after somebody claimed it", "h1", g.asks(ip))
		if ip != "10.1.255.255" {
			s.unbound(ip)
		}
	}
}

// conformance: A7
func ownAddress(s *stage) {
	g := s.known4(s.guest("h1"))
	for what, frame := range map[string][]byte{
		"probe":                  request(g.mac, "0.0.0.0", g.ip),
		"announcement":           request(g.mac, g.ip, g.ip),
		"announcement (reply)":   arp(packet.ARPReply, packet.Broadcast, g.mac, g.ip, g.mac, g.ip),
		"from its other address": request(g.mac, s.second(g), g.ip),
	} {
		s.exchange(what, "h1", frame, s.everywhere("h1", frame)...)
	}
}

// second gives the guest another address, which is known.
func (s *stage) second(g guest) string {
	s.t.Helper()
	g.ip = s.guest(g.at).ip
	return s.known4(g).ip
}

// conformance: A8
func answersAreNoSignOfLife(s *stage) {
	owner, asker := s.known4(s.guest("h1")), s.known4(s.guest("h2"))
	before := s.bindings("default", owner.ip)[0]
	packets := s.hits(owner)
	for range 3 {
		s.exchange("request", "h2", asker.asks(owner.ip), at("h2", answer(owner, asker)))
	}
	probe := request(asker.mac, "0.0.0.0", owner.ip)
	nobody := asker
	nobody.ip = "0.0.0.0"
	s.exchange("probe", "h2", probe, at("h2", answer(owner, nobody)))
	if after := s.bindings("default", owner.ip)[0]; !after.Heard.Equal(before.Heard) || !after.Learned.Equal(before.Learned) {
		s.t.Errorf("heard at %v, after answers %v", before.Heard, after.Heard)
	}
	if n := s.hits(owner); n != packets {
		s.t.Errorf("the owner's flow was hit %s times before the answers and %s after", packets, n)
	}
	// It is refreshed by what the owner itself sends.
	s.exchange("the owner's own question", "h1", owner.asks(asker.ip), at("h1", answer(asker, owner)))
	if n := s.hits(owner); n == packets {
		s.t.Error("the owner's own packet did not hit its flow")
	}
}

// hits is how often the guest's flow in owners was hit: by its own packets.
func (s *stage) hits(g guest) string {
	s.t.Helper()
	out, err := s.lab.Ofctl("-O", "OpenFlow13", "dump-flows", "s1", fmt.Sprintf("table=21,reg0=%#x", ipv4(g.ip)))
	if err != nil {
		s.t.Fatal(err)
	}
	m := packetsOf.FindStringSubmatch(out)
	if m == nil {
		s.t.Fatalf("no flow of %s: %s", g.ip, out)
	}
	return m[1]
}

func ipv4(ip string) uint32 { a := addr(ip); return octets.BigEndian.Uint32(a[12:]) }

// conformance: A9
func unicastReachesTheHost(s *stage) {
	owner, asker, third := s.known4(s.guest("h1")), s.known4(s.guest("h2")), s.known4(s.guest("h3"))
	ask := func(to packet.MAC) []byte { return arpOp(packet.ARPRequest, to, asker, owner.ip) }
	s.exchange("unicast request", "h2", ask(owner.mac), at("h1", ask(owner.mac)))
	s.exchange("unicast request to somebody else", "h2", ask(third.mac), at("h3", ask(third.mac)))
	stranger := packet.MAC{0x02, 0xcc, 0, 0, 0, 9}
	s.exchange("unicast request to an unknown MAC", "h2", ask(stranger), s.everywhere("h2", ask(stranger))...)
	probe := arp(packet.ARPRequest, owner.mac, asker.mac, "0.0.0.0", packet.MAC{}, owner.ip)
	s.exchange("unicast probe", "h2", probe, at("h1", probe))
}

// conformance: A11
func senderMismatch(s *stage) {
	owner, liar, victim := s.known4(s.guest("h1")), s.known4(s.guest("h2")), s.known4(s.guest("h3"))
	lie := func(op uint16, dst packet.MAC, spa, tpa string) []byte {
		return liar.wrap(arp(op, dst, victim.mac, spa, packet.MAC{}, tpa))
	}
	fresh := s.guest("h2").ip
	mismatch := []string{"not-learned-mismatch"}
	for what, c := range map[string]struct {
		frame []byte
		want  []delivery
	}{
		"reply":         {lie(packet.ARPReply, owner.mac, fresh, owner.ip), []delivery{at("h1", lie(packet.ARPReply, owner.mac, fresh, owner.ip))}},
		"announcement":  {lie(packet.ARPRequest, packet.Broadcast, fresh, fresh), s.everywhere("h2", lie(packet.ARPRequest, packet.Broadcast, fresh, fresh))},
		"other opcode":  {lie(9, packet.Broadcast, fresh, fresh), s.everywhere("h2", lie(9, packet.Broadcast, fresh, fresh))},
		"takes another": {lie(packet.ARPReply, owner.mac, owner.ip, owner.ip), nil}, // it contradicts a binding (S8)
	} {
		s.counted(what, mismatch, func() { s.exchange(what, "h2", c.frame, c.want...) })
	}
	s.unbound(fresh)
	s.bound(owner.ip, owner.mac, "reachable")
	s.bound(victim.ip, victim.mac, "reachable")
	// A frame for the victim still goes to the victim: its place was not moved.
	frame := frameOf(victim.mac, owner.mac, 0x88b6, nil)
	s.exchange("a frame for the victim", "h1", frame, at("h3", frame))
}

// wrap gives a frame the guest's MAC as Ethernet source.
func (g guest) wrap(frame []byte) []byte {
	return slices.Concat(frame[:6], g.mac[:], frame[12:])
}

// conformance: A12
func groupSenders(s *stage) {
	owner, asker := s.known4(s.guest("h1")), s.known4(s.guest("h2"))
	stations := s.status().Stations
	for what, mac := range map[string]packet.MAC{
		"broadcast": packet.Broadcast, "multicast": {0x01, 0, 0x5e, 0, 0, 1}, "IPv6 multicast": {0x33, 0x33, 0, 0, 0, 1}, "null": {},
	} {
		g := s.guest("h2")
		honest := g.mac
		g.mac = mac
		s.exchange(what+" Ethernet source, announcement", "h2", g.asks(g.ip))
		s.exchange(what+" Ethernet source, question", "h2", g.asks(owner.ip))
		g.mac = honest
		inside := arp(packet.ARPReply, owner.mac, mac, g.ip, packet.MAC{}, owner.ip)
		s.counted(what, []string{"not-learned-mismatch"}, func() {
			s.exchange(what+" sender hardware address", "h2", asker.wrap(inside), at("h1", asker.wrap(inside)))
		})
		s.unbound(g.ip)
	}
	s.bound(owner.ip, owner.mac, "reachable")
	if n := s.status().Stations; n != stations {
		s.t.Errorf("%d stations, before %d", n, stations)
	}
}

var packetsOf = regexp.MustCompile(`n_packets=(\d+)`)

const vlanIntent = `
kind: network
name: blue
number: 100
ports:
  - {switch: s1, port: h3}
  - {switch: s1, port: h4, vlan: 10}
`

// Frames with VLAN tags: those of hosts that tag themselves on ordinary ports,
// and those of a trunk that the intent speaks of.
func TestConformanceVLAN(t *testing.T) {
	t.Parallel()
	s := newStage(t, "conf-vlan", 4, vlanIntent,
		cable{from: "h1", to: "h2"}, cable{from: "h2", to: "h1"}, cable{"h3", "h4", 0, 10}, cable{"h4", "h3", 10, 0})
	s.run("A10-hosts-own-tags", hostsOwnTags)
	s.run("A10-search-keeps-the-tag", searchKeepsTheTag)
	s.run("A10-trunk", trunk)
}

// bindingIn waits until an address is bound in a network, or a VLAN inside it.
func (s *stage) bindingIn(network string, vlan uint16, ip string, mac packet.MAC) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%s at %s in %s vlan %d", ip, mac, network, vlan), func() (bool, string) {
		list := s.bindings(network, ip)
		return slices.ContainsFunc(list, func(b view.Binding) bool {
			return b.VLAN == vlan && b.MAC == mac.String() && b.State == "reachable"
		}), fmt.Sprint(list)
	})
}

// conformance: A10
func hostsOwnTags(s *stage) {
	// One address, three owners: untagged, in VLAN 10 and in VLAN 20.
	owners := map[uint16]guest{0: s.guest("h1"), 10: s.guest("h1"), 20: s.guest("h1")}
	shared, shared6 := owners[0].ip, owners[0].ip6
	for vlan, owner := range owners {
		owner.ip, owner.ip6 = shared, shared6
		owners[vlan] = owner
		s.send("h1", tagged(owner.asks(shared), vlan))
		s.send("h1", tagged(owner.advertise(false, false, true), vlan))
		s.bindingIn("default", vlan, shared, owner.mac)
		s.bindingIn("default", vlan, shared6, owner.mac)
	}
	s.revalidated()
	asker := s.guest("h2")
	for vlan, owner := range owners {
		what := fmt.Sprint("VLAN ", vlan)
		s.exchange(what, "h2", tagged(asker.asks(shared), vlan), at("h2", tagged(answer(owner, asker), vlan)))
		s.exchange(what+", NS", "h2", tagged(asker.solicits(shared6), vlan), at("h2", tagged(advertised(owner, asker, false), vlan)))
		s.exchange(what+", NS with a nonce, which isat answers", "h2", tagged(asker.solicitsWith(shared6, option(14, 1, 2, 3, 4, 5, 6)), vlan),
			at("h2", tagged(advertised(owner, asker, false), vlan)))
		s.exchange(what+", DAD", "h2", tagged(asker.probes(shared6, 1, 2, 3, 4, 5, 6), vlan), at("h2", tagged(defended(owner, false), vlan)))
	}
	// The tag's priority comes back as well; one without a VLAN belongs to the
	// untagged frames (IEEE 802.1Q §9.6).
	for _, c := range []struct{ tci, vlan uint16 }{{5<<13 | 10, 10}, {3 << 13, 0}} {
		s.exchange(fmt.Sprintf("tag %#x", c.tci), "h2", tag(asker.asks(shared), c.tci), at("h2", tag(answer(owners[c.vlan], asker), c.tci)))
		s.exchange(fmt.Sprintf("tag %#x, NS", c.tci), "h2", tag(asker.solicits(shared6), c.tci), at("h2", tag(advertised(owners[c.vlan], asker, false), c.tci)))
	}
}

// conformance: A10
func searchKeepsTheTag(s *stage) {
	// Known without a tag, unknown in VLAN 30: found there by a search.
	untagged, owner, asker := s.known4(s.guest("h1")), s.guest("h1"), s.guest("h2")
	owner.ip = untagged.ip
	const tci = 4<<13 | 30
	s.send("h2", tag(asker.asks(owner.ip), tci))
	s.waitFrame("h1", tag(asker.asks(owner.ip), tci))
	s.send("h1", tag(answer(owner, asker), 30))
	s.waitFrame("h2", tag(answer(owner, asker), 30))
	s.bindingIn("default", 30, owner.ip, owner.mac)
	s.bindingIn("default", 0, owner.ip, untagged.mac)
	s.revalidated()
	s.exchange("without a tag", "h2", asker.asks(owner.ip), at("h2", answer(untagged, asker)))
	s.exchange("in VLAN 30", "h2", tag(asker.asks(owner.ip), 30), at("h2", tag(answer(owner, asker), 30)))
	// A probe in another VLAN meets neither.
	probe := tag(asker.probesFor(owner.ip), 31)
	s.exchange("probe in VLAN 31", "h2", probe, at("h1", probe))
}

// conformance: A10
func trunk(s *stage) {
	inside, outside := s.guest("h3"), s.guest("h4") // both in blue; h4 tags it with 10
	s.send("h3", inside.asks(inside.ip))
	s.send("h3", inside.advertise(false, false, true))
	s.send("h4", tag(outside.asks(outside.ip), 10))
	s.send("h4", tag(outside.advertise(false, false, true), 10))
	for _, g := range []guest{inside, outside} {
		s.bindingIn("blue", 0, g.ip, g.mac)
		s.bindingIn("blue", 0, g.ip6, g.mac)
	}
	s.revalidated()
	s.exchange("from the trunk", "h4", tag(outside.asks(inside.ip), 10), at("h4", tag(answer(inside, outside), 10)))
	s.exchange("to the trunk", "h3", inside.asks(outside.ip), at("h3", answer(outside, inside)))
	s.exchange("NS from the trunk", "h4", tag(outside.solicits(inside.ip6), 10), at("h4", tag(advertised(inside, outside, false), 10)))
	s.exchange("NS to the trunk", "h3", inside.solicits(outside.ip6), at("h3", advertised(outside, inside, false)))
	prober := s.guest("h4")
	s.exchange("DAD from the trunk", "h4", tag(prober.probes(inside.ip6, 1, 2, 3, 4, 5, 6), 10), at("h4", tag(defended(inside, false), 10)))
	// What is known in blue is not known elsewhere, and other tags on the trunk
	// are nobody's.
	stranger := s.guest("h1")
	s.exchange("probe from the default network", "h1", stranger.probesFor(inside.ip), at("h2", stranger.probesFor(inside.ip)))
	s.exchange("another tag on the trunk", "h4", tag(outside.asks(inside.ip), 20))
	s.exchange("no tag on the trunk", "h4", outside.asks(inside.ip))
	// A search for an unknown address crosses from tag to no tag.
	free := prober.probesFor(s.guest("h3").ip)
	s.exchange("probe from the trunk", "h4", tag(free, 10), at("h3", free))
	back := stranger.probesFor(s.guest("h3").ip)
	s.exchange("probe to the trunk", "h3", back, at("h4", tag(back, 10)))
}

// solicitsWith is the guest's NS with more options behind its link-layer
// address.
func (g guest) solicitsWith(target string, options ...[]byte) []byte {
	m := g.solicitsFor(target)
	m.options = slices.Concat(m.options, slices.Concat(options...))
	return m.frame()
}
