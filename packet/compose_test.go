package packet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"pgregory.net/rapid"
)

// link is an Ethernet header with its tags, as the test and gopacket see it.
type link struct {
	dst, src MAC
	tags     []uint16
}

func genLink(t *rapid.T) link {
	l := link{dst: genMAC(t, "eth dst"), src: genMAC(t, "eth src"), tags: rapid.SliceOfN(rapid.Uint16(), 0, 2).Draw(t, "tags")}
	l.dst[0] &^= 1
	return l
}

// layers gives the header with addresses of the caller's choice.
func (l link) layers(dst, src MAC, etherType layers.EthernetType) []gopacket.SerializableLayer {
	ethernet := &layers.Ethernet{DstMAC: dst[:], SrcMAC: src[:], EthernetType: etherType}
	list := []gopacket.SerializableLayer{ethernet}
	next := &ethernet.EthernetType
	for _, tci := range l.tags {
		*next = layers.EthernetTypeDot1Q
		tag := &layers.Dot1Q{Priority: uint8(tci >> 13), DropEligible: tci&0x1000 != 0, VLANIdentifier: tci & 0xfff, Type: etherType}
		list, next = append(list, tag), &tag.Type
	}
	return list
}

// frame has gopacket build a frame of this link, padded to the least length.
func (l link) frame(t interface{ Fatal(...any) }, dst, src MAC, etherType layers.EthernetType, parts ...gopacket.SerializableLayer) []byte {
	b := serialize(t, append(l.layers(dst, src, etherType), parts...)...)
	return append(b, make([]byte, max(0, MinFrameLen-len(b)))...)
}

// genIPv4Host gives an address that can be one host's.
func genIPv4Host(t *rapid.T, label string) [4]byte {
	ip := genIPv4(t, label)
	ip[0] = rapid.SampledFrom([]byte{1, 10, 126, 128, 192, 223}).Draw(t, label+" network")
	return ip
}

func ipv4Layer(src, dst [4]byte, protocol layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, TTL: 64, Protocol: protocol, SrcIP: src[:], DstIP: dst[:]}
}

// genPayload gives up to 1400 octets, all lengths alike.
func genPayload(t *rapid.T) []byte {
	b := make([]byte, rapid.IntRange(0, 1400).Draw(t, "length"))
	copy(b, rapid.SliceOf(rapid.Byte()).Draw(t, "payload"))
	return b
}

// genIPv4Packet gives an IPv4 packet between two hosts, with options at times, which is
// UDP by its protocol but has any payload.
func genIPv4Packet(t *rapid.T, src, dst [4]byte, tos uint8) []byte {
	ip := ipv4Layer(src, dst, layers.IPProtocolUDP)
	ip.TOS, ip.Id = tos, rapid.Uint16().Draw(t, "id")
	for range rapid.IntRange(0, 10).Draw(t, "options") {
		ip.Options = append(ip.Options, layers.IPv4Option{OptionType: 0x94, OptionLength: 4, OptionData: []byte{0, 0}})
	}
	return serialize(t, ip, gopacket.Payload(genPayload(t)))
}

func genIPv6Packet(t *rapid.T, src, dst [16]byte) []byte {
	ip := ipLayer(src, dst)
	ip.NextHeader, ip.HopLimit = layers.IPProtocolUDP, rapid.Uint8().Draw(t, "hop limit")
	return serialize(t, ip, gopacket.Payload(genPayload(t)))
}

// composed checks that a composer appends want to what is there.
func composed(t interface{ Fatalf(string, ...any) }, want []byte, compose func(b []byte) ([]byte, error)) {
	prefix := []byte("before")
	got, err := compose(prefix)
	if err != nil {
		t.Fatalf("error %v", err)
	}
	if !bytes.Equal(got[:len(prefix)], prefix) || !bytes.Equal(got[len(prefix):], want) {
		t.Fatalf("got\n% x\nwant\n% x", got[len(prefix):], want)
	}
}

func TestComposedARPByOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := genLink(t)
		src, dst := genIPv4(t, "src"), genIPv4(t, "dst")
		frame := l.frame(t, l.dst, l.src, layers.EthernetTypeIPv4, gopacket.Payload(genIPv4Packet(t, src, dst, 0)))
		want := l.frame(t, l.dst, l.src, layers.EthernetTypeARP, arpLayer(&ARP{Op: ARPRequest, SHA: l.src, SPA: src, TPA: dst}))
		composed(t, want, func(b []byte) ([]byte, error) { return AppendComposedARP(b, frame) })
	})
}

func TestComposedNSByOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := genLink(t)
		src, dst := genIPv6(t, "src"), genIPv6(t, "dst")
		frame := l.frame(t, l.dst, l.src, layers.EthernetTypeIPv6, gopacket.Payload(genIPv6Packet(t, src, dst)))
		group := [16]byte{0xff, 2, 11: 1, 12: 0xff, 13: dst[13], 14: dst[14], 15: dst[15]}
		ip := ipLayer(src, group)
		want := l.frame(t, MAC{0x33, 0x33, 0xff, dst[13], dst[14], dst[15]}, l.src, layers.EthernetTypeIPv6, ip,
			icmpLayer(ip, layers.ICMPv6TypeNeighborSolicitation),
			&layers.ICMPv6NeighborSolicitation{
				TargetAddress: dst[:],
				Options:       layers.ICMPv6Options{{Type: layers.ICMPv6OptSourceAddress, Data: l.src[:]}},
			})
		composed(t, want, func(b []byte) ([]byte, error) { return AppendComposedNS(b, frame) })
	})
}

func TestComposedNAByOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := genLink(t)
		src, target := genIPv6(t, "src"), genIPv6(t, "target")
		solicitation := &layers.ICMPv6NeighborSolicitation{TargetAddress: target[:]}
		dstIP, flags := src, uint8(0x60)
		if rapid.Bool().Draw(t, "DAD") || src == noIPv6 {
			src, dstIP, flags = noIPv6, [16]byte{0xff, 2, 15: 1}, 0x20
		} else {
			solicitation.Options = layers.ICMPv6Options{{Type: layers.ICMPv6OptSourceAddress, Data: l.src[:]}}
		}
		ip := ipLayer(src, SolicitedNode(target))
		frame := l.frame(t, l.dst, l.src, layers.EthernetTypeIPv6, ip, icmpLayer(ip, layers.ICMPv6TypeNeighborSolicitation), solicitation)
		ip = ipLayer(target, dstIP)
		want := l.frame(t, l.src, l.dst, layers.EthernetTypeIPv6, ip,
			icmpLayer(ip, layers.ICMPv6TypeNeighborAdvertisement),
			&layers.ICMPv6NeighborAdvertisement{
				Flags: flags, TargetAddress: target[:],
				Options: layers.ICMPv6Options{{Type: layers.ICMPv6OptTargetAddress, Data: l.dst[:]}},
			})
		composed(t, want, func(b []byte) ([]byte, error) { return AppendComposedNA(b, frame) })
	})
}

func TestComposedICMP4ByOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := genLink(t)
		src, dst := genIPv4Host(t, "src"), genIPv4Host(t, "dst")
		tos, arg := rapid.Uint8().Draw(t, "tos"), rapid.Uint16().Draw(t, "arg")
		original := genIPv4Packet(t, src, dst, tos)
		frame := l.frame(t, l.dst, l.src, layers.EthernetTypeIPv4, gopacket.Payload(original))
		ip := ipv4Layer(src, dst, layers.IPProtocolICMPv4)
		ip.TTL, ip.TOS, ip.Flags = 255, 0xc0|tos&0x1c, layers.IPv4DontFragment
		want := l.frame(t, l.dst, l.src, layers.EthernetTypeIPv4, ip,
			&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 1), Seq: arg},
			gopacket.Payload(original[:min(len(original), 548)]))
		composed(t, want, func(b []byte) ([]byte, error) { return AppendComposedICMP4(b, frame, arg) })
	})
}

func TestComposedICMP6ByOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := genLink(t)
		src, dst := genIPv6(t, "src"), genIPv6(t, "dst")
		src[0] = 0xfd
		arg := rapid.Uint32().Draw(t, "arg")
		original := genIPv6Packet(t, src, dst)
		frame := l.frame(t, l.dst, l.src, layers.EthernetTypeIPv6, gopacket.Payload(original))
		ip := ipLayer(src, dst)
		want := func(kind, code uint8) []byte {
			icmp := icmpLayer(ip, kind)
			icmp.TypeCode = layers.CreateICMPv6TypeCode(kind, code)
			return l.frame(t, l.dst, l.src, layers.EthernetTypeIPv6, ip, icmp,
				gopacket.Payload(append(binary.BigEndian.AppendUint32(nil, arg), original[:min(len(original), 1232)]...)))
		}
		composed(t, want(1, 3), func(b []byte) ([]byte, error) { return AppendComposedICMP6(b, frame, arg) })
		composed(t, want(2, 0), func(b []byte) ([]byte, error) { return AppendICMP6Error(b, frame, 2, 0, arg) })
	})
}

