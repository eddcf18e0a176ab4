package packet

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// Exemptions are counted like reasons: each has a name of its own.
func TestExemptions(t *testing.T) {
	seen := make(map[string]Exemption)
	for e := range Exemption(NumExemptions) {
		name := e.String()
		if first, ok := seen[name]; ok || name == "" || name == "unknown" {
			t.Errorf("exemption %d is called %q (as %d)", e, name, first)
		}
		seen[name] = e
		wrapped := fmt.Errorf("port 3: %w", exempt[e])
		if got, ok := ExemptionOf(wrapped); !ok || got != e {
			t.Errorf("ExemptionOf(%v) = %s, %v", wrapped, got, ok)
		}
	}
	if got := Exemption(NumExemptions).String(); got != "unknown" {
		t.Errorf("an exemption that doesn't exist is called %q", got)
	}
	for _, err := range []error{nil, ErrNotIPv4, malformed[ReasonIPv4Checksum], errors.New("other")} {
		if e, ok := ExemptionOf(err); ok {
			t.Errorf("ExemptionOf(%v) = %s", err, e)
		}
	}
}

func ip4(t *testing.T, src, dst string, protocol layers.IPProtocol, fragment uint16, payload string) []byte {
	t.Helper()
	ip := ipv4Layer(netip.MustParseAddr(src).As4(), netip.MustParseAddr(dst).As4(), protocol)
	ip.FragOffset = fragment
	return serialize(t, ip, gopacket.Payload(payload))
}

// RFC 1122 §3.2.2, RFC 1812 §4.3.2.7.
func TestICMP4Exemptions(t *testing.T) {
	const here, there, icmp = "10.0.0.1", "10.0.0.2", layers.IPProtocolICMPv4
	group := MAC{0x01, 0, 0x5e, 0, 0, 1}
	udp4 := func(src, dst string) []byte { return ip4(t, src, dst, layers.IPProtocolUDP, 0, "payload") }
	more := ipv4Layer(ipA, ipB, icmp)
	more.Flags = layers.IPv4MoreFragments
	first := serialize(t, more, gopacket.Payload("\x08payload"))
	for _, test := range []struct {
		name  string
		frame []byte
		want  Exemption
	}{
		{"UDP", frame4(udp4(here, there)), ExemptNone},
		{"first fragment", frame4(first), ExemptNone},
		{"later fragment", frame4(ip4(t, here, there, layers.IPProtocolUDP, 1, "payload")), ExemptFragment},
		{"last fragment there can be", frame4(ip4(t, here, there, layers.IPProtocolUDP, 0x1fff, "payload")), ExemptFragment},
		{"from 0.0.0.0", frame4(udp4("0.0.0.0", there)), ExemptSource},
		{"from network 0", frame4(udp4("0.1.2.3", there)), ExemptSource},
		{"from loopback", frame4(udp4("127.1.2.3", there)), ExemptSource},
		{"from a group", frame4(udp4("224.0.0.1", there)), ExemptSource},
		{"from class E", frame4(udp4("240.0.0.1", there)), ExemptSource},
		{"from broadcast", frame4(udp4("255.255.255.255", there)), ExemptSource},
		{"from 223.255.255.254", frame4(udp4("223.255.255.254", there)), ExemptNone},
		{"to the first group", frame4(udp4(here, "224.0.0.0")), ExemptDestination},
		{"to the last group", frame4(udp4(here, "239.255.255.255")), ExemptDestination},
		{"to broadcast", frame4(udp4(here, "255.255.255.255")), ExemptDestination},
		{"to obsolete broadcast", frame4(udp4(here, "0.0.0.0")), ExemptDestination},
		{"to link-layer broadcast", frameOf(Broadcast, EtherTypeIPv4, udp4(here, there)), ExemptLinkDestination},
		{"to link-layer group", frameOf(group, EtherTypeIPv4, udp4(here, there)), ExemptLinkDestination},
		{"ICMP without a type", frame4(ip4(t, here, there, icmp, 0, "")), ExemptICMPError},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkExemption(t, composeICMP4, test.frame, test.want)
		})
	}
	queries := []byte{0, 8, 9, 10, 13, 14, 15, 16, 17, 18, 42, 43}
	for kind := range 256 {
		want := ExemptICMPError
		if bytes.IndexByte(queries, byte(kind)) >= 0 {
			want = ExemptNone
		}
		checkExemption(t, composeICMP4, frame4(ip4(t, here, there, icmp, 0, string([]byte{byte(kind), 0}))), want)
	}
}

func checkExemption(t *testing.T, compose composer, frame []byte, want Exemption) {
	t.Helper()
	got, err := compose(nil, frame)
	if e, _ := ExemptionOf(err); e != want || (err == nil) != (want == ExemptNone) || (len(got) == 0) != (err != nil) {
		t.Errorf("%d octets, error %v: want %s", len(got), err, want)
	}
}

