package flowsim_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/gopacket/gopacket/layers"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

func secureWorld() ovstest.World { return ovstest.Worlds()[4] }

// another is a host that has, or claims, other addresses.
func another(h ovstest.Host, addresses ...string) ovstest.Host {
	h.IPs = nil
	for _, a := range addresses {
		h.IPs = append(h.IPs, netip.MustParseAddr(a))
	}
	return h
}

var (
	refused = want{punts: []pipeline.Reason{pipeline.ReasonRefused}}
	asked   = want{punts: []pipeline.Reason{pipeline.ReasonSearch}}
)

// TestStrictPorts checks what a strict port lets pass, in the simulation and in Open vSwitch.
//
// conformance: S1, S2, S3
func TestStrictPorts(t *testing.T) {
	w := secureWorld()
	b := newBoth(t, w)
	for _, cases := range [][]testCase{strictARPCases(w), strictNDCases(w), strictPacketCases(w), strictAnyCases(w)} {
		runCases(t, b, cases)
	}
}

func strictARPCases(w ovstest.World) []testCase {
	listed, only4 := w.Host("listed"), w.Host("only4")
	stranger := ovstest.Host{MAC: packet.MAC{2, 0, 0, 0, 0xee, 1}, Port: 1, Net: 1}
	probe := func(h ovstest.Host, target string) []byte {
		return asks(h, target).change(func(q *question) { q.arp.SPA = [4]byte{} }).frame()
	}
	known := asks(listed, "10.0.0.4")
	reply := func(h ovstest.Host, change func(q *question)) []byte {
		return asks(h, "10.0.0.4").change(func(q *question) { q.arp.Op, q.dst = 2, w.Host("plain").MAC; change(q) }).frame()
	}
	return []testCase{
		{"S1 a listed address asks", 1, known.frame(), want{ports: []uint32{1}, frame: answer(known, w.Host("plain"))}},
		{"S1 a listed address answers", 1, reply(listed, func(*question) {}), want{ports: []uint32{3}}},
		{"S1 the second of the list", 1, asks(only4, "10.0.0.77").frame(), asked},
		{"S1 an address of a listed prefix", 1, asks(another(listed, "10.0.0.10"), "10.0.0.77").frame(),
			want{punts: []pipeline.Reason{pipeline.ReasonLearn, pipeline.ReasonSearch}}},
		{"S1 an address that is not listed", 1, asks(another(listed, "10.0.0.12"), "10.0.0.4").frame(), refused},
		{"S1 the other MAC's address", 1, asks(another(listed, "10.0.0.2"), "10.0.0.4").frame(), refused},
		{"S1 an answer for somebody else", 1, reply(another(listed, "10.0.0.3"), func(*question) {}), refused},
		{"S1 another hardware address", 1, reply(listed, func(q *question) { q.arp.SHA = stranger.MAC }), refused},
		{"S1 an announcement of somebody else's in two priority tags", 1, priorityTagged(priorityTagged(asks(another(listed, "10.0.0.4"), "10.0.0.4").frame())), refused},
		{"S1 another Ethernet source", 1, reply(listed, func(q *question) { q.src = stranger.MAC }), refused},
		{"S1 an announcement of somebody else's", 1, asks(another(listed, "10.0.0.4"), "10.0.0.4").frame(), refused},
		{"S2 an ARP probe for a listed address", 1, probe(listed, "10.0.0.9"), asked},
		{"S2 an ARP probe for an address that is not listed", 1, probe(listed, "10.0.0.88"), refused},
		{"S2 an ARP probe of a stranger", 1, probe(stranger, "10.0.0.9"), refused},
		{"S2 an answer from no address", 1, reply(listed, func(q *question) { q.arp.SPA, q.arp.TPA = [4]byte{}, ip4("10.0.0.9") }), refused},
	}
}

