package openflow

import (
	"fmt"
	"iter"
	"strings"
	"unsafe"
)

// Match says which packets a flow takes, as a list of OXM fields in canonical form (see the
// package comment). The zero Match takes every packet. Matches are immutable values: the builder
// methods return a new one, and two matches are the same exactly if they are equal with ==.
type Match struct {
	oxm string
}

// OXM is one field of a match. Value and Mask are views that must not be changed; Mask is nil when
// the whole field is matched.
type OXM struct {
	Field *Field
	Value []byte
	Mask  []byte
}

// viewOf gives the bytes of s without copying. The strings of matches are made by this package
// and live on the heap; the views are documented as read-only.
func viewOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// matchView is the match that the fields of b say, in canonical form, as long as the bytes of b are
// not changed.
func matchView(b []byte) Match { return Match{oxm: unsafe.String(unsafe.SliceData(b), len(b))} }

// Key is the canonical encoding, usable as a map key.
func (m Match) Key() string { return m.oxm }

// IsZero reports whether m takes every packet.
func (m Match) IsZero() bool { return m.oxm == "" }

// Equal reports whether both take the same packets by the same fields.
func (m Match) Equal(o Match) bool { return m == o }

// Bytes matches the whole field f with value, which has f.Bytes() bytes. It panics when the length
// is wrong, which is a mistake in the calling code and not in any input.
func (m Match) Bytes(f *Field, value []byte) Match { return m.Masked(f, value, nil) }

// U8 matches the field f with v.
func (m Match) U8(f *Field, v uint8) Match { return m.U64(f, uint64(v)) }

// U16 matches the field f with v.
func (m Match) U16(f *Field, v uint16) Match { return m.U64(f, uint64(v)) }

// U32 matches the field f with v.
func (m Match) U32(f *Field, v uint32) Match { return m.U64(f, uint64(v)) }

// U64 matches the field f, of any width, with v. It panics when v does not fit.
func (m Match) U64(f *Field, v uint64) Match {
	var buf [16]byte
	return m.Masked(f, fieldUint(buf[:0], f, v), nil)
}

// MaskedU64 matches the bits of the field f that are set in mask with v.
func (m Match) MaskedU64(f *Field, v, mask uint64) Match {
	var vb, mb [16]byte
	return m.Masked(f, fieldUint(vb[:0], f, v), fieldUint(mb[:0], f, mask))
}

// MAC matches the field f, of six bytes, with mac.
func (m Match) MAC(f *Field, mac [6]byte) Match { return m.Masked(f, mac[:], nil) }

// Masked matches the bits of the field f that are set in mask with value. A nil mask means all
// bits. A field that m matches already is replaced. It panics when a length is wrong.
func (m Match) Masked(f *Field, value, mask []byte) Match {
	if len(value) != f.Bytes() || mask != nil && len(mask) != len(value) {
		panic(fmt.Sprintf("openflow: match %s: value of %d bytes, mask of %d, want %d", f.Name, len(value), len(mask), f.Bytes()))
	}
	switch {
	case f.wide != nil:
		return m.maskedWide(f, value, mask)
	case f == VLANTCI:
		return m.maskedTCI(value, mask)
	case f == InPortNX:
		return m.U32(InPort, widenPort(be.Uint16(value)))
	}
	var buf [64]byte
	entry := appendOXM(buf[:0], f, value, mask)
	return m.insert(f, entry)
}

// fieldUint writes v in the width of f.
func fieldUint(b []byte, f *Field, v uint64) []byte {
	if n := f.Bytes(); n < 8 && v>>(8*n) != 0 {
		panic(fmt.Sprintf("openflow: value 0x%x does not fit into %s", v, f.Name))
	}
	return appendUint(b, v, f.Bytes())
}

// widenPort turns a 16-bit port number into the 32-bit one (reserved ports move up).
func widenPort(p uint16) uint32 {
	if p >= 0xff00 {
		return uint32(p) | 0xffff0000
	}
	return uint32(p)
}

