package openflow

import "fmt"

// Action is one action of a flow, group bucket or packet-out.
type Action interface {
	appendAction(b []byte) []byte
}

// AppendActions appends the encoding of acts, for example for [AppendPacketOut].
func AppendActions(b []byte, acts ...Action) []byte {
	for _, a := range acts {
		b = a.appendAction(b)
	}
	return b
}

// Action types (OF1.3 A.2.5).
const (
	actOutput       = 0
	actPushVLAN     = 17
	actPopVLAN      = 18
	actSetQueue     = 21
	actGroup        = 22
	actSetTTL       = 23
	actDecTTL       = 24
	actSetField     = 25
	actExperimenter = 0xffff
)

// Nicira action subtypes (NXAST_*).
const (
	nxPopQueue       = 5
	nxRegMove        = 6
	nxRegLoad        = 7
	nxNote           = 8
	nxMultipath      = 10
	nxResubmitTable  = 14
	nxOutputReg      = 15
	nxExit           = 17
	nxStackPush      = 27
	nxStackPop       = 28
	nxRegLoad2       = 33
	nxConjunction    = 34
	nxController2    = 37
	nxClone          = 42
	nxCTClear        = 43
	nxCheckPktLarger = 49
)

// Output sends the packet to a port. MaxLen is the number of bytes sent to the controller when
// Port is [PortController], otherwise zero.
type Output struct {
	Port   uint32
	MaxLen uint16
}

// Group processes the packet through a group.
type Group struct{ ID uint32 }

// PushVLAN adds an 802.1Q or 802.1ad header.
type PushVLAN struct{ EtherType uint16 }

// PopVLAN removes the outermost VLAN header.
type PopVLAN struct{}

// SetQueue chooses the output queue.
type SetQueue struct{ ID uint32 }

// PopQueue restores the queue from before [SetQueue].
type PopQueue struct{}

// SetTTL sets the IP time to live or hop limit.
type SetTTL struct{ TTL uint8 }

// DecTTL takes one from the IP time to live; a packet for which it would be zero goes to the
// controller and no further.
type DecTTL struct{}

// SetField sets a field, or the bits of it that are set in Mask. Value, and Mask if it is not nil,
// have Field.Bytes() bytes. With a mask, even one of all ones, it is NXAST_REG_LOAD2.
type SetField struct {
	Field *Field
	Value []byte
	Mask  []byte
}

// SetUint is a SetField of the whole field with a number. It panics when v does not fit.
func SetUint(f *Field, v uint64) SetField {
	return SetField{Field: f, Value: fieldUint(nil, f, v)}
}

// SetBytes is a SetField of the whole field.
func SetBytes(f *Field, value []byte) SetField {
	return SetField{Field: f, Value: append([]byte(nil), value...)}
}

// RegLoad writes the low NBits bits of Value to the bits of Field that start at Ofs (0 is the least
// significant).
type RegLoad struct {
	Field *Field
	Ofs   uint16
	NBits uint16 // 1 to 64
	Value uint64
}

// RegMove copies NBits bits from one field to another.
type RegMove struct {
	Src    *Field
	SrcOfs uint16
	Dst    *Field
	DstOfs uint16
	NBits  uint16
}

// Resubmit looks the packet up in a table (255: the current one) and then goes on with the next
// action. InPort is [ResubmitKeepPort] or the port that the lookup uses.
type Resubmit struct {
	InPort uint16
	Table  uint8
}

// Controller2 sends the packet to the controller (NXAST_CONTROLLER2). Its encoding leaves out what
// has the default value: MaxLen 0xffff, ControllerID 0, Reason [ReasonAction], MeterID [NoMeter].
// [Controller] gives the defaults.
type Controller2 struct {
	MaxLen       uint16
	ControllerID uint16
	Reason       uint8
	Userdata     []byte
	Pause        bool
	MeterID      uint32
	Unknown      []byte // properties that are not interpreted, whole
}