func strictNDCases(w ovstest.World) []testCase {
	listed, only4 := w.Host("listed"), w.Host("only4")
	other := packet.MAC{2, 0, 0, 0, 0xee, 1}
	global := another(listed, "2001:db8::1")
	dad := func(h ovstest.Host, target string) question {
		return solicits(h, target).change(func(q *question) { q.nd.src, q.nd.options = [16]byte{}, nil })
	}
	na := func(h ovstest.Host) question { return advertises(h, w.Host("plain").MAC, "fe80::3", 0x60000000) }
	known := solicits(listed, "fe80::3")
	ownLinkLocal := "fe80::ff:fe00:11"
	return []testCase{
		{"S1 a listed address solicits", 1, known.frame(), want{ports: []uint32{1}, frame: advert(known, w.Host("plain"), 0x60000000)}},
		{"S1 an address of a listed prefix solicits", 1, solicits(global, "fe80::77").frame(), asked},
		{"S1 a solicitation from somebody else's address", 1, solicits(another(listed, "fe80::3"), "fe80::77").frame(), refused},
		{"S1 a solicitation with another MAC", 1, known.change(func(q *question) { q.nd.options = linkLayer(1, other) }).frame(), refused},
		{"S1 a solicitation from another MAC", 1, known.change(func(q *question) { q.src = other }).frame(), refused},
		{"S1 a listed address advertises", 1, na(another(listed, "fe80::1")).frame(), want{ports: []uint32{3}}},
		{"S1 an advertisement of somebody else's", 1, na(another(listed, "fe80::2")).frame(), refused},
		{"S1 likewise from a listed address", 1, na(listed).change(func(q *question) { q.nd.src, q.nd.target = ip6("fe80::1"), ip6("fe80::2") }).frame(), refused},
		{"S1 a listed address is advertised from the MAC's own link-local one", 1, na(listed).change(func(q *question) { q.nd.src, q.nd.target = ip6("fe80::ff:fe00:1"), ip6("2001:db8::1") }).frame(), want{ports: []uint32{3}}},
		{"S1 a listed address is advertised from somebody else's", 1, na(listed).change(func(q *question) { q.nd.src, q.nd.target = ip6("fe80::2"), ip6("fe80::1") }).frame(), refused},
		{"S1 an advertisement with another MAC", 1, na(another(listed, "fe80::1")).change(func(q *question) { q.nd.options = linkLayer(2, other) }).frame(), refused},
		{"S1 malformed ND is that", 1, known.change(func(q *question) { q.nd.hopLimit = 64 }).frame(), want{punts: []pipeline.Reason{pipeline.ReasonMalformed}}},
		{"S2 a DAD probe for a listed address", 1, dad(listed, "2001:db8::77").frame(), asked},
		{"S2 a DAD probe for the MAC's own link-local address", 1, dad(only4, ownLinkLocal).frame(), asked},
		{"S2 a DAD probe for an address that is not listed", 1, dad(listed, "fe80::88").frame(), refused},
		{"S2 a DAD probe of another MAC", 1, dad(listed, "2001:db8::77").change(func(q *question) { q.src = other }).frame(), refused},
	}
}

