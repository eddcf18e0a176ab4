package logical

import "github.com/isat-sdn/isat/openflow"

// assignment parses the actions that begin with a field.
func (p *actionParser) assignment() action {
	dst := p.lvalue()
	if p.err != nil {
		return nil
	}
	switch {
	case dst.field.ReadOnly:
		p.failAt(dst.at, "Field %s is not modifiable.", dst.field.Name)
	case p.accept(tokExchange):
		return p.exchange(dst)
	case p.accept(tokAssign):
		return p.assign(dst)
	default:
		p.syntaxError("`=' or `<->'")
	}
	return nil
}

func (p *actionParser) exchange(x operand) action {
	y := p.lvalue()
	switch {
	case p.err != nil:
	case y.field.ReadOnly:
		p.failAt(y.at, "Field %s is not modifiable.", y.field.Name)
	case x.field.String != y.field.String:
		p.failAt(x.at, "Can't exchange %s field (%s) with %s field (%s).", x.kind(), x, y.kind(), y)
	case x.bits != y.bits:
		p.failAt(x.at, "Can't exchange %d-bit field with %d-bit field.", x.bits, y.bits)
	}
	return swapAction{x: x, y: y}
}

// assign parses what is assigned to dst.
func (p *actionParser) assign(dst operand) action {
	switch {
	case p.tok.kind == tokID && p.tok.text == "check_pkt_larger":
		if dst.field.String || dst.bits != 1 {
			p.failAt(dst.at, "Cannot use %d-bit field %s where 1-bit field is required.", dst.bits, dst.span())
		}
		return checkLargerAction{dst: dst, length: uint16(p.argument(0, maxPktLength))}
	case p.tok.kind == tokID && p.tok.text == "select":
		return p.choice(dst)
	case p.tok.kind == tokID:
		return p.move(dst)
	}
	return setAction{dst: dst, value: p.constantFor(dst)}
}

func (p *actionParser) move(dst operand) action {
	src := p.lvalue()
	switch {
	case p.err != nil:
	case dst.field.String != src.field.String:
		p.failAt(src.at, "Can't assign %s field (%s) to %s field (%s).", src.kind(), src, dst.kind(), dst)
	case dst.field.String && dst.bits != src.bits:
		p.failAt(src.at, "String fields %s and %s are incompatible for assignment.", dst, src)
	case dst.bits != src.bits:
		p.failAt(src.at, "Can't assign %d-bit value to %d-bit destination.", src.bits, dst.bits)
	}
	return moveAction{dst: dst, src: src}
}

// kind is what error texts call the type of an operand.
func (o operand) kind() string {
	if o.field.String {
		return "string"
	}
	return "integer"
}

// constantFor parses a constant that dst can hold.
func (p *actionParser) constantFor(dst operand) constant {
	at := p.tok
	list, ok := p.constants()
	if !ok {
		return constant{}
	}
	c := list[0]
	switch {
	case len(list) > 1:
		p.fail(at, "Assignments require a single value.")
	case p.fits(dst, c, at) && c.masked && c.mask != ones(dst.bits) && !dst.field.OF.Maskable:
		p.fail(at, "Field %s can be set only as a whole, without a mask.", dst.field.Name)
	}
	return c
}

// choice parses select(0, 1, …).
func (p *actionParser) choice(dst operand) action {
	if dst.field.String {
		p.failAt(dst.at, "Cannot use string field %s where numeric field is required.", dst)
	}
	p.advance()
	p.require(tokLParen)
	n := 0
	for more := true; more && p.err == nil; n++ {
		at := p.tok
		if v := p.integer(0, 1<<16-1); p.err == nil && v != uint64(n) {
			p.fail(at, "select takes 0, 1, 2 and so on, in order, and this is number %d.", n)
		}
		more = p.accept(tokComma)
	}
	p.require(tokRParen)
	if n < 2 {
		p.syntaxError("at least 2 group members")
	}
	if p.err == nil && small(uint64(n-1)).width() > dst.bits {
		p.failAt(dst.at, "%d-bit field %s cannot hold %d values.", dst.bits, dst, n)
	}
	return selectAction{dst: dst, n: n}
}

// compile hashes as a router does for equal-cost next hops: addresses, protocol
// and ports, so that a flow stays on its path.
func (a selectAction) compile(c *compiler) error {
	p := a.dst.place()
	c.add(openflow.Multipath{
		Fields: openflow.HashSymmetricL3L4UDP, Algorithm: openflow.LinkModuloN, MaxLink: uint16(a.n - 1),
		Dst: p.Field, DstOfs: uint16(p.Ofs), NBits: uint16(p.Bits),
	})
	return nil
}
