package binding

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/isat-sdn/isat/packet"
)

// Segment is one L2 broadcast domain: a network, and inside it the VLAN of
// frames that hosts tag themselves (0 for untagged). Segments never mix.
type Segment struct {
	Network uint32 // 1..16777215
	VLAN    uint16 // 0..4095
}

// PortKey names an attachment of a switch: the port's OpenFlow number (16 bits)
// in the low half and, where the network is one VLAN of a trunk, that VLAN id
// in the high half.
type PortKey uint32

// NewPortKey builds the key of a port and the VLAN that carries the network on
// it (0 for none).
func NewPortKey(number uint32, vlan uint16) PortKey {
	return PortKey(number&0xffff | uint32(vlan)<<16)
}

// Number returns the port's OpenFlow number in its 16-bit form; the local port
// is 0xfffe.
func (k PortKey) Number() uint32 { return uint32(k & 0xffff) }

// VLAN returns the trunk VLAN of the attachment, 0 for none.
func (k PortKey) VLAN() uint16 { return uint16(k >> 16) }

// Location is a place where a station can be.
type Location struct {
	Switch uint64 // datapath id
	Port   PortKey
}

// Key names a binding. Addr holds an IPv4 address in its IPv4-mapped form.
type Key struct {
	Segment
	Addr [16]byte
}

// NewKey builds the key of an address in a segment.
func NewKey(segment Segment, ip netip.Addr) Key {
	return Key{Segment: segment, Addr: ip.As16()}
}

// IP returns the key's address.
func (k Key) IP() netip.Addr { return netip.AddrFrom16(k.Addr).Unmap() }

// Is4 says whether the key's address is IPv4.
func (k Key) Is4() bool { return netip.AddrFrom16(k.Addr).Is4In6() }

func (k Key) String() string {
	if k.VLAN != 0 {
		return fmt.Sprintf("%s in network %d vlan %d", k.IP(), k.Network, k.VLAN)
	}
	return fmt.Sprintf("%s in network %d", k.IP(), k.Network)
}

// Origin says where a binding came from.
type Origin uint8

// Origins, in rising order of trust (RFC 9161 §3.1: static beats learned).
const (
	ARP Origin = iota + 1
	ND
	DHCP // a lease that a trusted server gave
	Gateway
	Static
)

var originNames = [...]string{ARP: "arp", ND: "nd", DHCP: "dhcp", Gateway: "gateway", Static: "static"}

func (o Origin) String() string {
	if int(o) < len(originNames) && originNames[o] != "" {
		return originNames[o]
	}
	return fmt.Sprintf("origin %d", uint8(o))
}

// Origins lists every origin.
func Origins() []Origin { return []Origin{ARP, ND, DHCP, Gateway, Static} }

// Valid says whether it is an origin at all.
func (o Origin) Valid() bool { return o >= ARP && o <= Static }

// Configured says whether the binding comes from the operator, so that traffic
// cannot change or remove it.
func (o Origin) Configured() bool { return o == Gateway || o == Static }

// State says how far a binding can be relied on (docs/bindings.md).
type State uint8

const (
	// Reachable bindings are answered by the switches: their owner was heard, or
	// its switch would have told that it is silent.
	Reachable State = iota + 1
	// Stale bindings are a hint where to ask: they are never answered, the
	// request is handed to the host itself.
	Stale
	// Silent bindings are answered still: nothing was heard of the owner for half
	// of the age limit, or its place is gone, and it has not been asked yet.
	Silent
	// Probing bindings are answered still: the owner is being asked.
	Probing
	// Duplicate bindings are frozen, and not answered: the address changed its MAC
	// too often (RFC 9161 §3.7).
	Duplicate
)

var stateNames = [...]string{
	Reachable: "reachable", Stale: "stale", Silent: "silent", Probing: "probing", Duplicate: "duplicate",
}

func (s State) String() string {
	if int(s) < len(stateNames) && stateNames[s] != "" {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// States lists every state.
func States() []State { return []State{Reachable, Stale, Silent, Probing, Duplicate} }

// Binding says which MAC an address has. A Binding that came out of a Table is
// never changed; the table replaces it as a whole. It fills a cache line.
type Binding struct {
	Key
	MAC      packet.MAC
	Origin   Origin
	State    State
	Switch   uint64 // datapath id of the switch where it was heard, 0 for none
	Router   bool   // the owner says that it routes (RFC 4861 §4.4, R flag)
	Restored bool   // taken over from a switch's flows, or from what was kept
	// Tries is how many questions the owner left unanswered since it was heard.
	Tries uint8
	// Unwatched says that the owner has no flow that would tell that it sends:
	// whatever it says of itself is punted. It is so while it is being asked.
	Unwatched bool
	// Idle is the time in seconds after which the owner's flow goes if the owner
	// sends nothing, 0 for never.
	Idle    uint16
	Learned int64 // when this MAC was bound, in nanoseconds since 1970
	Heard   int64 // last sign of life that isat knows of, likewise
}

// Answered says whether the switches answer for the binding, and route by it.
func (b *Binding) Answered() bool {
	return b.State == Reachable || b.State == Silent || b.State == Probing
}

func (b *Binding) indexKey() Key { return b.Key }

// word is the segment as a number.
func (s Segment) word() uint64 { return uint64(s.Network)<<16 | uint64(s.VLAN) }

func (k Key) hash(s *secret) uint64 {
	hi, lo := binary.BigEndian.Uint64(k.Addr[:8]), binary.BigEndian.Uint64(k.Addr[8:])
	return mix(mix(hi^s[0], lo^s[1])^k.word(), s[2])
}

// StationKey names a station: each switch knows one place for a MAC in each
// segment.
type StationKey struct {
	Switch uint64 // datapath id
	Segment
	MAC packet.MAC
}

// Station is a MAC and the place where it was heard. Only the table's writer
// may look at it. It fills a cache line, and has no pointers: there are as many as
// hosts, and the garbage collector would follow each.
type Station struct {
	StationKey
	Port PortKey
	// Idle is the time in seconds after which the flow of its source goes if it
	// sends nothing, 0 for never: a station with bindings lives as long as they do.
	Idle     uint16
	Restored bool  // in this place it takes no room of its own
	bound    bound // how many addresses it has
	Learned  int64 // when it was first heard at this place, in nanoseconds since 1970

	one  [1][16]byte // its only address, as most stations have
	at   uint32      // where it stands in the list of its attachment
	room uint32      // where it is in the slab
}

// bound says where a station's addresses are.
type bound uint8

const (
	boundNone    bound = iota
	boundOne           // in the station
	boundSeveral       // in the table's list
)

// Location is where the station is.
func (s *Station) Location() Location { return Location{Switch: s.Switch, Port: s.Port} }

func (s *Station) indexKey() StationKey { return s.StationKey }

func (k StationKey) hash(s *secret) uint64 {
	return mix(mix(k.MAC.Uint64()^s[0], k.Switch^s[1])^k.word(), s[2])
}