func strictPacketCases(w ovstest.World) []testCase {
	listed, plain := w.Host("listed"), w.Host("plain")
	four := ipPacket{dst: plain.MAC, src: listed.MAC, from: "10.0.0.1", to: "10.0.0.4", ttl: 64, proto: layers.IPProtocolICMPv4, icmp: [2]uint8{8, 0}}
	six := ipPacket{dst: plain.MAC, src: listed.MAC, from: "2001:db8::77", to: "fe80::3", ttl: 64, proto: layers.IPProtocolICMPv6, icmp: [2]uint8{128, 0}}
	discover := udp(four, 68, 67).change(func(p *ipPacket) { p.dst, p.from, p.to = packet.Broadcast, "0.0.0.0", "255.255.255.255" })
	solicit := six.change(func(p *ipPacket) {
		p.dst, p.from, p.to, p.ttl, p.icmp = packet.MAC{0x33, 0x33, 0, 0, 0, 2}, "::", "ff02::2", 255, [2]uint8{133, 0}
	})
	from := func(p ipPacket, address string) []byte {
		return p.change(func(p *ipPacket) { p.from = address }).frame()
	}
	passes := want{ports: []uint32{3}}
	all := want{ports: []uint32{2, 3, 4, 5, local}}
	return []testCase{
		{"S3 IPv4 from a listed address", 1, four.frame(), passes},
		{"S3 IPv4 from another address", 1, from(four, "10.0.0.3"), refused},
		{"S3 IPv4 from no address", 1, from(four, "0.0.0.0"), refused},
		{"S3 a later fragment from another address", 1, four.change(func(p *ipPacket) { p.from, p.fragment = "10.0.0.3", 20 }).frame(), refused},
		{"S3 another MAC", 1, four.change(func(p *ipPacket) { p.src = plain.MAC }).frame(), refused},
		{"S3 a DHCP client without an address", 1, discover.frame(), want{ports: all.ports, punts: []pipeline.Reason{pipeline.ReasonRelease}}},
		{"S3 IPv6 from a listed prefix", 1, six.frame(), passes},
		{"S3 IPv6 from another address", 1, from(six, "2001:db8:1::1"), refused},
		{"S3 IPv6 from the MAC's own link-local address", 1, from(six, "fe80::ff:fe00:1"), passes},
		{"S3 IPv6 from another link-local address", 1, from(six, "fe80::99"), refused},
		{"S3 a router solicitation from nobody", 1, solicit.frame(), all},
		{"S3 an MLD report from nobody", 1, solicit.change(func(p *ipPacket) { p.icmp[0], p.to, p.ttl = 143, "ff02::16", 1 }).frame(), all},
		{"S3 anything else from nobody", 1, solicit.change(func(p *ipPacket) { p.icmp[0] = 128 }).frame(), refused},
	}
}

// strictAnyCases are about a MAC that may have any address.
func strictAnyCases(w ovstest.World) []testCase {
	any, plain := w.Host("any"), w.Host("plain")
	stranger := another(ovstest.Host{MAC: packet.MAC{2, 0, 0, 0, 0xee, 1}}, "10.0.0.99", "fe80::4")
	learned := want{punts: []pipeline.Reason{pipeline.ReasonLearn, pipeline.ReasonSearch}}
	new4, new6 := another(any, "192.0.2.7"), another(any, "2001:db8::abcd")
	data := ipPacket{dst: plain.MAC, src: any.MAC, from: "198.51.100.1", to: "10.0.0.4", ttl: 64, proto: layers.IPProtocolTCP, ports: [2]uint16{1, 2}}
	return []testCase{
		{"S1 any address asks", 4, asks(new4, "10.0.0.77").frame(), learned},
		{"S1 any address solicits", 4, solicits(new6, "fe80::77").frame(), learned},
		{"S1 any address advertises", 4, advertises(new6, plain.MAC, "fe80::3", 0x60000000).frame(), want{ports: []uint32{3}, punts: []pipeline.Reason{pipeline.ReasonLearn}}},
		{"S2 an ARP probe", 4, asks(any, "192.0.2.8").change(func(q *question) { q.arp.SPA = [4]byte{} }).frame(), asked},
		{"S2 a DAD probe", 4, solicits(any, "fe80::88").change(func(q *question) { q.nd.src, q.nd.options = [16]byte{}, nil }).frame(), asked},
		{"S3 a packet from any address", 4, data.frame(), want{ports: []uint32{3}}},
		{"S1 another MAC asks", 4, asks(stranger, "10.0.0.77").frame(), refused},
		{"S1 another MAC solicits", 4, solicits(stranger, "fe80::77").frame(), refused},
		{"S1 another hardware address in ARP", 4, asks(any, "10.0.0.77").change(func(q *question) { q.arp.SHA = plain.MAC }).frame(), refused},
		{"S1 another MAC in a solicitation", 4, solicits(any, "fe80::77").change(func(q *question) { q.nd.options = linkLayer(1, plain.MAC) }).frame(), refused},
		{"S3 another MAC sends", 4, data.change(func(p *ipPacket) { p.src = stranger.MAC }).frame(), refused},
	}
}