func ip6(src, dst string, next uint8, payload ...byte) []byte {
	b, _ := appendIPv6Header(nil, netip.MustParseAddr(src).As16(), netip.MustParseAddr(dst).As16(), len(payload))
	b[6] = next
	return append(b, payload...)
}

// RFC 4443 §2.4 (e).
func TestICMP6Exemptions(t *testing.T) {
	const here, there, udp = "fd00::1", "fd00::2", 17
	group := MAC{0x33, 0x33, 0, 0, 0, 1}
	kind := func(kind, code uint8) composer {
		return func(b, frame []byte) ([]byte, error) { return AppendICMP6Error(b, frame, kind, code, 0) }
	}
	unreachable := ip6(here, there, nextICMPv6, 1, 3, 0, 0)
	echo := ip6(here, there, nextICMPv6, 128, 0, 0, 0)
	fragment := []byte{0, 0, 1, 0, 0, 0, 1}
	later := []byte{0, 0, 8, 0, 0, 0, 1}
	hop := []byte{0, 1, 4, 0, 0, 0, 0}
	authentication := []byte{4 - 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9} // RFC 4302 §2: in units of 4 octets, less 2
	for _, test := range []struct {
		name    string
		compose composer
		frame   []byte
		want    Exemption
	}{
		{"UDP", composeICMP6, frame6(ip6(here, there, udp, 1)), ExemptNone},
		{"echo", composeICMP6, frame6(echo), ExemptNone},
		{"error", composeICMP6, frame6(unreachable), ExemptICMPError},
		{"unknown error", composeICMP6, frame6(ip6(here, there, nextICMPv6, 127)), ExemptICMPError},
		{"ICMPv6 without a type", composeICMP6, frame6(ip6(here, there, nextICMPv6)), ExemptICMPError},
		{"redirect", composeICMP6, frame6(ip6(here, there, nextICMPv6, 137)), ExemptRedirect},
		{"error behind options", composeICMP6, frame6(withHeader(unreachable, nextHopByHop, hop...)), ExemptICMPError},
		{"echo behind options", composeICMP6, frame6(withHeader(echo, nextDestination, hop...)), ExemptNone},
		{"error behind authentication", composeICMP6, frame6(withHeader(unreachable, nextAuthentication, authentication...)), ExemptICMPError},
		{"error behind two", composeICMP6, frame6(withHeader(withHeader(unreachable, nextDestination, hop...), nextAuthentication, authentication...)), ExemptICMPError},
		{"echo behind two", composeICMP6, frame6(withHeader(withHeader(echo, nextAuthentication, authentication...), nextAuthentication, authentication...)), ExemptNone},
		{"first fragment of an error", composeICMP6, frame6(withHeader(unreachable, nextFragment, fragment...)), ExemptICMPError},
		{"first fragment of an echo", composeICMP6, frame6(withHeader(echo, nextFragment, fragment...)), ExemptNone},
		{"later fragment of ICMPv6", composeICMP6, frame6(withHeader(echo, nextFragment, later...)), ExemptICMPError},
		{"later fragment of UDP", composeICMP6, frame6(withHeader(ip6(here, there, udp, 1), nextFragment, later...)), ExemptNone},
		{"later fragment of authentication", composeICMP6, frame6(withHeader(ip6(here, there, nextAuthentication, 1), nextFragment, later...)), ExemptNone},
		{"from ::", composeICMP6, frame6(ip6("::", there, udp, 1)), ExemptSource},
		{"from ::1", composeICMP6, frame6(ip6("::1", there, udp, 1)), ExemptSource},
		{"from a group", composeICMP6, frame6(ip6("ff02::1", there, udp, 1)), ExemptSource},
		{"to a group", composeICMP6, frame6(ip6(here, "ff05::1", udp, 1)), ExemptDestination},
		{"to a link-layer group", composeICMP6, frameOf(group, EtherTypeIPv6, ip6(here, there, udp, 1)), ExemptLinkDestination},
		{"to link-layer broadcast", composeICMP6, frameOf(Broadcast, EtherTypeIPv6, ip6(here, there, udp, 1)), ExemptLinkDestination},
		{"too big to a group", kind(2, 0), frameOf(group, EtherTypeIPv6, ip6(here, "ff05::1", udp, 1)), ExemptNone},
		{"unrecognized option to a group", kind(4, 2), frameOf(group, EtherTypeIPv6, ip6(here, "ff05::1", udp, 1)), ExemptNone},
		{"unrecognized header to a group", kind(4, 1), frameOf(hostB, EtherTypeIPv6, ip6(here, "ff05::1", udp, 1)), ExemptDestination},
		{"too big from a group", kind(2, 0), frame6(ip6("ff05::1", there, udp, 1)), ExemptSource},
		{"too big about an error", kind(2, 0), frame6(unreachable), ExemptICMPError},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkExemption(t, test.compose, test.frame, test.want)
		})
	}
}
