package core

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/packet"
)

// guardedIntent: p1 is a link between the switches, p2 of s1 has the server behind it, p3 is strict.
const guardedIntent = `
kind: network
name: default
number: 1
bindings: [{ip: 10.0.0.77, mac: "02:00:00:00:00:77"}]
ports:
  - {switch: s1, port: p1, trusted: true}
  - {switch: s2, port: p1, trusted: true}
  - {switch: s1, port: p2, trusted: true}
  - {switch: s1, port: p3, security: strict, allow: [{mac: "02:00:00:00:00:03", ips: [10.0.0.3]}]}`

// guarded is a world that tells of what was decided.
type guarded struct {
	*world
	decided []string
}

func newGuarded(t *testing.T) *guarded {
	in, err := intent.Parse("guarded.yaml", []byte(guardedIntent))
	if err != nil {
		t.Fatal(err)
	}
	g := &guarded{world: newWorld(in, Config{Table: binding.Config{Seed: testSeed}}, t.Fatalf)}
	g.core.WatchEvents(true, true)
	g.report = func(effects *Effects) {
		for _, e := range effects.Events {
			g.decided = append(g.decided, fmt.Sprintf("%s %s %s %s %s", e.Kind, e.Reason, e.IP, e.MAC, e.Port))
		}
	}
	for id, name := range map[uint64]string{1: "s1", 2: "s2"} {
		sw := g.addSwitch(id, name)
		for n := range uint32(4) {
			sw.Ports[n+1] = fabric.Port{Number: n + 1, Name: "p" + string('1'+rune(n)), Up: true}
		}
		g.step(g.connect(sw))
	}
	return g
}

// punt gives the core a frame, and returns what was decided about it.
func (g *guarded) punt(sw uint64, port binding.PortKey, reason pipeline.Reason, frame []byte) string {
	g.decided = nil
	g.step(Punt{Switch: sw, Reason: reason, Segment: binding.Segment{Network: 1}, Port: port, Frame: frame})
	return strings.Join(g.decided, ", ")
}

// station has a MAC heard at a place, as from the first frame of any kind.
func (g *guarded) station(sw uint64, port binding.PortKey, host byte) {
	mac := hostMAC(host)
	g.step(Punt{Switch: sw, Reason: pipeline.ReasonLearn, Segment: binding.Segment{Network: 1}, Port: port,
		Frame: slices.Concat(packet.Broadcast[:], mac[:], make([]byte, 48))})
}

func serialize(list ...gopacket.SerializableLayer) []byte {
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, list...); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// dhcp4 is a DHCP message from a MAC about a client and an address.
func dhcp4(from, client packet.MAC, kind layers.DHCPMsgType, ip string, seconds uint32) []byte {
	eth := &layers.Ethernet{SrcMAC: from[:], DstMAC: packet.Broadcast[:], EthernetType: layers.EthernetTypeIPv4}
	v4 := &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IP{10, 0, 0, 2}, DstIP: net.IP{255, 255, 255, 255}}
	zero, address := net.IP{0, 0, 0, 0}, net.IP(netip.MustParseAddr(ip).AsSlice())
	message := &layers.DHCPv4{Operation: layers.DHCPOpRequest, HardwareType: layers.LinkTypeEthernet, HardwareLen: 6, ClientHWAddr: client[:],
		ClientIP: address, YourClientIP: zero, NextServerIP: zero, RelayAgentIP: zero}
	udp := &layers.UDP{SrcPort: 68, DstPort: 67}
	message.Options = append(message.Options, layers.NewDHCPOption(layers.DHCPOptMessageType, []byte{byte(kind)}))
	switch kind {
	case layers.DHCPMsgTypeAck, layers.DHCPMsgTypeOffer:
		udp.SrcPort, udp.DstPort = 67, 68
		message.Operation, message.ClientIP, message.YourClientIP = layers.DHCPOpReply, zero, address
		message.Options = append(message.Options, layers.NewDHCPOption(layers.DHCPOptLeaseTime, []byte{byte(seconds >> 24), byte(seconds >> 16), byte(seconds >> 8), byte(seconds)}))
	case layers.DHCPMsgTypeDecline:
		message.ClientIP = zero
		message.Options = append(message.Options, layers.NewDHCPOption(layers.DHCPOptRequestIP, address))
	}
	_ = udp.SetNetworkLayerForChecksum(v4)
	return serialize(eth, v4, udp, message)
}