// TestServersAndRouters checks that what only DHCP servers and routers send comes in on trusted ports
// alone, in the simulation and in Open vSwitch.
//
// conformance: S4, S5
func TestServersAndRouters(t *testing.T) {
	w := secureWorld()
	b := newBoth(t, w)
	plain, server, both := w.Host("plain"), w.Host("server"), w.Host("both")
	offer := ipPacket{dst: packet.Broadcast, src: plain.MAC, from: "10.0.0.4", to: "255.255.255.255", ttl: 64, proto: layers.IPProtocolUDP, ports: [2]uint16{67, 68}}
	toOne := offer.change(func(p *ipPacket) { p.dst, p.to = w.Host("listed").MAC, "10.0.0.1" })
	reply6 := ipPacket{dst: w.Host("listed").MAC, src: plain.MAC, from: "fe80::3", to: "fe80::1", ttl: 64, proto: layers.IPProtocolUDP, ports: [2]uint16{547, 546}}
	as := func(p ipPacket, h ovstest.Host, from string) []byte { p.src, p.from = h.MAC, from; return p.frame() }
	ra := func(h ovstest.Host, kind uint8, ahead ...byte) []byte {
		m := &ndMessage{kind: kind, hopLimit: 255, dst: ip6("ff02::1"), src: h.IPs[1].As16()}
		return withHeaders(question{dst: packet.MAC{0x33, 0x33, 0, 0, 0, 1}, src: h.MAC, nd: m}.frame(), ahead...)
	}
	others := want{ports: []uint32{1, 2, 4, 5, local}}
	snooped := func(ports ...uint32) want { return want{ports: ports, punts: []pipeline.Reason{pipeline.ReasonDHCP}} }
	lone := func(p ipPacket) []byte { p.fragment = 20; return p.frame() }
	first := func(p ipPacket) []byte { p.more = true; return p.frame() }
	runCases(t, b, []testCase{
		{"S4 a DHCP server", 3, offer.frame(), refused},
		{"S4 from another port", 3, udp(offer, 1067, 68).frame(), refused},
		{"S4 to one host", 3, toOne.frame(), refused},
		{"S4 a broadcast fragment", 3, first(offer), refused},
		{"S4 a fragment to one host", 3, first(toOne), refused},
		{"S4 a later one, which nobody reads alone", 3, lone(offer), others},
		{"S4 a DHCPv6 server", 3, reply6.frame(), refused},
		{"S4 DHCPv6 in a fragment", 3, withHeaders(reply6.frame(), 44), refused},
		{"S4 DHCPv6 in a fragment, behind a header", 3, withHeaders(reply6.frame(), 44, 60), refused},
		{"S4 DHCPv6 in a fragment that ends before its ports", 3, firstFragment(reply6.frame()), refused},
		{"S4 other fragments", 3, withHeaders(udp(reply6, 547, 53).frame(), 44), want{ports: []uint32{1}}},
		{"S4 on a trusted port", 2, as(offer, server, "10.0.0.3"), snooped(1, 3, 4, 5, local)},
		{"S4 DHCPv6 on a trusted port", 2, as(reply6, server, "fe80::2"), snooped(1)},
		{"S4 on a trusted port that is strict", 5, as(offer, both, "10.0.0.5"), snooped(1, 2, 3, 4, local)},
		{"S4 likewise from an address that is not listed", 5, as(offer, both, "10.0.0.6"), refused},
		{"S4 a client's message", 3, udp(offer, 68, 67).frame(), want{ports: []uint32{1, 2, 4, 5, local}, punts: []pipeline.Reason{pipeline.ReasonRelease}}},
		{"S4 a DHCPv6 client's message", 3, udp(reply6, 546, 547).frame(), want{ports: []uint32{1}, punts: []pipeline.Reason{pipeline.ReasonRelease}}},
		{"S5 a router", 3, ra(plain, 134), refused},
		{"S5 a redirect", 3, ra(plain, 137), refused},
		{"S5 behind an extension header", 3, ra(plain, 134, 60), refused},
		{"S5 behind several", 3, ra(plain, 134, 60, 0, 43), refused},
		{"S5 in a fragment", 3, ra(plain, 134, 44), refused},
		{"S5 in a fragment, behind a header", 3, ra(plain, 134, 60, 44), refused},
		{"S5 in a fragment that ends before it", 3, ra(plain, 134, 44, 60)[:14+40+8+4], refused},
		{"S5 in a fragment that ends before its type", 3, firstFragment(ra(plain, 134)), refused},
		{"S5 in a fragment, on a trusted port", 2, ra(server, 134, 44), want{punts: []pipeline.Reason{pipeline.ReasonMalformed}}},
		{"S5 a router on a trusted port", 2, ra(server, 134), want{ports: []uint32{1, 3, 4, 5, local}}},
		{"S5 a router on a trusted port that is strict", 5, ra(both, 134), want{ports: []uint32{1, 2, 3, 4, local}}},
		{"S5 inside two priority tags", 3, priorityTagged(priorityTagged(ra(plain, 134))), refused},
		{"S5 likewise any other frame", 3, priorityTagged(priorityTagged(echoFragment(plain))), refused},
		{"S5 inside one", 3, priorityTagged(ra(plain, 134)), refused},
		{"S5 two tags on a trusted port", 2, priorityTagged(priorityTagged(ra(server, 134))), want{ports: []uint32{1, 3, 4, 5, local}}},
		{"S5 two tags on a trusted port that is strict", 5, priorityTagged(priorityTagged(ra(both, 134))), refused},
		{"S5 in what overlaps a fragment", 3, overlapped(plain), refused},
		{"S5 a large ping", 3, echoFragment(plain), others},
	})
}

