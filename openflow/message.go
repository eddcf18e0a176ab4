package openflow

import "fmt"

// Version is the OpenFlow wire version of this package: 4, that is OpenFlow 1.3.
const Version = 0x04

// HeaderLen is the length of the header of every message.
const HeaderLen = 8

// HeaderXID is where the header has its transaction id.
const HeaderXID = 4

// MaxMessage is the largest length that the header can express.
const MaxMessage = 65535

// Type is the message type of the header (OF1.3 A.1).
type Type uint8

// Message types (OF1.3 A.1).
const (
	TypeHello Type = iota
	TypeError
	TypeEchoRequest
	TypeEchoReply
	TypeExperimenter
	TypeFeaturesRequest
	TypeFeaturesReply
	TypeGetConfigRequest
	TypeGetConfigReply
	TypeSetConfig
	TypePacketIn
	TypeFlowRemoved
	TypePortStatus
	TypePacketOut
	TypeFlowMod
	TypeGroupMod
	TypePortMod
	TypeTableMod
	TypeMultipartRequest
	TypeMultipartReply
	TypeBarrierRequest
	TypeBarrierReply
	TypeQueueGetConfigRequest
	TypeQueueGetConfigReply
	TypeRoleRequest
	TypeRoleReply
	TypeGetAsyncRequest
	TypeGetAsyncReply
	TypeSetAsync
	TypeMeterMod
)

var typeNames = [...]string{
	"hello", "error", "echo-request", "echo-reply", "experimenter", "features-request",
	"features-reply", "get-config-request", "get-config-reply", "set-config", "packet-in",
	"flow-removed", "port-status", "packet-out", "flow-mod", "group-mod", "port-mod", "table-mod",
	"multipart-request", "multipart-reply", "barrier-request", "barrier-reply",
	"queue-get-config-request", "queue-get-config-reply", "role-request", "role-reply",
	"get-async-request", "get-async-reply", "set-async", "meter-mod",
}

func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type-%d", uint8(t))
}

// Header starts every message (OF1.3 A.1).
type Header struct {
	Version uint8
	Type    Type
	Length  uint16 // of the whole message, header included
	XID     uint32
}

// ParseHeader reads the header at the start of b, which needs at least [HeaderLen] bytes. It
// refuses a length shorter than the header, which would make a reader loop.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderLen {
		return Header{}, &DecodeError{What: "header", cause: ErrTruncated,
			Reason: fmt.Sprintf("truncated: need %d bytes, have %d", HeaderLen, len(b))}
	}
	h := Header{Version: b[0], Type: Type(b[1]), Length: be.Uint16(b[2:]), XID: be.Uint32(b[4:])}
	if h.Length < HeaderLen {
		return h, &DecodeError{What: "header", Offset: 2, Reason: fmt.Sprintf("length %d is less than the header", h.Length)}
	}
	return h, nil
}

// Message is one OpenFlow message. The types that implement it are pointers to the structures of
// this package.
type Message interface {
	// Type is the type that the header carries.
	Type() Type
	// append appends the body, which follows the header.
	append(b []byte) []byte
}

// Unknown is a message that this package does not interpret.
type Unknown struct {
	MsgType Type
	Body    []byte // after the header
}

// Type implements Message.
func (m *Unknown) Type() Type             { return m.MsgType }
func (m *Unknown) append(b []byte) []byte { return append(b, m.Body...) }

// AppendHeader appends a header whose length is still zero. Together with [FinishMessage] it
// frames bodies that are built by hand.
func AppendHeader(b []byte, t Type, xid uint32) []byte {
	return append(b, Version, byte(t), 0, 0, byte(xid>>24), byte(xid>>16), byte(xid>>8), byte(xid))
}

// FinishMessage writes the length of the message that starts at b[start] and ends with b.
func FinishMessage(b []byte, start int) []byte {
	be.PutUint16(b[start+2:], uint16(len(b)-start))
	return b
}

