package openflow

import (
	"bytes"
	"time"
)

// FlowMod changes a flow table (OF1.3 A.3.4.1). Timeouts are in seconds, 0 for never.
type FlowMod struct {
	Cookie       uint64
	CookieMask   uint64 // restricts modify and delete to flows whose cookie matches
	TableID      uint8
	Command      uint8 // such as [FlowAdd]
	IdleTimeout  uint16
	HardTimeout  uint16
	Priority     uint16
	BufferID     uint32 // [NoBuffer] for none; 0 is a buffer
	OutPort      uint32 // restricts delete; [PortAny] for no restriction
	OutGroup     uint32 // restricts delete; [GroupAny] for no restriction
	Flags        uint16 // such as [FlagSendFlowRem]
	Match        Match
	Instructions Instructions
}

// NewFlowMod is a FlowMod without buffer and output restrictions.
func NewFlowMod(command, table uint8, priority uint16) *FlowMod {
	return &FlowMod{Command: command, TableID: table, Priority: priority,
		BufferID: NoBuffer, OutPort: PortAny, OutGroup: GroupAny}
}

// FlowKey identifies a flow in a switch: flows with the same key replace each other. It is
// comparable.
type FlowKey struct {
	TableID  uint8
	Priority uint16
	Match    Match
}

// Key identifies the flow that m adds.
func (m *FlowMod) Key() FlowKey { return FlowKey{m.TableID, m.Priority, m.Match} }

// Type implements Message.
func (*FlowMod) Type() Type { return TypeFlowMod }

func (m *FlowMod) append(b []byte) []byte {
	b = be.AppendUint64(b, m.Cookie)
	b = be.AppendUint64(b, m.CookieMask)
	b = append(b, m.TableID, m.Command)
	b = be.AppendUint16(b, m.IdleTimeout)
	b = be.AppendUint16(b, m.HardTimeout)
	b = be.AppendUint16(b, m.Priority)
	b = be.AppendUint32(b, m.BufferID)
	b = be.AppendUint32(b, m.OutPort)
	b = be.AppendUint32(b, m.OutGroup)
	b = appendZeros(be.AppendUint16(b, m.Flags), 2)
	b = appendMatch(b, m.Match)
	return AppendInstructions(b, m.Instructions)
}

func decodeFlowMod(r *reader) *FlowMod {
	m := &FlowMod{Cookie: r.u64(), CookieMask: r.u64(), TableID: r.u8(), Command: r.u8(),
		IdleTimeout: r.u16(), HardTimeout: r.u16(), Priority: r.u16(),
		BufferID: r.u32(), OutPort: r.u32(), OutGroup: r.u32(), Flags: r.u16()}
	r.skip(2)
	m.Match = decodeMatch(r)
	m.Instructions = decodeInstructions(r)
	return m
}

// Where an encoded flow-mod has its fields, for who encodes many that differ in little. From
// [FlowModMatch] on the length of what follows varies.
const (
	FlowModCookie      = 8
	FlowModTable       = 24
	FlowModCommand     = 25
	FlowModIdleTimeout = 26
	FlowModHardTimeout = 28
	FlowModPriority    = 30
	FlowModFlags       = 44
	FlowModMatch       = 48
)

// flowModMatchEnd is where the match of an encoded flow-mod ends, without and with its padding.
func flowModMatchEnd(m []byte) (end, padded int) {
	n := int(be.Uint16(m[FlowModMatch+2:]))
	return FlowModMatch + n, FlowModMatch + pad8(n)
}

// FlowModOXM is the match of an encoded flow-mod of this package, as [Match.Key] has it.
func FlowModOXM(m []byte) []byte {
	end, _ := flowModMatchEnd(m)
	return m[FlowModMatch+4 : end]
}