// dhcp6 is a DHCPv6 message about an address.
func dhcp6(from, to packet.MAC, kind layers.DHCPv6MsgType, ip string, seconds uint32) []byte {
	eth := &layers.Ethernet{SrcMAC: from[:], DstMAC: to[:], EthernetType: layers.EthernetTypeIPv6}
	source, destination := packet.LinkLocal(from), packet.LinkLocal(to)
	v6 := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: source[:], DstIP: destination[:]}
	udp := &layers.UDP{SrcPort: 546, DstPort: 547}
	if kind == layers.DHCPv6MsgTypeReply {
		udp.SrcPort, udp.DstPort = 547, 546
	}
	_ = udp.SetNetworkLayerForChecksum(v6)
	address := netip.MustParseAddr(ip).As16()
	ia := slices.Concat(make([]byte, 12), []byte{0, 5, 0, 24}, address[:], make([]byte, 4), []byte{byte(seconds >> 24), byte(seconds >> 16), byte(seconds >> 8), byte(seconds)})
	return serialize(eth, v6, udp, &layers.DHCPv6{MsgType: kind, TransactionID: []byte{1, 2, 3},
		Options: layers.DHCPv6Options{layers.NewDHCPv6Option(layers.DHCPv6OptIANA, ia)}})
}

const (
	ack, offer, release, decline = layers.DHCPMsgTypeAck, layers.DHCPMsgTypeOffer, layers.DHCPMsgTypeRelease, layers.DHCPMsgTypeDecline
	reply6, release6, decline6   = layers.DHCPv6MsgTypeReply, layers.DHCPv6MsgTypeRelease, layers.DHCPv6MsgTypeDecline
)

func announce(host byte, ip string) []byte {
	mac, address := hostMAC(host), netip.MustParseAddr(ip).As4()
	return packet.AppendARP(nil, packet.Broadcast, mac, false, 0, &packet.ARP{Op: 1, SHA: mac, SPA: address, TPA: address})
}

// A server's acknowledgement on a trusted port is a lease, and nobody else can have the address until
// it is over or given back.
//
// conformance: S6
func TestLease(t *testing.T) {
	g := newGuarded(t)
	server := hostMAC(2)
	g.station(1, 2, 2)
	g.station(1, 4, 4)
	key := binding.NewKey(binding.Segment{Network: 1}, netip.MustParseAddr("10.0.0.9"))
	check := func(did, want string) {
		t.Helper()
		if did != want {
			t.Errorf("decided %q, want %q", did, want)
		}
		g.check()
	}
	check(g.punt(1, 2, pipeline.ReasonDHCP, dhcp4(server, hostMAC(4), offer, "10.0.0.9", 600)), "")
	check(g.punt(1, 2, pipeline.ReasonDHCP, dhcp4(server, hostMAC(4), ack, "10.0.0.9", 600)), "learned leased 10.0.0.9 02:00:00:00:00:04 p4")
	b := g.core.table.Lookup(key)
	if b == nil || b.MAC != hostMAC(4) || b.Origin != binding.DHCP || b.Switch != 1 {
		t.Fatalf("the binding is %+v", b)
	}
	check(g.punt(2, 4, pipeline.ReasonLearn, announce(5, "10.0.0.9")), "refused leased 10.0.0.9 02:00:00:00:00:05 p4")
	check(g.punt(1, 4, pipeline.ReasonLearn, announce(4, "10.0.0.9")), "")

	g.sleep(400 * time.Second)
	g.punt(1, 2, pipeline.ReasonDHCP, dhcp4(server, hostMAC(4), ack, "10.0.0.9", 600))
	g.sleep(400 * time.Second)
	if g.core.table.Lookup(key) == nil {
		t.Fatal("a lease that was renewed is gone")
	}
	if !g.core.doubt(silentFlushed, askFlushed, key) {
		t.Error("a lease can't be doubted")
	}
	g.sleep(10 * time.Second)
	leased := func(f view.Fact) bool { return strings.HasPrefix(f.What, "it is leased to "+hostMAC(4).String()) }
	if x := g.core.Explain(g.now, key); x.Binding != nil || !slices.ContainsFunc(x.Facts, leased) {
		t.Errorf("a lease without a binding is explained by %+v", x)
	}
	check(g.punt(1, 4, pipeline.ReasonLearn, announce(4, "10.0.0.9")), "learned heard 10.0.0.9 02:00:00:00:00:04 p4")
	g.decided = nil
	g.sleep(290 * time.Second)
	if b := g.core.table.Lookup(key); b != nil || !slices.Contains(g.decided, "expired lease-ended 10.0.0.9 02:00:00:00:00:04 p4") {
		t.Errorf("after its time: %+v, %q", b, g.decided)
	}
	check(g.punt(2, 4, pipeline.ReasonLearn, announce(5, "10.0.0.9")), "learned heard 10.0.0.9 02:00:00:00:00:05 p4")
}

