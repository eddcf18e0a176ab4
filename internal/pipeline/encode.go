package pipeline

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// The flows of hosts are sent more often than all others together, and differ
// from host to host in a few numbers. So the flow-mod of each kind is encoded
// once, from the flow of a sample, and what a host has is written where the
// sample's numbers are found. Open vSwitch is sent the same bytes either way.

var be = binary.BigEndian

// The sample. Its numbers occur nowhere else in its flows.
var (
	sampleSegment = binding.Segment{Network: 0xa1a2a3, VLAN: 0xa4a}
	sampleIP4     = netip.AddrFrom4([4]byte{0xb0, 0xb1, 0xb2, 0xb3})
	sampleIP6     = netip.AddrFrom16([16]byte{0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xbb, 0xbc, 0xbd, 0xbe, 0xbf})
	sampleMAC     = packet.MAC{0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5}
	samplePort    = binding.PortKey(0xd0d1d2d3)
	sampleStation = binding.StationKey{Segment: sampleSegment, MAC: sampleMAC}
)

func sampleBinding(ip netip.Addr) *binding.Binding {
	return &binding.Binding{Key: binding.NewKey(sampleSegment, ip), MAC: sampleMAC, State: binding.Reachable}
}

// template is the flow-mod of a sample, and where in it its numbers are. Only
// those that the kind of flow has are set.
type template struct {
	message      []byte
	segment      int
	key          [4]int // the words of the address, an IPv4 one is the last
	mac          int
	macHi, macLo int // as two registers
	port         int
	value        int // what the flow loads
}

var (
	bindingTemplate4, bindingTemplate6 = newBindingTemplate(sampleIP4), newBindingTemplate(sampleIP6)
	ownerTemplate4, ownerTemplate6     = newOwnerTemplate(sampleIP4), newOwnerTemplate(sampleIP6)
	stationTemplates                   = newStationTemplates()
)

func newTemplate(f openflow.FlowMod) template {
	t := template{message: openflow.Append(nil, 0, &f)}
	t.segment = t.find(be.AppendUint64(nil, segmentValue(sampleSegment)))
	return t
}

// find says where the bytes of a sample's number are.
func (t *template) find(number []byte) int {
	variable := t.message[openflow.FlowModMatch:]
	at := bytes.Index(variable, number)
	if at < 0 || bytes.Count(variable, number) != 1 {
		panic(fmt.Sprintf("pipeline: %x is not once in the flow-mod of a sample", number))
	}
	return openflow.FlowModMatch + at
}

func (t *template) findKey(ip netip.Addr) {
	if ip.Is4() {
		t.key[3] = t.find(ip.AsSlice())
		return
	}
	for i := range t.key {
		t.key[i] = t.find(ip.AsSlice()[4*i : 4*i+4])
	}
}

func newBindingTemplate(ip netip.Addr) template {
	b := sampleBinding(ip)
	f, _ := BindingFlow(b)
	t := newTemplate(f)
	t.findKey(ip)
	t.value = t.find(be.AppendUint64(nil, foundValue(b)))
	return t
}

func newOwnerTemplate(ip netip.Addr) template {
	b := sampleBinding(ip)
	f, _ := OwnerFlow(b)
	t := newTemplate(f)
	t.findKey(ip)
	mac := b.MAC.Uint64()
	t.macHi = t.find(be.AppendUint32(nil, uint32(mac>>32)))
	t.macLo = t.find(be.AppendUint32(nil, uint32(mac)))
	t.value = t.find(be.AppendUint64(nil, ownerValue(b)))
	return t
}

func newStationTemplates() (pair [2]template) {
	for i, f := range StationFlows(sampleStation, samplePort, 0) {
		pair[i] = newTemplate(f)
		pair[i].mac = pair[i].find(sampleMAC[:])
		pair[i].port = pair[i].find(be.AppendUint32(nil, uint32(samplePort)))
	}
	return pair
}

// begin appends the template with what every kind of flow has, and returns the
// flow-mod in b, too.
func (t *template) begin(b []byte, xid uint32, in binding.Segment, object uint32) (all, m []byte) {
	start := len(b)
	b = append(b, t.message...)
	m = b[start:]
	be.PutUint32(m[openflow.HeaderXID:], xid)
	be.PutUint32(m[openflow.FlowModCookie+4:], object) // see cookie
	be.PutUint64(m[t.segment:], segmentValue(in))
	return b, m
}

func (t *template) putKey(m []byte, k *binding.Key) {
	for i, at := range t.key {
		if at != 0 {
			copy(m[at:at+4], k.Addr[4*i:])
		}
	}
}

// putIdle gives a flow-mod the idle timeout of idle.
func putIdle(m []byte, seconds uint16) {
	if seconds != 0 {
		be.PutUint16(m[openflow.FlowModIdleTimeout:], seconds)
		be.PutUint16(m[openflow.FlowModFlags:], openflow.FlagSendFlowRem)
	}
}

// AppendBindingFlow appends the flow-mod of BindingFlow, if there is one.
func AppendBindingFlow(b []byte, xid uint32, of *binding.Binding) []byte {
	if of == nil || !of.Answered() {
		return b
	}
	t := &bindingTemplate6
	if of.Is4() {
		t = &bindingTemplate4
	}
	b, m := t.begin(b, xid, of.Segment, uint32(of.Origin))
	t.putKey(m, &of.Key)
	be.PutUint64(m[t.value:], foundValue(of))
	return b
}

// AppendOwnerFlow appends the flow-mod of OwnerFlow, if there is one.
func AppendOwnerFlow(b []byte, xid uint32, of *binding.Binding) []byte {
	if of == nil || of.Unwatched {
		return b
	}
	t := &ownerTemplate6
	if of.Is4() {
		t = &ownerTemplate4
	}
	b, m := t.begin(b, xid, of.Segment, uint32(of.Origin))
	t.putKey(m, &of.Key)
	mac := of.MAC.Uint64()
	be.PutUint32(m[t.macHi:], uint32(mac>>32))
	be.PutUint32(m[t.macLo:], uint32(mac))
	be.PutUint64(m[t.value:], ownerValue(of))
	putIdle(m, of.Idle)
	return b
}

// AppendStationFlows appends the flow-mods of StationFlows.
func AppendStationFlows(b []byte, xid uint32, key *binding.StationKey, at binding.PortKey, idle uint16) []byte {
	b = AppendSourceFlow(b, xid, key, at, idle)
	return AppendForwardFlow(b, xid, key, at)
}

// AppendSourceFlow appends the flow-mod of the first of StationFlows.
func AppendSourceFlow(b []byte, xid uint32, key *binding.StationKey, at binding.PortKey, idle uint16) []byte {
	b, m := stationTemplates[0].beginStation(b, xid, key, at)
	putIdle(m, idle)
	return b
}

// AppendForwardFlow appends the flow-mod of the second of StationFlows.
func AppendForwardFlow(b []byte, xid uint32, key *binding.StationKey, at binding.PortKey) []byte {
	b, _ = stationTemplates[1].beginStation(b, xid, key, at)
	return b
}

func (t *template) beginStation(b []byte, xid uint32, key *binding.StationKey, at binding.PortKey) (all, m []byte) {
	b, m = t.begin(b, xid, key.Segment, uint32(at))
	copy(m[t.mac:], key.MAC[:])
	be.PutUint32(m[t.port:], uint32(at))
	return b, m
}
