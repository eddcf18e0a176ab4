package logical

// cubes gives the values that n, a comparison, is true for, within the base of its field: nil if
// there are none, as when no name is known.
func (l *lowering) cubes(n *node) []cube {
	if n.field.String {
		return l.nameCubes(n)
	}
	shift := int(l.base(n.field).shift) + n.field.Ofs + n.ofs
	full := ones(n.bits)
	var list []cube
	switch {
	case n.rel == relEQ && len(n.constants) == 1:
		list = l.single(n.constants[0].cube(full))
	case n.rel == relEQ:
		list = make([]cube, len(n.constants))
		for i, c := range n.constants {
			list[i] = c.cube(full)
		}
		list = simplify(list, n.field.Nominal)
	case n.rel == relNE:
		list = l.unequal(n, full)
	default:
		if s, ok := n.rel.span(n.constants[0].value, full); ok {
			list = s.cover(nil, n.bits)
		}
	}
	if shift != 0 {
		for i, c := range list {
			list[i] = cube{c.value.shiftLeft(shift), c.mask.shiftLeft(shift)}
		}
	}
	return list
}

func (c constant) cube(full number) cube {
	if c.masked {
		return cube{c.value, c.mask}
	}
	return cube{c.value, full}
}

// span are the values that are in relation r, an order, to v. ok is false if there are none.
func (r relation) span(v, full number) (s span, ok bool) {
	switch r {
	case relLT:
		return span{number{}, v.minus(small(1))}, !v.isZero()
	case relLE:
		return span{number{}, v}, true
	case relGT:
		return span{v.plus(small(1)), full}, v != full
	default:
		return span{v, full}, true
	}
}

// unequal gives the values that are not equal to any constant.
func (l *lowering) unequal(n *node, full number) []cube {
	var excluded []span
	var odd []cube
	for _, c := range n.constants {
		if ofs := c.cube(full).mask.trailingZeros(); c.masked && c.mask != full.and(ones(ofs).not()) {
			odd = append(odd, c.cube(full))
		} else {
			excluded = append(excluded, span{c.value, c.value.or(full.and(c.cube(full).mask.not()))})
		}
	}
	var list []cube
	for _, s := range complement(joinSpans(excluded), n.bits) {
		list = s.cover(list, n.bits)
	}
	for _, c := range odd {
		list = l.meet(list, c.outside(), false)
	}
	return list
}

// outside gives the values that are not in c: those that differ in the first, the second… bit of
// the mask.
func (c cube) outside() []cube {
	var list []cube
	prefix := cube{}
	for i := c.mask.width() - 1; i >= 0; i-- {
		bit := small(1).shiftLeft(i)
		if c.mask.and(bit).isZero() {
			continue
		}
		prefix.mask = prefix.mask.or(bit)
		list = append(list, cube{prefix.value.or(bit.and(c.value.not())), prefix.mask})
		prefix.value = prefix.value.or(bit.and(c.value))
	}
	return list
}

// nameCubes is cubes for a string field. Unknown names have no value.
func (l *lowering) nameCubes(n *node) []cube {
	shift := int(l.base(n.field).shift) + n.field.Ofs
	mask := ones(n.bits)
	var list []cube
	for i, c := range n.constants {
		number, ok := uint64(i), l.measure
		if l.names != nil {
			number, ok = l.names(n.field, c.text)
		}
		// A number that the field can't hold is one that no packet has.
		if v := small(number); ok && v.and(mask.not()).isZero() {
			c := cube{v.shiftLeft(shift), mask.shiftLeft(shift)}
			if len(n.constants) == 1 {
				return l.single(c)
			}
			list = append(list, c)
		}
	}
	return simplify(list, true)
}