// What another one has is asked for before a lease takes it: whoever knows an address can give it
// back to the server in its owner's name, and be given it.
//
// conformance: R4 S6
func TestLeaseAsksTheOwner(t *testing.T) {
	server, owner, thief := hostMAC(2), hostMAC(4), hostMAC(5)
	key := binding.NewKey(binding.Segment{Network: 1}, netip.MustParseAddr("10.0.0.9"))
	for _, c := range []struct {
		name     string
		first    []byte // how the owner came to the address
		answers  bool
		thief    packet.MAC
		decided  []string
		has      packet.MAC
		leasedTo packet.MAC
	}{
		{"an owner with a lease answers", dhcp4(server, owner, ack, "10.0.0.9", 600), true, thief,
			[]string{"asked claimed 10.0.0.9 02:00:00:00:00:05 p4", "refused owner-answers 10.0.0.9 02:00:00:00:00:05 p4", "defended claimed 10.0.0.9 02:00:00:00:00:04 p4"}, owner, owner},
		{"an owner without one answers", announce(4, "10.0.0.9"), true, thief,
			[]string{"asked claimed 10.0.0.9 02:00:00:00:00:05 p4", "refused owner-answers 10.0.0.9 02:00:00:00:00:05 p4", "defended claimed 10.0.0.9 02:00:00:00:00:04 p4"}, owner, packet.MAC{}},
		{"the client is nobody", dhcp4(server, owner, ack, "10.0.0.9", 600), true, hostMAC(6),
			[]string{"asked claimed 10.0.0.9 02:00:00:00:00:06 ", "refused owner-answers 10.0.0.9 02:00:00:00:00:06 ", "defended claimed 10.0.0.9 02:00:00:00:00:04 p4"}, owner, owner},
		{"the owner has left", dhcp4(server, owner, ack, "10.0.0.9", 600), false, thief,
			[]string{"asked claimed 10.0.0.9 02:00:00:00:00:05 p4", "moved leased 10.0.0.9 02:00:00:00:00:05 p4"}, thief, thief},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGuarded(t)
			g.station(1, 2, 2)
			g.station(1, 4, 4)
			g.station(2, 4, 5)
			port, reason := binding.PortKey(2), pipeline.ReasonDHCP
			if c.leasedTo.IsZero() {
				port, reason = 4, pipeline.ReasonLearn
			}
			g.punt(1, port, reason, c.first)
			g.decided = nil
			g.step(Punt{Switch: 1, Reason: pipeline.ReasonDHCP, Segment: key.Segment, Port: 2, Frame: dhcp4(server, c.thief, ack, "10.0.0.9", 600)})
			g.sleep(80 * time.Millisecond)
			if b := g.core.table.Lookup(key); b == nil || b.MAC != owner {
				t.Fatalf("before it was asked: %+v", b)
			}
			if c.answers {
				g.step(Punt{Switch: 1, Reason: pipeline.ReasonLearn, Segment: key.Segment, Port: 4, Frame: announce(4, "10.0.0.9")})
			}
			g.sleep(2 * time.Second)
			if !slices.Equal(g.decided, c.decided) {
				t.Errorf("decided %q, want %q", g.decided, c.decided)
			}
			b := g.core.table.Lookup(key)
			if leasedTo, _, _ := g.core.table.LeaseOf(key); b == nil || b.MAC != c.has || leasedTo != c.leasedTo {
				t.Errorf("%+v has it, and it is leased to %s", b, leasedTo)
			}
			g.check()
		})
	}
}

