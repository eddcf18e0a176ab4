package openflow_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/isat-sdn/isat/openflow"
)

// flowDump decodes a reply with flows.
func flowDump(b []byte) (openflow.FlowDump, error) {
	_, m, err := openflow.DecodeFlowDump(b)
	if err != nil {
		return openflow.FlowDump{}, err
	}
	return *m.(*openflow.MultipartReply).Body.(*openflow.FlowDump), nil
}

func genFlowStats() *rapid.Generator[openflow.FlowStats] {
	return rapid.Custom(func(t *rapid.T) openflow.FlowStats {
		u16, u64 := rapid.Uint16(), rapid.Uint64()
		return openflow.FlowStats{TableID: rapid.Uint8().Draw(t, "table"), Priority: u16.Draw(t, "priority"),
			Duration:    time.Duration(rapid.Uint32().Draw(t, "seconds"))*time.Second + 5,
			IdleTimeout: u16.Draw(t, "idle"), HardTimeout: u16.Draw(t, "hard"), Flags: u16.Draw(t, "flags"), Cookie: u64.Draw(t, "cookie"),
			PacketCount: u64.Draw(t, "packets"), ByteCount: u64.Draw(t, "bytes"),
			Match: genMatch().Draw(t, "match"), Instructions: genInstructions().Draw(t, "instructions")}
	})
}

// A view tells the same of each flow as decoding it does.
func TestFlowDump(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		flows := rapid.SliceOfN(genFlowStats(), 0, 5).Draw(t, "flows")
		b := openflow.Append(nil, 7, &openflow.MultipartReply{Flags: openflow.MultipartMore, Body: &openflow.FlowReply{Flows: flows}})
		xid, m, err := openflow.DecodeFlowDump(b)
		if err != nil || xid != 7 || !m.(*openflow.MultipartReply).More() {
			t.Fatalf("xid %d, %+v, %v", xid, m, err)
		}
		clear(b[openflow.HeaderLen:]) // nothing aliases it
		dump := *m.(*openflow.MultipartReply).Body.(*openflow.FlowDump)
		var got []openflow.FlowStats
		for f := range dump.All() {
			stats, err := f.Stats()
			if err != nil {
				t.Fatal(err)
			}
			if f.TableID() != stats.TableID || f.Priority() != stats.Priority || f.IdleTimeout() != stats.IdleTimeout || f.HardTimeout() != stats.HardTimeout ||
				f.Duration() != stats.Duration || f.Cookie() != stats.Cookie || f.Match() != stats.Match || f.Key() != stats.Key() {
				t.Fatalf("the view of %+v differs", stats)
			}
			got = append(got, stats)
		}
		if diff := cmp.Diff(slices.Clip(flows), got, sameMessage); diff != "" || dump.Len() != len(flows) {
			t.Fatalf("%d flows of %d: %s", dump.Len(), len(flows), diff)
		}
	})
}

// A flow is as the flow-mod that adds it, and as no other one.
func TestFlowStatsViewAs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := genFlowStats().Draw(t, "flow")
		as := func(change func(*openflow.FlowMod)) bool {
			m := openflow.NewFlowMod(openflow.FlowAdd, f.TableID, f.Priority)
			m.IdleTimeout, m.HardTimeout, m.Flags, m.Cookie, m.Match, m.Instructions = f.IdleTimeout, f.HardTimeout, f.Flags, f.Cookie, f.Match, f.Instructions
			change(m)
			for v := range openflow.FlowDumpOf([]openflow.FlowStats{f}).All() {
				return v.As(openflow.Append(nil, 1, m))
			}
			return false
		}
		if !as(func(*openflow.FlowMod) {}) {
			t.Fatal("is not as it was added")
		}
		for name, change := range map[string]func(*openflow.FlowMod){
			"idle timeout": func(m *openflow.FlowMod) { m.IdleTimeout++ },
			"hard timeout": func(m *openflow.FlowMod) { m.HardTimeout++ },
			"flags":        func(m *openflow.FlowMod) { m.Flags++ },
			"cookie":       func(m *openflow.FlowMod) { m.Cookie++ },
			"instructions": func(m *openflow.FlowMod) { m.Instructions.Meter++ },
			"actions": func(m *openflow.FlowMod) {
				m.Instructions.Apply = append(slices.Clone(m.Instructions.Apply), openflow.DecTTL{})
			},
		} {
			if as(change) {
				t.Fatalf("is as one with another %s", name)
			}
		}
	})
}

// rawFlow is a reply with one flow of the given match and instructions.
func rawFlow(match, instructions []byte) []byte {
	b := openflow.Append(nil, 1, &openflow.MultipartReply{Body: &openflow.FlowReply{Flows: []openflow.FlowStats{{Priority: 9}}}})
	b = append(b[:len(b)-8], 0, 1, 0, byte(4+len(match)))
	b = append(b, match...)
	for n := 4 + len(match); n%8 != 0; n++ {
		b = append(b, 0)
	}
	b = append(b, instructions...)
	b[17] = byte(len(b) - 16)
	return openflow.FinishMessage(b, 0)
}

var (
	reg0    = []byte{0, 1, 0, 4, 0, 0, 0, 1}
	reg1    = []byte{0, 1, 2, 4, 0, 0, 0, 2}
	gotoTen = []byte{0, 1, 0, 8, 10, 0, 0, 0}
	meter7  = []byte{0, 6, 0, 8, 0, 0, 0, 7}
)

