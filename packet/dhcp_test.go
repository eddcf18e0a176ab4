package packet

import (
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"pgregory.net/rapid"
)

// dhcp4 has gopacket write a DHCP message in an IPv4 packet.
func dhcp4(op layers.DHCPOp, to uint16, edit func(*layers.DHCPv4), options ...layers.DHCPOption) []byte {
	ip := &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IP{10, 0, 0, 1}, DstIP: net.IP{10, 0, 0, 2}}
	udp := &layers.UDP{SrcPort: 67, DstPort: layers.UDPPort(to)}
	_ = udp.SetNetworkLayerForChecksum(ip)
	message := &layers.DHCPv4{Operation: op, HardwareType: layers.LinkTypeEthernet, HardwareLen: 6, ClientHWAddr: hostA[:], Options: options,
		ClientIP: net.IP{0, 0, 0, 0}, YourClientIP: net.IP{0, 0, 0, 0}, NextServerIP: net.IP{0, 0, 0, 0}, RelayAgentIP: net.IP{0, 0, 0, 0}}
	edit(message)
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ip, udp, message); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func option4(kind layers.DHCPOpt, value ...byte) layers.DHCPOption {
	return layers.NewDHCPOption(kind, value)
}

var (
	ackOptions = []layers.DHCPOption{option4(layers.DHCPOptMessageType, DHCPAck), option4(layers.DHCPOptServerID, 10, 0, 0, 1), option4(layers.DHCPOptLeaseTime, 0, 0, 14, 16)}
	ack4       = dhcp4(layers.DHCPOpReply, 68, func(m *layers.DHCPv4) { m.YourClientIP = net.IP{10, 0, 0, 9} }, ackOptions...)
	wantACK4   = DHCP4{Type: DHCPAck, Reply: true, Client: hostA, YIAddr: [4]byte{10, 0, 0, 9}, Server: [4]byte{10, 0, 0, 1}, HasLease: true, Lease: 3600}
)

