package packet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"pgregory.net/rapid"
)

var (
	ip6A   = [16]byte{0xfd, 0, 15: 0x0a}
	ip6B   = [16]byte{0xfd, 0, 15: 0x0b}
	noIPv6 [16]byte
)

func genIPv6(t *rapid.T, label string) [16]byte {
	ip := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, label))
	if ip[0] == 0xff {
		ip[0] = 0xfd
	}
	return ip
}

// ndOf parses a frame down to its neighbour discovery message.
func ndOf(frame []byte) (Frame, ND, error) {
	var f Frame
	var n ND
	if err := f.Parse(frame); err != nil {
		return f, n, err
	}
	return f, n, n.Parse(f.Payload)
}

func ipLayer(src, dst [16]byte) *layers.IPv6 {
	return &layers.IPv6{Version: 6, NextHeader: layers.IPProtocolICMPv6, HopLimit: 255, SrcIP: src[:], DstIP: dst[:]}
}

func icmpLayer(ip *layers.IPv6, kind uint8) *layers.ICMPv6 {
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(kind, 0)}
	_ = icmp.SetNetworkLayerForChecksum(ip) // fails only for other layers than IP
	return icmp
}

// conformance: N1 N5
// What gopacket builds is parsed to the same values, and what AppendNA builds is the same
// octets, checksum included.
func TestAdvertisementByOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dst, src, tll := genMAC(t, "dst"), genMAC(t, "src"), genMAC(t, "tll")
		want := ND{
			Type: NDAdvertisement, HopLimit: 255, HasTLL: true, TLL: tll,
			Src: genIPv6(t, "src"), Dst: genIPv6(t, "dst"), Target: genIPv6(t, "target"),
			Router: rapid.Bool().Draw(t, "R"), Solicited: rapid.Bool().Draw(t, "S"), Override: rapid.Bool().Draw(t, "O"),
		}
		ip := ipLayer(want.Src, want.Dst)
		frame := serialize(t,
			&layers.Ethernet{DstMAC: dst[:], SrcMAC: src[:], EthernetType: layers.EthernetTypeIPv6}, ip,
			icmpLayer(ip, layers.ICMPv6TypeNeighborAdvertisement),
			&layers.ICMPv6NeighborAdvertisement{
				Flags: advertisementFlags(want.Router, want.Solicited, want.Override), TargetAddress: want.Target[:],
				Options: layers.ICMPv6Options{{Type: layers.ICMPv6OptTargetAddress, Data: tll[:]}},
			})
		_, got, err := ndOf(frame)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
		built := AppendNA(nil, dst, src, false, 0, want.Src, want.Dst, want.Target, tll, want.Router, want.Solicited, want.Override)
		if !bytes.Equal(built, frame) {
			t.Fatalf("got\n% x\nwant\n% x", built, frame)
		}
	})
}

// conformance: N1
func TestSolicitationByOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dst, src, sll := genMAC(t, "dst"), genMAC(t, "src"), genMAC(t, "sll")
		target := genIPv6(t, "target")
		want := ND{
			Type: NDSolicitation, HopLimit: 255, HasSLL: true, SLL: sll,
			Src: genIPv6(t, "src"), Dst: SolicitedNode(target), Target: target,
		}
		sllOption := &sll
		var options layers.ICMPv6Options
		if rapid.Bool().Draw(t, "DAD") || want.Src == noIPv6 {
			want.Src, want.HasSLL, want.SLL, sllOption = noIPv6, false, MAC{}, nil
		} else {
			options = append(options, layers.ICMPv6Option{Type: layers.ICMPv6OptSourceAddress, Data: sll[:]})
		}
		if rapid.Bool().Draw(t, "nonce") {
			want.Nonce = rapid.SliceOfN(rapid.Byte(), 6, 6).Draw(t, "nonce value")
			// gopacket writes options from the last to the first.
			options = append(layers.ICMPv6Options{{Type: optionNonce, Data: want.Nonce}}, options...)
		}
		ip := ipLayer(want.Src, want.Dst)
		frame := serialize(t,
			&layers.Ethernet{DstMAC: dst[:], SrcMAC: src[:], EthernetType: layers.EthernetTypeIPv6}, ip,
			icmpLayer(ip, layers.ICMPv6TypeNeighborSolicitation),
			&layers.ICMPv6NeighborSolicitation{TargetAddress: target[:], Options: options})
		// A frame from a switch may carry padding behind the packet.
		_, got, err := ndOf(append(bytes.Clone(frame), 1, 2, 3))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
		built := AppendNS(nil, dst, src, false, 0, want.Src, want.Dst, target, sllOption, want.Nonce)
		if !bytes.Equal(built, frame) {
			t.Fatalf("got\n% x\nwant\n% x", built, frame)
		}
	})
}

