package flowsim_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/isat-sdn/isat/internal/flowsim"
	"github.com/isat-sdn/isat/openflow"
)

// TestHeldPacket walks through what a router does with a packet to an unknown next hop: the packet is
// paused, the next hop becomes known, the packet goes on and finds it.
func TestHeldPacket(t *testing.T) {
	var any openflow.Match
	resolve := func(table uint8) openflow.Action {
		return openflow.Resubmit{InPort: openflow.ResubmitKeepPort, Table: table}
	}
	unknown := openflow.Controller([]byte{1})
	unknown.Pause = true
	flows := []openflow.FlowMod{
		addFlow(0, 1, any.U16(openflow.EthType, openflow.EtherTypeIPv4), openflow.Apply(
			openflow.DecTTL{}, openflow.SetUint(openflow.Reg1, 9), openflow.StackPush{Field: openflow.Reg1, NBits: 32}, resolve(5),
			openflow.StackPop{Field: openflow.Reg2, NBits: 32}, openflow.Output{Port: 3})),
		addFlow(5, 1, any, openflow.Apply(unknown, resolve(6))),
	}
	before, err := flowsim.New(flows, nil)
	if err != nil {
		t.Fatal(err)
	}
	first := before.Run(genericFrames()["udp"], 1)
	if len(first.Outputs) != 0 || len(first.Punts) != 1 || !first.Punts[0].Paused {
		t.Fatalf("the packet is not held: %+v", first)
	}
	held := first.Punts[0]
	if held.Flow != &flows[1] || held.Regs[1] != 9 || held.Packet[22] != 63 {
		t.Errorf("held by %v, reg1 %d, time to live %d", held.Flow, held.Regs[1], held.Packet[22])
	}
	known := append(flows, addFlow(6, 1, any, openflow.Apply(openflow.SetUint(openflow.EthDst, 0x020000000099))))
	after, err := flowsim.New(known, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // nothing is used up
		then := after.Resume(held)
		if len(then.Outputs) != 1 || then.Outputs[0].Port != 3 || !bytes.HasPrefix(then.Outputs[0].Frame, []byte{2, 0, 0, 0, 0, 0x99}) {
			t.Fatalf("it goes on to %+v", then)
		}
		want := []string{"table 5 resumed", "table 6: eth_dst", "table 0 resumed: reg2"}
		if diff := cmp.Diff(want, brief(then)); diff != "" {
			t.Errorf("steps: %s", diff)
		}
	}
	if still := before.Resume(held); len(still.Outputs) != 1 || bytes.HasPrefix(still.Outputs[0].Frame, []byte{2, 0, 0, 0, 0, 0x99}) {
		t.Errorf("without a binding it goes on to %+v", still)
	}
	if r := after.Resume(flowsim.Punt{Packet: held.Packet}); len(r.Outputs)+len(r.Punts)+len(r.Steps) != 0 || r.Err != nil {
		t.Errorf("a packet that was not paused goes on to %+v", r)
	}
}

// brief is the steps of a packet and the names of the fields that each changed.
func brief(r flowsim.Result) (out []string) {
	for _, s := range r.Steps {
		line := fmt.Sprintf("table %d", s.Table)
		if s.Resumed {
			line += " resumed"
		}
		for i, c := range s.Changes {
			line += []string{": ", ", "}[min(i, 1)] + c.Field.Name
		}
		out = append(out, line)
	}
	return out
}

// TestSteps checks what a step says of the packet.
func TestSteps(t *testing.T) {
	var any openflow.Match
	clauses := []openflow.FlowMod{
		addFlow(1, 5, any.U32(openflow.InPort, 1), openflow.Apply(openflow.Conjunction{ID: 7, Clause: 0, N: 2})),
		addFlow(1, 5, any.U32(openflow.Reg0, 3), openflow.Apply(openflow.Conjunction{ID: 7, Clause: 1, N: 2})),
		addFlow(1, 5, any.U32(openflow.Reg0, 4), openflow.Apply(openflow.Conjunction{ID: 7, Clause: 1, N: 2})),
	}
	flows := append(clauses,
		addFlow(0, 1, any, openflow.Instructions{Meter: 4, Apply: []openflow.Action{openflow.SetUint(openflow.Reg0, 2), openflow.SetUint(openflow.Reg0, 3),
			openflow.SetUint(openflow.EthDst, 0x020000000001), openflow.Resubmit{InPort: openflow.ResubmitKeepPort, Table: 1}, openflow.SetUint(openflow.EthSrc, 1)},
			WriteMetadata: 5, MetadataMask: 7}),
		addFlow(1, 1, any.U32(openflow.ConjID, 7), openflow.Apply(openflow.StackPop{Field: openflow.Reg5, NBits: 32})))
	sim, err := flowsim.New(flows, nil)
	if err != nil {
		t.Fatal(err)
	}
	change := func(f *openflow.Field, before, after []byte) flowsim.Change {
		return flowsim.Change{Field: f, Before: before, After: after}
	}
	got := sim.Run(genericFrames()["short"], 1).Steps
	want := []flowsim.Step{
		{Table: 0, Flow: &flows[3], Notes: []string{"meter 4 may drop it here"}, Changes: []flowsim.Change{
			change(openflow.Reg0, []byte{0, 0, 0, 0}, []byte{0, 0, 0, 3}),
			change(openflow.EthSrc, []byte{2, 0, 0, 0, 0, 2}, []byte{0, 0, 0, 0, 0, 1}),
			change(openflow.Metadata, make([]byte, 8), []byte{0, 0, 0, 0, 0, 0, 0, 5})}},
		{Depth: 1, Table: 1, Flow: &flows[4], Clauses: []*openflow.FlowMod{&flows[0], &flows[1]},
			Notes: []string{"nothing is on the stack for pop:NXM_NX_REG5[]"}},
	}
	samePointer := cmp.Comparer(func(a, b *openflow.FlowMod) bool { return a == b })
	sameField := cmp.Comparer(func(a, b *openflow.Field) bool { return a == b })
	if diff := cmp.Diff(want, got, samePointer, sameField, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}
