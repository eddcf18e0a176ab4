package openflow

import "fmt"

// Properties of NXT_PACKET_IN2 and NXT_RESUME (NXPINT_*).
const (
	pinPacket = iota
	pinFullLen
	pinBufferID
	pinTableID
	pinCookie
	pinReason
	pinMetadata
	pinUserdata
	pinContinuation
)

// PacketIn2 is a packet sent to the controller in the format NXT_PACKET_IN2 of Open vSwitch.
type PacketIn2 struct {
	Packet       []byte
	FullLen      uint32 // length of the packet if Packet is a part of it, otherwise 0
	BufferID     uint32 // [NoBuffer] for none
	TableID      uint8
	Cookie       uint64 // [NoCookie] for none
	Reason       uint8  // such as [ReasonAction]
	Metadata     Match  // ingress port, registers, metadata and so on; values that are zero are absent
	Userdata     []byte // of the controller action
	Continuation []byte // opaque state of a paused packet, for [Resume]
	Unknown      []byte // properties that are not interpreted, whole
}

// Type implements Message.
func (*PacketIn2) Type() Type { return TypeExperimenter }

func (m *PacketIn2) append(b []byte) []byte {
	return m.appendProps(appendExperimenter(b, ExperimenterNicira, nxtPacketIn2))
}

// appendProps writes the properties in the order of Open vSwitch.
func (m *PacketIn2) appendProps(b []byte) []byte {
	b = appendProp(b, pinPacket, m.Packet)
	if m.FullLen != 0 {
		b = appendUintProp(b, pinFullLen, uint64(m.FullLen), 4)
	}
	if m.BufferID != NoBuffer {
		b = appendUintProp(b, pinBufferID, uint64(m.BufferID), 4)
	}
	b = appendUintProp(b, pinTableID, uint64(m.TableID), 1)
	if m.Cookie != NoCookie {
		b = appendUintProp(b, pinCookie, m.Cookie, 8)
	}
	b = appendUintProp(b, pinReason, uint64(m.Reason), 1)
	b = appendProp(b, pinMetadata, viewOf(m.Metadata.oxm))
	if len(m.Continuation) > 0 {
		b = appendProp(b, pinContinuation, m.Continuation)
	}
	if len(m.Userdata) > 0 {
		b = appendProp(b, pinUserdata, m.Userdata)
	}
	return append(b, m.Unknown...)
}

func decodePacketIn2(r *reader) *PacketIn2 {
	m := &PacketIn2{BufferID: NoBuffer, Cookie: NoCookie}
	for r.more() {
		kind, p, whole := takeProp(r)
		if r.err != nil {
			return m
		}
		switch kind {
		case pinPacket:
			m.Packet = p.bytes()
		case pinFullLen:
			m.FullLen = p.u32()
		case pinBufferID:
			m.BufferID = p.u32()
		case pinTableID:
			m.TableID = p.u8()
		case pinCookie:
			p.skip(4)
			m.Cookie = p.u64()
		case pinReason:
			m.Reason = p.u8()
		case pinMetadata:
			m.Metadata = decodeOXM(p)
		case pinUserdata:
			m.Userdata = p.bytes()
		case pinContinuation:
			m.Continuation = p.bytes()
		default:
			m.Unknown = append(append(m.Unknown, whole...), make([]byte, pad8(len(whole))-len(whole))...)
			continue
		}
		r.adopt(p)
	}
	return m
}

// Resume lets a paused packet go on (NXT_RESUME). It is the packet-in that carried the
// continuation; Packet and Metadata may have been changed.
type Resume struct{ PacketIn2 }

func (m *Resume) append(b []byte) []byte {
	return m.appendProps(appendExperimenter(b, ExperimenterNicira, nxtResume))
}

// PacketIn2View is a packet-in whose parts are views into the message: they are valid as long as
// the bytes given to [ParsePacketIn2] are.
type PacketIn2View struct {
	XID          uint32
	Packet       []byte
	FullLen      uint32 // length of the whole packet
	BufferID     uint32
	TableID      uint8
	Cookie       uint64
	Reason       uint8
	MatchBytes   []byte // OXM list of the packet's metadata
	Userdata     []byte
	Continuation []byte
	Properties   []byte // all properties, for [AppendResume]
}

// IsPacketIn2 reports whether the message b is an NXT_PACKET_IN2, so that a reader can choose
// between [ParsePacketIn2] and [Decode].
func IsPacketIn2(b []byte) bool {
	return len(b) >= 16 && b[0] == Version && Type(b[1]) == TypeExperimenter &&
		be.Uint32(b[8:]) == ExperimenterNicira && be.Uint32(b[12:]) == nxtPacketIn2
}