// A nonce of any length makes a whole option, and tags stay in place.
func TestSolicitationNonceAndTag(t *testing.T) {
	for _, length := range []int{1, 6, 7, 14, 2038, 5000} {
		nonce := bytes.Repeat([]byte{7}, length)
		f, n, err := ndOf(AppendNS(nil, Broadcast, hostA, true, 0x600a, ip6A, SolicitedNode(ip6B), ip6B, &hostA, nonce))
		if err != nil {
			t.Fatalf("nonce of %d octets: %v", length, err)
		}
		kept := min(length, 2038)
		if (len(n.Nonce)+2)%8 != 0 || len(n.Nonce) < kept || !bytes.Equal(n.Nonce[:kept], nonce[:kept]) || n.UnknownOptions {
			t.Errorf("nonce of %d octets reads as %d octets", length, len(n.Nonce))
		}
		if f.TCI != 0x600a || f.VLAN != 10 {
			t.Errorf("TCI %04x, VLAN %d", f.TCI, f.VLAN)
		}
	}
}

// message builds a frame's payload: an IPv6 packet with a right checksum.
func message(src, dst [16]byte, kind, code, flags uint8, target [16]byte, options ...byte) []byte {
	b, start := appendND(nil, src, dst, target, kind, flags, ndLen+len(options))
	b[start+1] = code
	b = append(b, options...)
	return sealICMPv6(b, start, src, dst)
}

var (
	sllOption = append([]byte{optionSourceLinkLayer, 1}, hostA[:]...)
	tllOption = append([]byte{optionTargetLinkLayer, 1}, hostB[:]...)
)

// withHeader puts an extension header of 8 octets before the message.
func withHeader(packet []byte, kind uint8, rest ...byte) []byte {
	header := append([]byte{packet[6]}, rest...)
	b := append(bytes.Clone(packet[:40]), header...)
	b = append(b, packet[40:]...)
	b[6] = kind
	binary.BigEndian.PutUint16(b[4:], binary.BigEndian.Uint16(b[4:])+uint16(len(header)))
	return b
}

func change(packet []byte, at int, value byte) []byte {
	b := bytes.Clone(packet)
	b[at] = value
	return b
}