// A switch may punt no more than a packet's beginning: what is there is quoted. What
// follows the packet is padding and isn't.
func TestComposedICMPQuotesWhatIsThere(t *testing.T) {
	payload := gopacket.Payload(bytes.Repeat([]byte{0xaa}, 1400))
	four := frame4(serialize(t, ipv4Layer(ipA, ipB, layers.IPProtocolUDP), payload))
	ip6 := ipLayer(ip6A, ip6B)
	ip6.NextHeader = layers.IPProtocolUDP
	six := frame6(serialize(t, ip6, payload))
	padding := bytes.Repeat([]byte{0xbb}, 40)
	shortFour := frame4(serialize(t, ipv4Layer(ipA, ipB, layers.IPProtocolUDP), payload[:3]))
	shortSix := frame6(serialize(t, ip6, payload[:3]))
	for name, test := range map[string]struct {
		frame []byte
		four  bool
		want  int // octets of the whole frame
	}{
		"IPv4, whole":  {four, true, 14 + 576},
		"IPv4, cut":    {four[:14+100], true, 14 + 28 + 100},
		"IPv4, padded": {append(shortFour, padding...), true, 14 + 28 + 23},
		"IPv6, whole":  {six, false, 14 + 1280},
		"IPv6, cut":    {six[:14+100], false, 14 + 48 + 100},
		"IPv6, padded": {append(shortSix, padding...), false, 14 + 48 + 43},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := AppendComposedICMP6(nil, test.frame, 0)
			if test.four {
				got, err = AppendComposedICMP4(nil, test.frame, 0)
			}
			if err != nil || len(got) != test.want {
				t.Errorf("%d octets, error %v: want %d", len(got), err, test.want)
			}
		})
	}
}

func frameOf(dst MAC, etherType uint16, packet []byte) []byte {
	return append(appendHeader(nil, dst, hostA, false, 0, etherType), packet...)
}

func frame4(packet []byte) []byte { return frameOf(hostB, EtherTypeIPv4, packet) }
func frame6(packet []byte) []byte { return frameOf(hostB, EtherTypeIPv6, packet) }

type composer func(b, frame []byte) ([]byte, error)

func composeICMP4(b, frame []byte) ([]byte, error) { return AppendComposedICMP4(b, frame, 1400) }
func composeICMP6(b, frame []byte) ([]byte, error) { return AppendComposedICMP6(b, frame, 1400) }

// What can't be composed is an error that the caller can tell, and leaves b alone.
func TestComposeErrors(t *testing.T) {
	udp4 := serialize(t, ipv4Layer(ipA, ipB, layers.IPProtocolUDP), gopacket.Payload("payload"))
	group := SolicitedNode(ip6B)
	ns := message(ip6A, group, NDSolicitation, 0, 0, ip6B, sllOption...)
	na := message(ip6B, ip6A, NDAdvertisement, 0, flagSolicited, ip6B, tllOption...)
	echo := change(ns, 40, 128)
	arp := AppendARP(nil, Broadcast, hostA, false, 0, &ARP{Op: ARPRequest, SPA: ipA, TPA: ipB})
	reason := func(r Reason) error { return malformed[r] }
	for _, test := range []struct {
		name    string
		compose composer
		frame   []byte
		want    error
	}{
		{"arp of ARP", AppendComposedARP, arp, ErrNotIPv4},
		{"arp of IPv6", AppendComposedARP, frame6(ns), ErrNotIPv4},
		{"arp of a length", AppendComposedARP, frameOf(hostB, 0x0040, udp4), ErrNotIPv4},
		{"arp of half a header", AppendComposedARP, frame4(udp4[:19]), reason(ReasonIPv4Truncated)},
		{"arp of nothing", AppendComposedARP, frame4(nil), reason(ReasonIPv4Truncated)},
		{"arp of half a frame", AppendComposedARP, arp[:13], reason(ReasonFrameTruncated)},
		{"arp of version 6", AppendComposedARP, frame4(change(udp4, 0, 0x65)), reason(ReasonIPv4Version)},
		{"arp of 16 octets of header", AppendComposedARP, frame4(change(udp4, 0, 0x44)), reason(ReasonIPv4Length)},
		{"arp of cut options", AppendComposedARP, frame4(change(udp4[:22], 0, 0x46)), reason(ReasonIPv4Truncated)},
		{"arp of total length 19", AppendComposedARP, frame4(change(udp4, 3, 19)), reason(ReasonIPv4Length)},
		{"nd_ns of IPv4", AppendComposedNS, frame4(udp4), ErrNotIPv6},
		{"nd_ns of half a header", AppendComposedNS, frame6(ns[:39]), reason(ReasonIPv6Truncated)},
		{"nd_ns of version 4", AppendComposedNS, frame6(udp4), reason(ReasonIPv6Version)},
		{"nd_na of IPv4", AppendComposedNA, frame4(udp4), ErrNotNS},
		{"nd_na of NA", AppendComposedNA, frame6(na), ErrNotNS},
		{"nd_na of echo", AppendComposedNA, frame6(echo), ErrNotNS},
		{"nd_na of NS from afar", AppendComposedNA, frame6(change(ns, 7, 254)), reason(ReasonNDHopLimit)},
		{"nd_na of NS of wrong checksum", AppendComposedNA, frame6(change(ns, 42, ns[42]^1)), reason(ReasonNDChecksum)},
		{"nd_na of half a frame", AppendComposedNA, arp[:5], reason(ReasonFrameTruncated)},
		{"icmp4 of IPv6", composeICMP4, frame6(ns), ErrNotIPv4},
		{"icmp4 of wrong checksum", composeICMP4, frame4(change(udp4, 8, 63)), reason(ReasonIPv4Checksum)},
		{"icmp6 of IPv4", composeICMP6, frame4(udp4), ErrNotIPv6},
		{"icmp6 of cut extensions", composeICMP6, frame6(change(ns[:43], 6, nextHopByHop)), reason(ReasonIPv6Truncated)},
		{"icmp6 of cut authentication", composeICMP6, frame6(change(change(ns, 6, nextAuthentication), 41, 200)), reason(ReasonIPv6Truncated)},
		{"icmp6 of an octet of authentication", composeICMP6, frame6(change(change(ns[:41], 6, nextAuthentication), 5, 1)), reason(ReasonIPv6Truncated)},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := []byte("before")
			got, err := test.compose(b, test.frame)
			if !errors.Is(err, test.want) || string(got) != "before" {
				t.Errorf("%q, error %v: want %v", got, err, test.want)
			}
		})
	}
}