// SameFlow reports whether two encoded flow-mods of this package are for the same flow, as
// [FlowKey] tells.
func SameFlow(a, b []byte) bool {
	endA, _ := flowModMatchEnd(a)
	endB, _ := flowModMatchEnd(b)
	return a[FlowModTable] == b[FlowModTable] && be.Uint16(a[FlowModPriority:]) == be.Uint16(b[FlowModPriority:]) &&
		bytes.Equal(a[FlowModMatch:endA], b[FlowModMatch:endB])
}

// DeleteInPlace makes of an encoded flow-mod of this package the one that deletes its flow, and
// nothing else. It is shorter.
func DeleteInPlace(m []byte) []byte {
	_, end := flowModMatchEnd(m)
	be.PutUint64(m[FlowModCookie:], 0)
	m[FlowModCommand] = FlowDeleteStrict
	be.PutUint32(m[FlowModIdleTimeout:], 0) // and the hard timeout
	be.PutUint16(m[FlowModFlags:], 0)
	return FinishMessage(m[:end], 0)
}

// FlowRemoved says that a flow is gone (OF1.3 A.4.2).
type FlowRemoved struct {
	Cookie      uint64
	Priority    uint16
	Reason      uint8 // such as [RemovedIdleTimeout]
	TableID     uint8
	Duration    time.Duration // that the flow lived
	IdleTimeout uint16        // seconds
	HardTimeout uint16        // seconds
	PacketCount uint64
	ByteCount   uint64
	Match       Match
}

// Key identifies the flow.
func (m *FlowRemoved) Key() FlowKey { return FlowKey{m.TableID, m.Priority, m.Match} }

// Type implements Message.
func (*FlowRemoved) Type() Type { return TypeFlowRemoved }

func (m *FlowRemoved) append(b []byte) []byte {
	b = be.AppendUint64(b, m.Cookie)
	b = be.AppendUint16(b, m.Priority)
	b = append(b, m.Reason, m.TableID)
	b = appendDuration(b, m.Duration)
	b = be.AppendUint16(b, m.IdleTimeout)
	b = be.AppendUint16(b, m.HardTimeout)
	b = be.AppendUint64(b, m.PacketCount)
	b = be.AppendUint64(b, m.ByteCount)
	return appendMatch(b, m.Match)
}

func decodeFlowRemoved(r *reader) *FlowRemoved {
	m := &FlowRemoved{Cookie: r.u64(), Priority: r.u16(), Reason: r.u8(), TableID: r.u8(),
		Duration: takeDuration(r), IdleTimeout: r.u16(), HardTimeout: r.u16(),
		PacketCount: r.u64(), ByteCount: r.u64()}
	m.Match = decodeMatch(r)
	return m
}

// Where an encoded flow-removed has its fields.
const (
	removedPriority    = 16
	removedReason      = 18
	removedTable       = 19
	removedDuration    = 20
	removedIdleTimeout = 28
	removedHardTimeout = 30
	removedPackets     = 32
	removedBytes       = 40
	removedMatch       = 48
)

// ParseFlowRemoved reads the flow-removed message b into m, without allocating if the match is in
// the form in which this package sends it: m.Match is valid as long as the bytes of b are.
func ParseFlowRemoved(b []byte, m *FlowRemoved) error {
	if len(b) < removedMatch+8 || b[0] != Version || Type(b[1]) != TypeFlowRemoved || int(be.Uint16(b[2:])) != len(b) ||
		!onlyCanonicalMatch(b[removedMatch:]) {
		_, other, err := Decode(b)
		if err != nil {
			return err
		}
		decoded, ok := other.(*FlowRemoved)
		if !ok {
			return &DecodeError{What: "flow-removed", Reason: "another message"}
		}
		*m = *decoded
		return nil
	}
	*m = FlowRemoved{
		Cookie: be.Uint64(b[HeaderLen:]), Priority: be.Uint16(b[removedPriority:]), Reason: b[removedReason], TableID: b[removedTable],
		Duration:    time.Duration(be.Uint32(b[removedDuration:]))*time.Second + time.Duration(be.Uint32(b[removedDuration+4:])),
		IdleTimeout: be.Uint16(b[removedIdleTimeout:]), HardTimeout: be.Uint16(b[removedHardTimeout:]),
		PacketCount: be.Uint64(b[removedPackets:]), ByteCount: be.Uint64(b[removedBytes:]),
		Match: matchView(b[removedMatch+4 : removedMatch+int(be.Uint16(b[removedMatch+2:]))]),
	}
	return nil
}

