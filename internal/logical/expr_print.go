package logical

import "strconv"

// String is the canonical text: ParseMatch of it gives an equal expression.
func (e *Expr) String() string { return string(e.root.append(nil)) }

func (n *node) append(b []byte) []byte {
	switch n.kind {
	case nodeFalse:
		return append(b, '0')
	case nodeTrue:
		return append(b, '1')
	case nodePredicate:
		if n.negated {
			b = append(b, '!')
		}
		return append(b, n.predicate.Name...)
	case nodeCompare:
		return n.appendCompare(b)
	}
	operator := " && "
	if n.kind == nodeOr {
		operator = " || "
	}
	for i, c := range n.children {
		if i > 0 {
			b = append(b, operator...)
		}
		if c.kind == nodeAnd || c.kind == nodeOr {
			b = append(c.append(append(b, '(')), ')')
		} else {
			b = c.append(b)
		}
	}
	return b
}

func (n *node) appendCompare(b []byte) []byte {
	if n.isBit() {
		if n.constants[0].value.isZero() {
			b = append(b, '!')
		}
		return n.appendField(b)
	}
	b = n.appendField(b)
	b = append(b, ' ')
	b = append(b, n.rel.String()...)
	b = append(b, ' ')
	if len(n.constants) == 1 {
		return n.constants[0].append(b)
	}
	b = append(b, '{')
	for i, c := range n.constants {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = c.append(b)
	}
	return append(b, '}')
}

func (n *node) appendField(b []byte) []byte {
	b = append(b, n.field.Name...)
	if n.bits == n.field.Bits {
		return b
	}
	b = append(b, '[')
	b = strconv.AppendInt(b, int64(n.ofs), 10)
	if n.bits > 1 {
		b = append(b, ".."...)
		b = strconv.AppendInt(b, int64(n.ofs+n.bits-1), 10)
	}
	return append(b, ']')
}