// conformance: N1 N2 N3
func TestNDChecks(t *testing.T) {
	group := SolicitedNode(ip6B)
	ns := message(ip6A, group, NDSolicitation, 0, 0, ip6B, sllOption...)
	na := message(ip6B, ip6A, NDAdvertisement, 0, flagSolicited|flagOverride, ip6B, tllOption...)
	dad := message(noIPv6, group, NDSolicitation, 0, 0, ip6B)
	multicast := [16]byte{0xff, 0x02, 15: 1}
	options := func(kind uint8, b ...byte) []byte {
		return message(ip6A, group, kind, 0, 0, ip6B, b...)
	}
	tests := []struct {
		name   string
		packet []byte
		want   Reason
	}{
		{"solicitation", ns, ReasonNone},
		{"advertisement", na, ReasonNone},
		{"duplicate address detection", dad, ReasonNone},
		{"unicast solicitation", message(ip6A, ip6B, NDSolicitation, 0, 0, ip6B, sllOption...), ReasonNone},
		{"reserved bits", message(ip6A, group, NDSolicitation, 0, 0xff, ip6B, sllOption...), ReasonNone},
		{"destination options before", withHeader(ns, nextDestination, 0, 1, 4, 0, 0, 0, 0), ReasonNone},
		{"hop limit 254", change(ns, 7, 254), ReasonNDHopLimit},
		{"checksum of solicitation", change(ns, 42, ns[42]^1), ReasonNDChecksum},
		{"checksum of advertisement", change(na, len(na)-1, 0x77), ReasonNDChecksum},
		{"code 1", message(ip6A, group, NDSolicitation, 1, 0, ip6B, sllOption...), ReasonNDCode},
		{"length 16", change(ns[:56], 5, 16), ReasonNDTruncated},
		{"payload cut", ns[:len(ns)-1], ReasonIPv6Truncated},
		{"header cut", ns[:39], ReasonIPv6Truncated},
		{"nothing", nil, ReasonIPv6Truncated},
		{"version 4", change(ns, 0, 0x45), ReasonIPv6Version},
		{"multicast target", message(ip6A, group, NDSolicitation, 0, 0, multicast, sllOption...), ReasonNDTarget},
		{"multicast target of advertisement", message(ip6A, group, NDAdvertisement, 0, 0, multicast), ReasonNDTarget},
		{"multicast source", message(multicast, group, NDSolicitation, 0, 0, ip6B, sllOption...), ReasonNDSource},
		{"option length 0", options(NDSolicitation, 1, 0, 0, 0, 0, 0, 0, 0), ReasonNDOptionLength},
		{"option beyond the end", options(NDSolicitation, 1, 2, 0, 0, 0, 0, 0, 0), ReasonNDOptionLength},
		{"half an option", options(NDAdvertisement, 1), ReasonNDOptionLength},
		{"unknown option of length 0", options(NDAdvertisement, 200, 0, 0, 0, 0, 0, 0, 0), ReasonNDOptionLength},
		{"from :: to unicast", message(noIPv6, ip6B, NDSolicitation, 0, 0, ip6B), ReasonNDUnspecifiedDestination},
		{"from :: to all nodes", message(noIPv6, AllNodes(), NDSolicitation, 0, 0, ip6B), ReasonNDUnspecifiedDestination},
		{"from :: with link-layer option", message(noIPv6, group, NDSolicitation, 0, 0, ip6B, sllOption...), ReasonNDUnspecifiedLinkLayer},
		{"solicited advertisement to all", message(ip6B, AllNodes(), NDAdvertisement, 0, flagSolicited, ip6B, tllOption...), ReasonNDSolicitedMulticast},
		{"unsolicited advertisement to all", message(ip6B, AllNodes(), NDAdvertisement, 0, flagOverride, ip6B, tllOption...), ReasonNone},
		{"atomic fragment", withHeader(ns, nextFragment, 0, 0, 0, 0, 0, 0, 1), ReasonNDFragmented},
		{"first fragment", withHeader(na, nextFragment, 0, 0, 1, 0, 0, 0, 1), ReasonNDFragmented},
		{"fragment behind options", withHeader(withHeader(ns, nextFragment, 0, 0, 0, 0, 0, 0, 1), nextHopByHop, 0, 1, 4, 0, 0, 0, 0), ReasonNDFragmented},
		{"fragment header cut", change(change(ns[:44], 6, nextFragment), 5, 4), ReasonIPv6Truncated},
		{"options header cut", change(change(ns[:48], 6, nextHopByHop), 41, 9), ReasonIPv6Truncated},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var n ND
			err := n.Parse(test.packet)
			if got, _ := ReasonOf(err); got != test.want || (err == nil) != (test.want == ReasonNone) {
				t.Errorf("error %v: want %s", err, test.want)
			}
		})
	}
}

func TestNotND(t *testing.T) {
	ns := message(ip6A, SolicitedNode(ip6B), NDSolicitation, 0, 0, ip6B, sllOption...)
	for name, packet := range map[string][]byte{
		"TCP":                      change(ns, 6, 6),
		"TCP that is cut":          change(ns[:50], 6, 6),
		"echo request":             change(ns, 40, 128),
		"router solicitation":      change(ns, 40, 133),
		"redirect":                 change(ns, 40, 137),
		"no payload":               change(change(ns[:40], 5, 0), 4, 0),
		"no next header":           change(ns, 6, 59),
		"later fragment":           withHeader(ns, nextFragment, 0, 0, 8, 0, 0, 0, 1),
		"later fragment of an ext": withHeader(withHeader(ns, nextDestination, 0, 1, 4, 0, 0, 0, 0), nextFragment, 0, 0, 8, 0, 0, 0, 1),
	} {
		t.Run(name, func(t *testing.T) {
			var n ND
			if err := n.Parse(packet); !errors.Is(err, ErrNotND) {
				t.Errorf("error %v: want %v", err, ErrNotND)
			}
		})
	}
}

