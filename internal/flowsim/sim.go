package flowsim

import (
	"fmt"

	"github.com/isat-sdn/isat/openflow"
)

// Sim is the flows and groups of a switch. It does not change, so that any number of packets may be
// run at the same time.
type Sim struct {
	tables map[uint8]*table
	groups map[uint32]*openflow.GroupMod
}

// New makes a simulation of a switch to which the flow-mods and group-mods were sent in order. It
// refuses those that do not add, and what is not simulated. It keeps them; they must not change.
func New(flows []openflow.FlowMod, groups []openflow.GroupMod) (*Sim, error) {
	s := &Sim{groups: make(map[uint32]*openflow.GroupMod)}
	for i := range groups {
		if err := checkGroup(&groups[i]); err != nil {
			return nil, fmt.Errorf("simulate group %d: %w", groups[i].ID, err)
		}
		s.groups[groups[i].ID] = &groups[i]
	}
	b := newBuilder()
	for i := range flows {
		if err := checkFlow(&flows[i]); err != nil {
			return nil, fmt.Errorf("simulate flow %q: %w", openflow.FormatFlow(&flows[i]), err)
		}
		b.add(newFlow(&flows[i], i))
	}
	s.tables = b.finish()
	return s, nil
}

// operation is an [openflow.Action], or one of the types below, which are a flow's other instructions
// and what is added when a packet is frozen. In Open vSwitch, too, they are all one list.
type operation any

type (
	meter         uint32
	gotoTable     uint8
	writeMetadata struct{ value, mask uint64 }
	// goBack goes back to the table and the cookie of a flow, for operations that may punt the packet or
	// look it up in the same table again.
	goBack struct {
		table  uint8
		cookie uint64
	}
	// origin says which flow the operations after it come from. It is only for who reads the steps.
	origin struct {
		flow  *flow
		table uint8
	}
)

func operations(acts []openflow.Action) []operation {
	out := make([]operation, len(acts))
	for i, a := range acts {
		out[i] = a
	}
	return out
}

// newFlow makes a flow ready for packets.
func newFlow(mod *openflow.FlowMod, seq int) *flow {
	i := &mod.Instructions
	f := &flow{mod: mod, seq: seq}
	if i.Meter != 0 {
		f.ops = append(f.ops, meter(i.Meter))
	}
	f.ops = append(f.ops, operations(i.Apply)...)
	if i.MetadataMask != 0 {
		f.ops = append(f.ops, writeMetadata{i.WriteMetadata, i.MetadataMask})
	}
	if i.HasGoto {
		f.ops = append(f.ops, gotoTable(i.GotoTable))
	}
	for _, a := range i.Apply {
		if c, ok := a.(openflow.Conjunction); ok {
			f.clauses = append(f.clauses, c)
		}
	}
	return f
}