// What gopacket writes is read.
func TestDHCP4(t *testing.T) {
	release := dhcp4(layers.DHCPOpRequest, 67, func(m *layers.DHCPv4) { m.ClientIP = net.IP{10, 0, 0, 9} },
		option4(layers.DHCPOptMessageType, DHCPRelease), option4(layers.DHCPOptServerID, 10, 0, 0, 1))
	decline := dhcp4(layers.DHCPOpRequest, 67, func(*layers.DHCPv4) {},
		option4(layers.DHCPOptMessageType, DHCPDecline), option4(layers.DHCPOptPad), option4(layers.DHCPOptRequestIP, 10, 0, 0, 9))
	overloaded := dhcp4(layers.DHCPOpReply, 68, func(m *layers.DHCPv4) {
		m.YourClientIP = net.IP{10, 0, 0, 9}
		m.File, m.ServerName = append([]byte{51, 4, 0, 0, 14, 16, 255}, make([]byte, 121)...), append([]byte{0, 54, 4, 10, 0, 0, 1, 255}, make([]byte, 56)...)
	}, option4(layers.DHCPOptMessageType, DHCPAck), option4(layers.DHCPOpt(dhcpOptionOverload), 3))
	for _, c := range []struct {
		name string
		b    []byte
		want DHCP4
	}{
		{"an acknowledgement", ack4, wantACK4},
		{"padded", append(slices.Clone(ack4), 0xff, 0xff, 0xff), wantACK4},
		{"options in the fields of names", overloaded, wantACK4},
		{"a release", release, DHCP4{Type: DHCPRelease, Client: hostA, CIAddr: [4]byte{10, 0, 0, 9}, Server: [4]byte{10, 0, 0, 1}}},
		{"a decline", decline, DHCP4{Type: DHCPDecline, Client: hostA, Requested: [4]byte{10, 0, 0, 9}}},
	} {
		var got DHCP4
		if err := got.Parse(c.b); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

// Where the parts of ack4 begin.
const (
	ackUDP     = ipv4HeaderLen
	ackMessage = ackUDP + udpHeaderLen
	ackOption  = ackMessage + dhcpOptions
)

// length changes a length of 16 bits.
func length(packet []byte, at, value int) []byte {
	return change(change(packet, at, byte(value>>8)), at+1, byte(value))
}

func TestDHCP4Refuses(t *testing.T) {
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"no IPv4", change(ack4, 0, 0x65), malformed[ReasonIPv4Version]},
		{"TCP", change(ack4, 9, 6), ErrNotDHCP},
		{"a later fragment", change(ack4, 7, 1), ErrNotDHCP},
		{"another port", change(ack4, ackUDP+3, 69), ErrNotDHCP},
		{"UDP that is longer than it is", change(ack4, ackUDP+4, 9), malformed[ReasonDHCPTruncated]},
		{"UDP that is shorter than its header", length(ack4, ackUDP+4, 7), malformed[ReasonDHCPTruncated]},
		{"a short message", length(ack4, ackUDP+4, 100), malformed[ReasonDHCPTruncated]},
		{"another cookie", change(ack4, ackMessage+dhcpHeaderLen, 0), ErrNotDHCP},
		{"another hardware", change(ack4, ackMessage+1, 6), ErrNotDHCP},
		{"another length of hardware addresses", change(ack4, ackMessage+2, 16), ErrNotDHCP},
		{"a request to a client", change(ack4, ackMessage, 1), ErrNotDHCP},
		{"a reply to a server", change(ack4, ackUDP+3, 67), ErrNotDHCP},
		{"neither", change(ack4, ackMessage, 3), ErrNotDHCP},
		{"BOOTP", change(ack4, ackOption, 255), ErrNotDHCP},
		{"an option beyond the end", change(ack4, ackOption+1, 255), malformed[ReasonDHCPOption]},
		{"a lease time of another length", change(ack4, ackOption, byte(layers.DHCPOptLeaseTime)), malformed[ReasonDHCPOption]},
	} {
		var d DHCP4
		if err := d.Parse(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// dhcp6 has gopacket write a DHCPv6 message in an IPv6 packet.
func dhcp6(kind layers.DHCPv6MsgType, to uint16, options ...layers.DHCPv6Option) []byte {
	ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: ip6A[:], DstIP: ip6B[:]}
	udp := &layers.UDP{SrcPort: 547, DstPort: layers.UDPPort(to)}
	_ = udp.SetNetworkLayerForChecksum(ip)
	b := gopacket.NewSerializeBuffer()
	message := &layers.DHCPv6{MsgType: kind, TransactionID: []byte{1, 2, 3}, Options: options}
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ip, udp, message); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func option6(kind layers.DHCPv6Opt, value ...[]byte) layers.DHCPv6Option {
	return layers.NewDHCPv6Option(kind, slices.Concat(value...))
}

// iaAddr is the option of an address with its lifetimes.
func iaAddr(ip [16]byte, valid uint32) []byte {
	b := append([]byte{0, dhcp6OptionIAAddr, 0, dhcp6IAAddrLen}, ip[:]...)
	return binary.BigEndian.AppendUint32(append(b, 0, 0, 0, 60), valid)
}

var (
	duid   = []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 1}
	reply6 = dhcp6(layers.DHCPv6MsgTypeReply, 546, option6(layers.DHCPv6OptClientID, duid),
		option6(layers.DHCPv6OptIANA, make([]byte, 12), iaAddr(ip6B, 3600), []byte{0, 13, 0, 2, 0, 0}, iaAddr(ip6A, 0)),
		option6(layers.DHCPv6OptIATA, make([]byte, 4), iaAddr(ip6B, 1<<32-1)))
)

func TestDHCP6(t *testing.T) {
	var got DHCP6
	if err := got.Parse(append(slices.Clone(reply6), 1, 2, 3)); err != nil {
		t.Fatal(err)
	}
	want := []DHCP6Lease{{ip6B, 3600}, {ip6A, 0}, {ip6B, 1<<32 - 1}}
	if diff := cmp.Diff(want, got.Leases()); diff != "" || got.Type != DHCP6Reply || got.Src != ip6A || string(got.DUID) != string(duid) {
		t.Errorf("%+v: %s", got, diff)
	}
	release := dhcp6(layers.DHCPv6MsgTypeRelease, 547, option6(layers.DHCPv6OptIANA, make([]byte, 12), iaAddr(ip6B, 0)))
	if err := got.Parse(release); err != nil || got.Type != DHCP6Release || got.DUID != nil || !slices.Equal(got.Leases(), []DHCP6Lease{{ip6B, 0}}) {
		t.Errorf("a release: %+v, %v", got, err)
	}
	var many [][]byte
	for range 2 * MaxDHCP6Addresses {
		many = append(many, iaAddr(ip6B, 1))
	}
	if err := got.Parse(dhcp6(layers.DHCPv6MsgTypeReply, 546, option6(layers.DHCPv6OptIANA, append([][]byte{make([]byte, 12)}, many...)...))); err != nil || len(got.Leases()) != MaxDHCP6Addresses {
		t.Errorf("%d addresses are %d, %v", len(many), len(got.Leases()), err)
	}
}

func TestDHCP6Refuses(t *testing.T) {
	const udp, message, option = ipv6HeaderLen, ipv6HeaderLen + udpHeaderLen, ipv6HeaderLen + udpHeaderLen + dhcp6HeaderLen
	ia := option + dhcp6OptionHeader + len(duid)
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"no IPv6", change(reply6, 0, 0x45), malformed[ReasonIPv6Version]},
		{"TCP", change(reply6, 6, 6), ErrNotDHCP},
		{"another port", change(reply6, udp+3, 0), ErrNotDHCP},
		{"UDP that is longer than it is", change(reply6, udp+4, 9), malformed[ReasonDHCPTruncated]},
		{"a short message", length(reply6, udp+4, 11), malformed[ReasonDHCPTruncated]},
		{"a reply to a server", change(reply6, udp+3, 547&0xff), ErrNotDHCP},
		{"an advertisement", change(reply6, message, 2), ErrNotDHCP},
		{"from a relay agent", change(reply6, message, 13), ErrNotDHCP},
		{"an option beyond the end", change(reply6, option+2, 255), malformed[ReasonDHCPOption]},
		{"a DUID of no octets", length(reply6, option+2, 0), malformed[ReasonDHCPOption]},
		{"a short association", dhcp6(layers.DHCPv6MsgTypeReply, 546, option6(layers.DHCPv6OptIANA, make([]byte, 11))), malformed[ReasonDHCPOption]},
		{"a short address", change(reply6, ia+dhcp6OptionHeader+dhcp6IANALen+3, 23), malformed[ReasonDHCPOption]},
		{"an option beyond its association", change(reply6, ia+dhcp6OptionHeader+dhcp6IANALen+2, 1), malformed[ReasonDHCPOption]},
	} {
		var d DHCP6
		if err := d.Parse(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// Reading DHCP makes no garbage.
func TestDHCPMakesNoGarbage(t *testing.T) {
	var four DHCP4
	var six DHCP6
	bad := change(ack4, ackOption+1, 255)
	if got := testing.AllocsPerRun(100, func() {
		_ = four.Parse(ack4)
		_ = four.Parse(bad)
		_ = six.Parse(reply6)
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// A prefix of a message is never read as more than it says, and no octet makes a reader stumble.
func TestDHCPDamaged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := slices.Clone(rapid.SampledFrom([][]byte{ack4, reply6}).Draw(t, "message"))
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "octet")
		}
		checkDHCP(t, b[:rapid.IntRange(0, len(b)).Draw(t, "length")])
	})
}

// checkDHCP reads bytes as DHCP: they are that, or there is a reason.
func checkDHCP(t interface{ Fatalf(string, ...any) }, b []byte) {
	var four DHCP4
	var six DHCP6
	for _, err := range []error{four.Parse(b), six.Parse(b)} {
		if _, ok := ReasonOf(err); err != nil && !ok && !errors.Is(err, ErrNotDHCP) {
			t.Fatalf("error without a reason: %v", err)
		}
	}
	if len(six.Leases()) > MaxDHCP6Addresses || len(six.DUID) > len(b) {
		t.Fatalf("%+v", six)
	}
}

func FuzzDHCP(f *testing.F) {
	f.Add(ack4)
	f.Add(reply6)
	f.Add(dhcp6(layers.DHCPv6MsgTypeRelease, 547))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		before := slices.Clone(data)
		checkDHCP(t, data)
		if !slices.Equal(before, data) {
			t.Fatal("the input was changed")
		}
	})
}