// A question of isat's own to one host passes from switch to switch, by links,
// which are trusted ports; nobody else speaks as isat. So does the router solicitation
// of a host that was never heard there: the switch before has compared it.
//
// conformance: R2, S8
func TestQuestionsCrossLinks(t *testing.T) {
	w := secureWorld()
	listed := w.Host("listed")
	ask := func(to packet.MAC) []byte {
		return packet.AppendARP(nil, to, pipeline.MAC, false, 0, &packet.ARP{Op: packet.ARPRequest, SHA: pipeline.MAC, TPA: listed.IPs[0].As4()})
	}
	own, target := pipeline.MAC, listed.IPs[1].As16()
	ns := packet.AppendNS(nil, listed.MAC, pipeline.MAC, false, 0, packet.LinkLocal(pipeline.MAC), target, target, &own, nil)
	reply := packet.AppendARP(nil, listed.MAC, pipeline.MAC, false, 0, &packet.ARP{Op: packet.ARPReply, SHA: pipeline.MAC})
	rs := func(h ovstest.Host, source string) []byte {
		return ipPacket{dst: packet.MAC{0x33, 0x33, 0, 0, 0, 2}, src: h.MAC, from: source, to: "ff02::2", ttl: 255,
			proto: layers.IPProtocolICMPv6, icmp: [2]uint8{133, 0}}.frame()
	}
	plain, learn := w.Host("plain"), []pipeline.Reason{pipeline.ReasonLearn}
	runCases(t, newBoth(t, w), []testCase{
		{"R2 by a link", 2, ask(listed.MAC), want{ports: []uint32{1}}},
		{"R2 a solicitation by a link", 2, ns, want{ports: []uint32{1}}},
		{"R2 to everybody", 2, ask(packet.Broadcast), want{}},
		{"R2 from a host", 3, ask(listed.MAC), want{}},
		{"R2 an answer as isat", 2, reply, want{}},
		{"S8 a router solicitation by a link", 2, rs(plain, "fe80::3"), want{ports: []uint32{1, 3, 4, 5, local}, punts: learn}},
		{"S8 one in another host's name by a link", 2, rs(w.Host("server"), "fe80::3"), want{}},
		{"S8 one with another host's MAC that is no link's", 3, rs(listed, "fe80::1"), want{punts: learn}},
	})
}