// Controller is a Controller2 that sends the whole packet with userdata and without a meter.
func Controller(userdata []byte) Controller2 {
	return Controller2{MaxLen: NoMaxLen, Reason: ReasonAction, Userdata: userdata, MeterID: NoMeter}
}

// OutputReg sends the packet to the port whose number is in a field.
type OutputReg struct {
	Field  *Field
	Ofs    uint16
	NBits  uint16 // 1 to 64
	MaxLen uint16
}

// StackPush pushes bits of a field on the packet's stack.
type StackPush struct {
	Field *Field
	Ofs   uint16
	NBits uint16
}

// StackPop pops bits of a field from the packet's stack.
type StackPop struct {
	Field *Field
	Ofs   uint16
	NBits uint16
}

// CheckPktLarger writes 1 to a bit of Dst if the packet is longer than Len bytes, otherwise 0.
type CheckPktLarger struct {
	Len uint16
	Dst *Field
	Bit uint16
}

// Conjunction makes the flow a part of a conjunctive match.
type Conjunction struct {
	ID     uint32
	Clause uint8 // from 0
	N      uint8 // number of clauses
}

// Note does nothing; it carries bytes. Decoding gives them with the padding.
type Note struct{ Data []byte }

// Exit ends the processing of actions, here and in the flows that resubmitted.
type Exit struct{}

// CTClear forgets the connection tracking state of the packet.
type CTClear struct{}

// Clone runs actions on a copy of the packet.
type Clone struct{ Actions []Action }

// RawAction is an action that is not interpreted, such as learn and ct.
type RawAction struct{ Bytes []byte }

func appendHead(b []byte, kind, length uint16) []byte {
	return be.AppendUint16(be.AppendUint16(b, kind), length)
}

// nxHead appends the header of a Nicira action whose length is set by nxTail.
func nxHead(b []byte, subtype uint16) []byte {
	b = appendHead(b, actExperimenter, 0)
	b = be.AppendUint32(b, ExperimenterNicira)
	return be.AppendUint16(b, subtype)
}

// nxTail pads the action that starts at start to eight bytes and writes its length.
func nxTail(b []byte, start int) []byte {
	b = padFrom(b, start)
	be.PutUint16(b[start+2:], uint16(len(b)-start))
	return b
}

// nxPlain appends an action that has no arguments.
func nxPlain(b []byte, subtype uint16) []byte {
	start := len(b)
	return nxTail(nxHead(b, subtype), start)
}

func (a Output) appendAction(b []byte) []byte {
	b = appendHead(b, actOutput, 16)
	b = be.AppendUint32(b, a.Port)
	return appendZeros(be.AppendUint16(b, a.MaxLen), 6)
}

func (a Group) appendAction(b []byte) []byte {
	return be.AppendUint32(appendHead(b, actGroup, 8), a.ID)
}

func (a PushVLAN) appendAction(b []byte) []byte {
	return appendZeros(be.AppendUint16(appendHead(b, actPushVLAN, 8), a.EtherType), 2)
}

func (PopVLAN) appendAction(b []byte) []byte {
	return appendZeros(appendHead(b, actPopVLAN, 8), 4)
}

func (a SetQueue) appendAction(b []byte) []byte {
	return be.AppendUint32(appendHead(b, actSetQueue, 8), a.ID)
}

func (PopQueue) appendAction(b []byte) []byte { return nxPlain(b, nxPopQueue) }

func (a SetTTL) appendAction(b []byte) []byte {
	return appendZeros(append(appendHead(b, actSetTTL, 8), a.TTL), 3)
}

func (DecTTL) appendAction(b []byte) []byte {
	return appendZeros(appendHead(b, actDecTTL, 8), 4)
}

