package e2e

import (
	octets "encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/isat-sdn/isat/packet"
)

// The MACs of the stage's router in its two networks.
var (
	leftMAC  = packet.MAC{0x02, 0xcc, 0, 0, 0, 0x01}
	rightMAC = packet.MAC{0x02, 0xcc, 0, 0, 0, 0x02}
)

// Its addresses there.
var (
	leftRouter  = guest{mac: leftMAC, ip: "10.1.255.1", ip6: "fd00:1::ffff"}
	rightRouter = guest{mac: rightMAC, ip: "10.2.255.1", ip6: "fd00:2::ffff"}
)

// rawRouterIntent joins the network default, which h1 and h2 are in, and right,
// which h3 and h4 are in.
const rawRouterIntent = `
# The markers that tell when the stage is still are punted, as fast as they can be.
kind: limits
puntsPerPort: 100000
puntsPerReason: 100000
---
kind: network
name: right
number: 100
ports:
  - {switch: s1, port: h3}
  - {switch: s1, port: h4}
---
kind: router
name: r1
interfaces:
  - network: default
    mac: "02:cc:00:00:00:01"
    addresses: [10.1.255.1/16, "fd00:1::ffff/64"]
  - network: right
    mac: "02:cc:00:00:00:02"
    addresses: [10.2.255.1/16, "fd00:2::ffff/64"]
`

// newRouterStage is a stage with a router between h1 and h2 on its left and h3
// and h4 on its right.
func newRouterStage(t *testing.T, name string) *stage {
	return newStage(t, name, 4, rawRouterIntent,
		cable{from: "h1", to: "h2"}, cable{from: "h2", to: "h1"}, cable{from: "h3", to: "h4"}, cable{from: "h4", to: "h3"})
}

// right makes a host of the network right that no other is.
func (s *stage) right(at string) guest {
	g := s.guest(at)
	g.ip = "10.2" + g.ip[len("10.1"):]
	g.ip6 = "fd00:2" + g.ip6[len("fd00:1"):]
	return g
}

// known announces a guest's addresses in its network, and waits until they are
// known.
func (s *stage) known(g guest) guest {
	s.t.Helper()
	network := "default"
	if g.at == "h3" || g.at == "h4" {
		network = "right"
	}
	s.send(g.at, g.asks(g.ip))
	s.send(g.at, g.advertise(false, false, true))
	s.bindingIn(network, 0, g.ip, g.mac)
	s.bindingIn(network, 0, g.ip6, g.mac)
	s.revalidated()
	return g
}

// datagram is an IP packet in a frame, of which everything can be wrong.
type datagram struct {
	ethDst, ethSrc packet.MAC
	src, dst       string
	ttl            uint8
	proto          layers.IPProtocol // of the body, if that does not say it
	body           []gopacket.SerializableLayer
	offset         uint16 // of a fragment, in 8 octets
	more           bool   // fragments follow
}

// udp is a UDP datagram from one guest to another's address, by a router.
func udp(from guest, by packet.MAC, to string, payload string) datagram {
	d := datagram{ethDst: by, ethSrc: from.mac, src: from.ip, dst: to, ttl: 64, proto: layers.IPProtocolUDP,
		body: []gopacket.SerializableLayer{&layers.UDP{SrcPort: 4000, DstPort: 5000}, gopacket.Payload(payload)}}
	if netip.MustParseAddr(to).Is6() {
		d.src = from.ip6
	}
	return d
}

// echo is an echo request likewise.
func echo(from guest, by packet.MAC, to string, payload string) datagram {
	d := udp(from, by, to, "")
	if netip.MustParseAddr(to).Is6() {
		d.proto = layers.IPProtocolICMPv6
		d.body = []gopacket.SerializableLayer{&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(128, 0)},
			&layers.ICMPv6Echo{Identifier: 7, SeqNumber: 1}, gopacket.Payload(payload)}
		return d
	}
	d.proto = layers.IPProtocolICMPv4
	d.body = []gopacket.SerializableLayer{&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 7, Seq: 1}, gopacket.Payload(payload)}
	return d
}

// forwarded is the datagram behind a router that hands it to the next hop.
func (d datagram) forwarded(to, router packet.MAC) datagram {
	d.ethDst, d.ethSrc = to, router
	d.ttl--
	return d
}

