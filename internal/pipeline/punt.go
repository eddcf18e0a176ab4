package pipeline

import (
	"encoding/binary"
	"fmt"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/openflow"
)

// Reason is why a packet was sent to the controller; it is the first byte of
// the packet-in's userdata.
type Reason uint8

// Reasons for a punt.
const (
	ReasonLearn        Reason = iota + 1 // a copy: the sender is not known
	ReasonSearch                         // the packet itself: the target is not known
	ReasonAnswer                         // the packet itself: the target is known, but the switch can't make this answer
	ReasonMalformed                      // the packet itself, only to be counted
	ReasonReply                          // the packet itself: addressed to isat's own MAC
	ReasonSolicitation                   // a copy: a host asks for a router (RFC 4861 §4.1)
	ReasonHold                           // paused: the next hop is not known
	ReasonRateLimit                      // paused: may go on once a second for an address
	ReasonCompose                        // a copy, of which another packet is to be made
	ReasonRefused                        // the packet itself, only to be told and counted: its port may not send it
	ReasonDHCP                           // a copy: what a DHCP server tells a client
	ReasonRelease                        // a copy: what a DHCP client tells servers
	ReasonClaim                          // the packet itself: it gives an address another MAC than it has
)

// Reasons lists every reason.
func Reasons() []Reason {
	return []Reason{ReasonLearn, ReasonSearch, ReasonAnswer, ReasonMalformed, ReasonReply,
		ReasonSolicitation, ReasonHold, ReasonRateLimit, ReasonCompose, ReasonRefused, ReasonDHCP, ReasonRelease, ReasonClaim}
}

var reasonNames = [...]string{
	ReasonLearn: "learn", ReasonSearch: "search", ReasonAnswer: "answer",
	ReasonMalformed: "malformed", ReasonReply: "reply", ReasonSolicitation: "solicitation",
	ReasonHold: "hold", ReasonRateLimit: "rate-limit", ReasonCompose: "compose",
	ReasonRefused: "refused", ReasonDHCP: "dhcp", ReasonRelease: "release", ReasonClaim: "claim",
}

