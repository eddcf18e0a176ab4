package openflow_test

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/isat-sdn/isat/openflow"
)

// TestMemoryBound decodes the largest messages made of the smallest parts. What is allocated stays
// within a fixed multiple of what came in.
// conformance: O1
func TestMemoryBound(t *testing.T) {
	const size = 65000
	fill := func(t openflow.Type, head, unit []byte) []byte {
		b := openflow.AppendHeader(nil, t, 1)
		b = append(b, head...)
		b = append(b, bytes.Repeat(unit, (size-len(b))/len(unit))...)
		return openflow.FinishMessage(b, 0)
	}
	lengths := func(b []byte, at int) []byte { // a 16-bit length at b[at] that counts to the end
		b[at], b[at+1] = byte((len(b)-at+2)>>8), byte(len(b)-at+2)
		return b
	}
	flowHead := openflow.Append(nil, 1, openflow.NewFlowMod(openflow.FlowAdd, 0, 0))[openflow.HeaderLen:]
	withActions := append(bytes.Clone(flowHead), 0, 4, 0, 0, 0, 0, 0, 0)
	withMatch := append(bytes.Clone(flowHead[:40]), 0, 1, 0, 0)
	popVLAN := fill(openflow.TypeFlowMod, withActions, []byte{0, 18, 0, 8, 0, 0, 0, 0})
	rawActions := fill(openflow.TypeFlowMod, withActions, []byte{0, 99, 0, 8, 0, 0, 0, 0})
	oxm := fill(openflow.TypeFlowMod, withMatch, []byte{0x12, 0x34, 0, 0})
	clones := bytes.Clone(flowHead)
	clones = openflow.AppendInstructions(clones, openflow.Apply(nest(60), openflow.Note{Data: make([]byte, 60000)}))
	tests := map[string][]byte{
		"actions":       lengths(popVLAN, openflow.HeaderLen+len(flowHead)+2),
		"raw actions":   lengths(rawActions, openflow.HeaderLen+len(flowHead)+2),
		"fields":        lengths(oxm, openflow.HeaderLen+42),
		"nested clones": fill(openflow.TypeFlowMod, clones, []byte{0, 99, 0, 8, 0, 0, 0, 0}),
		"buckets":       fill(openflow.TypeGroupMod, make([]byte, 8), append([]byte{0, 16}, make([]byte, 14)...)),
		"hello":         fill(openflow.TypeHello, nil, []byte{0, 9, 0, 4, 0, 0, 0, 0}),
		"meters":        fill(openflow.TypeMeterMod, make([]byte, 8), append([]byte{0, 1, 0, 16}, make([]byte, 12)...)),
		"tables":        fill(openflow.TypeMultipartReply, []byte{0, 3, 0, 0, 0, 0, 0, 0}, make([]byte, 24)),
		"properties":    fill(openflow.TypeExperimenter, []byte{0, 0, 0x23, 0x20, 0, 0, 0, 30}, []byte{0, 99, 0, 4, 0, 0, 0, 0}),
	}
	for name, b := range tests {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, m, err := openflow.Decode(b)
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 20*uint64(len(b)) {
			t.Errorf("%s: %d bytes allocated for %d", name, got, len(b))
		}
		runtime.KeepAlive(m)
	}
}
