package ofconn

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/isat-sdn/isat/openflow"
)

// handshake is the first part of a session, on its reader goroutine: agree on the
// version, learn who the switch is, claim its identity, then set up and dump it.
type handshake struct {
	s       *Session
	overall time.Time // when all of it must be over
	stage   time.Time // when the next bytes must be there
	st      State
	held    []byte // messages to deliver after Up
	arrived int    // messages since the connection began
}

// handshake returns what the switch said of itself, and the messages that came
// meanwhile and are the handler's.
func (s *Session) handshake() (*State, []byte, error) {
	h := &handshake{s: s, overall: s.started.Add(handshakeOverall * s.cfg.HandshakeTimeout)}
	h.st.Address = s.address
	for _, step := range []func() error{h.negotiate, h.identify, h.claim, h.dump} {
		if err := step(); err != nil {
			return nil, nil, err
		}
	}
	return &h.st, h.held, nil
}

// negotiate exchanges hellos (OF1.3 6.3.1).
func (h *handshake) negotiate() error {
	s := h.s
	h.stage = s.started.Add(s.cfg.HandshakeTimeout)
	s.out = openflow.Append(s.out, s.xids(1), openflow.NewHello())
	msg, err := h.next()
	if err != nil {
		return err
	}
	_, m, err := openflow.Decode(msg)
	if err != nil {
		return fmt.Errorf("first message: %w", err)
	}
	switch m := m.(type) {
	case *openflow.Hello:
		if m.Supports(openflow.Version) {
			return nil
		}
		return h.refuseVersion(frameVersion(msg), frameXID(msg))
	case *openflow.Error:
		return fmt.Errorf("first message: switch answered %s", m.String())
	}
	return fmt.Errorf("first message is %v, want hello", m.Type())
}

// versionNames are the versions of the specification by their number on the wire.
var versionNames = map[uint8]string{1: "1.0", 2: "1.1", 3: "1.2", 4: "1.3", 5: "1.4", 6: "1.5"}

// refuseVersion tells the switch and the operator that there is no common version
// (OF1.3 7.4.1). The error has the version of the switch, which reads no other.
func (h *handshake) refuseVersion(version uint8, xid uint32) error {
	name, ok := versionNames[version]
	if !ok {
		name = fmt.Sprintf("version 0x%02x", version)
	}
	b := openflow.Append(nil, xid, &openflow.Error{ErrType: openflow.ErrHelloFailed,
		Code: openflow.HelloIncompatible, Data: []byte("isat speaks OpenFlow 1.3 only")})
	b[0] = version
	if err := h.s.write(b); err != nil {
		return err
	}
	return &refusal{fmt.Sprintf("switch at %s speaks OpenFlow %s, not 1.3: "+
		"ovs-vsctl set bridge BR protocols=OpenFlow13,OpenFlow14,OpenFlow15", h.s.address, name)}
}

