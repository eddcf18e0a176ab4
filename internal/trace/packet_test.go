package trace_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/internal/trace"
	"github.com/isat-sdn/isat/openflow"
)

// TestFramesOfExpressions has another library read the frames: what the expression
// says is there, lengths and checksums are right, and nothing is left over.
func TestFramesOfExpressions(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"arp.tpa == 10.0.0.2", "Ethernet/ARP"},
		{"arp.op == 2 && eth.src == 02:00:00:00:00:09 && arp.spa == 10.0.0.9", "Ethernet/ARP"},
		{"vlan.vid == 10 && vlan.pcp == 5 && arp", "Ethernet/Dot1Q/ARP"},
		{"ip4.src == 10.0.0.1 && ip4.dst == 10.0.0.2 && icmp4.type == 8", "Ethernet/IPv4/ICMPv4"},
		{"ip4.src == 10.0.0.1 && (ip4.dst == 10.0.0.2 && (tcp.dst == 80)) && ip.dscp == 46 && ip.ecn == 1", "Ethernet/IPv4/TCP"},
		{"tcp.flags == 0x12 && tcp.src == 443 && ip6", "Ethernet/IPv6/TCP"},
		{"udp.dst == 67 && ip4.src == 0.0.0.0 && ip4.dst == 255.255.255.255", "Ethernet/IPv4/UDP"},
		{"udp && ip6.src == fd00::1 && ip6.dst == fd00::2 && ip6.label == 0x12345", "Ethernet/IPv6/UDP"},
		{"icmp6.type == 128 && ip6.dst == fd00::2 && ip.ttl == 3", "Ethernet/IPv6/ICMPv6/ICMPv6Echo"},
		{"nd_ns && nd.target == fe80::2", "Ethernet/IPv6/ICMPv6/ICMPv6NeighborSolicitation"},
		{"nd_ns && ip6.src == :: && nd.target == fe80::2", "Ethernet/IPv6/ICMPv6/ICMPv6NeighborSolicitation"},
		{"nd_na && nd.target == fe80::2 && nd.tll == 02:00:00:00:00:07", "Ethernet/IPv6/ICMPv6/ICMPv6NeighborAdvertisement"},
		{"nd_rs", "Ethernet/IPv6/ICMPv6/ICMPv6RouterSolicitation"},
		{"ip4.dst == 10.0.0.2 && ip.first_frag && udp.dst == 53", "Ethernet/IPv4/Fragment"},
	} {
		p, err := trace.ParsePacket(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		read := gopacket.NewPacket(p.Frame, layers.LayerTypeEthernet, gopacket.Default)
		var names []string
		for _, l := range read.Layers() {
			names = append(names, l.LayerType().String())
		}
		if got := strings.Join(names, "/"); !strings.HasPrefix(got, c.want) || read.ErrorLayer() != nil {
			t.Errorf("%s: %s (%v), want %s", c.text, got, read.ErrorLayer(), c.want)
		}
		for _, l := range read.Layers() {
			if l, ok := l.(interface {
				SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
			}); ok && l.SetNetworkLayerForChecksum(read.NetworkLayer()) != nil {
				t.Fatal("no network layer")
			}
		}
		if err, wrong := read.VerifyChecksums(); err != nil || len(wrong) > 0 {
			t.Errorf("%s: checksums %v %v in %x", c.text, err, wrong, p.Frame)
		}
		holds(t, c.text, p.Frame)
	}
}

// holds says that the expression is true of the frame, as flows see it.
func holds(t *testing.T, text string, frame []byte) {
	t.Helper()
	s := logical.NewSymbols()
	s.AddPacketFields()
	e, err := logical.ParseMatch(s, text)
	if err != nil {
		t.Fatal(err)
	}
	id := uint32(1)
	for _, m := range e.Compile(nil, &id) {
		f := openflow.NewFlowMod(openflow.FlowAdd, 0, 1)
		f.Match, f.Instructions = m.Match, openflow.Apply(openflow.Output{Port: 2})
		if outputs(t, f, frame) == 1 {
			return
		}
	}
	t.Errorf("%s is not true of %x", text, frame)
}

// TestDefaults are those that the reference states.
func TestDefaults(t *testing.T) {
	for text, want := range map[string]string{
		// A request is a broadcast, and its sender's hardware address that of the frame.
		"arp.tpa == 10.0.0.2 && eth.src == 02:00:00:00:00:01 && arp.spa == 10.0.0.1": "ffffffffffff020000000001 0806 0001080006040001 020000000001 0a000001 000000000000 0a000002",
		"icmp4.type == 8 && ip4.src == 10.0.0.1 && ip4.dst == 10.0.0.2":              "02000000ff0202000000ff01 0800 4500001c00000000 400166df 0a0000010a000002 0800f7fd00010001",
		"eth.type == 0x1234": "02000000ff0202000000ff01 1234" + strings.Repeat("00", 46),
	} {
		p, err := trace.ParsePacket(text)
		if got := hex.EncodeToString(p.Frame); err != nil || got != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s: %s, %v, want %s", text, got, err, want)
		}
	}
}

