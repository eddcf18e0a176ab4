package pipeline

import (
	"encoding/binary"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// The priority of flows that exist once per binding or station.
const objectPriority = 10

// keyMatch matches the segment and the key registers of a lookup.
func keyMatch(k binding.Key) openflow.Match {
	m := segment(all(), k.Segment)
	if k.Is4() {
		return m.U32(fieldKey4, binary.BigEndian.Uint32(k.Addr[12:]))
	}
	for i, word := range key6Words {
		m = m.U32(word, binary.BigEndian.Uint32(k.Addr[4*i:]))
	}
	return m
}

// BindingFlow is the flow of a binding in the table bindings, the same on every
// switch. One that is stale or a duplicate has none: it is not answered.
func BindingFlow(b *binding.Binding) (openflow.FlowMod, bool) {
	if b == nil || !b.Answered() {
		return openflow.FlowMod{}, false
	}
	f := newFlow(Bindings, objectPriority, keyMatch(b.Key), []openflow.Action{set(fieldFound, foundValue(b))}, noTable)
	f.Cookie = cookie(Bindings, kindBinding, uint32(b.Origin))
	return f, true
}

// foundValue is what the flow of a binding loads.
func foundValue(b *binding.Binding) uint64 {
	value := uint64(foundBit) | b.MAC.Uint64()
	if b.Router {
		value |= routerBit
	}
	return value
}

// Owner flags that one load sets together: known, stale, router.
const (
	ownerFlags  = 3
	ownerKnown  = 1 << 0
	ownerStale  = 1 << 1
	ownerRouter = 1 << 2
)

// OwnerFlow is the flow of a binding in the table owners, on the switch that
// the owner is behind. What the owner sends keeps it there; when it has sent
// nothing for the binding's idle time the switch takes it away and says so. An
// owner that is being asked has none, so that the controller hears the answer.
func OwnerFlow(b *binding.Binding) (openflow.FlowMod, bool) {
	if b == nil || b.Unwatched {
		return openflow.FlowMod{}, false
	}
	mac := b.MAC.Uint64()
	match := keyMatch(b.Key).U32(fieldOwnerHi, uint32(mac>>32)).U32(fieldOwnerLo, uint32(mac))
	load := openflow.RegLoad{Field: fieldFlags, Ofs: uint16(flagOwner), NBits: ownerFlags, Value: ownerValue(b)}
	f := newFlow(Owners, objectPriority, match, []openflow.Action{load}, noTable)
	f.Cookie = cookie(Owners, kindBinding, uint32(b.Origin))
	if b.Idle != 0 {
		f.IdleTimeout, f.Flags = b.Idle, openflow.FlagSendFlowRem
	}
	return f, true
}

// ownerValue is what the flow of a binding's owner loads.
func ownerValue(b *binding.Binding) uint64 {
	value := uint64(ownerKnown)
	if b.State == binding.Stale {
		value = ownerStale
	}
	if b.Router {
		value |= ownerRouter
	}
	return value
}

// QuietOwner reads from a flow that a switch took away because it was idle whose
// it was: an owner that has sent nothing for a while. ok is false for any other.
func QuietOwner(m *openflow.FlowRemoved) (key binding.Key, mac packet.MAC, ok bool) {
	kind, _, own := ownCookie(m.Cookie)
	if !own || kind != kindBinding || Table(m.TableID) != Owners || m.Reason != openflow.RemovedIdleTimeout {
		return key, mac, false
	}
	key, ok1 := rememberKey(m.Match)
	owner, _, ok2 := m.Match.Wide(fieldOwner)
	return key, packet.MAC(owner[2:8]), ok1 && ok2
}

// StationFlows are the flows of a station on its own switch: its source is
// known on its port, and frames for it go there. The first goes, and the switch
// says so, when the station has sent nothing for a time in seconds, 0 for never.
func StationFlows(key binding.StationKey, at binding.PortKey, idle uint16) [2]openflow.FlowMod {
	source := newFlow(Stations, objectPriority,
		segment(all(), key.Segment).U32(fieldIngress, uint32(at)).MAC(openflow.EthSrc, key.MAC),
		[]openflow.Action{raise(flagStation)}, noTable)
	source.Cookie = cookie(Stations, kindStation, uint32(at))
	if idle != 0 {
		source.IdleTimeout, source.Flags = idle, openflow.FlagSendFlowRem
	}
	return [2]openflow.FlowMod{source, forwardFlow(key, at)}
}

func forwardFlow(key binding.StationKey, at binding.PortKey) openflow.FlowMod {
	f := newFlow(L2, objectPriority, segment(all(), key.Segment).MAC(openflow.EthDst, key.MAC),
		[]openflow.Action{set(fieldEgress, uint64(at))}, Deliver)
	f.Cookie = cookie(L2, kindStation, uint32(at))
	return f
}

// QuietStation is QuietOwner for the flow of a station's source. The key's switch
// is not set.
func QuietStation(m *openflow.FlowRemoved) (key binding.StationKey, at binding.PortKey, ok bool) {
	kind, object, own := ownCookie(m.Cookie)
	if !own || kind != kindStation || Table(m.TableID) != Stations || m.Reason != openflow.RemovedIdleTimeout {
		return key, 0, false
	}
	key, ok = sourceOf(m.Match)
	return key, binding.PortKey(object), ok
}

// sourceOf reads whose source a flow of the table stations matches.
func sourceOf(m openflow.Match) (key binding.StationKey, ok bool) {
	metadata, _, ok1 := m.GetU64(fieldSegment)
	mac, _, ok2 := m.GetU64(openflow.EthSrc)
	return binding.StationKey{Segment: SegmentOf(metadata), MAC: packet.MACFromUint64(mac)}, ok1 && ok2
}

// Delete turns a flow into the flow-mod that takes it away, and nothing else.
func Delete(f openflow.FlowMod) openflow.FlowMod {
	f.Command = openflow.FlowDeleteStrict
	f.Instructions = openflow.Instructions{}
	f.Cookie, f.HardTimeout, f.IdleTimeout, f.Flags = 0, 0, 0, 0
	return f
}

// Memory is what a switch's own flows remember of the hosts.
type Memory struct {
	Stations []RememberedStation
	Bindings []RememberedBinding
	// Foreign are the learned bindings that the switch answers for and whose
	// owners are behind another one. Only what their flow says is set.
	Foreign []*binding.Binding
	Sponges []RememberedSponge
}

// RememberedStation is a station that a switch forwards to.
type RememberedStation struct {
	Key  binding.StationKey
	Port binding.PortKey
	Idle uint16        // the timeout of its source's flow in seconds
	Age  time.Duration // since the flow was added
}

// RememberedBinding is a binding that a switch has an owner's flow for. Those of
// an operator are on every switch, and tell which of the permitted MACs it is.
type RememberedBinding struct {
	Key    binding.Key
	MAC    packet.MAC
	Origin binding.Origin
	Stale  bool
	Router bool
	Idle   uint16        // the flow's timeout in seconds
	Age    time.Duration // since the flow was added
}

// RememberedSponge is an address that nobody has, and that a switch answers for.
type RememberedSponge struct {
	Key  binding.Key
	Sink packet.MAC
	Left time.Duration // until the flow goes by itself
}

// Remember reads back what the flows of a switch say of stations and bindings:
// it is how a restarted controller comes to know what it knew.
func Remember(flows openflow.FlowDump) Memory {
	var m Memory
	var answered []*binding.Binding
	owned := make(map[binding.Key]bool)
	idle := make(map[binding.StationKey]uint16)
	for f := range flows.All() {
		kind, object, own := ownCookie(f.Cookie())
		if !own || kind == kindBinding && (object > 0xff || !binding.Origin(object).Valid()) {
			continue
		}
		switch {
		case kind == kindStation && Table(f.TableID()) == L2:
			if s, ok := rememberStation(f); ok {
				m.Stations = append(m.Stations, s)
			}
		case kind == kindStation && Table(f.TableID()) == Stations && f.IdleTimeout() != 0:
			if key, ok := sourceOf(f.Match()); ok {
				idle[key] = f.IdleTimeout()
			}
		case kind == kindBinding && Table(f.TableID()) == Owners:
			if b, ok := rememberBinding(f); ok {
				b.Origin = binding.Origin(object)
				m.Bindings = append(m.Bindings, b)
				owned[b.Key] = true
			}
		case kind == kindBinding && Table(f.TableID()) == Bindings:
			if b, ok := rememberAnswer(f); ok {
				b.Origin = binding.Origin(object)
				answered = append(answered, b)
			}
		case kind == kindSponge:
			if b, ok := rememberAnswer(f); ok {
				m.Sponges = append(m.Sponges, RememberedSponge{b.Key, b.MAC, time.Duration(f.HardTimeout())*time.Second - f.Duration()})
			}
		}
	}
	for i := range m.Stations {
		m.Stations[i].Idle = idle[m.Stations[i].Key]
	}
	for _, b := range answered {
		if !owned[b.Key] && !b.Origin.Configured() {
			m.Foreign = append(m.Foreign, b)
		}
	}
	return m
}

func rememberAnswer(f openflow.FlowStatsView) (*binding.Binding, bool) {
	key, ok1 := rememberKey(f.Match())
	value, ok2 := f.Loaded(fieldFound)
	return &binding.Binding{
		Key: key, MAC: packet.MACFromUint64(value & macMask), State: binding.Reachable, Router: value&routerBit != 0,
	}, ok1 && ok2
}

func rememberStation(f openflow.FlowStatsView) (RememberedStation, bool) {
	metadata, _, ok1 := f.Match().GetU64(fieldSegment)
	mac, _, ok2 := f.Match().GetU64(openflow.EthDst)
	port, ok3 := f.Loaded(fieldEgress)
	return RememberedStation{
		Key:  binding.StationKey{Segment: SegmentOf(metadata), MAC: packet.MACFromUint64(mac)},
		Port: binding.PortKey(port), Age: f.Duration(),
	}, ok1 && ok2 && ok3
}

func rememberBinding(f openflow.FlowStatsView) (RememberedBinding, bool) {
	key, ok1 := rememberKey(f.Match())
	owner, _, ok2 := f.Match().Wide(fieldOwner)
	value, ok3 := f.Loaded(fieldFlags)
	return RememberedBinding{
		Key: key, MAC: packet.MAC(owner[2:8]), Stale: value&ownerStale != 0, Router: value&ownerRouter != 0, Idle: f.IdleTimeout(), Age: f.Duration(),
	}, ok1 && ok2 && ok3
}

// rememberKey is the inverse of keyMatch.
func rememberKey(m openflow.Match) (key binding.Key, ok bool) {
	metadata, _, ok := m.GetU64(fieldSegment)
	key.Segment = SegmentOf(metadata)
	if v4, _, is4 := m.Get(fieldKey4); is4 {
		key.Addr[10], key.Addr[11] = 0xff, 0xff
		copy(key.Addr[12:], v4)
		return key, ok
	}
	v6, _, is6 := m.Wide(fieldKey6)
	key.Addr = v6
	return key, ok && is6
}

// SilentFlow drops what is routed to a next hop that nobody answers for, until
// seconds are over, instead of asking the controller again.
func SilentFlow(nextHop binding.Key, seconds uint16) openflow.FlowMod {
	f := newFlow(Request, silentPriority, keyMatch(nextHop), nil, noTable)
	f.Cookie = cookie(Request, kindSilent, nextHop.Network)
	f.HardTimeout = seconds
	return f
}

// RefusedFlow drops for a second what comes in on a port for a next hop that is
// not searched because too many searches are under way from there. Other ports
// have room of their own.
func RefusedFlow(nextHop binding.Key, from binding.PortKey) openflow.FlowMod {
	f := SilentFlow(nextHop, 1)
	f.Priority++
	f.Match = f.Match.U32(fieldIngress, uint32(from))
	return f
}

// SpongeSeconds is how long the switches answer for an address that nobody has
// before it is searched again.
const SpongeSeconds = 300

// SpongeFlow answers for an address that nobody has with the sink's MAC, until
// seconds are over. A binding's flow stands above it.
func SpongeFlow(key binding.Key, sink packet.MAC, seconds uint16) openflow.FlowMod {
	f := newFlow(Bindings, spongePriority, keyMatch(key), []openflow.Action{set(fieldFound, foundBit|spongeBit|sink.Uint64())}, noTable)
	f.Cookie = cookie(Bindings, kindSponge, key.Network)
	f.HardTimeout = seconds
	return f
}

const spongePriority = 5

// silentPriority is between that of known next hops and that of unknown ones.
const silentPriority = 15

// Shorthands for the flows that are built directly.

func all() openflow.Match { return openflow.Match{} }

func set(f *openflow.Field, v uint64) openflow.Action { return openflow.SetUint(f, v) }

func raise(f flag) openflow.Action {
	return openflow.RegLoad{Field: fieldFlags, Ofs: uint16(f), NBits: 1, Value: 1}
}

func lookup(t Table) openflow.Action {
	return openflow.Resubmit{InPort: openflow.ResubmitKeepPort, Table: uint8(t)}
}

func segment(m openflow.Match, s binding.Segment) openflow.Match {
	return m.U64(fieldSegment, segmentValue(s))
}
