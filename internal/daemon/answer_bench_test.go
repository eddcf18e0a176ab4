package daemon

import (
	"encoding/binary"
	"testing"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/ofconn"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// BenchmarkPacketIns answers questions for known addresses, as many at once as
// a session hands over, among 100 000 bindings. The time is that of a batch.
func BenchmarkPacketIns(b *testing.B) {
	const known, batches = 100_000, 1024
	d, s := idle(b)
	segment := binding.Segment{Network: intent.DefaultNumber}
	host := func(i int) (key binding.Key, mac packet.MAC) {
		key = binding.Key{Segment: segment, Addr: [16]byte{10: 0xff, 11: 0xff, 12: 10, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}}
		mac[0] = 2
		binary.BigEndian.PutUint32(mac[2:], uint32(i))
		return key, mac
	}
	for i := range known {
		key, mac := host(i)
		d.table.HearStation(1, binding.StationKey{Switch: 1, Segment: segment, MAC: mac}, 1)
		d.table.Hear(1, binding.Evidence{Key: key, MAC: mac, Switch: 1, Source: binding.FromARP})
	}
	all := make([][]openflow.PacketIn2View, batches)
	for n := range all {
		var messages []*openflow.PacketIn2
		for i := range ofconn.MaxPacketIns {
			_, asker := host(n)
			key, _ := host(1 + (n*ofconn.MaxPacketIns+i)*7919%(known-1))
			frame := packet.AppendARP(nil, packet.Broadcast, asker, false, 0, &packet.ARP{
				Op: packet.ARPRequest, SHA: asker, SPA: [4]byte{10, 255, 0, 1}, TPA: [4]byte(key.Addr[12:])})
			messages = append(messages, packetIn(pipeline.ReasonSearch, 2, frame))
		}
		all[n] = views(b, messages...)
	}
	out := make([]byte, 0, 64<<10)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		d.PacketIns(s, all[i%batches], out)
	}
	b.StopTimer()
	if d.inbox.waiting() > 0 || d.dropped.Load() > 0 {
		b.Fatal("not everything was answered")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/ofconn.MaxPacketIns, "ns/answer")
}
