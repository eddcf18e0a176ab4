package flowsim_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"pgregory.net/rapid"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/flowsim"
	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// ipPacket is an IP packet in a frame.
type ipPacket struct {
	dst, src packet.MAC
	tag      uint16
	from, to string
	ttl      uint8
	proto    layers.IPProtocol
	icmp     [2]uint8  // type and code
	ports    [2]uint16 // source and destination
	fragment uint16    // offset in units of 8 octets; of IPv4
	more     bool
}

func (p ipPacket) frame() []byte {
	eth := &layers.Ethernet{DstMAC: p.dst[:], SrcMAC: p.src[:], EthernetType: layers.EthernetTypeIPv4}
	from, to := netip.MustParseAddr(p.from), netip.MustParseAddr(p.to)
	var network gopacket.NetworkLayer
	list := []gopacket.SerializableLayer{eth}
	if !from.Is4() {
		eth.EthernetType = layers.EthernetTypeIPv6
		v6 := &layers.IPv6{Version: 6, SrcIP: from.AsSlice(), DstIP: to.AsSlice(), HopLimit: p.ttl, NextHeader: p.proto}
		network, list = v6, append(list, v6)
	} else {
		v4 := &layers.IPv4{Version: 4, IHL: 5, SrcIP: from.AsSlice(), DstIP: to.AsSlice(), TTL: p.ttl, Protocol: p.proto, FragOffset: p.fragment}
		if p.more {
			v4.Flags = layers.IPv4MoreFragments
		}
		network, list = v4, append(list, v4)
	}
	if p.tag != 0 {
		list = slices.Insert(list, 1, gopacket.SerializableLayer(&layers.Dot1Q{VLANIdentifier: p.tag, Type: eth.EthernetType}))
		eth.EthernetType = layers.EthernetTypeDot1Q
	}
	b := gopacket.NewSerializeBuffer()
	list = append(list, p.transport(network), gopacket.Payload(bytes.Repeat([]byte("isat"), 12)))
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, list...); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func (p ipPacket) transport(network gopacket.NetworkLayer) gopacket.SerializableLayer {
	switch p.proto {
	case layers.IPProtocolICMPv4:
		return &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(p.icmp[0], p.icmp[1]), Id: 1, Seq: 1}
	case layers.IPProtocolICMPv6:
		l := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(p.icmp[0], p.icmp[1])}
		_ = l.SetNetworkLayerForChecksum(network)
		return l
	case layers.IPProtocolUDP:
		l := &layers.UDP{SrcPort: layers.UDPPort(p.ports[0]), DstPort: layers.UDPPort(p.ports[1])}
		_ = l.SetNetworkLayerForChecksum(network)
		return l
	case layers.IPProtocolTCP:
		l := &layers.TCP{SrcPort: layers.TCPPort(p.ports[0]), DstPort: layers.TCPPort(p.ports[1]), SYN: true}
		_ = l.SetNetworkLayerForChecksum(network)
		return l
	}
	return gopacket.Payload(nil)
}

func (p ipPacket) change(f func(*ipPacket)) ipPacket {
	f(&p)
	return p
}

// The routers world, and packets in it that are routed.

func routersWorld() ovstest.World { return ovstest.Worlds()[3] }

func echo4(w ovstest.World, to string) ipPacket {
	return ipPacket{dst: w.Host("r1-left").MAC, src: w.Host("left1").MAC, from: "10.1.1.11", to: to, ttl: 64,
		proto: layers.IPProtocolICMPv4, icmp: [2]uint8{8, 0}}
}

func echo6(w ovstest.World, to string) ipPacket {
	return ipPacket{dst: w.Host("r1-left").MAC, src: w.Host("left1").MAC, from: "fd00:1::11", to: to, ttl: 64,
		proto: layers.IPProtocolICMPv6, icmp: [2]uint8{128, 0}}
}

func udp(p ipPacket, source, destination uint16) ipPacket {
	p.proto, p.ports = layers.IPProtocolUDP, [2]uint16{source, destination}
	return p
}

// routed is the frame as the last router sends it on.
func routed(p ipPacket, by, to ovstest.Host, hops uint8) []byte {
	p.src, p.dst, p.tag = by.MAC, to.MAC, to.Trunk
	p.ttl -= hops
	return p.frame()
}

