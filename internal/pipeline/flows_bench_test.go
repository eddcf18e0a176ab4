package pipeline

import (
	"encoding/binary"
	"testing"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

func benchBinding(i int) *binding.Binding {
	b := &binding.Binding{State: binding.Reachable, Origin: binding.ARP, Switch: 1, MAC: packet.MAC{2}}
	b.Network = 1
	b.Addr = [16]byte{10: 0xff, 11: 0xff, 12: 10}
	binary.BigEndian.PutUint32(b.Addr[12:], 10<<24|uint32(i))
	binary.BigEndian.PutUint32(b.MAC[2:], uint32(i))
	return b
}

// BenchmarkBindingFlow makes and encodes the flow of a binding.
func BenchmarkBindingFlow(b *testing.B) {
	host := benchBinding(1)
	out := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		f, ok := BindingFlow(host)
		if !ok {
			b.Fatal("the binding has no flow")
		}
		out = openflow.Append(out[:0], 1, &f)
	}
}

// BenchmarkCompare compares the flows of 100 000 bindings on a switch with the
// same flows as wanted: what a restarted controller does, once per switch.
func BenchmarkCompare(b *testing.B) {
	var want []openflow.FlowMod
	for i := range 100_000 {
		host := benchBinding(i)
		for _, flow := range []func(*binding.Binding) (openflow.FlowMod, bool){BindingFlow, OwnerFlow} {
			f, _ := flow(host)
			want = append(want, f)
		}
	}
	var flows []openflow.FlowStats
	for _, f := range want {
		flows = append(flows, openflow.FlowStats{TableID: f.TableID, Priority: f.Priority, Cookie: f.Cookie, Match: f.Match, Instructions: f.Instructions})
	}
	have := Dump{Flows: openflow.FlowDumpOf(flows)}
	b.ReportAllocs()
	for b.Loop() {
		if d := have.Compare(Encoded(want), nil, nil); d.Kept != len(want) || !d.Empty() {
			b.Fatalf("kept %d of %d flows", d.Kept, len(want))
		}
	}
}