// A lease that is given back while the owner is still asked is none: the client has found the address
// in use.
//
// conformance: R4 S6
func TestLeaseDeclinedWhileTheOwnerIsAsked(t *testing.T) {
	server, client := hostMAC(2), hostMAC(5)
	key := binding.NewKey(binding.Segment{Network: 1}, netip.MustParseAddr("10.0.0.9"))
	for _, answers := range []bool{true, false} {
		g := newGuarded(t)
		g.station(1, 2, 2)
		g.station(2, 4, 5)
		g.punt(1, 4, pipeline.ReasonLearn, announce(4, "10.0.0.9"))
		g.punt(1, 2, pipeline.ReasonDHCP, dhcp4(server, client, ack, "10.0.0.9", 600))
		g.punt(2, 4, pipeline.ReasonRelease, dhcp4(client, client, decline, "10.0.0.9", 0))
		if answers {
			g.punt(1, 4, pipeline.ReasonLearn, announce(4, "10.0.0.9"))
		}
		g.sleep(2 * time.Second)
		b := g.core.table.Lookup(key)
		if mac, _, leased := g.core.table.LeaseOf(key); leased || b == nil || b.MAC != hostMAC(4) || b.Answered() != answers {
			t.Errorf("with an owner that answers, %t: %+v has it, and it is leased to %s", answers, b, mac)
		}
		g.check()
	}
}

// A client gives back its own lease, and nobody else's.
//
// conformance: S6
func TestLeaseGivenBack(t *testing.T) {
	server, client, other := hostMAC(2), hostMAC(4), hostMAC(5)
	for _, c := range []struct {
		name  string
		port  binding.PortKey
		frame []byte
		want  string
	}{
		{"released", 4, dhcp4(client, client, release, "10.0.0.9", 0), "removed released 10.0.0.9 02:00:00:00:00:04 p4"},
		{"declined", 4, dhcp4(client, client, decline, "10.0.0.9", 0), "removed declined 10.0.0.9 02:00:00:00:00:04 p4"},
		{"by another host", 1, dhcp4(other, other, release, "10.0.0.9", 0), ""},
		{"by another host in its name", 1, dhcp4(other, client, release, "10.0.0.9", 0), ""},
		{"in its name from another port", 1, dhcp4(client, client, release, "10.0.0.9", 0), ""},
		{"another address", 4, dhcp4(client, client, release, "10.0.0.8", 0), ""},
		{"released by DHCPv6", 4, dhcp6(client, server, release6, "2001:db8::9", 0), "removed released 2001:db8::9 02:00:00:00:00:04 p4"},
		{"declined by DHCPv6", 4, dhcp6(client, server, decline6, "2001:db8::9", 0), "removed declined 2001:db8::9 02:00:00:00:00:04 p4"},
		{"by another host by DHCPv6", 1, dhcp6(other, server, release6, "2001:db8::9", 0), ""},
	} {
		g := newGuarded(t)
		g.station(1, 4, 4)
		g.station(1, 1, 5)
		g.punt(1, 2, pipeline.ReasonDHCP, dhcp4(server, client, ack, "10.0.0.9", 600))
		if did := g.punt(1, 2, pipeline.ReasonDHCP, dhcp6(server, client, reply6, "2001:db8::9", 600)); did != "learned leased 2001:db8::9 02:00:00:00:00:04 p4" {
			t.Fatal(did)
		}
		if did := g.punt(1, c.port, pipeline.ReasonRelease, c.frame); did != c.want {
			t.Errorf("%s: decided %q, want %q", c.name, did, c.want)
		}
		g.check()
	}
}

