package packet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// Whatever the frame, a composer makes a well-formed one of it or gives an error that can
// be told, and never lets an ICMP error follow an ICMP error.
func FuzzCompose(f *testing.F) {
	ns := message(ip6A, SolicitedNode(ip6B), NDSolicitation, 0, 0, ip6B, sllOption...)
	f.Add(frame6(ns))
	f.Add(frame6(message(noIPv6, SolicitedNode(ip6B), NDSolicitation, 0, 0, ip6B)))
	f.Add(frame6(withHeader(ns, nextAuthentication, 0, 0, 0, 0, 0, 0, 1)))
	f.Add(frame6(withHeader(ns, nextFragment, 0, 0, 8, 0, 0, 0, 1)))
	f.Add(frame6(solicitation(ip6A, 0, sllOption...)))
	udp4 := []byte{0x45, 0, 0, 21, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1}
	binary.BigEndian.PutUint16(udp4[10:], checksum(udp4[:20]))
	f.Add(frame4(udp4))
	f.Add(append(appendHeader(nil, hostB, hostA, true, 10, EtherTypeIPv4), udp4...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		for name, compose := range map[string]composer{
			"arp": AppendComposedARP, "nd_ns": AppendComposedNS, "nd_na": AppendComposedNA,
			"icmp4": composeICMP4, "icmp6": composeICMP6,
		} {
			fuzzComposer(t, name, compose, data)
		}
		fuzzRS(t, data)
		if !bytes.Equal(before, data) {
			t.Fatal("the input was changed")
		}
	})
}

func fuzzComposer(t *testing.T, name string, compose composer, data []byte) {
	prefix := []byte("before")
	got, err := compose(prefix, data)
	if !bytes.HasPrefix(got, prefix) {
		t.Fatalf("%s: what was there was changed to % x", name, got)
	}
	if err != nil {
		_, malformed := ReasonOf(err)
		_, exempt := ExemptionOf(err)
		other := errors.Is(err, ErrNotIPv4) || errors.Is(err, ErrNotIPv6) || errors.Is(err, ErrNotNS)
		if !malformed && !exempt && !other || len(got) != len(prefix) {
			t.Fatalf("%s: %d octets, error %v", name, len(got), err)
		}
		return
	}
	var original, f Frame
	frame := got[len(prefix):]
	if err := errors.Join(original.Parse(data), f.Parse(frame)); err != nil || !bytes.Equal(f.Tags, original.Tags) {
		t.Fatalf("%s: tags % x were % x, error %v", name, f.Tags, original.Tags, err)
	}
	checkComposed(t, name, &f, &original)
	if name != "icmp4" && name != "icmp6" {
		return
	}
	if _, err := compose(nil, frame); !errors.Is(err, exempt[ExemptICMPError]) {
		t.Fatalf("%s about %s: %v", name, name, err)
	}
}

// checkComposed checks checksums, lengths and the view of what was composed.
func checkComposed(t *testing.T, name string, f, original *Frame) {
	var err error
	limit := MinFrameLen
	switch name {
	case "arp":
		var a ARP
		if err = a.Parse(f.Payload); err == nil && (a.Op != ARPRequest || a.SHA != original.Src || a.THA != MAC{}) {
			t.Fatalf("arp: %+v", a)
		}
	case "icmp4":
		var p ipv4
		limit = icmp4MaxLen
		if err = p.parse(f.Payload); err == nil && (checksum(p.header) != 0 || checksum(p.payload) != 0) {
			t.Fatalf("icmp4: checksum of % x", p.datagram)
		}
		if !bytes.HasPrefix(original.Payload, p.payload[icmpHeaderLen:]) {
			t.Fatalf("icmp4: quotes % x", p.payload)
		}
	default:
		var p ipv6
		limit = minIPv6MTU
		if err = p.parse(f.Payload); err == nil && (p.truncated || ICMPv6Checksum(p.src, p.dst, p.upper) != 0) {
			t.Fatalf("%s: checksum of % x", name, p.datagram)
		}
		if name == "icmp6" && !bytes.HasPrefix(original.Payload, p.upper[icmpHeaderLen:]) {
			t.Fatalf("icmp6: quotes % x", p.upper)
		}
	}
	if name == "nd_na" {
		var n ND
		err = n.Parse(f.Payload)
	}
	if err != nil || len(f.Payload) > limit {
		t.Fatalf("%s: %d octets, error %v", name, len(f.Payload), err)
	}
}

func fuzzRS(t *testing.T, data []byte) {
	var f Frame
	if f.Parse(data) != nil {
		return
	}
	for _, payload := range [][]byte{f.Payload, data} {
		var r, again RS
		if err := r.Parse(payload); err != nil {
			if _, ok := ReasonOf(err); !ok && !errors.Is(err, ErrNotRS) {
				t.Fatalf("error without a reason: %v", err)
			}
			continue
		}
		var options []byte
		if r.HasSLL {
			options = appendLinkLayerOption(nil, optionSourceLinkLayer, r.SLL)
		}
		err := again.Parse(solicitation(r.Src, 0, options...))
		if again.Dst = r.Dst; err != nil || again != r {
			t.Fatalf("%+v is read again as %+v, %v", r, again, err)
		}
	}
}
