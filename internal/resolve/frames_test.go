package resolve

import (
	"hash/maphash"
	"net/netip"
	"testing"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/packet"
)

// The hosts of these tests: host n has the addresses 10.0.0.n and 2001:db8::n.
var (
	blue   = binding.Segment{Network: 1}
	mac1   = packet.MAC{0x02, 0, 0, 0, 0, 1}
	mac2   = packet.MAC{0x02, 0, 0, 0, 0, 2}
	nobody [16]byte
)

func addr(s string) [16]byte { return netip.MustParseAddr(s).As16() }
func four(s string) [4]byte  { return netip.MustParseAddr(s).As4() }
func key(s string) binding.Key {
	return binding.NewKey(blue, netip.MustParseAddr(s))
}

// arp makes a frame whose Ethernet source is the sender hardware address.
func arp(op uint16, sha packet.MAC, spa, tpa string) []byte {
	return arpFrame(packet.Broadcast, sha, op, sha, spa, tpa)
}

func arpFrame(dst, src packet.MAC, op uint16, sha packet.MAC, spa, tpa string) []byte {
	return packet.AppendARP(nil, dst, src, false, 0, &packet.ARP{Op: op, SHA: sha, SPA: four(spa), TPA: four(tpa)})
}

// ns makes a multicast solicitation as a host sends it.
func ns(src packet.MAC, from, target string, sll *packet.MAC, nonce []byte) []byte {
	group := packet.SolicitedNode(addr(target))
	source := nobody
	if from != "" {
		source = addr(from)
	}
	return packet.AppendNS(nil, packet.MulticastMAC(group), src, false, 0, source, group, addr(target), sll, nonce)
}

func na(src packet.MAC, target string, tll packet.MAC, router, solicited, override bool) []byte {
	dst := packet.AllNodes()
	if solicited {
		dst = addr("2001:db8::9")
	}
	return packet.AppendNA(nil, mac2, src, false, 0, addr(target), dst, addr(target), tll, router, solicited, override)
}

// addOption makes an NS longer by one option of eight octets.
func addOption(t testing.TB, frame []byte, kind byte) []byte {
	t.Helper()
	const ip, icmp = 14, 14 + 40
	frame = append(frame, kind, 1, 0, 0, 0, 0, 0, 0)
	frame[ip+5] += 8
	frame[icmp+2], frame[icmp+3] = 0, 0
	sum := packet.ICMPv6Checksum([16]byte(frame[ip+8:]), [16]byte(frame[ip+24:]), frame[icmp:])
	frame[icmp+2], frame[icmp+3] = byte(sum>>8), byte(sum)
	return frame
}

func parse(t testing.TB, frame []byte) *Subject {
	t.Helper()
	var s Subject
	if err := s.Parse(frame); err != nil {
		t.Fatalf("parse %x: %v", frame, err)
	}
	return &s
}

// knows makes a table in which mac1 has the addresses of host 1.
func knows(t testing.TB, source binding.Source) *binding.Table {
	t.Helper()
	table := binding.NewTable(binding.Config{Seed: maphash.MakeSeed()})
	table.HearStation(1, binding.StationKey{Switch: 1, Segment: blue, MAC: mac1}, 1)
	for _, ip := range []string{"10.0.0.1", "2001:db8::1"} {
		table.Hear(1, binding.Evidence{Key: key(ip), MAC: mac1, Switch: 1, Source: source})
	}
	return table
}
