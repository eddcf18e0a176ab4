package resolve

import (
	"hash/maphash"
	"testing"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/packet"
)

// BenchmarkAnswer parses a question for a known address and makes its answer.
func BenchmarkAnswer(b *testing.B) {
	segment := binding.Segment{Network: 1}
	owner, asker := packet.MAC{2, 0, 0, 0, 0, 1}, packet.MAC{2, 0, 0, 0, 0, 2}
	target := [16]byte{0: 0x20, 1: 0x01, 15: 1}
	group := packet.SolicitedNode(target)
	table := binding.NewTable(binding.Config{Seed: maphash.MakeSeed()})
	table.HearStation(1, binding.StationKey{Switch: 1, Segment: segment, MAC: owner}, 1)
	for _, addr := range [][16]byte{mapped([4]byte{10, 0, 0, 1}), target} {
		table.Hear(1, binding.Evidence{Key: binding.Key{Segment: segment, Addr: addr}, MAC: owner, Switch: 1, Source: binding.FromNA})
	}
	for _, bc := range []struct {
		name  string
		frame []byte
	}{
		{"arp", packet.AppendARP(nil, packet.Broadcast, asker, false, 0, &packet.ARP{
			Op: packet.ARPRequest, SHA: asker, SPA: [4]byte{10, 0, 0, 2}, TPA: [4]byte{10, 0, 0, 1}})},
		{"nd", packet.AppendNS(nil, packet.MulticastMAC(group), asker, false, 0, [16]byte{0: 0x20, 1: 0x01, 15: 2}, group, target, &asker, nil)},
	} {
		b.Run(bc.name, func(b *testing.B) {
			var s Subject
			out := make([]byte, 0, 256)
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Parse(bc.frame); err != nil {
					b.Fatal(err)
				}
				if _, verdict := Answer(table, &s, segment, out); verdict != Answered {
					b.Fatal(verdict)
				}
			}
		})
	}
}