// priorityTagged puts a tag without a VLAN before what a frame has.
func priorityTagged(frame []byte) []byte {
	return slices.Insert(slices.Clone(frame), 12, 0x81, 0, 0, 0)
}

// withHeaders puts extension headers before the payload of an IPv6 packet, the first of a list first;
// a fragment header says that more is to come.
func withHeaders(frame []byte, list ...byte) []byte {
	const ip = 14
	for _, next := range slices.Backward(list) {
		header := make([]byte, 8)
		header[0] = frame[ip+6]
		switch next {
		case 44:
			header[3] = 1
		case 0, 60:
			header[2], header[3] = 1, 4 // PadN
		}
		frame[ip+6] = next
		frame = slices.Insert(frame, ip+40, header...)
		binary.BigEndian.PutUint16(frame[ip+4:], binary.BigEndian.Uint16(frame[ip+4:])+8)
	}
	return frame
}

// firstFragment is the first fragment of an IPv6 packet with destination options: those alone.
func firstFragment(frame []byte) []byte {
	frame = withHeaders(frame, 44, 60)[:14+40+8+8]
	binary.BigEndian.PutUint16(frame[14+4:], 8+8)
	return frame
}

// overlapped is the first fragment of an echo request that others can make an advertisement.
func overlapped(h ovstest.Host) []byte {
	p := ipPacket{dst: packet.MAC{0x33, 0x33, 0, 0, 0, 1}, src: h.MAC, from: h.IPs[1].String(), to: "ff02::1", ttl: 255,
		proto: layers.IPProtocolICMPv6, icmp: [2]uint8{128, 0}}
	return withHeaders(p.frame(), 44, 60)
}

// echoFragment is the first fragment of an echo request to all nodes.
func echoFragment(h ovstest.Host) []byte {
	p := ipPacket{dst: packet.MAC{0x33, 0x33, 0, 0, 0, 1}, src: h.MAC, from: h.IPs[1].String(), to: "ff02::1", ttl: 64,
		proto: layers.IPProtocolICMPv6, icmp: [2]uint8{128, 0}}
	return withHeaders(p.frame(), 44)
}