// What is no lease, or not for a host, teaches nothing.
//
// conformance: S6
func TestNoLease(t *testing.T) {
	server := hostMAC(2)
	for _, c := range []struct {
		name   string
		port   binding.PortKey
		reason pipeline.Reason
		frame  []byte
		want   string
	}{
		{"a port that is not trusted any more", 4, pipeline.ReasonDHCP, dhcp4(server, hostMAC(4), ack, "10.0.0.9", 600), ""},
		{"a client that says it is a server", 4, pipeline.ReasonRelease, dhcp4(server, hostMAC(4), ack, "10.0.0.9", 600), ""},
		{"no time", 2, pipeline.ReasonDHCP, dhcp4(server, hostMAC(4), ack, "10.0.0.9", 0), ""},
		{"no address", 2, pipeline.ReasonDHCP, dhcp4(server, hostMAC(4), ack, "0.0.0.0", 600), ""},
		{"a group's address", 2, pipeline.ReasonDHCP, dhcp6(server, hostMAC(4), reply6, "ff02::9", 600), ""},
		{"to a group", 2, pipeline.ReasonDHCP, dhcp6(server, packet.MAC{0x33, 0x33}, reply6, "2001:db8::9", 600), ""},
		{"to nobody", 2, pipeline.ReasonDHCP, dhcp4(server, packet.MAC{}, ack, "10.0.0.9", 600), ""},
		{"the operator's", 2, pipeline.ReasonDHCP, dhcp4(server, hostMAC(4), ack, "10.0.0.77", 600), "refused configured 10.0.0.77 02:00:00:00:00:04 p4"},
		{"nonsense", 2, pipeline.ReasonDHCP, []byte("isat"), ""},
		{"another protocol", 2, pipeline.ReasonDHCP, announce(4, "10.0.0.9"), ""},
	} {
		g := newGuarded(t)
		g.station(1, 4, 4)
		if did := g.punt(1, c.port, c.reason, c.frame); did != c.want || g.core.table.Leases() != 0 {
			t.Errorf("%s: decided %q, want %q; %d leases", c.name, did, c.want, g.core.table.Leases())
		}
	}
}

// What a server gives to a host whose strict port does not list it is no binding: the host can't
// send from it. What the port lists is one.
//
// conformance: S1, S6
func TestLeaseUnlisted(t *testing.T) {
	g := newGuarded(t)
	g.station(1, 3, 3)
	server := hostMAC(2)
	for _, c := range []struct {
		name   string
		frame  []byte
		want   string
		leases int
	}{
		{"IPv4", dhcp4(server, hostMAC(3), ack, "10.0.0.9", 600), "refused unlisted-address 10.0.0.9 02:00:00:00:00:03 p3", 0},
		{"IPv6", dhcp6(server, hostMAC(3), reply6, "2001:db8::9", 600), "refused unlisted-address 2001:db8::9 02:00:00:00:00:03 p3", 0},
		{"listed", dhcp4(server, hostMAC(3), ack, "10.0.0.3", 600), "learned leased 10.0.0.3 02:00:00:00:00:03 p3", 1},
	} {
		if did := g.punt(1, 2, pipeline.ReasonDHCP, c.frame); did != c.want || g.core.table.Leases() != c.leases {
			t.Errorf("%s: decided %q, want %q; %d leases, want %d", c.name, did, c.want, g.core.table.Leases(), c.leases)
		}
	}
}

// A lease that the server takes back is over at once (RFC 8415 §18.2.10.1), and an address without end
// stays.
//
// conformance: S6
func TestLeaseRevoked(t *testing.T) {
	g := newGuarded(t)
	server, client := hostMAC(2), hostMAC(4)
	g.station(1, 4, 4)
	g.punt(1, 2, pipeline.ReasonDHCP, dhcp6(server, client, reply6, "2001:db8::9", 1<<32-1))
	if _, until, _ := g.core.table.LeaseOf(binding.NewKey(binding.Segment{Network: 1}, netip.MustParseAddr("2001:db8::9"))); time.Unix(0, until).Year() < 2100 {
		t.Errorf("an address for ever is given until %v", time.Unix(0, until))
	}
	if did := g.punt(1, 2, pipeline.ReasonDHCP, dhcp6(server, hostMAC(5), reply6, "2001:db8::9", 0)); did != "" {
		t.Errorf("what was told to another client: %s", did)
	}
	if did := g.punt(1, 2, pipeline.ReasonDHCP, dhcp6(server, client, reply6, "2001:db8::9", 0)); did != "removed revoked 2001:db8::9 02:00:00:00:00:04 p4" {
		t.Error(did)
	}
}

