package openflow

// maxActionDepth bounds the nesting of clone; deeper actions are refused. Open vSwitch itself
// refuses nesting that does not fit its recursion limit of 64.
const maxActionDepth = 64

// DecodeActions reads a list of actions that fills b.
func DecodeActions(b []byte) ([]Action, error) {
	r := newReader(b, 0, "actions")
	acts := decodeActions(r, 0)
	return acts, r.end()
}

// decodeActions reads actions up to the end of r. An action that is not known, or whose encoding
// would give other bytes, stays raw.
func decodeActions(r *reader, depth int) []Action {
	if depth > maxActionDepth {
		r.fail("actions nested more than %d deep", maxActionDepth)
		return nil
	}
	var acts []Action
	var scratch []byte
	for r.more() {
		if r.len() < 4 {
			r.truncated(4)
			return nil
		}
		kind, length := be.Uint16(r.b), int(be.Uint16(r.b[2:]))
		if length < 8 || length%8 != 0 {
			r.fail("action %d of length %d", kind, length)
			return nil
		}
		off := r.off
		whole := r.take(length)
		if r.err != nil {
			return nil
		}
		a, err := decodeAction(whole, off, kind, depth)
		if err != nil {
			r.err = err
			return nil
		}
		if a != nil {
			scratch = a.appendAction(scratch[:0])
		}
		if a == nil || string(scratch) != string(whole) {
			a = RawAction{Bytes: clone(whole)}
		}
		acts = append(acts, a)
	}
	return acts
}

// decodeAction decodes one whole action. It returns nil for an action that is not known.
func decodeAction(whole []byte, off int, kind uint16, depth int) (Action, error) {
	r := newReader(whole[4:], off+4, "action")
	var a Action
	switch kind {
	case actOutput:
		a = Output{Port: r.u32(), MaxLen: r.u16()}
	case actPushVLAN:
		a = PushVLAN{EtherType: r.u16()}
	case actPopVLAN:
		a = PopVLAN{}
	case actSetQueue:
		a = SetQueue{ID: r.u32()}
	case actGroup:
		a = Group{ID: r.u32()}
	case actSetTTL:
		a = SetTTL{TTL: r.u8()}
	case actDecTTL:
		a = DecTTL{}
	case actSetField:
		a = decodeSetField(r)
	case actExperimenter:
		if r.u32() == ExperimenterNicira {
			a = decodeNicira(r, depth)
		}
	}
	return a, r.err
}

// takeField reads the four or eight bytes that name a field.
func takeField(r *reader) *Field {
	header, exp := r.u32(), uint32(0)
	if header>>16 == classExperimenter {
		exp = r.u32()
	}
	if r.err != nil {
		return nil
	}
	return fieldByHeader(header, exp)
}

// decodeEntry reads one OXM entry. A known field with another length is nil.
func decodeEntry(r *reader) (f *Field, value, mask []byte) {
	entry := takeOXM(r)
	if r.err != nil {
		return nil, nil, nil
	}
	f = fieldOf(entry)
	value, mask = payload(entry)
	if len(value) != f.Bytes() {
		r.fail("%s of %d bytes, want %d", f.Name, len(value), f.Bytes())
		return nil, nil, nil
	}
	return f, clone(value), clone(mask)
}

func decodeSetField(r *reader) Action {
	f, value, mask := decodeEntry(r)
	if f == nil || mask != nil {
		return nil // a masked set-field is OpenFlow 1.5 and stays raw
	}
	return SetField{Field: f, Value: value}
}

func decodeNicira(r *reader, depth int) Action {
	switch r.u16() {
	case nxRegLoad:
		ofs, nbits := splitOfsNBits(r.u16())
		f := takeField(r)
		a := RegLoad{Field: f, Ofs: ofs, NBits: nbits, Value: r.u64()}
		if r.err != nil || f.actionExperimenter() != 0 {
			return nil
		}
		return a
	case nxRegLoad2:
		return decodeRegLoad2(r)
	case nxRegMove:
		a := RegMove{NBits: r.u16(), SrcOfs: r.u16(), DstOfs: r.u16()}
		a.Src = takeField(r)
		a.Dst = takeField(r)
		if r.err != nil {
			return nil
		}
		return a
	case nxResubmitTable:
		return Resubmit{InPort: r.u16(), Table: r.u8()}
	case nxOutputReg:
		ofs, nbits := splitOfsNBits(r.u16())
		f := takeField(r)
		return OutputReg{Field: f, Ofs: ofs, NBits: nbits, MaxLen: r.u16()}
	case nxStackPush:
		ofs, f, nbits := r.u16(), takeField(r), r.u16()
		return StackPush{Field: f, Ofs: ofs, NBits: nbits}
	case nxStackPop:
		ofs, f, nbits := r.u16(), takeField(r), r.u16()
		return StackPop{Field: f, Ofs: ofs, NBits: nbits}
	case nxCheckPktLarger:
		length, bit := r.u16(), r.u16()
		return CheckPktLarger{Len: length, Bit: bit, Dst: takeField(r)}
	case nxMultipath:
		return decodeMultipath(r)
	case nxConjunction:
		return Conjunction{Clause: r.u8(), N: r.u8(), ID: r.u32()}
	case nxController2:
		return decodeController2(r)
	case nxClone:
		r.skip(6)
		return Clone{Actions: decodeActions(r, depth+1)}
	case nxNote:
		return Note{Data: r.bytes()}
	case nxExit:
		return Exit{}
	case nxPopQueue:
		return PopQueue{}
	case nxCTClear:
		return CTClear{}
	}
	return nil
}

func splitOfsNBits(v uint16) (ofs, nbits uint16) { return v >> 6, v&0x3f + 1 }

func decodeRegLoad2(r *reader) Action {
	f, value, mask := decodeEntry(r)
	if f == nil {
		return nil
	}
	if mask == nil {
		mask = make([]byte, len(value))
		for i := range mask {
			mask[i] = 0xff
		}
	}
	return SetField{Field: f, Value: value, Mask: mask}
}

func decodeController2(r *reader) Action {
	a := Controller2{MaxLen: NoMaxLen, Reason: ReasonAction, MeterID: NoMeter}
	r.skip(6)
	for r.more() {
		kind, p, whole := takeProp(r)
		if r.err != nil {
			return nil
		}
		switch kind {
		case ctlMaxLen:
			a.MaxLen = p.u16()
		case ctlControllerID:
			a.ControllerID = p.u16()
		case ctlReason:
			a.Reason = p.u8()
		case ctlUserdata:
			a.Userdata = p.bytes()
		case ctlPause:
			a.Pause = true
		case ctlMeterID:
			a.MeterID = p.u32()
		default:
			a.Unknown = append(a.Unknown, whole...)
		}
		if p.err != nil {
			r.err = p.err
			return nil
		}
	}
	return a
}

// takeProp reads a property with its padding: its type, a reader over its payload, and all of it.
// The padding of the last property may be missing.
func takeProp(r *reader) (kind uint16, payload *reader, whole []byte) {
	if r.len() < 4 {
		r.truncated(4)
		return 0, nil, nil
	}
	kind, length := be.Uint16(r.b), int(be.Uint16(r.b[2:]))
	if length < 4 {
		r.fail("property %d of length %d", kind, length)
		return 0, nil, nil
	}
	off := r.off
	if length > r.len() {
		r.truncated(length)
		return 0, nil, nil
	}
	whole = r.take(min(pad8(length), r.len()))
	return kind, newReader(whole[4:length:length], off+4, "property"), whole
}