// turned is the answer that goes back to the sender.
func turned(p ipPacket, kind, ttl uint8) []byte {
	p.src, p.dst, p.from, p.to = p.dst, p.src, p.to, p.from
	p.ttl, p.icmp[0] = ttl, kind
	return p.frame()
}

// TestRouting walks through what RFC 1812 and RFC 4291 ask of a router, as far as flows alone decide
// it, in the simulation and in Open vSwitch.
func TestRouting(t *testing.T) {
	w := routersWorld()
	b := newBoth(t, w)
	host := w.Host
	known4, known6 := echo4(w, "10.1.2.13"), echo6(w, "fd00:2::15")
	drop := want{}
	cases := []testCase{
		{"over two routers to the destination", 1, known4.frame(), want{ports: []uint32{3}, frame: routed(known4, host("r2-right"), host("right3"), 2)}},
		{"likewise IPv6, to a trunk", 1, known6.frame(), want{ports: []uint32{5}, frame: routed(known6, host("r2-right"), host("right5"), 2)}},
		{"within the network through its router", 1, echo4(w, "10.1.1.12").frame(), want{ports: []uint32{2}, frame: routed(echo4(w, "10.1.1.12"), host("r1-left"), host("left2"), 1)}},
		{"back out of the port it came in on (RFC 1812 §5.2.7.2)", 2, echo4(w, "198.51.100.9").change(func(p *ipPacket) { p.src, p.from = host("left2").MAC, "10.1.1.12" }).frame(),
			want{ports: []uint32{2}, frame: routed(echo4(w, "198.51.100.9").change(func(p *ipPacket) { p.src, p.from = host("left2").MAC, "10.1.1.12" }), host("r1-left"), host("left2"), 1)}},
		{"an unknown next hop", 1, echo4(w, "10.1.2.99").frame(), want{punts: []pipeline.Reason{pipeline.ReasonHold}}},
		{"likewise IPv6", 1, echo6(w, "fd00:2::99").frame(), want{punts: []pipeline.Reason{pipeline.ReasonHold}}},
		{"no route (RFC 1812 §5.2.7.1)", 1, echo6(w, "2001:db8::1").frame(), want{punts: []pipeline.Reason{pipeline.ReasonCompose}}},
		{"a directed broadcast (RFC 2644)", 1, echo4(w, "10.1.3.255").frame(), drop},

		{"the router's own address (RFC 1812 §4.3.3.6)", 1, echo4(w, "10.1.1.1").frame(), want{ports: []uint32{1}, frame: turned(echo4(w, "10.1.1.1"), 0, 255)}},
		{"one of another interface", 1, echo4(w, "10.1.3.1").frame(), want{ports: []uint32{1}, frame: turned(echo4(w, "10.1.3.1"), 0, 255)}},
		{"one of IPv6 (RFC 4443 §4.2)", 1, echo6(w, "fd00:1::1").frame(), want{ports: []uint32{1}, frame: turned(echo6(w, "fd00:1::1"), 129, 255)}},
		{"one of the router behind", 1, echo4(w, "10.1.2.1").frame(), want{ports: []uint32{1}, frame: turned(echo4(w, "10.1.2.1"), 0, 254)}},
		{"UDP to the router (RFC 1122 §3.2.2.1)", 1, udp(echo4(w, "10.1.1.1"), 1000, 7).frame(), want{punts: []pipeline.Reason{pipeline.ReasonCompose}}},
		{"UDP to the router over IPv6 (RFC 4443 §3.1)", 1, udp(echo6(w, "fd00:1::1"), 1000, 7).frame(), want{punts: []pipeline.Reason{pipeline.ReasonCompose}}},
		{"GRE to the router", 1, echo4(w, "10.1.1.1").change(func(p *ipPacket) { p.proto = layers.IPProtocolGRE }).frame(), want{punts: []pipeline.Reason{pipeline.ReasonCompose}}},
		{"an ICMP error for the router", 1, echo4(w, "10.1.1.1").change(func(p *ipPacket) { p.icmp = [2]uint8{3, 1} }).frame(), drop},
		{"a later fragment for the router", 1, udp(echo4(w, "10.1.1.1"), 1, 7).change(func(p *ipPacket) { p.fragment = 20 }).frame(), drop},

		{"TTL 1 (RFC 1812 §5.3.1)", 1, echo4(w, "10.1.2.13").change(func(p *ipPacket) { p.ttl = 1 }).frame(), want{punts: []pipeline.Reason{pipeline.ReasonCompose}}},
		{"TTL 2 ends at the second router", 1, echo4(w, "10.1.2.13").change(func(p *ipPacket) { p.ttl = 2 }).frame(), want{punts: []pipeline.Reason{pipeline.ReasonCompose}}},
		{"hop limit 0 (RFC 8200 §3)", 1, echo6(w, "fd00:2::15").change(func(p *ipPacket) { p.ttl = 0 }).frame(), want{punts: []pipeline.Reason{pipeline.ReasonCompose}}},
		{"TTL 1, for the router itself", 1, echo4(w, "10.1.1.1").change(func(p *ipPacket) { p.ttl = 1 }).frame(), want{ports: []uint32{1}, frame: turned(echo4(w, "10.1.1.1"), 0, 255)}},
		{"TTL 1 in a later fragment", 1, udp(echo4(w, "10.1.2.13"), 1, 2).change(func(p *ipPacket) { p.ttl, p.fragment = 1, 20 }).frame(), drop},
		{"a policy", 1, echo4(w, "10.1.2.13").change(func(p *ipPacket) { p.proto, p.ports = layers.IPProtocolTCP, [2]uint16{1000, 23} }).frame(), drop},
		{"in a VLAN of the hosts' own", 1, echo4(w, "10.1.2.13").change(func(p *ipPacket) { p.tag = 7 }).frame(), want{punts: []pipeline.Reason{pipeline.ReasonLearn}}},
		{"the first fragment of an echo request", 1, echo4(w, "10.1.1.1").change(func(p *ipPacket) { p.more = true }).frame(), drop},
		{"a policy that refuses", 1, udp(echo4(w, "10.1.2.14"), 1000, 53).frame(), want{punts: []pipeline.Reason{pipeline.ReasonCompose}}},
	}
	for _, source := range []string{"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "169.254.0.1", "10.1.1.1", "10.1.3.1", "10.1.1.255", "10.1.1.0"} {
		cases = append(cases, testCase{"no packet from " + source + " (RFC 1812 §5.3.7, §5.3.8)", 1,
			echo4(w, "10.1.2.13").change(func(p *ipPacket) { p.from = source }).frame(), drop})
	}
	for _, destination := range []string{"127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "169.254.0.1"} {
		cases = append(cases, testCase{"no packet to " + destination, 1, echo4(w, destination).frame(), drop})
	}
	for _, source := range []string{"::", "::1", "ff02::1", "fe80::11", "fd00:1::1"} {
		cases = append(cases, testCase{"no packet from " + source + " (RFC 4291 §2.5)", 1,
			echo6(w, "fd00:2::15").change(func(p *ipPacket) { p.from = source }).frame(), drop})
	}
	for _, destination := range []string{"::", "::1", "fe80::99"} {
		cases = append(cases, testCase{"no packet to " + destination, 1, echo6(w, destination).frame(), drop})
	}
	runCases(t, b, cases)
}

