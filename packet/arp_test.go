package packet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"pgregory.net/rapid"

	_ "github.com/isat-sdn/isat/test/seed"
)

var (
	hostA = MAC{0x02, 0, 0, 0, 0, 0x0a}
	hostB = MAC{0x02, 0, 0, 0, 0, 0x0b}
	ipA   = [4]byte{10, 0, 0, 1}
	ipB   = [4]byte{10, 0, 0, 2}
)

// serialize has gopacket build a packet.
func serialize(t interface{ Fatal(...any) }, parts ...gopacket.SerializableLayer) []byte {
	buffer := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buffer, options, parts...); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(buffer.Bytes())
}

func genIPv4(t *rapid.T, label string) [4]byte {
	return [4]byte(binary.BigEndian.AppendUint32(nil, rapid.Uint32().Draw(t, label)))
}

func genARP(t *rapid.T) ARP {
	return ARP{
		Op:  rapid.Uint16().Draw(t, "op"),
		SHA: genMAC(t, "sha"), THA: genMAC(t, "tha"),
		SPA: genIPv4(t, "spa"), TPA: genIPv4(t, "tpa"),
	}
}

func arpLayer(a *ARP) *layers.ARP {
	return &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4,
		HwAddressSize: 6, ProtAddressSize: 4, Operation: a.Op,
		SourceHwAddress: a.SHA[:], SourceProtAddress: a.SPA[:],
		DstHwAddress: a.THA[:], DstProtAddress: a.TPA[:],
	}
}

// What gopacket builds is parsed to the same values, with none, one and two tags.
func TestParseARPOfOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genARP(t)
		dst, src := genMAC(t, "dst"), genMAC(t, "src")
		tags := rapid.SliceOfN(rapid.Uint16(), 0, 2).Draw(t, "tags")
		types := []layers.EthernetType{layers.EthernetTypeDot1Q, layers.EthernetTypeDot1Q}
		if rapid.Bool().Draw(t, "service tag") {
			types[0] = layers.EthernetTypeQinQ
		}
		ethernet := &layers.Ethernet{DstMAC: dst[:], SrcMAC: src[:], EthernetType: layers.EthernetTypeARP}
		parts := []gopacket.SerializableLayer{ethernet}
		for i, tci := range tags {
			tag := &layers.Dot1Q{Priority: uint8(tci >> 13), DropEligible: tci&0x1000 != 0, VLANIdentifier: tci & 0xfff, Type: layers.EthernetTypeARP}
			if i == 0 {
				ethernet.EthernetType = types[0]
			} else {
				parts[i].(*layers.Dot1Q).Type = types[i]
			}
			parts = append(parts, tag)
		}
		frame := serialize(t, append(parts, arpLayer(&want))...)

		var f Frame
		if err := f.Parse(frame); err != nil {
			t.Fatal(err)
		}
		if f.Dst != dst || f.Src != src || f.EtherType != EtherTypeARP || f.HeaderLen != 14+4*len(tags) ||
			len(f.Tags) != 4*len(tags) || f.Tagged != (len(tags) > 0) {
			t.Fatalf("frame reads as %+v", f)
		}
		if f.Tagged && (f.TCI != tags[0] || f.VLAN != tags[0]&0xfff) {
			t.Fatalf("tag %04x reads as %04x, VLAN %d", tags[0], f.TCI, f.VLAN)
		}
		var got ARP
		if err := got.Parse(f.Payload); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	})
}

// What AppendARP builds is what gopacket builds, octet for octet.
func TestAppendARPByOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := genARP(t)
		dst, src := genMAC(t, "dst"), genMAC(t, "src")
		tagged, tci := rapid.Bool().Draw(t, "tagged"), rapid.Uint16().Draw(t, "tci")
		ethernet := &layers.Ethernet{DstMAC: dst[:], SrcMAC: src[:], EthernetType: layers.EthernetTypeARP}
		parts := []gopacket.SerializableLayer{ethernet}
		if tagged {
			ethernet.EthernetType = layers.EthernetTypeDot1Q
			parts = append(parts, &layers.Dot1Q{Priority: uint8(tci >> 13), DropEligible: tci&0x1000 != 0, VLANIdentifier: tci & 0xfff, Type: layers.EthernetTypeARP})
		}
		want := serialize(t, append(parts, arpLayer(&a))...)
		want = append(want, make([]byte, max(0, MinFrameLen-len(want)))...)
		prefix := []byte("before")
		got := AppendARP(prefix, dst, src, tagged, tci, &a)
		if !bytes.Equal(got[:len(prefix)], prefix) || !bytes.Equal(got[len(prefix):], want) {
			t.Fatalf("got\n% x\nwant\n% x", got[len(prefix):], want)
		}
	})
}

