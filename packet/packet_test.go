package packet

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// Reasons are metric labels: each has a name of its own.
func TestReasons(t *testing.T) {
	seen := make(map[string]Reason)
	for r := range Reason(NumReasons) {
		name := r.String()
		if first, ok := seen[name]; ok || name == "" || name == "unknown" {
			t.Errorf("reason %d is called %q (as %d)", r, name, first)
		}
		seen[name] = r
		wrapped := fmt.Errorf("port 3: %w", malformed[r])
		if got, ok := ReasonOf(wrapped); !ok || got != r {
			t.Errorf("ReasonOf(%v) = %s, %v", wrapped, got, ok)
		}
	}
	if got := Reason(NumReasons).String(); got != "unknown" {
		t.Errorf("a reason that doesn't exist is called %q", got)
	}
	for _, err := range []error{nil, ErrNotND, errors.New("other")} {
		if r, ok := ReasonOf(err); ok {
			t.Errorf("ReasonOf(%v) = %s", err, r)
		}
	}
}

// The hot path makes no garbage, whether it succeeds or fails.
func TestNoAllocations(t *testing.T) {
	request := ARP{Op: ARPRequest, SHA: hostA, SPA: ipA, TPA: ipB}
	arpFrame := AppendARP(nil, Broadcast, hostA, true, 10, &request)
	group := SolicitedNode(ip6B)
	nonce := []byte{1, 2, 3, 4, 5, 6}
	nsFrame := AppendNS(nil, MulticastMAC(group), hostA, true, 10, ip6A, group, ip6B, &hostA, nonce)
	badND := change(nsFrame, len(nsFrame)-1, 0xff)
	out := make([]byte, 0, 256)
	var f Frame
	var a ARP
	var n ND
	var reasons [NumReasons]int
	count := func(err error) {
		if r, ok := ReasonOf(err); ok {
			reasons[r]++
		}
	}
	for name, run := range map[string]func(){
		"ARP request and reply": func() {
			count(f.Parse(arpFrame))
			count(a.Parse(f.Payload))
			out = AppendARPReply(out[:0], &f, &a, hostB)
		},
		"solicitation and advertisement": func() {
			count(f.Parse(nsFrame))
			count(n.Parse(f.Payload))
			out = AppendNDReply(out[:0], &f, &n, hostB, false, true)
		},
		"builders": func() {
			out = AppendARP(out[:0], Broadcast, hostA, true, 10, &request)
			out = AppendNS(out[:0], Broadcast, hostA, true, 10, ip6A, group, ip6B, &hostA, nonce)
			out = AppendNA(out[:0], hostA, hostB, true, 10, ip6B, ip6A, ip6B, hostB, false, true, true)
		},
		"malformed": func() {
			count(f.Parse(arpFrame[:5]))
			count(a.Parse(arpFrame))
			count(f.Parse(badND))
			count(n.Parse(f.Payload))
		},
		"not ND": func() { count(n.Parse(noPayload)) },
	} {
		t.Run(name, func(t *testing.T) {
			if got := testing.AllocsPerRun(100, run); got != 0 {
				t.Errorf("%v allocations", got)
			}
		})
	}
	if reasons[ReasonFrameTruncated] == 0 || reasons[ReasonNDChecksum] == 0 || reasons[ReasonARPHardwareType] == 0 {
		t.Errorf("malformed packets were not counted: %v", reasons)
	}
}

// Composing and advertising make no garbage either; out and outRA have just enough room.
func TestRouterNoAllocations(t *testing.T) {
	udp4 := frame4(serialize(t, ipv4Layer(ipA, ipB, layers.IPProtocolUDP), gopacket.Payload(make([]byte, 1400))))
	broadcast := append(bytes.Clone(Broadcast[:]), udp4[6:]...)
	nsOfHost := frame6(message(ip6A, ip6B, NDSolicitation, 0, 0, ip6B, sllOption...))
	rsPacket := solicitation(ip6A, 0, sllOption...)
	advertisement := RouterAdvertisement{
		MTU: 1500, SourceMAC: hostA, RDNSSLifetime: time.Hour,
		Prefixes: []RAPrefix{{Prefix: netip.MustParsePrefix("fd00::1/64"), OnLink: true}},
		RDNSS:    []netip.Addr{netip.MustParseAddr("fd00::53")},
		DNSSL:    []string{"example.org", strings.Repeat("a", 70), "example.com."},
	}
	raLen := len(AppendRA(nil, Broadcast, hostA, true, 10, ip6A, ip6B, &advertisement))
	outRA := make([]byte, 0, raLen)
	out := make([]byte, 0, 14+icmp4MaxLen)
	compose := func(compose composer, frame []byte, want error) {
		var err error
		if out, err = compose(out[:0], frame); err != want {
			t.Fatal(err)
		}
	}
	for name, run := range map[string]func(){
		"composers": func() {
			compose(AppendComposedARP, udp4, nil)
			compose(AppendComposedNS, nsOfHost, nil)
			compose(AppendComposedNA, nsOfHost, nil)
			compose(composeICMP4, udp4, nil)
			compose(composeICMP6, nsOfHost, nil)
		},
		"nothing to compose": func() {
			compose(AppendComposedARP, nsOfHost, ErrNotIPv4)
			compose(AppendComposedNA, udp4, ErrNotNS)
			compose(composeICMP4, broadcast, exempt[ExemptLinkDestination])
		},
		"router solicitation and advertisement": func() {
			var r RS
			if err := r.Parse(rsPacket); err != nil {
				t.Fatal(err)
			}
			outRA = AppendRA(outRA[:0], Broadcast, hostA, true, 10, ip6A, ip6B, &advertisement)
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := testing.AllocsPerRun(100, run); got != 0 {
				t.Errorf("%v allocations", got)
			}
		})
	}
}

