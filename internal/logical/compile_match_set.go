package logical

import (
	"slices"

	"github.com/isat-sdn/isat/openflow"
)

// base is where a field lies in the compiler's view, in which the fields of one expression don't
// overlap: the parts of a VLAN tag are parts of the tag, and registers are parts of the 128-bit
// registers if the expression uses those, or 64-bit registers, too.
type base struct {
	field *openflow.Field
	rank  int32 // place in the order of fields
	shift int32 // lowest bit within field
}

func baseOf(f *openflow.Field) base {
	b := base{field: f}
	switch f {
	case openflow.VLANVID:
		b.field = openflow.VLANTCI
	case openflow.VLANPCP:
		b.field, b.shift = openflow.VLANTCI, 13
	}
	b.rank = int32(slices.Index(openflow.Fields(), b.field))
	return b
}

// wideBaseOf is the base of a register within its 128-bit register, whose number quad is. ok is
// false if f is no register.
func wideBaseOf(f *openflow.Field) (b base, quad int, ok bool) {
	quads := [...]*openflow.Field{openflow.XXReg0, openflow.XXReg1, openflow.XXReg2, openflow.XXReg3}
	pairs := [...]*openflow.Field{openflow.XReg0, openflow.XReg1, openflow.XReg2, openflow.XReg3,
		openflow.XReg4, openflow.XReg5, openflow.XReg6, openflow.XReg7}
	quad, shift := slices.Index(quads[:], f), 0
	if i := slices.Index(pairs[:], f); i >= 0 {
		quad, shift = i/2, 64*(1-i%2)
	}
	for i := range 4 * len(quads) {
		if f == openflow.Reg(i) {
			quad, shift = i/4, 32*(3-i%4)
		}
	}
	if quad < 0 {
		return b, 0, false
	}
	b = baseOf(quads[quad])
	b.shift = int32(shift)
	return b, quad, true
}

// cube is the set of the values v with v & mask == value. Bits of value outside of mask are 0.
type cube struct{ value, mask number }

// within reports whether o has all that c has.
func (c cube) within(o cube) bool {
	return o.mask.and(c.mask.not()).isZero() && c.value.and(o.mask) == o.value
}

// meet is what both have. ok is false if that is nothing.
func (c cube) meet(o cube) (both cube, ok bool) {
	common := c.mask.and(o.mask)
	if c.value.and(common) != o.value.and(common) {
		return cube{}, false
	}
	return cube{c.value.or(o.value), c.mask.or(o.mask)}, true
}

// span is the set of the values from lo to hi.
type span struct{ lo, hi number }

// cover appends the fewest prefixes of width bits that make up s.
func (s span) cover(list []cube, width int) []cube {
	full := ones(width)
	for lo := s.lo; ; {
		// The largest aligned block that begins at lo and ends by hi.
		size := min(lo.trailingZeros(), width)
		for size > 0 && s.hi.less(lo.or(ones(size))) {
			size--
		}
		list = append(list, cube{lo, full.and(ones(size).not())})
		last := lo.or(ones(size))
		if !last.less(s.hi) {
			return list
		}
		lo = last.plus(small(1))
	}
}

// joinSpans sorts spans and joins those that overlap or touch.
func joinSpans(list []span) []span {
	slices.SortFunc(list, func(a, b span) int { return a.lo.compare(b.lo) })
	out := list[:0]
	for _, s := range list {
		if n := len(out); n > 0 && (!out[n-1].hi.less(s.lo) || out[n-1].hi.plus(small(1)) == s.lo) {
			if out[n-1].hi.less(s.hi) {
				out[n-1].hi = s.hi
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

// complement are the values of width bits that list, joined, leaves out.
func complement(list []span, width int) []span {
	var out []span
	next, end := number{}, ones(width)
	for _, s := range list {
		if next.less(s.lo) {
			out = append(out, span{next, s.lo.minus(small(1))})
		}
		if s.hi == end {
			return out
		}
		next = s.hi.plus(small(1))
	}
	return append(out, span{next, end})
}

// window finds the bits, from ofs to ofs+width-1, of which all cubes are prefixes. ok is false if
// they aren't.
func window(list []cube) (ofs, width int, ok bool) {
	top, ofs := list[0].mask.width(), 128
	for _, c := range list {
		low := c.mask.trailingZeros()
		if c.mask.width() != top || c.mask != ones(top).and(ones(low).not()) {
			return 0, 0, false
		}
		ofs = min(ofs, low)
	}
	return ofs, top - ofs, top > ofs
}

// simplify gives fewer cubes that make up the same set: nil for nothing, one with a mask of 0 for
// everything. It keeps exact values apart when apart is set. It may reuse list.
func simplify(list []cube, apart bool) []cube {
	if len(list) < 2 {
		return list
	}
	if !apart {
		if ofs, width, ok := window(list); ok {
			return joinPrefixes(list, ofs, width)
		}
	}
	return dropContained(list)
}

// joinPrefixes replaces prefixes within the bits from ofs by the fewest that make up the same set.
func joinPrefixes(list []cube, ofs, width int) []cube {
	spans := make([]span, len(list))
	for i, c := range list {
		lo := c.value.shiftRight(ofs)
		spans[i] = span{lo, lo.or(ones(width).and(c.mask.shiftRight(ofs).not()))}
	}
	list = list[:0]
	for _, s := range joinSpans(spans) {
		list = s.cover(list, width)
	}
	for i, c := range list {
		list[i] = cube{c.value.shiftLeft(ofs), c.mask.shiftLeft(ofs)}
	}
	return list
}

// dropContained removes cubes that are equal to or within another one.
func dropContained(list []cube) []cube {
	slices.SortFunc(list, func(a, b cube) int {
		if c := a.value.compare(b.value); c != 0 {
			return c
		}
		return a.mask.compare(b.mask)
	})
	list = slices.Compact(list)
	if !mixedMasks(list) {
		return list
	}
	// Sets with odd masks are small; larger ones stay as they are, which is right but not minimal.
	const limit = 512
	if len(list) > limit {
		return list
	}
	all := slices.Clone(list)
	return slices.DeleteFunc(list, func(c cube) bool {
		return slices.ContainsFunc(all, func(o cube) bool { return o != c && c.within(o) })
	})
}

func mixedMasks(list []cube) bool {
	return slices.ContainsFunc(list, func(c cube) bool { return c.mask != list[0].mask })
}