// TestRouterIsAsked checks that a router answers for its own addresses, by broadcast and by unicast.
func TestRouterIsAsked(t *testing.T) {
	w := routersWorld()
	left1, r1 := w.Host("left1"), w.Host("r1-left")
	arp, nd := asks(left1, "10.1.1.1"), solicits(left1, "fd00:1::1")
	toOne := func(q question) question { return q.change(func(q *question) { q.dst = r1.MAC }) }
	unicast := toOne(nd).change(func(q *question) { q.nd.dst = ip6("fd00:1::1") })
	bare := unicast.change(func(q *question) { q.nd.options = nil })
	runCases(t, newBoth(t, w), []testCase{
		{"ARP", 1, arp.frame(), want{ports: []uint32{1}, frame: answer(arp, r1)}},
		{"ARP by unicast", 1, toOne(arp).frame(), want{ports: []uint32{1}, frame: answer(toOne(arp), r1)}},
		{"ND", 1, nd.frame(), want{ports: []uint32{1}, frame: advert(nd, r1, 0xe0000000)}},
		{"ND by unicast, as hosts check their router (RFC 4861 §7.3.1)", 1, unicast.frame(), want{ports: []uint32{1}, frame: advert(unicast, r1, 0xe0000000)}},
		{"ND by unicast without an option", 1, bare.frame(), want{punts: []pipeline.Reason{pipeline.ReasonCompose}}},
		{"another host's address, asked of the router", 1, toOne(asks(left1, "10.1.1.12")).frame(), want{}},
	})
}