func (m Match) maskedWide(f *Field, value, mask []byte) Match {
	first := f.wide.rank - Reg0.rank
	for i := 0; i < len(value)/4; i++ {
		part := []byte(nil)
		if mask != nil {
			part = mask[4*i : 4*i+4]
		}
		m = m.Masked(registers[first+i], value[4*i:4*i+4], part)
	}
	return m
}

// maskedTCI expresses a match on the 802.1Q header by the OpenFlow fields, as Open vSwitch does
// when it dumps a flow. The priority has no meaning without a tag, and no mask of its own.
func (m Match) maskedTCI(value, mask []byte) Match {
	v, k := be.Uint16(value), uint16(0xffff)
	if mask != nil {
		k = be.Uint16(mask)
	}
	const vidAndPresent = 0x1fff
	m = m.MaskedU64(VLANVID, uint64(v&vidAndPresent), uint64(k&vidAndPresent))
	if v&k&vidAndPresent != 0 && k>>13 != 0 {
		m = m.U8(VLANPCP, uint8(v>>13))
	}
	return m
}

// normalMask brings a mask into the form of Open vSwitch: nil for "all bits". The field's unused
// bits count as set where Open vSwitch takes them so.
func normalMask(f *Field, mask []byte) []byte {
	if mask == nil || isOnes(mask) {
		return nil
	}
	if f == IPFrag && mask[0]&3 == 3 || f == VLANVID && be.Uint16(mask)&0x1fff == 0x1fff {
		return nil
	}
	return mask
}

// appendOXM appends one entry, or nothing when the mask is all zeros.
func appendOXM(b []byte, f *Field, value, mask []byte) []byte {
	mask = normalMask(f, mask)
	if mask != nil && isZero(mask) {
		return b
	}
	b = appendFieldHeader(b, f.Header, f.Experimenter, mask != nil)
	if mask == nil {
		return append(b, value...)
	}
	for i := range value {
		b = append(b, value[i]&mask[i])
	}
	return append(b, mask...)
}

// appendFieldHeader appends an OXM header, with the experimenter id where there is one.
func appendFieldHeader(b []byte, header, experimenter uint32, masked bool) []byte {
	if masked {
		n := header & 0xff * 2
		if experimenter != 0 {
			n -= 4 // the id itself is there once
		}
		header = header&^0xff | oxmMaskBit | n
	}
	b = be.AppendUint32(b, header)
	if experimenter != 0 {
		b = be.AppendUint32(b, experimenter)
	}
	return b
}

// insert puts entry, which is the encoding of f or empty, in f's place.
func (m Match) insert(f *Field, entry []byte) Match {
	at, end := len(m.oxm), len(m.oxm)
	key := fieldKeyOf(f.Header, f.Experimenter)
	for off := 0; off < len(m.oxm); {
		k, n := splitOXM(viewOf(m.oxm[off:]))
		if k == key {
			at, end = off, off+n
			break
		}
		if g := fields.byKey[k]; f.rank != 0 && g != nil && g.rank > f.rank {
			at, end = off, off
			break
		}
		off += n
	}
	var buf [128]byte // most matches fit, so that only the string is allocated
	out := append(buf[:0], m.oxm[:at]...)
	out = append(out, entry...)
	out = append(out, m.oxm[end:]...)
	return Match{oxm: string(out)}
}

// splitOXM finds the key and the length of the first entry of b, which is known to be whole.
func splitOXM(b []byte) (fieldKey, int) {
	header, exp := be.Uint32(b), uint32(0)
	if header>>16 == classExperimenter {
		exp = be.Uint32(b[4:])
	}
	return fieldKeyOf(header, exp), 4 + int(header&0xff)
}

// fieldOf gives the field of the first entry of b, which is known to be whole.
func fieldOf(b []byte) *Field {
	header, exp := be.Uint32(b), uint32(0)
	if header>>16 == classExperimenter {
		exp = be.Uint32(b[4:])
	}
	return fieldByHeaderMasked(header, exp)
}

