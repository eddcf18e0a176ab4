package logical

import (
	"math"
	"slices"
)

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
	o.at = t.start
	if o.field.String && p.tok.kind == tokLBracket {
		p.fail(t, "Cannot select subfield of string field %s.", o.field.Name)
		return o, false
	}
	if o.ofs, o.bits, ok = p.subfield(t, o.field.Bits); !ok {
		return o, false
	}
	if o.field.Nominal && o.bits != o.field.Bits {
		p.fail(t, "Cannot select subfield of nominal field %s.", o.field.Name)
		return o, false
	}
	return o, true
}

// subfield reads which bits of the symbol at the token t, which has width bits, brackets behind it
// select: n bits from bit ofs on. Without brackets that is all.
func (p *parser) subfield(t token, width int) (ofs, n int, ok bool) {
	if !p.accept(tokLBracket) {
		return 0, width, true
	}
	low, ok := p.bitNumber()
	if !ok {
		return 0, 0, false
	}
	high := low
	if p.accept(tokRange) {
		if high, ok = p.bitNumber(); !ok {
			return 0, 0, false
		}
	}
	if !p.require(tokRBracket) {
		return 0, 0, false
	}
	switch {
	case low > high:
		p.fail(t, "Invalid bit range %d to %d.", low, high)
		return 0, 0, false
	case high >= width:
		p.fail(t, "Cannot select bits %d to %d of %d-bit field %s.", low, high, width, t.text)
		return 0, 0, false
	}
	return low, high - low + 1, true
}

// bitNumber reads the number of a bit.
func (p *parser) bitNumber() (int, bool) {
	c := p.tok.constant
	if p.tok.kind != tokNumber || c.masked || c.format != formatDecimal || c.value.lo > math.MaxInt32 {
		p.syntaxError("small integer")
		return 0, false
	}
	p.advance()
	return int(c.value.lo), true
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
			p.fail(t, "Syntax error at `%s' expecting %s.", excerpt(p.text[t.start:t.end]), expected)
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
