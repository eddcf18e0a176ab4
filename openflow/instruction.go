package openflow

import "bytes"

// Instructions say what a flow does. They are applied in the order of the fields here. The zero
// value drops the packet.
type Instructions struct {
	Meter         uint32 // 0: none
	Apply         []Action
	Clear         bool
	Write         []Action
	WriteMetadata uint64
	MetadataMask  uint64 // 0: no write-metadata instruction
	HasGoto       bool
	GotoTable     uint8
	Raw           []byte // instructions that are not interpreted, whole
}

// Goto returns a copy that goes on in a table.
func (i Instructions) Goto(table uint8) Instructions {
	i.HasGoto, i.GotoTable = true, table
	return i
}

// Apply makes instructions that apply actions.
func Apply(acts ...Action) Instructions { return Instructions{Apply: acts} }

// Instruction types (OF1.3 A.2.4).
const (
	instGoto          = 1
	instWriteMetadata = 2
	instWriteActions  = 3
	instApplyActions  = 4
	instClearActions  = 5
	instMeter         = 6
)

// AppendInstructions appends the encoding of i.
func AppendInstructions(b []byte, i Instructions) []byte {
	if i.Meter != 0 {
		b = be.AppendUint32(appendHead(b, instMeter, 8), i.Meter)
	}
	b = appendActionInst(b, instApplyActions, i.Apply)
	if i.Clear {
		b = appendZeros(appendHead(b, instClearActions, 8), 4)
	}
	b = appendActionInst(b, instWriteActions, i.Write)
	if i.MetadataMask != 0 {
		b = appendZeros(appendHead(b, instWriteMetadata, 24), 4)
		b = be.AppendUint64(b, i.WriteMetadata)
		b = be.AppendUint64(b, i.MetadataMask)
	}
	if i.HasGoto {
		b = appendZeros(append(appendHead(b, instGoto, 8), i.GotoTable), 3)
	}
	return append(b, i.Raw...)
}

func appendActionInst(b []byte, kind uint16, acts []Action) []byte {
	if len(acts) == 0 {
		return b
	}
	start := len(b)
	b = appendZeros(appendHead(b, kind, 0), 4)
	b = AppendActions(b, acts...)
	be.PutUint16(b[start+2:], uint16(len(b)-start))
	return b
}

// EqualInstructions reports whether a and b have the same canonical encoding.
func EqualInstructions(a, b Instructions) bool {
	var ab, bb [256]byte
	return bytes.Equal(AppendInstructions(ab[:0], a), AppendInstructions(bb[:0], b))
}

// decodeInstructions reads instructions up to the end of r.
func decodeInstructions(r *reader) Instructions {
	var i Instructions
	var seen uint16 // bit per known type
	for r.more() {
		if r.len() < 4 {
			r.truncated(4)
			return i
		}
		kind, length := be.Uint16(r.b), int(be.Uint16(r.b[2:]))
		if length < 8 || length%8 != 0 {
			r.fail("instruction %d of length %d", kind, length)
			return i
		}
		if kind < 16 {
			if seen&(1<<kind) != 0 {
				r.fail("instruction %d twice", kind)
				return i
			}
			seen |= 1 << kind
		}
		whole := r.b
		body := r.sub(length, "instruction")
		if r.err != nil {
			return i
		}
		body.skip(4)
		decodeInstruction(&i, kind, body, whole[:length])
		if r.err = body.err; r.err != nil {
			return i
		}
	}
	return i
}

func decodeInstruction(i *Instructions, kind uint16, r *reader, whole []byte) {
	switch kind {
	case instGoto:
		i.HasGoto, i.GotoTable = true, r.u8()
	case instWriteMetadata:
		r.skip(4)
		i.WriteMetadata, i.MetadataMask = r.u64(), r.u64()
	case instWriteActions:
		r.skip(4)
		i.Write = decodeActions(r, 0)
	case instApplyActions:
		r.skip(4)
		i.Apply = decodeActions(r, 0)
	case instClearActions:
		i.Clear = true
	case instMeter:
		i.Meter = r.u32()
	default:
		i.Raw = append(i.Raw, whole...)
	}
}