// The checks that only errors need don't keep a packet from being resolved.
func TestComposeSolicitsForAny(t *testing.T) {
	udp4 := serialize(t, ipv4Layer(ipA, ipB, layers.IPProtocolUDP), gopacket.Payload("payload"))
	for name, frame := range map[string][]byte{
		"wrong header checksum": frame4(change(udp4, 10, udp4[10]^1)),
		"cut":                   frame4(udp4[:20]),
		"later fragment":        frame4(change(udp4, 7, 9)),
	} {
		if _, err := AppendComposedARP(nil, frame); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	ns := message(ip6A, SolicitedNode(ip6B), NDSolicitation, 0, 0, ip6B, sllOption...)
	if _, err := AppendComposedNS(nil, frame6(change(ns[:44], 6, nextHopByHop))); err != nil {
		t.Errorf("cut extension header: %v", err)
	}
}

// A service tag stays one.
func TestComposeKeepsTags(t *testing.T) {
	tags := []byte{0x88, 0xa8, 0x60, 7, 0x81, 0, 0, 10}
	tag := func(frame []byte) []byte {
		return append(append(bytes.Clone(frame[:12]), tags...), frame[12:]...)
	}
	four := tag(frame4(serialize(t, ipv4Layer(ipA, ipB, layers.IPProtocolUDP), gopacket.Payload("payload"))))
	six := tag(frame6(message(ip6A, SolicitedNode(ip6B), NDSolicitation, 0, 0, ip6B, sllOption...)))
	for name, test := range map[string]struct {
		compose composer
		frame   []byte
	}{
		"arp":   {AppendComposedARP, four},
		"icmp4": {composeICMP4, four},
		"nd_ns": {AppendComposedNS, six},
		"nd_na": {AppendComposedNA, six},
		"icmp6": {func(b, frame []byte) ([]byte, error) { return AppendICMP6Error(b, frame, 2, 0, 1400) }, six},
	} {
		b, err := test.compose(nil, test.frame)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var f Frame
		if err := f.Parse(b); err != nil || !bytes.Equal(f.Tags, tags) {
			t.Errorf("%s: tags % x, error %v", name, f.Tags, err)
		}
	}
}

// An announcement and an unsolicited advertisement are what AppendARP and AppendNA make of
// the right fields (RFC 5227 §3, RFC 4861 §7.2.6).
func TestAnnouncements(t *testing.T) {
	var f Frame
	var a ARP
	garp := AppendARP(nil, Broadcast, hostA, true, 10, &ARP{Op: ARPRequest, SHA: hostA, SPA: ipA, TPA: ipA})
	if err := errors.Join(f.Parse(garp), a.Parse(f.Payload)); err != nil || !a.IsAnnouncement() || a.SHA != hostA {
		t.Errorf("%v, %+v", err, a)
	}
	all := AllNodes()
	_, got, err := ndOf(AppendNA(nil, MulticastMAC(all), hostA, true, 10, ip6A, all, ip6A, hostA, true, false, true))
	want := ND{
		Type: NDAdvertisement, HopLimit: 255, Src: ip6A, Dst: all, Target: ip6A,
		HasTLL: true, TLL: hostA, Router: true, Override: true,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}