func (a SetField) appendAction(b []byte) []byte {
	a.check()
	start := len(b)
	if a.Mask != nil {
		return appendRegLoad2(b, a.Field, a.Value, a.Mask)
	}
	b = appendHead(b, actSetField, 0)
	b = appendFieldHeader(b, a.Field.Header, a.Field.Experimenter, false)
	b = append(b, a.Value...)
	return nxTail(b, start)
}

// check panics on a value of the wrong length, a mistake in the calling code.
func (a SetField) check() {
	if len(a.Value) != a.Field.Bytes() || a.Mask != nil && len(a.Mask) != len(a.Value) {
		panic(fmt.Sprintf("openflow: set %s: value of %d bytes, mask of %d, want %d",
			a.Field.Name, len(a.Value), len(a.Mask), a.Field.Bytes()))
	}
}

func appendRegLoad2(b []byte, f *Field, value, mask []byte) []byte {
	start := len(b)
	b = nxHead(b, nxRegLoad2)
	masked := !isOnes(mask)
	b = appendFieldHeader(b, f.actionHeader(), f.actionExperimenter(), masked)
	if !masked {
		return nxTail(append(b, value...), start)
	}
	for i := range value {
		b = append(b, value[i]&mask[i])
	}
	return nxTail(append(b, mask...), start)
}

func (a RegLoad) appendAction(b []byte) []byte {
	if a.Field.actionExperimenter() != 0 {
		return a.appendAsLoad2(b)
	}
	start := len(b)
	b = nxHead(b, nxRegLoad)
	b = be.AppendUint16(b, ofsNBits(a.Ofs, a.NBits))
	b = be.AppendUint32(b, a.Field.actionHeader())
	return nxTail(be.AppendUint64(b, a.Value), start)
}

// appendAsLoad2 writes the load of a field that NXAST_REG_LOAD, which has four bytes for the field,
// cannot name.
func (a RegLoad) appendAsLoad2(b []byte) []byte {
	value, mask := make([]byte, a.Field.Bytes()), make([]byte, a.Field.Bytes())
	if int(a.Ofs)+int(a.NBits) > 8*len(value) {
		panic(fmt.Sprintf("openflow: load %s: bits %d to %d", a.Field.Name, a.Ofs, int(a.Ofs)+int(a.NBits)-1))
	}
	for i := 0; i < int(a.NBits); i++ {
		bit := int(a.Ofs) + i
		at := len(value) - 1 - bit/8
		mask[at] |= 1 << (bit % 8)
		value[at] |= byte(a.Value>>i&1) << (bit % 8)
	}
	return appendRegLoad2(b, a.Field, value, mask)
}

func ofsNBits(ofs, nbits uint16) uint16 { return ofs<<6 | (nbits-1)&0x3f }

// appendActionField names a field in a Nicira action, in four or eight bytes.
func appendActionField(b []byte, f *Field) []byte {
	return appendFieldHeader(b, f.actionHeader(), f.actionExperimenter(), false)
}

func (a RegMove) appendAction(b []byte) []byte {
	start := len(b)
	b = nxHead(b, nxRegMove)
	b = be.AppendUint16(b, a.NBits)
	b = be.AppendUint16(b, a.SrcOfs)
	b = be.AppendUint16(b, a.DstOfs)
	b = appendActionField(b, a.Src)
	b = appendActionField(b, a.Dst)
	return nxTail(b, start)
}

func (a Resubmit) appendAction(b []byte) []byte {
	start := len(b)
	b = nxHead(b, nxResubmitTable)
	b = be.AppendUint16(b, a.InPort)
	return nxTail(append(b, a.Table), start)
}

// Properties of NXAST_CONTROLLER2 (NXAC2PT_*).
const (
	ctlMaxLen = iota
	ctlControllerID
	ctlReason
	ctlUserdata
	ctlPause
	ctlMeterID
)