// TestClaims checks that what gives an address another MAC than it has reaches nobody before the
// controller has decided, and that all else does, in the simulation and in Open vSwitch.
//
// conformance: S8
func TestClaims(t *testing.T) {
	w := ovstest.Worlds()[0]
	h1, h2, stranger := w.Host("h1"), w.Host("h2"), ovstest.Host{MAC: packet.MAC{2, 0, 0, 0, 0xee, 1}}
	claimed := want{punts: []pipeline.Reason{pipeline.ReasonClaim}}
	tells := func(from, to ovstest.Host, spa string) question {
		return asks(from, "10.0.0.2").change(func(q *question) { q.arp.Op, q.dst, q.arp.SPA = 2, to.MAC, ip4(spa) })
	}
	advert := func(h ovstest.Host, target string) question {
		return advertises(another(h, target), h2.MAC, "fe80::2", 0x60000000)
	}
	// MACs that differ in one bit, at either end of both comparisons.
	near := func(octet int, bit byte) ovstest.Host {
		h := h1
		h.MAC[octet] ^= bit
		return h
	}
	runCases(t, newBoth(t, w), []testCase{
		{"an answer for another host", 3, tells(stranger, h2, "10.0.0.1").frame(), claimed},
		{"an answer of a known host for another one", 4, tells(w.Host("router"), h2, "10.0.0.1").frame(), claimed},
		{"a question in another one's name", 3, asks(another(stranger, "10.0.0.1"), "10.0.0.2").frame(), claimed},
		{"another hardware address", 1, tells(h1, h2, "10.0.0.1").change(func(q *question) { q.arp.SHA = stranger.MAC }).frame(), claimed},
		{"an advertisement for another host", 3, advert(stranger, "fe80::1").frame(), claimed},
		{"one without an option", 3, advert(stranger, "fe80::1").change(func(q *question) { q.nd.options = nil }).frame(), claimed},
		{"the lowest bit", 3, tells(near(5, 1), h2, "10.0.0.1").frame(), claimed},
		{"the highest bit below", 3, tells(near(2, 0x80), h2, "10.0.0.1").frame(), claimed},
		{"the lowest bit above", 3, tells(near(1, 1), h2, "10.0.0.1").frame(), claimed},
		{"the highest bit but one", 3, tells(near(0, 0x80), h2, "10.0.0.1").frame(), claimed},
		{"the owner itself", 1, tells(h1, h2, "10.0.0.1").frame(), want{ports: []uint32{2}}},
		{"the owner itself at another port", 3, tells(h1, h2, "10.0.0.1").frame(), want{ports: []uint32{2}, punts: []pipeline.Reason{pipeline.ReasonLearn}}},
		{"an unknown address", 3, tells(stranger, h2, "10.0.0.99").frame(), want{ports: []uint32{2}, punts: []pipeline.Reason{pipeline.ReasonLearn}}},
		{"a stale one", 3, tells(stranger, h2, "10.0.0.3").frame(), want{ports: []uint32{2}, punts: []pipeline.Reason{pipeline.ReasonLearn}}},
	})
	rs := func(h ovstest.Host, source string) []byte {
		return ipPacket{dst: packet.MAC{0x33, 0x33, 0, 0, 0, 2}, src: h.MAC, from: source, to: "ff02::2", ttl: 255,
			proto: layers.IPProtocolICMPv6, icmp: [2]uint8{133, 0}}.frame()
	}
	all := func(punts ...pipeline.Reason) want { return want{ports: []uint32{1, 3, 4, local}, punts: punts} }
	runCases(t, newBoth(t, w), []testCase{
		{"a router solicitation for another host", 2, rs(h2, "fe80::1"), want{}},
		{"likewise with its MAC", 3, rs(h1, "fe80::1"), want{punts: []pipeline.Reason{pipeline.ReasonLearn}}},
		{"a router solicitation of the owner", 2, rs(h2, "fe80::2"), all()},
		{"from an unknown address", 2, rs(h2, "fe80::99"), all()},
		{"from nobody", 2, rs(h2, "::"), all()},
	})
	n := ovstest.Worlds()[1]
	runCases(t, newBoth(t, n), []testCase{
		{"the gateway's address", 1, tells(n.Host("blue1"), n.Host("blue2"), "10.1.0.1").frame(), claimed},
		{"a static one", 1, tells(n.Host("blue1"), n.Host("blue2"), "10.1.0.12").frame(), claimed},
		{"what another network has", 3, tells(n.Host("red3"), n.Host("red4"), "10.1.0.14").frame(),
			want{ports: []uint32{4}, punts: []pipeline.Reason{pipeline.ReasonLearn}}},
	})
	runCases(t, newBothWith(t, w, func(f *openflow.FlowMod) bool { return f.HardTimeout == 0 }), []testCase{
		{"a router solicitation without a controller", 2, rs(h2, "fe80::1"), all()},
		{"without a controller", 3, tells(stranger, h2, "10.0.0.1").frame(), want{ports: []uint32{2}}},
	})
}

