package logical

import (
	"fmt"

	"github.com/isat-sdn/isat/openflow"
)

// Op says what a packet that an action punts is punted for. The number may be
// carried on the wire: it never changes.
type Op uint8

// Operations of actions that need the controller.
const (
	OpPutARP       Op = iota + 1 // put_arp: a copy teaches a binding
	OpPutND                      // put_nd
	OpHold                       // hold: the packet, paused, until the binding is known
	OpRateLimit                  // rate_limit: the packet, paused, goes on if the address's last time is long enough ago
	OpPunt                       // punt: a copy
	OpComposeARP                 // arp { … }: the inner actions, for a packet made from a copy
	OpComposeNS                  // nd_ns { … }
	OpComposeNA                  // nd_na { … }
	OpComposeICMP4               // icmp4 { … }
	OpComposeICMP6               // icmp6 { … }
)

func (o Op) String() string {
	names := [...]string{OpPutARP: "put_arp", OpPutND: "put_nd", OpHold: "hold", OpRateLimit: "rate_limit",
		OpPunt: "punt", OpComposeARP: "arp", OpComposeNS: "nd_ns", OpComposeNA: "nd_na",
		OpComposeICMP4: "icmp4", OpComposeICMP6: "icmp6"}
	if int(o) < len(names) && names[o] != "" {
		return names[o]
	}
	return fmt.Sprintf("op %d", uint8(o))
}

// Place is where an argument of a call is passed: Bits bits of Field from bit
// Ofs (0 is the least significant) on.
type Place struct {
	Field     *openflow.Field
	Ofs, Bits int
}

// GetCall says how get_arp and get_nd look a binding up in the switch. hold and
// rate_limit pass their arguments in the same places.
type GetCall struct {
	Port   Place // P
	IPv4   Place // A of get_arp
	IPv6   Place // A of get_nd
	Result Place // set to zero before the lookup, which leaves there what it found
	Table  uint8 // that holds the bindings
}

// PutCall says where put_arp and put_nd leave their arguments for the controller.
type PutCall struct {
	Port Place // P
	IPv4 Place // A of put_arp
	IPv6 Place // A of put_nd
	MAC  Place // E

	// Code is where the operation's number, as Number gives it, is passed; a
	// Code without a Field means that the controller learns it otherwise, from
	// what Punt puts into the action.
	Code   Place
	Number func(op Op) uint64
}

// Target is what logical actions are compiled for: which table and which
// register is what. What is left out of Get, Put, Punt and Reasons makes the
// actions that need it errors.
type Target struct {
	Names  Names            // numbers of the strings; one that is not known is assigned as 0
	Tables map[string]uint8 // names for next(table) and lookup(table)
	Next   uint8            // table of next
	Output uint8            // table of output

	// Goto makes a next or output that ends the actions the goto-table
	// instruction, if its table is after This; any other is a resubmit.
	Goto bool
	This uint8

	Get GetCall
	Put PutCall

	// Punt makes the action that sends the packet to the controller. inner are
	// the encoded actions of arp { … } and its like; arg is the IP version of
	// the address, 4 or 6, for OpHold and OpRateLimit, the reason for OpPunt,
	// the MTU or pointer for OpComposeICMP4 and OpComposeICMP6, and else 0.
	Punt    func(op Op, inner []byte, arg uint64) openflow.Action
	Reasons map[string]uint64 // names for punt(reason)
}

// Compiled is what actions are in OpenFlow.
type Compiled struct {
	Apply   []openflow.Action
	HasGoto bool
	Goto    uint8 // the table to go on in, if HasGoto
}

// Instructions are the instructions of a flow that does this.
func (c Compiled) Instructions() openflow.Instructions {
	i := openflow.Apply(c.Apply...)
	if c.HasGoto {
		return i.Goto(c.Goto)
	}
	return i
}
