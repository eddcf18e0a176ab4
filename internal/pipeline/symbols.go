package pipeline

import (
	"fmt"
	"sync"

	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/openflow"
)

// Symbols are the names that the pipeline's logical flows use: those of packet
// fields and predicates, which are OVN's, and those of the registers.
var Symbols = sync.OnceValue(newSymbols)

func newSymbols() *logical.Symbols {
	s := logical.NewSymbols()
	s.AddPacketFields()
	addRegisters(s)
	for _, f := range pipelineFields() {
		s.AddField(f)
	}
	return s
}

func pipelineFields() []logical.Field {
	return []logical.Field{
		{Name: "in_port", OF: openflow.InPort, Bits: 32, Nominal: true, ReadOnly: true, Doc: "OpenFlow number of the ingress port"},
		{Name: "network", OF: fieldSegment, Bits: 24, String: true, Doc: "network"},
		{Name: "network.vlan", OF: fieldSegment, Ofs: 24, Bits: 12, Doc: "VLAN inside the network, of frames that hosts tag themselves; 0 if untagged"},
		{Name: "trunk.pcp", OF: fieldFlags, Ofs: pcpOfs, Bits: pcpBits, Doc: "priority in the tag of the trunk that the packet came by"},
		{Name: "inport", OF: fieldIngress, Bits: 32, String: true, Doc: "ingress port, with the VLAN on a trunk: p4@10"},
		{Name: "outport", OF: fieldEgress, Bits: 32, String: true, Doc: "egress port"},
		{Name: "router", OF: fieldRouter, Bits: 16, String: true, Doc: "router that the packet is in"},
		{Name: "ingress.network", OF: fieldFrom, Bits: 24, String: true, Doc: "network that the packet came to the router from"},
		{Name: "key4", OF: fieldKey4, Bits: 32, Doc: "IPv4 address to look up; in a router the next hop"},
		{Name: "key6", OF: fieldKey6, Bits: 128, Doc: "IPv6 address to look up; in a router the next hop"},
		{Name: "owner.mac", OF: fieldOwner, Bits: 48, Doc: "MAC of a lookup in owners"},
		{Name: "compare.a", OF: fieldCompareA, Bits: 32, Doc: "operand of compare"},
		{Name: "compare.b", OF: fieldCompareB, Bits: 32, Doc: "operand of compare"},
		{Name: "ecmp.route", OF: fieldRoute, Bits: 32, Doc: "route with several next hops"},
		{Name: "ecmp.member", OF: fieldRouter, Ofs: 16, Bits: 8, Doc: "which of its next hops"},
		{Name: "flags", OF: fieldFlags, Bits: 32, Doc: "all flags"},
		{Name: "flags.station", OF: fieldFlags, Ofs: int(flagStation), Bits: 1, Doc: "the sender's MAC is known on its port"},
		{Name: "flags.owner", OF: fieldFlags, Ofs: int(flagOwner), Bits: 1, Doc: "the address is known as the MAC's own"},
		{Name: "flags.stale", OF: fieldFlags, Ofs: int(flagStale), Bits: 1, Doc: "likewise, but only by hearsay"},
		{Name: "flags.router", OF: fieldFlags, Ofs: int(flagRouter), Bits: 1, Doc: "the owner is a router"},
		{Name: "flags.differ", OF: fieldFlags, Ofs: int(flagDiffer), Bits: 1, Doc: "the operands of compare differ"},
		{Name: "flags.address", OF: fieldFlags, Ofs: int(flagAddress), Bits: 1, Doc: "the sender states an address"},
		{Name: "flags.long", OF: fieldFlags, Ofs: int(flagLong), Bits: 1, Doc: "the packet is longer than a plain NS"},
		{Name: "reason", OF: fieldFlags, Ofs: reasonOfs, Bits: reasonBits, Doc: "reason of a punt that is on its way, as in userdata"},
		{Name: "flags.trusted", OF: fieldFlags, Ofs: int(flagTrusted), Bits: 1, Doc: "DHCP servers and routers may be behind the ingress port"},
		{Name: "flags.strict", OF: fieldFlags, Ofs: int(flagStrict), Bits: 1, Doc: "only listed addresses may send on the ingress port"},
		{Name: "flags.listed", OF: fieldFlags, Ofs: int(flagListed), Bits: 1, Doc: "the IPv6 source of an NA on such a port is listed"},
		{Name: "found", OF: fieldFound, Ofs: 63, Bits: 1, Doc: "a lookup in bindings found the address"},
		{Name: "found.router", OF: fieldFound, Ofs: 62, Bits: 1, Doc: "its owner is a router"},
		{Name: "found.sponge", OF: fieldFound, Ofs: 61, Bits: 1, Doc: "nobody has the address: the MAC is the sink's"},
		{Name: "found.mac", OF: fieldFound, Bits: 48, Doc: "its owner's MAC"},
	}
}

// addRegisters adds the registers under their bare names, to be read: what they
// hold is isat's.
func addRegisters(s *logical.Symbols) {
	for n := range 16 {
		s.AddField(logical.Field{Name: fmt.Sprintf("reg%d", n), OF: openflow.Reg(n), Bits: 32, ReadOnly: true, Doc: "a register"})
	}
	for n, f := range []*openflow.Field{openflow.XXReg0, openflow.XXReg1, openflow.XXReg2, openflow.XXReg3} {
		s.AddField(logical.Field{Name: fmt.Sprintf("xxreg%d", n), OF: f, Bits: 128, ReadOnly: true, Doc: "four registers as one"})
	}
}

// target says what actions of a table mean on a switch.
func target(t Table, names logical.Names) *logical.Target {
	return &logical.Target{
		Names: names, Tables: tableNumbers(), Next: uint8(following(t)), Output: uint8(Deliver), Goto: true, This: uint8(t),
		Get: logical.GetCall{
			Port:   logical.Place{Field: fieldSegment, Bits: 24},
			IPv4:   logical.Place{Field: fieldKey4, Bits: 32},
			IPv6:   logical.Place{Field: fieldKey6, Bits: 128},
			Result: logical.Place{Field: fieldFound, Bits: 64},
			Table:  uint8(Bindings),
		},
		Punt: puntAction, Reasons: reasonNumbers(),
	}
}