// identify asks who the switch is and makes it send packet-ins with userdata.
func (h *handshake) identify() error {
	features := h.request(&openflow.FeaturesRequest{})
	config := h.request(&openflow.SetConfig{SwitchConfig: openflow.SwitchConfig{
		Flags: openflow.FragNXMatch, MissSendLen: openflow.NoMaxLen}})
	format := h.request(&openflow.SetPacketInFormat{Format: openflow.PacketInNX2})
	barrier := h.request(&openflow.BarrierRequest{})

	var reply *openflow.FeaturesReply
	err := h.until(barrier, func(xid uint32, m openflow.Message) error {
		switch m := m.(type) {
		case *openflow.FeaturesReply:
			reply = m
		case *openflow.Error:
			switch xid {
			case format:
				return &refusal{fmt.Sprintf("switch at %s has no Nicira extensions (it answered %s): "+
					"isat needs Open vSwitch 2.6 or newer", h.s.address, m.String())}
			case features:
				return fmt.Errorf("features request: switch answered %s", m.String())
			case config:
				return fmt.Errorf("set config: switch answered %s", m.String())
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case reply == nil:
		return errors.New("switch did not answer the features request")
	case reply.AuxiliaryID != 0:
		return &refusal{fmt.Sprintf("auxiliary connection %d of switch %016x at %s refused: isat uses main connections only",
			reply.AuxiliaryID, reply.DatapathID, h.s.address)}
	}
	h.st.DatapathID = reply.DatapathID
	return nil
}

// claim comes before the dumps, so that nothing an older session of this switch
// still sends can change what they say.
func (h *handshake) claim() error {
	return h.s.srv.claim(h.s, h.st.DatapathID)
}

// dump asks for asynchronous messages and then for everything the switch
// remembers, in one go. In this order a change is either in the dumps or comes as
// a message (or both).
func (h *handshake) dump() error {
	async := h.request(&openflow.SetAsync{AsyncConfig: openflow.AsyncConfig{
		PacketIn:    [2]uint32{asyncPacketIn, 0},
		PortStatus:  [2]uint32{asyncPortStatus, asyncPortStatus},
		FlowRemoved: [2]uint32{asyncFlowRemoved, 0},
	}})
	desc := h.request(openflow.Request(&openflow.EmptyPart{Kind: openflow.MultipartDesc}))
	ports := h.request(openflow.Request(&openflow.EmptyPart{Kind: openflow.MultipartPortDesc}))
	flows := h.request(openflow.Request(&openflow.FlowRequest{FlowSelector: openflow.AllFlows()}))
	groups := h.request(openflow.Request(&openflow.EmptyPart{Kind: openflow.MultipartGroupDesc}))
	meters := h.request(openflow.Request(&openflow.MeterConfigRequest{ID: openflow.MeterAll}))
	barrier := h.request(&openflow.BarrierRequest{})
	names := map[uint32]string{async: "set async", desc: "description", ports: "port description",
		flows: "flow dump", groups: "group dump", meters: "meter dump"}

	whole := make(map[uint32]bool)
	err := h.until(barrier, func(xid uint32, m openflow.Message) error {
		switch m := m.(type) {
		case *openflow.Error:
			name, ours := names[xid]
			if !ours {
				return nil
			}
			if xid == ports || xid == flows || xid == async {
				return fmt.Errorf("%s: switch answered %s", name, m.String())
			}
			// A datapath without groups or meters has none to dump.
			h.s.log.Info("switch refused a request", "request", name, "reason", m.String())
		case *openflow.MultipartReply:
			if _, ours := names[xid]; ours {
				whole[xid] = !m.More()
				return h.collect(m)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, xid := range []uint32{ports, flows} {
		if !whole[xid] {
			return fmt.Errorf("%s is incomplete", names[xid])
		}
	}
	return nil
}

// Reasons that the switch is to report, as bits (OF1.3 7.3.10): of packet-ins all
// but invalid-ttl, of flow-removed and port-status all.
const (
	asyncPacketIn    = 1<<openflow.ReasonNoMatch | 1<<openflow.ReasonAction
	asyncFlowRemoved = 1<<openflow.RemovedIdleTimeout | 1<<openflow.RemovedHardTimeout |
		1<<openflow.RemovedDelete | 1<<openflow.RemovedGroupDelete
	asyncPortStatus = 1<<openflow.PortAdd | 1<<openflow.PortDelete | 1<<openflow.PortModify
)

// collect adds one part of a dump to the state.
func (h *handshake) collect(m *openflow.MultipartReply) error {
	switch body := m.Body.(type) {
	case *openflow.DescReply:
		h.st.Desc = *body
	case *openflow.PortDescReply:
		h.st.Ports = append(h.st.Ports, body.Ports...)
	case *openflow.FlowDump:
		h.st.Flows.Add(*body)
	case *openflow.GroupDescReply:
		h.st.Groups = append(h.st.Groups, body.Groups...)
	case *openflow.MeterConfigReply:
		h.st.Meters = append(h.st.Meters, body.Meters...)
	}
	if n := h.st.Flows.Len(); n > h.s.cfg.MaxFlows {
		return fmt.Errorf("switch has more than %d flows", h.s.cfg.MaxFlows)
	}
	if max(len(h.st.Ports), len(h.st.Groups), len(h.st.Meters)) > maxObjects {
		return fmt.Errorf("switch has more than %d ports, groups or meters", maxObjects)
	}
	return nil
}

// request appends a request to what is written next, and returns its id.
func (h *handshake) request(m openflow.Message) uint32 {
	xid := h.s.xids(1)
	h.s.out = openflow.Append(h.s.out, xid, m)
	return xid
}

// until gives the messages of the switch to f until the reply to the barrier. What
// is not an answer to the handshake is answered, held or dropped here.
func (h *handshake) until(barrier uint32, f func(xid uint32, m openflow.Message) error) error {
	h.stage = time.Now().Add(h.s.cfg.HandshakeTimeout)
	for {
		msg, err := h.next()
		if err != nil {
			return err
		}
		if v := frameVersion(msg); v != openflow.Version {
			return fmt.Errorf("%w: message of version 0x%02x after hello", ErrFraming, v)
		}
		t := frameType(msg)
		switch t {
		case openflow.TypeHello, openflow.TypeEchoReply:
			continue
		case openflow.TypeEchoRequest:
			h.s.echo(msg)
			continue
		case openflow.TypePacketIn:
			h.s.srv.counters.EarlyPkts.Add(1)
			continue
		case openflow.TypeExperimenter:
			if openflow.IsPacketIn2(msg) {
				h.s.srv.counters.EarlyPkts.Add(1)
			}
			continue
		case openflow.TypePortStatus, openflow.TypeFlowRemoved:
			if len(h.held)+len(msg) > maxHeld {
				return fmt.Errorf("more than %d bytes of events during the handshake", maxHeld)
			}
			h.held = append(h.held, msg...)
			continue
		}
		decode := openflow.Decode
		if openflow.IsFlowReply(msg) {
			decode = openflow.DecodeFlowDump // they are many
		}
		xid, m, err := decode(msg)
		if err != nil {
			// The replies that the handshake asked for have to be whole.
			if t == openflow.TypeFeaturesReply || t == openflow.TypeMultipartReply {
				return fmt.Errorf("handshake: %w", err)
			}
			h.s.malformed(msg, err)
			continue
		}
		if xid == barrier && m.Type() == openflow.TypeBarrierReply {
			return nil
		}
		if err := f(xid, m); err != nil {
			return err
		}
	}
}

// next waits for the next message, after writing what is to be written.
func (h *handshake) next() ([]byte, error) {
	s := h.s
	for {
		msg, err := s.in.next()
		if msg != nil || err != nil {
			h.arrived++
			return msg, err
		}
		if err := s.flush(); err != nil {
			return nil, err
		}
		deadline := h.stage
		if h.overall.Before(deadline) {
			deadline = h.overall
		}
		if err := s.conn.SetReadDeadline(deadline); err != nil {
			return nil, readError(err)
		}
		n, err := s.in.fill()
		if n > 0 {
			s.srv.counters.BytesIn.Add(uint64(n))
			// Dumps may take long, as long as they go on. Before the switch said
			// its version it has one timeout for that.
			if h.arrived > 0 {
				h.stage = time.Now().Add(s.cfg.HandshakeTimeout)
			}
			continue
		}
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return nil, fmt.Errorf("switch did not finish the handshake: silent for %v, or slower than %v in all",
				s.cfg.HandshakeTimeout, handshakeOverall*s.cfg.HandshakeTimeout)
		}
		return nil, readError(err)
	}
}
