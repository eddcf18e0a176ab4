package ofconn

import (
	"errors"
	"fmt"

	"github.com/isat-sdn/isat/openflow"
)

// batchCounts are counted without atomic operations and added once per batch.
type batchCounts struct {
	packetIns    uint64
	echoes       uint64
	flowsRemoved uint64
}

// handleBuffered handles every whole message of the read buffer, then writes
// what was answered.
func (s *Session) handleBuffered() error {
	for {
		msg, err := s.in.next()
		if err != nil {
			return err
		}
		if msg == nil {
			break
		}
		if v := frameVersion(msg); v != openflow.Version {
			return fmt.Errorf("%w: message of version 0x%02x on a session of version 0x%02x",
				ErrFraming, v, openflow.Version)
		}
		s.handle(msg)
		if len(s.out) >= answerChunk {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	s.answer()
	s.addBatchCounts()
	return s.flush()
}

// handle handles one message of the right version. Answers go to s.out.
func (s *Session) handle(msg []byte) {
	if openflow.IsPacketIn2(msg) {
		if err := openflow.ParsePacketIn2(msg, &s.views[s.viewed]); err != nil {
			s.malformed(msg, err)
			return
		}
		if s.viewed++; s.viewed == MaxPacketIns {
			s.answer()
		}
		return
	}
	s.answer() // the handler is told everything in the order of the switch
	switch frameType(msg) {
	case openflow.TypeEchoRequest:
		s.batch.echoes++
		s.echo(msg)
		return
	case openflow.TypeEchoReply:
		s.batch.echoes++ // that it came is all it says
		return
	case openflow.TypeFlowRemoved:
		if err := openflow.ParseFlowRemoved(msg, &s.removed); err != nil {
			s.malformed(msg, err)
			return
		}
		s.batch.flowsRemoved++
		s.srv.handler.FlowRemoved(s, &s.removed)
		return
	case openflow.TypeHello:
		return // a second one changes nothing (OF1.3 7.5.1)
	}
	s.handleDecoded(msg)
}

// answer gives the handler the packet-ins that were parsed since the last call.
func (s *Session) answer() {
	if s.viewed == 0 {
		return
	}
	s.batch.packetIns += uint64(s.viewed)
	s.out = s.srv.handler.PacketIns(s, s.views[:s.viewed], s.out)
	s.viewed = 0
}

// echo appends the reply to an echo request: the same bytes, another type
// (OF1.3 7.5.2).
func (s *Session) echo(msg []byte) {
	start := len(s.out)
	s.out = append(s.out, msg...)
	s.out[start+1] = byte(openflow.TypeEchoReply)
}

// handleDecoded is the slow path: everything but packet-ins, flows that are gone and echoes.
func (s *Session) handleDecoded(msg []byte) {
	xid, m, err := openflow.Decode(msg)
	if err != nil {
		s.malformed(msg, err)
		return
	}
	c := &s.srv.counters
	switch m := m.(type) {
	case *openflow.PortStatus:
		c.PortStatus.Add(1)
		s.srv.handler.PortStatus(s, m)
		return
	case *openflow.Error:
		c.Errors.Add(1)
		if s.exchanges.take(xid, m) {
			return
		}
	default:
		if !fromSwitch(m.Type()) {
			s.malformed(msg, errWrongDirection)
			return
		}
		c.OtherIn.Add(1)
		if s.exchanges.take(xid, m) {
			return
		}
	}
	s.srv.handler.Message(s, xid, m)
}

var errWrongDirection = errors.New("not a message that a switch sends")

// fromSwitch reports whether a switch may send messages of type t (OF1.3 A.1).
func fromSwitch(t openflow.Type) bool {
	switch t {
	case openflow.TypeHello, openflow.TypeError, openflow.TypeEchoRequest, openflow.TypeEchoReply,
		openflow.TypeExperimenter, openflow.TypeFeaturesReply, openflow.TypeGetConfigReply,
		openflow.TypePacketIn, openflow.TypeFlowRemoved, openflow.TypePortStatus,
		openflow.TypeMultipartReply, openflow.TypeBarrierReply, openflow.TypeQueueGetConfigReply,
		openflow.TypeRoleReply, openflow.TypeGetAsyncReply:
		return true
	}
	return false
}

// malformed answers and counts a message that could not be used. The framing is
// intact, so the session goes on.
func (s *Session) malformed(msg []byte, err error) {
	s.srv.counters.Malformed.Add(1)
	if ok, suppressed := s.logged.allow(); ok {
		s.log.Warn("malformed openflow message", "type", frameType(msg).String(), "length", len(msg),
			"reason", err, "suppressed", suppressed)
	}
	if frameType(msg) == openflow.TypeError {
		return // an error is never answered with an error
	}
	code := openflow.RequestBadLength
	if errors.Is(err, errWrongDirection) {
		code = openflow.RequestBadType
	}
	// OF1.3 7.4.4: the error carries at least 64 bytes of the message.
	s.out = openflow.Append(s.out, frameXID(msg), &openflow.Error{
		ErrType: openflow.ErrBadRequest, Code: code, Data: msg[:min(len(msg), 64)]})
}

func (s *Session) addBatchCounts() {
	if n := s.batch.packetIns; n > 0 {
		s.srv.counters.PacketIns.Add(n)
	}
	if n := s.batch.echoes; n > 0 {
		s.srv.counters.Echoes.Add(n)
	}
	if n := s.batch.flowsRemoved; n > 0 {
		s.srv.counters.FlowRemoved.Add(n)
	}
	s.batch = batchCounts{}
}