// Append appends the whole message m to b and returns the extended slice. It does not allocate
// when b has the capacity. A message longer than [MaxMessage] cannot be framed; callers that build
// unbounded lists (groups, packet-outs) check with [Fits].
func Append(b []byte, xid uint32, m Message) []byte {
	start := len(b)
	b = AppendHeader(b, m.Type(), xid)
	if h, ok := m.(*Hello); ok && h.Version != 0 {
		b[start] = h.Version
	}
	return FinishMessage(m.append(b), start)
}

// Fits reports whether m can be framed, that is whether its encoding is at most [MaxMessage] bytes.
func Fits(m Message) bool { return len(m.append(nil))+HeaderLen <= MaxMessage }

// Decode decodes b, which must hold exactly one message. A type that is not known gives *Unknown.
// A hello may have any version, an error too; everything else must have [Version].
func Decode(b []byte) (xid uint32, m Message, err error) {
	h, err := ParseHeader(b)
	if err != nil {
		return h.XID, nil, err
	}
	if int(h.Length) > len(b) {
		return h.XID, nil, &DecodeError{What: h.Type.String(), Offset: 2, cause: ErrTruncated,
			Reason: fmt.Sprintf("truncated: header says %d bytes, have %d", h.Length, len(b))}
	}
	if int(h.Length) < len(b) {
		return h.XID, nil, &DecodeError{What: h.Type.String(), Offset: int(h.Length),
			Reason: fmt.Sprintf("%d bytes follow the message", len(b)-int(h.Length))}
	}
	if h.Version != Version && h.Type != TypeHello && h.Type != TypeError {
		return h.XID, nil, &DecodeError{What: h.Type.String(),
			Reason: fmt.Sprintf("version 0x%02x, want 0x%02x", h.Version, Version)}
	}
	r := newReader(b[HeaderLen:], HeaderLen, h.Type.String())
	m = decodeBody(h, r)
	if err := r.end(); err != nil {
		return h.XID, nil, err
	}
	return h.XID, m, nil
}

// decodeBody reads the body for h. It leaves the reader at the end of what it understood.
func decodeBody(h Header, r *reader) Message {
	switch h.Type {
	case TypeHello:
		return decodeHello(h.Version, r)
	case TypeError:
		return decodeError(r)
	case TypeEchoRequest:
		return &EchoRequest{Data: r.bytes()}
	case TypeEchoReply:
		return &EchoReply{Data: r.bytes()}
	case TypeExperimenter:
		return decodeExperimenter(r)
	case TypeFeaturesRequest:
		return &FeaturesRequest{}
	case TypeFeaturesReply:
		return decodeFeaturesReply(r)
	case TypeGetConfigRequest:
		return &GetConfigRequest{}
	case TypeGetConfigReply:
		return &GetConfigReply{decodeSwitchConfig(r)}
	case TypeSetConfig:
		return &SetConfig{decodeSwitchConfig(r)}
	case TypePacketIn:
		return decodePacketIn(r)
	case TypeFlowRemoved:
		return decodeFlowRemoved(r)
	case TypePortStatus:
		return decodePortStatus(r)
	case TypePacketOut:
		return decodePacketOut(r)
	case TypeFlowMod:
		return decodeFlowMod(r)
	case TypeGroupMod:
		return decodeGroupMod(r)
	case TypePortMod:
		return decodePortMod(r)
	case TypeTableMod:
		return decodeTableMod(r)
	case TypeMultipartRequest:
		return decodeMultipartRequest(r)
	case TypeMultipartReply:
		return decodeMultipartReply(r)
	case TypeBarrierRequest:
		return &BarrierRequest{}
	case TypeBarrierReply:
		return &BarrierReply{}
	case TypeRoleRequest:
		return &RoleRequest{decodeRole(r)}
	case TypeRoleReply:
		return &RoleReply{decodeRole(r)}
	case TypeGetAsyncRequest:
		return &GetAsyncRequest{}
	case TypeGetAsyncReply:
		return &GetAsyncReply{decodeAsync(r)}
	case TypeSetAsync:
		return &SetAsync{decodeAsync(r)}
	case TypeMeterMod:
		return decodeMeterMod(r)
	}
	return &Unknown{MsgType: h.Type, Body: r.bytes()}
}
