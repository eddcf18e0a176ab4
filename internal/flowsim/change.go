package flowsim

import (
	"slices"

	"github.com/isat-sdn/isat/openflow"
)

// change does an operation that changes the packet or what travels with it.
func (r *run) change(op operation) {
	switch a := op.(type) {
	case openflow.PushVLAN:
		r.changed(openflow.VLANTCI, func() {
			copy(r.key.tags[1:], r.key.tags[:])
			r.key.tags[0] = vlanTag{a.EtherType, tagPresent}
		})
	case openflow.PopVLAN:
		r.changed(openflow.VLANTCI, func() {
			copy(r.key.tags[:], r.key.tags[1:])
			r.key.tags[maxTags-1] = vlanTag{}
		})
	case openflow.SetField:
		r.setField(a)
	case openflow.RegLoad:
		r.write(a.Field, a.Ofs, be.AppendUint64(nil, a.Value), 0, a.NBits)
	case openflow.RegMove:
		if v := r.key.read(a.Src); v != nil {
			r.write(a.Dst, a.DstOfs, v, a.SrcOfs, a.NBits)
		}
	case openflow.SetTTL:
		r.write(openflow.IPTTL, 0, []byte{a.TTL}, 0, 8)
	case openflow.StackPush:
		r.push(a)
	case openflow.StackPop:
		r.pop(a)
	case writeMetadata:
		r.changed(openflow.Metadata, func() { r.key.metadata = r.key.metadata&^a.mask | a.value&a.mask })
	}
}

// changed does something that changes a field, and makes that a part of the step.
func (r *run) changed(f *openflow.Field, do func()) {
	before := r.key.read(f)
	do()
	if after := r.key.read(f); !slices.Equal(before, after) {
		r.record(Change{f, before, after})
	}
}

func (r *run) setField(a openflow.SetField) {
	v := r.key.read(a.Field)
	if v == nil {
		return
	}
	for i := range v {
		m := byte(0xff)
		if a.Mask != nil {
			m = a.Mask[i]
		}
		v[i] = v[i]&^m | a.Value[i]&m
	}
	r.changed(a.Field, func() { r.key.write(a.Field, v) })
}

// write copies bits into a field, if the packet has it.
func (r *run) write(f *openflow.Field, ofs uint16, src []byte, srcOfs, nbits uint16) {
	v := r.key.read(f)
	if v == nil {
		return
	}
	copyBits(v, int(ofs), src, int(srcOfs), int(nbits))
	r.changed(f, func() { r.key.write(f, v) })
}

// push puts bits of a field on the stack.
func (r *run) push(a openflow.StackPush) {
	v := make([]byte, (int(a.NBits)+7)/8)
	if from := r.key.read(a.Field); from != nil {
		copyBits(v, 0, from, int(a.Ofs), int(a.NBits))
	}
	r.stack = append(r.stack, v)
}

// pop takes bits of a field from the stack. Of a value with fewer bits the rest is zero; an empty
// stack leaves the field as it is.
func (r *run) pop(a openflow.StackPop) {
	if len(r.stack) == 0 {
		r.note("nothing is on the stack for %s", openflow.FormatActions([]openflow.Action{a}))
		return
	}
	last := len(r.stack) - 1
	v := r.stack[last]
	r.stack = r.stack[:last:last]
	if n := (int(a.NBits) + 7) / 8; len(v) < n {
		v = append(make([]byte, n-len(v)), v...)
	}
	r.write(a.Field, a.Ofs, v, 0, a.NBits)
}

// stackBytes is what Open vSwitch needs for the stack: each value and a byte for its length.
func (s *state) stackBytes() int {
	n := 0
	for _, v := range s.stack {
		n += len(v) + 1
	}
	return n
}

// decTTL takes one from the time to live. If none would be left, it punts the packet and reports
// false: the rest of the list of actions is not done.
func (r *run) decTTL() bool {
	if !isIP(&r.key) {
		return true
	}
	if r.key.ttl > 1 {
		r.changed(openflow.IPTTL, func() { r.key.ttl-- })
		return true
	}
	r.note("the time to live is over")
	r.punt(openflow.Controller2{Reason: openflow.ReasonInvalidTTL, MeterID: openflow.NoMeter})
	return false
}
