package openflow

import (
	"bytes"
	"iter"
	"time"
)

// FlowDump are flows as a switch sent them: checked, and encoded still. A switch may have
// hundreds of thousands; this takes a fraction of the time and memory of as many [FlowStats]. It can
// stand for a [FlowReply], see [DecodeFlowDump].
type FlowDump struct {
	parts []string // whole entries whose matches are in canonical form
	n     int
}

// FlowDumpOf encodes flows. Each must fit into a message.
func FlowDumpOf(flows []FlowStats) (d FlowDump) {
	d.add((&FlowReply{flows}).appendPart(nil), len(flows))
	return d
}

func (d *FlowDump) add(entries []byte, n int) {
	if n > 0 {
		d.parts, d.n = append(d.parts, string(entries)), d.n+n
	}
}

// Add takes over the flows of o.
func (d *FlowDump) Add(o FlowDump) { d.parts, d.n = append(d.parts, o.parts...), d.n+o.n }

// Len is the number of flows.
func (d FlowDump) Len() int { return d.n }

// All iterates over the flows, in the order in which they came.
func (d FlowDump) All() iter.Seq[FlowStatsView] {
	return func(yield func(FlowStatsView) bool) {
		for _, part := range d.parts {
			for len(part) > 0 {
				n := int(be.Uint16(viewOf(part)))
				if !yield(FlowStatsView{part[:n]}) {
					return
				}
				part = part[n:]
			}
		}
	}
}

// Part implements MultipartBody.
func (*FlowDump) Part() MultipartType { return MultipartFlow }

func (d *FlowDump) appendPart(b []byte) []byte {
	for _, part := range d.parts {
		b = append(b, part...)
	}
	return b
}

// multipartBody is where a multipart message has its body.
const multipartBody = 16

// IsFlowReply reports whether the message b is a reply with flows, so that a reader can choose
// between [DecodeFlowDump] and [Decode].
func IsFlowReply(b []byte) bool {
	return len(b) >= multipartBody && b[0] == Version && Type(b[1]) == TypeMultipartReply &&
		MultipartType(be.Uint16(b[HeaderLen:])) == MultipartFlow
}

// DecodeFlowDump is [Decode] for a reply with flows whose body is to be a [FlowDump]. Nothing of it
// aliases b. What instructions do is not looked into, see [FlowStatsView.Stats].
func DecodeFlowDump(b []byte) (xid uint32, m Message, err error) {
	if IsFlowReply(b) && int(be.Uint16(b[2:])) == len(b) {
		if n, ok := countCanonical(b[multipartBody:]); ok {
			dump := &FlowDump{}
			dump.add(b[multipartBody:], n)
			return be.Uint32(b[HeaderXID:]), &MultipartReply{Flags: be.Uint16(b[HeaderLen+2:]), Body: dump}, nil
		}
	}
	// It has to be brought into canonical form, or makes no sense.
	if xid, m, err = Decode(b); err != nil {
		return xid, m, err
	}
	if reply, ok := m.(*MultipartReply); ok {
		if body, ok := reply.Body.(*FlowReply); ok {
			dump := FlowDumpOf(body.Flows)
			if n, ok := countCanonical(dump.appendPart(nil)); !ok || n != dump.n {
				return xid, nil, &DecodeError{What: "flow reply", Reason: "a flow is too long in canonical form"}
			}
			reply.Body = &dump
		}
	}
	return xid, m, nil
}

// Where an encoded flow of a dump has its fields (OF1.3 A.3.5.2).
const (
	flowStatsTable       = 2
	flowStatsDuration    = 4
	flowStatsPriority    = 12
	flowStatsIdleTimeout = 14
	flowStatsHardTimeout = 16
	flowStatsFlags       = 18
	flowStatsCookie      = 24
	flowStatsMatch       = 48
)

// countCanonical counts the flows of a reply. ok is false if one of them is not as it should be, or
// its match is not in canonical form.
func countCanonical(b []byte) (n int, ok bool) {
	for ; len(b) > 0; n++ {
		if len(b) < flowStatsMatch+8 {
			return 0, false
		}
		size := int(be.Uint16(b))
		if size < flowStatsMatch+8 || size > len(b) || !canonicalMatch(b[flowStatsMatch:size]) {
			return 0, false
		}
		b = b[size:]
	}
	return n, true
}

// canonicalMatch reports whether b, of at least eight bytes, begins with a match in canonical form.
// What follows it are instructions, which are all as long as they say.
func canonicalMatch(b []byte) bool {
	length := int(be.Uint16(b[2:]))
	if be.Uint16(b) != matchTypeOXM || length < 4 || pad8(length) > len(b) {
		return false
	}
	r := reader{b: b[4:length]}
	if !takeFields(&r) || r.err != nil {
		return false
	}
	for b = b[pad8(length):]; len(b) > 0; {
		if len(b) < 8 {
			return false
		}
		size := int(be.Uint16(b[2:]))
		if size < 8 || size > len(b) {
			return false
		}
		b = b[size:]
	}
	return true
}