// fieldByHeaderMasked is fieldByHeader for a header whose length counts the mask too.
func fieldByHeaderMasked(header, exp uint32) *Field {
	if f, ok := fields.byKey[fieldKeyOf(header, exp)]; ok {
		return f
	}
	if header&oxmMaskBit != 0 {
		n := header & 0xff
		if exp != 0 {
			n = (n-4)/2 + 4
		} else {
			n /= 2
		}
		header = header&^(0xff|oxmMaskBit) | n
	}
	return fieldByHeader(header, exp)
}

// All iterates over the fields in canonical order.
func (m Match) All() iter.Seq[OXM] { return allOXM(viewOf(m.oxm)) }

func allOXM(b []byte) iter.Seq[OXM] {
	return func(yield func(OXM) bool) {
		for len(b) > 0 {
			_, n := splitOXM(b)
			value, mask := payload(b[:n:n])
			if !yield(OXM{Field: fieldOf(b), Value: value, Mask: mask}) {
				return
			}
			b = b[n:]
		}
	}
}

// payload splits the value and mask out of one whole entry.
func payload(entry []byte) (value, mask []byte) {
	header := be.Uint32(entry)
	v := entry[4:]
	if header>>16 == classExperimenter {
		v = v[4:]
	}
	if header&oxmMaskBit == 0 {
		return v, nil
	}
	half := len(v) / 2
	return v[:half:half], v[half:]
}

// Get finds the field f. The results are views that must not be changed; mask is nil when the
// whole field is matched. It does not allocate. Wide registers are matched by their 32-bit parts
// and are never found; use [Match.Wide] for them.
func (m Match) Get(f *Field) (value, mask []byte, ok bool) { return findOXM(viewOf(m.oxm), f) }

// GetU64 is Get for fields of up to eight bytes. An exact match gives a mask of all ones in the
// width of the field.
func (m Match) GetU64(f *Field) (value, mask uint64, ok bool) {
	v, k, ok := m.Get(f)
	if !ok || len(v) > 8 {
		return 0, 0, false
	}
	if k == nil {
		return uintOf(v), ^uint64(0) >> (64 - 8*len(v)), true
	}
	return uintOf(v), uintOf(k), true
}

// Wide puts value and mask of the wide register f (xreg or xxreg) together from its parts; parts
// that are not matched have a mask of zero. It reports whether any part is matched.
func (m Match) Wide(f *Field) (value, mask [16]byte, ok bool) {
	if f.wide == nil {
		return value, mask, false
	}
	first := f.wide.rank - Reg0.rank
	for i := 0; i < f.Bytes()/4; i++ {
		v, k, found := m.GetU64(registers[first+i])
		if found {
			ok = true
			be.PutUint32(value[4*i:], uint32(v))
			be.PutUint32(mask[4*i:], uint32(k))
		}
	}
	return value, mask, ok
}

// findOXM looks for f in a list of whole entries. It stops at the first malformed one.
func findOXM(b []byte, f *Field) (value, mask []byte, ok bool) {
	want := fieldKeyOf(f.Header, f.Experimenter)
	alt := want.classField
	if f.nxm != 0 {
		alt = f.nxm >> 9
	}
	for len(b) >= 4 {
		header := be.Uint32(b)
		n := 4 + int(header&0xff)
		if n > len(b) {
			return nil, nil, false
		}
		exp := uint32(0)
		if header>>16 == classExperimenter {
			if n < 8 {
				return nil, nil, false
			}
			exp = be.Uint32(b[4:])
		}
		if header>>9 == want.classField && exp == want.experimenter || header>>9 == alt && exp == 0 && f.nxm != 0 {
			value, mask = payload(b[:n:n])
			return value, mask, len(value) == f.Bytes()
		}
		b = b[n:]
	}
	return nil, nil, false
}

// String is the match as a list of field=value or field=value/mask, in hexadecimal.
func (m Match) String() string {
	var s strings.Builder
	for o := range m.All() {
		if s.Len() > 0 {
			s.WriteByte(',')
		}
		fmt.Fprintf(&s, "%s=0x%x", o.Field.Name, o.Value)
		if o.Mask != nil {
			fmt.Fprintf(&s, "/0x%x", o.Mask)
		}
	}
	if s.Len() == 0 {
		return "any"
	}
	return s.String()
}

