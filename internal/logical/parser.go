package logical

import "slices"

// maxDepth is how deep parentheses and braces may be nested.
const maxDepth = 100

// parser reads what matches and actions have in common: fields and constants.
type parser struct {
	lexer
	symbols *Symbols
	depth   int
}

func newParser(s *Symbols, text string) parser {
	return parser{lexer: newLexer(text), symbols: s}
}

// operand reads a field, perhaps with a range of its bits.
func (p *parser) operand() (o operand, ok bool) {
	t := p.tok
	if t.kind == tokID {
		o.field = p.symbols.fields[t.text]
	}
	if o.field == nil {
		p.syntaxError("field name")
		return o, false
	}
	p.advance()
	o.bits, o.at = o.field.Bits, t.start
	if !p.accept(tokLBracket) {
		return o, true
	}
	low, ok := p.bitNumber()
	if !ok {
		return o, false
	}
	high := low
	if p.accept(tokRange) {
		if high, ok = p.bitNumber(); !ok {
			return o, false
		}
	}
	if !p.require(tokRBracket) {
		return o, false
	}
	switch {
	case o.field.String:
		p.fail(t, "Cannot select subfield of string field %s.", o.field.Name)
	case o.field.Nominal:
		p.fail(t, "Cannot select subfield of nominal field %s.", o.field.Name)
	case low > high || high >= o.field.Bits:
		p.fail(t, "Cannot select bits %d to %d of %d-bit field %s.", low, high, o.field.Bits, o.field.Name)
	default:
		o.ofs, o.bits = low, high-low+1
		return o, true
	}
	return o, false
}

// bitNumber reads the number of a bit. Numbers that no field has are cut to 9999.
func (p *parser) bitNumber() (int, bool) {
	c := p.tok.constant
	if p.tok.kind != tokNumber || c.masked || c.format > formatHex {
		p.syntaxError("small integer")
		return 0, false
	}
	p.advance()
	if c.value.hi != 0 {
		return 9999, true
	}
	return int(min(c.value.lo, 9999)), true
}

// constant reads one constant.
func (p *parser) constant() (c constant, ok bool) {
	switch p.tok.kind {
	case tokNumber:
		c = p.tok.constant
	case tokString:
		c = constant{format: formatString, text: p.tok.text}
	default:
		p.syntaxError("constant")
		return c, false
	}
	p.advance()
	return c, true
}

// constants reads one constant, or several in braces with optional commas. All are numbers or all
// are strings.
func (p *parser) constants() (list []constant, ok bool) {
	if !p.accept(tokLBrace) {
		c, ok := p.constant()
		return []constant{c}, ok
	}
	for {
		t := p.tok
		c, ok := p.constant()
		if !ok {
			return nil, false
		}
		if len(list) > 0 && (c.format == formatString) != (list[0].format == formatString) {
			expected := "integer"
			if list[0].format == formatString {
				expected = "string"
			}
			p.fail(t, "Syntax error at `%s' expecting %s.", p.text[t.start:t.end], expected)
			return nil, false
		}
		list = append(list, c)
		p.accept(tokComma)
		if p.accept(tokRBrace) {
			return slices.Clip(list), true
		}
	}
}

// fits checks that a constant is of the field's type and width. at is the token to blame.
func (p *parser) fits(o operand, c constant, at token) bool {
	switch isString := c.format == formatString; {
	case o.field.String && !isString:
		p.fail(at, "String field %s is not compatible with integer constant.", o.field.Name)
	case !o.field.String && isString:
		p.fail(at, "Integer field %s is not compatible with string constant.", o.field.Name)
	case !isString && c.bits() > o.bits:
		p.fail(at, "%d-bit constant is not compatible with %d-bit field %s.", c.bits(), o.bits, o.String())
	default:
		return true
	}
	return false
}
