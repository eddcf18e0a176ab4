package logical

import (
	"fmt"

	"github.com/isat-sdn/isat/openflow"
)

const (
	maxVID       = 4094 // IEEE 802.1Q §9.6
	maxTable     = 254  // OF1.3 A.2: OFPTT_MAX
	maxPhysical  = 0xfeff
	maxPktLength = 0xffff
)

// next parses next; next(table); and next(table=table).
func (p *actionParser) next() action {
	p.advance()
	if p.tok.kind != tokLParen {
		return nextAction{}
	}
	p.advance()
	if table := p.tok; p.acceptID("table") && !p.accept(tokAssign) {
		p.require(tokRParen)
		return nextAction{given: true, table: tableRef{name: table.text, at: table.start}}
	}
	table := p.table()
	p.require(tokRParen)
	return nextAction{given: true, table: table}
}

// tableArgument parses a table in parentheses after a name.
func (p *actionParser) tableArgument() tableRef {
	p.advance()
	p.require(tokLParen)
	table := p.table()
	p.require(tokRParen)
	return table
}

func (p *actionParser) table() tableRef {
	at := p.tok
	if at.kind == tokNumber {
		return tableRef{number: uint8(p.integer(0, maxTable)), at: at.start}
	}
	return tableRef{name: p.name("table number or name"), at: at.start}
}

// name parses a word or a string.
func (p *actionParser) name(expecting string) string {
	at := p.tok
	if at.kind != tokID && at.kind != tokString || at.text == "" {
		p.syntaxError(expecting)
		return ""
	}
	p.advance()
	return at.text
}

// formatName writes a name so that it is parsed as the same name again.
func formatName(b []byte, name string) []byte {
	l := newLexer(name)
	if l.tok.kind == tokID && l.tok.text == name {
		return append(b, name...)
	}
	return appendQuoted(b, name)
}

// integer parses an unmasked number in a range.
func (p *actionParser) integer(least, most uint64) uint64 {
	at := p.tok
	c := at.constant
	if at.kind != tokNumber || c.masked || c.format > formatHex {
		p.syntaxError("integer")
		return 0
	}
	if c.value.hi != 0 || c.value.lo < least || c.value.lo > most {
		p.fail(at, "%s is not in the range %d to %d.", c, least, most)
		return 0
	}
	p.advance()
	return c.value.lo
}

// argument parses a number in parentheses after a name.
func (p *actionParser) argument(least, most uint64) uint64 {
	p.advance()
	p.require(tokLParen)
	n := p.integer(least, most)
	p.require(tokRParen)
	return n
}

// send parses send(port): a port of the switch's or one of OpenFlow's reserved
// ports that packets can be sent to (OF1.3 A.2.1).
func (p *actionParser) send() action {
	at := p.tok
	port := uint32(p.argument(1, uint64(openflow.PortLocal)))
	if p.err == nil && port > maxPhysical && (port < openflow.PortInPort || port == openflow.PortTable) {
		p.fail(at, "%d is no port that packets can be sent to.", port)
	}
	return sendAction{port: port}
}

func (p *actionParser) punt() action {
	p.advance()
	p.require(tokLParen)
	at := p.tok
	reason := p.name("reason")
	p.require(tokRParen)
	return puntAction{reason: reason, at: at.start}
}

// need is the prerequisite of an action that no field implies.
func (p *actionParser) need(predicate string) *node {
	at := p.tok
	e, err := ParseMatch(p.symbols, predicate)
	if err != nil {
		p.fail(at, "This action needs %s, which is no symbol here.", predicate)
		return nil
	}
	return e.root
}

// lvalue parses a field or bits of one.
func (p *actionParser) lvalue() operand {
	if p.tok.kind == tokID && p.symbols.predicates[p.tok.text] != nil {
		p.fail(p.tok, "Predicate symbol %s used where lvalue required.", p.tok.text)
	}
	o, _ := p.operand()
	return o
}

// stringArgument parses the P of a call.
func (p *actionParser) stringArgument() operand {
	o := p.lvalue()
	if p.err == nil && !o.field.String {
		p.failAt(o.at, "Cannot use numeric field %s where string field is required.", o)
	}
	return o
}