// conformance: N2
func TestNDOptions(t *testing.T) {
	other := append([]byte{optionSourceLinkLayer, 1}, hostB[:]...)
	nonce := []byte{optionNonce, 1, 1, 2, 3, 4, 5, 6}
	long := []byte{optionSourceLinkLayer, 2, 15: 0}
	secured := []byte{11, 1, 7: 0} // CGA option, RFC 3971 §5.1
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, test := range []struct {
		name    string
		kind    uint8
		options []byte
		want    ND
	}{
		{"no options", NDSolicitation, nil, ND{}},
		{"source link-layer", NDSolicitation, sllOption, ND{HasSLL: true, SLL: hostA}},
		{"and nonce", NDSolicitation, join(nonce, sllOption), ND{HasSLL: true, SLL: hostA, Nonce: nonce[2:]}},
		{"secured", NDSolicitation, join(sllOption, secured), ND{HasSLL: true, SLL: hostA, UnknownOptions: true}},
		{"target link-layer in a solicitation", NDSolicitation, tllOption, ND{UnknownOptions: true}},
		{"two link-layer options", NDSolicitation, join(sllOption, other), ND{HasSLL: true, SLL: hostA, UnknownOptions: true}},
		{"two nonces", NDSolicitation, join(nonce, nonce), ND{Nonce: nonce[2:], UnknownOptions: true}},
		{"link-layer address of 14 octets", NDSolicitation, long, ND{UnknownOptions: true}},
		{"target link-layer", NDAdvertisement, tllOption, ND{HasTLL: true, TLL: hostB}},
		{"source link-layer in an advertisement", NDAdvertisement, join(sllOption, tllOption), ND{HasTLL: true, TLL: hostB, UnknownOptions: true}},
		{"secured advertisement", NDAdvertisement, join(secured, tllOption, nonce), ND{HasTLL: true, TLL: hostB, UnknownOptions: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := test.want
			want.Type, want.HopLimit = test.kind, 255
			want.Src, want.Dst, want.Target = ip6A, SolicitedNode(ip6B), ip6B
			// The view must not remember the packet before.
			got := ND{HasSLL: true, SLL: hostB, HasTLL: true, TLL: hostA, Nonce: []byte{1}, UnknownOptions: true, Router: true, Solicited: true, Override: true}
			if err := got.Parse(message(ip6A, want.Dst, test.kind, 0, 0, ip6B, test.options...)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// conformance: N4 N5
func TestNDReply(t *testing.T) {
	group := SolicitedNode(ip6B)
	for _, tagged := range []bool{false, true} {
		for _, src := range [][16]byte{ip6A, noIPv6} {
			t.Run(fmt.Sprintf("tagged %v from %s", tagged, net.IP(src[:])), func(t *testing.T) {
				sll := &hostA
				want := ND{
					Type: NDAdvertisement, HopLimit: 255, Src: ip6B, Dst: ip6A, Target: ip6B,
					HasTLL: true, TLL: hostB, Solicited: true, Override: true,
				}
				wantMAC := hostA
				if src == noIPv6 {
					sll, want.Dst, want.Solicited = nil, AllNodes(), false
					wantMAC = MAC{0x33, 0x33, 0, 0, 0, 1}
				}
				f, request, err := ndOf(AppendNS(nil, MulticastMAC(group), hostA, tagged, 42, src, group, ip6B, sll, nil))
				if err != nil {
					t.Fatal(err)
				}
				g, got, err := ndOf(AppendNDReply(nil, &f, &request, hostB, false, true))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				if g.Dst != wantMAC || g.Src != hostB || !bytes.Equal(g.Tags, f.Tags) {
					t.Errorf("reply's frame is %+v", g)
				}
			})
		}
	}
}

func TestIPv6Addresses(t *testing.T) {
	address := func(s string) [16]byte { return [16]byte(net.ParseIP(s)) }
	if got, want := SolicitedNode(address("4037::1:800:200e:8c6c")), address("ff02::1:ff0e:8c6c"); got != want { // RFC 4291 §2.7.1
		t.Errorf("solicited-node address %s", net.IP(got[:]))
	}
	if got, want := MulticastMAC(address("ff02::1:ff0e:8c6c")), (MAC{0x33, 0x33, 0xff, 0x0e, 0x8c, 0x6c}); got != want {
		t.Errorf("multicast MAC %s", got)
	}
	if got, want := LinkLocal(MAC{0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde}), address("fe80::3656:78ff:fe9a:bcde"); got != want { // RFC 2464 §4
		t.Errorf("link-local address %s", net.IP(got[:]))
	}
	for text, want := range map[string]bool{"ff02::1:ff00:1": true, "ff02::1": false, "ff02::1:fe00:1": false, "ff05::1:ff00:1": false, "fd00::1": false} {
		if IsSolicitedNode(address(text)) != want {
			t.Errorf("IsSolicitedNode(%s) = %v", text, !want)
		}
	}
}

// The checksum of a message of any length, odd ones too, is gopacket's.
func TestChecksumByOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src, dst := genIPv6(t, "src"), genIPv6(t, "dst")
		payload := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "payload")
		ip := ipLayer(src, dst)
		packet := serialize(t, ip, icmpLayer(ip, 128), gopacket.Payload(payload))
		if got := ICMPv6Checksum(src, dst, packet[40:]); got != 0 {
			t.Fatalf("checksum over a right message is %04x", got)
		}
		want := binary.BigEndian.Uint16(packet[42:])
		packet[42], packet[43] = 0, 0
		if got := ICMPv6Checksum(src, dst, packet[40:]); got != want {
			t.Fatalf("checksum %04x: want %04x", got, want)
		}
	})
}
