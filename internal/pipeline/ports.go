package pipeline

import (
	"encoding/binary"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/openflow"
)

// Base is what a switch has apart from its bindings and stations: the rules,
// and what its ports and networks need.
type Base struct {
	Flows  []openflow.FlowMod
	Groups []openflow.GroupMod
	Meters []openflow.MeterMod
}

// NewBase makes the base of a switch with the given attachments.
func NewBase(in *intent.Intent, attachments []fabric.Attachment) Base {
	var base Base
	for _, r := range Rules() {
		base.Flows = append(base.Flows, r.flow())
	}
	members := make(map[uint32][]fabric.Attachment)
	for _, a := range attachments {
		base.Flows = append(base.Flows, classifyFlow(a), deliverFlow(a))
		members[a.Network] = append(members[a.Network], a)
	}
	for i := range in.Networks {
		network := &in.Networks[i]
		if len(members[network.Number]) == 0 {
			continue
		}
		base.Flows = append(base.Flows, networkFlows(network)...)
		base.Groups = append(base.Groups, floodGroup(network.Number, members[network.Number]))
	}
	base.Meters = Meters()
	return base
}

// classifyFlow tells the network of what comes in on an attachment. The VLAN
// that a trunk uses for the network is taken off; a tag of the hosts' own stays
// on, and keeps its frames in a segment of the network that is theirs.
func classifyFlow(a fabric.Attachment) openflow.FlowMod {
	match := all().U32(openflow.InPort, a.Port)
	priority := uint16(10)
	var acts []openflow.Action
	if vlan := a.Key.VLAN(); vlan != 0 {
		priority = 20
		match = match.U16(openflow.VLANVID, openflow.VLANPresent|vlan)
		acts = actions(openflow.PopVLAN{}, set(fieldSegment, uint64(a.Network)))
	} else {
		acts = actions(set(fieldSegment, uint64(a.Network)),
			openflow.RegMove{Src: openflow.VLANTCI, Dst: fieldSegment, DstOfs: 24, NBits: 12})
	}
	f := newFlow(Classify, priority, match, actions(acts, set(fieldIngress, uint64(a.Key))), Guard)
	f.Cookie = cookie(Classify, kindPort, uint32(a.Key))
	return f
}

func deliverFlow(a fabric.Attachment) openflow.FlowMod {
	f := newFlow(Deliver, 10, all().U32(fieldEgress, uint32(a.Key)), output(a), noTable)
	f.Cookie = cookie(Deliver, kindPort, uint32(a.Key))
	return f
}

func output(a fabric.Attachment) []openflow.Action {
	var acts []openflow.Action
	if vlan := a.Key.VLAN(); vlan != 0 {
		acts = actions(openflow.PushVLAN{EtherType: openflow.EtherTypeVLAN}, set(openflow.VLANVID, uint64(openflow.VLANPresent|vlan)))
	}
	return append(acts, openflow.Output{Port: a.Port})
}

// networkFlows are a network's flood flow, and what it decides on unknown
// addresses where that is not a search.
func networkFlows(network *intent.Network) []openflow.FlowMod {
	object := network.Number
	flood := newFlow(Flood, 10, inNetwork(all(), network.Number), []openflow.Action{openflow.Group{ID: network.Number}}, noTable)
	flood.Cookie = cookie(Flood, kindNetwork, object)
	flows := []openflow.FlowMod{flood}
	if network.Unknown != intent.Solicit {
		next := Flood
		if network.Unknown == intent.Drop {
			next = noTable
		}
		f := newFlow(Search, 20, inNetwork(all(), network.Number), nil, next)
		f.Cookie = cookie(Search, kindNetwork, object)
		flows = append(flows, f)
	}
	for _, subnet := range network.Subnets {
		if address, ok := subnet.Broadcast(); ok {
			match := inNetwork(arpRequest(), network.Number).Bytes(openflow.ARPTPA, address.AsSlice())
			f := newFlow(Answer, 100, match, nil, noTable)
			f.Cookie = cookie(Answer, kindNetwork, object)
			flows = append(flows, f)
		}
	}
	return flows
}

// floodGroup sends a copy to every attachment of a network. The switch leaves
// the ingress port out by itself.
func floodGroup(network uint32, members []fabric.Attachment) openflow.GroupMod {
	g := openflow.GroupMod{Command: openflow.GroupAdd, GroupType: openflow.GroupTypeAll, ID: network}
	for _, a := range members {
		g.Buckets = append(g.Buckets, openflow.NewBucket(output(a)...))
	}
	return g
}

// LeasedFlows returns the flows whose hard timeout the controller renews.
func LeasedFlows() []openflow.FlowMod {
	var flows []openflow.FlowMod
	for _, r := range Rules() {
		if r.Leased {
			flows = append(flows, r.flow())
		}
	}
	return flows
}

// FloodActions make a packet-out reach every attachment of a network but the
// ingress port that the packet-out names.
func FloodActions(b []byte, s binding.Segment) []byte {
	return openflow.AppendActions(b, set(fieldSegment, segmentValue(s)), lookup(Flood))
}

// deliverTemplate makes a packet leave through the attachment whose key stands
// at deliverKeyAt.
var deliverTemplate = openflow.AppendActions(nil, set(fieldEgress, 0), lookup(Deliver))

// deliverKeyAt is where the value of the first action stands: after the heads
// of the action and of the field, of four bytes each.
const deliverKeyAt = 8

// AppendDeliver appends the actions that make a packet-out leave through one
// attachment. It allocates nothing if b has room.
func AppendDeliver(b []byte, to binding.PortKey) []byte {
	start := len(b)
	b = append(b, deliverTemplate...)
	binary.BigEndian.PutUint32(b[start+deliverKeyAt:], uint32(to))
	return b
}
