package trace

import (
	"encoding/hex"
	"fmt"
	"net/netip"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/flowsim"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// punt says what becomes of a packet that goes to the controller.
func (s *walk) punt(p *flowsim.Punt) view.TracePunt {
	out := view.TracePunt{Paused: p.Paused, Frame: hex.EncodeToString(p.Packet), Reason: "unknown", Does: "is logged, and dropped"}
	if p.Flow != nil {
		out.Table = pipeline.Table(p.Flow.TableID).String()
	}
	in, err := packetIn(p)
	if err != nil {
		return out
	}
	reason, _, _, ok := pipeline.PuntOf(in)
	if !ok {
		return out
	}
	out.Reason = reason.String()
	if reason == pipeline.ReasonCompose {
		out.Does, out.Then = s.compose(in, p.InPort)
	} else {
		out.Does = s.does(reason, in)
	}
	return out
}

// packetIn is the punt as the controller gets it.
func packetIn(p *flowsim.Punt) (*openflow.PacketIn2View, error) {
	state := openflow.Match{}.U32(openflow.InPort, p.InPort).U64(openflow.Metadata, p.Metadata)
	for n, r := range p.Regs {
		if r != 0 {
			state = state.U32(openflow.Reg(n), r)
		}
	}
	m := &openflow.PacketIn2{Packet: p.Packet, BufferID: openflow.NoBuffer, TableID: p.TableID, Cookie: p.Cookie,
		Reason: p.Reason, Metadata: state, Userdata: p.Userdata}
	in := new(openflow.PacketIn2View)
	return in, openflow.ParsePacketIn2(openflow.Append(nil, 0, m), in)
}

// does says what the controller does with a packet, in a few words.
func (s *walk) does(reason pipeline.Reason, in *openflow.PacketIn2View) string {
	switch reason {
	case pipeline.ReasonLearn:
		return "learns the sender, and gives the switches its flows"
	case pipeline.ReasonSearch:
		return fmt.Sprintf("searches %s in the network, and answers when its owner does", target(in.Packet))
	case pipeline.ReasonAnswer:
		return fmt.Sprintf("answers for %s, or hands the question to it", target(in.Packet))
	case pipeline.ReasonMalformed:
		return "counts it, and drops it"
	case pipeline.ReasonReply:
		return "learns from it: it answers isat's own question"
	case pipeline.ReasonSolicitation:
		return "answers with a router advertisement"
	case pipeline.ReasonHold:
		if w, ok := pipeline.WaitingOf(in); ok {
			return fmt.Sprintf("holds it, searches the next hop %s, and lets it go on when that answers", s.place(w.Key))
		}
	case pipeline.ReasonRateLimit:
		if w, ok := pipeline.WaitingOf(in); ok {
			return fmt.Sprintf("lets it go on, once a second for %s", s.place(w.Key))
		}
	}
	return "drops it"
}

// place is an address and the network that it is in.
func (s *walk) place(k binding.Key) string {
	return fmt.Sprintf("%s in network %s", k.IP(), s.Catalogue.Network(k.Network))
}

// compose makes the packet that the controller makes, and follows it.
func (s *walk) compose(in *openflow.PacketIn2View, inPort uint32) (does string, then *view.Trace) {
	c, ok := pipeline.CompositionOf(in)
	if !ok {
		return "drops it", nil
	}
	frame, err := c.Compose(in.Packet)
	if err != nil {
		return fmt.Sprintf("makes nothing of it (%s): %v", c.Op, err), nil
	}
	does = fmt.Sprintf("makes a packet of it (%s), and sends that on from there", c.Op)
	acts, err := openflow.DecodeActions(c.Actions)
	if s.made++; err != nil || s.made > maxMade {
		return does, nil
	}
	result, err := s.sim.PacketOut(frame, inPort, acts)
	if err != nil {
		return does, nil
	}
	t := s.show(frame, inPort, result)
	return does, &t
}

// target is the address that a packet asks for.
func target(frame []byte) string {
	var f packet.Frame
	if f.Parse(frame) == nil {
		var arp packet.ARP
		var nd packet.ND
		switch {
		case f.EtherType == packet.EtherTypeARP && arp.Parse(f.Payload) == nil:
			return netip.AddrFrom4(arp.TPA).String()
		case f.EtherType == packet.EtherTypeIPv6 && nd.Parse(f.Payload) == nil:
			return netip.AddrFrom16(nd.Target).String()
		}
	}
	return "its target"
}