// A client's home is its own switch, whichever of those on the way tells of the lease first.
//
// conformance: S6
func TestLeaseAcrossSwitches(t *testing.T) {
	for _, switches := range [][]uint64{{1, 2}, {2, 1}} {
		g := newGuarded(t)
		g.station(2, 4, 4) // its own
		g.station(1, 1, 4) // by the link
		for _, sw := range switches {
			port := binding.PortKey(2)
			if sw == 2 {
				port = 1
			}
			g.punt(sw, port, pipeline.ReasonDHCP, dhcp4(hostMAC(2), hostMAC(4), ack, "10.0.0.9", 600))
		}
		if b := g.core.table.Lookup(binding.NewKey(binding.Segment{Network: 1}, netip.MustParseAddr("10.0.0.9"))); b == nil || b.Switch != 2 {
			t.Errorf("told by switches %v: the binding is %+v", switches, b)
		}
		g.check()
	}
}

// The copy of a question that crosses a link, and is heard after the owner's answer, is not answered: its
// asker has the answer, and another one would come back by the link with the owner's MAC as its source.
func TestQuestionOvertaken(t *testing.T) {
	for _, c := range []struct {
		name   string
		away   bool // the asker's own switch
		answer bool
	}{{"its own switch is there", false, false}, {"its own switch is away", true, true}} {
		g := newGuarded(t)
		g.punt(2, 2, pipeline.ReasonLearn, announce(5, "10.0.0.5"))
		g.punt(2, 2, pipeline.ReasonSearch, request(5, 6))
		g.punt(2, 4, pipeline.ReasonLearn, announce(6, "10.0.0.6"))
		if c.away {
			g.step(g.disconnect(g.switches[2]))
		}
		answered := false
		g.tell = func(line string) { answered = answered || strings.HasPrefix(line, "s1 sends to p1") }
		g.punt(1, 1, pipeline.ReasonSearch, request(5, 6))
		if answered != c.answer {
			t.Errorf("%s: answered by the link: %t, want %t", c.name, answered, c.answer)
		}
	}
}

// A host's own switch is its home, whichever of those that a frame crossed tells of it first; and what becomes of its
// port there is what becomes of it.
func TestHomeBehindALink(t *testing.T) {
	for _, from := range [][2]uint64{{1, 2}, {2, 1}} {
		g := newGuarded(t)
		for _, sw := range from {
			g.punt(sw, map[uint64]binding.PortKey{1: 4, 2: 1}[sw], pipeline.ReasonLearn, announce(4, "10.0.0.4"))
		}
		g.check()
		key := binding.NewKey(binding.Segment{Network: 1}, netip.MustParseAddr("10.0.0.4"))
		if at := g.core.ownerOf(g.core.table.Lookup(key)).at; at != (place{Switch: 1, Port: 4}) {
			t.Errorf("told of by the switches %v: its owner is at %v", from, at)
		}
		g.decided = nil
		g.step(PortChanged{Switch: 1, Port: fabric.Port{Number: 4, Name: "p4"}})
		if want := []string{"silent port-down 10.0.0.4 02:00:00:00:00:04 p4"}; !slices.Equal(g.decided, want) {
			t.Errorf("told of by the switches %v: decided %q, want %q", from, g.decided, want)
		}
	}
}

// Whoever sends in the name of an owner behind a trusted port of another switch, its MAC
// included, does not become whom isat asks for the address.
func TestHomeIsNotTaken(t *testing.T) {
	g := newGuarded(t)
	g.punt(2, 1, pipeline.ReasonLearn, announce(4, "10.0.0.4"))
	g.sleep(time.Second)
	g.punt(1, 4, pipeline.ReasonLearn, announce(4, "10.0.0.4"))
	g.check()
	key := binding.NewKey(binding.Segment{Network: 1}, netip.MustParseAddr("10.0.0.4"))
	if at := g.core.ownerOf(g.core.table.Lookup(key)).at; at != (place{Switch: 2, Port: 1}) {
		t.Errorf("its owner is at %v", at)
	}
}