// conformance: A4 A10
func TestARPReply(t *testing.T) {
	request := ARP{Op: ARPRequest, SHA: hostA, SPA: ipA, TPA: ipB}
	for _, tags := range [][]byte{nil, {0x81, 0, 0x20, 10}, {0x88, 0xa8, 0, 7, 0x81, 0, 0, 10}} {
		t.Run(fmt.Sprintf("%d tags", len(tags)/4), func(t *testing.T) {
			untagged := AppendARP(nil, Broadcast, hostA, false, 0, &request)
			frame := append(append(bytes.Clone(untagged[:12]), tags...), untagged[12:]...)
			var f Frame
			if err := f.Parse(frame); err != nil {
				t.Fatal(err)
			}
			reply := AppendARPReply(nil, &f, &request, hostB)
			if len(reply) < MinFrameLen {
				t.Errorf("reply of %d octets", len(reply))
			}
			var g Frame
			if err := g.Parse(reply); err != nil {
				t.Fatal(err)
			}
			if g.Dst != hostA || g.Src != hostB || g.EtherType != EtherTypeARP || !bytes.Equal(g.Tags, tags) {
				t.Errorf("reply's frame is %+v", g)
			}
			var got ARP
			if err := got.Parse(g.Payload); err != nil {
				t.Fatal(err)
			}
			want := ARP{Op: ARPReply, SHA: hostB, SPA: ipB, THA: hostA, TPA: ipA}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// conformance: A1
func TestMalformedARP(t *testing.T) {
	request := ARP{Op: ARPRequest, SHA: hostA, SPA: ipA, TPA: ipB}
	good := appendARPMessage(nil, &request)
	for name, test := range map[string]struct {
		change func([]byte) []byte
		want   Reason
	}{
		"good":                      {func(b []byte) []byte { return b }, ReasonNone},
		"padded":                    {func(b []byte) []byte { return append(b, 1, 2, 3) }, ReasonNone},
		"other opcode":              {func(b []byte) []byte { b[7] = 9; return b }, ReasonNone},
		"empty":                     {func(b []byte) []byte { return nil }, ReasonARPTruncated},
		"one octet missing":         {func(b []byte) []byte { return b[:27] }, ReasonARPTruncated},
		"hardware type IEEE 802":    {func(b []byte) []byte { b[1] = 6; return b }, ReasonARPHardwareType},
		"protocol type IPv6":        {func(b []byte) []byte { b[2], b[3] = 0x86, 0xdd; return b }, ReasonARPProtocolType},
		"hardware address length 8": {func(b []byte) []byte { b[4] = 8; return b }, ReasonARPAddressLength},
		"protocol address length 0": {func(b []byte) []byte { b[5] = 0; return b }, ReasonARPAddressLength},
	} {
		t.Run(name, func(t *testing.T) {
			var a ARP
			err := a.Parse(test.change(bytes.Clone(good)))
			if got, _ := ReasonOf(err); got != test.want || (err == nil) != (test.want == ReasonNone) {
				t.Errorf("error %v: want %s", err, test.want)
			}
		})
	}
}

// conformance: P1 P4
func TestARPProbeAndAnnouncement(t *testing.T) {
	for name, test := range map[string]struct {
		arp                 ARP
		probe, announcement bool
	}{
		"request":              {ARP{Op: ARPRequest, SPA: ipA, TPA: ipB}, false, false},
		"probe":                {ARP{Op: ARPRequest, TPA: ipB}, true, false},
		"announcement":         {ARP{Op: ARPRequest, SPA: ipA, TPA: ipA}, false, true},
		"gratuitous reply":     {ARP{Op: ARPReply, SPA: ipA, TPA: ipA}, false, true},
		"nothing for nothing":  {ARP{Op: ARPRequest}, true, false},
		"reply from 0.0.0.0":   {ARP{Op: ARPReply, TPA: ipA}, false, false},
		"reply about somebody": {ARP{Op: ARPReply, SPA: ipA, TPA: ipB}, false, false},
	} {
		if test.arp.IsProbe() != test.probe || test.arp.IsAnnouncement() != test.announcement {
			t.Errorf("%s: probe %v, announcement %v", name, test.arp.IsProbe(), test.arp.IsAnnouncement())
		}
	}
}

func TestFrameTruncated(t *testing.T) {
	a := ARP{Op: ARPRequest}
	frame := AppendARP(nil, Broadcast, hostA, true, 10, &a)
	for length := range 18 {
		var f Frame
		err := f.Parse(frame[:length])
		if got, ok := ReasonOf(err); !ok || got != ReasonFrameTruncated {
			t.Errorf("%d octets: error %v", length, err)
		}
	}
	var f Frame
	if err := f.Parse(frame[:18]); err != nil || len(f.Payload) != 0 || f.EtherType != EtherTypeARP {
		t.Errorf("header alone: %v, %+v", err, f)
	}
}

// A third tag is payload.
func TestFrameThreeTags(t *testing.T) {
	frame := append(make([]byte, 12), 0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 8, 6)
	var f Frame
	if err := f.Parse(frame); err != nil || f.VLAN != 1 || f.EtherType != EtherTypeVLAN || f.HeaderLen != 22 || len(f.Payload) != 4 {
		t.Errorf("%v, %+v", err, f)
	}
}