// numericArgument parses an A or E of a call: a field of one of the widths.
func (p *actionParser) numericArgument(widths ...int) operand {
	o := p.lvalue()
	if p.err != nil {
		return o
	}
	if o.field.String {
		p.failAt(o.at, "Cannot use string field %s where numeric field is required.", o)
		return o
	}
	wanted := ""
	for i, bits := range widths {
		if o.bits == bits {
			return o
		}
		if i > 0 {
			wanted += " or "
		}
		wanted += fmt.Sprintf("%d-bit", bits)
	}
	p.failAt(o.at, "Cannot use %d-bit field %s where %s field is required.", o.bits, o.span(), wanted)
	return o
}

func (p *actionParser) failAt(offset int, format string, args ...any) {
	p.fail(token{start: offset}, format, args...)
}

// addressBits is the width of an address that the calls whose names end in _arp
// and _nd take, and its IP version.
func addressBits(call string) (bits int, ip uint64) {
	if call == "get_arp" || call == "put_arp" {
		return 32, 4
	}
	return 128, 6
}

func (p *actionParser) get(name string) action {
	bits, ip := addressBits(name)
	p.advance()
	p.require(tokLParen)
	port := p.stringArgument()
	p.require(tokComma)
	addr := p.numericArgument(bits)
	p.require(tokRParen)
	return getAction{ip: ip, port: port, addr: addr}
}

func (p *actionParser) put(name string) action {
	bits, ip := addressBits(name)
	p.advance()
	p.require(tokLParen)
	port := p.stringArgument()
	p.require(tokComma)
	addr := p.numericArgument(bits)
	p.require(tokComma)
	mac := p.numericArgument(48)
	p.require(tokRParen)
	return putAction{ip: ip, port: port, addr: addr, mac: mac}
}

// wait parses hold(P, A) and rate_limit(P, A), whose A is of either version.
func (p *actionParser) wait(op Op) action {
	p.advance()
	p.require(tokLParen)
	port := p.stringArgument()
	p.require(tokComma)
	addr := p.numericArgument(32, 128)
	p.require(tokRParen)
	ip := uint64(4)
	if addr.bits == 128 {
		ip = 6
	}
	return waitAction{op: op, ip: ip, port: port, addr: addr}
}

// composed parses the inner actions of arp { … } and its like, which make a
// packet from one that is what from says.
func (p *actionParser) composed(op Op, from string) action {
	act := composeAction{op: op, need: p.need(from), at: p.tok.start}
	p.advance()
	if p.depth++; p.depth > maxActionDepth {
		p.failAt(act.at, "Actions are nested more than %d levels deep.", maxActionDepth)
	}
	p.require(tokLBrace)
	outer := p.compose
	p.compose = &act
	act.inner = p.list(tokRBrace)
	p.compose = outer
	p.require(tokRBrace)
	p.depth--
	return act
}

// pseudoField is the width of a field that only a packet that is being made
// has, because OpenFlow has none like it, and the action that makes the packet.
func pseudoField(name string) (bits int, op Op) {
	switch name {
	case "icmp4.frag_mtu": // RFC 1191 §4
		return 16, OpComposeICMP4
	case "icmp6.frag_mtu", "icmp6.pointer": // RFC 4443 §3.2, §3.4
		return 32, OpComposeICMP6
	}
	return 0, 0
}

// setPseudo parses the assignment to a pseudo field.
func (p *actionParser) setPseudo(bits int, op Op) {
	at := p.tok
	switch {
	case p.compose == nil || p.compose.op != op:
		p.fail(at, "%s can be set only inside %s { }.", at.text, op)
	case p.compose.pseudo != "":
		p.fail(at, "%s is set already, and is in the same place as %s.", p.compose.pseudo, at.text)
	}
	p.advance()
	p.require(tokAssign)
	n := p.integer(0, ones(bits).lo)
	if p.err == nil {
		p.compose.pseudo, p.compose.arg = at.text, n
	}
}
