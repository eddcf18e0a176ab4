package pipeline_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// TestPrintedFlowsAreTheSame draws hosts, prints their flows, and reads the text
// as a logical flow: what it compiles to matches and does the same.
func TestPrintedFlowsAreTheSame(t *testing.T) {
	in := intent.Default()
	attachments := []fabric.Attachment{{Network: 1, Key: 3, Port: 3, Name: "p3"}, {Network: 1, Key: binding.NewPortKey(4, 10), Port: 4, Name: "p4@10"}}
	printer := pipeline.NewPrinter(in, attachments)
	names := func(f *logical.Field, name string) (uint64, bool) {
		n, ok := map[string]uint64{"default": 1, "p3": 3, "p4@10": 10<<16 | 4}[name]
		return n, ok
	}
	rapid.Check(t, func(r *rapid.T) {
		segment := binding.Segment{Network: 1, VLAN: rapid.Uint16Range(0, 4095).Draw(r, "vlan")}
		b := &binding.Binding{MAC: packet.MACFromUint64(rapid.Uint64Range(1, 1<<48-1).Draw(r, "mac")), Router: rapid.Bool().Draw(r, "router"),
			State: rapid.SampledFrom([]binding.State{binding.Reachable, binding.Stale}).Draw(r, "state"), Origin: binding.ARP}
		b.Segment = segment
		copy(b.Addr[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(r, "address"))
		if rapid.Bool().Draw(r, "IPv4") {
			copy(b.Addr[:12], []byte{10: 0xff, 11: 0xff})
		}
		at := rapid.SampledFrom(attachments).Draw(r, "port")
		station := pipeline.StationFlows(binding.StationKey{Segment: segment, MAC: b.MAC}, at.Key, 0)
		flows := append(station[:], pipeline.SilentFlow(b.Key, 3))
		for _, flow := range []func(*binding.Binding) (openflow.FlowMod, bool){pipeline.BindingFlow, pipeline.OwnerFlow} {
			if f, ok := flow(b); ok {
				flows = append(flows, f)
			}
		}
		for _, f := range flows {
			if err := sameAgain(printer, names, &f); err != nil {
				r.Fatalf("%s: %v", openflow.FormatFlow(&f), err)
			}
		}
	})
}

func sameAgain(p *pipeline.Printer, names logical.Names, f *openflow.FlowMod) error {
	table := pipeline.Table(f.TableID)
	match, ok1 := p.Match(table, f.Match)
	actions, ok2 := p.Actions(table, f.Instructions)
	if !ok1 || !ok2 {
		return fmt.Errorf("not printed: %t %t", ok1, ok2)
	}
	e, err := logical.ParseMatch(pipeline.Symbols(), match)
	if err != nil {
		return fmt.Errorf("%s: %w", match, err)
	}
	id := uint32(1)
	again := e.Compile(names, &id)
	if len(again) != 1 {
		return fmt.Errorf("%s: %d matches", match, len(again))
	}
	// Bits that have no name are always zero, and need not be matched.
	if !covers(f.Match, again[0].Match) {
		return fmt.Errorf("%s is %s again, was %s", match, again[0].Match, f.Match)
	}
	acts, err := logical.ParseActions(pipeline.Symbols(), actions)
	if err != nil {
		return fmt.Errorf("%s: %w", actions, err)
	}
	if actions == "drop;" {
		return nil
	}
	done, err := acts.Compile(&logical.Target{Names: names, Output: uint8(pipeline.Deliver), Goto: true, This: f.TableID})
	if err != nil {
		return fmt.Errorf("%s: %w", actions, err)
	}
	if got, want := effect(done.Instructions()), effect(f.Instructions); !cmp.Equal(got, want) {
		return fmt.Errorf("%s: %s", actions, cmp.Diff(want, got))
	}
	return nil
}

// covers says whether a match asks for all that another does, and for the rest
// only that bits of the same fields are zero.
func covers(m, other openflow.Match) bool {
	n := 0
	for o := range other.All() {
		value, mask, ok := m.GetU64(o.Field)
		v, named, _ := other.GetU64(o.Field)
		if !ok || named&^mask != 0 || value&named != v || value&^named != 0 {
			return false
		}
		n++
	}
	for range m.All() {
		n--
	}
	return n == 0
}

// effect is what instructions leave in the registers, of those that they write,
// and where they go.
func effect(i openflow.Instructions) map[string]uint64 {
	out := map[string]uint64{}
	if i.HasGoto {
		out["goto"] = uint64(i.GotoTable)
	}
	write := func(f *openflow.Field, ofs, bits int, value uint64) {
		for n := range bits {
			if value>>n&1 != 0 {
				out[f.Name] |= 1 << (ofs + n)
			}
		}
	}
	for _, a := range i.Apply {
		switch a := a.(type) {
		case openflow.RegLoad:
			write(a.Field, int(a.Ofs), int(a.NBits), a.Value)
		case openflow.SetField:
			var v uint64
			for _, c := range a.Value {
				v = v<<8 | uint64(c)
			}
			write(a.Field, 0, a.Field.Bits, v)
		}
	}
	return out
}

// TestPrintedChanges are named by the table that they happen in.
func TestPrintedChanges(t *testing.T) {
	p := pipeline.NewPrinter(intent.Default(), []fabric.Attachment{{Network: 1, Key: 3, Port: 3, Name: "p3"}})
	for _, c := range []struct {
		table         pipeline.Table
		field         *openflow.Field
		before, after []byte
		want          []pipeline.FieldChange
	}{
		{pipeline.Classify, openflow.Metadata, make([]byte, 8), []byte{0, 0, 0, 0, 10, 0, 0, 1}, []pipeline.FieldChange{{"network", "0", `"default"`}, {"network.vlan", "0", "10"}}},
		{pipeline.L2, openflow.Reg2, []byte{0, 0, 0, 0}, []byte{0, 0, 0, 3}, []pipeline.FieldChange{{"outport", "0", `"p3"`}}},
		{pipeline.Answer, openflow.Reg6, []byte{0, 0, 0, 0}, []byte{10, 0, 0, 1}, []pipeline.FieldChange{{"compare.a", "0x0", "0xa000001"}}},
		{pipeline.Routing, openflow.Reg6, []byte{0, 0, 0, 0}, []byte{10, 0, 0, 1}, []pipeline.FieldChange{{"ecmp.route", "0x0", "0xa000001"}}},
		{pipeline.Learn, openflow.Reg8, []byte{0, 0, 0, 1}, []byte{0, 0, 0, 0x22}, []pipeline.FieldChange{{"flags.station", "1", "0"}, {"flags.owner", "0", "1"}, {"flags.address", "0", "1"}}},
		{pipeline.Routing, openflow.IPTTL, []byte{64}, []byte{63}, []pipeline.FieldChange{{"ip.ttl", "64", "63"}}},
		{pipeline.Routing, openflow.EthSrc, []byte{2, 0, 0, 0, 0, 1}, nil, []pipeline.FieldChange{{"eth.src", "02:00:00:00:00:01", ""}}},
		{pipeline.Request, openflow.InPortNX, []byte{0, 1}, []byte{0xff, 0xff}, []pipeline.FieldChange{{"in_port", "1", "65535"}}},
		{pipeline.Deliver, openflow.TunnelID, make([]byte, 8), []byte{0, 0, 0, 0, 0, 0, 1, 0}, []pipeline.FieldChange{{"tun_id", "0x0", "0x100"}}},
	} {
		if diff := cmp.Diff(c.want, p.Changed(c.table, c.field, c.before, c.after)); diff != "" {
			t.Errorf("%s in %s: %s", c.field, c.table, diff)
		}
	}
}