// TestPacketErrors name the place that is wrong.
func TestPacketErrors(t *testing.T) {
	for _, c := range []struct {
		text, want string
		at         int // -1 without a place
	}{
		{"", "Syntax error at end of input expecting", 0},
		{"ip.ttl = 4", "Syntax error at `=' expecting", 7},
		{"reg0 == 1", "Syntax error at `reg0' expecting field name.", 0},
		{"ip4.src == 10.0.0.1 && arp", "This contradicts what comes before it", 23},
		{"ip4.src == 10.0.0.1 && ip4.src == 10.0.0.2", "This contradicts", 23},
		{"ip4 && (udp && tcp.dst == 80)", "This contradicts", 15},
		{"ip4 && (udp || tcp)", "A packet is made from equalities", 8},
		{"tcp.dst != 80", "A packet is made from equalities", 0},
		{"ip4.src == 10.0.0.0/24", "A packet is made from equalities", 0},
		{"ip4 && tcp.dst == {80, 81}", "A packet is made from equalities", 7},
		{"eth.src == 02:00:00:00:00:01 && !arp", "may only be tested positively", 33},
		{"eth.src == 02:00:00:00:00:01 && !eth.dst[40]", "A packet is made from equalities", 32},
		{"arp && 0", "A packet is made from equalities", 7},
		{`inport == "h1" && inport == "h2"`, "This contradicts", 18},
		{"0x0102030", "7 hexadecimal digits are no whole bytes", -1},
		{"0102", "a frame of 2 bytes: it has 14 to 65535", -1},
		{"pkt.mark == 3", "pkt.mark is no part of a frame", -1},
		// A switch sees no ports in a later fragment.
		{"ip4 && ip.later_frag && udp.dst == 53", "This contradicts", 24},
		{"nd_ns && nd.option == 2 && nd.sll == 02:00:00:00:00:01", "no frame is all of this", -1},
	} {
		_, err := trace.ParsePacket(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
			continue
		}
		var at *logical.Error
		if errors.As(err, &at) != (c.at >= 0) {
			t.Errorf("%q: %v has a place: %t", c.text, err, at != nil)
		} else if c.at >= 0 && at.Offset != c.at {
			t.Errorf("%q: place %d, want %d", c.text, at.Offset, c.at)
		}
	}
}

// TestHexadecimal is read with whatever stands between the digits.
func TestHexadecimal(t *testing.T) {
	const want = "ffffffffffff0200000000010806aa"
	for _, text := range []string{want, "0x" + want, strings.ToUpper(want), "ff:ff:ff:ff:ff:ff 02 00 00 00 00 01\n0x0806 aa\n"} {
		p, err := trace.ParsePacket(text)
		if got := hex.EncodeToString(p.Frame); err != nil || got != want {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
}

func TestPortOf(t *testing.T) {
	ports := map[uint32]fabric.Port{1: {Number: 1, Name: "h1"}, 2: {Number: 2, Name: "1"}, openflow.PortLocal: {Number: openflow.PortLocal, Name: "br0"}}
	tagged, err := trace.ParsePacket("vlan.vid == 10")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, packet string
		want         uint32
		err          string
	}{
		{"h1", "", 1, ""}, {"", "h1", 1, ""}, {"h1", "h1", 1, ""}, {"1", "", 2, ""}, {"br0", "", openflow.PortLocal, ""}, {"65534", "", openflow.PortLocal, ""}, {"h1@10", "", 1, ""}, {"", "h1@10", 1, ""},
		{"h1", "1", 0, "and the port given is"}, {"", "", 0, "no port is given"}, {"h9", "", 0, `no port "h9"`}, {"h1@11", "", 0, "say vlan.vid == 11"}, {"h9@10", "", 0, `no port "h9@10"`},
	} {
		got, err := trace.PortOf(ports, c.name, trace.Packet{Frame: tagged.Frame, Port: c.packet})
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%+v: %d, %v", c, got, err)
		}
	}
}

// FuzzParsePacket finds text that panics, and frames that are none.
func FuzzParsePacket(f *testing.F) {
	for _, text := range []string{"arp", "ffffffffffff0200000000010806", `inport == "h1" && (ip4.src == 10.0.0.1 && tcp.dst == 80)`,
		"nd_ns && nd.target == fe80::1", "ip.frag == 3 && ip6", "vlan.tci == 0x1fff", `(("(" == inport`, "ip6.label[3..5] == 2", "arp.op == 0x101"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := trace.ParsePacket(text)
		if err == nil && trace.CheckFrame(p.Frame) != nil {
			t.Errorf("%q: %d bytes", text, len(p.Frame))
		}
	})
}