func pinError(off int, reason string, cause error) error {
	return &DecodeError{What: "packet-in2", Offset: off, Reason: reason, cause: cause}
}

// ParsePacketIn2 reads the NXT_PACKET_IN2 message b into p without allocating, unless it returns
// an error. The metadata is not verified here; the lookups on p treat malformed fields as absent.
func ParsePacketIn2(b []byte, p *PacketIn2View) error {
	if !IsPacketIn2(b) {
		return pinError(0, "not a packet-in2", nil)
	}
	switch n := int(be.Uint16(b[2:])); {
	case n > len(b):
		return pinError(2, fmt.Sprintf("truncated: header says %d bytes, have %d", n, len(b)), ErrTruncated)
	case n < len(b):
		return pinError(n, fmt.Sprintf("%d bytes follow the message", len(b)-n), nil)
	}
	*p = PacketIn2View{XID: be.Uint32(b[4:]), BufferID: NoBuffer, Cookie: NoCookie, Properties: b[16:]}
	for off := 16; off < len(b); {
		if len(b)-off < 4 {
			return pinError(off, "property header truncated", ErrTruncated)
		}
		kind, length := be.Uint16(b[off:]), int(be.Uint16(b[off+2:]))
		if length < 4 {
			return pinError(off, "property shorter than its header", nil)
		}
		if length > len(b)-off {
			return pinError(off, "property truncated", ErrTruncated)
		}
		switch v := b[off+4 : off+length : off+length]; kind {
		case pinPacket:
			p.Packet = v
		case pinMetadata:
			p.MatchBytes = v
		case pinUserdata:
			p.Userdata = v
		case pinContinuation:
			p.Continuation = v
		default:
			if !p.set(kind, v) {
				return pinError(off, fmt.Sprintf("property %d has a wrong length of %d", kind, length), nil)
			}
		}
		off += min(pad8(length), len(b)-off)
	}
	if p.FullLen == 0 {
		p.FullLen = uint32(len(p.Packet))
	}
	return nil
}

// set stores one property that is a number, and reports whether its length is right.
func (p *PacketIn2View) set(kind uint16, v []byte) bool {
	switch kind {
	case pinTableID, pinReason:
		if len(v) != 1 {
			return false
		}
		if kind == pinTableID {
			p.TableID = v[0]
		} else {
			p.Reason = v[0]
		}
	case pinCookie:
		if len(v) != 12 {
			return false
		}
		p.Cookie = be.Uint64(v[4:])
	case pinFullLen, pinBufferID:
		if len(v) != 4 {
			return false
		}
		if kind == pinFullLen {
			p.FullLen = be.Uint32(v)
		} else {
			p.BufferID = be.Uint32(v)
		}
	}
	return true
}

// Get finds a field of the packet's metadata. Open vSwitch leaves out fields whose value is zero.
func (p *PacketIn2View) Get(f *Field) (value, mask []byte, ok bool) {
	return findOXM(p.MatchBytes, f)
}

// U64 is a field of up to eight bytes of the packet's metadata, zero when it is absent.
func (p *PacketIn2View) U64(f *Field) uint64 {
	// The form in which Open vSwitch sends a field is found by its header alone.
	for b := p.MatchBytes; len(b) >= 4; {
		header := be.Uint32(b)
		n := 4 + int(header&0xff)
		if n > len(b) {
			return 0
		}
		if header == f.Header && n <= 12 && f.Experimenter == 0 {
			return uintOf(b[4:n])
		}
		b = b[n:]
	}
	v, _, ok := findOXM(p.MatchBytes, f)
	if !ok || len(v) > 8 {
		return 0
	}
	return uintOf(v)
}

// InPort is the ingress port, zero when it is absent.
func (p *PacketIn2View) InPort() uint32 { return uint32(p.U64(InPort)) }

// Metadata is the OpenFlow metadata field.
func (p *PacketIn2View) Metadata() uint64 { return p.U64(Metadata) }

// Reg is the 32-bit register n, 0 to 15.
func (p *PacketIn2View) Reg(n int) uint32 { return uint32(p.U64(registers[n])) }

// AppendResume appends a whole NXT_RESUME message that lets the packet of p go on unchanged.
func AppendResume(b []byte, xid uint32, p *PacketIn2View) []byte {
	start := len(b)
	b = AppendHeader(b, TypeExperimenter, xid)
	b = appendExperimenter(b, ExperimenterNicira, nxtResume)
	return FinishMessage(append(b, p.Properties...), start)
}