// TestHeldPacketGoesOn resumes a packet when the next hop is known, on the switch and in the
// simulation: it comes out as if it had never stopped.
func TestHeldPacketGoesOn(t *testing.T) {
	w := routersWorld()
	base := w.Base(t)
	p := echo4(w, "10.1.2.99")
	before, err := flowsim.New(w.Flows(t), base.Groups)
	if err != nil {
		t.Fatal(err)
	}
	stopped := before.Run(p.frame(), 1)
	if len(stopped.Punts) != 1 || !stopped.Punts[0].Paused || len(stopped.Outputs) != 0 {
		t.Fatalf("not paused: %+v", stopped)
	}
	late := ovstest.Host{Name: "late", MAC: packet.MAC{2, 0, 0, 0, 0, 0x99}, Port: 3, Net: 102, IPs: []netip.Addr{netip.MustParseAddr("10.1.2.99")}, Origin: binding.ARP}
	w.Hosts = append(w.Hosts, late)
	after, err := flowsim.New(w.Flows(t), base.Groups)
	if err != nil {
		t.Fatal(err)
	}
	gone := after.Resume(stopped.Punts[0])
	if want := routed(p, w.Host("r2-right"), late, 2); len(gone.Outputs) != 1 || gone.Outputs[0].Port != 3 || !bytes.Equal(gone.Outputs[0].Frame, want) {
		t.Errorf("resumed: %+v, want %x", gone.Outputs, want)
	}
	if again := before.Resume(stopped.Punts[0]); len(again.Punts) != 1 || !again.Punts[0].Paused {
		t.Errorf("resumed without a binding: %+v", again)
	}
}

// TestComposedGoesBack carries out the actions of a time exceeded on the packet that the controller
// makes: it goes to the sender, from the router that it expired at.
func TestComposedGoesBack(t *testing.T) {
	w := routersWorld()
	sim, err := flowsim.New(w.Flows(t), w.Base(t).Groups)
	if err != nil {
		t.Fatal(err)
	}
	for ttl, source := range map[uint8]string{1: "10.1.1.1", 2: "10.1.3.2"} {
		got := sim.Run(echo4(w, "10.1.2.13").change(func(p *ipPacket) { p.ttl = ttl }).frame(), 1)
		if len(got.Punts) != 1 {
			t.Fatalf("%+v", got)
		}
		punt := got.Punts[0]
		if op := logical.Op(punt.Userdata[1]); op != logical.OpComposeICMP4 {
			t.Fatalf("composes %s", op)
		}
		frame, err := packet.AppendComposedICMP4(nil, punt.Packet, 0)
		if err != nil {
			t.Fatal(err)
		}
		inner, err := openflow.DecodeActions(punt.Userdata[6:])
		if err != nil {
			t.Fatal(err)
		}
		acts := []openflow.Action{openflow.SetUint(openflow.Metadata, punt.Metadata)}
		for i, v := range punt.Regs {
			acts = append(acts, openflow.SetUint(openflow.Reg(i), uint64(v)))
		}
		back, err := sim.PacketOut(frame, punt.InPort, append(acts, inner...))
		if err != nil || len(back.Outputs) != 1 || back.Outputs[0].Port != 1 {
			t.Fatalf("TTL %d: %+v, %v", ttl, back, err)
		}
		out := gopacket.NewPacket(back.Outputs[0].Frame, layers.LayerTypeEthernet, gopacket.Default)
		ip, _ := out.NetworkLayer().(*layers.IPv4)
		icmp, _ := out.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
		if ip == nil || icmp == nil || ip.SrcIP.String() != source || ip.DstIP.String() != "10.1.1.11" || icmp.TypeCode.Type() != 11 {
			t.Errorf("TTL %d: %v", ttl, out)
		}
	}
}