func (r Reason) String() string {
	if int(r) < len(reasonNames) && reasonNames[r] != "" {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

var reasonDocs = [...]string{
	ReasonLearn: "a copy of a packet whose sender is not known", ReasonSearch: "a request whose target is not known",
	ReasonAnswer: "a request that the switch can't answer itself", ReasonMalformed: "a malformed packet, to be counted",
	ReasonReply: "an answer to isat's own question", ReasonSolicitation: "a copy of a router solicitation",
	ReasonRefused: "a packet that its port may not send, to be counted", ReasonDHCP: "a copy of what a DHCP server tells a client",
	ReasonRelease: "a copy of what a DHCP client tells servers", ReasonClaim: "a packet that gives an address another MAC than it has",
}

func (r Reason) doc() string { return reasonDocs[r] }

// copies says whether the packet itself goes on its way, too.
func (r Reason) copies() bool {
	return r == ReasonLearn || r == ReasonSolicitation || r == ReasonDHCP || r == ReasonRelease
}

// punts says whether packets are punted for the reason by the action punt.
func (r Reason) punts() bool { return int(r) < len(reasonDocs) && reasonDocs[r] != "" }

// Rate is the meter of a punt reason: packets per second that one switch may
// send to the controller for it, and as many at once. Beyond, copies are not
// made, and packets that would only go to the controller are dropped.
func (r Reason) Rate(l *intent.Limits) (perSecond uint32) {
	most := uint32(l.PuntsPerReason)
	switch r {
	case ReasonMalformed, ReasonSolicitation, ReasonRefused:
		return min(100, most)
	case ReasonDHCP, ReasonRelease:
		return min(500, most)
	case ReasonCompose:
		// ICMP errors, whose rate is to be limited (RFC 1812 §4.3.2.8, RFC 4443
		// §2.4 (f)).
		return min(200, most)
	}
	return most
}

// reasonNumbers are the reasons by the names that the action punt knows.
func reasonNumbers() map[string]uint64 {
	numbers := make(map[string]uint64)
	for _, r := range Reasons() {
		if r.punts() {
			numbers[r.String()] = uint64(r)
		}
	}
	return numbers
}

// puntFor is the end of a rule's actions that sends the packet, or a copy, to the
// controller, by way of the table police.
func puntFor(r Reason) string { return fmt.Sprintf("reason = %d; lookup(police);", r) }

// puntAction sends the packet to the controller, metered by its reason. The
// meter belongs to the copy: the packet's own way is not limited.
func puntAction(op logical.Op, inner []byte, arg uint64) openflow.Action {
	a := openflow.Controller2{MaxLen: 0xffff, Reason: openflow.ReasonAction, MeterID: openflow.NoMeter}
	switch op {
	case logical.OpPunt:
		a.Userdata = []byte{byte(arg)}
	case logical.OpHold:
		a.Userdata, a.Pause = []byte{byte(ReasonHold), byte(arg)}, true
	case logical.OpRateLimit:
		a.Userdata, a.Pause = []byte{byte(ReasonRateLimit), byte(arg)}, true
	default:
		a.Userdata = append([]byte{byte(ReasonCompose), byte(op)}, binary.BigEndian.AppendUint32(nil, uint32(arg))...)
		a.Userdata = append(a.Userdata, inner...)
	}
	if !a.Pause {
		a.MeterID = uint32(a.Userdata[0])
	}
	return a
}

// pausedReason is the reason for which the actions pause a packet, if they do.
func pausedReason(acts []openflow.Action) (Reason, bool) {
	for _, a := range acts {
		if c, ok := a.(openflow.Controller2); ok && c.Pause {
			return Reason(c.Userdata[0]), true
		}
	}
	return 0, false
}

// portMeters is where the numbers of ports' meters begin; beneath are those of
// reasons.
const portMeters = 1 << 16

// MeterReason is the reason that a meter is of; one of a port is of none.
func MeterReason(id uint32) (Reason, bool) {
	return Reason(id), id != 0 && id < uint32(len(reasonNames))
}

// portMeter is the meter of a port, by its OpenFlow number.
func portMeter(port uint32) uint32 { return portMeters + port&0xffff }

// meters returns those of a switch: one per reason, and one per port.
func meters(l *intent.Limits, attachments []fabric.Attachment) []openflow.MeterMod {
	var meters []openflow.MeterMod
	for _, r := range Reasons() {
		meters = append(meters, meter(uint32(r), r.Rate(l)))
	}
	seen := make(map[uint32]bool, len(attachments))
	for _, a := range attachments {
		if !seen[a.Port] {
			seen[a.Port] = true
			meters = append(meters, meter(portMeter(a.Port), uint32(l.PuntsPerPort)))
		}
	}
	return meters
}

// meter lets through so many packets per second, and as many at once.
func meter(id, rate uint32) openflow.MeterMod {
	return openflow.MeterMod{Command: openflow.MeterAdd, ID: id,
		Flags: openflow.MeterFlagPktps | openflow.MeterFlagBurst,
		Bands: []openflow.Band{openflow.DropBand(rate, rate)}}
}

// meterCopy puts a meter on the copies that actions send to the controller. It
// says whether there are any: the packet itself is not limited then.
func meterCopy(acts []openflow.Action, id uint32) bool {
	for i, a := range acts {
		if c, ok := a.(openflow.Controller2); ok && id != 0 && !c.Pause {
			c.MeterID = id
			acts[i] = c
			return true
		}
	}
	return false
}

// Known is what the tables knew of the sender when a packet was punted.
type Known struct {
	Station bool // the MAC is at home on the port
	Address bool // the address that the packet states is the MAC's, or it states none
}

// PuntOf reads from a packet-in why it was sent, the segment it belongs to and
// the attachment it came in on. ok is false if it is no punt of the pipeline.
// It allocates nothing.
func PuntOf(v *openflow.PacketIn2View) (reason Reason, in binding.Segment, at binding.PortKey, ok bool) {
	if len(v.Userdata) == 0 || v.Userdata[0] == 0 || int(v.Userdata[0]) >= len(reasonNames) {
		return 0, binding.Segment{}, 0, false
	}
	return Reason(v.Userdata[0]), SegmentOf(v.U64(fieldSegment)), binding.PortKey(v.U64(fieldIngress)), true
}

// KnownOf reads from a packet-in of ReasonLearn what the switch knew of the
// sender.
func KnownOf(v *openflow.PacketIn2View) Known {
	flags := v.U64(fieldFlags)
	has := func(f flag) bool { return flags&(1<<f) != 0 }
	return Known{Station: has(flagStation), Address: !has(flagAddress) || has(flagOwner) || has(flagStale)}
}

// Waiting is what a paused packet waits for, and where it came from.
type Waiting struct {
	Key    binding.Key // the address: a next hop, or the subject of a rate limit
	Router uint16      // that the packet is in, 0 for none
	From   uint32      // network that it came to the router from
}

// WaitingOf reads from a paused packet-in what it waits for.
func WaitingOf(v *openflow.PacketIn2View) (Waiting, bool) {
	if len(v.Userdata) < 2 {
		return Waiting{}, false
	}
	w := Waiting{Router: uint16(v.U64(fieldRouter)), From: uint32(v.U64(fieldFrom)) & networkMask}
	w.Key.Segment = SegmentOf(v.U64(fieldSegment))
	if v.Userdata[1] == 4 {
		w.Key.Addr[10], w.Key.Addr[11] = 0xff, 0xff
		binary.BigEndian.PutUint32(w.Key.Addr[12:], uint32(v.U64(fieldKey4)))
		return w, true
	}
	for i, word := range key6Words {
		binary.BigEndian.PutUint32(w.Key.Addr[4*i:], uint32(v.U64(word)))
	}
	return w, true
}

// Composition is a packet that the controller is to make of another one.
type Composition struct {
	Op      logical.Op // logical.OpComposeARP and its like
	Arg     uint32
	Actions []byte // what is to be done with it, as a packet-out's actions
}

// composeHead is the length of userdata before the inner actions.
const composeHead = 6

// CompositionOf reads from a packet-in of ReasonCompose what is to be made. The
// actions begin with what brings the registers back to what they were.
func CompositionOf(v *openflow.PacketIn2View) (Composition, bool) {
	if len(v.Userdata) < composeHead {
		return Composition{}, false
	}
	c := Composition{Op: logical.Op(v.Userdata[1]), Arg: binary.BigEndian.Uint32(v.Userdata[2:])}
	c.Actions = appendState(nil, v)
	c.Actions = append(c.Actions, v.Userdata[composeHead:]...)
	return c, true
}

// appendState appends the actions that set metadata and registers to what they
// were when a packet was punted.
func appendState(b []byte, v *openflow.PacketIn2View) []byte {
	b = openflow.AppendActions(b, set(fieldSegment, v.U64(fieldSegment)))
	for n := range 16 {
		if r := v.Reg(n); r != 0 {
			b = openflow.AppendActions(b, set(openflow.Reg(n), uint64(r)))
		}
	}
	return b
}
