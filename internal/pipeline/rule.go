package pipeline

import (
	"net/netip"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// Rule is one flow that every switch has, with what it is for.
type Rule struct {
	Table    Table
	Priority uint16
	Doc      string
	Match    openflow.Match
	Actions  []openflow.Action
	Next     Table // where the packet goes afterwards; noTable for nowhere
	Leased   bool  // expires unless the controller renews it
}

// noTable ends a packet's way. Table 0 is never a goto target, so it can stand
// for none.
const noTable Table = 0

// LeaseSeconds is the hard timeout of leased flows, in seconds: how long after
// the controller's end the switch goes on punting requests to nobody before it
// floods them. LeaseRenewSeconds is how often the controller renews them.
const (
	LeaseSeconds      = 15
	LeaseRenewSeconds = 5
)

// flow makes the flow-mod that adds the rule.
func (r Rule) flow() openflow.FlowMod {
	f := newFlow(r.Table, r.Priority, r.Match, r.Actions, r.Next)
	f.Cookie = cookie(r.Table, kindRule, 0)
	if r.Leased {
		f.Cookie = cookie(r.Table, kindLease, 0)
		f.HardTimeout = LeaseSeconds
	}
	return f
}

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
	kindPort
	kindNetwork
	kindBinding
	kindStation
)

// cookieMagic marks isat's flows, in the top 16 bits of the cookie. Below it
// stand the table (8 bits), the kind (8) and what the kind says of its object
// (32).
const cookieMagic = 0x15a7

func cookie(t Table, kind uint8, object uint32) uint64 {
	return cookieMagic<<48 | uint64(t)<<40 | uint64(kind)<<32 | uint64(object)
}

func ownCookie(c uint64) (kind uint8, object uint32, ok bool) {
	return uint8(c >> 32), uint32(c), c>>48 == cookieMagic
}

const (
	protoICMPv6 = 58 // RFC 4443 §1
	optionTLL   = 2  // target link-layer address (RFC 4861 §4.6.1)
)

// Shorthands for matches and actions, so that rules read as sentences.

// all matches every packet.
func all() openflow.Match { return openflow.Match{} }

func ethType(t uint16) openflow.Match { return all().U16(openflow.EthType, t) }

func arp() openflow.Match { return ethType(packet.EtherTypeARP) }

func arpRequest() openflow.Match {
	return arp().MAC(openflow.EthDst, packet.Broadcast).U16(openflow.ARPOp, 1)
}

// nd matches the ICMPv6 type and code 0; Open vSwitch looks into the rest of
// an ND packet only then.
func nd(icmpType uint8) openflow.Match {
	return ndType(icmpType).U8(openflow.ICMPv6Code, 0)
}

func ndType(icmpType uint8) openflow.Match {
	return ethType(openflow.EtherTypeIPv6).U8(openflow.IPProto, protoICMPv6).U8(openflow.ICMPv6Type, icmpType)
}

func ns() openflow.Match { return nd(packet.NDSolicitation) }
func na() openflow.Match { return nd(packet.NDAdvertisement) }

// group matches the group bit of a MAC field.
func group(m openflow.Match, f *openflow.Field) openflow.Match {
	bit := []byte{1, 0, 0, 0, 0, 0}
	return m.Masked(f, bit, bit)
}

func with(m openflow.Match, f flag) openflow.Match {
	return flags(m, map[flag]bool{f: true})
}

// flags matches the given flags and keeps those that m matches already.
func flags(m openflow.Match, want map[flag]bool) openflow.Match {
	value, mask, ok := m.GetU64(fieldFlags)
	if !ok {
		value, mask = 0, 0
	}
	for f, set := range want {
		mask |= 1 << f
		value &^= 1 << f
		if set {
			value |= 1 << f
		}
	}
	return m.MaskedU64(fieldFlags, value, mask)
}

func without(m openflow.Match, f flag) openflow.Match {
	return flags(m, map[flag]bool{f: false})
}

func found(m openflow.Match) openflow.Match {
	return m.MaskedU64(fieldFoundHi, foundBit>>32, foundBit>>32)
}

func prefix4(m openflow.Match, f *openflow.Field, p string) openflow.Match {
	prefix := netip.MustParsePrefix(p)
	addr := prefix.Addr().AsSlice()
	mask := make([]byte, len(addr))
	for i := range prefix.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	return m.Masked(f, addr, mask)
}

func set(f *openflow.Field, v uint64) openflow.Action { return openflow.SetUint(f, v) }

func raise(f flag) openflow.Action {
	return openflow.RegLoad{Field: fieldFlags, Ofs: uint16(f), NBits: 1, Value: 1}
}

// move copies a whole field to the low bits of another.
func move(from, to *openflow.Field) openflow.Action {
	bits := min(from.Bits, to.Bits)
	return openflow.RegMove{Src: from, Dst: to, NBits: uint16(bits)}
}

func lookup(t Table) openflow.Action {
	return openflow.Resubmit{InPort: openflow.ResubmitKeepPort, Table: uint8(t)}
}

// turnAround makes the ingress port the egress port. The ingress port is
// cleared as well: a switch sends nothing back to where it came from.
func turnAround() []openflow.Action {
	return []openflow.Action{
		move(fieldIngress, fieldEgress),
		openflow.RegLoad{Field: openflow.InPortNX, NBits: 16, Value: 0xffff},
	}
}

func actions(lists ...any) []openflow.Action {
	var out []openflow.Action
	for _, l := range lists {
		switch a := l.(type) {
		case []openflow.Action:
			out = append(out, a...)
		case openflow.Action:
			out = append(out, a)
		}
	}
	return out
}

func segment(m openflow.Match, s binding.Segment) openflow.Match {
	return m.U64(fieldSegment, segmentValue(s))
}

func inNetwork(m openflow.Match, number uint32) openflow.Match {
	return m.MaskedU64(fieldSegment, uint64(number), networkMask)
}
