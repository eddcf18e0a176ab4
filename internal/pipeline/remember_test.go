package pipeline_test

import (
	"net/netip"
	"testing"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// A flow that looks like isat's own, but tells of an origin that there is not, says
// nothing: who wrote it is not known.
func TestRememberUnknownOrigin(t *testing.T) {
	b := &binding.Binding{
		Key: binding.NewKey(binding.Segment{Network: 1}, netip.MustParseAddr("10.0.0.1")), MAC: packet.MAC{2},
		State: binding.Reachable, Origin: binding.ARP, Switch: 1,
	}
	remembered := func(origin uint32) int {
		var flows []openflow.FlowStats
		for _, make := range []func(*binding.Binding) (openflow.FlowMod, bool){pipeline.BindingFlow, pipeline.OwnerFlow} {
			f, ok := make(b)
			if !ok {
				t.Fatal("the binding has no flow")
			}
			flows = append(flows, openflow.FlowStats{
				TableID: f.TableID, Match: f.Match, Instructions: f.Instructions, Cookie: f.Cookie&^0xffffffff | uint64(origin),
			})
		}
		m := pipeline.Remember(openflow.FlowDumpOf(flows))
		return len(m.Bindings) + len(m.Foreign)
	}
	if n := remembered(uint32(binding.DHCP)); n != 1 {
		t.Errorf("%d bindings of an origin that there is", n)
	}
	for _, origin := range []uint32{0, uint32(binding.Static) + 1, 0x100 + uint32(binding.ARP)} {
		if n := remembered(origin); n != 0 {
			t.Errorf("origin %#x: %d bindings", origin, n)
		}
	}
}