// frame builds the frame, with all checksums right.
func (d datagram) frame() []byte {
	eth := &layers.Ethernet{DstMAC: d.ethDst[:], SrcMAC: d.ethSrc[:]}
	all := []gopacket.SerializableLayer{eth}
	src, dst := netip.MustParseAddr(d.src), netip.MustParseAddr(d.dst)
	var network gopacket.NetworkLayer
	if src.Is4() {
		eth.EthernetType = layers.EthernetTypeIPv4
		ip := &layers.IPv4{Version: 4, Id: 0x1234, TTL: d.ttl, Protocol: d.proto, SrcIP: src.AsSlice(), DstIP: dst.AsSlice(), FragOffset: d.offset}
		if d.more {
			ip.Flags = layers.IPv4MoreFragments
		}
		network, all = ip, append(all, ip)
	} else {
		eth.EthernetType = layers.EthernetTypeIPv6
		ip := &layers.IPv6{Version: 6, HopLimit: d.ttl, NextHeader: d.proto, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
		network, all = ip, append(all, ip)
		if d.offset != 0 || d.more {
			ip.NextHeader = layers.IPProtocolIPv6Fragment
			all = append(all, gopacket.Payload(fragmentHeader(d.proto, d.offset, d.more)))
		}
	}
	for _, l := range d.body {
		if sum, ok := l.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok {
			if err := sum.SetNetworkLayerForChecksum(network); err != nil {
				panic(err)
			}
		}
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, append(all, d.body...)...); err != nil {
		panic(err)
	}
	b := buf.Bytes()
	for len(b) < packet.MinFrameLen {
		b = append(b, 0)
	}
	return b
}

// fragmentHeader is IPv6's (RFC 8200 §4.5).
func fragmentHeader(next layers.IPProtocol, offset uint16, more bool) []byte {
	v := offset << 3
	if more {
		v |= 1
	}
	return []byte{byte(next), 0, byte(v >> 8), byte(v), 0, 0, 0, 9}
}

// icmp is an ICMP or ICMPv6 message that came out at a port.
type icmp struct {
	kind, code uint8
	src, dst   string
	rest       uint32 // second word: MTU, pointer
	quote      []byte
	router     packet.MAC // Ethernet source
}

// icmpIn decodes a frame with an ICMP message, and checks that its checksums are
// right.
func icmpIn(frame []byte) (m icmp, err error) {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	if p.ErrorLayer() != nil {
		return m, p.ErrorLayer().Error()
	}
	m.router = packet.MAC(frame[6:12])
	var body []byte
	switch ip := p.NetworkLayer().(type) {
	case *layers.IPv4:
		m.src, m.dst, body = ip.SrcIP.String(), ip.DstIP.String(), ip.Payload
		if ip.Protocol != layers.IPProtocolICMPv4 || ip.TTL < 64 {
			return m, fmt.Errorf("protocol %s with TTL %d", ip.Protocol, ip.TTL)
		}
		if sum := foldedSum(ip.Contents); sum != 0xffff {
			return m, fmt.Errorf("wrong checksum of the header")
		}
		if sum := foldedSum(body); sum != 0xffff {
			return m, fmt.Errorf("wrong checksum")
		}
	case *layers.IPv6:
		m.src, m.dst, body = ip.SrcIP.String(), ip.DstIP.String(), ip.Payload
		if ip.NextHeader != layers.IPProtocolICMPv6 || ip.HopLimit < 64 {
			return m, fmt.Errorf("protocol %s with hop limit %d", ip.NextHeader, ip.HopLimit)
		}
		if len(body) < 8 || packet.ICMPv6Checksum(addr(m.src), addr(m.dst), body) != 0 {
			return m, fmt.Errorf("wrong checksum")
		}
	default:
		return m, fmt.Errorf("no IP: %s", p)
	}
	if len(body) < 8 {
		return m, fmt.Errorf("%d octets of ICMP", len(body))
	}
	m.kind, m.code = body[0], body[1]
	m.rest = octets.BigEndian.Uint32(body[4:])
	m.quote = body[8:]
	return m, nil
}

// foldedSum is the ones' complement sum of 16-bit words (RFC 1071): 0xffff for
// what has a right checksum in it.
func foldedSum(b []byte) uint16 {
	var sum uint32
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(octets.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

func addrIs4(ip string) bool { return netip.MustParseAddr(ip).Is4() }