// A session is told which ports are trusted when its switch is there, and when that changes.
func TestTrustedIsTold(t *testing.T) {
	g := newGuarded(t)
	var told []Trusted
	g.report = func(effects *Effects) { told = append(told, effects.Trusted...) }
	g.step(g.connect(g.switches[1]))
	g.step(NewIntent{intent.Default()})
	want := []map[binding.PortKey]bool{{1: true, 2: true}, {}, {}}
	if len(told) != len(want) {
		t.Fatalf("told %+v", told)
	}
	slices.SortStableFunc(told[1:], func(a, b Trusted) int { return cmp.Compare(a.Switch, b.Switch) })
	for i, ports := range want {
		if got := told[i]; !maps.Equal(got.Ports, ports) || got.Session != g.core.switches[got.Switch].session {
			t.Errorf("told %+v of switch %d, want %v", got.Ports, got.Switch, ports)
		}
	}
}

// tagged puts a priority tag into a frame.
func tagged(frame []byte) []byte { return slices.Insert(slices.Clone(frame), 12, 0x81, 0, 0, 0) }

// What a switch refused is told with its reason, and teaches nothing.
//
// conformance: S1 S3 S4 S5
func TestRefused(t *testing.T) {
	four := func(host byte, from string) []byte {
		mac := hostMAC(host)
		v4 := &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: layers.IPProtocolICMPv4, SrcIP: netip.MustParseAddr(from).AsSlice(), DstIP: net.IP{10, 0, 0, 1}}
		return serialize(&layers.Ethernet{SrcMAC: mac[:], DstMAC: packet.Broadcast[:], EthernetType: layers.EthernetTypeIPv4}, v4, &layers.ICMPv4{})
	}
	icmp6 := func(next layers.IPProtocol, payload ...byte) []byte {
		mac, source := hostMAC(4), packet.LinkLocal(hostMAC(4))
		v6 := &layers.IPv6{Version: 6, HopLimit: 255, NextHeader: next, SrcIP: source[:], DstIP: netip.MustParseAddr("ff02::1").AsSlice()}
		return serialize(&layers.Ethernet{SrcMAC: mac[:], DstMAC: packet.Broadcast[:], EthernetType: layers.EthernetTypeIPv6}, v6, gopacket.Payload(payload))
	}
	target := netip.MustParseAddr("2001:db8::9").As16()
	dad := packet.AppendNS(nil, packet.MulticastMAC(packet.SolicitedNode(target)), hostMAC(3), false, 0, [16]byte{}, packet.SolicitedNode(target), target, nil, nil)
	na := func(from, about [16]byte) []byte {
		group := netip.MustParseAddr("ff02::1").As16()
		return packet.AppendNA(nil, packet.MulticastMAC(group), hostMAC(3), false, 0, from, group, about, hostMAC(3), false, false, true)
	}
	own := packet.LinkLocal(hostMAC(3))
	probe := packet.AppendARP(nil, packet.Broadcast, hostMAC(3), false, 0, &packet.ARP{Op: 1, SHA: hostMAC(3), TPA: [4]byte{10, 0, 0, 9}})
	for _, c := range []struct {
		port  binding.PortKey
		frame []byte
		want  string
	}{
		{4, dhcp4(hostMAC(4), hostMAC(5), offer, "10.0.0.9", 600), "refused dhcp-server 10.0.0.2 02:00:00:00:00:04 p4"},
		{4, dhcp6(hostMAC(4), hostMAC(5), reply6, "2001:db8::9", 600), "refused dhcp-server fe80::ff:fe00:4 02:00:00:00:00:04 p4"},
		{4, icmp6(layers.IPProtocolICMPv6, 134, 0, 0, 0), "refused router fe80::ff:fe00:4 02:00:00:00:00:04 p4"},
		{4, icmp6(layers.IPProtocolICMPv6, 137, 0, 0, 0), "refused router fe80::ff:fe00:4 02:00:00:00:00:04 p4"},
		{4, icmp6(layers.IPProtocolIPv6Fragment, 58, 0, 0, 1, 0, 0, 0, 1, 134, 0, 0, 0), "refused router fe80::ff:fe00:4 02:00:00:00:00:04 p4"},
		{4, icmp6(layers.IPProtocolIPv6Fragment, 58, 0, 0, 1, 0, 0, 0, 1, 128, 0, 0, 0), "refused hidden fe80::ff:fe00:4 02:00:00:00:00:04 p4"},
		{4, icmp6(layers.IPProtocolIPv6Fragment, 60, 0, 0, 1, 0, 0, 0, 1, 58, 0, 1, 4, 0, 0, 0, 0), "refused hidden fe80::ff:fe00:4 02:00:00:00:00:04 p4"},
		{4, icmp6(layers.IPProtocolIPv6Fragment, 60, 0, 0, 1, 0, 0, 0, 1, 17, 0, 1, 4, 0, 0, 0, 0), "refused hidden fe80::ff:fe00:4 02:00:00:00:00:04 p4"},
		{4, icmp6(layers.IPProtocolIPv6Destination, 58, 200, 0, 0, 0, 0, 0, 0), "refused hidden fe80::ff:fe00:4 02:00:00:00:00:04 p4"},
		{4, tagged(tagged(icmp6(layers.IPProtocolICMPv6, 134, 0, 0, 0))), "refused hidden fe80::ff:fe00:4 02:00:00:00:00:04 p4"},
		{3, tagged(tagged(four(3, "10.0.0.3"))), "refused hidden 10.0.0.3 02:00:00:00:00:03 p3"},
		{3, icmp6(layers.IPProtocolICMPv6, 134, 0, 0, 0), "refused router fe80::ff:fe00:4 02:00:00:00:00:04 p3"},
		{3, four(4, "10.0.0.3"), "refused unlisted-mac 10.0.0.3 02:00:00:00:00:04 p3"},
		{3, four(3, "10.0.0.4"), "refused unlisted-address 10.0.0.4 02:00:00:00:00:03 p3"},
		{3, announce(3, "10.0.0.4"), "refused unlisted-address 10.0.0.4 02:00:00:00:00:03 p3"},
		{3, probe, "refused unlisted-address 10.0.0.9 02:00:00:00:00:03 p3"},
		{3, na(own, target), "refused unlisted-address 2001:db8::9 02:00:00:00:00:03 p3"},
		{3, na(target, own), "refused unlisted-address 2001:db8::9 02:00:00:00:00:03 p3"},
		{3, dad, "refused unlisted-address 2001:db8::9 02:00:00:00:00:03 p3"},
		{3, slices.Concat(packet.Broadcast[:], []byte{2, 0, 0, 0, 0, 9}, make([]byte, 48)), "refused unlisted-mac  02:00:00:00:00:09 p3"},
		{4, four(4, "10.0.0.3"), ""}, // the port is not strict any more
		{3, nil, ""},
	} {
		g := newGuarded(t)
		if did := g.punt(1, c.port, pipeline.ReasonRefused, c.frame); did != c.want {
			t.Errorf("%x: decided %q, want %q", c.frame, did, c.want)
		}
		if n := g.core.table.Len(); n.Stations != 0 || n.Bindings != 1 {
			t.Errorf("%x: %+v are known", c.frame, n)
		}
	}
}

// A host that is refused again and again makes one line in the log.
func TestRefusedIsNotedOnce(t *testing.T) {
	g := newGuarded(t)
	var notes []string
	told := g.report
	g.report = func(effects *Effects) {
		told(effects)
		for _, n := range effects.Notes {
			notes = append(notes, n.Text)
		}
	}
	for n := range 100 {
		g.punt(1, 3, pipeline.ReasonRefused, announce(3, fmt.Sprintf("10.0.1.%d", n)))
	}
	if len(notes) != 1 || g.core.Counters()["decision-refused-unlisted-address"] != 100 {
		t.Errorf("%q, %d counted", notes, g.core.Counters()["decision-refused-unlisted-address"])
	}
}
