package flowsim_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/isat-sdn/isat/internal/flowsim"
	"github.com/isat-sdn/isat/openflow"
)

// TestLookupIsLinearSearch checks that the flow that takes a packet is the first of the highest priority
// that a search through all flows finds, however they overlap.
func TestLookupIsLinearSearch(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var flows []openflow.FlowMod
		for i := range rapid.IntRange(0, 30).Draw(r, "flows") {
			f := addFlow(0, rapid.Uint16Range(0, 3).Draw(r, "priority"), drawShape(r), openflow.Instructions{})
			f.Cookie = uint64(i)
			flows = append(flows, f)
		}
		sim, err := flowsim.New(flows, nil)
		if err != nil {
			r.Fatal(err)
		}
		packet := make([]byte, 60)
		packet[4], packet[5] = rapid.Byte().Draw(r, "byte"), rapid.ByteRange(0, 3).Draw(r, "last byte")
		port := rapid.Uint32Range(1, 2).Draw(r, "port")
		got, want := sim.Run(packet, port).Steps[0].Flow, search(flows, packet, port)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(openflow.Match{})); diff != "" {
			r.Error(diff)
		}
	})
}

// drawShape draws a match on bits of the destination, the port, or both.
func drawShape(r *rapid.T) openflow.Match {
	var m openflow.Match
	if rapid.Bool().Draw(r, "match port") {
		m = m.U32(openflow.InPort, rapid.Uint32Range(1, 2).Draw(r, "port"))
	}
	if mask := rapid.SampledFrom([]uint64{0, 1, 2, 3, 0xff, 0xffff}).Draw(r, "mask"); mask != 0 {
		m = m.MaskedU64(openflow.EthDst, rapid.Uint64Range(0, 3).Draw(r, "value")&mask, mask)
	}
	return m
}

// search finds the flow in the plainest way. The last of equal flows replaces the others.
func search(flows []openflow.FlowMod, packet []byte, port uint32) *openflow.FlowMod {
	last := make(map[openflow.FlowKey]uint64)
	for _, f := range flows {
		last[f.Key()] = f.Cookie
	}
	var found *openflow.FlowMod
	for i := range flows {
		f := &flows[i]
		if last[f.Key()] != f.Cookie || found != nil && found.Priority >= f.Priority {
			continue
		}
		dst := uint64(packet[4])<<8 | uint64(packet[5])
		wantPort, portMask, _ := f.Match.GetU64(openflow.InPort)
		wantDst, dstMask, _ := f.Match.GetU64(openflow.EthDst)
		if uint64(port)&portMask == wantPort && dst&dstMask == wantDst {
			found = f
		}
	}
	return found
}

// manyFlows are bindings as on a large switch: n flows of a table that match network and address, and
// one that looks the address of a packet up.
func manyFlows(n int) []openflow.FlowMod {
	var any openflow.Match
	flows := []openflow.FlowMod{addFlow(0, 1, any.U16(openflow.EthType, openflow.EtherTypeIPv4), openflow.Apply(
		openflow.SetUint(openflow.Metadata, 7), openflow.RegMove{Src: openflow.IPv4Dst, Dst: openflow.Reg0, NBits: 32},
		openflow.Resubmit{InPort: openflow.ResubmitKeepPort, Table: 12}, openflow.Output{Port: 2}))}
	for i := range n {
		flows = append(flows, addFlow(12, 100, any.U64(openflow.Metadata, 7).U32(openflow.Reg0, 0x0a000000+uint32(i)),
			openflow.Apply(openflow.SetUint(openflow.EthDst, uint64(i)))))
	}
	return flows
}

func BenchmarkNew100000Flows(b *testing.B) {
	flows := manyFlows(100_000)
	b.ResetTimer()
	for b.Loop() {
		if _, err := flowsim.New(flows, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRunWith100000Flows(b *testing.B) {
	sim, err := flowsim.New(manyFlows(100_000), nil)
	if err != nil {
		b.Fatal(err)
	}
	packet := genericFrames()["udp"]
	if r := sim.Run(packet, 1); len(r.Outputs) != 1 || len(r.Steps) != 2 || r.Steps[1].Flow == nil {
		b.Fatalf("%+v", r)
	}
	b.ResetTimer()
	for b.Loop() {
		sim.Run(packet, 1)
	}
}