// FlowStatsView is one flow of a [FlowDump]: a view that reads what it is asked for. It allocates
// nothing but where it says so.
type FlowStatsView struct{ entry string }

func (f FlowStatsView) u16(at int) uint16 { return be.Uint16(viewOf(f.entry[at : at+2])) }

// TableID is the table that the flow is in.
func (f FlowStatsView) TableID() uint8 { return f.entry[flowStatsTable] }

// Priority is that of the flow.
func (f FlowStatsView) Priority() uint16 { return f.u16(flowStatsPriority) }

// IdleTimeout is in seconds, 0 for none.
func (f FlowStatsView) IdleTimeout() uint16 { return f.u16(flowStatsIdleTimeout) }

// HardTimeout is in seconds, 0 for none.
func (f FlowStatsView) HardTimeout() uint16 { return f.u16(flowStatsHardTimeout) }

// Duration is the time since the flow was added.
func (f FlowStatsView) Duration() time.Duration {
	b := viewOf(f.entry[flowStatsDuration:])
	return time.Duration(be.Uint32(b))*time.Second + time.Duration(be.Uint32(b[4:]))
}

// Cookie is that of the flow.
func (f FlowStatsView) Cookie() uint64 { return be.Uint64(viewOf(f.entry[flowStatsCookie:])) }

// Match shares memory with the whole reply.
func (f FlowStatsView) Match() Match {
	return Match{oxm: f.entry[flowStatsMatch+4 : flowStatsMatch+int(f.u16(flowStatsMatch+2))]}
}

// Key identifies the flow.
func (f FlowStatsView) Key() FlowKey { return FlowKey{f.TableID(), f.Priority(), f.Match()} }

func (f FlowStatsView) instructions() []byte {
	return viewOf(f.entry[flowStatsMatch+pad8(int(f.u16(flowStatsMatch+2))):])
}

// Stats decodes the whole flow. An error says that its instructions make no sense.
func (f FlowStatsView) Stats() (FlowStats, error) {
	r := newReader(viewOf(f.entry), 0, "flow stats")
	stats := decodeFlowStats(r)
	return stats, r.err
}

// As reports whether the flow is the one that the encoded flow-mod m of this package adds, which is
// for the same flow as [FlowKey] tells, in all that m says.
func (f FlowStatsView) As(m []byte) bool {
	_, at := flowModMatchEnd(m)
	if f.Cookie() != be.Uint64(m[FlowModCookie:]) || f.u16(flowStatsFlags) != be.Uint16(m[FlowModFlags:]) ||
		f.entry[flowStatsIdleTimeout:flowStatsFlags] != string(m[FlowModIdleTimeout:FlowModPriority]) {
		return false
	}
	if bytes.Equal(f.instructions(), m[at:]) {
		return true
	}
	// The same in other words, perhaps.
	stats, err := f.Stats()
	var canonical [256]byte
	return err == nil && bytes.Equal(AppendInstructions(canonical[:0], stats.Instructions), m[at:])
}

// Loaded finds the value that the flow's applied actions put into a field of up to eight bytes, with
// the first [SetField] of all of it or [RegLoad].
func (f FlowStatsView) Loaded(field *Field) (uint64, bool) {
	for b := f.instructions(); len(b) > 0; {
		kind, size := be.Uint16(b), int(be.Uint16(b[2:]))
		if kind == instApplyActions {
			return loadedBy(b[8:size], field)
		}
		b = b[size:]
	}
	return 0, false
}

func loadedBy(actions []byte, field *Field) (uint64, bool) {
	for len(actions) >= 8 {
		size := int(be.Uint16(actions[2:]))
		if size < 8 || size > len(actions) {
			break
		}
		action := actions[:size]
		switch {
		case be.Uint16(action) == actSetField:
			if n, reason := checkOXM(action[4:]); reason == "" && n <= size-4 {
				if value, mask, ok := findOXM(action[4:4+n], field); ok && mask == nil && len(value) <= 8 {
					return uintOf(value), true
				}
			}
		case size == 24 && be.Uint16(action) == actExperimenter && be.Uint32(action[4:]) == ExperimenterNicira && be.Uint16(action[8:]) == nxRegLoad:
			if be.Uint32(action[12:]) == field.actionHeader() && field.actionExperimenter() == 0 {
				return be.Uint64(action[16:]), true
			}
		}
		actions = actions[size:]
	}
	return 0, false
}