// onlyCanonicalMatch reports whether b is a match in canonical form, and nothing else.
func onlyCanonicalMatch(b []byte) bool {
	return pad8(int(be.Uint16(b[2:]))) == len(b) && canonicalMatch(b)
}

// appendDuration appends seconds and nanoseconds.
func appendDuration(b []byte, d time.Duration) []byte {
	b = be.AppendUint32(b, uint32(d/time.Second))
	return be.AppendUint32(b, uint32(d%time.Second))
}

func takeDuration(r *reader) time.Duration {
	s, ns := r.u32(), r.u32()
	return time.Duration(s)*time.Second + time.Duration(ns)
}

// FlowStats is one flow of a dump (OF1.3 A.3.5.2).
type FlowStats struct {
	TableID      uint8
	Duration     time.Duration // since the flow was added
	Priority     uint16
	IdleTimeout  uint16 // seconds
	HardTimeout  uint16 // seconds
	Flags        uint16
	Cookie       uint64
	PacketCount  uint64
	ByteCount    uint64
	Match        Match
	Instructions Instructions
}

// Key identifies the flow.
func (f *FlowStats) Key() FlowKey { return FlowKey{f.TableID, f.Priority, f.Match} }

func appendFlowStats(b []byte, f *FlowStats) []byte {
	start := len(b)
	b = append(b, 0, 0, f.TableID, 0)
	b = appendDuration(b, f.Duration)
	b = be.AppendUint16(b, f.Priority)
	b = be.AppendUint16(b, f.IdleTimeout)
	b = be.AppendUint16(b, f.HardTimeout)
	b = appendZeros(be.AppendUint16(b, f.Flags), 4)
	b = be.AppendUint64(b, f.Cookie)
	b = be.AppendUint64(b, f.PacketCount)
	b = be.AppendUint64(b, f.ByteCount)
	b = appendMatch(b, f.Match)
	b = AppendInstructions(b, f.Instructions)
	be.PutUint16(b[start:], uint16(len(b)-start))
	return b
}

func decodeFlowStats(r *reader) FlowStats {
	f := FlowStats{}
	entry := takeEntry(r, "flow stats")
	f.TableID = entry.u8()
	entry.skip(1)
	f.Duration = takeDuration(entry)
	f.Priority, f.IdleTimeout, f.HardTimeout, f.Flags = entry.u16(), entry.u16(), entry.u16(), entry.u16()
	entry.skip(4)
	f.Cookie, f.PacketCount, f.ByteCount = entry.u64(), entry.u64(), entry.u64()
	f.Match = decodeMatch(entry)
	f.Instructions = decodeInstructions(entry)
	r.adopt(entry)
	return f
}

// takeEntry reads a structure that starts with its 16-bit length and returns a reader over what
// follows the length.
func takeEntry(r *reader, what string) *reader {
	if r.len() < 2 {
		r.truncated(2)
		return r.sub(0, what)
	}
	length := int(be.Uint16(r.b))
	if length < 4 {
		r.fail("%s of length %d", what, length)
	}
	entry := r.sub(length, what)
	entry.skip(2)
	return entry
}

// adopt takes over the error of a reader made by sub, or fails if it has bytes left.
func (r *reader) adopt(sub *reader) {
	if err := sub.end(); err != nil && r.err == nil {
		r.err, r.b = err, nil
	}
}