func (a Controller2) appendAction(b []byte) []byte {
	start := len(b)
	b = appendZeros(nxHead(b, nxController2), 6)
	if a.MaxLen != NoMaxLen {
		b = appendUintProp(b, ctlMaxLen, uint64(a.MaxLen), 2)
	}
	if a.ControllerID != 0 {
		b = appendUintProp(b, ctlControllerID, uint64(a.ControllerID), 2)
	}
	if a.Reason != ReasonAction {
		b = appendUintProp(b, ctlReason, uint64(a.Reason), 1)
	}
	if len(a.Userdata) > 0 {
		b = appendProp(b, ctlUserdata, a.Userdata)
	}
	if a.Pause {
		b = appendProp(b, ctlPause, nil)
	}
	if a.MeterID != NoMeter {
		b = appendUintProp(b, ctlMeterID, uint64(a.MeterID), 4)
	}
	return nxTail(append(b, a.Unknown...), start)
}

// appendProp appends a property: type, length without padding, payload, padding to eight bytes.
func appendProp(b []byte, kind uint16, payload []byte) []byte {
	start := len(b)
	b = appendHead(b, kind, uint16(4+len(payload)))
	return padFrom(append(b, payload...), start)
}

// appendUintProp appends a property whose payload is a number of n bytes. The length of two-byte
// numbers counts the padding after them, and eight-byte numbers have padding in front.
func appendUintProp(b []byte, kind uint16, v uint64, n int) []byte {
	start := len(b)
	switch n {
	case 2:
		b = appendHead(b, kind, 8)
	case 8:
		b = appendZeros(appendHead(b, kind, 16), 4)
	default:
		b = appendHead(b, kind, uint16(4+n))
	}
	return padFrom(appendUint(b, v, n), start)
}

func (a OutputReg) appendAction(b []byte) []byte {
	start := len(b)
	b = nxHead(b, nxOutputReg)
	b = be.AppendUint16(b, ofsNBits(a.Ofs, a.NBits))
	b = be.AppendUint32(b, a.Field.actionHeader())
	b = be.AppendUint16(b, a.MaxLen)
	return nxTail(b, start)
}

func appendStack(b []byte, subtype uint16, f *Field, ofs, nbits uint16) []byte {
	start := len(b)
	b = nxHead(b, subtype)
	b = be.AppendUint16(b, ofs)
	b = appendActionField(b, f)
	b = be.AppendUint16(b, nbits)
	return nxTail(appendZeros(b, start+24-len(b)), start)
}

func (a StackPush) appendAction(b []byte) []byte {
	return appendStack(b, nxStackPush, a.Field, a.Ofs, a.NBits)
}

func (a StackPop) appendAction(b []byte) []byte {
	return appendStack(b, nxStackPop, a.Field, a.Ofs, a.NBits)
}

func (a CheckPktLarger) appendAction(b []byte) []byte {
	start := len(b)
	b = nxHead(b, nxCheckPktLarger)
	b = be.AppendUint16(b, a.Len)
	b = be.AppendUint16(b, a.Bit)
	b = appendActionField(b, a.Dst)
	return nxTail(appendZeros(b, start+24-len(b)), start)
}

func (a Conjunction) appendAction(b []byte) []byte {
	start := len(b)
	b = nxHead(b, nxConjunction)
	b = append(b, a.Clause, a.N)
	return nxTail(be.AppendUint32(b, a.ID), start)
}

func (a Note) appendAction(b []byte) []byte {
	start := len(b)
	return nxTail(append(nxHead(b, nxNote), a.Data...), start)
}

func (Exit) appendAction(b []byte) []byte { return nxPlain(b, nxExit) }

func (CTClear) appendAction(b []byte) []byte { return nxPlain(b, nxCTClear) }

func (a Clone) appendAction(b []byte) []byte {
	start := len(b)
	b = appendZeros(nxHead(b, nxClone), 6)
	return nxTail(AppendActions(b, a.Actions...), start)
}

func (a RawAction) appendAction(b []byte) []byte { return append(b, a.Bytes...) }