// TestECMP checks that the flows of a route with three next hops are spread, that one flow stays, and
// that the switch chooses as the simulation does.
func TestECMP(t *testing.T) {
	w := routersWorld()
	b := newBoth(t, w)
	chosen := make(map[uint32]int) // by the key register, which is the next hop
	for port := range uint16(60) {
		frame := udp(echo4(w, "203.0.113.9"), 1000+port, 53).frame()
		got, err := b.compare(1, frame)
		if err != nil {
			t.Fatal(err)
		}
		hop := uint32(0)
		if len(got.Punts) == 1 { // 192.0.2.4 is not known
			hop = got.Punts[0].Regs[0]
		} else if len(got.Outputs) == 1 {
			hop = binary.BigEndian.Uint32(got.Outputs[0].Frame[2:])
		}
		chosen[hop]++
	}
	if len(chosen) != 3 {
		t.Fatalf("%d next hops were chosen: %v", len(chosen), chosen)
	}
	for hop, n := range chosen {
		if n < 8 {
			t.Errorf("next hop %x has only %d of 60 flows", hop, n)
		}
	}
}

// TestRoutedIsOpenVSwitch runs packets that routers meet, most of them good, through the simulation
// and through Open vSwitch.
func TestRoutedIsOpenVSwitch(t *testing.T) {
	w := routersWorld()
	b := newBoth(t, w)
	rapid.Check(t, func(r *rapid.T) {
		for range 30 {
			port, frame := drawRouted(r, w)
			if got, err := b.compare(port, frame); err != nil {
				r.Fatalf("%v\n%s", err, b.explain(port, frame, got))
			}
		}
	})
}

func drawRouted(r *rapid.T, w ovstest.World) (uint32, []byte) {
	from := rapid.SampledFrom(w.Hosts[:4]).Draw(r, "host")
	router := w.Host("r1-left").MAC
	if from.Net == 102 {
		router = w.Host("r2-right").MAC
	}
	p := ipPacket{dst: router, src: from.MAC, tag: from.Trunk, from: from.IPs[0].String(), ttl: rapid.SampledFrom([]uint8{0, 1, 2, 3, 64, 64, 255}).Draw(r, "ttl")}
	protocols := []layers.IPProtocol{layers.IPProtocolICMPv4, layers.IPProtocolUDP, layers.IPProtocolTCP, layers.IPProtocolGRE, layers.IPProtocolIGMP}
	p.to = rapid.SampledFrom([]string{"10.1.1.11", "10.1.1.12", "10.1.1.99", "10.1.1.1", "10.1.1.255", "10.1.2.13", "10.1.2.15", "10.1.2.14", "10.1.2.1", "10.1.3.1",
		"10.1.3.2", "192.0.2.1", "192.0.2.2", "198.51.100.1", "203.0.113.1", "127.0.0.1", "224.0.0.5", "169.254.1.1"}).Draw(r, "to")
	if rapid.Bool().Draw(r, "six") {
		p.from = from.IPs[1].String()
		p.to = rapid.SampledFrom([]string{"fd00:1::11", "fd00:1::12", "fd00:1::99", "fd00:1::1", "fd00:2::13", "fd00:2::15", "fd00:2::99", "fd00:2::1", "fd00:3::1",
			"fd00:3::2", "2001:db8::1", "fe80::1", "ff02::1", "::1"}).Draw(r, "to")
		protocols = []layers.IPProtocol{layers.IPProtocolICMPv6, layers.IPProtocolUDP, layers.IPProtocolTCP, layers.IPProtocolGRE}
	}
	p.proto = rapid.SampledFrom(protocols).Draw(r, "protocol")
	p.icmp = [2]uint8{rapid.SampledFrom([]uint8{0, 3, 8, 11, 128, 129, 133, 134, 135, 137}).Draw(r, "type"), rapid.SampledFrom([]uint8{0, 0, 0, 1}).Draw(r, "code")}
	p.ports = [2]uint16{rapid.Uint16().Draw(r, "source port"), rapid.SampledFrom([]uint16{7, 23, 53, 67, 443}).Draw(r, "destination port")}
	sometimes(r, func() { p.dst = drawMAC(r, w) })
	sometimes(r, func() { p.src = drawMAC(r, w) })
	sometimes(r, func() { p.tag = drawTag(r, from) & 0xfff })
	sometimes(r, func() { p.fragment, p.more = rapid.Uint16Range(0, 3).Draw(r, "fragment"), rapid.Bool().Draw(r, "more") })
	return from.Port, damage(r, p.frame())
}
