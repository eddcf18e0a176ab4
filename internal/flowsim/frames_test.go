package flowsim_test

import (
	"encoding/binary"
	"net/netip"

	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/packet"
)

// question is an ARP message or an ND message of a host, from which the tests make frames.
type question struct {
	dst, src packet.MAC
	tag      uint16 // VLAN id of a tag, 0 for none
	arp      *packet.ARP
	nd       *ndMessage
}

type ndMessage struct {
	kind     uint8
	code     uint8
	hopLimit uint8
	flags    uint32
	src, dst [16]byte
	target   [16]byte
	options  []byte
	badSum   bool
	fragment bool // with an atomic fragment header in front
}

func (q question) frame() []byte {
	if q.arp != nil {
		return packet.AppendARP(nil, q.dst, q.src, q.tag != 0, q.tag, q.arp)
	}
	b := append(append([]byte(nil), q.dst[:]...), q.src[:]...)
	if q.tag != 0 {
		b = append(b, 0x81, 0, byte(q.tag>>8), byte(q.tag))
	}
	return append(append(b, 0x86, 0xdd), q.nd.ip()...)
}

func (m *ndMessage) ip() []byte {
	icmp := []byte{m.kind, m.code, 0, 0}
	icmp = binary.BigEndian.AppendUint32(icmp, m.flags)
	icmp = append(append(icmp, m.target[:]...), m.options...)
	sum := packet.ICMPv6Checksum(m.src, m.dst, icmp)
	if m.badSum {
		sum ^= 0x5555
	}
	binary.BigEndian.PutUint16(icmp[2:], sum)
	next := byte(58)
	if m.fragment {
		icmp = append([]byte{58, 0, 0, 1, 0, 0, 0, 7}, icmp...) // the first fragment, more to come
		next = 44
	}
	ip := []byte{0x60, 0, 0, 0, byte(len(icmp) >> 8), byte(len(icmp)), next, m.hopLimit}
	return append(append(append(ip, m.src[:]...), m.dst[:]...), icmp...)
}

func ip4(s string) [4]byte  { return netip.MustParseAddr(s).As4() }
func ip6(s string) [16]byte { return netip.MustParseAddr(s).As16() }

func linkLayer(kind byte, mac packet.MAC) []byte { return append([]byte{kind, 1}, mac[:]...) }

// asks is a host's broadcast ARP request.
func asks(h ovstest.Host, target string) question {
	q := question{dst: packet.Broadcast, src: h.MAC, tag: h.Trunk | h.VLAN,
		arp: &packet.ARP{Op: packet.ARPRequest, SHA: h.MAC, TPA: ip4(target)}}
	for _, ip := range h.IPs {
		if ip.Is4() {
			q.arp.SPA = ip.As4()
		}
	}
	return q
}

// solicits is a host's multicast NS.
func solicits(h ovstest.Host, target string) question {
	t := ip6(target)
	group := packet.SolicitedNode(t)
	q := question{dst: packet.MulticastMAC(group), src: h.MAC, tag: h.Trunk | h.VLAN,
		nd: &ndMessage{kind: 135, hopLimit: 255, dst: group, target: t, options: linkLayer(1, h.MAC)}}
	for _, ip := range h.IPs {
		if ip.Is6() {
			q.nd.src = ip.As16()
			break
		}
	}
	return q
}

// advertises is a host's NA about its own address.
func advertises(h ovstest.Host, to packet.MAC, dst string, flags uint32) question {
	q := question{dst: to, src: h.MAC, tag: h.Trunk | h.VLAN,
		nd: &ndMessage{kind: 136, hopLimit: 255, flags: flags, dst: ip6(dst), options: linkLayer(2, h.MAC)}}
	for _, ip := range h.IPs {
		if ip.Is6() {
			q.nd.src, q.nd.target = ip.As16(), ip.As16()
			break
		}
	}
	return q
}

func (q question) change(f func(*question)) question {
	if q.arp != nil {
		a := *q.arp
		q.arp = &a
	}
	if q.nd != nil {
		n := *q.nd
		n.options = append([]byte(nil), n.options...)
		q.nd = &n
	}
	f(&q)
	return q
}
