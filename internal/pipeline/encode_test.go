package pipeline

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// randomBinding is any binding, and its station.
func randomBinding(r *rand.Rand) (*binding.Binding, binding.StationKey, binding.PortKey) {
	b := &binding.Binding{
		MAC: packet.MACFromUint64(r.Uint64() >> 16), Origin: binding.Origin(1 + r.IntN(5)),
		State:  binding.States()[r.IntN(len(binding.States()))],
		Router: r.IntN(2) == 0, Unwatched: r.IntN(4) == 0, Idle: uint16(r.IntN(3) * r.IntN(1<<16)),
	}
	b.Segment = binding.Segment{Network: 1 + r.Uint32N(1<<24-1), VLAN: uint16(r.IntN(2) * r.IntN(4096))}
	for i := range b.Addr {
		b.Addr[i] = byte(r.Uint32())
	}
	if r.IntN(2) == 0 {
		b.Addr = [16]byte{10: 0xff, 11: 0xff, 12: b.Addr[12], 13: b.Addr[13], 14: b.Addr[14], 15: b.Addr[15]}
	}
	return b, binding.StationKey{Segment: b.Segment, MAC: b.MAC}, binding.PortKey(r.Uint32())
}

// What is sent for hosts is, byte for byte, the encoding of the flows that are
// compared and shown.
func TestHostFlowsAreEncodedAsTheyAreMade(t *testing.T) {
	const xid = 0x01020304
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		b, station, port := randomBinding(r)
		var want, got []byte
		if f, ok := BindingFlow(b); ok {
			want = openflow.Append(want, xid, &f)
		}
		if f, ok := OwnerFlow(b); ok {
			want = openflow.Append(want, xid, &f)
		}
		for _, f := range StationFlows(station, port, b.Idle) {
			want = openflow.Append(want, xid, &f)
		}
		got = AppendBindingFlow(got, xid, b)
		got = AppendOwnerFlow(got, xid, b)
		got = AppendStationFlows(got, xid, &station, port, b.Idle)
		if !bytes.Equal(got, want) {
			t.Fatalf("%+v at %v:\n got %x\nwant %x", b, port, got, want)
		}
	}
}

func TestHostFlowsAreEncodedWithoutAllocating(t *testing.T) {
	b, station, port := randomBinding(rand.New(rand.NewPCG(3, 4)))
	b.State, b.Unwatched = binding.Reachable, false
	out := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() {
		out = AppendBindingFlow(out[:0], 1, b)
		out = AppendOwnerFlow(out, 1, b)
		out = AppendStationFlows(out, 1, &station, port, b.Idle)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
