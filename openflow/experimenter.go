package openflow

func appendExperimenter(b []byte, id, subtype uint32) []byte {
	return be.AppendUint32(be.AppendUint32(b, id), subtype)
}

// decodeExperimenter reads a message of an experimenter (OF1.3 A.5.4). What is not known is Unknown,
// whose body starts with the experimenter id.
func decodeExperimenter(r *reader) Message {
	body := r.b
	id, subtype := r.u32(), r.u32()
	if r.err != nil {
		return nil
	}
	switch [2]uint32{id, subtype} {
	case [2]uint32{ExperimenterNicira, nxtPacketIn2}:
		return decodePacketIn2(r)
	case [2]uint32{ExperimenterNicira, nxtResume}:
		return &Resume{*decodePacketIn2(r)}
	case [2]uint32{ExperimenterNicira, nxtSetPacketInFormat}:
		return &SetPacketInFormat{Format: r.u32()}
	case [2]uint32{ExperimenterNicira, nxtSetControllerID}:
		r.skip(6)
		return &SetControllerID{ID: r.u16()}
	case [2]uint32{ExperimenterNicira, nxtSetAsyncConfig2}:
		return decodeSetAsyncConfig2(r)
	case [2]uint32{ExperimenterONF, onfBundleControl}:
		return decodeBundleControl(r)
	case [2]uint32{ExperimenterONF, onfBundleAdd}:
		return decodeBundleAdd(r)
	}
	r.take(r.len())
	return &Unknown{MsgType: TypeExperimenter, Body: clone(body)}
}

// SetPacketInFormat chooses the format of packet-ins (NXT_SET_PACKET_IN_FORMAT), such as
// [PacketInNX2].
type SetPacketInFormat struct{ Format uint32 }

// Type implements Message.
func (*SetPacketInFormat) Type() Type { return TypeExperimenter }

func (m *SetPacketInFormat) append(b []byte) []byte {
	return be.AppendUint32(appendExperimenter(b, ExperimenterNicira, nxtSetPacketInFormat), m.Format)
}

// SetControllerID names this connection, so that controller actions can choose it
// (NXT_SET_CONTROLLER_ID).
type SetControllerID struct{ ID uint16 }

// Type implements Message.
func (*SetControllerID) Type() Type { return TypeExperimenter }

func (m *SetControllerID) append(b []byte) []byte {
	b = appendZeros(appendExperimenter(b, ExperimenterNicira, nxtSetControllerID), 6)
	return be.AppendUint16(b, m.ID)
}

// AsyncProp is one property of [SetAsyncConfig2]: a bit per reason.
type AsyncProp struct {
	Kind uint16
	Mask uint32
}

// Kinds of [AsyncProp] (OF1.4 7.3.10).
const (
	AsyncPacketInSlave uint16 = iota
	AsyncPacketInMaster
	AsyncPortStatusSlave
	AsyncPortStatusMaster
	AsyncFlowRemovedSlave
	AsyncFlowRemovedMaster
)

// SetAsyncConfig2 chooses asynchronous messages as OpenFlow 1.4 does (NXT_SET_ASYNC_CONFIG2). What
// it does not name stays as it is.
type SetAsyncConfig2 struct {
	Props   []AsyncProp
	Unknown []byte // properties that are not interpreted, whole
}

// Type implements Message.
func (*SetAsyncConfig2) Type() Type { return TypeExperimenter }

func (m *SetAsyncConfig2) append(b []byte) []byte {
	b = appendExperimenter(b, ExperimenterNicira, nxtSetAsyncConfig2)
	for _, p := range m.Props {
		b = appendUintProp(b, p.Kind, uint64(p.Mask), 4)
	}
	return append(b, m.Unknown...)
}

func decodeSetAsyncConfig2(r *reader) *SetAsyncConfig2 {
	m := &SetAsyncConfig2{}
	for r.more() {
		kind, p, whole := takeProp(r)
		if r.err != nil {
			return m
		}
		if p.len() != 4 {
			m.Unknown = append(append(m.Unknown, whole...), make([]byte, pad8(len(whole))-len(whole))...)
			continue
		}
		m.Props = append(m.Props, AsyncProp{Kind: kind, Mask: p.u32()})
	}
	return m
}

// BundleControl opens, closes, commits or discards a bundle, or answers that (ONF extension 230).
type BundleControl struct {
	ID         uint32
	Kind       uint16 // such as [BundleOpenRequest]
	Flags      uint16 // such as [BundleAtomic]
	Properties []byte // whole
}

// Type implements Message.
func (*BundleControl) Type() Type { return TypeExperimenter }

func (m *BundleControl) append(b []byte) []byte {
	b = appendExperimenter(b, ExperimenterONF, onfBundleControl)
	b = be.AppendUint32(b, m.ID)
	b = be.AppendUint16(b, m.Kind)
	b = be.AppendUint16(b, m.Flags)
	return append(b, m.Properties...)
}

func decodeBundleControl(r *reader) *BundleControl {
	return &BundleControl{ID: r.u32(), Kind: r.u16(), Flags: r.u16(), Properties: r.bytes()}
}

// BundleAdd adds a message to a bundle (ONF extension 230). The message inside must have the XID
// of the message around it; Open vSwitch refuses others.
type BundleAdd struct {
	ID         uint32
	Flags      uint16
	XID        uint32 // of the message inside
	Message    Message
	Properties []byte // whole
}

// Type implements Message.
func (*BundleAdd) Type() Type { return TypeExperimenter }

func (m *BundleAdd) append(b []byte) []byte {
	b = appendExperimenter(b, ExperimenterONF, onfBundleAdd)
	b = appendZeros(be.AppendUint32(b, m.ID), 2)
	b = be.AppendUint16(b, m.Flags)
	start := len(b)
	b = Append(b, m.XID, m.Message)
	if len(m.Properties) > 0 {
		b = append(padFrom(b, start), m.Properties...)
	}
	return b
}

func decodeBundleAdd(r *reader) *BundleAdd {
	m := &BundleAdd{ID: r.u32()}
	r.skip(2)
	m.Flags = r.u16()
	if r.err != nil {
		return m
	}
	h, err := ParseHeader(r.b)
	if err != nil {
		r.fail("message inside: %v", err)
		return m
	}
	inner := r.take(int(h.Length))
	if r.err != nil {
		return m
	}
	if h.Type == TypeExperimenter && isBundleAdd(inner) {
		r.fail("bundle-add inside a bundle-add")
		return m
	}
	xid, msg, err := Decode(inner)
	if err != nil {
		r.fail("message inside: %v", err)
		return m
	}
	m.XID, m.Message = xid, msg
	r.take(min(pad8(len(inner))-len(inner), r.len()))
	m.Properties = r.bytes()
	return m
}

// isBundleAdd reports whether b is itself a bundle-add, which must not nest: each level would be
// decoded once more for every level around it.
func isBundleAdd(b []byte) bool {
	return len(b) >= 16 && be.Uint32(b[8:]) == ExperimenterONF && be.Uint32(b[12:]) == onfBundleAdd
}

// AppendBundleAdd appends a whole bundle-add message around m, with the same transaction id inside
// and outside. It does not allocate when b has the capacity.
func AppendBundleAdd(b []byte, xid, bundle uint32, flags uint16, m Message) []byte {
	start := len(b)
	b = AppendHeader(b, TypeExperimenter, xid)
	b = appendExperimenter(b, ExperimenterONF, onfBundleAdd)
	b = be.AppendUint32(b, bundle)
	b = append(b, 0, 0)
	b = be.AppendUint16(b, flags)
	return FinishMessage(Append(b, xid, m), start)
}