// TestSolicitationClaims checks the same of solicitations: whoever is asked takes over what they say
// of the asker (RFC 4861 §7.2.3).
//
// conformance: S8
func TestSolicitationClaims(t *testing.T) {
	w := ovstest.Worlds()[0]
	h1, h2, stranger := w.Host("h1"), w.Host("h2"), ovstest.Host{MAC: packet.MAC{2, 0, 0, 0, 0xee, 1}}
	claimed := want{punts: []pipeline.Reason{pipeline.ReasonClaim}}
	solicit := func(h ovstest.Host, source, target string) question { return solicits(another(h, source), target) }
	bare := func(q *question) { q.nd.options = nil }
	runCases(t, newBoth(t, w), []testCase{
		{"one in another one's name", 3, solicit(stranger, "fe80::1", "fe80::2").frame(), claimed},
		{"one for an unknown address", 3, solicit(stranger, "fe80::1", "fe80::99").frame(), claimed},
		{"one to its victim alone", 3, towards(h2, solicit(stranger, "fe80::1", "fe80::2")), claimed},
		{"one to its victim alone, of a known host", 4, towards(h2, solicit(w.Host("router"), "fe80::1", "fe80::2")), claimed},
		{"one of the owner that gives another MAC", 1, towards(h2, solicit(h1, "fe80::1", "fe80::2").change(func(q *question) { q.nd.options = linkLayer(1, stranger.MAC) })), claimed},
		{"one with a nonce", 3, solicit(stranger, "fe80::1", "fe80::2").change(func(q *question) {
			q.nd.options = slices.Concat(q.nd.options, []byte{14, 1, 1, 2, 3, 4, 5, 6})
		}).frame(), claimed},
		{"one without an option tells nothing", 3, towards(h2, solicit(stranger, "fe80::1", "fe80::2").change(bare)),
			want{ports: []uint32{2}, punts: []pipeline.Reason{pipeline.ReasonLearn}}},
		{"one of the owner itself", 1, towards(h2, solicit(h1, "fe80::1", "fe80::2")), want{ports: []uint32{2}}},
		{"one from an unknown address", 3, towards(h2, solicit(stranger, "fe80::77", "fe80::2")), want{ports: []uint32{2}, punts: []pipeline.Reason{pipeline.ReasonLearn}}},
		{"one from a stale one", 4, towards(h2, solicit(w.Host("router"), "fe80::3", "fe80::2")), want{ports: []uint32{2}, punts: []pipeline.Reason{pipeline.ReasonLearn}}},
		{"one from nobody", 3, solicit(stranger, "fe80::1", "fe80::99").change(func(q *question) { q.nd.src, q.nd.options = [16]byte{}, nil }).frame(),
			want{punts: []pipeline.Reason{pipeline.ReasonLearn, pipeline.ReasonSearch}}},
	})
	runCases(t, newBothWith(t, w, func(f *openflow.FlowMod) bool { return f.HardTimeout == 0 }), []testCase{
		{"without a controller", 3, towards(h2, solicit(stranger, "fe80::1", "fe80::2")), want{ports: []uint32{2}}},
	})
}

// TestClaimGoesOn has a packet-out go on as if the claim had just come in: a question is answered.
//
// conformance: S8
func TestClaimGoesOn(t *testing.T) {
	w := ovstest.Worlds()[0]
	b := newBoth(t, w)
	claimant := ovstest.Host{MAC: packet.MAC{2, 0, 0, 0, 0xee, 1}}
	arp, nd := asks(another(claimant, "10.0.0.1"), "10.0.0.2"), solicits(another(claimant, "fe80::1"), "fe80::2")
	acts := pipeline.GoOnActions(nil, binding.Segment{Network: 1}, binding.NewPortKey(3, 0))
	list, err := openflow.DecodeActions(acts)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ frame, want []byte }{
		{arp.frame(), answer(arp, w.Host("h2"))},
		{nd.frame(), advert(nd, w.Host("h2"), 0x60000000)},
	} {
		got, err := b.sim.PacketOut(c.frame, 3, list)
		if err != nil {
			t.Fatal(err)
		}
		if err := difference(got, b.wire.PacketOut(3, acts, c.frame)); err != nil {
			t.Error(err)
		}
		if len(got.Outputs) != 1 || got.Outputs[0].Port != 3 || string(got.Outputs[0].Frame) != string(c.want) || len(got.Punts) != 0 {
			t.Errorf("%+v", got)
		}
	}
}
