package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
	_ "github.com/isat-sdn/isat/test/seed"
)

// TestFlowsAreUnambiguous checks on random states that no flow is wanted twice, and that no two
// flows of one table and priority could take the same packet and treat it differently.
func TestFlowsAreUnambiguous(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		flows := drawState(r).flows()
		seen := make(map[openflow.FlowKey]bool)
		levels := make(map[[2]uint16][]openflow.FlowMod)
		for _, f := range flows {
			if seen[f.Key()] {
				r.Errorf("table %d priority %d %s is wanted twice", f.TableID, f.Priority, f.Match)
			}
			seen[f.Key()] = true
			level := [2]uint16{uint16(f.TableID), f.Priority}
			for _, g := range levels[level] {
				if overlap(keyed(f), keyed(g)) && !openflow.EqualInstructions(f.Instructions, g.Instructions) && f.TableID != uint8(pipeline.Compare) {
					r.Errorf("table %d priority %d: %s and %s overlap", f.TableID, f.Priority, f.Match, g.Match)
				}
			}
			levels[level] = append(levels[level], f)
		}
	})
}

// keyed is the flow's match with the key registers that it leaves out, where it is one of a lookup:
// a lookup of an IPv4 address leaves the IPv6 key at zero, and the other way round.
func keyed(f openflow.FlowMod) openflow.Match {
	m := f.Match
	if t := pipeline.Table(f.TableID); t != pipeline.Bindings && t != pipeline.Owners {
		return m
	}
	for _, field := range []*openflow.Field{openflow.Reg0, openflow.Reg12, openflow.Reg13, openflow.Reg14, openflow.Reg15} {
		if _, _, ok := m.Get(field); !ok {
			m = m.U32(field, 0)
		}
	}
	return m
}

// TestManyPortsInOneNetwork checks that every message of a switch with all the ports that there can be
// fits, and that flooding reaches all of them.
func TestManyPortsInOneNetwork(t *testing.T) {
	in := intent.Default()
	var attachments []fabric.Attachment
	for port := uint32(1); port < 0xff00; port += 13 {
		attachments = append(attachments, fabric.Attachment{Network: 1, Key: binding.NewPortKey(port, 7), Port: port, Name: fmt.Sprint("p", port)})
	}
	base := pipeline.NewProgram(in).Base(attachments)
	reached := make(map[uint32]bool)
	groups := make(map[uint32]bool)
	for i := range base.Groups {
		g := &base.Groups[i]
		groups[g.ID] = true
		if b := openflow.Append(nil, 1, g); len(b) > openflow.MaxMessage {
			t.Fatalf("a group of %d bytes", len(b))
		}
		for _, b := range g.Buckets {
			reached[b.Actions[len(b.Actions)-1].(openflow.Output).Port] = true
		}
	}
	if len(reached) != len(attachments) || len(groups) != len(base.Groups) {
		t.Errorf("%d of %d ports are in %d groups, of which %d differ", len(reached), len(attachments), len(base.Groups), len(groups))
	}
	for _, f := range base.Flows {
		if pipeline.Table(f.TableID) == pipeline.Flood {
			for _, a := range f.Instructions.Apply {
				delete(groups, a.(openflow.Group).ID)
			}
		}
	}
	if len(groups) != 0 {
		t.Errorf("no flow goes to %d groups", len(groups))
	}
}

// overlap says whether some packet could fit both.
func overlap(a, b openflow.Match) bool {
	for o := range a.All() {
		value, mask, ok := b.Get(o.Field)
		if !ok {
			continue
		}
		for i := range value {
			both := byte(0xff)
			if o.Mask != nil {
				both &= o.Mask[i]
			}
			if mask != nil {
				both &= mask[i]
			}
			if (value[i]^o.Value[i])&both != 0 {
				return false
			}
		}
	}
	return true
}

// TestEveryGotoGoesForward checks what Open vSwitch demands, and that every table that a rule goes
// or looks into is listed.
func TestEveryGotoGoesForward(t *testing.T) {
	known := make(map[uint8]bool)
	for _, info := range pipeline.Tables() {
		if known[uint8(info.Table)] {
			t.Errorf("table %d is listed twice", info.Table)
		}
		known[uint8(info.Table)] = true
	}
	for _, w := range ovstest.Worlds() {
		for _, f := range w.Base(t).Logical {
			if f.Doc == "" || len(f.Mods) == 0 {
				t.Errorf("table %s %s: no explanation, or no flow", f.Table, f.Match)
			}
			if f.Priority >= 1000 != strings.HasPrefix(f.Owner, "policy") {
				t.Errorf("table %s %s: policies stand above the rest, and this has priority %d", f.Table, f.Match, f.Priority)
			}
			for _, m := range f.Mods {
				checkGoto(t, known, m)
			}
		}
	}
}

func checkGoto(t *testing.T, known map[uint8]bool, m openflow.FlowMod) {
	i := m.Instructions
	if !known[m.TableID] || i.HasGoto && !known[i.GotoTable] {
		t.Errorf("table %d goes to %d: one is not listed", m.TableID, i.GotoTable)
	}
	if i.HasGoto && i.GotoTable <= m.TableID {
		t.Errorf("table %d goes back to %d", m.TableID, i.GotoTable)
	}
	for _, a := range i.Apply {
		if s, ok := a.(openflow.Resubmit); ok && !known[s.Table] {
			t.Errorf("table %d looks into %d, which is not listed", m.TableID, s.Table)
		}
	}
}