// What a switch says in other words than this package is the same.
func TestFlowDumpInOtherWords(t *testing.T) {
	m := openflow.NewFlowMod(openflow.FlowAdd, 0, 9)
	m.Match = openflow.Match{}.U32(openflow.Reg0, 1).U32(openflow.Reg1, 2)
	m.Instructions = openflow.Instructions{Meter: 7}.Goto(10)
	for name, b := range map[string][]byte{
		"as it is":                 rawFlow(slices.Concat(reg0, reg1), slices.Concat(meter7, gotoTen)),
		"fields in another order":  rawFlow(slices.Concat(reg1, reg0), slices.Concat(meter7, gotoTen)),
		"a mask of all bits":       rawFlow(slices.Concat(reg0, []byte{0, 1, 3, 8, 0, 0, 0, 2, 255, 255, 255, 255}), slices.Concat(meter7, gotoTen)),
		"instructions in another":  rawFlow(slices.Concat(reg0, reg1), slices.Concat(gotoTen, meter7)),
		"both in another order":    rawFlow(slices.Concat(reg1, reg0), slices.Concat(gotoTen, meter7)),
		"an instruction that pads": rawFlow(slices.Concat(reg0, reg1), slices.Concat(meter7, []byte{0, 1, 0, 8, 10, 1, 2, 3})),
	} {
		dump, err := flowDump(b)
		if err != nil || dump.Len() != 1 {
			t.Errorf("%s: %d flows, %v", name, dump.Len(), err)
		}
		for f := range dump.All() {
			if f.Key() != m.Key() || !f.As(openflow.Append(nil, 1, m)) {
				t.Errorf("%s: it is another flow: %v", name, f.Match())
			}
		}
	}
}

// Flows that can't be told apart from others are refused, and so is what has no end. What a flow
// does may make no sense: then it is as no other.
func TestFlowDumpMalformed(t *testing.T) {
	for name, b := range map[string][]byte{
		"a field twice":                 rawFlow(slices.Concat(reg0, reg0), nil),
		"a truncated field":             rawFlow(reg0[:6], nil),
		"an instruction without length": rawFlow(reg0, []byte{0, 1, 0, 0, 10, 0, 0, 0}),
		"an instruction beyond the end": rawFlow(reg0, []byte{0, 1, 0, 16, 10, 0, 0, 0}),
		"half an instruction":           rawFlow(reg0, []byte{0, 1, 0, 8}),
	} {
		if dump, err := flowDump(b); err == nil {
			t.Errorf("%s: %d flows", name, dump.Len())
		}
	}
	outer := rawFlow(reg0, gotoTen)
	for n := range len(outer) - 16 {
		b := openflow.FinishMessage(slices.Clone(outer[:16+n]), 0)
		if dump, err := flowDump(b); (err == nil) != (n == 0) {
			t.Errorf("%d bytes of %d: %d flows, %v", n, len(outer)-16, dump.Len(), err)
		}
	}
	dump, err := flowDump(rawFlow(reg0, []byte{0, 4, 0, 16, 0, 0, 0, 0, 0, 25, 0, 0, 0, 0, 0, 0}))
	if err != nil || dump.Len() != 1 {
		t.Fatalf("an action without length: %d flows, %v", dump.Len(), err)
	}
	m := openflow.NewFlowMod(openflow.FlowAdd, 0, 9)
	m.Match = openflow.Match{}.U32(openflow.Reg0, 1)
	for f := range dump.All() {
		if _, err := f.Stats(); err == nil {
			t.Error("an action without length is decoded")
		}
		if _, ok := f.Loaded(openflow.Reg1); ok || f.As(openflow.Append(nil, 1, m)) {
			t.Error("an action without length is something")
		}
	}
}

func TestFlowStatsViewLoaded(t *testing.T) {
	apply := func(acts ...openflow.Action) openflow.Instructions {
		return openflow.Instructions{Meter: 1, Apply: acts}
	}
	other := openflow.SetUint(openflow.Reg5, 6)
	for _, test := range []struct {
		name  string
		field *openflow.Field
		does  openflow.Instructions
		want  uint64
		ok    bool
	}{
		{"nothing", openflow.XReg1, openflow.Instructions{}, 0, false},
		{"another field", openflow.XReg1, apply(other), 0, false},
		{"a wide field", openflow.XReg1, apply(other, openflow.SetUint(openflow.XReg1, 1<<40)), 1 << 40, true},
		{"a field", openflow.Reg3, apply(openflow.DecTTL{}, openflow.SetUint(openflow.Reg3, 5)), 5, true},
		{"bits of a field", openflow.Reg3, apply(other, openflow.RegLoad{Field: openflow.Reg3, Ofs: 4, NBits: 3, Value: 5}), 5, true},
		{"the first of two", openflow.Reg3, apply(openflow.SetUint(openflow.Reg3, 1), openflow.SetUint(openflow.Reg3, 2)), 1, true},
		{"at the end", openflow.Reg3, openflow.Instructions{Write: []openflow.Action{openflow.SetUint(openflow.Reg3, 1)}}, 0, false},
	} {
		for f := range openflow.FlowDumpOf([]openflow.FlowStats{{Instructions: test.does}}).All() {
			if got, ok := f.Loaded(test.field); got != test.want || ok != test.ok {
				t.Errorf("%s: %d, %v", test.name, got, ok)
			}
		}
	}
}
