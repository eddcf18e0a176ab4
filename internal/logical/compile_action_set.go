package logical

import "github.com/isat-sdn/isat/openflow"

func (a setAction) compile(c *compiler) error {
	value, mask := a.value.value, ones(a.dst.bits)
	if a.value.masked {
		mask = a.value.mask
	}
	if a.dst.field.String {
		v, err := c.nameNumber(a)
		if err != nil {
			return err
		}
		value = small(v)
	}
	c.set(a.dst.place(), value, mask)
	return nil
}

// nameNumber is the number that stands for the name that a assigns: 0, which
// nothing has, for one that is not known, as in OVN. Ports and networks come
// and go, and what mentions them stays.
func (c *compiler) nameNumber(a setAction) (uint64, error) {
	if c.target.Names == nil {
		return 0, nil
	}
	v, ok := c.target.Names(a.dst.field, a.value.text)
	if !ok {
		return 0, nil
	}
	if !small(v).and(ones(a.dst.bits).not()).isZero() {
		return 0, c.errorf(a.dst.at, "The number of %q, %d, does not fit into %d-bit field %s.", excerpt(a.value.text), v, a.dst.bits, a.dst)
	}
	return v, nil
}

// set sets the bits of a place that are set in mask. A whole field is a
// set-field; a run of bits a load, or two if there are more than 64; and any
// other mask a masked set-field.
func (c *compiler) set(p Place, value, mask number) {
	if mask.isZero() {
		return
	}
	value, mask = value.and(mask).shiftLeft(p.Ofs), mask.shiftLeft(p.Ofs)
	switch first, width := mask.trailingZeros(), mask.width(); {
	case mask == ones(p.Field.Bits):
		c.add(openflow.SetField{Field: p.Field, Value: fieldBytes(p.Field, whole(p.Field, value))})
	case mask == ones(width).and(ones(first).not()):
		for ; first < width; first += 64 {
			bits := min(width-first, 64)
			c.add(openflow.RegLoad{Field: p.Field, Ofs: uint16(first), NBits: uint16(bits),
				Value: value.shiftRight(first).and(ones(bits)).lo})
		}
	default:
		c.add(openflow.SetField{Field: p.Field, Value: fieldBytes(p.Field, value), Mask: fieldBytes(p.Field, mask)})
	}
}

// whole is the value of a set-field of all of f. OpenFlow wants the bit that
// says that there is a VLAN tag to be set along with the tag's id (OF1.3
// A.2.3.7).
func whole(f *openflow.Field, value number) number {
	if f == openflow.VLANVID {
		return value.or(small(uint64(openflow.VLANPresent)))
	}
	return value
}

// fieldBytes is the value of f, in the bytes that it has.
func fieldBytes(f *openflow.Field, n number) []byte {
	b := n.bytes()
	return append([]byte(nil), b[len(b)-f.Bytes():]...)
}
