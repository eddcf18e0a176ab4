package pipeline

import "github.com/isat-sdn/isat/openflow"

// Rule is a logical flow: a line of a table, in the language of package
// logical.
type Rule struct {
	Table    Table
	Priority uint16
	Match    string
	Actions  string
	Doc      string // what it is for
	Owner    string // what in the intent it is there for: router "r1"; "" for what every switch has
	Leased   bool   // expires unless the controller renews it
	Meter    uint32 // that what the flow takes must pass; 0 for none
}

// inTable puts rules into a table.
func inTable(t Table, rules []Rule) []Rule {
	for i := range rules {
		rules[i].Table = t
	}
	return rules
}

// LeaseSeconds is the hard timeout of leased flows, in seconds: how long after
// the controller's end the switch goes on punting requests to nobody before it
// floods them. LeaseRenewSeconds is how often the controller renews them.
const (
	LeaseSeconds      = 15
	LeaseRenewSeconds = 5
)

// noTable ends a packet's way. Table 0 is never a goto target, so it can stand
// for none.
const noTable Table = 0

func newFlow(table Table, priority uint16, match openflow.Match, actions []openflow.Action, next Table) openflow.FlowMod {
	f := openflow.FlowMod{
		TableID: uint8(table), Command: openflow.FlowAdd, Priority: priority,
		BufferID: openflow.NoBuffer, OutPort: openflow.PortAny, OutGroup: openflow.GroupAny,
		Match: match,
	}
	f.Instructions.Apply = actions
	if next != noTable {
		f.Instructions.HasGoto, f.Instructions.GotoTable = true, uint8(next)
	}
	return f
}

// Kinds of flows, as the cookie tells them.
const (
	kindRule uint8 = iota + 1
	kindLease
	kindSilent
	kindBinding
	kindStation
	kindSponge
)

// cookieMagic marks isat's flows, in the top 16 bits of the cookie. Below it
// stand the table (8 bits), the kind (8) and what the kind says of its object
// (32): a rule's ID, a binding's origin, a station's port.
const cookieMagic = 0x15a7

func cookie(t Table, kind uint8, object uint32) uint64 {
	return cookieMagic<<48 | uint64(t)<<40 | uint64(kind)<<32 | uint64(object)
}

func ownCookie(c uint64) (kind uint8, object uint32, ok bool) {
	return uint8(c >> 32), uint32(c), c>>48 == cookieMagic
}
