package openflow

// PacketIn is a packet sent to the controller in the format of OpenFlow 1.3 (A.4.1).
type PacketIn struct {
	BufferID uint32 // [NoBuffer] for none
	TotalLen uint16 // of the packet, of which Data may be a part
	Reason   uint8  // such as [ReasonAction]
	TableID  uint8
	Cookie   uint64
	Match    Match // metadata of the packet, such as its ingress port
	Data     []byte
}

// Type implements Message.
func (*PacketIn) Type() Type { return TypePacketIn }

func (m *PacketIn) append(b []byte) []byte {
	b = be.AppendUint32(b, m.BufferID)
	b = be.AppendUint16(b, m.TotalLen)
	b = append(b, m.Reason, m.TableID)
	b = be.AppendUint64(b, m.Cookie)
	b = appendZeros(appendMatch(b, m.Match), 2)
	return append(b, m.Data...)
}

func decodePacketIn(r *reader) *PacketIn {
	m := &PacketIn{BufferID: r.u32(), TotalLen: r.u16(), Reason: r.u8(), TableID: r.u8(), Cookie: r.u64()}
	m.Match = decodeMatch(r)
	r.skip(2)
	m.Data = r.bytes()
	return m
}

// PacketOut sends a packet from the controller (OF1.3 A.3.7).
type PacketOut struct {
	BufferID uint32 // [NoBuffer] when Data is the packet
	InPort   uint32 // such as [PortController]
	Actions  []Action
	Data     []byte
}

// Type implements Message.
func (*PacketOut) Type() Type { return TypePacketOut }

func (m *PacketOut) append(b []byte) []byte {
	b = be.AppendUint32(b, m.BufferID)
	b = be.AppendUint32(b, m.InPort)
	start := len(b)
	b = appendZeros(b, 8)
	b = AppendActions(b, m.Actions...)
	be.PutUint16(b[start:], uint16(len(b)-start-8))
	return append(b, m.Data...)
}

func decodePacketOut(r *reader) *PacketOut {
	m := &PacketOut{BufferID: r.u32(), InPort: r.u32()}
	n := int(r.u16())
	r.skip(6)
	acts := r.sub(n, "actions")
	m.Actions = decodeActions(acts, 0)
	r.adopt(acts)
	m.Data = r.bytes()
	return m
}

// AppendPacketOut appends a whole packet-out without a buffer. actions are encoded already, by
// [AppendActions]. It does not allocate when b has the capacity.
func AppendPacketOut(b []byte, xid, inPort uint32, actions, packet []byte) []byte {
	start := len(b)
	b = AppendHeader(b, TypePacketOut, xid)
	b = be.AppendUint32(b, NoBuffer)
	b = be.AppendUint32(b, inPort)
	b = be.AppendUint16(b, uint16(len(actions)))
	b = append(b, 0, 0, 0, 0, 0, 0)
	b = append(b, actions...)
	b = append(b, packet...)
	return FinishMessage(b, start)
}
