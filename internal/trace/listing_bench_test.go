package trace_test

import (
	"net/netip"
	"testing"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/trace"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// BenchmarkListing takes a flow of a switch with many bindings, of which a
// thousand are listed. It runs on the session's reader.
func BenchmarkListing(b *testing.B) {
	const many = 1 << 16
	var flows []openflow.FlowMod
	for i := range uint32(many) {
		f, _ := pipeline.BindingFlow(&binding.Binding{
			Key: binding.NewKey(binding.Segment{Network: 1}, netip.AddrFrom4([4]byte{10, byte(i * 7), byte(i >> 8), byte(i)})),
			MAC: packet.MACFromUint64(uint64(i) + 1), State: binding.Reachable, Origin: binding.ARP})
		flows = append(flows, f)
	}
	listed := stats(flows)
	l := trace.NewListing(switchOf(b, worlds()[0]).Catalogue, openflow.TableAll, trace.ListOptions{Limit: 1000})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at := i % many
		l.Add(listed[at : at+1])
	}
}

// BenchmarkTrace follows a packet from host to host.
func BenchmarkTrace(b *testing.B) {
	s := switchOf(b, routedWorld())
	frame := frame(b, routedPackets()[0])
	for b.Loop() {
		if _, err := s.Run(frame, 1); err != nil {
			b.Fatal(err)
		}
	}
}