// noPayload is an IPv6 packet without a payload.
var noPayload = append([]byte{0x60, 0, 0, 0, 0, 0, 59, 255}, make([]byte, 32)...)

// Whatever the bytes, Parse ends without a panic, stays inside of them, and what it takes
// as valid can be built again and is parsed to the same.
func FuzzParse(f *testing.F) {
	request := ARP{Op: ARPRequest, SHA: hostA, SPA: ipA, TPA: ipB}
	group := SolicitedNode(ip6B)
	f.Add(AppendARP(nil, Broadcast, hostA, false, 0, &request))
	f.Add(AppendARP(nil, Broadcast, hostA, true, 10, &request))
	f.Add(AppendNS(nil, MulticastMAC(group), hostA, true, 10, ip6A, group, ip6B, &hostA, []byte{1, 2, 3, 4, 5, 6}))
	f.Add(AppendNS(nil, MulticastMAC(group), hostA, false, 0, noIPv6, group, ip6B, nil, nil))
	f.Add(AppendNA(nil, hostA, hostB, false, 0, ip6B, ip6A, ip6B, hostB, true, true, true))
	ns := message(ip6A, group, NDSolicitation, 0, 0, ip6B, sllOption...)
	f.Add(append(appendHeader(nil, Broadcast, hostA, false, 0, EtherTypeIPv6), withHeader(ns, nextFragment, 0, 0, 0, 0, 0, 0, 1)...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		var frame Frame
		if err := frame.Parse(data); err != nil {
			if _, ok := ReasonOf(err); !ok {
				t.Fatalf("error without a reason: %v", err)
			}
		} else if frame.HeaderLen+len(frame.Payload) != len(data) {
			t.Fatalf("%d octets of header and %d of payload in %d", frame.HeaderLen, len(frame.Payload), len(data))
		}
		// The inner views are tried on any bytes, too.
		for _, payload := range [][]byte{frame.Payload, data} {
			fuzzARP(t, payload)
			fuzzND(t, payload)
		}
		if !bytes.Equal(before, data) {
			t.Fatal("the input was changed")
		}
	})
}

func fuzzARP(t *testing.T, payload []byte) {
	var a, b ARP
	if err := a.Parse(payload); err != nil {
		if _, ok := ReasonOf(err); !ok {
			t.Fatalf("error without a reason: %v", err)
		}
		return
	}
	if err := b.Parse(appendARPMessage(nil, &a)); err != nil || a != b {
		t.Fatalf("%+v is read again as %+v, %v", a, b, err)
	}
}

func fuzzND(t *testing.T, payload []byte) {
	var n ND
	if err := n.Parse(payload); err != nil {
		if _, ok := ReasonOf(err); !ok && !errors.Is(err, ErrNotND) {
			t.Fatalf("error without a reason: %v", err)
		}
		return
	}
	var again []byte
	switch {
	case n.Type == NDSolicitation && n.HasSLL:
		again = AppendNS(nil, hostA, hostB, false, 0, n.Src, n.Dst, n.Target, &n.SLL, n.Nonce)
	case n.Type == NDSolicitation:
		again = AppendNS(nil, hostA, hostB, false, 0, n.Src, n.Dst, n.Target, nil, n.Nonce)
	default:
		again = AppendNA(nil, hostA, hostB, false, 0, n.Src, n.Dst, n.Target, n.TLL, n.Router, n.Solicited, n.Override)
	}
	_, m, err := ndOf(again)
	if err != nil || m.Src != n.Src || m.Dst != n.Dst || m.Target != n.Target || m.SLL != n.SLL || m.TLL != n.TLL ||
		!bytes.Equal(m.Nonce, n.Nonce) || m.Router != n.Router || m.Solicited != n.Solicited || m.Override != n.Override {
		t.Fatalf("%+v is read again as %+v, %v", n, m, err)
	}
}

func BenchmarkARPReply(b *testing.B) {
	request := ARP{Op: ARPRequest, SHA: hostA, SPA: ipA, TPA: ipB}
	frame := AppendARP(nil, Broadcast, hostA, false, 0, &request)
	out := make([]byte, 0, 64)
	var f Frame
	var a ARP
	b.ReportAllocs()
	for b.Loop() {
		if f.Parse(frame) != nil || a.Parse(f.Payload) != nil {
			b.Fatal("malformed")
		}
		out = AppendARPReply(out[:0], &f, &a, hostB)
	}
}

func BenchmarkNDReply(b *testing.B) {
	group := SolicitedNode(ip6B)
	frame := AppendNS(nil, MulticastMAC(group), hostA, false, 0, ip6A, group, ip6B, &hostA, nil)
	out := make([]byte, 0, 128)
	var f Frame
	var n ND
	b.ReportAllocs()
	for b.Loop() {
		if f.Parse(frame) != nil || n.Parse(f.Payload) != nil {
			b.Fatal("malformed")
		}
		out = AppendNDReply(out[:0], &f, &n, hostB, false, true)
	}
}