// matchTypeOXM is OFPMT_OXM, the only type of match there is.
const matchTypeOXM = 1

// appendMatch appends the ofp_match structure, padded (OF1.3 A.2.3.1).
func appendMatch(b []byte, m Match) []byte {
	start := len(b)
	b = be.AppendUint16(b, matchTypeOXM)
	b = be.AppendUint16(b, uint16(4+len(m.oxm)))
	b = append(b, m.oxm...)
	return padFrom(b, start)
}

// decodeMatch reads an ofp_match structure with its padding.
func decodeMatch(r *reader) Match {
	kind, length := r.u16(), int(r.u16())
	if r.err != nil {
		return Match{}
	}
	if kind != matchTypeOXM || length < 4 {
		r.fail("match of type %d and length %d", kind, length)
		return Match{}
	}
	body := r.sub(length-4, "match")
	m := decodeOXM(body)
	if r.err == nil {
		r.err = body.err
	}
	r.skip(pad8(length) - length)
	return m
}

// checkOXM verifies the shape of the entry at the start of b, of at least four bytes, and returns
// the length that it claims.
func checkOXM(b []byte) (n int, reason string) {
	header := be.Uint32(b)
	n = 4 + int(header&0xff)
	size := n - 4
	if header>>16 == classExperimenter {
		if size < 4 {
			return n, "experimenter field without id"
		}
		size -= 4
	}
	if header&oxmMaskBit != 0 && size%2 != 0 {
		return n, "field and mask differ in length"
	}
	return n, ""
}

// takeOXM reads one whole entry.
func takeOXM(r *reader) []byte {
	if r.len() < 4 {
		r.truncated(4)
		return nil
	}
	n, reason := checkOXM(r.b)
	if reason != "" {
		r.fail("%s", reason)
		return nil
	}
	return r.take(n)
}

// decodeOXM reads a list of fields up to the end of r and brings it into canonical form.
func decodeOXM(r *reader) Match {
	whole := r.b
	canonical := takeFields(r)
	if r.err != nil {
		return Match{}
	}
	if canonical {
		return Match{oxm: string(whole)}
	}
	return rebuildOXM(r, whole)
}

// takeFields reads a list of fields up to the end of r and reports whether it is in canonical form.
func takeFields(r *reader) (canonical bool) {
	canonical, last := true, 0
	for r.more() {
		entry := takeOXM(r)
		if r.err != nil {
			return false
		}
		key, _ := splitOXM(entry)
		f := fields.byKey[key]
		if f == nil {
			continue
		}
		value, mask := payload(entry)
		if f.Bytes() != len(value) {
			r.fail("%s of %d bytes, want %d", f.Name, len(value), f.Bytes())
			return false
		}
		if f.rank <= last || !isCanonical(f, entry, value, mask) {
			canonical = false
		}
		last = max(last, f.rank)
	}
	return canonical
}

// isCanonical reports whether appendOXM would give the same entry.
func isCanonical(f *Field, entry, value, mask []byte) bool {
	if mask == nil {
		return be.Uint32(entry) == f.Header // another form of the field has another header
	}
	var buf [64]byte
	return string(appendOXM(buf[:0], f, value, mask)) == string(entry)
}

// rebuildOXM brings a list of whole entries into canonical form: the known fields in order, then
// the others as they are. Known fields are few, so the work is linear in the length of b.
func rebuildOXM(r *reader, b []byte) Match {
	var m Match
	var rest []byte
	seen := make(map[*Field]bool)
	for len(b) > 0 {
		key, n := splitOXM(b)
		f := fields.byKey[key]
		switch {
		case f == nil:
			rest = append(rest, b[:n]...)
		case seen[f]:
			r.fail("field %s twice", f.Name)
			return Match{}
		default:
			seen[f] = true
			value, mask := payload(b[:n:n])
			m = m.Masked(f, value, mask)
		}
		b = b[n:]
	}
	return Match{oxm: m.oxm + string(rest)}
}
