package pipeline

import (
	"fmt"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/openflow"
)

// Table is the number of a flow table.
type Table uint8

// The tables, in the order in which a packet meets them. A routed packet is switched again, from l2 on, in the
// network that it was routed to.
const (
	Classify   Table = 0
	Guard      Table = 1
	Learn      Table = 2
	PuntTable  Table = 3
	Answer     Table = 4
	Reply      Table = 5
	ReplyND    Table = 6
	ReplyNDEnd Table = 7
	Search     Table = 8
	Police     Table = 9
	L2         Table = 10
	Admission  Table = 11
	IPInput    Table = 12
	Routing    Table = 13
	ECMP       Table = 14
	Resolve    Table = 15
	Request    Table = 16
	Controller Table = 17
	Flood      Table = 18
	Deliver    Table = 19
	Bindings   Table = 20
	Owners     Table = 21
	Stations   Table = 22
	Compare    Table = 23
)

// TableInfo documents a table.
type TableInfo struct {
	Table   Table
	Name    string
	Decides string
}

// Tables lists the tables in packet order.
func Tables() []TableInfo {
	return []TableInfo{
		{Classify, "classify", "ingress port (and VLAN on a trunk) → network, VLAN inside it, port key. A frame from a port that is in no network ends here"},
		{Guard, "guard", "drops what no host may send: group source addresses, frames for the bridge itself, malformed ARP and ND"},
		{Learn, "learn", "looks up the sender: is the MAC known on this port, is its address known as its own"},
		{PuntTable, "punt", "an unknown sender → a metered copy to the controller; the packet itself goes on at once"},
		{Answer, "answer", "broadcast ARP request or multicast NS: looks up the target, and whether the asker owns it"},
		{Reply, "reply", "found, and not the asker's own → the answer is made from the registers; own or announcement → flood; not found → search"},
		{ReplyND, "reply-nd", "an NS with nothing but a source link-layer option becomes an NA; any other goes to the controller, or to the owner itself"},
		{ReplyNDEnd, "reply-nd-end", "the fields that exist only once the packet is an NA"},
		{Search, "search", "unknown target: to the controller, which asks the wire. The flow is leased: without a controller it expires and the request is flooded"},
		{Police, "police", "what a port makes the switch send to the controller passes the port's own meter, so that a flood from one port takes nothing of what the others may send. Reached by resubmit"},
		{L2, "l2", "known MAC → its port; a router's MAC → admission; everything else → flood"},
		{Admission, "admission", "which router is the packet for, and by which of its interfaces does it come in"},
		{IPInput, "ip-input", "what a router answers itself, and what it does not forward"},
		{Routing, "routing", "longest prefix → next hop, egress network, source MAC; the TTL is one less"},
		{ECMP, "ecmp", "which of several next hops of a route"},
		{Resolve, "resolve", "looks up the next hop in the egress network"},
		{Request, "request", "found → its MAC is the destination, and l2 switches the packet; not found → the controller holds the packet and searches"},
		{Controller, "controller", "to the controller, by reason, through the reason's meter"},
		{Flood, "flood", "the network's group: every port of it but the ingress port"},
		{Deliver, "deliver", "egress port key → port, with the trunk's VLAN tag"},
		{Bindings, "bindings", "(network, VLAN, address) → MAC. Reached by resubmit. One flow per binding"},
		{Owners, "owners", "(network, VLAN, address, MAC): this MAC owns that address. Reached by resubmit. One flow per binding, on the switch that the owner is behind"},
		{Stations, "stations", "(network, VLAN, port key, MAC): this MAC is at home on that port. Reached by resubmit"},
		{Compare, "compare", "sets a flag if the two operand registers differ, one pair of flows per bit: how an announcement (sender = target) is told from a question"},
	}
}

func (t Table) String() string {
	for _, info := range Tables() {
		if info.Table == t {
			return info.Name
		}
	}
	return fmt.Sprint(uint8(t))
}

// TableByName finds a table by its name.
func TableByName(name string) (Table, bool) {
	for _, info := range Tables() {
		if info.Name == name {
			return info.Table, true
		}
	}
	return 0, false
}

// tableNumbers are the tables by the names that actions use.
func tableNumbers() map[string]uint8 {
	numbers := make(map[string]uint8)
	for _, info := range Tables() {
		numbers[info.Name] = uint8(info.Table)
	}
	return numbers
}

// following is the table that next means.
func following(t Table) Table {
	if t == L2 {
		return Flood
	}
	return t + 1
}

// Registers and metadata, by what they hold. Nothing else in the code names a
// register.
var (
	// metadata: the segment.
	fieldSegment = openflow.Metadata

	fieldKey4 = openflow.Reg0 // IPv4 key of a lookup
	// The ingress and egress port keys (binding.PortKey).
	fieldIngress = openflow.Reg1
	fieldEgress  = openflow.Reg2
	// The network that a routed packet came from.
	fieldFrom = openflow.Reg3

	// Two registers each, 48 bits: the MAC of an owners lookup.
	fieldOwner   = openflow.XReg2
	fieldOwnerHi = openflow.Reg4
	fieldOwnerLo = openflow.Reg5
	// The operands of compare. A router, which is past compare, has the number
	// of a route there.
	fieldCompareA = openflow.Reg6
	fieldCompareB = openflow.Reg7
	fieldRoute    = openflow.Reg6

	fieldFlags = openflow.Reg8

	// The router in the low 16 bits, the member of a route above.
	fieldRouter = openflow.Reg9

	// What a bindings lookup found: the MAC in the low 48 bits, and above it
	// the bits foundBit, routerBit and spongeBit.
	fieldFound = openflow.XReg5

	fieldKey6 = openflow.XXReg3 // IPv6 key of a lookup
	key6Words = [4]*openflow.Field{openflow.Reg12, openflow.Reg13, openflow.Reg14, openflow.Reg15}
)

// flag is a bit of the flags register.
type flag uint8

const (
	flagStation flag = iota
	flagOwner
	flagStale
	flagRouter
	flagDiffer
	flagAddress
	flagLong
	flagTrusted
	flagStrict
	flagListed
)

// Beside the flags stand the reason of a punt that is on its way, and the priority
// of a frame that came by a trunk (IEEE 802.1Q §9.6).
const (
	reasonOfs  = 16
	reasonBits = 4
	pcpOfs     = 20
	pcpBits    = 3
)

// Bits of the found register above the MAC.
const (
	foundBit  = 1 << 63
	routerBit = 1 << 62
	spongeBit = 1 << 61
	macMask   = 1<<48 - 1
)

// MAC is the address that isat's own packets carry.
var MAC = intent.OwnMAC

// segmentValue is the metadata of a segment.
func segmentValue(s binding.Segment) uint64 {
	return uint64(s.Network) | uint64(s.VLAN)<<24
}

const networkMask = 0xffffff

// SegmentOf reads a segment back from metadata.
func SegmentOf(metadata uint64) binding.Segment {
	return binding.Segment{Network: uint32(metadata & networkMask), VLAN: uint16(metadata>>24) & 0xfff}
}

// PortNumber widens the 16-bit port number of a port key to OpenFlow 1.3's 32
// bits, where reserved ports such as the local one are at the top (OpenFlow
// 1.3.5 §A.2.1).
func PortNumber(k binding.PortKey) uint32 {
	n := k.Number()
	if n >= 0xff00 {
		return n | 0xffff0000
	}
	return n
}
