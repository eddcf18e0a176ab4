package pipeline

import (
	"fmt"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/openflow"
)

// Reason is why a packet was sent to the controller; it is the first byte of
// the packet-in's userdata.
type Reason uint8

// Reasons for a punt.
const (
	ReasonLearn     Reason = iota + 1 // a copy: the sender is not known
	ReasonSearch                      // the packet itself: the target is not known
	ReasonAnswer                      // the packet itself: the target is known, but the switch can't make this answer
	ReasonMalformed                   // the packet itself, only to be counted
	ReasonReply                       // the packet itself: addressed to isat's own MAC
)

// Reasons lists every reason.
func Reasons() []Reason {
	return []Reason{ReasonLearn, ReasonSearch, ReasonAnswer, ReasonMalformed, ReasonReply}
}

var reasonNames = [...]string{
	ReasonLearn: "learn", ReasonSearch: "search", ReasonAnswer: "answer",
	ReasonMalformed: "malformed", ReasonReply: "reply",
}

func (r Reason) String() string {
	if int(r) < len(reasonNames) && reasonNames[r] != "" {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Rate is the meter of a punt reason: packets per second that one switch may
// send to the controller for it, and the burst. Beyond, copies are not made,
// and packets that would only go to the controller are dropped.
func (r Reason) Rate() (perSecond, burst uint32) {
	switch r {
	case ReasonMalformed:
		return 100, 100
	case ReasonLearn:
		return 5000, 5000
	}
	return 2000, 2000
}

// punt sends the packet to the controller, metered by its reason. The meter
// belongs to the copy: the packet's own way is not limited.
func punt(r Reason) openflow.Action {
	return openflow.Controller2{
		MaxLen: 0xffff, Reason: openflow.ReasonAction,
		Userdata: []byte{byte(r)}, MeterID: uint32(r),
	}
}

// Meters returns the meters that every switch has, one per reason.
func Meters() []openflow.MeterMod {
	var meters []openflow.MeterMod
	for _, r := range Reasons() {
		rate, burst := r.Rate()
		meters = append(meters, openflow.MeterMod{
			Command: openflow.MeterAdd, ID: uint32(r),
			Flags: openflow.MeterFlagPktps | openflow.MeterFlagBurst,
			Bands: []openflow.Band{openflow.DropBand(rate, burst)},
		})
	}
	return meters
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
